/*
 * Brings a message to the detector and takes the outcome back: state in, evidence, state out. It weighs nothing itself
 * (core/hijack.h) and decides nothing (core/contain.h). Called by session.c.
 */
#include "engine/conduct.h"

#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "core/address.h"
#include "core/company.h"
#include "core/decide.h"
#include "core/history.h"
#include "core/identity.h"
#include "engine/contacts.h"
#include "engine/friends.h"
#include "engine/lines.h"
#include "engine/metering.h"
#include "engine/orders.h"
#include "engine/places.h"
#include "engine/session.h"
#include "engine/sending.h"

/* An account is known, so that floods of new names cannot crowd it out, after this time in calm. */
static const int64_t KNOWN_AFTER_MS = INT64_C(3) * 86400 * 1000;

/* ---- Who ---- */

static struct mr_str copy(struct mr_session *s, const char *text, size_t n)
{
	return mr_arena_copy(s->arena, (struct mr_str){ text, n });
}

static struct mr_str source_name(struct mr_session *s)
{
	char text[MR_IP_TEXT_MAX];
	size_t n;

	if (s->connection.client_ip.family == MR_IP_UNKNOWN)
		return MR_STR_ABSENT;
	n = mr_ip_format(&s->connection.client_ip, text);
	return copy(s, text, n);
}

static void find_unauthenticated(struct mr_session *s, struct mr_conduct *c)
{
	enum mr_hijack_key by = s->policy->hijack.unauthenticated;

	if (by == MR_HIJACK_KEY_NONE || !mr_relay_by_place(&s->subject))
		return;
	c->kind = by == MR_HIJACK_KEY_SOURCE && !s->connection.local ? MR_ACCOUNT_SOURCE : MR_ACCOUNT_SENDER;
	c->name = c->kind == MR_ACCOUNT_SOURCE ? source_name(s) : s->subject.sender.address;
	c->known = c->name.n > 0;
}

/* The standing of the account, after what is over has ended. A thaw by time is told when the message ends. */
static void look_at_standing(struct mr_session *s, struct mr_conduct *c, int64_t now)
{
	struct mr_engine *engine = s->engine;
	struct mr_account *account;
	bool fresh;

	mr_store_key(engine->store, MR_KEY_ACCOUNT, c->kind, c->name, &c->key);
	account = mr_store_account_get(engine->store, &c->key, c->kind, c->name, now, false, &fresh);
	if (account == NULL)
		return;
	if (account->standing.until_ms == 0 || now < account->standing.until_ms) {
		s->subject.account_state = (enum mr_account_state)account->standing.state;
		s->subject.account_external_only = account->standing.external_only != 0;
	}
	mr_store_account_done(engine->store, account, false);
}

void mr_conduct_begin(struct mr_session *s, int64_t now_ms)
{
	struct mr_conduct *c = &s->conduct;
	int64_t now = mr_statetime_now(&s->engine->time, now_ms);

	*c = (struct mr_conduct){ .now_ms = now, .spam_told = s->spam_told, .spam = s->spam,
				   .script = s->script };
	mr_contacts_look(s, now_ms);
	if (s->subject.login.p != NULL) {
		c->kind = MR_ACCOUNT_LOGIN;
		c->name = s->subject.login;
		c->known = true;
	} else if (!s->subject.login_unreadable) {
		find_unauthenticated(s, c);
	}
	if (c->known)
		look_at_standing(s, c, now);
}

/* ---- To whom ---- */

static struct mr_str recipient_key(struct mr_session *s, const struct mr_recipient *recipient,
				   const struct mr_destination *destination)
{
	struct mr_mailbox mailbox;

	if (destination != NULL)
		return destination->asked.address.n > 0 ? destination->asked.address : recipient->path;
	mr_address_read(recipient->path, s->arena, &mailbox);
	return mailbox.address.n > 0 ? mailbox.address : recipient->path;
}

static bool make_room(struct mr_session *s, struct mr_conduct *c)
{
	size_t room = c->to_room == 0 ? 4 : c->to_room * 2;
	struct mr_sent_to *more;

	if (c->to_count < c->to_room)
		return true;
	more = mr_arena_alloc(s->arena, room * sizeof(*more));
	if (more == NULL)
		return false;
	if (c->to != NULL)
		memcpy(more, c->to, c->to_count * sizeof(*more));
	c->to = more;
	c->to_room = room;
	return true;
}

void mr_conduct_recipient(struct mr_session *s, const struct mr_recipient *recipient,
			  const struct mr_destination *destination, bool refused)
{
	struct mr_conduct *c = &s->conduct;
	struct mr_str key = recipient_key(s, recipient, destination);

	if (!refused && destination != NULL && !mr_account_may_reach(&s->subject, destination))
		c->beyond = true;
	if (!refused && destination != NULL && destination->place == MR_PLACE_OURS && c->ours_count < MR_CONDUCT_OURS)
		c->ours[c->ours_count++] = key;
	if (make_room(s, c))
		c->to[c->to_count++] = (struct mr_sent_to){ .hash = mr_habit_hash(key), .refused = refused };
}

/* ---- What headers tell ---- */

void mr_conduct_header(struct mr_session *s, struct mr_str name, struct mr_str value)
{
	const struct mr_hijack_policy *hijack = &s->policy->hijack;
	struct mr_conduct *c = &s->conduct;
	char folded[64];
	const char *spam;

	if (hijack->script_header != NULL && c->script.p == NULL &&
	    mr_str_equal_nocase(name, mr_str_of(hijack->script_header)))
		c->script = mr_arena_copy(s->arena, mr_str_trim(value));
	if (hijack->spam_headers == NULL || name.n > sizeof(folded))
		return;
	for (size_t i = 0; i < name.n; i++)
		folded[i] = mr_ascii_lower(name.p[i]);
	spam = mr_strmap_get(hijack->spam_headers, (struct mr_str){ folded, name.n });
	if (spam == NULL)
		return;
	value = mr_str_trim(value);
	c->spam_told = true;
	if (mr_str_equal_nocase(mr_str_part(value, 0, strlen(spam)), mr_str_of(spam)))
		c->spam = true;
}

/* A script that is named by the web host is a closer account than the sender it uses. */
static void find_script(struct mr_session *s, struct mr_conduct *c)
{
	if (c->script.n == 0 || s->subject.login.p != NULL || !mr_relay_by_place(&s->subject))
		return;
	c->kind = MR_ACCOUNT_SCRIPT;
	c->name = c->script;
	c->known = true;
	mr_store_key(s->engine->store, MR_KEY_ACCOUNT, c->kind, c->name, &c->key);
}

/* ---- The end of a message ---- */

/* What the source lends, read before the account is locked: two records are never held at once. */
static float look_at_company(struct mr_session *s, const struct mr_sending *sending)
{
	struct mr_source *source;
	struct mr_key key;
	float lent = 0;
	bool fresh;

	source = mr_sending_source(s, sending->time_ms, &key, &fresh);
	if (source == NULL)
		return 0;
	lent = mr_company_lent(source, sending);
	source->last_ms = sending->time_ms;
	mr_store_source_done(s->engine->store, source, fresh || lent > 0);
	return lent;
}

static bool is_exempt(struct mr_session *s)
{
	return mr_exempt(&s->subject, MR_RULE_HIJACK, &s->policy->hijack.rule, MR_STR_ABSENT);
}

static void weigh(struct mr_session *s, struct mr_account *account, const struct mr_sending *sending)
{
	struct mr_conduct *c = &s->conduct;
	struct mr_site *site = mr_store_site_get(s->engine->store);

	mr_hijack_weigh(&s->policy->hijack, account, site, sending, &c->evidence);
	mr_hijack_thresholds(&s->policy->hijack, site, &c->thresholds);
	mr_store_site_done(s->engine->store, true);
	c->weighed = true;
	memcpy(c->shown.channel, c->evidence.channel, sizeof(c->shown.channel));
	c->shown.total = c->evidence.total;
	c->shown.limit = c->thresholds.freeze;
	s->summary.distinct_new = c->evidence.strangers;
	s->summary.distinct_told = true;
}

/* Whether this step of the incident is told for the first time. */
static bool is_news(struct mr_standing *standing, enum mr_account_state state)
{
	uint8_t bit = (uint8_t)(1u << state);
	bool news = (standing->noticed & bit) == 0;

	standing->noticed |= bit;
	return news;
}

/* Enters what containment asks for; true when somebody has to be told. */
static bool enter(struct mr_session *s, struct mr_account *account, const struct mr_containment *after)
{
	struct mr_standing *standing = &account->standing;
	const struct mr_hijack_policy *hijack = &s->policy->hijack;
	bool worse = after->state > standing->state, news = false;
	int64_t until = 0;

	if (after->state == MR_ACCOUNT_FROZEN && hijack->freeze_time_ms > 0)
		until = s->conduct.now_ms + hijack->freeze_time_ms;
	if (after->state != standing->state) {
		mr_contain_enter(standing, after->state, after->cause, after->decision.reason, s->conduct.now_ms,
				 until, s->transaction);
		standing->external_only = after->state == MR_ACCOUNT_FROZEN && hijack->external_only;
		news = worse && is_news(standing, after->state);
		news = news || (worse && after->state == MR_ACCOUNT_FROZEN);
	}
	/* In observe mode nothing but watching comes of it, and the freeze that would have been is told once. */
	if (after->decision.would_reason == MR_REASON_HIJACK_EVIDENCE && is_news(standing, MR_ACCOUNT_FROZEN))
		news = true;
	if (news)
		mr_contain_note(standing, &s->conduct.evidence, s->conduct.thresholds.freeze);
	return news;
}

static bool get_account(struct mr_session *s, bool create, struct mr_account **account_r)
{
	struct mr_conduct *c = &s->conduct;
	bool fresh;

	*account_r = mr_store_account_get(s->engine->store, &c->key, c->kind, c->name, c->now_ms, create, &fresh);
	if (*account_r != NULL && fresh) {
		(*account_r)->first_ms = c->now_ms;
		mr_habit_begin(&(*account_r)->habit, c->now_ms);
	}
	return *account_r != NULL;
}

/* What its logins say of this message. */
static void recall_logins(const struct mr_account *account, int64_t now_ms, struct mr_sending *sending)
{
	sending->guessed = mr_history_guessed(&account->history, (uint32_t)sending->network, now_ms,
					      &sending->guessed_age_ms);
	sending->travel = mr_history_travel(&account->history, now_ms);
	sending->network_read = mr_history_reads(&account->history, (uint32_t)sending->network, now_ms);
	sending->weak_password = account->history.weak_password != 0;
}

static void ask_detector(struct mr_session *s, struct mr_account *account, struct mr_sending *sending,
			 struct mr_contain_case *the_case)
{
	if (account->standing.state == MR_ACCOUNT_FROZEN || the_case->mode == MR_MODE_OFF)
		return;
	if (sending->authenticated)
		recall_logins(account, s->conduct.now_ms, sending);
	weigh(s, account, sending);
	the_case->says = mr_hijack_verdict(&s->policy->hijack, &s->conduct.thresholds, &s->conduct.evidence);
	if (!sending->authenticated && !s->to_others)
		the_case->says = MR_HIJACK_CALM; /* mail for ourselves is no abuse of us */
	if (the_case->says >= MR_HIJACK_HOLDS)
		the_case->exempt = is_exempt(s);
	if (the_case->says == MR_HIJACK_CALM && s->conduct.now_ms - account->first_ms >= KNOWN_AFTER_MS)
		account->known = 1;
}

/* What came of it, for the caller to tell when no record is locked any more. */
struct outcome {
	struct mr_account account;     /* a copy, if there is something to tell of it */
	struct mr_decision decision;
	bool told, expired, over_budget;
};

/* Whoever sends with a login has used its source well, until something says that he did not. */
static void learn_place(struct mr_session *s, struct mr_account *account)
{
	const struct mr_visitor v = { .engine = s->engine, .policy = s->policy, .state_ms = s->conduct.now_ms,
				      .connection = &s->connection };
	struct mr_history_use use;

	mr_places_use(&v, &use);
	(void)mr_history_learn(&account->history, &use);
}

/* The account's turn: under its lock, so nothing here waits. False: there is no record of it. */
static bool judge(struct mr_session *s, struct mr_sending *sending, struct mr_contain_case *the_case,
		  struct outcome *outcome_r)
{
	struct mr_conduct *c = &s->conduct;
	struct mr_containment after;
	struct mr_account *account;

	outcome_r->told = outcome_r->expired = outcome_r->over_budget = false;
	if (!get_account(s, the_case->mode != MR_MODE_OFF || the_case->limit_freezes, &account))
		return false;
	outcome_r->expired = mr_contain_expire(&account->standing, c->now_ms);
	if (outcome_r->expired)
		mr_hijack_forget(account);
	ask_detector(s, account, sending, the_case);
	if (the_case->says == MR_HIJACK_FREEZES || the_case->limit_freezes)
		the_case->budget_left = mr_orders_budget(&s->engine->budget, &s->policy->hijack.budget, c->now_ms, false);
	mr_contain(&account->standing, the_case, &after);
	if (after.state == MR_ACCOUNT_FROZEN && account->standing.state != MR_ACCOUNT_FROZEN)
		(void)mr_orders_budget(&s->engine->budget, &s->policy->hijack.budget, c->now_ms, true);
	outcome_r->told = enter(s, account, &after);
	outcome_r->over_budget = after.over_budget && is_news(&account->standing, MR_ACCOUNT_FROZEN);
	outcome_r->decision = after.decision;
	if (sending->authenticated && after.decision.verdict == MR_ACCEPT)
		learn_place(s, account);
	if (c->now_ms > account->last_ms)
		account->last_ms = c->now_ms;
	if (outcome_r->told || outcome_r->expired)
		outcome_r->account = *account;
	mr_store_account_done(s->engine->store, account, true);
	return true;
}

static void tell(struct mr_session *s, int64_t now_ms, const struct mr_sending *sending, const struct outcome *outcome)
{
	if (outcome->expired)
		mr_orders_expired(s, now_ms, &outcome->account);
	if (outcome->over_budget)
		mr_lines_over_budget(s, now_ms);
	if (!outcome->told)
		return;
	if (outcome->account.standing.state == MR_ACCOUNT_FROZEN)
		mr_sending_lend(s, sending);
	mr_orders_follow(s, now_ms, &outcome->account, &outcome->decision);
}

/* Not inlined: the copy of a record makes its frame deep, and only mail of known senders needs it. */
__attribute__((noinline)) static void end_known(struct mr_session *s, int64_t now_ms, bool delivered,
						const struct mr_metering *metering, struct mr_decision *decision_r)
{
	struct mr_conduct *c = &s->conduct;
	struct mr_contain_case the_case = { .policy = &s->policy->hijack, .says = MR_HIJACK_CALM,
					    .reaches_beyond = c->beyond && delivered, .budget_left = true,
					    .limit = metering->decision.verdict,
					    .limit_reason = metering->decision.reason };
	struct mr_sending sending;
	struct outcome outcome;

	the_case.limit_freezes = metering->due != NULL && metering->due->entry->action == MR_RATE_FREEZE &&
				 metering->decision.verdict != MR_ACCEPT;
	the_case.mode = mr_policy_mode(s->policy, &s->policy->hijack.rule);
	mr_sending_make(s, &sending);
	mr_friends_mark(s, c);
	if (the_case.mode != MR_MODE_OFF)
		sending.lent = look_at_company(s, &sending);
	if (!judge(s, &sending, &the_case, &outcome))
		return;
	*decision_r = outcome.decision;
	tell(s, now_ms, &sending, &outcome);
}

/* One look at the limits and one judgement. */
static void end_once(struct mr_session *s, int64_t now_ms, bool delivered, struct mr_metering *metering,
		     struct mr_decision *decision_r)
{
	struct mr_conduct *c = &s->conduct;

	mr_metering_look(s, metering);
	if (!c->beyond && delivered)
		metering->decision.verdict = MR_ACCEPT; /* the helpdesk is always reached */
	*decision_r = metering->decision;
	if (c->known && c->to_count > 0)
		end_known(s, now_ms, delivered, metering, decision_r);
	else if (!c->known && delivered)
		mr_friends_note(s, c);
	decision_r->would |= metering->decision.would;
	if (decision_r->would_reason == MR_REASON_NONE)
		decision_r->would_reason = metering->decision.would_reason;
	decision_r->cannot_tell |= metering->decision.cannot_tell;
}

void mr_conduct_end(struct mr_session *s, int64_t now_ms, bool delivered, struct mr_decision *decision_r)
{
	struct mr_conduct *c = &s->conduct;
	struct mr_metering metering;

	*decision_r = (struct mr_decision){ .verdict = MR_ACCEPT };
	c->now_ms = mr_statetime_now(&s->engine->time, now_ms);
	find_script(s, c);
	end_once(s, now_ms, delivered, &metering, decision_r);
	mr_metering_show(s, &metering);
	if (metering.due != NULL && metering.due->entry->action == MR_RATE_ALERT)
		mr_lines_limit(s, now_ms, metering.due);
	if (mr_metering_settle(s, &metering, delivered && decision_r->verdict < MR_TEMPFAIL &&
						     metering.decision.verdict == MR_ACCEPT))
		return;
	/* Others have filled a counter since it was looked at. */
	mr_metering_look(s, &metering);
	mr_decision_join(decision_r, &metering.decision);
	if (!mr_metering_settle(s, &metering, decision_r->verdict < MR_TEMPFAIL)) {
		struct mr_decision busy = { .verdict = MR_TEMPFAIL, .reason = MR_REASON_CANNOT_TELL };

		mr_decision_join(decision_r, &busy);
	}
}
