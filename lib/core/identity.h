/*
 * Who is who: which addresses, domains, clients and logins are ours. PURE. Thread-safe.
 */
#ifndef MR_CORE_IDENTITY_H
#define MR_CORE_IDENTITY_H

#include "core/rules.h"

/* Whether domain (canonical) is one of our own: a domain of the policy or a host name of ours. Relays are not. */
bool mr_identity_own_domain(const struct mr_subject *subject, struct mr_str domain);
/* Whether ip is one of this host's: own_addresses or, without them, what the mail server says; loopback always is. */
bool mr_identity_own_address(const struct mr_subject *subject, const struct mr_ip *ip);
/* Whether name (canonical) is this host's name. */
bool mr_identity_own_name(const struct mr_subject *subject, struct mr_str name);
/* Whether mail from or to mailbox is ours; MR_CANNOT_TELL for what could not be read, MR_NO for the null path. */
enum mr_answer mr_identity_is_local(const struct mr_subject *subject, const struct mr_mailbox *mailbox);
/* The local part is "postmaster", which always exists (RFC 5321 4.5.1), in any case of letters. */
bool mr_identity_is_postmaster(const struct mr_mailbox *mailbox);
/* The client is this host itself. */
bool mr_identity_client_is_us(const struct mr_subject *subject);
/* The key of mailbox with a domain: a bare local part and one at our host name or literal get the first domain of
 * the policy, as the mail server would. Absent when there is none. */
struct mr_str mr_identity_key(const struct mr_subject *subject, const struct mr_mailbox *mailbox, bool without_plus);

#endif
