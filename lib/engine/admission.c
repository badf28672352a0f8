/*
 * Whether somebody may log in: asks the rules in the order of evaluation, and tells who is refused. Counts no failure.
 * Called by the login feed and by replay.
 */
#include "engine/logins.h"

#include <string.h>

#include "base/buffer.h"
#include "core/decide.h"
#include "core/location.h"
#include "core/window.h"
#include "engine/entrance.h"

enum { PAUSE_MS = 600000, BLOCKED_PAUSE_MS = 86400000, TOLD_OF_ALL = 50 };

/* What an answer came to. */
struct refusal {
	enum mr_reason reason;  /* MR_REASON_NONE: let in */
	enum mr_reason would;   /* of a rule that only observes */
	unsigned wait_s;
	int64_t until_ms;
	struct mr_screening found;
};

static void refuse(struct refusal *r, const struct mr_visitor *v, const struct mr_rule_settings *settings,
		   enum mr_reason reason)
{
	enum mr_mode mode = mr_policy_mode(v->policy, settings);

	if (mode == MR_MODE_ENFORCE && r->reason == MR_REASON_NONE)
		r->reason = reason;
	else if (mode == MR_MODE_OBSERVE && r->would == MR_REASON_NONE)
		r->would = reason;
}

static bool is_submission(struct mr_str protocol)
{
	static const char *const names[] = { "smtp", "submission", "smtps", "submissions", "lmtp" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mr_str_equal_nocase(protocol, mr_str_of(names[i])))
			return true;
	return false;
}

/* An order is in force whatever mode its rule has now. */
static void ask_account(const struct mr_entrance *e, struct refusal *r)
{
	enum mr_frozen_logins which = e->visitor.policy->hijack.frozen_logins;

	if (e->state != MR_ACCOUNT_FROZEN || which == MR_FROZEN_NONE || r->reason != MR_REASON_NONE)
		return;
	if (which == MR_FROZEN_ALL || is_submission(e->attempt->protocol))
		r->reason = MR_REASON_ACCOUNT_FROZEN;
}

/* Whether a limit of the signal is passed, or half passed; what was passed is kept to be shown. */
static bool is_passed(struct mr_entrance *e, enum mr_signal signal, struct mr_str name, bool *half, struct refusal *r)
{
	struct mr_screening found = { .limit = NULL };

	mr_screening_count(&e->visitor, signal, name, 1, 0, false, &found);
	*half = *half || found.half;
	if (found.limit != NULL && r->found.limit == NULL)
		r->found = found;
	return found.limit != NULL;
}

static void look_at_counters(struct mr_entrance *e, struct mr_screen_case *c, struct refusal *r,
			     enum mr_reason *guarded_r)
{
	static const enum mr_signal guards[] = { MR_SIGNAL_GUARD_SOURCES, MR_SIGNAL_GUARD_FAILURES };
	bool not_of_interest = false;

	c->pair_passed = is_passed(e, MR_SIGNAL_PAIR_FAILURES, mr_entrance_pair_name(e, mr_entrance_source_length(e)), &c->half, r);
	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]) && !c->guarded; i++) {
		c->guarded = is_passed(e, guards[i], mr_entrance_login_name(e), &not_of_interest, r);
		*guarded_r = mr_signal_row(guards[i])->reason;
	}
}

static void ask_screen(struct mr_entrance *e, struct refusal *r)
{
	const struct mr_visitor *v = &e->visitor;
	const struct mr_screen_policy *screen = &v->policy->screen;
	const struct mr_ip *ip = &e->connection.client_ip;
	struct mr_screen_case c = { .known_place = e->known_place };
	enum mr_reason guarded = MR_REASON_NONE;
	struct mr_screen_answer answer;
	struct mr_source source;
	char room[32];

	switch (mr_screening_block(v->engine, ip, v->state_ms, &source)) {
	case MR_SOURCE_FREE:
		break;
	case MR_SOURCE_WATCHED: /* found while screening only observed: it stays at that */
		c.source_blocked = mr_policy_mode(v->policy, &screen->rule) == MR_MODE_OBSERVE;
		break;
	case MR_SOURCE_SCREENED:
		c.source_blocked = true;
		r->until_ms = source.until_ms;
		break;
	case MR_SOURCE_ORDERED:
		c.blocked_by_order = true;
		break;
	}
	if (!c.blocked_by_order && mr_policy_mode(v->policy, &screen->rule) == MR_MODE_OFF)
		return;
	/* A web mail on this host comes from no place that could be known: what strangers do must not shut its users out. */
	if (e->readable && ip->family != MR_IP_UNKNOWN && !mr_ip_is_loopback(ip))
		look_at_counters(e, &c, r, &guarded);
	if (ip->family != MR_IP_UNKNOWN)
		(void)is_passed(e, MR_SIGNAL_LOGIN_FAILURES, mr_screening_source_name(ip, mr_entrance_source_length(e), room), &c.half,
				&(struct refusal){ .reason = MR_REASON_NONE });
	mr_screen_login(screen, &c, &answer);
	if (answer.reason == MR_REASON_SCREEN_GUARD_FAILURES)
		answer.reason = guarded;
	if (answer.reason == MR_REASON_SOURCE_BLOCKED || answer.reason == MR_REASON_SCREEN_BLOCKED)
		r->found.limit = NULL; /* it is not what is counted now that refuses */
	if (answer.refuse && answer.reason == MR_REASON_SOURCE_BLOCKED)
		r->reason = answer.reason;
	else if (answer.refuse && !mr_screening_exempt(v))
		refuse(r, v, &screen->rule, answer.reason);
	else if (mr_policy_mode(v->policy, &screen->rule) == MR_MODE_ENFORCE)
		r->wait_s = answer.wait_s;
}

static void ask_access(const struct mr_entrance *e, struct refusal *r)
{
	const struct mr_visitor *v = &e->visitor;
	struct mr_subject subject;
	struct mr_finding finding;

	if (mr_ip_is_loopback(&e->connection.client_ip) || mr_policy_mode(v->policy, &v->policy->access.rule) == MR_MODE_OFF)
		return;
	mr_subject_connect(&subject, v->policy, &e->connection, NULL, v->now_ms);
	finding = mr_access_find(&subject);
	if (finding.answer == MR_YES && !mr_exempt(&subject, MR_RULE_ACCESS, &v->policy->access.rule, MR_STR_ABSENT))
		refuse(r, v, &v->policy->access.rule, finding.reason);
}

static void ask_location(const struct mr_entrance *e, struct refusal *r)
{
	const struct mr_visitor *v = &e->visitor;
	const struct mr_location_entry *entry;
	struct mr_subject subject;
	struct mr_finding finding;

	if (!e->readable || v->policy->location.count == 0)
		return;
	mr_subject_connect(&subject, v->policy, &e->connection, NULL, v->now_ms);
	subject.login = v->login;
	finding = mr_location_find(&subject, &entry);
	if (finding.answer == MR_NO || (finding.answer == MR_CANNOT_TELL && entry->rule.cannot_tell == MR_ACCEPT))
		return;
	if (!mr_exempt(&subject, MR_RULE_LOCATION, &entry->rule, MR_STR_ABSENT))
		refuse(r, v, &entry->rule, finding.reason);
}

/* How often this happened to name in a run without a pause; 0: nobody can tell. episode: runs of another are others. */
static uint32_t count_run(const struct mr_visitor *v, struct mr_str name, unsigned episode)
{
	struct mr_window window = { .size = mr_window_size(MR_FORM_COUNT, UINT32_MAX), .form = MR_FORM_COUNT,
				    .length_ms = episode != 0 ? BLOCKED_PAUSE_MS : PAUSE_MS };
	struct mr_key key;
	uint32_t run;
	bool fresh;

	mr_store_key(v->engine->store, MR_KEY_WINDOW, 0, name, &key);
	mr_store_window_key(&key, episode);
	window.memory = mr_store_window_get(v->engine->store, &key, window.size, v->state_ms,
					    mr_window_reach(window.length_ms), &fresh);
	if (window.memory == NULL)
		return 0;
	run = mr_window_refuse(&window, v->state_ms);
	mr_store_window_done(v->engine->store, window.memory, true);
	return run;
}

static bool is_power_of_ten(uint32_t n)
{
	while (n > 1 && n % 10 == 0)
		n /= 10;
	return n <= 1;
}

/* The refusals of one login from one source are told the first time, the tenth, the hundredth ...; and so are those of all
 * sources at one login, or of all logins at one source, after some. A botnet does not fill the log: its sources come back
 * after hours, so that those of a blocked source are counted for each block anew and not after each pause. */
static bool is_told(struct mr_entrance *e, const struct refusal *r)
{
	const struct mr_visitor *v = &e->visitor;
	const struct mr_ip *ip = &e->connection.client_ip;
	bool blocked = r->reason == MR_REASON_SCREEN_BLOCKED || r->would == MR_REASON_SCREEN_BLOCKED;
	bool by_login = e->readable && !blocked;
	/* One that no counter has: those say their window in seconds. */
	unsigned block = blocked ? 1u << 31 | (unsigned)(r->until_ms / 1000 & INT32_MAX) : 0;
	char room[32];
	uint32_t run;

	if (ip->family == MR_IP_UNKNOWN)
		return is_power_of_ten(count_run(v, mr_entrance_login_name(e), block));
	if (!is_power_of_ten(count_run(v, mr_entrance_pair_name(e, mr_entrance_source_length(e)), block)))
		return false;
	run = count_run(v, by_login ? mr_entrance_login_name(e)
				    : mr_screening_source_name(ip, mr_entrance_source_length(e), room), block);
	return run <= TOLD_OF_ALL || is_power_of_ten(run);
}

static void say_refused(struct mr_entrance *e, const struct refusal *r, char id_r[MR_EVENT_ID_MAX])
{
	const struct mr_visitor *v = &e->visitor;
	struct mr_decision decision = { .verdict = r->reason != MR_REASON_NONE ? MR_REJECT : MR_ACCEPT, .reason = r->reason,
					.would_reason = r->would };
	struct mr_event event;
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));

	if (r->would != MR_REASON_NONE)
		decision.would = MR_RULE_BIT(mr_reason_row(r->would)->rule);
	if (r->reason == MR_REASON_NONE) {
		mr_buffer_text(&b, "the login ");
		mr_buffer_str(&b, v->login);
		mr_buffer_text(&b, " would be refused: ");
		mr_buffer_text(&b, mr_reason_row(r->would)->sentence);
	}
	event = mr_screening_event(v, r->reason != MR_REASON_NONE ? MR_EVENT_LOGIN_REFUSED : MR_EVENT_ALERT,
				   b.n > 0 ? mr_buffer_view(&b) : MR_STR_ABSENT, &decision,
				   r->found.limit != NULL ? &r->found : NULL);
	if (b.n > 0)
		event.detail = mr_str_of(mr_reason_row(r->would)->sentence);
	event.until_ms = r->until_ms;
	memcpy(id_r, event.id, MR_EVENT_ID_MAX);
	if (is_told(e, r))
		mr_engine_emit(v->engine, &event, v->policy);
}

static void answer(struct mr_entrance *e, struct mr_login_answer *answer_r)
{
	struct refusal r = { .reason = MR_REASON_NONE };
	struct mr_buffer b = mr_buffer_over(answer_r->text, sizeof(answer_r->text) - 1);
	char id[MR_EVENT_ID_MAX] = "";

	*answer_r = (struct mr_login_answer){ .status = 0 };
	mr_entrance_look(e);
	ask_access(e, &r);
	if (r.reason == MR_REASON_NONE)
		ask_screen(e, &r);
	ask_account(e, &r);
	if (r.reason == MR_REASON_NONE)
		ask_location(e, &r);
	if (r.reason != MR_REASON_NONE || r.would != MR_REASON_NONE)
		say_refused(e, &r, id);
	mr_tally_login(&e->visitor.engine->tally, e->visitor.state_ms,
		       r.reason != MR_REASON_NONE ? MR_TALLY_REFUSED : MR_TALLY_ASKED);
	if (r.reason == MR_REASON_NONE) {
		answer_r->status = (int)r.wait_s;
		return;
	}
	answer_r->status = -1;
	mr_buffer_text(&b, "Logging in is refused for now");
	mr_buffer_text(&b, " [");
	mr_buffer_text(&b, id);
	mr_buffer_byte(&b, ']');
	answer_r->text[b.n] = '\0';
}

void mr_logins_allow(struct mr_engine *engine, int64_t now_ms, const struct mr_attempt *attempt,
		     const struct mr_connection *connection, struct mr_str fact_id, bool fact_id_is_number,
		     struct mr_login_answer *answer_r)
{
	struct mr_entrance e;

	mr_entrance_begin(&e, engine, now_ms, attempt, connection);
	e.visitor.fact_id = fact_id;
	e.visitor.fact_id_is_number = fact_id_is_number;
	answer(&e, answer_r);
	mr_entrance_end(&e);
}
