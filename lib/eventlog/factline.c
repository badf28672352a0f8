/*
 * Reads one fact from a line of JSON (mailreeve(1), "FACTS"). It checks the types of what it knows, ignores members
 * that it does not know, and judges nothing: addresses and logins stay as they came. Jansson parses; duplicate members
 * are refused, since two readers could take two different ones. Replay calls it; factwrite.c is the other direction.
 */
#include "eventlog/factline.h"

#include <math.h>

#include "base/buffer.h"
#include "base/error.h"
#include "eventlog/member.h"

/* Unix time in seconds that is taken for one: about 30,000 years either way. */
static const double time_max = 1e12;

enum { PORT_MAX = 65535, ASN_BITS = 32, SECONDS_MAX = 10 * 366 * 86400 };

/* The text of jansson's complaint may quote the line: only printable ASCII of it is kept. */
static void note_json_fault(const json_error_t *error, size_t line_length, struct mr_fact_fault *fault)
{
	struct mr_buffer why = mr_buffer_over(fault->why, sizeof(fault->why) - 1);
	size_t at = error->position > 0 ? (size_t)error->position : 1;

	fault->column = (unsigned)(at > line_length + 1 ? line_length + 1 : at);
	mr_buffer_text(&why, "not valid JSON: ");
	for (const char *p = error->text; *p != '\0' && why.n < why.size; p++)
		mr_buffer_byte(&why, *p >= ' ' && *p <= '~' ? *p : '?');
	fault->why[why.n] = '\0';
}

static void read_kind(struct mr_member_reader *reader, const json_t *root, struct mr_fact *fact)
{
	static const struct {
		const char *name;
		enum mr_fact_kind kind;
	} kinds[] = {
		{ "message", MR_FACT_MESSAGE },
		{ "login", MR_FACT_LOGIN },
		{ "connect", MR_FACT_CONNECT },
		{ "control", MR_FACT_CONTROL },
	};
	struct mr_member member = mr_member_of(root, NULL, "fact");
	struct mr_str text = MR_STR_ABSENT;

	mr_member_text(reader, member, &text);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (mr_str_equal(text, mr_str_of(kinds[i].name))) {
			fact->kind = kinds[i].kind;
			return;
		}
	}
	mr_member_fault(reader, member,
			text.p == NULL ? "is missing; it says what happened: \"message\", \"login\", ..."
				       : "must be \"message\", \"login\", \"connect\" or \"control\"");
}

static void read_time(struct mr_member_reader *reader, const json_t *root, struct mr_fact *fact)
{
	struct mr_member member = mr_member_of(root, NULL, "time");
	double seconds = json_number_value(member.value);

	if (member.value == NULL)
		mr_member_fault(reader, member, "is missing; write seconds since 1970");
	else if (!json_is_number(member.value))
		mr_member_fault(reader, member, "must be a number of seconds");
	else if (!(seconds >= -time_max && seconds <= time_max))
		mr_member_fault(reader, member, "is out of range; it is in seconds since 1970");
	else
		fact->time_ms = llround(seconds * 1000);
}

/* Jansson writes 17 digits unless told; the fewest that give the same number back are the ones that were written. */
static struct mr_str number_text(const json_t *value, char *text_r, size_t size)
{
	size_t n = 0;

	for (size_t digits = 15; digits <= 17; digits++) {
		n = json_dumpb(value, text_r, size, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
		json_t *again = json_loadb(text_r, n, JSON_DECODE_ANY, NULL);
		bool same = json_equal(value, again) == 1;
		json_decref(again);
		if (same)
			break;
	}
	return (struct mr_str){ text_r, n };
}

static void read_id(struct mr_member_reader *reader, const json_t *root, struct mr_fact *fact)
{
	struct mr_member member = mr_member_of(root, NULL, "id");
	char text[64];

	if (!json_is_number(member.value)) {
		if (member.value != NULL && !json_is_string(member.value))
			mr_member_fault(reader, member, "must be a string or a number");
		mr_member_text(reader, member, &fact->id);
		return;
	}
	fact->id_is_number = true;
	fact->id = mr_arena_copy(reader->arena, number_text(member.value, text, sizeof(text)));
	if (fact->id.p == NULL && reader->err == 0)
		reader->err = MR_ERR_NOMEM;
}

/* An address as text. One that cannot be read is no fault: a mail server can show anything, and what is unknown is
 * trusted by nobody. */
static void read_ip(struct mr_member_reader *reader, struct mr_member member, struct mr_ip *ip_r)
{
	struct mr_str text = MR_STR_ABSENT;

	mr_member_text(reader, member, &text);
	if (text.p == NULL || mr_ip_parse(text, ip_r) != 0)
		*ip_r = (struct mr_ip){ .family = MR_IP_UNKNOWN };
}

static void read_port(struct mr_member_reader *reader, struct mr_member member, unsigned *port_r)
{
	int64_t port = 0;

	mr_member_int(reader, member, PORT_MAX, &port);
	*port_r = (unsigned)port;
}

static void read_client(struct mr_member_reader *reader, const json_t *root, struct mr_connection *connection)
{
	const json_t *client = NULL;

	connection->asn = -1;
	mr_member_object(reader, mr_member_of(root, NULL, "client"), &client);
	if (client == NULL)
		return;
	read_ip(reader, mr_member_of(client, "client", "ip"), &connection->client_ip);
	mr_member_text(reader, mr_member_of(client, "client", "name"), &connection->client_name);
	read_port(reader, mr_member_of(client, "client", "port"), &connection->client_port);
	mr_member_text(reader, mr_member_of(client, "client", "country"), &connection->country);
	mr_member_int(reader, mr_member_of(client, "client", "asn"), (INT64_C(1) << ASN_BITS) - 1, &connection->asn);
}

static void read_server(struct mr_member_reader *reader, const json_t *root, struct mr_connection *connection)
{
	const json_t *server = NULL;

	mr_member_object(reader, mr_member_of(root, NULL, "server"), &server);
	if (server == NULL)
		return;
	read_ip(reader, mr_member_of(server, "server", "ip"), &connection->server_ip);
	mr_member_text(reader, mr_member_of(server, "server", "name"), &connection->server_name);
	read_port(reader, mr_member_of(server, "server", "port"), &connection->server_port);
}

static void read_connection(struct mr_member_reader *reader, const json_t *root, struct mr_connection *connection)
{
	const json_t *tls = NULL;

	read_client(reader, root, connection);
	read_server(reader, root, connection);
	mr_member_text(reader, mr_member_of(root, NULL, "listener"), &connection->listener);
	mr_member_text(reader, mr_member_of(root, NULL, "helo"), &connection->helo);
	mr_member_bool(reader, mr_member_of(root, NULL, "local"), &connection->local);
	mr_member_object(reader, mr_member_of(root, NULL, "tls"), &tls);
	if (tls != NULL) {
		mr_member_text(reader, mr_member_of(tls, "tls", "version"), &connection->tls_version);
		mr_member_text(reader, mr_member_of(tls, "tls", "cipher"), &connection->tls_cipher);
	}
}

/* An array of strings; *list_r is NULL when the member is absent, and not NULL when the array is empty. */
static void read_texts(struct mr_member_reader *reader, struct mr_member member, const struct mr_str **list_r,
		       size_t *count_r)
{
	const json_t *array = NULL;
	size_t count = 0;

	mr_member_array(reader, member, &array, &count);
	if (array == NULL)
		return;
	struct mr_str *list = mr_arena_alloc(reader->arena, count * sizeof(*list));
	if (list == NULL) {
		reader->err = MR_ERR_NOMEM;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_array_get(array, i);
		if (!json_is_string(value))
			mr_member_fault(reader, member, "must hold strings only");
		else
			mr_member_string_value(reader, value, &list[i]);
	}
	*list_r = list;
	*count_r = count;
}

static void read_recipient(struct mr_member_reader *reader, struct mr_member rcpt, const json_t *value,
			   struct mr_recipient *recipient_r)
{
	if (json_is_string(value)) {
		mr_member_string_value(reader, value, &recipient_r->path);
		return;
	}
	if (!json_is_object(value)) {
		mr_member_fault(reader, rcpt, "must hold strings and objects only");
		return;
	}
	mr_member_text(reader, mr_member_of(value, "rcpt", "path"), &recipient_r->path);
	mr_member_text(reader, mr_member_of(value, "rcpt", "addr"), &recipient_r->addr);
	mr_member_text(reader, mr_member_of(value, "rcpt", "host"), &recipient_r->host);
	mr_member_text(reader, mr_member_of(value, "rcpt", "mailer"), &recipient_r->mailer);
	if (recipient_r->path.p == NULL)
		mr_member_fault(reader, rcpt, "holds an object without \"path\"");
}

static void read_recipients(struct mr_member_reader *reader, const json_t *root, struct mr_message *message)
{
	struct mr_member member = mr_member_of(root, NULL, "rcpt");
	const json_t *array = NULL;
	size_t count = 0;

	mr_member_array(reader, member, &array, &count);
	if (array == NULL)
		return;
	struct mr_recipient *list = mr_arena_alloc(reader->arena, count * sizeof(*list));
	if (list == NULL) {
		reader->err = MR_ERR_NOMEM;
		return;
	}
	for (size_t i = 0; i < count && reader->err == 0; i++)
		read_recipient(reader, member, json_array_get(array, i), &list[i]);
	message->rcpt = list;
	message->rcpt_count = count;
}

/* true or false, or a score: above 0 is spam. */
static void read_spam(struct mr_member_reader *reader, const json_t *root, struct mr_message *message)
{
	struct mr_member member = mr_member_of(root, NULL, "spam");

	if (member.value == NULL)
		return;
	message->spam_told = true;
	if (json_is_number(member.value))
		message->spam = json_number_value(member.value) > 0;
	else if (json_is_boolean(member.value))
		message->spam = json_is_true(member.value);
	else
		mr_member_fault(reader, member, "must be true, false or a number");
}

static void read_message(struct mr_member_reader *reader, const json_t *root, struct mr_message *message)
{
	const struct mr_str *header_from = NULL;

	mr_member_text(reader, mr_member_of(root, NULL, "login"), &message->login);
	mr_member_text(reader, mr_member_of(root, NULL, "mail_from"), &message->mail_from);
	read_recipients(reader, root, message);
	read_texts(reader, mr_member_of(root, NULL, "header_from"), &header_from, &message->header_from_count);
	message->headers_seen = header_from != NULL;
	message->header_from = header_from;
	read_texts(reader, mr_member_of(root, NULL, "header_sender"), &message->header_sender,
		   &message->header_sender_count);
	message->size = -1;
	mr_member_int(reader, mr_member_of(root, NULL, "size"), INT64_MAX, &message->size);
	message->declared_size = -1;
	mr_member_int(reader, mr_member_of(root, NULL, "declared_size"), INT64_MAX, &message->declared_size);
	read_spam(reader, root, message);
	mr_member_bool(reader, mr_member_of(root, NULL, "aborted"), &message->aborted);
	mr_member_text(reader, mr_member_of(root, NULL, "script"), &message->script);
	mr_member_text(reader, mr_member_of(root, NULL, "queue_id"), &message->queue_id);
	mr_member_text(reader, mr_member_of(root, NULL, "message_id"), &message->message_id);
}

static void read_control(struct mr_member_reader *reader, const json_t *root, struct mr_control *control)
{
	struct mr_member order = mr_member_of(root, NULL, "order"), subject = mr_member_of(root, NULL, "subject");
	int64_t seconds = 0;

	mr_member_text(reader, order, &control->order);
	mr_member_text(reader, subject, &control->subject);
	mr_member_text(reader, mr_member_of(root, NULL, "operator"), &control->operator_name);
	mr_member_text(reader, mr_member_of(root, NULL, "reason"), &control->reason);
	mr_member_int(reader, mr_member_of(root, NULL, "seconds"), SECONDS_MAX, &seconds);
	control->time_ms = seconds * 1000;
	control->learn = true;
	mr_member_bool(reader, mr_member_of(root, NULL, "learn"), &control->learn);
	if (control->order.p == NULL)
		mr_member_fault(reader, order, "is missing; write \"freeze\", \"thaw\", \"block\", ...");
	if (control->subject.p == NULL)
		mr_member_fault(reader, subject, "is missing; it says whom the order is about");
}

/* Absent "success" is a failure: nothing good is learned from what was not said. */
static void read_attempt(struct mr_member_reader *reader, const json_t *root, struct mr_attempt *attempt)
{
	mr_member_text(reader, mr_member_of(root, NULL, "login"), &attempt->login);
	mr_member_text(reader, mr_member_of(root, NULL, "protocol"), &attempt->protocol);
	mr_member_text(reader, mr_member_of(root, NULL, "pwhash"), &attempt->pwhash);
	mr_member_text(reader, mr_member_of(root, NULL, "fail_type"), &attempt->fail_type);
	mr_member_bool(reader, mr_member_of(root, NULL, "success"), &attempt->success);
	mr_member_bool(reader, mr_member_of(root, NULL, "policy_reject"), &attempt->policy_reject);
}

static void read_contact(struct mr_member_reader *reader, const json_t *root, enum mr_contact *contact)
{
	static const struct {
		const char *name;
		enum mr_contact contact;
	} contacts[] = {
		{ "connection", MR_CONTACT_CONNECTION },
		{ "reset", MR_CONTACT_RESET },
		{ "syntax-error", MR_CONTACT_SYNTAX_ERROR },
	};
	struct mr_member member = mr_member_of(root, NULL, "contact");
	struct mr_str text = MR_STR_ABSENT;

	mr_member_text(reader, member, &text);
	if (text.p == NULL)
		return;
	for (size_t i = 0; i < sizeof(contacts) / sizeof(contacts[0]); i++) {
		if (mr_str_equal(text, mr_str_of(contacts[i].name))) {
			*contact = contacts[i].contact;
			return;
		}
	}
	mr_member_fault(reader, member, "must be \"connection\", \"reset\" or \"syntax-error\"");
}

static void read_by_kind(struct mr_member_reader *reader, const json_t *root, struct mr_fact *fact)
{
	switch (fact->kind) {
	case MR_FACT_MESSAGE:
		read_message(reader, root, &fact->message);
		break;
	case MR_FACT_LOGIN:
		read_attempt(reader, root, &fact->attempt);
		break;
	case MR_FACT_CONNECT:
		read_contact(reader, root, &fact->contact);
		break;
	case MR_FACT_CONTROL:
		read_control(reader, root, &fact->control);
		break;
	}
}

static void read_fact(struct mr_member_reader *reader, const json_t *root, struct mr_fact *fact)
{
	mr_member_bool(reader, mr_member_of(root, NULL, "raw"), &reader->raw);
	read_time(reader, root, fact);
	read_kind(reader, root, fact);
	read_id(reader, root, fact);
	read_connection(reader, root, &fact->connection);
	read_by_kind(reader, root, fact);
}

int mr_fact_read(struct mr_str line, struct mr_arena *arena, struct mr_fact *fact_r, struct mr_fact_fault *fault_r)
{
	struct mr_member_reader reader = { .line = line, .arena = arena, .fault = fault_r };
	json_error_t error;

	*fact_r = (struct mr_fact){ .kind = MR_FACT_MESSAGE };
	*fault_r = (struct mr_fact_fault){ .column = 1 };
	json_t *root = json_loadb(line.n == 0 ? "" : line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (root == NULL) {
		note_json_fault(&error, line.n, fault_r);
		return json_error_code(&error) == json_error_out_of_memory ? MR_ERR_NOMEM : MR_ERR_SYNTAX;
	}
	if (json_is_object(root))
		read_fact(&reader, root, fact_r);
	else
		mr_member_fault(&reader, (struct mr_member){ NULL, NULL, "the line" }, "must be an object, {...}");
	json_decref(root);
	return reader.err;
}
