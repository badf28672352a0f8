/*
 * What came of a login: counts and learns. Wrong passwords never change how an account stands. Called by the login feed, by
 * control commands (mailreeve ingest) and by replay. Whether somebody may log in is admission.c's.
 */
#include "engine/logins.h"

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "core/hijack.h"
#include "core/history.h"
#include "engine/entrance.h"
#include "engine/places.h"
#include "eventlog/factline.h"

enum {
	FOLD_SECONDS = 5,       /* one wrong password, tried by several mechanisms, is one */
	LOGIN_FACT_MAX = 8192
};

/* What stands for the password: its hash; without one each try is another, as in logs. */
static uint32_t password_item(const struct mr_entrance *e)
{
	char text[32];
	struct mr_buffer b = mr_buffer_over(text, sizeof(text));

	if (e->attempt->pwhash.n > 0)
		return (uint32_t)mr_habit_hash(e->attempt->pwhash);
	mr_buffer_uint(&b, atomic_fetch_add(&e->visitor.engine->unhashed, 1));
	mr_buffer_byte(&b, '@');
	mr_buffer_int(&b, e->visitor.state_ms);
	return (uint32_t)mr_habit_hash(mr_buffer_view(&b));
}

/* The same failure a moment ago: a client that tries one password by several mechanisms. */
static bool is_folded(const struct mr_entrance *e)
{
	const struct mr_visitor *v = &e->visitor;
	uint64_t hash = mr_habit_hash(e->attempt->login) ^ mr_habit_hash(e->attempt->pwhash) * 3 ^ mr_entrance_source_item(e);
	uint64_t second = (uint64_t)(v->state_ms / 1000) & UINT32_MAX;
	_Atomic uint64_t *slot = &v->engine->folds[hash % MR_ENGINE_FOLDS];
	uint64_t before;

	if (e->attempt->pwhash.n == 0)
		return false; /* nobody can tell whether it is the same password */
	hash &= ~(uint64_t)UINT32_MAX;
	before = atomic_exchange_explicit(slot, hash | second, memory_order_relaxed);
	return (before & ~(uint64_t)UINT32_MAX) == hash && second - (before & UINT32_MAX) <= FOLD_SECONDS;
}

static void tell_guarded(struct mr_entrance *e, const struct mr_screening *found)
{
	const struct mr_visitor *v = &e->visitor;
	bool enforced = mr_policy_mode(v->policy, &v->policy->screen.rule) == MR_MODE_ENFORCE;
	enum mr_reason reason = mr_signal_row(found->limit->signal)->reason;
	struct mr_decision decision = { .verdict = MR_ACCEPT, .reason = reason };
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));
	struct mr_event event;

	mr_buffer_text(&b, "the login ");
	mr_buffer_str(&b, v->login);
	mr_buffer_text(&b, enforced ? " is under attack: only sources that it has used well may log in to it now"
				    : " is under attack: only sources that it has used well could log in to it, were "
				      "screening enforced");
	event = mr_screening_event(v, enforced ? MR_EVENT_LOGIN_GUARDED : MR_EVENT_ALERT, mr_buffer_view(&b), &decision,
				   found);
	event.until_ms = v->state_ms + mr_screen_window_idle(found->limit);
	mr_tally_login(&v->engine->tally, v->state_ms, MR_TALLY_GUARDED);
	mr_engine_emit(v->engine, &event, v->policy);
}

static const enum mr_signal guards[] = { MR_SIGNAL_GUARD_SOURCES, MR_SIGNAL_GUARD_FAILURES };

/* What guards the login now, with what it was counted by; *found_r without a limit: nothing does. */
static void look_at_guards(struct mr_entrance *e, struct mr_screening *found_r)
{
	*found_r = (struct mr_screening){ .limit = NULL };
	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]) && found_r->limit == NULL; i++) {
		*found_r = (struct mr_screening){ .limit = NULL };
		mr_screening_count(&e->visitor, guards[i], mr_entrance_login_name(e), 1, 0, false, found_r);
	}
}

/* Told once for each attack, whatever it is seen by: not when a slow one falls below the limit for a moment. */
static void count_guards(struct mr_entrance *e, uint32_t password)
{
	struct mr_screening before, now, added = { .limit = NULL };
	struct mr_str name = mr_entrance_login_name(e);

	look_at_guards(e, &before);
	mr_screening_count(&e->visitor, MR_SIGNAL_GUARD_SOURCES, name, 1, mr_entrance_source_item(e), true, &added);
	mr_screening_count(&e->visitor, MR_SIGNAL_GUARD_FAILURES, name, 1, password, true, &added);
	look_at_guards(e, &now);
	if (before.limit == NULL && now.limit != NULL && added.first)
		tell_guarded(e, &now);
}

static void count_pair(struct mr_entrance *e, unsigned length, uint32_t item)
{
	struct mr_screening found = { .limit = NULL };

	mr_screening_count(&e->visitor, MR_SIGNAL_PAIR_FAILURES, mr_entrance_pair_name(e, length), 1, item, true, &found);
}

/* A login and its password together, so that one password tried on many logins counts each time. */
static uint32_t try_item(const struct mr_entrance *e, uint32_t password)
{
	return (uint32_t)(mr_habit_hash(e->attempt->login) ^ password * UINT64_C(0x9e3779b97f4a7c15));
}

/* False: there is nothing to count. */
static bool count_source(struct mr_entrance *e, uint32_t password)
{
	const struct mr_visitor *v = &e->visitor;

	if (mr_policy_mode(v->policy, &v->policy->screen.rule) == MR_MODE_OFF || is_folded(e))
		return false;
	mr_entrance_look(e);
	mr_screening_signal(v, MR_SIGNAL_LOGINS_TRIED, (uint32_t)mr_habit_hash(e->attempt->login));
	mr_screening_signal(v, MR_SIGNAL_LOGIN_ATTEMPTS, 0);
	if (!e->known_place)
		mr_screening_signal(v, MR_SIGNAL_LOGIN_FAILURES, try_item(e, password));
	return true;
}

static void count_refused(struct mr_entrance *e)
{
	(void)count_source(e, password_item(e));
}

static void count_failure(struct mr_entrance *e)
{
	const struct mr_visitor *v = &e->visitor;
	bool nobody = mr_str_equal(e->attempt->fail_type, MR_STR("account"));
	uint32_t password = password_item(e), siblings = mr_entrance_sibling_length(e);

	mr_tally_login(&v->engine->tally, v->state_ms, MR_TALLY_FAILED);
	if (!count_source(e, password))
		return;
	if (!e->readable || nobody || e->connection.client_ip.family == MR_IP_UNKNOWN ||
	    mr_ip_is_loopback(&e->connection.client_ip))
		return;
	count_pair(e, mr_entrance_source_length(e), password);
	if (siblings != mr_entrance_source_length(e))
		count_pair(e, siblings, password);
	if (e->known_place || mr_screening_exempt(v))
		return;
	count_guards(e, password);
}

/* Different wrong passwords for this login from this source or a sibling lately. */
static uint16_t failures_before(struct mr_entrance *e)
{
	struct mr_screening found = { .limit = NULL };
	uint64_t most = 0;

	if (e->connection.client_ip.family == MR_IP_UNKNOWN)
		return 0;
	mr_screening_count(&e->visitor, MR_SIGNAL_PAIR_FAILURES, mr_entrance_pair_name(e, mr_entrance_sibling_length(e)), 1, 0, false, &found);
	for (size_t i = 0; i < found.counter_count; i++)
		most = found.counters[i].value > most ? found.counters[i].value : most;
	return most < UINT16_MAX ? (uint16_t)most : UINT16_MAX;
}

static void tell_guessed(struct mr_entrance *e, uint16_t failures)
{
	const struct mr_visitor *v = &e->visitor;
	struct mr_decision decision = { .verdict = MR_ACCEPT, .reason = MR_REASON_SCREEN_GUESSED };
	struct mr_event_counter counter = { .name = MR_STR("guessed"), .value = failures };
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));
	struct mr_event event;

	mr_buffer_text(&b, "the password of ");
	mr_buffer_str(&b, v->login);
	mr_buffer_text(&b, " may have been guessed: ");
	mr_buffer_uint(&b, failures);
	mr_buffer_text(&b, " different wrong passwords came from there before it was right; ask the owner, and change it");
	event = mr_screening_event(v, MR_EVENT_ALERT, mr_buffer_view(&b), &decision, NULL);
	event.counters = &counter;
	event.counter_count = 1;
	mr_engine_emit(v->engine, &event, v->policy);
}

static void learn_success(struct mr_entrance *e)
{
	const struct mr_visitor *v = &e->visitor;
	struct mr_history_use use;
	struct mr_account *account;
	struct mr_key key;
	bool fresh, guessed;

	mr_tally_login(&v->engine->tally, v->state_ms, MR_TALLY_SUCCEEDED);
	if (!e->readable)
		return;
	mr_places_use(v, &use);
	use.failures_before = failures_before(e);
	use.logged_in = true;
	mr_entrance_account_key(e, &key);
	account = mr_store_account_get(v->engine->store, &key, MR_ACCOUNT_LOGIN, v->login, v->state_ms, true, &fresh);
	if (account == NULL)
		return;
	if (fresh) {
		account->first_ms = account->last_ms = v->state_ms;
		mr_habit_begin(&account->habit, v->state_ms);
	}
	account->known = 1; /* the password was right: it is no invented name */
	guessed = mr_history_learn(&account->history, &use);
	mr_store_account_done(v->engine->store, account, true);
	mr_screening_welcome(v);
	if (guessed)
		tell_guessed(e, use.failures_before);
}

/* Before it is counted: what it brings about has to come after it in the file too. */
static void write_fact(const struct mr_entrance *e)
{
	const struct mr_visitor *v = &e->visitor;
	struct mr_fact fact = { .kind = MR_FACT_LOGIN, .time_ms = v->state_ms, .id = v->fact_id,
				.id_is_number = v->fact_id_is_number, .connection = e->connection, .attempt = *e->attempt };
	char line[LOGIN_FACT_MAX];
	size_t n;

	if (v->engine->fact != NULL && v->policy->log.facts != NULL &&
	    mr_fact_write(&fact, line, sizeof(line), &n) == MR_OK)
		v->engine->fact(v->engine->fact_context, line, n);
}

/* A failure that says nothing of the password. */
static bool is_no_guess(const struct mr_attempt *attempt)
{
	static const char *const types[] = { "internal", "expired", "disabled" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (mr_str_equal(attempt->fail_type, mr_str_of(types[i])))
			return true;
	return false;
}

/* Nobody looked at the password. Whoever goes on with others all the same is no owner, and his source is counted. */
static bool is_refused(const struct mr_attempt *attempt)
{
	return attempt->policy_reject || mr_str_equal(attempt->fail_type, MR_STR("policy"));
}

void mr_logins_report(struct mr_engine *engine, int64_t now_ms, const struct mr_attempt *attempt,
		      const struct mr_connection *connection, struct mr_str fact_id, bool fact_id_is_number)
{
	struct mr_entrance e;

	mr_entrance_begin(&e, engine, now_ms, attempt, connection);
	e.visitor.fact_id = fact_id;
	e.visitor.fact_id_is_number = fact_id_is_number;
	write_fact(&e);
	if (attempt->success)
		learn_success(&e);
	else if (is_refused(attempt))
		count_refused(&e);
	else if (!is_no_guess(attempt))
		count_failure(&e);
	mr_entrance_end(&e);
}

/* ---- The public interface ---- */

static void read_info(const struct mr_login_info *info, struct mr_attempt *attempt_r, struct mr_connection *connection_r)
{
	*attempt_r = (struct mr_attempt){ .login = mr_str_of(info->login), .protocol = mr_str_of(info->protocol),
					  .pwhash = mr_str_of(info->pwhash), .fail_type = mr_str_of(info->fail_type),
					  .success = info->success, .policy_reject = info->policy_reject };
	*connection_r = (struct mr_connection){ .asn = -1 };
	if (info->address != NULL)
		(void)mr_ip_parse(mr_str_of(info->address), &connection_r->client_ip);
}

void mr_engine_login_allow(struct mr_engine *engine, int64_t now_ms, const struct mr_login_info *info,
			   struct mr_login_answer *answer_r)
{
	struct mr_connection connection;
	struct mr_attempt attempt;

	read_info(info, &attempt, &connection);
	mr_logins_allow(engine, now_ms, &attempt, &connection, MR_STR_ABSENT, false, answer_r);
}

void mr_engine_login_report(struct mr_engine *engine, int64_t now_ms, const struct mr_login_info *info)
{
	struct mr_connection connection;
	struct mr_attempt attempt;

	read_info(info, &attempt, &connection);
	mr_logins_report(engine, now_ms, &attempt, &connection, MR_STR_ABSENT, false);
}
