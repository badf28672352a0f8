/*
 * Facts as JSON lines: what each member becomes, what is refused and where, and that writing and reading are each
 * other's mirror over random facts.
 */
#include "eventlog/factline.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "harness.h"

enum { ARENA_LIMIT = 8 << 20, RANDOM_ROUNDS = 20000, LINE_SIZE = 1 << 18 };

static struct mr_arena *arena;

static void make_arena(void)
{
	arena = mr_arena_new(ARENA_LIMIT);
}

static void drop_arena(void)
{
	mr_arena_free(&arena);
}

/* Check notes every assertion that holds, which costs too much in loops. */
#define REQUIRE(condition, ...)                    \
	do {                                       \
		if (!(condition))                  \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

static struct mr_fact read_good(struct mr_str line)
{
	struct mr_fact fact;
	struct mr_fact_fault fault;
	int err = mr_fact_read(line, arena, &fact, &fault);

	REQUIRE(err == 0, "%u: %s in %.*s", fault.column, fault.why, (int)line.n, line.p);
	return fact;
}

static struct mr_fact_fault read_bad(struct mr_str line)
{
	struct mr_fact fact;
	struct mr_fact_fault fault;

	ck_assert_int_eq(mr_fact_read(line, arena, &fact, &fault), MR_ERR_SYNTAX);
	ck_assert_uint_ge(fault.column, 1);
	ck_assert_uint_le(fault.column, line.n + 1);
	return fault;
}

static void check_str(struct mr_str s, struct mr_str expected)
{
	REQUIRE(mr_str_equal(s, expected), "\"%.*s\", not \"%.*s\"", (int)s.n, s.p == NULL ? "" : s.p, (int)expected.n,
		expected.p == NULL ? "" : expected.p);
}

static void check_ip(const struct mr_ip *ip, const char *expected)
{
	char text[MR_IP_TEXT_MAX];

	mr_ip_format(ip, text);
	ck_assert_str_eq(text, expected);
}

START_TEST(a_message_with_everything)
{
	struct mr_fact fact = read_good(MR_STR(
		"{\"time\":1795301467.0425,\"fact\":\"message\",\"id\":\"f1\","
		"\"client\":{\"ip\":\"IPv6:2001:DB8::7\",\"name\":\"c\",\"port\":25,\"country\":\"DE\",\"asn\":64496},"
		"\"server\":{\"name\":\"mx1\",\"ip\":\"192.0.2.25\",\"port\":587},"
		"\"tls\":{\"version\":\"TLSv1.3\",\"cipher\":\"AES\"},\"listener\":\"submission\","
		"\"helo\":\"h\",\"local\":true,"
		"\"login\":\"bob\",\"mail_from\":\"<a@b>\","
		"\"rcpt\":[\"<x@y>\",{\"path\":\"<z@y>\",\"addr\":\"z@y\",\"host\":\"y\",\"mailer\":\"smtp\"}],"
		"\"header_from\":[\"a@b\",\"c@d\"],\"header_sender\":[\"s@b\"],\"size\":4096,"
		"\"declared_size\":4000,\"spam\":true,\"queue_id\":\"Q\",\"message_id\":\"<m@i>\",\"later\":[{}]}\n"));

	ck_assert_int_eq(fact.kind, MR_FACT_MESSAGE);
	ck_assert_int_eq(fact.time_ms, INT64_C(1795301467043));
	check_str(fact.id, MR_STR("f1"));
	ck_assert(!fact.id_is_number);
	check_ip(&fact.connection.client_ip, "2001:db8::7");
	check_str(fact.connection.client_name, MR_STR("c"));
	ck_assert_uint_eq(fact.connection.client_port, 25);
	check_str(fact.connection.country, MR_STR("DE"));
	ck_assert_int_eq(fact.connection.asn, 64496);
	check_str(fact.connection.server_name, MR_STR("mx1"));
	check_ip(&fact.connection.server_ip, "192.0.2.25");
	ck_assert_uint_eq(fact.connection.server_port, 587);
	check_str(fact.connection.tls_version, MR_STR("TLSv1.3"));
	check_str(fact.connection.tls_cipher, MR_STR("AES"));
	check_str(fact.connection.listener, MR_STR("submission"));
	check_str(fact.connection.helo, MR_STR("h"));
	ck_assert(fact.connection.local);
	check_str(fact.message.login, MR_STR("bob"));
	check_str(fact.message.mail_from, MR_STR("<a@b>"));
	ck_assert_uint_eq(fact.message.rcpt_count, 2);
	check_str(fact.message.rcpt[0].path, MR_STR("<x@y>"));
	check_str(fact.message.rcpt[0].addr, MR_STR_ABSENT);
	check_str(fact.message.rcpt[1].path, MR_STR("<z@y>"));
	check_str(fact.message.rcpt[1].addr, MR_STR("z@y"));
	check_str(fact.message.rcpt[1].host, MR_STR("y"));
	check_str(fact.message.rcpt[1].mailer, MR_STR("smtp"));
	ck_assert(fact.message.headers_seen);
	ck_assert_uint_eq(fact.message.header_from_count, 2);
	check_str(fact.message.header_from[1], MR_STR("c@d"));
	ck_assert_uint_eq(fact.message.header_sender_count, 1);
	check_str(fact.message.header_sender[0], MR_STR("s@b"));
	ck_assert_int_eq(fact.message.size, 4096);
	ck_assert_int_eq(fact.message.declared_size, 4000);
	ck_assert(fact.message.spam_told && fact.message.spam);
	check_str(fact.message.queue_id, MR_STR("Q"));
	check_str(fact.message.message_id, MR_STR("<m@i>"));
}
END_TEST

START_TEST(a_message_with_nothing)
{
	static const struct mr_str lines[] = {
		MR_STR("{\"time\":0,\"fact\":\"message\"}"),
		MR_STR("{\"time\":0,\"fact\":\"message\",\"id\":null,\"client\":null,\"server\":null,"
		       "\"tls\":null,\"listener\":null,\"helo\":null,\"local\":null,\"login\":null,\"mail_from\":null,"
		       "\"rcpt\":null,\"header_from\":null,"
		       "\"header_sender\":null,\"size\":null,\"declared_size\":null,\"spam\":null,\"queue_id\":null,"
		       "\"message_id\":null,\"raw\":null}"),
	};

	for (size_t i = 0; i < 2; i++) {
		struct mr_fact fact = read_good(lines[i]);
		ck_assert_ptr_null(fact.id.p);
		ck_assert_int_eq(fact.connection.client_ip.family, MR_IP_UNKNOWN);
		ck_assert_int_eq(fact.connection.asn, -1);
		ck_assert_ptr_null(fact.connection.helo.p);
		ck_assert_ptr_null(fact.message.login.p);
		ck_assert_ptr_null(fact.message.mail_from.p);
		ck_assert_uint_eq(fact.message.rcpt_count, 0);
		ck_assert(!fact.message.headers_seen);
		ck_assert_int_eq(fact.message.size, -1);
		ck_assert_int_eq(fact.message.declared_size, -1);
		ck_assert(!fact.message.spam_told);
	}
}
END_TEST

START_TEST(no_from_is_not_the_same_as_from_unknown)
{
	struct mr_fact fact = read_good(MR_STR("{\"time\":0,\"fact\":\"message\",\"header_from\":[]}"));

	ck_assert(fact.message.headers_seen);
	ck_assert_uint_eq(fact.message.header_from_count, 0);
}
END_TEST

START_TEST(client_addresses)
{
	static const char *const cases[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "IPv6:::1", "::1" },
		{ "unknown", "unknown" },
		{ "", "unknown" },
		{ "192.0.2.01", "unknown" },
		{ "fe80::1%eth0", "unknown" },
		{ "[192.0.2.1]", "unknown" },
		{ "1.2.3.4.5", "unknown" },
	};
	char line[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "{\"time\":0,\"fact\":\"connect\",\"client\":{\"ip\":\"%s\"}}",
			 cases[i][0]);
		struct mr_fact fact = read_good(mr_str_of(line));
		ck_assert_int_eq(fact.kind, MR_FACT_CONNECT);
		check_ip(&fact.connection.client_ip, cases[i][1]);
	}
}
END_TEST

START_TEST(ids_that_are_numbers_keep_their_digits)
{
	static const char *const numbers[] = { "0", "17", "-5", "9223372036854775807", "0.1", "1.5", "-2.25" };
	char line[128];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(line, sizeof(line), "{\"id\":%s,\"time\":0,\"fact\":\"message\"}", numbers[i]);
		struct mr_fact fact = read_good(mr_str_of(line));
		ck_assert(fact.id_is_number);
		check_str(fact.id, mr_str_of(numbers[i]));
	}
}
END_TEST

START_TEST(any_byte_survives)
{
	struct mr_fact fact = read_good(MR_STR("{\"time\":0,\"fact\":\"message\",\"helo\":\"a\\u0000b\","
					       "\"login\":\"\\u00e9\"}"));

	check_str(fact.connection.helo, MR_STR("a\0b"));
	check_str(fact.message.login, MR_STR("\xc3\xa9"));
	fact = read_good(MR_STR(
		"{\"raw\":true,\"time\":0,\"fact\":\"message\","
		"\"helo\":\"\\u00ff\\u0080\\u0000\\u20ac\",\"login\":\"\\u00c3\\u00a9\","
				"\"rcpt\":[\"\\u00fe\"],\"header_from\":[\"\\u00c2\"]}"));
	check_str(fact.connection.helo, MR_STR("\xff\x80\0\xe2\x82\xac"));
	check_str(fact.message.login, MR_STR("\xc3\xa9"));
	check_str(fact.message.rcpt[0].path, MR_STR("\xfe"));
	check_str(fact.message.header_from[0], MR_STR("\xc2"));
}
END_TEST

START_TEST(facts_of_later_versions_are_read)
{
	struct mr_fact fact = read_good(MR_STR("{\"time\":1.5,\"fact\":\"login\",\"login\":\"bob\","
					       "\"protocol\":\"imap\",\"success\":false,"
					       "\"pwhash\":\"\",\"fail_type\":\"password\"}"));

	ck_assert_int_eq(fact.kind, MR_FACT_LOGIN);
	ck_assert_int_eq(fact.time_ms, 1500);
	fact = read_good(MR_STR("{\"time\":2,\"fact\":\"control\",\"order\":\"freeze\","
				"\"subject\":\"bob\",\"operator\":\"root\"}"));
	ck_assert_int_eq(fact.kind, MR_FACT_CONTROL);
}
END_TEST

START_TEST(a_login_and_what_it_leaves_out)
{
	struct mr_fact fact = read_good(MR_STR("{\"time\":1,\"fact\":\"login\",\"client\":{\"ip\":\"192.0.2.7\"},\"login\":\"bob\","
					       "\"protocol\":\"imap\",\"success\":true,\"pwhash\":\"0dd2\","
					       "\"fail_type\":\"\",\"policy_reject\":true}"));

	ck_assert_int_eq(fact.kind, MR_FACT_LOGIN);
	check_ip(&fact.connection.client_ip, "192.0.2.7");
	check_str(fact.attempt.login, MR_STR("bob"));
	check_str(fact.attempt.protocol, MR_STR("imap"));
	check_str(fact.attempt.pwhash, MR_STR("0dd2"));
	check_str(fact.attempt.fail_type, MR_STR(""));
	ck_assert(fact.attempt.success && fact.attempt.policy_reject);
	fact = read_good(MR_STR("{\"time\":1,\"fact\":\"login\"}"));
	ck_assert_ptr_null(fact.attempt.login.p);
	ck_assert(!fact.attempt.success && !fact.attempt.policy_reject);
}
END_TEST

START_TEST(what_a_connection_did)
{
	ck_assert_int_eq(read_good(MR_STR("{\"time\":1,\"fact\":\"connect\"}")).contact, MR_CONTACT_CONNECTION);
	ck_assert_int_eq(read_good(MR_STR("{\"time\":1,\"fact\":\"connect\",\"contact\":\"connection\"}")).contact,
			 MR_CONTACT_CONNECTION);
	ck_assert_int_eq(read_good(MR_STR("{\"time\":1,\"fact\":\"connect\",\"contact\":\"reset\"}")).contact,
			 MR_CONTACT_RESET);
	ck_assert_int_eq(read_good(MR_STR("{\"time\":1,\"fact\":\"connect\",\"contact\":\"syntax-error\"}")).contact,
			 MR_CONTACT_SYNTAX_ERROR);
}
END_TEST

/* The fault names the member and points at it: at what is marked by '^' in the line, which is taken out before. */
static void check_fault(const char *marked, const char *why)
{
	char line[256];
	size_t mark = strcspn(marked, "^");

	snprintf(line, sizeof(line), "%.*s%s", (int)mark, marked, marked + mark + 1);
	struct mr_fact_fault fault = read_bad(mr_str_of(line));
	ck_assert_msg(strcmp(fault.why, why) == 0, "\"%s\", not \"%s\"", fault.why, why);
	ck_assert_msg(fault.column == mark + 1, "column %u, not %zu in %s", fault.column, mark + 1, line);
}

START_TEST(wrong_types_are_named_and_pointed_at)
{
	check_fault("{^\"time\":\"now\",\"fact\":\"message\"}", "time must be a number of seconds");
	check_fault("{^\"time\":1e13,\"fact\":\"message\"}", "time is out of range; it is in seconds since 1970");
	check_fault("{\"time\":0, ^\"fact\" : \"mesage\"}",
		    "fact must be \"message\", \"login\", \"connect\" or \"control\"");
	check_fault("{\"time\":0,^\"fact\":7}", "fact must be a string");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"id\":[]}", "id must be a string or a number");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"login\":true}", "login must be a string");
	check_fault("{\"login\\\"\":\"login\",\"time\":0,\"fact\":\"message\",^\"login\":1}", "login must be a string");
	check_fault("{\"x\":{\"login\":1},\"time\":0,\"fact\":\"message\",^\"login\":1}", "login must be a string");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"client\":\"192.0.2.1\"}", "client must be an object");
	check_fault("{\"ip\":1,\"time\":0,\"fact\":\"message\",\"client\":{^\"ip\":1}}", "client.ip must be a string");
	check_fault("{\"time\":0,\"fact\":\"message\",\"client\":{\"ip\":null,^\"port\":65536}}",
		    "client.port is too large");
	check_fault("{\"time\":0,\"fact\":\"message\",\"client\":{^\"asn\":-1}}", "client.asn must not be negative");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"rcpt\":\"<a@b>\"}", "rcpt must be an array");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"rcpt\":[\"<a@b>\",null]}",
		    "rcpt must hold strings and objects only");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"rcpt\":[{\"addr\":\"a\"}]}",
		    "rcpt holds an object without \"path\"");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"header_from\":[1]}", "header_from must hold strings only");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"size\":1.5}", "size must be a whole number");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"spam\":\"yes\"}", "spam must be true, false or a number");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"local\":1}", "local must be true or false");
	check_fault("{\"time\":0,\"fact\":\"message\",^\"raw\":1}", "raw must be true or false");
	check_fault("{\"time\":0,\"fact\":\"login\",^\"success\":1}", "success must be true or false");
	check_fault("{\"time\":0,\"fact\":\"login\",^\"policy_reject\":\"no\"}", "policy_reject must be true or false");
	check_fault("{\"time\":0,\"fact\":\"login\",^\"fail_type\":1}", "fail_type must be a string");
	check_fault("{\"time\":0,\"fact\":\"connect\",^\"contact\":\"reste\"}",
		    "contact must be \"connection\", \"reset\" or \"syntax-error\"");
	check_fault("{\"time\":0,\"fact\":\"control\",^\"order\":1}", "order must be a string");
	check_fault("^{\"fact\":\"message\"}", "time is missing; write seconds since 1970");
	check_fault("^{\"time\":1}", "fact is missing; it says what happened: \"message\", \"login\", ...");
	check_fault("^[]", "the line must be an object, {...}");
}
END_TEST

START_TEST(what_is_no_json_is_refused)
{
	static const struct mr_str lines[] = {
		MR_STR(""),
		MR_STR(" "),
		MR_STR("{"),
		MR_STR("{\"time\":1"),
		MR_STR("{\"time\":1,\"fact\":\"message\"} x"),
		MR_STR("{\"time\":1,\"time\":2,\"fact\":\"message\"}"),
		MR_STR("{\"time\":NaN,\"fact\":\"message\"}"),
		MR_STR("{\"time\":1e999,\"fact\":\"message\"}"),
		MR_STR("{\"time\":1,\"fact\":\"message\",\"helo\":\"\xff\"}"),
		MR_STR("{\"time\":1,\"fact\":\"message\",\"helo\":\"\\ud800\"}"),
		MR_STR("{\"time\":1,\"fact\":\"message\",\"helo\":\"\n\"}"),
		MR_STR("{\"time\":99999999999999999999,\"fact\":\"message\"}"),
		MR_STR("\0"),
		MR_STR("\x1b[2J"),
		MR_STR("{\"time\":1,\"fact\":\"message\",\"client\":{\"ip\":null,\"ip\":null}}"),
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct mr_fact_fault fault = read_bad(lines[i]);
		ck_assert_int_eq(strncmp(fault.why, "not valid JSON: ", 16), 0);
		for (const char *p = fault.why; *p != '\0'; p++)
			ck_assert(*p >= ' ' && *p <= '~');
	}
}
END_TEST

START_TEST(depth_is_bounded)
{
	static char line[1 << 17];

	memset(line, '[', sizeof(line));
	read_bad((struct mr_str){ line, sizeof(line) });
}
END_TEST

START_TEST(a_small_arena_is_no_crash)
{
	struct mr_arena *small = mr_arena_new(64);
	struct mr_fact fact;
	struct mr_fact_fault fault;
	struct mr_str line = MR_STR("{\"time\":0,\"fact\":\"message\",\"rcpt\":[\"a\",\"b\",\"c\"],\"helo\":\"h\"}");

	ck_assert_int_eq(mr_fact_read(line, small, &fact, &fault), MR_ERR_NOMEM);
	mr_arena_free(&small);
}
END_TEST

static uint64_t random_state = 88172645463325252u;

static unsigned random_below(unsigned limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % limit;
}

/* Absent, empty, plain, any UTF-8, or any bytes when raw. */
static struct mr_str random_str(bool raw)
{
	static const char *const pieces[] = { "a",
					      "@",
					      "<",
					      ">",
					      "\"",
					      "\\",
					      "\n",
					      "\x7f",
					      "\xc3\xa9",
					      "\xe2\x80\xa8",
					      "\xf0\x9f\x93\xa7",
					      "\xc2\x80",
					      "\xef\xbf\xbf" };
	unsigned form = random_below(raw ? 4 : 3);
	char text[64];
	size_t n = 0;

	if (form == 0)
		return MR_STR_ABSENT;
	unsigned count = random_below(12);
	for (unsigned i = 0; i < count; i++) {
		if (form == 3 || random_below(20) == 0) {
			text[n++] = form == 3 ? (char)random_below(256) : '\0';
			continue;
		}
		const char *piece = pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))];
		memcpy(text + n, piece, strlen(piece));
		n += strlen(piece);
	}
	return mr_arena_copy(arena, (struct mr_str){ text, n });
}

static struct mr_str random_present(bool raw)
{
	struct mr_str s = random_str(raw);

	return s.p == NULL ? MR_STR("") : s;
}

static struct mr_ip random_ip(void)
{
	unsigned char bytes[16];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)random_below(256);
	return mr_ip_from_bytes(bytes, random_below(3) == 0 ? 0 : random_below(2) == 0 ? 4 : 16);
}

static int64_t random_size(void)
{
	return random_below(3) == 0 ? -1 : (int64_t)random_below(1u << 31) * (1 + random_below(1u << 31));
}

static void random_connection(struct mr_connection *c, bool raw)
{
	*c = (struct mr_connection){ .client_ip = random_ip(), .server_ip = random_ip() };
	c->client_name = random_str(raw);
	c->client_port = random_below(65536);
	c->country = random_str(raw);
	c->asn = random_below(2) == 0 ? -1 : (int64_t)random_below(1u << 31) * 2 + 1;
	c->listener = random_str(raw);
	c->helo = random_str(raw);
	c->server_name = random_str(raw);
	c->server_port = random_below(65536);
	c->tls_version = random_str(raw);
	c->tls_cipher = random_str(raw);
	c->local = random_below(2) == 0;
}

static const struct mr_str *random_list(size_t count, bool raw)
{
	struct mr_str *list = mr_arena_alloc(arena, count * sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i] = random_present(raw);
	return list;
}

static void random_message(struct mr_message *m, bool raw)
{
	*m = (struct mr_message){ .login = random_str(raw),
				  .mail_from = random_str(raw),
				  .rcpt_count = random_below(4) };
	struct mr_recipient *rcpt = mr_arena_alloc(arena, m->rcpt_count * sizeof(*rcpt));
	for (size_t i = 0; i < m->rcpt_count; i++)
		rcpt[i] =
			(struct mr_recipient){ random_present(raw), random_str(raw), random_str(raw), random_str(raw) };
	m->rcpt = rcpt;
	m->headers_seen = random_below(2) == 0;
	m->header_from_count = m->headers_seen ? random_below(3) : 0;
	m->header_from = random_list(m->header_from_count, raw);
	m->header_sender_count = random_below(3);
	m->header_sender = random_list(m->header_sender_count, raw);
	m->declared_size = random_size();
	m->size = random_size();
	m->spam_told = random_below(2) == 0;
	m->spam = m->spam_told && random_below(2) == 0;
	m->queue_id = random_str(raw);
	m->message_id = random_str(raw);
}

static void random_control(struct mr_control *c, bool raw)
{
	*c = (struct mr_control){ .order = random_present(raw), .subject = random_present(raw) };
	c->operator_name = random_str(raw);
	c->reason = random_str(raw);
	c->time_ms = (int64_t)random_below(1u << 20) * 1000;
	c->learn = random_below(2) == 0;
}

static void random_attempt(struct mr_attempt *a, bool raw)
{
	*a = (struct mr_attempt){ .login = random_str(raw), .protocol = random_str(raw), .pwhash = random_str(raw) };
	a->fail_type = random_str(raw);
	a->success = random_below(2) == 0;
	a->policy_reject = random_below(2) == 0;
}

static struct mr_fact random_fact(void)
{
	static const enum mr_fact_kind kinds[] = { MR_FACT_MESSAGE, MR_FACT_LOGIN, MR_FACT_CONNECT, MR_FACT_CONTROL };
	bool raw = random_below(3) == 0;
	struct mr_fact fact = { .kind = kinds[random_below(4)], .id = random_str(raw) };

	fact.time_ms = (int64_t)random_below(1u << 31) * (int64_t)random_below(450000) - INT64_C(400000000000000);
	if (random_below(3) == 0) {
		fact.id = MR_STR("-12345");
		fact.id_is_number = true;
	}
	fact.connection.asn = -1;
	if (fact.kind != MR_FACT_CONTROL)
		random_connection(&fact.connection, raw);
	if (fact.kind == MR_FACT_MESSAGE)
		random_message(&fact.message, raw);
	else if (fact.kind == MR_FACT_LOGIN)
		random_attempt(&fact.attempt, raw);
	else if (fact.kind == MR_FACT_CONTROL)
		random_control(&fact.control, raw);
	else
		fact.contact = (enum mr_contact)random_below(3);
	return fact;
}

static void check_same_connection(const struct mr_connection *a, const struct mr_connection *b)
{
	REQUIRE(mr_ip_equal(&a->client_ip, &b->client_ip) && mr_ip_equal(&a->server_ip, &b->server_ip), "address");
	REQUIRE(a->client_port == b->client_port && a->server_port == b->server_port, "port");
	REQUIRE(a->asn == b->asn && a->local == b->local, "asn or local");
	check_str(a->client_name, b->client_name);
	check_str(a->country, b->country);
	check_str(a->listener, b->listener);
	check_str(a->helo, b->helo);
	check_str(a->server_name, b->server_name);
	check_str(a->tls_version, b->tls_version);
	check_str(a->tls_cipher, b->tls_cipher);
}

static void check_same_lists(const struct mr_str *a, size_t a_count, const struct mr_str *b, size_t b_count)
{
	REQUIRE(a_count == b_count, "%zu, not %zu strings", a_count, b_count);
	for (size_t i = 0; i < a_count; i++)
		check_str(a[i], b[i]);
}

static void check_same_message(const struct mr_message *a, const struct mr_message *b)
{
	check_str(a->login, b->login);
	check_str(a->mail_from, b->mail_from);
	REQUIRE(a->rcpt_count == b->rcpt_count, "recipients");
	for (size_t i = 0; i < a->rcpt_count; i++) {
		check_str(a->rcpt[i].path, b->rcpt[i].path);
		check_str(a->rcpt[i].addr, b->rcpt[i].addr);
		check_str(a->rcpt[i].host, b->rcpt[i].host);
		check_str(a->rcpt[i].mailer, b->rcpt[i].mailer);
	}
	REQUIRE(a->headers_seen == b->headers_seen, "headers");
	check_same_lists(a->header_from, a->header_from_count, b->header_from, b->header_from_count);
	check_same_lists(a->header_sender, a->header_sender_count, b->header_sender, b->header_sender_count);
	REQUIRE(a->declared_size == b->declared_size && a->size == b->size, "size");
	REQUIRE(a->spam_told == b->spam_told && a->spam == b->spam, "spam");
	check_str(a->queue_id, b->queue_id);
	check_str(a->message_id, b->message_id);
}

static void check_same_attempt(const struct mr_attempt *a, const struct mr_attempt *b)
{
	check_str(a->login, b->login);
	check_str(a->protocol, b->protocol);
	check_str(a->pwhash, b->pwhash);
	check_str(a->fail_type, b->fail_type);
	REQUIRE(a->success == b->success && a->policy_reject == b->policy_reject, "success or policy_reject");
}

static void check_same_control(const struct mr_control *a, const struct mr_control *b)
{
	check_str(a->order, b->order);
	check_str(a->subject, b->subject);
	check_str(a->operator_name, b->operator_name);
	check_str(a->reason, b->reason);
	REQUIRE(a->time_ms == b->time_ms && a->learn == b->learn, "seconds or learn");
}

START_TEST(what_was_written_is_read_back)
{
	static char line[LINE_SIZE];

	for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
		struct mr_fact fact = random_fact();
		size_t n;
		REQUIRE(mr_fact_write(&fact, line, sizeof(line), &n) == 0, "round %u", round);
		REQUIRE(memchr(line, '\n', n) == line + n - 1, "one line: %.*s", (int)n, line);
		struct mr_fact again = read_good((struct mr_str){ line, n });
		REQUIRE(again.kind == fact.kind && again.time_ms == fact.time_ms, "%lld", (long long)fact.time_ms);
		REQUIRE(again.id_is_number == fact.id_is_number, "id");
		check_str(again.id, fact.id);
		check_same_connection(&again.connection, &fact.connection);
		if (fact.kind == MR_FACT_MESSAGE)
			check_same_message(&again.message, &fact.message);
		if (fact.kind == MR_FACT_CONTROL)
			check_same_control(&again.control, &fact.control);
		check_same_attempt(&again.attempt, &fact.attempt);
		REQUIRE(again.contact == fact.contact, "contact");
		mr_arena_reset(arena);
	}
}
END_TEST

START_TEST(a_line_that_does_not_fit_is_told)
{
	struct mr_fact fact = read_good(MR_STR("{\"time\":1.25,\"fact\":\"message\",\"helo\":\"laptop\","
					       "\"rcpt\":[\"<a@b>\"]}"));
	char line[128];
	size_t n;

	ck_assert_int_eq(mr_fact_write(&fact, line, sizeof(line), &n), 0);
	size_t whole = n;
	for (size_t size = 0; size < whole; size++) {
		ck_assert_int_eq(mr_fact_write(&fact, line, size, &n), MR_ERR_FULL);
		ck_assert_uint_eq(n, 0);
	}
	ck_assert_int_eq(mr_fact_write(&fact, line, whole, &n), 0);
	ck_assert_uint_eq(n, whole);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("factline");
	TCase *reading = tcase_create("reading");
	TCase *mirror = tcase_create("mirror");

	tcase_add_checked_fixture(reading, make_arena, drop_arena);
	tcase_add_test(reading, a_message_with_everything);
	tcase_add_test(reading, a_message_with_nothing);
	tcase_add_test(reading, no_from_is_not_the_same_as_from_unknown);
	tcase_add_test(reading, client_addresses);
	tcase_add_test(reading, ids_that_are_numbers_keep_their_digits);
	tcase_add_test(reading, any_byte_survives);
	tcase_add_test(reading, facts_of_later_versions_are_read);
	tcase_add_test(reading, a_login_and_what_it_leaves_out);
	tcase_add_test(reading, what_a_connection_did);
	tcase_add_test(reading, wrong_types_are_named_and_pointed_at);
	tcase_add_test(reading, what_is_no_json_is_refused);
	tcase_add_test(reading, depth_is_bounded);
	tcase_add_test(reading, a_small_arena_is_no_crash);
	suite_add_tcase(suite, reading);
	tcase_set_timeout(mirror, 120);
	tcase_add_checked_fixture(mirror, make_arena, drop_arena);
	tcase_add_test(mirror, what_was_written_is_read_back);
	tcase_add_test(mirror, a_line_that_does_not_fit_is_told);
	suite_add_tcase(suite, mirror);
	return mr_run_suite(suite);
}
