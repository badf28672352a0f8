/*
 * An event as one JSON line: the objects that ECS names, in a fixed order: @timestamp, message, ecs, event, source,
 * server, network, tls, user, email, rule, related, threat, labels, observer, host, service, mailreeve. It does not
 * decide what is logged, and writes nowhere but to memory. The engine calls it.
 *
 * A line that gets too long is written again with less of each value, arrays first; at the last step even 8,192-byte
 * values in every field fit.
 */
#include "eventlog/line.h"

#include "base/timetext.h"
#include "eventlog/linewriter.h"

enum { PROTOCOL_MAX = 32 };

static const struct mr_line_limits steps[] = {
	{ .text = 1024, .list = MR_LINE_MAX }, { .text = 1024, .list = 1200 }, { .text = 512, .list = 400 },
	{ .text = 256, .list = 150 },          { .text = 64, .list = 0 },
};

void mr_line_text(struct mr_line_writer *w, const char *name, size_t name_length, struct mr_str value)
{
	if (value.p == NULL)
		return;
	mr_json_separate(&w->out);
	mr_json_put(&w->out, name, name_length);
	mr_json_string(&w->out, value, w->limits.text, MR_JSON_TEXT);
	mr_line_note_cut(w);
}

/* The words of a blank-separated constant as elements of an array. */
static void put_words(struct mr_line_writer *w, const char *words)
{
	for (;;) {
		size_t n = strcspn(words, " ");
		mr_json_separate(&w->out);
		MR_JSON_PUT(&w->out, "\"");
		mr_json_put(&w->out, words, n);
		MR_JSON_PUT(&w->out, "\"");
		if (words[n] == '\0')
			return;
		words += n + 1;
	}
}

/*
 * event.outcome as ECS means it, for the mail: success when it was let through, failure when it was refused, unknown
 * when it was held or delayed or the client went away. For what is not about mail: whether it went well.
 */
static const char *outcome_of(const struct mr_event *event)
{
	/* A guard is put on by a failed login, and nobody logged in. */
	if (event->action == MR_EVENT_LOGIN_REFUSED || event->action == MR_EVENT_LOGIN_GUARDED)
		return "failure";
	if (event->decided) {
		if (event->unfinished)
			return "unknown";
		switch (event->decision.verdict) {
		case MR_ACCEPT:
			return "success";
		case MR_REJECT:
			return "failure";
		case MR_HOLD:
		case MR_TEMPFAIL:
			return "unknown";
		}
	}
	return strcmp(mr_event_row(event->action)->types, "error") == 0 ? "failure" : "success";
}

static void put_type(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_OPEN(&w->out, "\"type\":[");
	put_words(w, mr_event_row(event->action)->types);
	if (event->action == MR_EVENT_VERDICT && !event->unfinished) {
		if (event->decision.verdict == MR_ACCEPT)
			put_words(w, "allowed");
		else if (event->decision.verdict == MR_REJECT)
			put_words(w, "denied");
	}
	mr_json_close(&w->out, mark, ']');
}

/* The enhanced status code that the client was given; absent when it was not refused by SMTP. */
static struct mr_str code_of(const struct mr_event *event)
{
	if (!event->decided || event->decision.reason == MR_REASON_NONE || event->action == MR_EVENT_LOGIN_REFUSED ||
	    event->action == MR_EVENT_LOGIN_GUARDED)
		return MR_STR_ABSENT;
	if (event->decision.verdict != MR_REJECT && event->decision.verdict != MR_TEMPFAIL)
		return MR_STR_ABSENT;
	const struct mr_reason_row *row = mr_reason_row(event->decision.reason);
	if (event->decision.verdict == MR_TEMPFAIL && row->code >= 500)
		row = mr_reason_row(MR_REASON_CANNOT_TELL);
	return row->code == 0 ? MR_STR_ABSENT : mr_str_of(row->enhanced);
}

static struct mr_str reason_of(const struct mr_event *event)
{
	if (event->detail.p != NULL || !event->decided)
		return event->detail;
	if (event->decision.reason == MR_REASON_NONE && mr_line_is_screening(event))
		return mr_str_of(mr_reason_row(event->decision.would_reason)->sentence);
	return mr_str_of(mr_reason_row(event->decision.reason)->sentence);
}

static int severity_of(const struct mr_event *event)
{
	bool refused = event->action == MR_EVENT_VERDICT && event->decision.verdict != MR_ACCEPT;

	return mr_event_row(refused ? MR_EVENT_REFUSED : event->action)->severity;
}

static struct mr_str id_text(const char id[MR_EVENT_ID_MAX])
{
	return id[0] == '\0' ? MR_STR_ABSENT : (struct mr_str){ id, strnlen(id, MR_EVENT_ID_MAX) };
}

static void put_event(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	const struct mr_event_row *row = mr_event_row(event->action);

	MR_JSON_OPEN(&w->out, "\"event\":{");
	MR_LINE_TEXT(w, "\"kind\":", mr_str_of(row->kind));
	MR_LINE_TEXT(w, "\"action\":", mr_str_of(row->action));
	struct mr_json_mark category = mr_json_mark(&w->out);
	MR_JSON_OPEN(&w->out, "\"category\":[");
	put_words(w, row->categories);
	mr_json_close(&w->out, category, ']');
	put_type(w);
	MR_LINE_TEXT(w, "\"outcome\":", mr_str_of(outcome_of(event)));
	MR_LINE_TEXT(w, "\"reason\":", reason_of(event));
	MR_LINE_TEXT(w, "\"code\":", code_of(event));
	MR_LINE_TEXT(w, "\"id\":", id_text(event->id));
	MR_JSON_MEMBER(&w->out, "\"sequence\":");
	mr_json_uint(&w->out, event->sequence);
	MR_JSON_MEMBER(&w->out, "\"severity\":");
	mr_json_int(&w->out, severity_of(event));
	if (event->duration_ns >= 0) {
		MR_JSON_MEMBER(&w->out, "\"duration\":");
		mr_json_int(&w->out, event->duration_ns);
	}
	MR_JSON_MEMBER(&w->out, "\"dataset\":\"mailreeve.events\",\"module\":\"mailreeve\",");
	MR_JSON_PUT(&w->out, "\"provider\":\"mailreeved\"}");
}

/* The client's name unless it says only that there is none: "unknown" (Postfix), "[192.0.2.7]" (Sendmail). */
static struct mr_str client_name(const struct mr_connection *connection)
{
	struct mr_str name = connection->client_name;

	if (name.n == 0 || name.p[0] == '[' || mr_str_equal(name, MR_STR("unknown")))
		return MR_STR_ABSENT;
	return name;
}

static void put_port(struct mr_line_writer *w, unsigned port)
{
	if (port == 0)
		return;
	MR_JSON_MEMBER(&w->out, "\"port\":");
	mr_json_uint(&w->out, port);
}

static void put_as(struct mr_line_writer *w, const struct mr_connection *connection)
{
	struct mr_str name = w->event->as_name.n > 0 ? w->event->as_name : connection->as_name;

	if (connection->asn < 0)
		return;
	MR_JSON_OPEN(&w->out, "\"as\":{");
	MR_JSON_MEMBER(&w->out, "\"number\":");
	mr_json_int(&w->out, connection->asn);
	if (name.n > 0) {
		MR_JSON_MEMBER(&w->out, "\"organization\":{\"name\":");
		mr_json_string(&w->out, name, w->limits.text, MR_JSON_TEXT);
		MR_JSON_PUT(&w->out, "}");
		mr_line_note_cut(w);
	}
	MR_JSON_PUT(&w->out, "}");
	w->out.comma = true;
}

static void put_source(struct mr_line_writer *w)
{
	const struct mr_connection *connection = w->event->connection;
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_OPEN(&w->out, "\"source\":{");
	MR_LINE_TEXT(w, "\"ip\":", w->client);
	if (connection != NULL) {
		put_port(w, connection->client_port);
		MR_LINE_TEXT(w, "\"domain\":", client_name(connection));
		if (connection->country.p != NULL) {
			MR_JSON_MEMBER(&w->out, "\"geo\":{\"country_iso_code\":");
			mr_json_string(&w->out, connection->country, w->limits.text, MR_JSON_TEXT);
			MR_JSON_PUT(&w->out, "}");
		}
		put_as(w, connection);
	}
	mr_json_close(&w->out, mark, '}');
}

static void put_server(struct mr_line_writer *w)
{
	const struct mr_connection *connection = w->event->connection;
	char text[MR_IP_TEXT_MAX];
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_OPEN(&w->out, "\"server\":{");
	if (connection->server_ip.family != MR_IP_UNKNOWN) {
		size_t n = mr_ip_format(&connection->server_ip, text);
		MR_LINE_TEXT(w, "\"ip\":", ((struct mr_str){ text, n }));
	}
	put_port(w, connection->server_port);
	MR_LINE_TEXT(w, "\"domain\":", connection->server_name);
	mr_json_close(&w->out, mark, '}');
}

/* ECS wants a protocol in lower case. */
static void put_protocol(struct mr_line_writer *w)
{
	struct mr_str protocol = w->event->protocol;
	char lower[PROTOCOL_MAX];

	if (protocol.n == 0)
		protocol = MR_STR("smtp");
	protocol = mr_str_part(protocol, 0, PROTOCOL_MAX);
	for (size_t i = 0; i < protocol.n; i++)
		lower[i] = protocol.p[i] >= 'A' && protocol.p[i] <= 'Z' ? (char)(protocol.p[i] + 32) : protocol.p[i];
	MR_JSON_MEMBER(&w->out, "\"protocol\":");
	mr_json_string(&w->out, (struct mr_str){ lower, protocol.n }, w->limits.text, MR_JSON_TEXT);
}

static void put_network(struct mr_line_writer *w)
{
	const struct mr_connection *connection = w->event->connection;
	struct mr_json_mark mark = mr_json_mark(&w->out);

	if (connection == NULL ? w->event->protocol.n == 0
			       : connection->local && connection->client_ip.family == MR_IP_UNKNOWN)
		return;
	MR_JSON_OPEN(&w->out, "\"network\":{");
	put_protocol(w);
	MR_JSON_MEMBER(&w->out, "\"transport\":\"tcp\"");
	switch (connection != NULL ? connection->client_ip.family : MR_IP_UNKNOWN) {
	case MR_IP_UNKNOWN:
		break;
	case MR_IP_V4:
		MR_JSON_MEMBER(&w->out, "\"type\":\"ipv4\"");
		break;
	case MR_IP_V6:
		MR_JSON_MEMBER(&w->out, "\"type\":\"ipv6\"");
		break;
	}
	mr_json_close(&w->out, mark, '}');
}

/* tls.version is the number alone in ECS: "TLSv1.3" gives "1.3". */
static struct mr_str tls_number(struct mr_str version)
{
	const struct mr_str head = MR_STR("TLSv");

	if (mr_str_equal(mr_str_part(version, 0, head.n), head))
		return mr_str_part(version, head.n, version.n);
	return version;
}

static void put_tls(struct mr_line_writer *w)
{
	const struct mr_connection *connection = w->event->connection;
	struct mr_json_mark mark = mr_json_mark(&w->out);

	if (connection->tls_version.n == 0 && connection->tls_cipher.n == 0)
		return;
	MR_JSON_OPEN(&w->out, "\"tls\":{");
	MR_LINE_TEXT(w, "\"version\":", tls_number(connection->tls_version));
	MR_LINE_TEXT(w, "\"cipher\":", connection->tls_cipher);
	mr_json_close(&w->out, mark, '}');
}

static void put_rule(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_OPEN(&w->out, "\"rule\":{");
	if (event->decided && event->decision.reason != MR_REASON_NONE) {
		const struct mr_rule_row *row = mr_rule_row(mr_reason_row(event->decision.reason)->rule);
		MR_LINE_TEXT(w, "\"id\":", mr_str_of(row->name));
		MR_LINE_TEXT(w, "\"name\":", mr_str_of(row->words));
	}
	MR_LINE_TEXT(w, "\"ruleset\":", event->ruleset);
	if (event->generation > 0) {
		MR_JSON_MEMBER(&w->out, "\"version\":\"");
		mr_json_uint(&w->out, event->generation);
		MR_JSON_PUT(&w->out, "\"");
	}
	mr_json_close(&w->out, mark, '}');
}

static void put_labels(struct mr_line_writer *w)
{
	struct mr_str id = w->event->fact_id;

	if (id.p == NULL)
		return;
	MR_JSON_MEMBER(&w->out, "\"labels\":{\"fact_id\":");
	if (w->event->fact_id_is_number && mr_json_is_number(id))
		mr_json_put(&w->out, id.p, id.n);
	else
		mr_json_string(&w->out, id, w->limits.text, MR_JSON_TEXT);
	MR_JSON_PUT(&w->out, "}");
	mr_line_note_cut(w);
}

static void put_observer(struct mr_line_writer *w)
{
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_OPEN(&w->out, "\"observer\":{");
	MR_JSON_MEMBER(&w->out, "\"product\":\"Mailreeve\",\"type\":\"email-gateway\"");
	MR_LINE_TEXT(w, "\"version\":", w->observer->version);
	MR_LINE_TEXT(w, "\"hostname\":", w->observer->host);
	mr_json_close(&w->out, mark, '}');
	if (w->observer->host.p != NULL) {
		MR_JSON_MEMBER(&w->out, "\"host\":{\"name\":");
		mr_json_string(&w->out, w->observer->host, w->limits.text, MR_JSON_TEXT);
		MR_JSON_PUT(&w->out, "}");
	}
	MR_JSON_MEMBER(&w->out, "\"service\":{\"name\":\"mailreeve\",\"type\":\"mailreeve\"}");
}

static void put_connection(struct mr_line_writer *w)
{
	put_source(w);
	if (w->event->connection != NULL)
		put_server(w);
	put_network(w);
	if (w->event->connection != NULL)
		put_tls(w);
}

static void put_line(struct mr_line_writer *w)
{
	char time[MR_TIME_TEXT_MAX];
	size_t time_length = mr_time_format(w->event->time_ms, time);

	MR_JSON_PUT(&w->out, "{\"@timestamp\":\"");
	mr_json_put(&w->out, time, time_length);
	MR_JSON_PUT(&w->out, "\",\"message\":\"");
	mr_line_sentence(w);
	MR_JSON_PUT(&w->out, "\",\"ecs\":{\"version\":\"9.0.0\"}");
	w->out.comma = true;
	put_event(w);
	put_connection(w);
	mr_line_user(w);
	mr_line_email(w);
	put_rule(w);
	mr_line_related(w);
	mr_line_threat(w);
	put_labels(w);
	put_observer(w);
	mr_line_own_fields(w);
	MR_JSON_PUT(&w->out, "}\n");
}

/* The client's address: of the connection, or the one address that the line's source is. */
static void find_client(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	struct mr_prefix prefix;
	const char *why;
	struct mr_ip ip = { .family = MR_IP_UNKNOWN };

	if (event->connection != NULL)
		ip = event->connection->client_ip;
	else if (event->prefix.n > 0 && mr_prefix_parse(event->prefix, &prefix, &why) == 0 &&
		 prefix.length == (prefix.ip.family == MR_IP_V4 ? 32 : 128))
		ip = prefix.ip;
	if (ip.family != MR_IP_UNKNOWN)
		w->client = (struct mr_str){ w->client_text, mr_ip_format(&ip, w->client_text) };
}

size_t mr_line_write(const struct mr_event *event, const struct mr_observer *observer, const struct mr_log_policy *log,
		     char line_r[MR_LINE_MAX])
{
	struct mr_line_writer w = { .event = event, .observer = observer, .log = log };

	find_client(&w);
	for (size_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++) {
		w.out = mr_json_over(line_r, MR_LINE_MAX);
		w.limits = steps[step];
		w.truncated = step > 0;
		put_line(&w);
		if (!w.out.overflow)
			break;
	}
	return w.out.n;
}
