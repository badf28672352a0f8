/*
 * Makes events out of a session: which fields a line of each kind has. The text of the line is eventlog's.
 * Called by session.c.
 */
#include "engine/lines.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "core/header.h"
#include "engine/eventid.h"
#include "engine/state.h"
#include "eventlog/factline.h"

enum { FACT_LINE_ON_STACK = 16384, FROM_SHOWN = 20, NOTE_NAME_MAX = 64, NOTE_EVERY_MS = 60000 };

static enum mr_direction direction_of(const struct mr_session *s)
{
	const struct mr_subject *subject = &s->subject;

	if (s->to_others)
		return MR_DIRECTION_OUTBOUND;
	if (!s->to_ours)
		return MR_DIRECTION_UNKNOWN;
	return mr_has_login(subject) || s->connection.local ? MR_DIRECTION_INTERNAL : MR_DIRECTION_INBOUND;
}

enum mr_mode mr_lines_mode(const struct mr_decision *decision)
{
	if (decision->verdict != MR_ACCEPT)
		return MR_MODE_ENFORCE;
	return decision->would != 0 ? MR_MODE_OBSERVE : MR_MODE_OFF;
}

static struct mr_event begin(const struct mr_session *s, enum mr_event_action action, int64_t now_ms,
			     const struct mr_decision *decision)
{
	return (struct mr_event){ .action = action, .time_ms = now_ms, .fact_id = s->fact_id,
				  .fact_id_is_number = s->fact_id_is_number, .decided = true, .decision = *decision,
				  .mode = mr_lines_mode(decision), .connection = &s->connection,
				  .as_name = s->connection.as_name, .size = -1,
				  .duration_ns = -1 };
}

static void set_id(char id_r[MR_EVENT_ID_MAX], const char *id)
{
	struct mr_buffer b = mr_buffer_over(id_r, MR_EVENT_ID_MAX - 1);

	mr_buffer_text(&b, id);
	id_r[b.n] = '\0';
}

/* What all lines about a transaction have. */
static struct mr_event begin_in_transaction(const struct mr_session *s, enum mr_event_action action, int64_t now_ms,
					    const struct mr_decision *decision)
{
	struct mr_event event = begin(s, action, now_ms, decision);

	set_id(event.transaction, s->transaction);
	event.login = s->subject.login;
	event.sender = s->subject.sender.kind == MR_MAILBOX_NULL ? MR_STR("") : s->subject.sender.address;
	if (event.sender.p == NULL)
		event.sender = s->message.mail_from;
	event.queue_id = s->message.queue_id;
	event.direction = direction_of(s);
	return event;
}

/* The addresses of From, as far as they can be read. */
static size_t read_from(struct mr_session *s, struct mr_str from_r[FROM_SHOWN])
{
	struct mr_mailbox boxes[MR_HEADER_ADDRESSES_MAX];
	size_t n = 0, found;

	for (size_t i = 0; i < s->message.header_from_count; i++) {
		(void)mr_header_addresses(s->message.header_from[i], s->arena, boxes, &found);
		for (size_t k = 0; k < found && n < FROM_SHOWN; k++)
			if (boxes[k].address.p != NULL)
				from_r[n++] = boxes[k].address;
	}
	return n;
}

/* Not inlined: its frame would make the stack of every verdict deep, and libmilter's threads are young: each page of
 * stack that one touches is a page fault. */
__attribute__((noinline)) static void write_fact(struct mr_session *s)
{
	struct mr_engine *engine = s->engine;
	struct mr_fact fact = { .kind = MR_FACT_MESSAGE, .time_ms = s->conduct.now_ms, .id = mr_str_of(s->transaction),
				.connection = s->connection, .message = s->message };
	char on_stack[FACT_LINE_ON_STACK], *line = on_stack;
	size_t size = sizeof(on_stack), n;
	int err;

	err = mr_fact_write(&fact, line, size, &n);
	if (err == MR_ERR_FULL && (line = mr_calloc(1, MR_FACT_LINE_MAX)) != NULL)
		err = mr_fact_write(&fact, line, MR_FACT_LINE_MAX, &n);
	if (err == MR_OK)
		engine->fact(engine->fact_context, line, n);
	if (line != on_stack)
		mr_free(line);
}

struct mr_event mr_lines_account(const struct mr_session *s, int64_t now_ms, enum mr_event_action action,
				 struct mr_str words, const struct mr_decision *decision)
{
	struct mr_event event = begin_in_transaction(s, action, now_ms, decision);

	set_id(event.id, s->transaction);
	event.stage = MR_STAGE_END;
	event.message = words;
	if (decision->reason == MR_REASON_NONE && decision->would_reason != MR_REASON_NONE)
		event.detail = mr_str_of(mr_reason_row(decision->would_reason)->sentence);
	else if (decision->reason == MR_REASON_NONE && action == MR_EVENT_ACCOUNT_WATCHED)
		event.detail = MR_STR("the account begins to look unlike its owner");
	if (s->conduct.kind != MR_ACCOUNT_LOGIN)
		event.account = s->conduct.name;
	if (s->conduct.weighed)
		event.evidence = &s->conduct.shown;
	event.degraded = mr_state_degraded(s->engine);
	return event;
}

void mr_lines_over_budget(struct mr_session *s, int64_t now_ms)
{
	struct mr_decision decision = { .verdict = MR_ACCEPT, .reason = MR_REASON_HIJACK_BUDGET };
	struct mr_str words = MR_STR("alert: the evidence would freeze this account, but the freeze budget is used up: look at "
				     "mailreeve show accounts --state frozen; if the freezes are right, freeze this one by "
				     "hand and raise hijack.freeze_budget");
	struct mr_event event = mr_lines_account(s, now_ms, MR_EVENT_ALERT, words, &decision);

	mr_engine_emit(s->engine, &event, s->policy);
}

/* A long name is cut; then two exemptions may share a note. */
static struct mr_str note_name(struct mr_str exemption, char room[NOTE_NAME_MAX])
{
	struct mr_buffer b = mr_buffer_over(room, NOTE_NAME_MAX);

	mr_buffer_text(&b, "exemption:");
	mr_buffer_str(&b, mr_str_part(exemption, 0, NOTE_NAME_MAX - b.n));
	return mr_buffer_view(&b);
}

bool mr_lines_exemption_used(struct mr_engine *engine, struct mr_str name, int64_t *used_ms_r)
{
	char room[NOTE_NAME_MAX];
	size_t n = 0;

	return mr_store_note_get(engine->store, note_name(name, room), used_ms_r, sizeof(*used_ms_r), &n) == MR_OK &&
	       n == sizeof(*used_ms_r);
}

void mr_lines_note_exemption(struct mr_engine *engine, struct mr_str name, int64_t now)
{
	int64_t used = 0;
	char room[NOTE_NAME_MAX];

	if (mr_lines_exemption_used(engine, name, &used) && now - used < NOTE_EVERY_MS && used <= now)
		return;
	(void)mr_store_note_set(engine->store, note_name(name, room), &now, sizeof(now));
}

void mr_lines_new_id(struct mr_engine *engine, int64_t now_ms, char id_r[MR_EVENT_ID_MAX])
{
	mr_eventid_make(engine->id_seed, now_ms, atomic_fetch_add(&engine->ids, 1) + 1, id_r);
}

/* Once for each time that a counter passes its limit, not for every message after it. */
void mr_lines_limit(struct mr_session *s, int64_t now_ms, const struct mr_rate_use *use)
{
	struct mr_decision decision = { .verdict = MR_ACCEPT, .reason = mr_metric_row(use->limit->metric)->reason };
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));
	struct mr_event event;

	if (use->count > use->limit->rate.most + use->amount.number)
		return;
	mr_buffer_text(&b, "alert: ");
	mr_buffer_str(&b, use->subject);
	mr_buffer_text(&b, " has passed the limit ");
	mr_buffer_text(&b, use->limit->label);
	event = mr_lines_account(s, now_ms, MR_EVENT_ALERT, mr_buffer_view(&b), &decision);
	mr_engine_emit(s->engine, &event, s->policy);
}

static void say_exemption(struct mr_session *s, int64_t now_ms)
{
	struct mr_decision decision = { .verdict = MR_ACCEPT };
	struct mr_event event = begin_in_transaction(s, MR_EVENT_EXEMPTION_USED, now_ms, &decision);

	event.exemption = s->subject.exemption_used;
	event.trail = &s->subject.trail;
	mr_lines_note_exemption(s->engine, s->subject.exemption_used, s->conduct.now_ms);
	mr_engine_emit(s->engine, &event, s->policy);
}

void mr_lines_verdict(struct mr_session *s, int64_t now_ms, enum mr_stage stage, bool unfinished)
{
	struct mr_str from[FROM_SHOWN];
	struct mr_event event;

	if (s->subject.exemption_used.p != NULL)
		say_exemption(s, now_ms);
	mr_tally_add(&s->engine->tally, s->conduct.now_ms, s->decision.verdict);
	event = begin_in_transaction(s, MR_EVENT_VERDICT, now_ms, &s->decision);
	set_id(event.id, s->transaction);
	event.stage = stage;
	event.unfinished = unfinished;
	event.trail = &s->subject.trail;
	event.header_from = from;
	event.header_from_count = read_from(s, from);
	event.message_id = s->message.message_id;
	event.size = s->message.size;
	event.rcpt = &s->summary;
	if (s->conduct.weighed)
		event.evidence = &s->conduct.shown;
	event.counters = s->conduct.counters;
	event.counter_count = s->conduct.counter_count;
	event.degraded = mr_state_degraded(s->engine);
	event.duration_ns = now_ms > s->began_ms ? (now_ms - s->began_ms) * 1000000 : 0;
	mr_engine_emit(s->engine, &event, s->policy);
	if (s->engine->fact != NULL && s->policy->log.facts != NULL)
		write_fact(s);
}

void mr_lines_refused(struct mr_session *s, int64_t now_ms, const struct mr_recipient *recipient,
		      const struct mr_decision *decision, const char *id)
{
	struct mr_event event = begin_in_transaction(s, MR_EVENT_REFUSED, now_ms, decision);

	set_id(event.id, id);
	event.stage = MR_STAGE_RCPT;
	event.recipient = recipient->path;
	if (decision->reason == MR_REASON_MTA_REFUSED && recipient->addr.n > 0 && !s->policy->log.hash_addresses)
		event.detail = recipient->addr; /* the mail server's own words, which may hold the address */
	mr_engine_emit(s->engine, &event, s->policy);
}

void mr_lines_connect_refused(struct mr_session *s, int64_t now_ms)
{
	struct mr_event event = begin(s, MR_EVENT_REFUSED, now_ms, &s->connect_decision);

	set_id(event.id, s->connection_id);
	event.stage = MR_STAGE_CONNECT;
	mr_engine_emit(s->engine, &event, s->policy);
}

void mr_lines_open_relay(struct mr_session *s, int64_t now_ms, const struct mr_recipient *recipient,
			 const struct mr_decision *decision)
{
	struct mr_event event = begin_in_transaction(s, MR_EVENT_ALERT, now_ms, decision);

	mr_eventid_part(s->transaction, 0, event.id);
	event.stage = MR_STAGE_RCPT;
	event.recipient = recipient->path;
	event.decision.reason = MR_REASON_RELAY_OPEN;
	event.message = MR_STR("the mail server took a recipient that the policy calls relay: close its relay restrictions "
			       "(smtpd_relay_restrictions in Postfix, relay-domains and access in Sendmail), or, if the "
			       "client may relay, add its network to relay.networks");
	mr_engine_emit(s->engine, &event, s->policy);
}
