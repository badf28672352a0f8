/*
 * The rules access, auth, exists, helo and limits, one by one: for each the yes, the no and the "cannot tell", and what
 * its settings turn on and off. Which rule is asked first and what modes do is in check_decide.c.
 */
#include "scene.h"

/* ---- access ---- */

START_TEST(access_deny_list)
{
	scene.policy->access.rule.mode = MR_MODE_ENFORCE;
	EXPECT_PASSED(at_mail(NULL, "<>"));
	from_client(NULL);
	EXPECT_PASSED(at_mail(NULL, "<>")); /* no list, nothing to ask */
	scene.policy->access.list = networks_of("203.0.113.0/24");
	EXPECT_UNCLEAR(at_mail(NULL, "<>"), MR_ACCEPT, NONE);
	scene.policy->access.rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(at_mail(NULL, "<>"), MR_REJECT, ACCESS_UNKNOWN);
	from_client("203.0.113.9");
	EXPECT_REFUSED(at_mail(NULL, "<>"), ACCESS_DENIED);
	EXPECT_REFUSED(at_mail("bob@example.com", "<bob@example.com>"), ACCESS_DENIED);
	from_client("203.0.114.9");
	EXPECT_PASSED(at_mail(NULL, "<>"));
}
END_TEST

START_TEST(access_allow_list)
{
	scene.policy->access.rule.mode = MR_MODE_ENFORCE;
	scene.policy->access.allow_mode = true;
	EXPECT_PASSED(at_mail(NULL, "<>"));
	scene.policy->access.list = networks_of("203.0.113.0/24");
	EXPECT_PASSED(at_mail(NULL, "<>"));
	from_client("203.0.114.9");
	EXPECT_REFUSED(at_mail(NULL, "<>"), ACCESS_NOT_ALLOWED);
	from_client(NULL);
	EXPECT_REFUSED(at_mail(NULL, "<>"), ACCESS_NOT_ALLOWED);
	scene.connection.local = true;
	EXPECT_PASSED(at_mail(NULL, "<>"));
}
END_TEST

START_TEST(access_at_connect)
{
	scene.policy->access.rule.mode = MR_MODE_ENFORCE;
	scene.policy->access.list = networks_of("203.0.113.0/24");
	EXPECT_PASSED(at_connect());
	scene.policy->access.at = MR_ACCESS_AT_CONNECT;
	EXPECT_REFUSED(at_connect(), ACCESS_DENIED);
	EXPECT_PASSED(at_mail(NULL, "<>")); /* asked once */
	scene.policy->access.rule.mode = MR_MODE_OBSERVE;
	EXPECT_OBSERVED(at_connect(), ACCESS, ACCESS_DENIED);
}
END_TEST

/* ---- auth ---- */

START_TEST(auth_local_senders)
{
	scene.policy->auth.rule.mode = MR_MODE_ENFORCE;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	scene.policy->auth.local_senders = true;
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_mail(NULL, "<bob>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_mail(NULL, "<bob@mx.example.com>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_mail(NULL, "<bob@[192.0.2.25]>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_mail(NULL, "<@elsewhere.example:bob@example.com>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_mail("", "<bob@example.com>"), AUTH_LOCAL_SENDER);
	EXPECT_PASSED(at_mail(NULL, "<bob@elsewhere.example>"));
	EXPECT_PASSED(at_mail(NULL, "<bob@relayed.example>"));
	EXPECT_PASSED(at_mail(NULL, "<bob@[203.0.113.9]>"));
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_PASSED(at_mail("b\xff", "<bob@example.com>")); /* somebody did log in */
	scene.connection.local = true;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
}
END_TEST

START_TEST(auth_unreadable_senders)
{
	scene.policy->auth.rule.mode = MR_MODE_ENFORCE;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com"));
	scene.policy->auth.roles = true;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob@example.com"), MR_ACCEPT, NONE);
	scene.policy->auth.rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob@example.com"), MR_REJECT, AUTH_CANNOT_TELL);
	EXPECT_UNCLEAR(at_mail(NULL, "<b\001ob@example.com>"), MR_REJECT, AUTH_CANNOT_TELL);
	scene.policy->auth.roles = false;
	scene.policy->auth.local_senders = true;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob@example.com"), MR_REJECT, AUTH_CANNOT_TELL);
}
END_TEST

START_TEST(auth_roles)
{
	scene.policy->auth.rule.mode = MR_MODE_ENFORCE;
	scene.policy->auth.roles = true;
	scene.policy->auth.role_names = names_of("postmaster abuse");
	EXPECT_REFUSED(at_mail(NULL, "<PostMaster@example.com>"), AUTH_ROLE);
	EXPECT_REFUSED(at_mail(NULL, "<postmaster>"), AUTH_ROLE);
	EXPECT_REFUSED(at_mail(NULL, "<\"abuse\"@example.org>"), AUTH_ROLE);
	EXPECT_PASSED(at_mail(NULL, "<postmaster@elsewhere.example>"));
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_PASSED(at_mail(NULL,
	    "<a234567890123456789012345678901234567890123456789012345678901234567890@example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<postmaster@example.com>"));
	scene.policy->auth.local_senders = true;
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_mail(NULL, "<abuse@example.com>"), AUTH_ROLE);
	scene.policy->auth.roles = false;
	EXPECT_REFUSED(at_mail(NULL, "<abuse@example.com>"), AUTH_LOCAL_SENDER);
}
END_TEST

START_TEST(auth_networks_and_listeners)
{
	scene.policy->auth.rule.mode = MR_MODE_ENFORCE;
	scene.policy->auth.networks = networks_of("203.0.113.0/24");
	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
	scene.policy->auth.local_networks = true;
	EXPECT_REFUSED(at_mail(NULL, "<x@elsewhere.example>"), AUTH_LOCAL_NETWORK);
	EXPECT_REFUSED(at_mail(NULL, "<>"), AUTH_LOCAL_NETWORK);
	EXPECT_PASSED(at_mail("bob@example.com", "<x@elsewhere.example>"));
	from_client("203.0.114.9");
	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
	scene.policy->auth.listeners = names_of("submission ORIGINATING");
	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
	scene.connection.listener = MR_STR_ABSENT;
	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
	scene.connection.listener = MR_STR("ORIGINATING");
	EXPECT_REFUSED(at_mail(NULL, "<x@elsewhere.example>"), AUTH_LISTENER);
	EXPECT_PASSED(at_mail("bob@example.com", "<x@elsewhere.example>"));
	scene.connection.listener = MR_STR("originating");
	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
	scene.connection.listener = MR_STR("ORIGINATING");
	scene.connection.local = true;
	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
}
END_TEST

/* ---- exists ---- */

static void
exists_rule(void)
{
	scene.policy->exists.rule.mode = MR_MODE_ENFORCE;
	scene.policy->exists.senders = scene.policy->exists.recipients = true;
	scene.policy->accounts = names_of("bob@example.com ann@example.org");
	add_alias(scene.policy, "sales@example.com", "bob@example.com");
	add_alias(scene.policy, "team@example.com", "");
}

START_TEST(exists_senders)
{
	scene.policy->exists.rule.mode = MR_MODE_ENFORCE;
	scene.policy->exists.senders = true;
	EXPECT_PASSED(at_mail(NULL, "<nobody@example.com>")); /* no list */
	exists_rule();
	EXPECT_REFUSED(at_mail(NULL, "<nobody@example.com>"), EXISTS_SENDER);
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.org>"), EXISTS_SENDER);
	EXPECT_REFUSED(at_mail(NULL, "<nobody>"), EXISTS_SENDER);
	EXPECT_REFUSED(at_mail(NULL, "<bob+x@example.com>"), EXISTS_SENDER);
	EXPECT_PASSED(at_mail(NULL, "<Bob@example.com>"));
	EXPECT_PASSED(at_mail(NULL, "<bob>"));
	EXPECT_PASSED(at_mail(NULL, "<bob@mx.example.com>"));
	EXPECT_PASSED(at_mail(NULL, "<bob@[192.0.2.25]>"));
	EXPECT_PASSED(at_mail(NULL, "<ann@example.org>"));
	EXPECT_PASSED(at_mail(NULL, "<sales@example.com>"));
	EXPECT_PASSED(at_mail(NULL, "<team@example.com>"));
	EXPECT_PASSED(at_mail(NULL, "<PostMaster@example.com>")); /* RFC 5321 4.5.1 */
	EXPECT_PASSED(at_mail(NULL, "<nobody@elsewhere.example>"));
	EXPECT_PASSED(at_mail(NULL, "<nobody@relayed.example>"));
	EXPECT_PASSED(at_mail(NULL, "<>"));
	scene.policy->exists.plus = true;
	EXPECT_PASSED(at_mail(NULL, "<bob+x@example.com>"));
	EXPECT_PASSED(at_mail(NULL, "<sales+x@example.com>"));
	EXPECT_REFUSED(at_mail(NULL, "<nobody+x@example.com>"), EXISTS_SENDER);
	EXPECT_REFUSED(at_mail("bob@example.com", "<nobody@example.com>"), EXISTS_SENDER);
	scene.policy->exists.except_logins = true;
	EXPECT_PASSED(at_mail("bob@example.com", "<nobody@example.com>"));
	EXPECT_REFUSED(at_mail("", "<nobody@example.com>"), EXISTS_SENDER);
	scene.policy->exists.senders = false;
	EXPECT_PASSED(at_mail(NULL, "<nobody@example.com>"));
}
END_TEST

START_TEST(exists_recipients)
{
	exists_rule();
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_REFUSED(at_rcpt("<nobody@example.com>"), EXISTS_RECIPIENT);
	EXPECT_REFUSED(at_rcpt("<bob+x@example.com>"), EXISTS_RECIPIENT);
	EXPECT_PASSED(at_rcpt("<bob@example.com>"));
	EXPECT_PASSED(at_rcpt("<sales@example.com>"));
	EXPECT_PASSED(at_rcpt("postmaster"));
	EXPECT_PASSED(at_rcpt("<nobody@relayed.example>"));
	EXPECT_PASSED(at_rcpt("<nobody@elsewhere.example>"));
	EXPECT_REFUSED(at_rcpt_seen("<bob@example.com>", "nobody@example.com", "virtual"), EXISTS_RECIPIENT);
	EXPECT_PASSED(at_rcpt_seen("<x@example.com>", "bob", "local"));
	/* Sendmail shows a local name without its domain: what was asked for counts too. */
	EXPECT_PASSED(at_rcpt_seen("<ann@example.org>", "ann", "local"));
	EXPECT_REFUSED(at_rcpt_seen("<ann@example.com>", "ann", "local"), EXISTS_RECIPIENT);
	EXPECT_REFUSED(at_rcpt_seen("<nobody@example.org>", "nobody", "local"), EXISTS_RECIPIENT);
	EXPECT_REFUSED(at_rcpt_seen("<ann@example.org>", "nobody@example.org", "local"), EXISTS_RECIPIENT);
	EXPECT_UNCLEAR(at_rcpt_seen("<ann (x)@example.org>", "nobody", "local"), MR_ACCEPT, NONE);
	scene.policy->exists.plus = true;
	EXPECT_PASSED(at_rcpt("<bob+x@example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<>"));
	EXPECT_REFUSED(at_rcpt("<nobody@example.com>"), EXISTS_RECIPIENT);
	scene.policy->exists.except_logins = true;
	EXPECT_PASSED(at_rcpt("<nobody@example.com>"));
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_REFUSED(at_rcpt("<nobody@example.com>"), EXISTS_RECIPIENT);
	scene.policy->exists.recipients = false;
	EXPECT_PASSED(at_rcpt("<nobody@example.com>"));
}
END_TEST

START_TEST(exists_cannot_tell)
{
	exists_rule();
	EXPECT_UNCLEAR(at_mail(NULL, "<bob@example.com"), MR_ACCEPT, NONE);
	scene.policy->exists.rule.cannot_tell = MR_TEMPFAIL;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob@example.com"), MR_TEMPFAIL, EXISTS_CANNOT_TELL);
	/* Only a suffix is ours: nobody knows what a bare name becomes. */
	mr_domainset_free(&scene.policy->domains);
	scene.policy->domains = domains_of(".example.com");
	EXPECT_UNCLEAR(at_mail(NULL, "<bob>"), MR_TEMPFAIL, EXISTS_CANNOT_TELL);
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_UNCLEAR(at_rcpt("<bob>"), MR_TEMPFAIL, EXISTS_CANNOT_TELL);
	EXPECT_REFUSED(at_rcpt("<bob@sub.example.com>"), EXISTS_RECIPIENT);
}
END_TEST

/* ---- helo ---- */

static struct mr_decision
with_helo(struct mr_str helo)
{
	scene.connection.helo = helo;
	return at_mail(NULL, "<x@elsewhere.example>");
}

START_TEST(helo_of_others)
{
	scene.policy->helo.rule.mode = MR_MODE_ENFORCE;
	EXPECT_REFUSED(with_helo(MR_STR("mx.example.com")), HELO_OUR_NAME);
	EXPECT_REFUSED(with_helo(MR_STR(" MX.Example.Com. ")), HELO_OUR_NAME);
	EXPECT_REFUSED(with_helo(MR_STR("[192.0.2.25]")), HELO_OUR_ADDRESS);
	EXPECT_REFUSED(with_helo(MR_STR("192.0.2.25")), HELO_OUR_ADDRESS);
	EXPECT_REFUSED(with_helo(MR_STR("[IPv6:2001:db8:25::25]")), HELO_OUR_ADDRESS);
	EXPECT_REFUSED(with_helo(MR_STR("[IPv6:::ffff:192.0.2.25]")), HELO_OUR_ADDRESS);
	EXPECT_REFUSED(with_helo(MR_STR("[127.0.0.1]")), HELO_OUR_ADDRESS);
	EXPECT_PASSED(with_helo(MR_STR("[203.0.113.9]")));
	EXPECT_PASSED(with_helo(MR_STR("mx.elsewhere.example")));
	EXPECT_PASSED(with_helo(MR_STR("example.com")));
	EXPECT_PASSED(with_helo(MR_STR("x.mx.example.com")));
	EXPECT_UNCLEAR(with_helo(MR_STR("")), MR_ACCEPT, NONE);
	scene.policy->helo.rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(with_helo(MR_STR("")), MR_REJECT, HELO_CANNOT_TELL);
	EXPECT_UNCLEAR(with_helo(MR_STR(" ")), MR_REJECT, HELO_CANNOT_TELL);
	EXPECT_UNCLEAR(with_helo(MR_STR_ABSENT), MR_REJECT, HELO_CANNOT_TELL);
	EXPECT_UNCLEAR(with_helo(MR_STR("not a name")), MR_REJECT, HELO_CANNOT_TELL);
	EXPECT_UNCLEAR(with_helo(MR_STR("[192.0.2.25")), MR_REJECT, HELO_CANNOT_TELL);
}
END_TEST

START_TEST(helo_exceptions)
{
	scene.policy->helo.rule.mode = MR_MODE_ENFORCE;
	scene.connection.helo = MR_STR("mx.example.com");
	EXPECT_REFUSED(at_mail("bob@example.com", "<>"), HELO_OUR_NAME);
	scene.policy->helo.except_logins = true;
	EXPECT_PASSED(at_mail("bob@example.com", "<>"));
	EXPECT_REFUSED(at_mail("", "<>"), HELO_OUR_NAME);
	from_client("192.0.2.25");
	EXPECT_PASSED(at_mail(NULL, "<>"));
	from_client("::1");
	EXPECT_PASSED(at_mail(NULL, "<>"));
	from_client(NULL);
	EXPECT_REFUSED(at_mail(NULL, "<>"), HELO_OUR_NAME);
	scene.connection.local = true;
	EXPECT_PASSED(at_mail(NULL, "<>"));
	/* Without hostnames it is the mail server that knows its name. */
	scene.connection.local = false;
	mr_domainset_free(&scene.policy->hostnames);
	EXPECT_REFUSED(at_mail(NULL, "<>"), HELO_OUR_NAME);
	scene.connection.server_name = MR_STR("other.example.com");
	EXPECT_PASSED(at_mail(NULL, "<>"));
}
END_TEST

/* ---- limits ---- */

START_TEST(limits_size)
{
	scene.policy->limits.rule.mode = MR_MODE_ENFORCE;
	scene.policy->limits.rule.action = MR_ACCEPT; /* this rule's answers are its own */
	EXPECT_PASSED(at_mail_of_size(NULL, "<>", INT64_MAX));
	EXPECT_PASSED(at_end_of_size(INT64_MAX));
	EXPECT_PASSED(at_end_of_size(-1));
	scene.policy->limits.size = 1000;
	EXPECT_PASSED(at_mail_of_size(NULL, "<>", 1000));
	EXPECT_REFUSED(at_mail_of_size(NULL, "<>", 1001), LIMITS_SIZE);
	EXPECT_PASSED(at_mail_of_size(NULL, "<>", -1));
	EXPECT_PASSED(at_end_of_size(1000));
	EXPECT_PASSED(at_end_of_size(0));
	EXPECT_REFUSED(at_end_of_size(1001), LIMITS_SIZE);
	EXPECT_UNCLEAR(at_end_of_size(-1), MR_ACCEPT, NONE);
	scene.policy->limits.rule.cannot_tell = MR_TEMPFAIL;
	EXPECT_UNCLEAR(at_end_of_size(-1), MR_TEMPFAIL, LIMITS_CANNOT_TELL);
}
END_TEST

START_TEST(limits_recipients)
{
	scene.policy->limits.rule.mode = MR_MODE_ENFORCE;
	scene.policy->relay.rule.mode = MR_MODE_ENFORCE;
	EXPECT_PASSED(at_mail(NULL, "<>"));
	for (int i = 0; i < 100; i++)
		EXPECT_PASSED(at_rcpt("<bob@example.com>"));
	scene.policy->limits.recipients = 2;
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_PASSED(at_rcpt("<bob@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED); /* refused ones do not count */
	EXPECT_PASSED(at_rcpt("<bob@example.com>"));
	EXPECT(at_rcpt("<bob@example.com>"), MR_TEMPFAIL, LIMITS_RECIPIENTS);
	EXPECT(at_rcpt("<bob@example.com>"), MR_TEMPFAIL, LIMITS_RECIPIENTS);
	ck_assert_uint_eq(scene.subject.rcpt_accepted, 2);
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_PASSED(at_rcpt("<bob@example.com>")); /* the next message counts anew */
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tests = tcase_create("rules");

	tcase_add_checked_fixture(tests, set_scene, clear_scene);
	tcase_add_test(tests, access_deny_list);
	tcase_add_test(tests, access_allow_list);
	tcase_add_test(tests, access_at_connect);
	tcase_add_test(tests, auth_local_senders);
	tcase_add_test(tests, auth_unreadable_senders);
	tcase_add_test(tests, auth_roles);
	tcase_add_test(tests, auth_networks_and_listeners);
	tcase_add_test(tests, exists_senders);
	tcase_add_test(tests, exists_recipients);
	tcase_add_test(tests, exists_cannot_tell);
	tcase_add_test(tests, helo_of_others);
	tcase_add_test(tests, helo_exceptions);
	tcase_add_test(tests, limits_size);
	tcase_add_test(tests, limits_recipients);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
