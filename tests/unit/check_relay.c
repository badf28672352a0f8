/*
 * The rule relay: who may send where. The right to relay comes from a login, a network or submission on the host
 * itself, never from anything that the client says; and what nobody can read gives no right.
 */
#include "scene.h"

static void
set_up(void)
{
	set_scene();
	scene.policy->relay.rule.mode = MR_MODE_ENFORCE;
	scene.policy->relay.networks = networks_of("198.51.100.0/24 2001:db8:1::/48");
	EXPECT_PASSED(at_mail(NULL, "<joe@elsewhere.example>"));
}

START_TEST(our_domains_take_mail)
{
	static const char *const ours[] = {
		"<bob@example.com>", "<bob@EXAMPLE.ORG.>", "<bob@mx.example.com>", "<bob@[192.0.2.25]>",
		"<bob@[IPv6:2001:db8:25::25]>", "<bob@[IPv6:::ffff:192.0.2.25]>", "<bob@[127.0.0.1]>", "<bob>",
		"postmaster", "<@elsewhere.example:bob@example.com>", "<\"b b\"@example.com>",
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		EXPECT_PASSED(at_rcpt(ours[i]));
		ck_assert_int_eq(scene.destination.place, MR_PLACE_OURS);
		ck_assert(!scene.destination.by_mail_server);
	}
	EXPECT_PASSED(at_rcpt("<bob@relayed.example>"));
	ck_assert_int_eq(scene.destination.place, MR_PLACE_RELAYED);
}
END_TEST

START_TEST(foreign_domains_are_refused)
{
	static const char *const foreign[] = {
		"<bob@elsewhere.example>", "<bob@sub.example.com>", "<bob@example.com.elsewhere.example>",
		"<bob@notexample.com>", "<bob@sub.relayed.example>", "<bob@[192.0.2.26]>",
		"<bob@[IPv6:2001:db8:25::26]>",
		"<@example.com:bob@elsewhere.example>", "<@mx.example.com,@example.com:bob@elsewhere.example>",
		"<bob@com>",
	};

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		EXPECT_REFUSED(at_rcpt(foreign[i]), RELAY_DENIED);
		ck_assert_int_eq(scene.destination.place, MR_PLACE_FOREIGN);
	}
}
END_TEST

START_TEST(routing_characters_are_refused)
{
	static const char *const routed[] = {
		"<u%elsewhere.example@example.com>", "<u@elsewhere.example@example.com>",
		"<elsewhere.example!u@example.com>",
		"<\"u@elsewhere.example\"@example.com>", "<u%elsewhere.example@[192.0.2.25]>", "<u%elsewhere.example>",
		"<elsewhere.example!u>", "<u%x@relayed.example>", "<u%x@elsewhere.example>",
	};

	for (size_t i = 0; i < sizeof(routed) / sizeof(routed[0]); i++)
		EXPECT_REFUSED(at_rcpt(routed[i]), RELAY_ROUTED);
	/* Whoever may relay may write them; where the mail goes is still not known. */
	from_client("198.51.100.7");
	EXPECT_PASSED(at_rcpt("<u%elsewhere.example@example.com>"));
	ck_assert_int_eq(scene.destination.place, MR_PLACE_UNCLEAR);
	/* The policy can call them part of a name. */
	from_client("203.0.113.9");
	scene.policy->relay.routing_characters = true;
	EXPECT_PASSED(at_rcpt("<u%elsewhere.example@example.com>"));
	ck_assert_int_eq(scene.destination.place, MR_PLACE_OURS);
	EXPECT_REFUSED(at_rcpt("<u%example.com@elsewhere.example>"), RELAY_DENIED);
}
END_TEST

START_TEST(unreadable_recipients)
{
	static const char *const malformed[] = { "<u@elsewhere.example", "<>", "<u@192.0.2.25>", "<u@example..com>" };

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		EXPECT_UNCLEAR(at_rcpt(malformed[i]), MR_REJECT, RELAY_MALFORMED);
		ck_assert_int_eq(scene.destination.place, MR_PLACE_UNCLEAR);
	}
	scene.policy->relay.rule.cannot_tell = MR_TEMPFAIL;
	EXPECT_UNCLEAR(at_rcpt(malformed[0]), MR_TEMPFAIL, RELAY_MALFORMED);
	from_client("198.51.100.7");
	EXPECT_PASSED(at_rcpt(malformed[0]));
}
END_TEST

/* Nobody may write control bytes, whoever it is. */
START_TEST(control_bytes)
{
	EXPECT_REFUSED(at_rcpt("<bob@example.com>\r\n"), RELAY_CONTROL);
	from_client("198.51.100.7");
	EXPECT_REFUSED(at_rcpt("<bob@example.com>\r\n"), RELAY_CONTROL);
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_REFUSED(at_rcpt("<b\001ob@example.com>"), RELAY_CONTROL);
	/* Not even when the mail server shows a clean address, or says that it delivers here. */
	EXPECT_REFUSED(at_rcpt_seen("<b\001ob@example.com>", "bob@example.com", "local"), RELAY_CONTROL);
	EXPECT_REFUSED(at_rcpt_seen("<bob@example.com>", "b\001ob@example.com", "local"), RELAY_CONTROL);
	scene.policy->relay.rule.cannot_tell = MR_ACCEPT;
	EXPECT_REFUSED(at_rcpt("<b\001ob@example.com>"), RELAY_CONTROL);
}
END_TEST

START_TEST(networks_may_relay)
{
	static const char *const inside[] = { "198.51.100.0", "198.51.100.255", "::ffff:198.51.100.7",
		"2001:db8:1::5" };
	static const char *const outside[] = { "198.51.101.0", "::ffff:198.51.101.0", "2001:db8:2::5", "::1",
		"127.0.0.1", "fe80::1", NULL };

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		from_client(inside[i]);
		EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	}
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		from_client(outside[i]);
		EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	}
}
END_TEST

START_TEST(logins_may_relay)
{
	EXPECT_PASSED(at_mail("bob@example.com", "<joe@elsewhere.example>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	EXPECT_PASSED(at_mail("", "<bob@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	EXPECT_PASSED(at_mail(" \t", "<bob@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	/* Somebody logged in whose name cannot be read: that is no login that may do anything. */
	EXPECT_PASSED(at_mail("b\001ob", "<bob@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	EXPECT_PASSED(at_mail("b\xff", "<bob@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
}
END_TEST

START_TEST(only_named_logins_may_relay)
{
	scene.policy->relay.logins = patterns_of("bob@example.com *@example.org");
	EXPECT_PASSED(at_mail("Bob@EXAMPLE.com", "<>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	EXPECT_PASSED(at_mail("anyone@example.org", "<>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	EXPECT_PASSED(at_mail("ann@example.com", "<bob@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	from_client("198.51.100.7");
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
}
END_TEST

/* Nothing that the client claims gives a right: sender, HELO, name. */
START_TEST(claims_give_no_right)
{
	static const char *const senders[] = { "<>", "<bob@example.com>", "<bob>", "<bob@mx.example.com>",
		"<bob@[192.0.2.25]>", "<bob@localhost>", "<@example.com:bob@example.com>",
		"<x@elsewhere.example> AUTH=<bob@example.com>" };

	scene.connection.helo = MR_STR("mx.example.com");
	scene.connection.client_name = MR_STR("mx.example.com");
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		EXPECT_PASSED(at_mail(NULL, senders[i]));
		EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	}
}
END_TEST

START_TEST(submission_on_the_host)
{
	scene.connection.local = true;
	from_client("127.0.0.1");
	EXPECT_PASSED(at_rcpt("u@elsewhere.example"));
	ck_assert(!scene.open_relay);
	scene.policy->relay.local_submission = false;
	EXPECT_REFUSED(at_rcpt("u@elsewhere.example"), RELAY_DENIED);
	EXPECT_PASSED(at_rcpt("bob@example.com"));
	/* A network that may relay does not count for what never came from a network. */
	from_client("198.51.100.7");
	EXPECT_REFUSED(at_rcpt("u@elsewhere.example"), RELAY_DENIED);
	/* The setting is about submission on the host alone. */
	scene.connection.local = false;
	scene.policy->relay.local_submission = true;
	from_client("127.0.0.1");
	EXPECT_REFUSED(at_rcpt("u@elsewhere.example"), RELAY_DENIED);
}
END_TEST

/* The mail server's view wins over our reading, both ways. */
START_TEST(the_mail_servers_view)
{
	EXPECT_REFUSED(at_rcpt_seen("<bob@example.com>", "u@elsewhere.example", "smtp"), RELAY_DENIED);
	ck_assert(scene.destination.by_mail_server);
	ck_assert_int_eq(scene.destination.place, MR_PLACE_FOREIGN);
	EXPECT_PASSED(at_rcpt_seen("<bob@old.example>", "bob@example.com", "smtp"));
	ck_assert(scene.destination.by_mail_server);
	ck_assert(mr_str_equal(scene.destination.mailbox.address, MR_STR("bob@example.com")));
	EXPECT_PASSED(at_rcpt_seen("<bob@x (comment)>", "bob@relayed.example", "smtp"));
	/* An address literal, a host name and postmaster as Postfix shows them. */
	EXPECT_PASSED(at_rcpt_seen("<postmaster@[192.0.2.25]>", "postmaster@[192.0.2.25]", "local"));
	EXPECT_PASSED(at_rcpt_seen("<postmaster>", "postmaster", "virtual"));
	EXPECT_UNCLEAR(at_rcpt_seen("<bob@example.com>", "b..ob@[", "smtp"), MR_REJECT, RELAY_MALFORMED);
}
END_TEST

/* Half a view is none. */
START_TEST(half_a_view)
{
	EXPECT_PASSED(at_rcpt_seen("<bob@example.com>", "u@elsewhere.example", NULL));
	ck_assert(!scene.destination.by_mail_server);
	EXPECT_PASSED(at_rcpt_seen("<bob@example.com>", "", "smtp"));
	ck_assert(!scene.destination.by_mail_server);
	EXPECT_REFUSED(at_rcpt_seen("<u@elsewhere.example>", NULL, "local"), RELAY_DENIED);
	EXPECT_REFUSED(at_rcpt_seen("<u@elsewhere.example>", "", "local"), RELAY_DENIED);
}
END_TEST

START_TEST(local_mailers)
{
	EXPECT_PASSED(at_rcpt_seen("<bob@example.com>", "bob", "local"));
	ck_assert_int_eq(scene.destination.place, MR_PLACE_OURS);
	EXPECT_PASSED(at_rcpt_seen("<bob@virtual.example>", "bob@virtual.example", "local"));
	ck_assert_int_eq(scene.destination.place, MR_PLACE_OURS);
	/* A name without a domain at another mailer can be anybody's. */
	EXPECT_UNCLEAR(at_rcpt_seen("<bob@example.com>", "bob", "esmtp"), MR_REJECT, RELAY_MALFORMED);
	EXPECT_REFUSED(at_rcpt_seen("<bob@virtual.example>", "bob@virtual.example", "LOCAL"), RELAY_DENIED);
	EXPECT_REFUSED(at_rcpt_seen("<bob@virtual.example>", "bob@virtual.example", "esmtp"), RELAY_DENIED);
}
END_TEST

/* The path is still looked at for routing characters, and so is the view. */
START_TEST(routing_characters_and_views)
{
	EXPECT_REFUSED(at_rcpt_seen("<u%elsewhere.example@example.com>", "u@elsewhere.example", "smtp"), RELAY_ROUTED);
	ck_assert_int_eq(scene.destination.place, MR_PLACE_FOREIGN);
	EXPECT_REFUSED(at_rcpt_seen("<u%elsewhere.example@example.com>", "bob@example.com", "local"), RELAY_ROUTED);
	EXPECT_REFUSED(at_rcpt_seen("<bob@example.com>", "u%elsewhere.example@example.com", "local"), RELAY_ROUTED);
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_PASSED(at_rcpt_seen("<u%elsewhere.example@example.com>", "u@elsewhere.example", "smtp"));
	ck_assert_int_eq(scene.destination.place, MR_PLACE_FOREIGN);
	ck_assert(scene.destination.routed);
	/* The mail server takes the name as it is: it is ours. */
	EXPECT_PASSED(at_rcpt_seen("<u%x@example.com>", "u%x@example.com", "virtual"));
	ck_assert_int_eq(scene.destination.place, MR_PLACE_OURS);
}
END_TEST

/* Without own_addresses and hostnames the mail server's word is taken. */
START_TEST(who_we_are)
{
	mr_prefixset_free(&scene.policy->own_addresses);
	mr_domainset_free(&scene.policy->hostnames);
	scene.connection.server_name = MR_STR("Gate.Example.NET.");
	ck_assert_int_eq(mr_ip_parse(MR_STR("192.0.2.77"), &scene.connection.server_ip), 0);
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_PASSED(at_rcpt("<bob@gate.example.net>"));
	EXPECT_PASSED(at_rcpt("<bob@[192.0.2.77]>"));
	EXPECT_REFUSED(at_rcpt("<bob@mx.example.com>"), RELAY_DENIED);
	EXPECT_REFUSED(at_rcpt("<bob@[192.0.2.25]>"), RELAY_DENIED);
	scene.connection.server_name = MR_STR_ABSENT;
	scene.connection.server_ip = (struct mr_ip){ .family = MR_IP_UNKNOWN };
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_REFUSED(at_rcpt("<bob@gate.example.net>"), RELAY_DENIED);
	EXPECT_REFUSED(at_rcpt("<bob@[192.0.2.77]>"), RELAY_DENIED);
	EXPECT_REFUSED(at_rcpt("<bob@[0.0.0.0]>"), RELAY_DENIED);
}
END_TEST

/* "Your mail server is open" is said when it took what the policy calls relay, and only then. */
START_TEST(open_relay_alert)
{
	EXPECT_REFUSED(at_rcpt_seen("<u@elsewhere.example>", "u@elsewhere.example", "smtp"), RELAY_DENIED);
	ck_assert(scene.open_relay);
	EXPECT_REFUSED(at_rcpt_seen("<u%x@example.com>", "u%x@example.com", "local"), RELAY_ROUTED);
	ck_assert(scene.open_relay);
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	ck_assert(!scene.open_relay);
	EXPECT_UNCLEAR(at_rcpt_seen("<u@[>", "u@[", "smtp"), MR_REJECT, RELAY_MALFORMED);
	ck_assert(!scene.open_relay);
	EXPECT_PASSED(at_rcpt_seen("<bob@example.com>", "bob@example.com", "virtual"));
	ck_assert(!scene.open_relay);
	from_client("198.51.100.7");
	EXPECT_PASSED(at_rcpt_seen("<u@elsewhere.example>", "u@elsewhere.example", "smtp"));
	ck_assert(!scene.open_relay);
	from_client("203.0.113.9");
	scene.policy->relay.rule.mode = MR_MODE_OBSERVE;
	EXPECT_OBSERVED(at_rcpt_seen("<u@elsewhere.example>", "u@elsewhere.example", "smtp"), RELAY, RELAY_DENIED);
	ck_assert(scene.open_relay);
	scene.policy->relay.rule.mode = MR_MODE_OFF;
	EXPECT_PASSED(at_rcpt_seen("<u@elsewhere.example>", "u@elsewhere.example", "smtp"));
	ck_assert(!scene.open_relay);
}
END_TEST

/* An exemption can let somebody relay, but not because of what he claims, and never everybody. */
START_TEST(exemptions_from_relay)
{
	struct mr_exemption *e = add_exemption(scene.policy, "partner", MR_RULE_BIT(MR_RULE_RELAY));

	EXPECT_REFUSED(at_rcpt_seen("<u@elsewhere.example>", "u@elsewhere.example", "smtp"), RELAY_DENIED);
	ck_assert_uint_eq(scene.subject.trail.count, 1);
	ck_assert(!scene.subject.trail.tried[0].applied);
	e->sender = patterns_of("*");
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	e->network = networks_of("203.0.113.0/24");
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	mr_patternset_free(&e->sender);
	EXPECT_PASSED(at_rcpt_seen("<u@elsewhere.example>", "u@elsewhere.example", "smtp"));
	ck_assert(!scene.open_relay);
	ck_assert(mr_str_equal(scene.subject.exemption_used, MR_STR("partner")));
	ck_assert_int_eq(scene.subject.exemption_rule, MR_RULE_RELAY);
	EXPECT_REFUSED(at_rcpt("<u\001@elsewhere.example>"), RELAY_CONTROL); /* which nothing excuses */
	mr_prefixset_free(&e->network);
	e->recipient = patterns_of("@partner.example");
	EXPECT_PASSED(at_rcpt("<u@partner.example>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	mr_patternset_free(&e->recipient);
	e->listener = mr_strdup("smtp");
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	scene.connection.listener = MR_STR("SMTP");
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	mr_free(e->listener);
	e->listener = NULL;
	e->login = patterns_of("*");
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	scene.policy->relay.logins = patterns_of("nobody@example.com");
	EXPECT_PASSED(at_mail("bob@example.com", "<>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("relay");
	TCase *tests = tcase_create("relay");

	tcase_add_checked_fixture(tests, set_up, clear_scene);
	tcase_add_test(tests, our_domains_take_mail);
	tcase_add_test(tests, foreign_domains_are_refused);
	tcase_add_test(tests, routing_characters_are_refused);
	tcase_add_test(tests, unreadable_recipients);
	tcase_add_test(tests, control_bytes);
	tcase_add_test(tests, networks_may_relay);
	tcase_add_test(tests, logins_may_relay);
	tcase_add_test(tests, only_named_logins_may_relay);
	tcase_add_test(tests, claims_give_no_right);
	tcase_add_test(tests, submission_on_the_host);
	tcase_add_test(tests, the_mail_servers_view);
	tcase_add_test(tests, half_a_view);
	tcase_add_test(tests, local_mailers);
	tcase_add_test(tests, routing_characters_and_views);
	tcase_add_test(tests, who_we_are);
	tcase_add_test(tests, open_relay_alert);
	tcase_add_test(tests, exemptions_from_relay);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
