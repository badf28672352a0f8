/*
 * What the rules share: the subject that they judge and what they find. Private to the room. PURE.
 */
#ifndef MR_CORE_RULES_H
#define MR_CORE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/account.h"
#include "model/decision.h"
#include "model/fact.h"
#include "model/mailbox.h"
#include "model/policy.h"

/* Everything that is known when a rule is asked. Owned by the caller of the core, filled by mr_subject_*. */
struct mr_subject {
	const struct mr_policy *policy;
	const struct mr_connection *connection;
	struct mr_arena *arena;      /* for what lives as long as the transaction */
	int64_t now_ms;
	struct mr_str server_name;   /* canonical; absent: not told */
	struct mr_str login;         /* canonical; absent: nobody logged in */
	bool login_unreadable;       /* somebody logged in, under a name that cannot be read */
	struct mr_mailbox sender;
	enum mr_answer sender_local; /* is the sender ours */
	int64_t declared_size;
	uint64_t rcpt_accepted;
	enum mr_account_state account_state; /* how the account stands; the engine fills it in before MAIL is decided */
	bool account_external_only;  /* it may still write to our own domains */
	bool source_blocked;         /* by an order */
	bool source_screened;        /* by screening */
	bool source_watched;         /* screening would have blocked it, had it not been told to observe */
	bool source_crowded;         /* too many connections at once */
	mr_rule_mask deferred;       /* rules that wait for the recipients, with their findings: */
	enum mr_reason auth_deferred;
	struct mr_trail trail;
	struct mr_str exemption_used; /* the first that let something pass; absent: none */
	enum mr_rule exemption_rule;
};

/* What a rule found. */
struct mr_finding {
	enum mr_answer answer;
	enum mr_reason reason;
};

#define MR_FOUND_NOTHING ((struct mr_finding){ MR_NO, MR_REASON_NONE })
#define MR_FOUND(reason) ((struct mr_finding){ MR_YES, (reason) })
#define MR_FOUND_UNCLEAR(reason) ((struct mr_finding){ MR_CANNOT_TELL, (reason) })

/* Where a recipient leads. */
enum mr_place { MR_PLACE_OURS, MR_PLACE_RELAYED, MR_PLACE_FOREIGN, MR_PLACE_UNCLEAR, MR_PLACE_CONTROL };

struct mr_destination {
	enum mr_place place;
	bool routed;               /* routing characters in the local part */
	bool by_mail_server;       /* judged by the mail server's view */
	struct mr_mailbox asked;   /* the path as we read it */
	struct mr_mailbox mailbox; /* the address that decided: asked, or the mail server's view */
};

/* Whether a frozen account may write to this recipient all the same: a helpdesk address, or one of ours when only mail
 * that leaves is frozen. */
bool mr_account_may_reach(const struct mr_subject *subject, const struct mr_destination *destination);

bool mr_has_login(const struct mr_subject *subject);

/* The rules. Each answers "is there something against it"; modes, exemptions and actions are decide.c's. */
struct mr_finding mr_access_find(const struct mr_subject *subject);
void mr_relay_locate(const struct mr_subject *subject, const struct mr_recipient *recipient,
		     struct mr_destination *destination_r);
/* The client may relay without a login: submitted on the host itself, or from a network that may. */
bool mr_relay_by_place(const struct mr_subject *subject);
struct mr_finding mr_relay_find(const struct mr_subject *subject, const struct mr_destination *destination);
struct mr_finding mr_auth_find(const struct mr_subject *subject);
/* mode_r: the strictest mode of the entries that speak about it. settings_r: the entry that speaks first. */
struct mr_finding mr_shield_find_envelope(const struct mr_subject *subject, enum mr_mode *mode_r,
					  const struct mr_shield_policy **entry_r);
struct mr_finding mr_shield_find_header(const struct mr_subject *subject, const struct mr_message *message,
					enum mr_mode *mode_r, const struct mr_shield_policy **entry_r);
struct mr_finding mr_sender_find_envelope(const struct mr_subject *subject);
struct mr_finding mr_sender_find_header(const struct mr_subject *subject, const struct mr_message *message);
struct mr_finding mr_exists_find_sender(const struct mr_subject *subject);
struct mr_finding mr_exists_find_recipient(const struct mr_subject *subject, const struct mr_destination *destination);
struct mr_finding mr_helo_find(const struct mr_subject *subject);
struct mr_finding mr_limits_find_declared(const struct mr_subject *subject);
struct mr_finding mr_limits_find_recipients(const struct mr_subject *subject);
struct mr_finding mr_limits_find_size(const struct mr_subject *subject, int64_t size);

/* Whether a named exemption or the rule's excepted networks let it pass; keeps the trail.
 * recipient: the key of the recipient that is judged, or absent. */
bool mr_exempt(struct mr_subject *subject, enum mr_rule rule, const struct mr_rule_settings *settings,
	       struct mr_str recipient);

#endif
