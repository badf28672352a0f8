/*
 * One connection as a state machine of our own: the mail server's order of events is checked here, not trusted. Each
 * transaction that begins ends with exactly one verdict line. Called through interface.c and by replay.
 */
#include "engine/session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/answer.h"
#include "engine/eventid.h"
#include "engine/lines.h"
#include "engine/contacts.h"
#include "engine/metering.h"

/* Stands for an address or a field that found no room: nobody can read it. */
static const struct mr_str not_kept = { "<not kept>", 10 };

int mr_session_new(struct mr_engine *engine, unsigned granted, struct mr_session **session_r)
{
	struct mr_session *s = mr_calloc(1, sizeof(*s));

	*session_r = NULL;
	if (s == NULL)
		return MR_ERR_NOMEM;
	s->arena = mr_arena_new(MR_SESSION_ARENA_MAX);
	if (s->arena == NULL) {
		mr_free(s);
		return MR_ERR_NOMEM;
	}
	s->engine = engine;
	s->granted = granted;
	s->policy = mr_engine_hold_policy(engine);
	s->connection.asn = -1;
	*session_r = s;
	return MR_OK;
}

static struct mr_str keep(char *room, size_t size, struct mr_str s)
{
	size_t n = s.n < size ? s.n : size - 1;

	if (s.p == NULL)
		return MR_STR_ABSENT;
	memcpy(room, s.p, n);
	room[n] = '\0';
	return (struct mr_str){ room, n };
}

static void end_open(struct mr_session *s, int64_t now_ms);

/* ---- Connection ---- */

static void decide_connection(struct mr_session *s, int64_t now_ms)
{
	mr_subject_connect(&s->subject, s->policy, &s->connection, s->arena, now_ms);
	mr_contacts_look(s, now_ms);
	mr_decide_connect(&s->subject, &s->connect_decision);
	s->refused_at_connect = s->connect_decision.verdict > MR_HOLD;
}

void mr_session_take_connection(struct mr_session *s, int64_t now_ms, const struct mr_connection *connection,
				struct mr_reply *reply_r)
{
	end_open(s, now_ms);
	s->connection = *connection;
	s->connection.client_name = keep(s->client_name, sizeof(s->client_name), connection->client_name);
	s->connection.listener = keep(s->listener, sizeof(s->listener), connection->listener);
	s->connection.server_name = keep(s->server_name, sizeof(s->server_name), connection->server_name);
	s->connection.country = keep(s->country, sizeof(s->country), connection->country);
	mr_session_take_helo(s, connection->helo, connection->tls_version, connection->tls_cipher);
	mr_contacts_arrive(s, now_ms);
	decide_connection(s, now_ms);
	if (s->refused_at_connect) {
		mr_lines_new_id(s->engine, now_ms, s->connection_id);
		mr_lines_connect_refused(s, now_ms);
	}
	mr_answer_decision(reply_r, &s->connect_decision, s->policy->hijack.contact, s->connection_id);
}

void mr_session_take_helo(struct mr_session *s, struct mr_str helo, struct mr_str tls_version, struct mr_str tls_cipher)
{
	s->connection.helo = keep(s->helo, sizeof(s->helo), helo);
	s->connection.tls_version = keep(s->tls_version, sizeof(s->tls_version), tls_version);
	s->connection.tls_cipher = keep(s->tls_cipher, sizeof(s->tls_cipher), tls_cipher);
}

/* ---- Transaction ---- */

/* A message begins under the newest policy; the one before may have ended under an older. What was decided at CONNECT
 * is then decided again. */
static void renew_policy(struct mr_session *s, int64_t now_ms)
{
	if (s->policy->generation == mr_engine_generation(s->engine))
		return;
	mr_policy_drop(&s->policy);
	s->policy = mr_engine_hold_policy(s->engine);
	decide_connection(s, now_ms);
}

static void begin_transaction(struct mr_session *s, int64_t now_ms)
{
	mr_arena_reset(s->arena);
	renew_policy(s, now_ms);
	mr_subject_connect(&s->subject, s->policy, &s->connection, s->arena, now_ms);
	s->open = true;
	s->message = (struct mr_message){ .headers_seen = (s->granted & MR_NEEDS_HEADERS) != 0, .declared_size = -1,
					  .size = -1, .header_from = s->header_from,
					  .header_sender = s->header_sender };
	s->rcpt = NULL;
	s->rcpt_room = 0;
	s->counted_size = 0;
	s->began_ms = now_ms;
	s->decision = s->connect_decision;
	s->refusal = (struct mr_decision){ .verdict = MR_ACCEPT };
	s->summary = (struct mr_rcpt_summary){ .count = 0 };
	s->to_ours = s->to_others = s->alerted = false;
	s->lines = 0;
	mr_lines_new_id(s->engine, now_ms, s->transaction);
}

static void end_transaction(struct mr_session *s, int64_t now_ms, enum mr_stage stage, bool unfinished)
{
	s->message.rcpt = s->rcpt;
	s->message.spam_told = s->conduct.spam_told;
	s->message.spam = s->conduct.spam;
	s->message.script = s->conduct.script;
	if (stage != MR_STAGE_END && s->message.header_from_count == 0)
		s->message.headers_seen = false; /* they were still to come, which is not the same as none */
	mr_lines_verdict(s, now_ms, stage, unfinished);
	s->open = false;
}

void mr_session_take_mail(struct mr_session *s, int64_t now_ms, struct mr_str path, int64_t declared_size,
			  struct mr_str login, struct mr_str queue_id, struct mr_reply *reply_r)
{
	struct mr_decision decision = { .verdict = MR_ACCEPT };

	end_open(s, now_ms);
	begin_transaction(s, now_ms);
	s->message.mail_from = mr_arena_copy(s->arena, path);
	s->message.login = mr_arena_copy(s->arena, login);
	s->message.queue_id = mr_arena_copy(s->arena, queue_id);
	s->message.declared_size = declared_size;
	mr_subject_mail(&s->subject, now_ms, s->message.login, s->message.mail_from, declared_size);
	if (login.n > 0 && s->message.login.p == NULL)
		s->subject.login_unreadable = true;
	mr_conduct_begin(s, now_ms);
	mr_contacts_mail(s, now_ms);
	if (!s->refused_at_connect)
		mr_decide_mail(&s->subject, &decision);
	mr_decision_join(&s->decision, &decision);
	if (s->decision.verdict < MR_TEMPFAIL) {
		mr_metering_at_mail(s, &decision);
		mr_decision_join(&s->decision, &decision);
	}
	mr_answer_decision(reply_r, &s->decision, s->policy->hijack.contact, s->transaction);
	if (reply_r->action != MR_CONTINUE)
		end_transaction(s, now_ms, MR_STAGE_MAIL, false);
}

/* Copies what was told; false when there was no room for it. */
static bool copy_recipient(struct mr_session *s, const struct mr_recipient *recipient, struct mr_recipient *kept_r)
{
	bool whole;

	kept_r->path = mr_arena_copy(s->arena, recipient->path);
	kept_r->addr = mr_arena_copy(s->arena, recipient->addr);
	kept_r->host = mr_arena_copy(s->arena, recipient->host);
	kept_r->mailer = mr_arena_copy(s->arena, recipient->mailer);
	whole = kept_r->path.p != NULL && (kept_r->addr.p != NULL || recipient->addr.p == NULL) &&
		(kept_r->mailer.p != NULL || recipient->mailer.p == NULL);
	if (!whole)
		kept_r->path = not_kept;
	return whole;
}

/* Keeps the recipient for the fact and the lines; what does not fit into the list is counted only. False when it could
 * not even be copied: then it cannot be judged. */
static bool keep_recipient(struct mr_session *s, const struct mr_recipient *recipient, struct mr_recipient *kept_r)
{
	bool whole = copy_recipient(s, recipient, kept_r);

	if (s->message.rcpt_count == s->rcpt_room) {
		size_t room = s->rcpt_room == 0 ? 4 : s->rcpt_room * 2;
		struct mr_recipient *more = mr_arena_alloc(s->arena, room * sizeof(*more));

		if (more == NULL)
			return whole;
		if (s->rcpt != NULL)
			memcpy(more, s->rcpt, s->message.rcpt_count * sizeof(*more));
		s->rcpt = more;
		s->rcpt_room = room;
	}
	s->rcpt[s->message.rcpt_count++] = *kept_r;
	return whole;
}

static void count_accepted(struct mr_session *s, const struct mr_recipient *recipient,
			   const struct mr_destination *destination)
{
	struct mr_rcpt_summary *sum = &s->summary;
	struct mr_str shown = destination->mailbox.address;

	if (destination->mailbox.kind == MR_MAILBOX_LOCAL)
		shown = destination->asked.address; /* Sendmail's view of a local name has no domain */
	if (shown.p == NULL)
		shown = recipient->path;

	sum->accepted++;
	if (sum->to_count < MR_EVENT_RCPT_MAX)
		sum->to[sum->to_count++] = shown;
	if (destination->place == MR_PLACE_OURS || destination->place == MR_PLACE_RELAYED)
		s->to_ours = true;
	else
		s->to_others = true;
}

static void count_refused(struct mr_session *s, struct mr_str path)
{
	struct mr_rcpt_summary *sum = &s->summary;

	sum->refused++;
	if (sum->refused_count < MR_EVENT_REFUSED_MAX)
		sum->refused_paths[sum->refused_count++] = path;
}

/* Writes the line of one refused recipient, unless there have been too many; id_r is what the client is shown. */
static void say_refused(struct mr_session *s, int64_t now_ms, const struct mr_recipient *recipient,
			const struct mr_decision *decision, char id_r[MR_EVENT_ID_MAX])
{
	mr_eventid_part(s->transaction, ++s->lines, id_r);
	if (s->lines <= MR_SESSION_LINES_MAX)
		mr_lines_refused(s, now_ms, recipient, decision, id_r);
}

/* The mail server has refused this recipient: our answer would not be heard. */
static void note_refused_by_mta(struct mr_session *s, int64_t now_ms, const struct mr_recipient *recipient)
{
	struct mr_decision decision = { .verdict = MR_REJECT, .reason = MR_REASON_MTA_REFUSED };
	char id[MR_EVENT_ID_MAX];

	s->summary.rejected_by_mta++;
	mr_contacts_refused(s, now_ms, recipient, MR_REASON_MTA_REFUSED);
	mr_conduct_recipient(s, recipient, NULL, true);
	say_refused(s, now_ms, recipient, &decision, id);
}

/* Mail submitted on the host itself: refusing one recipient would leave the message in the queue for ever, so the
 * refusal waits for the end of the message and is for all of it. */
static void refuse_at_end(struct mr_session *s, const struct mr_decision *decision)
{
	struct mr_decision part = *decision;

	if (part.reason == MR_REASON_LIMITS_RECIPIENTS)
		part.verdict = MR_REJECT;
	mr_decision_join(&s->refusal, &part);
}

static void refuse_recipient(struct mr_session *s, int64_t now_ms, const struct mr_recipient *recipient,
			     const struct mr_decision *decision, struct mr_reply *reply_r)
{
	char id[MR_EVENT_ID_MAX];

	count_refused(s, recipient->path);
	say_refused(s, now_ms, recipient, decision, id);
	if (s->connection.local) {
		refuse_at_end(s, decision);
		return;
	}
	mr_decision_join(&s->refusal, decision);
	mr_answer_decision(reply_r, decision, s->policy->hijack.contact, id);
}

static void judge_recipient(struct mr_session *s, int64_t now_ms, const struct mr_recipient *recipient,
			    struct mr_reply *reply_r)
{
	struct mr_destination destination;
	struct mr_decision decision;
	bool open_relay;

	mr_decide_rcpt(&s->subject, recipient, &destination, &open_relay, &decision);
	if (open_relay && !s->alerted && !s->connection.local) {
		s->alerted = true;
		mr_lines_open_relay(s, now_ms, recipient, &decision);
	}
	if (decision.verdict != MR_TEMPFAIL && decision.verdict != MR_REJECT) {
		mr_decision_join(&s->decision, &decision);
		count_accepted(s, recipient, &destination);
		mr_conduct_recipient(s, recipient, &destination, false);
		return;
	}
	mr_conduct_recipient(s, recipient, &destination, true);
	mr_contacts_refused(s, now_ms, recipient, decision.reason);
	refuse_recipient(s, now_ms, recipient, &decision, reply_r);
}

void mr_session_take_rcpt(struct mr_session *s, int64_t now_ms, const struct mr_recipient *recipient,
			  struct mr_reply *reply_r)
{
	struct mr_decision no_room = { .verdict = MR_TEMPFAIL, .reason = MR_REASON_INTERNAL };
	struct mr_recipient kept;

	mr_answer_nothing(reply_r);
	if (!s->open) {
		mr_answer_internal(reply_r); /* RCPT without MAIL: the order of events is broken, nothing may pass */
		return;
	}
	s->summary.count++;
	s->subject.now_ms = now_ms;
	if (!keep_recipient(s, recipient, &kept))
		refuse_recipient(s, now_ms, &kept, &no_room, reply_r);
	else if (mr_str_equal(kept.mailer, MR_STR("error")))
		note_refused_by_mta(s, now_ms, &kept);
	else
		judge_recipient(s, now_ms, &kept, reply_r);
}

/* Keeps one field. One that finds no room leaves something that nobody can read in its place: it is not as if it had
 * not been there. */
static void keep_field(struct mr_session *s, struct mr_str *fields, size_t *count, struct mr_str value)
{
	struct mr_str kept = MR_STR_ABSENT;

	if (*count > MR_SESSION_HEADERS_MAX)
		return;
	if (*count < MR_SESSION_HEADERS_MAX)
		kept = mr_arena_copy(s->arena, value);
	fields[(*count)++] = kept.p != NULL ? kept : not_kept;
}

void mr_session_take_header(struct mr_session *s, struct mr_str name, struct mr_str value)
{
	struct mr_message *m = &s->message;

	if (!s->open)
		return;
	s->counted_size += name.n + value.n + 4;
	mr_conduct_header(s, mr_str_trim(name), value);
	name = mr_str_trim(name); /* "From : x" is a From field too (RFC 5322 4.5) */
	if (mr_str_equal_nocase(name, MR_STR("From")))
		keep_field(s, s->header_from, &m->header_from_count, value);
	else if (mr_str_equal_nocase(name, MR_STR("Sender")))
		keep_field(s, s->header_sender, &m->header_sender_count, value);
	else if (mr_str_equal_nocase(name, MR_STR("Message-ID")) && m->message_id.p == NULL)
		m->message_id = mr_arena_copy(s->arena, mr_str_trim(value));
}

void mr_session_body(struct mr_session *s, size_t length)
{
	s->counted_size += length;
}

/* What is known of the size: the mail server's word, or our own count. */
static int64_t size_of(const struct mr_session *s, int64_t told)
{
	if (told >= 0)
		return told;
	return s->granted & MR_NEEDS_BODY ? (int64_t)s->counted_size : -1;
}

/* When every recipient was refused, that is the verdict on the message. Refusals of single recipients that came after
 * others were accepted are not; but in mail submitted on the host itself one refusal is for all. */
static void settle_recipients(struct mr_session *s)
{
	struct mr_decision by_mta = { .verdict = MR_REJECT, .reason = MR_REASON_MTA_REFUSED };
	bool all_refused = s->summary.accepted == 0 && s->summary.refused > 0;

	if (all_refused || s->connection.local)
		mr_decision_join(&s->decision, &s->refusal);
	else if (s->summary.accepted == 0 && s->summary.rejected_by_mta > 0)
		mr_decision_join(&s->decision, &by_mta);
	if (s->decision.would == 0)
		s->decision.would_reason = s->refusal.would_reason;
	s->decision.would |= s->refusal.would;
}

/* What the message says about its account, when the other rules have spoken. */
static void judge_conduct(struct mr_session *s, int64_t now_ms, bool delivered)
{
	struct mr_decision decision;

	mr_conduct_end(s, now_ms, delivered, &decision);
	mr_decision_join(&s->decision, &decision);
}

void mr_session_take_end(struct mr_session *s, int64_t now_ms, struct mr_str queue_id, struct mr_str message_id,
			 int64_t size, struct mr_reply *reply_r)
{
	struct mr_decision decision, unseen = { .verdict = MR_TEMPFAIL, .reason = MR_REASON_INTERNAL };

	mr_answer_nothing(reply_r);
	if (!s->open) {
		mr_answer_internal(reply_r);
		return;
	}
	s->subject.now_ms = now_ms;
	s->message.size = size_of(s, size);
	if (queue_id.n > 0)
		s->message.queue_id = mr_arena_copy(s->arena, queue_id);
	if (message_id.n > 0)
		s->message.message_id = mr_arena_copy(s->arena, message_id);
	mr_decide_end(&s->subject, &s->message, s->message.size, &decision);
	settle_recipients(s);
	mr_decision_join(&s->decision, &decision);
	if (s->summary.count == 0)
		mr_decision_join(&s->decision, &unseen); /* where it goes was never shown */
	judge_conduct(s, now_ms, s->decision.verdict < MR_TEMPFAIL);
	if (s->decision.verdict == MR_HOLD)
		mr_answer_hold(reply_r, &s->decision, s->transaction);
	else
		mr_answer_decision(reply_r, &s->decision, s->policy->hijack.contact, s->transaction);
	end_transaction(s, now_ms, MR_STAGE_END, false);
}

/* Ends the transaction that is open, if there is one. */
static void end_open(struct mr_session *s, int64_t now_ms)
{
	if (!s->open)
		return;
	settle_recipients(s);
	if (s->summary.accepted == 0 && s->summary.count > 0)
		judge_conduct(s, now_ms, false); /* recipients that nobody takes are evidence all the same */
	/* Mail submitted on the host itself is refused at its end only: whoever leaves before that leaves early. */
	s->message.aborted = s->decision.verdict < MR_TEMPFAIL || s->connection.local;
	if (s->decision.verdict >= MR_TEMPFAIL)
		end_transaction(s, now_ms, MR_STAGE_RCPT, false); /* every recipient was refused: that was the end */
	else
		end_transaction(s, now_ms, MR_STAGE_ABORT, true);
}

void mr_session_unknown(struct mr_session *s, int64_t now_ms)
{
	mr_contacts_count(s, now_ms, MR_CONTACT_SYNTAX_ERROR);
}

void mr_session_abort(struct mr_session *s, int64_t now_ms)
{
	if (s->open && !mr_has_login(&s->subject))
		mr_contacts_count(s, now_ms, MR_CONTACT_RESET);
	end_open(s, now_ms);
}

void mr_session_close(struct mr_session **session, int64_t now_ms)
{
	struct mr_session *s = *session;

	if (s == NULL)
		return;
	end_open(s, now_ms);
	mr_contacts_leave(s);
	mr_policy_drop(&s->policy);
	mr_arena_free(&s->arena);
	mr_free(s);
	*session = NULL;
}
