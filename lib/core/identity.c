/*
 * Who is who. Compares canonical names and binary addresses, never text as given. Called by the rules.
 */
#include "core/identity.h"

#include <string.h>

#include "core/address.h"

bool mr_has_login(const struct mr_subject *subject)
{
	return subject->login.p != NULL || subject->login_unreadable;
}

bool mr_identity_own_name(const struct mr_subject *subject, struct mr_str name)
{
	const struct mr_policy *policy = subject->policy;

	if (policy->hostnames != NULL)
		return mr_domainset_has(policy->hostnames, name);
	return subject->server_name.p != NULL && mr_str_equal(subject->server_name, name);
}

bool mr_identity_own_domain(const struct mr_subject *subject, struct mr_str domain)
{
	return mr_domainset_has(subject->policy->domains, domain) || mr_identity_own_name(subject, domain);
}

bool mr_identity_own_address(const struct mr_subject *subject, const struct mr_ip *ip)
{
	const struct mr_policy *policy = subject->policy;

	if (ip->family == MR_IP_UNKNOWN)
		return false;
	if (mr_ip_is_loopback(ip))
		return true;
	if (policy->own_addresses != NULL)
		return mr_prefixset_has(policy->own_addresses, ip);
	return mr_ip_equal(ip, &subject->connection->server_ip);
}

enum mr_answer mr_identity_is_local(const struct mr_subject *subject, const struct mr_mailbox *mailbox)
{
	switch (mailbox->kind) {
	case MR_MAILBOX_NULL:
		return MR_NO;
	case MR_MAILBOX_LOCAL:
		return MR_YES;
	case MR_MAILBOX_DOMAIN:
		return mr_identity_own_domain(subject, mailbox->domain) ? MR_YES : MR_NO;
	case MR_MAILBOX_LITERAL:
		return mr_identity_own_address(subject, &mailbox->literal) ? MR_YES : MR_NO;
	case MR_MAILBOX_MALFORMED:
	case MR_MAILBOX_CONTROL:
		break;
	}
	return MR_CANNOT_TELL;
}

bool mr_identity_is_postmaster(const struct mr_mailbox *mailbox)
{
	return mr_str_equal_nocase(mailbox->local, MR_STR("postmaster"));
}

bool mr_identity_client_is_us(const struct mr_subject *subject)
{
	return subject->connection->local || mr_identity_own_address(subject, &subject->connection->client_ip);
}

static struct mr_str first_domain(const struct mr_policy *policy)
{
	struct mr_str entry = MR_STR_ABSENT;
	size_t at = 0;

	while (policy->domains != NULL && mr_domainset_next(policy->domains, &at, &entry))
		if (entry.n > 0 && entry.p[0] != '.')
			return entry;
	return MR_STR_ABSENT;
}

struct mr_str mr_identity_key(const struct mr_subject *subject, const struct mr_mailbox *mailbox, bool without_plus)
{
	struct mr_str key = without_plus ? mr_address_without_plus(mailbox, subject->arena) : mailbox->address;
	struct mr_str domain;
	size_t local_n;
	char *qualified;

	if (key.p == NULL)
		return key;
	if (mailbox->kind == MR_MAILBOX_DOMAIN &&
	    (mr_domainset_has(subject->policy->domains, mailbox->domain) ||
	     !mr_identity_own_name(subject, mailbox->domain)))
		return key;
	if (mailbox->kind == MR_MAILBOX_LITERAL && !mr_identity_own_address(subject, &mailbox->literal))
		return key;
	domain = first_domain(subject->policy);
	local_n = mailbox->kind == MR_MAILBOX_LOCAL ? key.n : mr_str_find_last(key, '@');
	qualified = domain.p == NULL ? NULL : mr_arena_alloc(subject->arena, local_n + domain.n + 2);
	if (qualified == NULL)
		return MR_STR_ABSENT;
	memcpy(qualified, key.p, local_n);
	qualified[local_n] = '@';
	memcpy(qualified + local_n + 1, domain.p, domain.n);
	return (struct mr_str){ qualified, local_n + 1 + domain.n };
}
