/*
 * What the lines and facts of a session hold: what the mail server told, when it was told, and what the rules found
 * that decided nothing.
 */
#include "base/arena.h"
#include "eventlog/factline.h"
#include "player.h"

#define EXPECT_FIELD(path, text) ck_assert_str_eq(field(path), (text))

START_TEST(what_the_mail_server_told)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	mr_session_helo(play.session, play.now_ms, "client.zqx.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384");
	play.now_ms = 5000;
	mr_session_mail(play.session, 5000, "<Zqx@elsewhere.example>", NULL, "Bob@Example.com", "AT-MAIL", &play.reply);
	say_rcpt("<zqx@elsewhere.example>");
	mr_session_header(play.session, "From", "Boss <boss@example.com>");
	mr_session_header(play.session, "message-id", " <first@zqx.example> ");
	mr_session_header(play.session, "Message-ID", "<second@zqx.example>");
	mr_session_end_of_message(play.session, 5007, NULL, NULL, 1234, &play.reply);
	EXPECT_VERDICT("accept", "", "end");
	EXPECT_FIELD("@timestamp", "1970-01-01T00:00:05.007Z");
	EXPECT_FIELD("event.duration", "7000000");
	EXPECT_FIELD("source.ip", "203.0.113.9");
	EXPECT_FIELD("source.port", "2525");
	EXPECT_FIELD("source.domain", "client.zqx.example");
	EXPECT_FIELD("server.ip", "192.0.2.25");
	EXPECT_FIELD("server.domain", "mx.example.com");
	EXPECT_FIELD("tls.version", "1.3");
	EXPECT_FIELD("tls.cipher", "TLS_AES_256_GCM_SHA384");
	EXPECT_FIELD("user.name", "bob@example.com");
	EXPECT_FIELD("email.local_id", "AT-MAIL");
	EXPECT_FIELD("email.message_id", "<first@zqx.example>");
	EXPECT_FIELD("email.sender.address", "zqx@elsewhere.example");
	EXPECT_FIELD("email.from.address", "[\"boss@example.com\"]");
	EXPECT_FIELD("email.direction", "outbound");
	EXPECT_FIELD("mailreeve.size", "1234");
	EXPECT_FIELD("mailreeve.listener", "smtp");
	EXPECT_FIELD("mailreeve.helo", "client.zqx.example");
	EXPECT_FIELD("rule.ruleset", "handmade.conf");
	/* What is told at the end is newer. */
	mr_session_mail(play.session, 6000, "<>", NULL, NULL, "AT-MAIL", &play.reply);
	say_rcpt("<bob@example.com>");
	mr_session_header(play.session, "Message-ID", "<header@zqx.example>");
	mr_session_end_of_message(play.session, 6000, "AT-END", "<end@zqx.example>", -1, &play.reply);
	EXPECT_VERDICT("accept", "", "end");
	EXPECT_FIELD("email.local_id", "AT-END");
	EXPECT_FIELD("email.message_id", "<end@zqx.example>");
	EXPECT_FIELD("email.sender.address", "");
	EXPECT_FIELD("user.name", "");
}
END_TEST

/* Names longer than their place are cut; what follows them stays what it is. */
START_TEST(long_names)
{
	char name[1000];
	struct mr_connect_info info = { .size = sizeof(info), .client_name = name, .listener = name,
		.server_name = name };

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t n = 120; n < sizeof(name); n += n < 130 || (n > 250 && n < 260) ? 1 : 10) {
		name[n] = '\0';
		start(relay_policy());
		mr_session_connect(play.session, 1, &info, &play.reply);
		mr_session_helo(play.session, 1, name, name, name);
		say_mail("<zqx@elsewhere.example>", NULL);
		say_rcpt("<bob@example.com>");
		say_end(1);
		EXPECT_VERDICT("accept", "", "end");
		ck_assert_uint_eq(strlen(field("source.domain")), n < 256 ? n : 255);
		ck_assert_uint_eq(strspn(field("mailreeve.listener"), "n"), n < 128 ? n : 127);
		ck_assert_uint_eq(strspn(field("mailreeve.helo"), "n"), n < 512 ? n : 511);
		mr_session_close(&play.session, 2);
		mr_engine_free(&play.engine);
		play.count = 0;
		name[n] = 'n';
	}
}
END_TEST

/* Rules that only observe are named in the verdict, whether the recipient was taken or refused. */
START_TEST(what_would_have_happened)
{
	struct mr_policy *policy = relay_policy();

	policy->relay.rule.mode = MR_MODE_OBSERVE;
	policy->limits.rule.mode = MR_MODE_ENFORCE;
	policy->limits.recipients = 1;
	policy->helo.rule = (struct mr_rule_settings){ .mode = MR_MODE_OBSERVE, .action = MR_REJECT };
	start(policy);
	connect_from("203.0.113.9", false);
	mr_session_helo(play.session, 1, "client.zqx.example", NULL, NULL);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	EXPECT_CONTINUE();
	say_end(1);
	EXPECT_VERDICT("accept", "", "end");
	EXPECT_FIELD("mailreeve.would", "[\"relay\"]");
	EXPECT_FIELD("mailreeve.would_reason", "relay-denied");
	EXPECT_FIELD("mailreeve.mode", "observe");
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	say_rcpt("<zqx@elsewhere.example>");
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 452, "4.5.3");
	say_end(1);
	EXPECT_VERDICT("accept", "", "end");
	EXPECT_FIELD("mailreeve.would", "[\"relay\"]");
	EXPECT_FIELD("mailreeve.would_reason", "relay-denied");
	/* The first of several gives the reason. */
	mr_session_helo(play.session, 1, "mx.example.com", NULL, NULL);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	say_rcpt("<zqx@elsewhere.example>");
	say_end(1);
	EXPECT_VERDICT("accept", "", "end");
	EXPECT_FIELD("mailreeve.would", "[\"relay\",\"helo\"]");
	EXPECT_FIELD("mailreeve.would_reason", "helo-our-name");
}
END_TEST

/* Each stage has its own moment: an exemption can end while the message comes in. */
START_TEST(time_goes_on)
{
	struct mr_policy *policy = relay_policy();
	struct mr_shield_policy *shield = add_shield(policy, "example.com", "");

	shield->header_from = true;
	add_exemption(policy, "dated", MR_RULE_BIT(MR_RULE_RELAY))->expires_ms = 100;
	policy->exemptions[0].network = networks_of("203.0.113.9");
	add_exemption(policy, "later", MR_RULE_BIT(MR_RULE_SHIELD))->expires_ms = 200;
	start(policy);
	connect_from("203.0.113.9", false);
	mr_session_mail(play.session, 100, "<zqx@elsewhere.example>", NULL, NULL, NULL, &play.reply);
	mr_session_rcpt(play.session, 100, "<zqx@elsewhere.example>", NULL, NULL, NULL, &play.reply);
	EXPECT_CONTINUE();
	mr_session_rcpt(play.session, 101, "<zqx@elsewhere.example>", NULL, NULL, NULL, &play.reply);
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	mr_session_header(play.session, "From", "boss@example.com");
	mr_session_end_of_message(play.session, 201, NULL, NULL, 1, &play.reply);
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	EXPECT_VERDICT("reject", "shield-header", "end");
	EXPECT_FIELD("mailreeve.exemptions", "[\"dated=yes\",\"dated=no\",\"later=no\"]");
}
END_TEST

START_TEST(exemptions_are_told)
{
	struct mr_policy *policy = relay_policy();

	add_exemption(policy, "partner", MR_RULE_BIT(MR_RULE_RELAY))->network = networks_of("203.0.113.9");
	start(policy);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	say_rcpt("<zqx@elsewhere.example>");
	say_end(1);
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_uint_eq(play.count, 2);
	ck_assert_str_eq(play.lines[0].action, "exemption-used");
	ck_assert_str_eq(play.lines[0].exemption, "partner");
	ck_assert_str_eq(play.lines[0].transaction, play.lines[1].transaction);
	EXPECT_FIELD("mailreeve.exemptions", "[\"partner=yes\",\"partner=yes\"]");
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	say_end(1);
	ck_assert_uint_eq(play.count, 3);
}
END_TEST

/* A list of refused recipients is whole up to 64. */
START_TEST(many_refused_recipients)
{
	char path[64], all[64 * 40] = "[";

	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	for (int i = 0; i < 64; i++) {
		size_t n = strlen(all);

		(void)snprintf(path, sizeof(path), "<u%d@elsewhere.example>", i);
		(void)snprintf(all + n, sizeof(all) - n, "%s\"%s\"", i == 0 ? "" : ",", path);
		say_rcpt(path);
	}
	(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "]");
	mr_session_abort(play.session, play.now_ms);
	EXPECT_FIELD("mailreeve.rcpt.refused", all);
}
END_TEST

START_TEST(refused_and_unreadable_recipients)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	say_rcpt("<Zqx@[");
	mr_session_abort(play.session, play.now_ms);
	EXPECT_FIELD("mailreeve.rcpt.refused", "[\"<zqx@elsewhere.example>\",\"<Zqx@[\"]");
	EXPECT_FIELD("email.to.address", "");
	connect_from("198.51.100.7", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("Zqx@[");
	EXPECT_CONTINUE();
	say_end(1);
	EXPECT_FIELD("email.to.address", "[\"Zqx@[\"]");
}
END_TEST

/* Lines about one recipient, and about a connection. */
START_TEST(lines_beside_the_verdict)
{
	struct mr_policy *hashed = relay_policy();

	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<Zqx@elsewhere.example>");
	EXPECT_FIELD("event.action", "refused");
	EXPECT_FIELD("mailreeve.stage", "rcpt");
	EXPECT_FIELD("mailreeve.recipient", "<Zqx@elsewhere.example>");
	EXPECT_FIELD("email.sender.address", "zqx@elsewhere.example");
	ck_assert_str_eq(strchr(last_line()->id, '-'), "-1");
	ck_assert_uint_eq(strlen(last_line()->transaction), 12);
	/* The mail server's own words are the reason for its own refusals only. */
	say_rcpt_seen("<zqx@example.com>", "5.1.1 no such user", "error");
	EXPECT_FIELD("event.reason", "5.1.1 no such user");
	EXPECT_FIELD("mailreeve.reason", "mta-refused");
	say_rcpt_seen("<zqx@example.com>", "", "error");
	EXPECT_FIELD("event.reason", "the mail server refused the recipient itself");
	say_rcpt_seen("<zqx@elsewhere.example>", "zqx@elsewhere.example", "smtp");
	EXPECT_FIELD("mailreeve.reason", "relay-denied");
	ck_assert_str_ne(field("event.reason"), "zqx@elsewhere.example");
	const struct line *alert = &play.lines[play.count - 2];
	ck_assert_str_eq(alert->action, "alert");
	ck_assert_str_eq(alert->reason, "relay-open");
	ck_assert_str_eq(alert->stage, "rcpt");
	ck_assert_str_eq(alert->recipient, "<zqx@elsewhere.example>");
	ck_assert_str_eq(strchr(alert->id, '-'), "-0");
	mr_session_abort(play.session, play.now_ms);
	ck_assert_str_eq(last_line()->id, last_line()->transaction);
	ck_assert_uint_eq(strlen(last_line()->id), 12);
	/* They may hold the address, so they are left out where addresses are hashed. */
	hashed->log.hash_addresses = true;
	mr_engine_set_policy(play.engine, hashed);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt_seen("<zqx@example.com>", "5.1.1 <zqx@example.com> no such user", "error");
	EXPECT_FIELD("event.reason", "the mail server refused the recipient itself");
	/* A sender that cannot be read is shown as it came. */
	mr_engine_set_policy(play.engine, relay_policy());
	say_mail("<zqx@[", NULL);
	mr_session_abort(play.session, play.now_ms);
	EXPECT_FIELD("email.sender.address", "<zqx@[");
}
END_TEST

START_TEST(addresses_of_from)
{
	char many[1000] = "";

	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	mr_session_header(play.session, "From", "a@example.com, b@example.com");
	mr_session_header(play.session, "From", "c@example.com");
	say_end(1);
	EXPECT_FIELD("email.from.address", "[\"a@example.com\",\"b@example.com\",\"c@example.com\"]");
	for (int i = 0; i < 25; i++)
		memcpy(many + 13 * i, "a@b.example, ", 14);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	mr_session_header(play.session, "From", many);
	say_end(1);
	const json_t *shown = json_object_get(json_object_get(play.last, "email"), "from");
	ck_assert_uint_eq(json_array_size(json_object_get(shown, "address")), 20);
}
END_TEST

/* A From that is not looked at by a rule is shown all the same; a Sender is judged where the policy wants it. */
START_TEST(sender_fields)
{
	struct mr_policy *policy = relay_policy();

	policy->sender.rule = (struct mr_rule_settings){ .mode = MR_MODE_ENFORCE, .action = MR_REJECT };
	policy->sender.own = policy->sender.header_sender = true;
	start(policy);
	ck_assert_uint_eq(mr_engine_needs(play.engine), MR_NEEDS_HEADERS);
	connect_from("203.0.113.9", false);
	say_mail("<bob@example.com>", "bob@example.com");
	say_rcpt("<ann@example.com>");
	mr_session_header(play.session, "From", "ann@example.com");
	mr_session_header(play.session, "Sender", "boss@example.com");
	say_end(1);
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	EXPECT_FIELD("email.from.address", "[\"ann@example.com\"]");
}
END_TEST

/* ---- Facts ---- */

static void
same(struct mr_str s, const char *text)
{
	ck_assert_msg(mr_str_equal(s, mr_str_of(text)), "%.*s is not %s", (int)s.n, s.p == NULL ? "" : s.p, text);
}

START_TEST(a_message_as_a_fact)
{
	struct mr_policy *policy = relay_policy();
	struct mr_arena *arena = mr_arena_new(1 << 20);
	struct mr_fact fact;
	struct mr_fact_fault fault;

	policy->log.facts = mr_strdup("facts");
	start(policy);
	ck_assert_uint_eq(mr_engine_needs(play.engine), MR_NEEDS_HEADERS);
	connect_from("203.0.113.9", false);
	mr_session_helo(play.session, 1, "client.zqx.example", "TLSv1.3", "AES");
	const char *const parameters[] = { "SIZE=77", NULL };
	mr_session_mail(play.session, 5000, "<zqx@elsewhere.example>", parameters, "bob@example.com", "Q", &play.reply);
	for (int i = 0; i < 9; i++) {
		char path[64];
		snprintf(path, sizeof(path), "<zqx%d@elsewhere.example>", i);
		mr_session_rcpt(play.session, 5001, path, "zqx@elsewhere.example", "elsewhere.example", "smtp",
		    &play.reply);
	}
	mr_session_header(play.session, "From", "Boss <boss@example.com>");
	mr_session_header(play.session, "Sender", "sec@example.com");
	mr_session_end_of_message(play.session, 5002, NULL, "<1@zqx>", 1234, &play.reply);
	ck_assert_uint_eq(play.facts, 1);
	ck_assert_int_eq(mr_fact_read(mr_str_of(play.fact), arena, &fact, &fault), 0);
	ck_assert_int_eq(fact.kind, MR_FACT_MESSAGE);
	ck_assert_int_eq(fact.time_ms, 5002);
	same(fact.id, last_line()->transaction);
	same(fact.connection.helo, "client.zqx.example");
	same(fact.connection.tls_version, "TLSv1.3");
	same(fact.connection.listener, "smtp");
	same(fact.message.login, "bob@example.com");
	same(fact.message.mail_from, "<zqx@elsewhere.example>");
	same(fact.message.queue_id, "Q");
	same(fact.message.message_id, "<1@zqx>");
	ck_assert_int_eq(fact.message.declared_size, 77);
	ck_assert_int_eq(fact.message.size, 1234);
	ck_assert(fact.message.headers_seen);
	ck_assert_uint_eq(fact.message.header_from_count, 1);
	same(fact.message.header_from[0], "Boss <boss@example.com>");
	ck_assert_uint_eq(fact.message.header_sender_count, 1);
	same(fact.message.header_sender[0], "sec@example.com");
	ck_assert_uint_eq(fact.message.rcpt_count, 9);
	same(fact.message.rcpt[0].path, "<zqx0@elsewhere.example>");
	same(fact.message.rcpt[8].path, "<zqx8@elsewhere.example>");
	same(fact.message.rcpt[4].addr, "zqx@elsewhere.example");
	same(fact.message.rcpt[4].host, "elsewhere.example");
	same(fact.message.rcpt[4].mailer, "smtp");
	mr_arena_free(&arena);
}
END_TEST

/* A message without recipients, and one whose headers nobody saw. */
START_TEST(facts_of_which_little_is_known)
{
	struct mr_policy *policy = relay_policy();
	struct mr_arena *arena = mr_arena_new(64 << 20);
	struct mr_fact fact;
	struct mr_fact_fault fault;

	policy->log.facts = mr_strdup("facts");
	start(policy);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	mr_session_abort(play.session, play.now_ms);
	ck_assert_uint_eq(play.facts, 1);
	ck_assert_int_eq(mr_fact_read(mr_str_of(play.fact), arena, &fact, &fault), 0);
	ck_assert_uint_eq(fact.message.rcpt_count, 0);
	mr_session_close(&play.session, play.now_ms);
	ck_assert_int_eq(mr_session_new(play.engine, 0, &play.session), 0);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	mr_session_abort(play.session, play.now_ms);
	ck_assert_int_eq(mr_fact_read(mr_str_of(play.fact), arena, &fact, &fault), 0);
	ck_assert(!fact.message.headers_seen);
	ck_assert_uint_eq(fact.message.rcpt_count, 1);
	mr_arena_free(&arena);
}
END_TEST

/* A fact longer than the usual line is written whole; without log.facts there is none. */
START_TEST(long_facts)
{
	static char path[3000];
	struct mr_policy *policy = relay_policy();
	struct mr_arena *arena = mr_arena_new(64 << 20);
	struct mr_fact fact;
	struct mr_fact_fault fault;

	policy->log.facts = mr_strdup("facts");
	start(policy);
	connect_from("203.0.113.9", false);
	memset(path, 'a', sizeof(path) - 1);
	say_mail("<zqx@elsewhere.example>", NULL);
	for (int i = 0; i < 50; i++)
		say_rcpt(path);
	mr_session_abort(play.session, play.now_ms);
	ck_assert_uint_eq(play.facts, 1);
	ck_assert_int_eq(mr_fact_read(mr_str_of(play.fact), arena, &fact, &fault), 0);
	ck_assert_uint_eq(fact.message.rcpt_count, 50);
	ck_assert_uint_eq(fact.message.rcpt[49].path.n, sizeof(path) - 1);
	mr_engine_set_policy(play.engine, relay_policy());
	say_mail("<zqx@elsewhere.example>", NULL);
	mr_session_abort(play.session, play.now_ms);
	ck_assert_uint_eq(play.facts, 1);
	mr_arena_free(&arena);
}
END_TEST

/* What only a recorded fact can tell of a connection. */
START_TEST(connections_from_facts)
{
	struct mr_connection connection = { .client_name = MR_STR("client.zqx.example"), .country = MR_STR("DE"),
		.asn = 64500, .helo = MR_STR("zqx"), .tls_version = MR_STR("TLSv1.2"), .tls_cipher = MR_STR("AES"),
		.server_name = MR_STR("mx.example.com"), .listener = MR_STR("smtp") };

	ck_assert_int_eq(mr_ip_parse(MR_STR("203.0.113.9"), &connection.client_ip), 0);
	start(relay_policy());
	play.session->fact_id = MR_STR("17");
	play.session->fact_id_is_number = true;
	mr_session_take_connection(play.session, 1, &connection, &play.reply);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	say_end(1);
	EXPECT_FIELD("source.geo.country_iso_code", "DE");
	EXPECT_FIELD("source.as.number", "64500");
	EXPECT_FIELD("mailreeve.helo", "zqx");
	EXPECT_FIELD("tls.version", "1.2");
	EXPECT_FIELD("labels.fact_id", "17");
	/* Nobody told the number of the network. */
	mr_session_close(&play.session, 2);
	ck_assert_int_eq(mr_session_new(play.engine, 0, &play.session), 0);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	say_end(1);
	EXPECT_FIELD("source.as.number", "");
	EXPECT_FIELD("labels.fact_id", "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("session_lines");
	TCase *tests = tcase_create("session_lines");

	tcase_add_checked_fixture(tests, set_player, clear_player);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, what_the_mail_server_told);
	tcase_add_test(tests, long_names);
	tcase_add_test(tests, what_would_have_happened);
	tcase_add_test(tests, time_goes_on);
	tcase_add_test(tests, exemptions_are_told);
	tcase_add_test(tests, many_refused_recipients);
	tcase_add_test(tests, refused_and_unreadable_recipients);
	tcase_add_test(tests, lines_beside_the_verdict);
	tcase_add_test(tests, addresses_of_from);
	tcase_add_test(tests, sender_fields);
	tcase_add_test(tests, a_message_as_a_fact);
	tcase_add_test(tests, facts_of_which_little_is_known);
	tcase_add_test(tests, long_facts);
	tcase_add_test(tests, connections_from_facts);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
