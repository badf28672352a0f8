/*
 * The loop over the rules, stage by stage. It reads like the order of evaluation in mailreeve.conf(5) and holds no rule
 * of its own. Called by the engine.
 */
#include "core/decide.h"

#include "base/error.h"
#include "base/unicode.h"
#include "core/address.h"
#include "core/identity.h"
#include "core/location.h"
#include "model/login.h"

void mr_subject_connect(struct mr_subject *subject_r, const struct mr_policy *policy,
			const struct mr_connection *connection, struct mr_arena *arena, int64_t now_ms)
{
	*subject_r = (struct mr_subject){ .policy = policy, .connection = connection, .arena = arena,
					  .now_ms = now_ms, .declared_size = -1,
					  .sender = { .kind = MR_MAILBOX_NULL }, .sender_local = MR_NO };
}

static void read_login(struct mr_subject *subject, struct mr_str login)
{
	char name[MR_LOGIN_MAX];
	size_t n;
	int err;

	subject->login = MR_STR_ABSENT;
	subject->login_unreadable = false;
	if (login.p == NULL || login.n == 0)
		return;
	err = mr_login_canonical(&subject->policy->login, login, name, sizeof(name), &n);
	if (err == MR_ERR_NOTFOUND)
		return;
	if (err == MR_OK)
		subject->login = mr_arena_copy(subject->arena, (struct mr_str){ name, n });
	subject->login_unreadable = subject->login.p == NULL;
}

static void read_server_name(struct mr_subject *subject)
{
	char name[MR_DOMAIN_MAX];
	size_t n;

	subject->server_name = MR_STR_ABSENT;
	if (mr_domain_canonical(subject->connection->server_name, name, &n) == MR_OK)
		subject->server_name = mr_arena_copy(subject->arena, (struct mr_str){ name, n });
}

void mr_subject_mail(struct mr_subject *subject, int64_t now_ms, struct mr_str login, struct mr_str mail_from,
		     int64_t declared_size)
{
	subject->now_ms = now_ms;
	subject->declared_size = declared_size;
	subject->rcpt_accepted = 0;
	subject->deferred = 0;
	subject->account_state = MR_ACCOUNT_NORMAL;
	subject->account_external_only = false;
	subject->trail = (struct mr_trail){ .count = 0 };
	subject->exemption_used = MR_STR_ABSENT;
	read_login(subject, login);
	read_server_name(subject);
	mr_address_read(mail_from, subject->arena, &subject->sender);
	subject->sender_local = mr_identity_is_local(subject, &subject->sender);
}

void mr_decision_join(struct mr_decision *whole, const struct mr_decision *part)
{
	if (whole->would == 0)
		whole->would_reason = part->would_reason;
	whole->would |= part->would;
	whole->cannot_tell |= part->cannot_tell;
	if (part->verdict > whole->verdict) {
		whole->verdict = part->verdict;
		whole->reason = part->reason;
	}
}

/* What a finding does when nobody is exempt. */
static enum mr_verdict action_of(const struct mr_rule_settings *settings, const struct mr_finding *finding)
{
	const struct mr_reason_row *row = mr_reason_row(finding->reason);

	if (finding->answer == MR_CANNOT_TELL)
		return settings->cannot_tell;
	if (row->code >= 400 && row->code < 500)
		return MR_TEMPFAIL; /* the reason is a temporary one by nature */
	return row->rule == MR_RULE_LIMITS ? MR_REJECT : settings->action;
}

/* Adds one rule's finding to the decision of this stage. */
static void judge(struct mr_subject *subject, enum mr_rule rule, const struct mr_rule_settings *settings,
		  enum mr_mode mode, struct mr_finding finding, struct mr_str recipient, struct mr_decision *decision)
{
	struct mr_decision part = { .verdict = MR_ACCEPT, .reason = MR_REASON_NONE };
	enum mr_verdict action;

	if (mode == MR_MODE_OFF || finding.answer == MR_NO)
		return;
	action = action_of(settings, &finding);
	part.cannot_tell = finding.answer == MR_CANNOT_TELL ? MR_RULE_BIT(rule) : 0;
	/* Nothing excuses control bytes: no mail server means them. */
	if (action != MR_ACCEPT && finding.reason != MR_REASON_RELAY_CONTROL &&
	    mr_exempt(subject, rule, settings, recipient))
		return;
	if (action != MR_ACCEPT && mode == MR_MODE_OBSERVE) {
		part.would = MR_RULE_BIT(rule);
		part.would_reason = finding.reason;
	} else if (action != MR_ACCEPT) {
		part.verdict = action;
		part.reason = finding.reason;
	}
	mr_decision_join(decision, &part);
}

/* A refusal ends the stage; a hold does not. */
static bool is_settled(const struct mr_decision *decision)
{
	return decision->verdict == MR_TEMPFAIL || decision->verdict == MR_REJECT;
}

/* Asks one rule unless it is off or the stage is settled. */
#define ASK(subject, RULE, settings, finding, recipient, decision)                                                     \
	do {                                                                                                           \
		enum mr_mode mode_ = mr_policy_mode((subject)->policy, (settings));                                    \
		if (mode_ != MR_MODE_OFF && !is_settled(decision))                                                     \
			judge((subject), MR_RULE_##RULE, (settings), mode_, (finding), (recipient), (decision));       \
	} while (0)

/* An order that is in force stays in force whatever mode its rule has now. */
static const struct mr_rule_settings standing_order = { .mode = MR_MODE_ENFORCE, .action = MR_REJECT,
							.cannot_tell = MR_ACCEPT };

/* What screening has blocked; what it only observed is at most written down. */
static void ask_screen(struct mr_subject *subject, struct mr_decision *decision)
{
	const struct mr_rule_settings *settings = &subject->policy->screen.rule;
	enum mr_mode mode = mr_policy_mode(subject->policy, settings);

	if (is_settled(decision) || (!subject->source_screened && !subject->source_watched))
		return;
	if (!subject->source_screened && mode > MR_MODE_OBSERVE)
		mode = MR_MODE_OBSERVE;
	judge(subject, MR_RULE_SCREEN, settings, mode, MR_FOUND(MR_REASON_SCREEN_BLOCKED), MR_STR_ABSENT, decision);
}

void mr_decide_connect(struct mr_subject *subject, struct mr_decision *decision_r)
{
	const struct mr_access_policy *access = &subject->policy->access;

	*decision_r = (struct mr_decision){ .verdict = MR_ACCEPT };
	if (access->at == MR_ACCESS_AT_CONNECT)
		ASK(subject, ACCESS, &access->rule, mr_access_find(subject), MR_STR_ABSENT, decision_r);
	if (subject->policy->screen.at == MR_SCREEN_AT_CONNECT && subject->source_blocked && !is_settled(decision_r))
		judge(subject, MR_RULE_BLOCK, &standing_order, MR_MODE_ENFORCE, MR_FOUND(MR_REASON_SOURCE_BLOCKED),
		      MR_STR_ABSENT, decision_r);
	if (subject->policy->screen.at == MR_SCREEN_AT_CONNECT)
		ask_screen(subject, decision_r);
	if (subject->source_crowded)
		ASK(subject, SCREEN, &subject->policy->screen.rule, MR_FOUND(MR_REASON_SCREEN_SIMULTANEOUS), MR_STR_ABSENT,
		    decision_r);
}

/* Rules that wait for the recipients: mail to our own domains passes them. */
static void defer_auth(struct mr_subject *subject, struct mr_finding *finding)
{
	if (!subject->policy->auth.except_local_recipients || finding->answer != MR_YES)
		return;
	subject->deferred |= MR_RULE_BIT(MR_RULE_AUTH);
	subject->auth_deferred = finding->reason;
	finding->answer = MR_NO;
}

static void ask_auth(struct mr_subject *subject, struct mr_decision *decision)
{
	struct mr_finding finding;

	if (is_settled(decision) || mr_policy_mode(subject->policy, &subject->policy->auth.rule) == MR_MODE_OFF)
		return;
	finding = mr_auth_find(subject);
	defer_auth(subject, &finding);
	ASK(subject, AUTH, &subject->policy->auth.rule, finding, MR_STR_ABSENT, decision);
}

static void ask_shield(struct mr_subject *subject, struct mr_decision *decision)
{
	const struct mr_shield_policy *entry;
	struct mr_finding finding;
	enum mr_mode mode;

	if (is_settled(decision))
		return;
	finding = mr_shield_find_envelope(subject, &mode, &entry);
	if (finding.answer == MR_YES && entry->except_local_recipients) {
		subject->deferred |= MR_RULE_BIT(MR_RULE_SHIELD);
		return;
	}
	if (finding.answer != MR_NO)
		judge(subject, MR_RULE_SHIELD, &entry->rule, mode, finding, MR_STR_ABSENT, decision);
}

static void ask_location(struct mr_subject *subject, struct mr_decision *decision)
{
	const struct mr_location_entry *entry;
	struct mr_finding finding;

	if (subject->policy->location.count == 0 || is_settled(decision))
		return;
	finding = mr_location_find(subject, &entry);
	if (finding.answer != MR_NO)
		judge(subject, MR_RULE_LOCATION, &entry->rule, mr_policy_mode(subject->policy, &entry->rule), finding,
		      MR_STR_ABSENT, decision);
}

static void ask_orders(struct mr_subject *subject, struct mr_decision *decision)
{
	const struct mr_policy *policy = subject->policy;

	if (subject->source_blocked && !is_settled(decision))
		judge(subject, MR_RULE_BLOCK, &standing_order, MR_MODE_ENFORCE, MR_FOUND(MR_REASON_SOURCE_BLOCKED),
		      MR_STR_ABSENT, decision);
	if (!mr_has_login(subject))
		ask_screen(subject, decision); /* whoever knows a password is judged by what he sends */
	if (subject->account_state != MR_ACCOUNT_FROZEN || is_settled(decision))
		return;
	if (policy->helpdesk != NULL || subject->account_external_only)
		subject->deferred |= MR_RULE_BIT(MR_RULE_ACCOUNT); /* some recipients may be written to */
	else
		judge(subject, MR_RULE_ACCOUNT, &standing_order, MR_MODE_ENFORCE, MR_FOUND(MR_REASON_ACCOUNT_FROZEN),
		      MR_STR_ABSENT, decision);
}

bool mr_account_may_reach(const struct mr_subject *subject, const struct mr_destination *destination)
{
	const struct mr_patternset *helpdesk = subject->policy->helpdesk;

	if (subject->account_external_only && destination->place == MR_PLACE_OURS)
		return true;
	return helpdesk != NULL && (mr_patternset_has(helpdesk, destination->mailbox.address) ||
				    mr_patternset_has(helpdesk, destination->asked.address));
}

void mr_decide_mail(struct mr_subject *subject, struct mr_decision *decision_r)
{
	const struct mr_policy *policy = subject->policy;

	*decision_r = (struct mr_decision){ .verdict = MR_ACCEPT };
	if (policy->access.at == MR_ACCESS_AT_MAIL)
		ASK(subject, ACCESS, &policy->access.rule, mr_access_find(subject), MR_STR_ABSENT, decision_r);
	ask_orders(subject, decision_r);
	ask_auth(subject, decision_r);
	ask_shield(subject, decision_r);
	ASK(subject, SENDER, &policy->sender.rule, mr_sender_find_envelope(subject), MR_STR_ABSENT, decision_r);
	ASK(subject, EXISTS, &policy->exists.rule, mr_exists_find_sender(subject), MR_STR_ABSENT, decision_r);
	ASK(subject, HELO, &policy->helo.rule, mr_helo_find(subject), MR_STR_ABSENT, decision_r);
	ask_location(subject, decision_r);
	ASK(subject, LIMITS, &policy->limits.rule, mr_limits_find_declared(subject), MR_STR_ABSENT, decision_r);
}

static void ask_frozen(struct mr_subject *subject, const struct mr_destination *destination, struct mr_str key,
		       struct mr_decision *decision)
{
	if ((subject->deferred & MR_RULE_BIT(MR_RULE_ACCOUNT)) && !mr_account_may_reach(subject, destination))
		judge(subject, MR_RULE_ACCOUNT, &standing_order, MR_MODE_ENFORCE, MR_FOUND(MR_REASON_ACCOUNT_FROZEN),
		      key, decision);
}

/* The rules that waited: they have something against every recipient that is not ours. */
static void ask_deferred(struct mr_subject *subject, const struct mr_destination *destination, struct mr_str key,
			 struct mr_decision *decision)
{
	const struct mr_policy *policy = subject->policy;
	const struct mr_shield_policy *entry;
	enum mr_mode mode;

	if (subject->deferred == 0 || destination->place == MR_PLACE_OURS || is_settled(decision))
		return;
	if (subject->deferred & MR_RULE_BIT(MR_RULE_AUTH))
		ASK(subject, AUTH, &policy->auth.rule, MR_FOUND(subject->auth_deferred), key, decision);
	if ((subject->deferred & MR_RULE_BIT(MR_RULE_SHIELD)) && !is_settled(decision) &&
	    mr_shield_find_envelope(subject, &mode, &entry).answer == MR_YES)
		judge(subject, MR_RULE_SHIELD, &entry->rule, mode, MR_FOUND(MR_REASON_SHIELD_ENVELOPE), key, decision);
}

/* Against the client, not only against the form of the address. */
static bool is_relay_attempt(enum mr_reason reason)
{
	return reason == MR_REASON_RELAY_DENIED || reason == MR_REASON_RELAY_ROUTED;
}

void mr_decide_rcpt(struct mr_subject *subject, const struct mr_recipient *recipient,
		    struct mr_destination *destination_r, bool *open_relay_r, struct mr_decision *decision_r)
{
	const struct mr_policy *policy = subject->policy;
	struct mr_finding relay;
	struct mr_str key;

	*decision_r = (struct mr_decision){ .verdict = MR_ACCEPT };
	mr_relay_locate(subject, recipient, destination_r);
	key = destination_r->mailbox.address;
	ask_frozen(subject, destination_r, key, decision_r);
	relay = mr_relay_find(subject, destination_r);
	ASK(subject, RELAY, &policy->relay.rule, relay, key, decision_r);
	*open_relay_r = recipient->mailer.p != NULL && is_relay_attempt(relay.reason) &&
			(decision_r->verdict != MR_ACCEPT || decision_r->would != 0);
	ask_deferred(subject, destination_r, key, decision_r);
	ASK(subject, EXISTS, &policy->exists.rule, mr_exists_find_recipient(subject, destination_r), key, decision_r);
	ASK(subject, LIMITS, &policy->limits.rule, mr_limits_find_recipients(subject), key, decision_r);
	if (!is_settled(decision_r))
		subject->rcpt_accepted++;
}

static void ask_shield_header(struct mr_subject *subject, const struct mr_message *message,
			      struct mr_decision *decision)
{
	const struct mr_shield_policy *entry;
	struct mr_finding finding;
	enum mr_mode mode;

	finding = mr_shield_find_header(subject, message, &mode, &entry);
	if (finding.answer != MR_NO && entry != NULL)
		judge(subject, MR_RULE_SHIELD, &entry->rule, mode, finding, MR_STR_ABSENT, decision);
}

void mr_decide_end(struct mr_subject *subject, const struct mr_message *message, int64_t size,
		   struct mr_decision *decision_r)
{
	const struct mr_policy *policy = subject->policy;

	*decision_r = (struct mr_decision){ .verdict = MR_ACCEPT };
	ask_shield_header(subject, message, decision_r);
	ASK(subject, SENDER, &policy->sender.rule, mr_sender_find_header(subject, message), MR_STR_ABSENT, decision_r);
	ASK(subject, LIMITS, &policy->limits.rule, mr_limits_find_size(subject, size), MR_STR_ABSENT, decision_r);
}
