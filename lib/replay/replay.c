/*
 * Plays recorded facts through an engine of its own: one session a message, time from the facts alone. It reads no
 * file; whoever calls it brings the lines.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "engine/contacts.h"
#include "engine/logins.h"
#include "engine/orders.h"
#include "engine/session.h"
#include "eventlog/factline.h"

enum { FACT_ARENA_MAX = 64 << 20 };

struct mr_replay {
	struct mr_engine *engine;
	struct mr_arena *arena;
	struct mr_fact_fault fault;
	int64_t now_ms;
	uint64_t played, backwards;
};

/* Before any fact: facts say what time it is, and no clock does. */
enum { BEFORE_ALL_FACTS = 0 };

/* The caller gave its only reference away, so nobody else reads the policy yet. */
static int open_state(struct mr_policy *policy, const char *directory, char why_r[256], struct mr_state **state_r)
{
	char *copy = mr_strdup(directory);

	if (copy == NULL)
		return MR_ERR_NOMEM;
	mr_free(policy->state.directory);
	policy->state.directory = copy;
	policy->state.directory_named = true;
	return mr_state_open(policy, false, BEFORE_ALL_FACTS, why_r, state_r);
}

/* Facts that name no country are looked up as the daemon does. Without the databases they stay unknown. */
static void open_places(struct mr_engine *engine, char why_r[256])
{
	struct mr_policy *policy = mr_engine_hold_policy(engine);
	struct mr_geo *geo = NULL;
	char why[256];

	if (mr_geo_open(policy, why, &geo) != MR_OK && why_r[0] == '\0')
		memcpy(why_r, why, sizeof(why));
	mr_engine_set_geo(engine, geo);
	mr_policy_drop(&policy);
}

int mr_replay_open(struct mr_policy *policy, const char *directory, mr_line_function *event, void *event_context,
		   char why_r[256], struct mr_replay **replay_r)
{
	struct mr_engine_options options = { .size = sizeof(options), .event = event, .event_context = event_context };
	struct mr_replay *replay = mr_calloc(1, sizeof(*replay));
	int err = MR_ERR_NOMEM;

	*replay_r = NULL;
	why_r[0] = '\0';
	if (replay != NULL && (replay->arena = mr_arena_new(FACT_ARENA_MAX)) != NULL)
		err = directory != NULL ? open_state(policy, directory, why_r, &options.state) : MR_OK;
	if (err != MR_OK) {
		mr_replay_free(&replay);
		mr_policy_drop(&policy);
		return err;
	}
	replay->now_ms = INT64_MIN;
	err = mr_engine_new(&options, policy, 1, &replay->engine);
	if (err != MR_OK) {
		mr_replay_free(&replay);
		return err;
	}
	open_places(replay->engine, why_r);
	*replay_r = replay;
	return MR_OK;
}

int mr_replay_new(struct mr_policy *policy, mr_line_function *event, void *event_context, struct mr_replay **replay_r)
{
	char why[256];

	return mr_replay_open(policy, NULL, event, event_context, why, replay_r);
}

void mr_replay_free(struct mr_replay **replay)
{
	if (*replay == NULL)
		return;
	mr_engine_free(&(*replay)->engine);
	mr_arena_free(&(*replay)->arena);
	mr_free(*replay);
	*replay = NULL;
}

void mr_replay_counts(const struct mr_replay *replay, uint64_t *played_r, uint64_t *backwards_r)
{
	*played_r = replay->played;
	*backwards_r = replay->backwards;
}

/* Time that goes backwards is taken as the largest seen so far. */
static void advance(struct mr_replay *replay, int64_t time_ms)
{
	if (time_ms < replay->now_ms)
		replay->backwards++;
	else
		replay->now_ms = time_ms;
}

static void give_headers(struct mr_session *session, const struct mr_message *m)
{
	for (size_t i = 0; i < m->header_from_count; i++)
		mr_session_take_header(session, MR_STR("From"), m->header_from[i]);
	for (size_t i = 0; i < m->header_sender_count; i++)
		mr_session_take_header(session, MR_STR("Sender"), m->header_sender[i]);
	if (m->message_id.n > 0)
		mr_session_take_header(session, MR_STR("Message-ID"), m->message_id);
}

/* Plays the transaction as a mail server would: no end of message without a recipient that was taken, and none when the
 * client did not finish: the close then ends it as the abort did. */
static void play_transaction(struct mr_session *session, const struct mr_message *m, int64_t now)
{
	size_t taken = 0;
	struct mr_reply reply;

	mr_session_take_mail(session, now, m->mail_from, m->declared_size, m->login, m->queue_id, &reply);
	if (reply.action != MR_CONTINUE)
		return;
	for (size_t i = 0; i < m->rcpt_count; i++) {
		mr_session_take_rcpt(session, now, &m->rcpt[i], &reply);
		if (reply.action == MR_CONTINUE && !mr_str_equal(m->rcpt[i].mailer, MR_STR("error")))
			taken++;
	}
	if (taken == 0)
		return;
	give_headers(session, m);
	if (m->aborted)
		return;
	mr_session_take_end(session, now, m->queue_id, m->message_id, m->size, &reply);
}

static int play(struct mr_replay *replay, const struct mr_fact *fact)
{
	struct mr_session *session;
	struct mr_reply reply;
	int err;

	err = mr_session_new(replay->engine, fact->message.headers_seen ? MR_NEEDS_HEADERS : 0, &session);
	if (err != MR_OK)
		return err;
	session->fact_id = fact->id;
	session->fact_id_is_number = fact->id_is_number;
	session->spam_told = fact->message.spam_told;
	session->spam = fact->message.spam;
	session->script = fact->message.script;
	session->played = fact->kind == MR_FACT_MESSAGE || fact->contact != MR_CONTACT_CONNECTION;
	mr_session_take_connection(session, replay->now_ms, &fact->connection, &reply);
	if (fact->kind == MR_FACT_MESSAGE) {
		play_transaction(session, &fact->message, replay->now_ms);
	} else if (fact->contact != MR_CONTACT_CONNECTION) {
		session->played = false;
		mr_contacts_count(session, replay->now_ms, fact->contact);
	}
	mr_session_close(&session, replay->now_ms);
	return MR_OK;
}

/* Asked first, as Dovecot does; what is refused comes back as refused. */
static int play_login(struct mr_replay *replay, const struct mr_fact *fact)
{
	struct mr_attempt attempt = fact->attempt;
	struct mr_login_answer answer;

	mr_logins_allow(replay->engine, replay->now_ms, &attempt, &fact->connection, fact->id, fact->id_is_number, &answer);
	if (answer.status < 0) {
		attempt.success = false;
		attempt.policy_reject = true;
	}
	mr_logins_report(replay->engine, replay->now_ms, &attempt, &fact->connection, fact->id, fact->id_is_number);
	return MR_OK;
}

static bool order_kind(struct mr_str order, enum mr_order_kind *kind_r)
{
	static const char *const names[] = { [MR_ORDER_FREEZE] = "freeze", [MR_ORDER_HOLD] = "hold",
					     [MR_ORDER_THAW] = "thaw", [MR_ORDER_BLOCK] = "block",
					     [MR_ORDER_UNBLOCK] = "unblock" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mr_str_equal(order, mr_str_of(names[i]))) {
			*kind_r = (enum mr_order_kind)i;
			return true;
		}
	return false;
}

/* An order as an operator gave it. Whom nobody knows can be thawed all the same: the line says that it was asked. What
 * ended by its time when it was recorded ends only if it is over here as well: the policy may be another. */
static int play_control(struct mr_replay *replay, const struct mr_fact *fact, const char **why_r)
{
	const struct mr_control *control = &fact->control;
	struct mr_order_request request = { .subject = control->subject, .operator_name = control->operator_name,
					    .reason = control->reason, .time_ms = control->time_ms,
					    .nothing_learned = !control->learn, .fact_id = fact->id,
					    .fact_id_is_number = fact->id_is_number };
	bool by_time = !control->learn && mr_str_equal(control->operator_name, MR_STR(MR_ORDER_BY_TIME));
	struct mr_order_result result;
	int err;

	if (!order_kind(control->order, &request.kind)) {
		*why_r = "\"order\" must be freeze, hold, thaw, block or unblock";
		return MR_ERR_SYNTAX;
	}
	request.when_over = by_time && (request.kind == MR_ORDER_THAW || request.kind == MR_ORDER_UNBLOCK);
	err = mr_orders_give(replay->engine, replay->now_ms, &request, &result);
	if (err == MR_ERR_SYNTAX)
		*why_r = "\"subject\" is neither a login nor an address";
	return err == MR_ERR_NOTFOUND || err == MR_ERR_STATE ? MR_OK : err;
}

int mr_replay_line(struct mr_replay *replay, const char *line, size_t length, unsigned *column_r, const char **why_r)
{
	struct mr_str text = mr_str_trim((struct mr_str){ line, length });
	struct mr_fact fact;
	int err;

	*column_r = 0;
	*why_r = "";
	if (text.n == 0)
		return MR_OK;
	mr_arena_reset(replay->arena);
	err = mr_fact_read((struct mr_str){ line, length }, replay->arena, &fact, &replay->fault);
	if (err != MR_OK) {
		*column_r = replay->fault.column;
		*why_r = err == MR_ERR_SYNTAX ? replay->fault.why : mr_err_text(err);
		return err;
	}
	advance(replay, fact.time_ms);
	replay->played++;
	if (fact.kind == MR_FACT_LOGIN)
		return play_login(replay, &fact);
	if (fact.kind == MR_FACT_CONTROL)
		return play_control(replay, &fact, why_r);
	return play(replay, &fact);
}
