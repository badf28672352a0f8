/*
 * Writes a fact as a line of JSON that factline.c reads back as the same fact. It leaves out what is absent. Called by
 * the daemon's recorder (log.facts), on the writer's side of the log, not on the message path, and by the reader of
 * mail logs.
 */
#include "eventlog/factline.h"

#include "base/error.h"
#include "base/unicode.h"
#include "eventlog/json.h"

#define TIME_MS_MAX INT64_C(1000000000000000)

struct fact_writer {
	struct mr_json out;
	enum mr_json_bytes bytes; /* of every string in the line */
};

static bool is_utf8(struct mr_str s)
{
	return mr_str_is_ascii(s) || mr_utf8_is_valid(s);
}

static bool all_utf8(const struct mr_str *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_utf8(list[i]))
			return false;
	}
	return true;
}

/* Whether every string of the fact is UTF-8; otherwise the line is marked "raw". */
static bool fact_is_utf8(const struct mr_fact *fact)
{
	const struct mr_connection *c = &fact->connection;
	const struct mr_message *m = &fact->message;
	const struct mr_control *o = &fact->control;
	const struct mr_attempt *a = &fact->attempt;
	const struct mr_str texts[] = {
		fact->id,       c->client_name, c->country, c->listener,  c->helo,     c->server_name,
		c->tls_version, c->tls_cipher,  m->login,   m->mail_from, m->queue_id, m->message_id,
		m->script,      o->order,       o->subject, o->reason,    o->operator_name, a->login,
		a->protocol,    a->pwhash,      a->fail_type,
	};

	for (size_t i = 0; i < m->rcpt_count; i++) {
		const struct mr_recipient *r = &m->rcpt[i];
		if (!is_utf8(r->path) || !is_utf8(r->addr) || !is_utf8(r->host) || !is_utf8(r->mailer))
			return false;
	}
	return all_utf8(texts, sizeof(texts) / sizeof(texts[0])) && all_utf8(m->header_from, m->header_from_count) &&
	       all_utf8(m->header_sender, m->header_sender_count);
}

static void put_string(struct fact_writer *w, struct mr_str value)
{
	mr_json_string(&w->out, value, MR_FACT_LINE_MAX, w->bytes);
}

/* "name":"value", nothing when value is absent. */
static void put_text(struct fact_writer *w, const char *name, struct mr_str value)
{
	if (value.p == NULL)
		return;
	mr_json_separate(&w->out);
	mr_json_put(&w->out, "\"", 1);
	mr_json_put(&w->out, name, strlen(name));
	mr_json_put(&w->out, "\":", 2);
	put_string(w, value);
}

static void put_int(struct fact_writer *w, const char *name, int64_t value)
{
	mr_json_separate(&w->out);
	mr_json_put(&w->out, "\"", 1);
	mr_json_put(&w->out, name, strlen(name));
	mr_json_put(&w->out, "\":", 2);
	mr_json_int(&w->out, value);
}

static void put_ip(struct fact_writer *w, const struct mr_ip *ip)
{
	char text[MR_IP_TEXT_MAX];

	if (ip->family == MR_IP_UNKNOWN)
		return;
	size_t n = mr_ip_format(ip, text);
	put_text(w, "ip", (struct mr_str){ text, n });
}

/* Milliseconds as seconds with three decimals. */
static void put_time(struct fact_writer *w, int64_t ms)
{
	if (ms > TIME_MS_MAX)
		ms = TIME_MS_MAX;
	if (ms < -TIME_MS_MAX)
		ms = -TIME_MS_MAX;
	int64_t part = ms < 0 ? -(ms % 1000) : ms % 1000;
	char decimals[4] = { '.', (char)('0' + part / 100), (char)('0' + part / 10 % 10), (char)('0' + part % 10) };
	MR_JSON_MEMBER(&w->out, "\"time\":");
	if (ms < 0)
		MR_JSON_PUT(&w->out, "-");
	mr_json_int(&w->out, ms < 0 ? -(ms / 1000) : ms / 1000);
	mr_json_put(&w->out, decimals, sizeof(decimals));
}

static void put_id(struct fact_writer *w, const struct mr_fact *fact)
{
	if (fact->id.p != NULL && fact->id_is_number && mr_json_is_number(fact->id)) {
		MR_JSON_MEMBER(&w->out, "\"id\":");
		mr_json_put(&w->out, fact->id.p, fact->id.n);
		return;
	}
	put_text(w, "id", fact->id);
}

static void put_client(struct fact_writer *w, const struct mr_connection *connection)
{
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_OPEN(&w->out, "\"client\":{");
	put_ip(w, &connection->client_ip);
	put_text(w, "name", connection->client_name);
	if (connection->client_port != 0)
		put_int(w, "port", connection->client_port);
	put_text(w, "country", connection->country);
	if (connection->asn >= 0)
		put_int(w, "asn", connection->asn);
	mr_json_close(&w->out, mark, '}');
}

static void put_connection(struct fact_writer *w, const struct mr_connection *connection)
{
	put_client(w, connection);
	struct mr_json_mark mark = mr_json_mark(&w->out);
	MR_JSON_OPEN(&w->out, "\"server\":{");
	put_ip(w, &connection->server_ip);
	put_text(w, "name", connection->server_name);
	if (connection->server_port != 0)
		put_int(w, "port", connection->server_port);
	mr_json_close(&w->out, mark, '}');
	mark = mr_json_mark(&w->out);
	MR_JSON_OPEN(&w->out, "\"tls\":{");
	put_text(w, "version", connection->tls_version);
	put_text(w, "cipher", connection->tls_cipher);
	mr_json_close(&w->out, mark, '}');
	put_text(w, "listener", connection->listener);
	put_text(w, "helo", connection->helo);
	if (connection->local)
		MR_JSON_MEMBER(&w->out, "\"local\":true");
}

static void put_recipient(struct fact_writer *w, const struct mr_recipient *recipient)
{
	struct mr_str path = recipient->path.p == NULL ? MR_STR("") : recipient->path;

	mr_json_separate(&w->out);
	if (recipient->addr.p == NULL && recipient->host.p == NULL && recipient->mailer.p == NULL) {
		put_string(w, path);
		return;
	}
	MR_JSON_PUT(&w->out, "{");
	w->out.comma = false;
	put_text(w, "path", path);
	put_text(w, "addr", recipient->addr);
	put_text(w, "host", recipient->host);
	put_text(w, "mailer", recipient->mailer);
	MR_JSON_PUT(&w->out, "}");
	w->out.comma = true;
}

static void put_texts(struct fact_writer *w, const struct mr_str *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		mr_json_separate(&w->out);
		put_string(w, list[i]);
	}
	MR_JSON_PUT(&w->out, "]");
	w->out.comma = true;
}

static void put_message(struct fact_writer *w, const struct mr_message *message)
{
	put_text(w, "login", message->login);
	put_text(w, "mail_from", message->mail_from);
	MR_JSON_OPEN(&w->out, "\"rcpt\":[");
	for (size_t i = 0; i < message->rcpt_count; i++)
		put_recipient(w, &message->rcpt[i]);
	MR_JSON_PUT(&w->out, "]");
	w->out.comma = true;
	if (message->headers_seen) {
		MR_JSON_OPEN(&w->out, "\"header_from\":[");
		put_texts(w, message->header_from, message->header_from_count);
	}
	if (message->header_sender_count > 0) {
		MR_JSON_OPEN(&w->out, "\"header_sender\":[");
		put_texts(w, message->header_sender, message->header_sender_count);
	}
	if (message->declared_size >= 0)
		put_int(w, "declared_size", message->declared_size);
	if (message->size >= 0)
		put_int(w, "size", message->size);
	if (message->spam_told && message->spam)
		MR_JSON_MEMBER(&w->out, "\"spam\":true");
	else if (message->spam_told)
		MR_JSON_MEMBER(&w->out, "\"spam\":false");
	put_text(w, "script", message->script);
	if (message->aborted)
		MR_JSON_MEMBER(&w->out, "\"aborted\":true");
	put_text(w, "queue_id", message->queue_id);
	put_text(w, "message_id", message->message_id);
}

static void put_control(struct fact_writer *w, const struct mr_control *control)
{
	put_text(w, "order", control->order);
	put_text(w, "subject", control->subject);
	put_text(w, "operator", control->operator_name);
	put_text(w, "reason", control->reason);
	if (control->time_ms > 0)
		put_int(w, "seconds", (control->time_ms + 999) / 1000);
	if (!control->learn)
		MR_JSON_MEMBER(&w->out, "\"learn\":false");
}

static void put_attempt(struct fact_writer *w, const struct mr_attempt *attempt)
{
	put_text(w, "login", attempt->login);
	put_text(w, "protocol", attempt->protocol);
	if (attempt->success)
		MR_JSON_MEMBER(&w->out, "\"success\":true");
	else
		MR_JSON_MEMBER(&w->out, "\"success\":false");
	put_text(w, "pwhash", attempt->pwhash);
	put_text(w, "fail_type", attempt->fail_type);
	if (attempt->policy_reject)
		MR_JSON_MEMBER(&w->out, "\"policy_reject\":true");
}

static void put_contact(struct fact_writer *w, enum mr_contact contact)
{
	switch (contact) {
	case MR_CONTACT_CONNECTION:
		break;
	case MR_CONTACT_RESET:
		MR_JSON_MEMBER(&w->out, "\"contact\":\"reset\"");
		break;
	case MR_CONTACT_SYNTAX_ERROR:
		MR_JSON_MEMBER(&w->out, "\"contact\":\"syntax-error\"");
		break;
	}
}

static void put_kind(struct fact_writer *w, enum mr_fact_kind kind)
{
	switch (kind) {
	case MR_FACT_MESSAGE:
		MR_JSON_MEMBER(&w->out, "\"fact\":\"message\"");
		break;
	case MR_FACT_LOGIN:
		MR_JSON_MEMBER(&w->out, "\"fact\":\"login\"");
		break;
	case MR_FACT_CONNECT:
		MR_JSON_MEMBER(&w->out, "\"fact\":\"connect\"");
		break;
	case MR_FACT_CONTROL:
		MR_JSON_MEMBER(&w->out, "\"fact\":\"control\"");
		break;
	}
}

static void put_by_kind(struct fact_writer *w, const struct mr_fact *fact)
{
	switch (fact->kind) {
	case MR_FACT_MESSAGE:
		put_connection(w, &fact->connection);
		put_message(w, &fact->message);
		break;
	case MR_FACT_LOGIN:
		put_connection(w, &fact->connection);
		put_attempt(w, &fact->attempt);
		break;
	case MR_FACT_CONNECT:
		put_connection(w, &fact->connection);
		put_contact(w, fact->contact);
		break;
	case MR_FACT_CONTROL:
		put_control(w, &fact->control);
		break;
	}
}

int mr_fact_write(const struct mr_fact *fact, char *line_r, size_t size, size_t *n_r)
{
	struct fact_writer w = { .out = mr_json_over(line_r, size), .bytes = MR_JSON_TEXT };

	*n_r = 0;
	MR_JSON_PUT(&w.out, "{");
	put_time(&w, fact->time_ms);
	put_kind(&w, fact->kind);
	if (!fact_is_utf8(fact)) {
		w.bytes = MR_JSON_RAW;
		MR_JSON_MEMBER(&w.out, "\"raw\":true");
	}
	put_id(&w, fact);
	put_by_kind(&w, fact);
	MR_JSON_PUT(&w.out, "}\n");
	if (w.out.overflow || w.out.cut)
		return MR_ERR_FULL;
	*n_r = w.out.n;
	return 0;
}
