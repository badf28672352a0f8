/*
 * The line for people in an event ("message"): what happened, to whom, from where, why. Values from outside cannot pass
 * for words of ours: addresses stand in angle brackets and hold none. It decides nothing. line.c calls it.
 */
#include "base/timetext.h"
#include "eventlog/linewriter.h"

/* The longest value from outside inside a sentence. */
enum { VALUE_MAX = 320, PROTOCOL_SHOWN = 32 };

static size_t value_max(const struct mr_line_writer *w)
{
	return w->limits.text < VALUE_MAX ? w->limits.text : VALUE_MAX;
}

static void put_text(struct mr_line_writer *w, const char *text)
{
	mr_json_put(&w->out, text, strlen(text));
}

/* Angle brackets that were written from start on become question marks. */
static void replace_brackets(struct mr_line_writer *w, size_t start)
{
	for (size_t i = start; i < w->out.n; i++) {
		if (w->out.p[i] == '<' || w->out.p[i] == '>')
			w->out.p[i] = '?';
	}
}

static void put_address(struct mr_line_writer *w, struct mr_str path)
{
	MR_JSON_PUT(&w->out, "<");
	size_t start = w->out.n;
	mr_line_address(w, mr_line_bare_address(path), value_max(w));
	replace_brackets(w, start);
	MR_JSON_PUT(&w->out, ">");
}

static bool is_plain_name(struct mr_str name)
{
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (c <= ' ' || c == '<' || c == '>' || c == ':' || c == ',' || c == '(' || c == ')')
			return false;
	}
	return name.n > 0;
}

static void put_login(struct mr_line_writer *w, struct mr_str login)
{
	bool plain = is_plain_name(login);

	if (!plain)
		MR_JSON_PUT(&w->out, "<");
	size_t start = w->out.n;
	mr_json_escape(&w->out, login, value_max(w), MR_JSON_TEXT);
	replace_brackets(w, start);
	if (!plain)
		MR_JSON_PUT(&w->out, ">");
}

static void put_client(struct mr_line_writer *w)
{
	if (w->event->connection == NULL)
		return;
	if (w->client.p != NULL) {
		MR_JSON_PUT(&w->out, " from ");
		mr_json_put(&w->out, w->client.p, w->client.n);
	} else if (w->event->connection->local) {
		MR_JSON_PUT(&w->out, " submitted on this host");
	} else {
		MR_JSON_PUT(&w->out, " from an unknown client");
	}
}

static void put_recipients(struct mr_line_writer *w)
{
	const struct mr_rcpt_summary *rcpt = w->event->rcpt;

	if (rcpt == NULL || rcpt->count == 0)
		return;
	MR_JSON_PUT(&w->out, " to ");
	if (rcpt->count == 1 && rcpt->to_count + rcpt->refused_count == 1) {
		put_address(w, rcpt->to_count == 1 ? rcpt->to[0] : rcpt->refused_paths[0]);
		return;
	}
	mr_json_uint(&w->out, rcpt->count);
	put_text(w, rcpt->count == 1 ? " recipient" : " recipients");
	if (rcpt->refused > 0 && rcpt->refused < rcpt->count) {
		MR_JSON_PUT(&w->out, ", ");
		mr_json_uint(&w->out, rcpt->refused);
		MR_JSON_PUT(&w->out, " of them refused");
	}
}

/* "mail", "recipient <x> of mail", "connection". */
static void put_subject(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;

	if (event->recipient.p != NULL) {
		MR_JSON_PUT(&w->out, "recipient ");
		put_address(w, event->recipient);
		MR_JSON_PUT(&w->out, " of mail");
	} else if (event->action != MR_EVENT_VERDICT && event->sender.p == NULL &&
		   (event->stage == MR_STAGE_CONNECT || event->stage == MR_STAGE_HELO)) {
		MR_JSON_PUT(&w->out, "connection");
	} else {
		MR_JSON_PUT(&w->out, "mail");
	}
}

static void put_who(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;

	if (event->sender.p != NULL) {
		MR_JSON_PUT(&w->out, " from ");
		put_address(w, event->sender);
	}
	if (event->login.n > 0) {
		MR_JSON_PUT(&w->out, " by login ");
		put_login(w, event->login);
	}
	put_client(w);
	put_recipients(w);
}

/* ": the sentence (rule)". */
static void put_why(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	const struct mr_reason_row *reason = mr_reason_row(event->decision.reason);

	if (event->detail.p != NULL) {
		MR_JSON_PUT(&w->out, ": ");
		mr_json_escape(&w->out, event->detail, value_max(w), MR_JSON_TEXT);
	} else if (event->decision.reason != MR_REASON_NONE) {
		MR_JSON_PUT(&w->out, ": ");
		put_text(w, reason->sentence);
	}
	if (event->decision.reason != MR_REASON_NONE) {
		MR_JSON_PUT(&w->out, " (");
		put_text(w, mr_rule_row(reason->rule)->name);
		MR_JSON_PUT(&w->out, ")");
	}
}

static void put_would(struct mr_line_writer *w)
{
	const char *before = " (would have been refused by ";

	if (w->event->decision.would == 0)
		return;
	for (unsigned rule = 0; rule < MR_RULE_COUNT; rule++) {
		if ((w->event->decision.would & MR_RULE_BIT(rule)) == 0)
			continue;
		put_text(w, before);
		put_text(w, mr_rule_row((enum mr_rule)rule)->name);
		before = ", ";
	}
	MR_JSON_PUT(&w->out, ")");
}

static void put_decided(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;

	if (event->action == MR_EVENT_ALERT) {
		MR_JSON_PUT(&w->out, "alert: ");
	} else if (event->action == MR_EVENT_EXEMPTION_USED) {
		MR_JSON_PUT(&w->out, "exemption ");
		mr_json_escape(&w->out, event->exemption, value_max(w), MR_JSON_TEXT);
		MR_JSON_PUT(&w->out, " used: ");
	} else {
		put_text(w, mr_verdict_text(event->decision.verdict));
		MR_JSON_PUT(&w->out, ": ");
	}
	put_subject(w);
	put_who(w);
	put_why(w);
	put_would(w);
	if (event->unfinished)
		MR_JSON_PUT(&w->out, "; the client went away before the end");
}

/* ---- Screening ---- */

static void put_verb(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;

	if (event->action == MR_EVENT_LOGIN_REFUSED)
		MR_JSON_PUT(&w->out, "login refused:");
	else if (event->action == MR_EVENT_LOGIN_GUARDED)
		MR_JSON_PUT(&w->out, "login guarded:");
	else if (event->action == MR_EVENT_SOURCE_BLOCKED)
		MR_JSON_PUT(&w->out, "source blocked:");
	else
		MR_JSON_PUT(&w->out, "alert:");
}

/* Whom or what it is about: the source of a block, else who wanted to log in and how. */
static void put_screened(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;

	if (event->prefix.n > 0 && (event->action == MR_EVENT_SOURCE_BLOCKED || event->login.n == 0)) {
		put_text(w, event->action == MR_EVENT_SOURCE_BLOCKED ? " " : " source ");
		mr_json_escape(&w->out, event->prefix, value_max(w), MR_JSON_TEXT);
		return;
	}
	if (event->login.n > 0) {
		MR_JSON_PUT(&w->out, " ");
		put_login(w, event->login);
	}
	if (event->connection != NULL)
		put_client(w);
	else if (event->prefix.n > 0) {
		MR_JSON_PUT(&w->out, " from ");
		mr_json_escape(&w->out, event->prefix, value_max(w), MR_JSON_TEXT);
	}
	if (is_plain_name(event->protocol)) {
		MR_JSON_PUT(&w->out, " by ");
		mr_json_escape(&w->out, event->protocol, PROTOCOL_SHOWN, MR_JSON_TEXT);
	}
}

/* "; login_failures.1h: 21, at most 20": of the limits that were passed the first, else the first. */
static void put_passed(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	const struct mr_event_counter *counter = event->counters;

	if (event->counter_count == 0)
		return;
	for (size_t i = 0; i < event->counter_count; i++)
		if (mr_line_is_limited(event, &event->counters[i]) &&
		    event->counters[i].value > event->counters[i].limit) {
			counter = &event->counters[i];
			break;
		}
	MR_JSON_PUT(&w->out, "; ");
	mr_json_escape(&w->out, counter->name, value_max(w), MR_JSON_TEXT);
	MR_JSON_PUT(&w->out, ": ");
	mr_json_uint(&w->out, counter->value);
	if (!mr_line_is_limited(event, counter))
		return;
	MR_JSON_PUT(&w->out, ", at most ");
	mr_json_uint(&w->out, counter->limit);
}

/* "login refused: joe@example.com from 198.51.100.7 by imap: the sentence (screen); pair_failures.1h: 11, at most 10;
 * until 2026-11-22T04:15:00.000Z" */
static void put_screening(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	const struct mr_reason_row *reason = mr_reason_row(mr_line_reason(event));
	char time[MR_TIME_TEXT_MAX];
	size_t n;

	put_verb(w);
	put_screened(w);
	if (event->decision.would != 0)
		MR_JSON_PUT(&w->out, ", which would be blocked or refused");
	MR_JSON_PUT(&w->out, ": ");
	if (event->detail.p != NULL)
		mr_json_escape(&w->out, event->detail, value_max(w), MR_JSON_TEXT);
	else
		put_text(w, reason->sentence);
	MR_JSON_PUT(&w->out, " (");
	put_text(w, mr_rule_row(reason->rule)->name);
	MR_JSON_PUT(&w->out, ")");
	put_passed(w);
	if (event->until_ms <= 0)
		return;
	n = mr_time_format(event->until_ms, time);
	MR_JSON_PUT(&w->out, "; until ");
	mr_json_put(&w->out, time, n);
}

void mr_line_sentence(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;

	if (event->message.p != NULL) {
		mr_json_escape(&w->out, event->message, w->limits.text, MR_JSON_TEXT);
	} else if (mr_line_is_screening(event)) {
		put_screening(w);
	} else if (event->decided) {
		put_decided(w);
	} else {
		const struct mr_event_row *row = mr_event_row(event->action);
		put_text(w, row->action);
		MR_JSON_PUT(&w->out, ": ");
		if (event->detail.p != NULL)
			mr_json_escape(&w->out, event->detail, w->limits.text, MR_JSON_TEXT);
		else
			put_text(w, row->words);
	}
	mr_line_note_cut(w);
}
