/*
 * The rules other than relay, one by one: for each the yes, the no and the "cannot tell", and what its settings turn
 * on and off. Which rule is asked first and what modes do is in check_decide.c.
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
	EXPECT_PASSED(at_mail(NULL, "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.com>"));
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

/* ---- shield ---- */

START_TEST(shield_named_domains)
{
	struct mr_shield_policy *entry = add_shield(scene.policy, "example.com .example.net", "198.51.100.0/24");

	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), SHIELD_ENVELOPE);
	EXPECT_REFUSED(at_mail(NULL, "<bob@EXAMPLE.com.>"), SHIELD_ENVELOPE);
	EXPECT_REFUSED(at_mail(NULL, "<bob@sub.example.net>"), SHIELD_ENVELOPE);
	EXPECT_PASSED(at_mail(NULL, "<bob@example.net>"));
	EXPECT_PASSED(at_mail(NULL, "<bob@sub.example.com>"));
	EXPECT_PASSED(at_mail(NULL, "<bob@elsewhere.example>"));
	EXPECT_PASSED(at_mail(NULL, "<>"));
	/* A bare name gets the first of our domains, and so does our own address. */
	EXPECT_REFUSED(at_mail(NULL, "<bob>"), SHIELD_ENVELOPE);
	EXPECT_REFUSED(at_mail(NULL, "<bob@[192.0.2.25]>"), SHIELD_ENVELOPE);
	EXPECT_PASSED(at_mail(NULL, "<bob@[203.0.113.9]>"));
	EXPECT_REFUSED(at_mail("bob@example.com", "<bob@example.com>"), SHIELD_ENVELOPE);
	entry->except_logins = true;
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_REFUSED(at_mail("", "<bob@example.com>"), SHIELD_ENVELOPE);
	from_client("198.51.100.7");
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	from_client(NULL);
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), SHIELD_ENVELOPE);
	entry->rule.except = networks_of("203.0.113.9");
	from_client("203.0.113.9");
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	from_client("203.0.113.10");
	scene.connection.local = true;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
}
END_TEST

START_TEST(shield_local_and_star)
{
	struct mr_shield_policy *entry = add_shield(scene.policy, "", "198.51.100.0/24");

	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	entry->local_domains = true;
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), SHIELD_ENVELOPE);
	EXPECT_REFUSED(at_mail(NULL, "<bob@mx.example.com>"), SHIELD_ENVELOPE);
	EXPECT_REFUSED(at_mail(NULL, "<bob@relayed.example>"), SHIELD_ENVELOPE);
	EXPECT_REFUSED(at_mail(NULL, "<bob>"), SHIELD_ENVELOPE);
	EXPECT_PASSED(at_mail(NULL, "<bob@elsewhere.example>"));
	EXPECT_PASSED(at_mail(NULL, "<bob@[203.0.113.9]>"));
	entry->local_domains = false;
	entry->any_domain = true;
	EXPECT_REFUSED(at_mail(NULL, "<bob@elsewhere.example>"), SHIELD_ENVELOPE);
	EXPECT_REFUSED(at_mail(NULL, "<bob@[203.0.113.9]>"), SHIELD_ENVELOPE);
	EXPECT_PASSED(at_mail(NULL, "<>"));
}
END_TEST

/* The most exact entries count, and their networks together. */
START_TEST(shield_closest_entry)
{
	add_shield(scene.policy, "", "203.0.113.0/24")->any_domain = true;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	add_shield(scene.policy, "", "198.51.100.0/24")->local_domains = true;
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), SHIELD_ENVELOPE);
	EXPECT_PASSED(at_mail(NULL, "<bob@elsewhere.example>"));
	add_shield(scene.policy, ".com", "203.0.113.0/24");
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.org>"), SHIELD_ENVELOPE);
	add_shield(scene.policy, "example.com", "192.0.2.0/24");
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), SHIELD_ENVELOPE);
	add_shield(scene.policy, "example.com", "203.0.113.9");
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	from_client("192.0.2.200");
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	from_client("198.51.100.7");
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), SHIELD_ENVELOPE);
	/* The order of entries does not matter: a less exact one behind changes nothing. */
	add_shield(scene.policy, "", "198.51.100.0/24")->any_domain = true;
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), SHIELD_ENVELOPE);
}
END_TEST

START_TEST(shield_entries_have_modes)
{
	struct mr_shield_policy *entry = add_shield(scene.policy, "example.com", "");

	entry->rule.mode = MR_MODE_OBSERVE;
	EXPECT_OBSERVED(at_mail(NULL, "<bob@example.com>"), SHIELD, SHIELD_ENVELOPE);
	entry->rule.mode = MR_MODE_OFF;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	/* An entry that is off is not there: the next exact one counts. */
	add_shield(scene.policy, "", "")->local_domains = true;
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), SHIELD_ENVELOPE);
	/* Of entries that are as exact, the strictest decides. */
	scene.policy->shield[0].rule.mode = MR_MODE_OBSERVE;
	EXPECT_OBSERVED(at_mail(NULL, "<bob@example.com>"), SHIELD, SHIELD_ENVELOPE);
	entry = add_shield(scene.policy, "example.com", "");
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), SHIELD_ENVELOPE);
	entry->rule.action = MR_TEMPFAIL;
	EXPECT(at_mail(NULL, "<bob@example.com>"), MR_TEMPFAIL, SHIELD_ENVELOPE);
	/* Of several that are as strict, the first. */
	add_shield(scene.policy, "example.com", "");
	EXPECT(at_mail(NULL, "<bob@example.com>"), MR_TEMPFAIL, SHIELD_ENVELOPE);
}
END_TEST

START_TEST(shield_unreadable_senders)
{
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com"));
	struct mr_shield_policy *entry = add_shield(scene.policy, "example.com", "198.51.100.0/24");
	EXPECT_UNCLEAR(at_mail(NULL, "<bob@example.com"), MR_ACCEPT, NONE);
	entry->rule.cannot_tell = MR_TEMPFAIL;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob@example.com"), MR_TEMPFAIL, SHIELD_CANNOT_TELL);
	EXPECT_UNCLEAR(at_mail(NULL, "<b\001ob@example.com>"), MR_TEMPFAIL, SHIELD_CANNOT_TELL);
	from_client("198.51.100.7");
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com"));
	from_client("203.0.113.9");
	entry->rule.mode = MR_MODE_OBSERVE;
	struct mr_decision decision = at_mail(NULL, "<bob@example.com");
	ck_assert_int_eq(decision.verdict, MR_ACCEPT);
	ck_assert_int_eq(decision.would_reason, MR_REASON_SHIELD_CANNOT_TELL);
	/* The strictest entry is asked what to do. */
	add_shield(scene.policy, "example.org", "")->rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob@example.com"), MR_REJECT, SHIELD_CANNOT_TELL);
	add_shield(scene.policy, "example.net", "")->rule.cannot_tell = MR_TEMPFAIL;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob@example.com"), MR_REJECT, SHIELD_CANNOT_TELL);
}
END_TEST

START_TEST(shield_header_from)
{
	struct mr_shield_policy *entry = add_shield(scene.policy, "example.com", "198.51.100.0/24");

	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
	EXPECT_PASSED(at_end("bob@example.com", NULL));
	entry->header_from = true;
	EXPECT_REFUSED(at_end("bob@example.com", NULL), SHIELD_HEADER);
	EXPECT_REFUSED(at_end("x@elsewhere.example, Bob <bob@example.com>", NULL), SHIELD_HEADER);
	EXPECT_REFUSED(at_end("Us: x@elsewhere.example, bob@example.com;", NULL), SHIELD_HEADER);
	EXPECT_REFUSED(at_end_of_two("x@elsewhere.example", "bob@example.com"), SHIELD_HEADER);
	EXPECT_REFUSED(at_end_of_two("bob@example.com", "x@elsewhere.example"), SHIELD_HEADER);
	EXPECT_PASSED(at_end_of_two("x@elsewhere.example", "y@elsewhere.example"));
	EXPECT_PASSED(at_end("\"bob@example.com\" <x@elsewhere.example>", NULL));
	EXPECT_PASSED(at_end("x@elsewhere.example", "bob@example.com"));
	EXPECT_PASSED(at_end(NULL, NULL));
	EXPECT_PASSED(at_end("Nobody:;", NULL));
	EXPECT_PASSED(at_mail("bob@example.com", "<>"));
	EXPECT_REFUSED(at_end("bob@example.com", NULL), SHIELD_HEADER);
	entry->except_logins = true;
	EXPECT_PASSED(at_end("bob@example.com", NULL));
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_REFUSED(at_end("bob@example.com", NULL), SHIELD_HEADER);
	from_client("198.51.100.7");
	EXPECT_PASSED(at_end("bob@example.com", NULL));
}
END_TEST

START_TEST(shield_unreadable_headers)
{
	struct mr_shield_policy *entry = add_shield(scene.policy, "example.com", "198.51.100.0/24");
	struct mr_message unseen = { .headers_seen = false, .size = -1 };

	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_PASSED(at_end("a@b c@d", NULL));
	entry->header_from = true;
	EXPECT_UNCLEAR(at_end("a@b c@d", NULL), MR_ACCEPT, NONE);
	entry->rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(at_end("a@b c@d", NULL), MR_REJECT, SHIELD_CANNOT_TELL);
	EXPECT_UNCLEAR(at_end_with(&unseen), MR_REJECT, SHIELD_CANNOT_TELL);
	/* What can be read beside it counts. */
	EXPECT_REFUSED(at_end("a@b c@d, bob@example.com", NULL), SHIELD_HEADER);
	from_client("198.51.100.7");
	EXPECT_PASSED(at_end("a@b c@d", NULL));
	EXPECT_PASSED(at_end_with(&unseen));
}
END_TEST

/* An address of a domain that is only observed does not hide one of a domain that is enforced. */
START_TEST(shield_header_takes_the_strictest)
{
	struct mr_shield_policy *entry = add_shield(scene.policy, "example.org", "");

	entry->header_from = true;
	entry->rule.mode = MR_MODE_OBSERVE;
	add_shield(scene.policy, "example.com", "")->header_from = true;
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_OBSERVED(at_end("ann@example.org", NULL), SHIELD, SHIELD_HEADER);
	EXPECT_REFUSED(at_end("ann@example.org, bob@example.com", NULL), SHIELD_HEADER);
	EXPECT_REFUSED(at_end("bob@example.com, ann@example.org", NULL), SHIELD_HEADER);
	scene.policy->shield[1].rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(at_end("ann@example.org, a@b c@d", NULL), MR_REJECT, SHIELD_CANNOT_TELL);
	scene.policy->shield[1].rule.mode = MR_MODE_OBSERVE;
	EXPECT_OBSERVED(at_end("ann@example.org, a@b c@d", NULL), SHIELD, SHIELD_HEADER);
	/* Of several that are as strict, the first. */
	scene.policy->shield[0].rule.mode = scene.policy->shield[1].rule.mode = MR_MODE_ENFORCE;
	scene.policy->shield[0].rule.action = MR_TEMPFAIL;
	EXPECT(at_end("ann@example.org, bob@example.com", NULL), MR_TEMPFAIL, SHIELD_HEADER);
	EXPECT_REFUSED(at_end("bob@example.com, ann@example.org", NULL), SHIELD_HEADER);
}
END_TEST

/* Entries that do not look at From have no say there, however exact. */
START_TEST(shield_entries_for_headers)
{
	add_shield(scene.policy, "example.com", "203.0.113.0/24");
	struct mr_shield_policy *star = add_shield(scene.policy, "", "198.51.100.0/24");
	star->any_domain = star->header_from = true;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_REFUSED(at_end("bob@example.com", NULL), SHIELD_HEADER);
	scene.policy->shield[0].header_from = true;
	EXPECT_PASSED(at_end("bob@example.com", NULL));
}
END_TEST

START_TEST(shield_aliases)
{
	add_shield(scene.policy, "example.com", "");
	add_shield(scene.policy, "example.org", "203.0.113.0/24");
	add_alias(scene.policy, "sales@example.com", "ann@example.org");
	add_alias(scene.policy, "away@example.com", "ann@elsewhere.example");
	add_alias(scene.policy, "team@example.com", "");
	EXPECT_REFUSED(at_mail(NULL, "<sales@example.com>"), SHIELD_ENVELOPE);
	scene.policy->shield[0].aliases = scene.policy->shield[1].aliases = true;
	EXPECT_PASSED(at_mail(NULL, "<sales@example.com>"));
	EXPECT_PASSED(at_mail(NULL, "<Sales@Example.com>"));
	EXPECT_REFUSED(at_mail(NULL, "<ann@example.com>"), SHIELD_ENVELOPE);
	EXPECT_REFUSED(at_mail(NULL, "<team@example.com>"), SHIELD_ENVELOPE);
	/* An alias that leads away from us would open the shield for everybody. */
	EXPECT_REFUSED(at_mail(NULL, "<away@example.com>"), SHIELD_ENVELOPE);
	from_client("198.51.100.7");
	EXPECT_REFUSED(at_mail(NULL, "<sales@example.com>"), SHIELD_ENVELOPE);
}
END_TEST

/* ---- sender ---- */

static void
sender_rule(void)
{
	scene.policy->sender.rule.mode = MR_MODE_ENFORCE;
	scene.policy->sender.own = true;
}

START_TEST(sender_own_address)
{
	sender_rule();
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_PASSED(at_mail("Bob@Example.COM.", "<BOB@example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<bob>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@mx.example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@[192.0.2.25]>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<\"bob\"@example.com>"));
	EXPECT_REFUSED(at_mail("bob@example.com", "<ann@example.com>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("bob@example.com", "<bob@example.org>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("bob@example.com", "<bob@elsewhere.example>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("bob@example.com", "<bob@[203.0.113.9]>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("bob@example.com", "<bob%example.com@elsewhere.example>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("bob@example.com", "<\"bob@example.com\"@example.com>"), SENDER_ENVELOPE);
	EXPECT_PASSED(at_mail(NULL, "<ann@example.com>")); /* nobody logged in: not this rule's business */
	EXPECT_PASSED(at_mail("", "<ann@example.com>"));
}
END_TEST

/* A login without a domain owns its name in every domain of ours, and in no other. */
START_TEST(sender_bare_logins)
{
	sender_rule();
	EXPECT_PASSED(at_mail("bob", "<bob@example.com>"));
	EXPECT_PASSED(at_mail("Bob", "<bob@example.org>"));
	EXPECT_PASSED(at_mail("bob", "<bob>"));
	EXPECT_REFUSED(at_mail("bob", "<bob@elsewhere.example>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("bob", "<bob@relayed.example>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("bob", "<bobby@example.com>"), SENDER_ENVELOPE);
	scene.policy->login.default_domain = mr_strdup("example.org");
	EXPECT_PASSED(at_mail("bob", "<bob@example.org>"));
	EXPECT_REFUSED(at_mail("bob", "<bob@example.com>"), SENDER_ENVELOPE);
}
END_TEST

START_TEST(sender_null)
{
	sender_rule();
	EXPECT_REFUSED(at_mail("bob@example.com", "<>"), SENDER_ENVELOPE);
	scene.policy->sender.null_sender = true;
	EXPECT_PASSED(at_mail("bob@example.com", "<>"));
}
END_TEST

START_TEST(sender_map)
{
	sender_rule();
	add_senders(scene.policy, "bob@example.com", "sales@example.com *@shop.example news-*@example.org");
	EXPECT_PASSED(at_mail("bob@example.com", "<sales@example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<anyone@shop.example>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<news-may@example.org>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_REFUSED(at_mail("bob@example.com", "<sales@example.org>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("ann@example.com", "<sales@example.com>"), SENDER_ENVELOPE);
	scene.policy->sender.own = false;
	EXPECT_PASSED(at_mail("bob@example.com", "<sales@example.com>"));
	EXPECT_REFUSED(at_mail("bob@example.com", "<bob@example.com>"), SENDER_ENVELOPE);
	/* The map says nothing of this login. */
	EXPECT_UNCLEAR(at_mail("ann@example.com", "<ann@example.com>"), MR_ACCEPT, NONE);
	scene.policy->sender.rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(at_mail("ann@example.com", "<ann@example.com>"), MR_REJECT, SENDER_CANNOT_TELL);
}
END_TEST

START_TEST(sender_cannot_tell)
{
	sender_rule();
	scene.policy->sender.null_sender = true;
	EXPECT_UNCLEAR(at_mail("bob@example.com", "<bob@example.com"), MR_ACCEPT, NONE);
	scene.policy->sender.rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(at_mail("bob@example.com", "<bob@example.com"), MR_REJECT, SENDER_CANNOT_TELL);
	EXPECT_UNCLEAR(at_mail("bob@example.com", "<b\001@example.com>"), MR_REJECT, SENDER_CANNOT_TELL);
	EXPECT_UNCLEAR(at_mail("b\001ob", "<bob@example.com>"), MR_REJECT, SENDER_CANNOT_TELL);
	/* Only a suffix is ours: nobody knows what a bare name becomes. */
	mr_domainset_free(&scene.policy->domains);
	scene.policy->domains = domains_of(".example.com");
	EXPECT_UNCLEAR(at_mail("bob@example.com", "<bob>"), MR_REJECT, SENDER_CANNOT_TELL);
}
END_TEST

START_TEST(sender_aliases)
{
	sender_rule();
	add_alias(scene.policy, "sales@example.com", "bob@example.com");
	add_alias(scene.policy, "team@example.com", "");
	add_alias(scene.policy, "gone@example.com", "bob@elsewhere.example");
	EXPECT_REFUSED(at_mail("bob@example.com", "<sales@example.com>"), SENDER_ENVELOPE);
	scene.policy->sender.aliases = true;
	EXPECT_PASSED(at_mail("bob@example.com", "<Sales@example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<sales>"));
	EXPECT_PASSED(at_mail("bob", "<sales@example.com>"));
	EXPECT_REFUSED(at_mail("ann@example.com", "<sales@example.com>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("bob@example.org", "<sales@example.com>"), SENDER_ENVELOPE);
	EXPECT_UNCLEAR(at_mail("bob@example.com", "<team@example.com>"), MR_ACCEPT, NONE);
	/* Another bob, elsewhere, is not this one. */
	EXPECT_REFUSED(at_mail("bob", "<gone@example.com>"), SENDER_ENVELOPE);
	EXPECT_PASSED(at_mail("bob@elsewhere.example", "<gone@example.com>"));
}
END_TEST

START_TEST(sender_plus)
{
	sender_rule();
	add_senders(scene.policy, "bob@example.com", "sales@example.com");
	add_alias(scene.policy, "info@example.com", "bob@example.com");
	add_alias(scene.policy, "team@example.com", "");
	scene.policy->sender.aliases = true;
	EXPECT_REFUSED(at_mail("bob@example.com", "<bob+x@example.com>"), SENDER_ENVELOPE);
	scene.policy->sender.plus = true;
	EXPECT_PASSED(at_mail("bob@example.com", "<bob+x@example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<bob+x+y@example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<sales+x@example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<info+x@example.com>"));
	EXPECT_PASSED(at_mail("bob@example.com", "<bob+x>"));
	EXPECT_REFUSED(at_mail("bob@example.com", "<ann+bob@example.com>"), SENDER_ENVELOPE);
	EXPECT_REFUSED(at_mail("bob@example.com", "<+bob@example.com>"), SENDER_ENVELOPE);
	EXPECT_UNCLEAR(at_mail("bob@example.com", "<team+x@example.com>"), MR_ACCEPT, NONE);
	EXPECT_UNCLEAR(at_mail("bob@example.com", "<team@example.com>"), MR_ACCEPT, NONE);
	/* An alias whose name has a plus sign: "cannot tell" gives way to a yes of the short name, not to a no. */
	add_alias(scene.policy, "bob+all@example.com", "");
	add_alias(scene.policy, "ann+all@example.com", "");
	EXPECT_PASSED(at_mail("bob@example.com", "<bob+all@example.com>"));
	EXPECT_UNCLEAR(at_mail("bob@example.com", "<ann+all@example.com>"), MR_ACCEPT, NONE);
	EXPECT_REFUSED(at_mail("bob+x@example.com", "<bob@example.com>"), SENDER_ENVELOPE);
	scene.policy->login.strip_plus = true;
	EXPECT_PASSED(at_mail("bob+x@example.com", "<bob@example.com>"));
}
END_TEST

/* One account is one key, however it is written (RFC 8265 has no other wish). */
START_TEST(sender_spellings_of_a_login)
{
	static const char *const spellings[] = { "j\xc3\xbcrg@example.com", "J\xc3\x9cRG@example.com",
		"ju\xcc\x88rg@example.com", "JU\xcc\x88RG@EXAMPLE.COM", "j\xc3\xbcrg@Example.com." };

	sender_rule();
	add_senders(scene.policy, "j\xc3\xbcrg@example.com", "sales@example.com");
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		EXPECT_PASSED(at_mail(spellings[i], "<sales@example.com>"));
		ck_assert(mr_str_equal(scene.subject.login, MR_STR("j\xc3\xbcrg@example.com")));
	}
	EXPECT_REFUSED(at_mail("jurg@example.com", "<sales@example.com>"), SENDER_ENVELOPE);
	scene.policy->login.fold_case = false;
	EXPECT_PASSED(at_mail("ju\xcc\x88rg@example.com", "<sales@example.com>"));
	EXPECT_REFUSED(at_mail("J\xc3\xbcrg@example.com", "<sales@example.com>"), SENDER_ENVELOPE);
}
END_TEST

START_TEST(sender_headers)
{
	sender_rule();
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_PASSED(at_end("ann@example.com", "ann@example.com"));
	scene.policy->sender.header_from = true;
	EXPECT_REFUSED(at_end("ann@example.com", NULL), SENDER_HEADER);
	EXPECT_REFUSED(at_end("bob@example.com, ann@example.com", NULL), SENDER_HEADER);
	EXPECT_REFUSED(at_end_of_two("bob@example.com", "ann@example.com"), SENDER_HEADER);
	EXPECT_PASSED(at_end_of_two("bob@example.com", "Bob <bob@example.com>"));
	EXPECT_PASSED(at_end("\"ann@example.com\" <bob@example.com>", "ann@example.com"));
	EXPECT_PASSED(at_end("bob@example.com", NULL));
	EXPECT_PASSED(at_end(NULL, NULL));
	scene.policy->sender.header_from = false;
	scene.policy->sender.header_sender = true;
	EXPECT_REFUSED(at_end("bob@example.com", "ann@example.com"), SENDER_HEADER);
	EXPECT_PASSED(at_end("ann@example.com", "bob@example.com"));
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_PASSED(at_end("ann@example.com", "ann@example.com"));
}
END_TEST

START_TEST(sender_unreadable_headers)
{
	struct mr_message unseen = { .headers_seen = false, .size = -1 };

	sender_rule();
	scene.policy->sender.rule.cannot_tell = MR_REJECT;
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_PASSED(at_end_with(&unseen));
	scene.policy->sender.header_from = true;
	EXPECT_UNCLEAR(at_end_with(&unseen), MR_REJECT, SENDER_CANNOT_TELL);
	EXPECT_UNCLEAR(at_end("a@b c@d", NULL), MR_REJECT, SENDER_CANNOT_TELL);
	EXPECT_UNCLEAR(at_end("bob@example.com, a@b c@d", NULL), MR_REJECT, SENDER_CANNOT_TELL);
	EXPECT_REFUSED(at_end("a@b c@d, ann@example.com", NULL), SENDER_HEADER);
	EXPECT_PASSED(at_end("bob@example.com", "a@b c@d"));
	scene.policy->sender.header_sender = true;
	EXPECT_UNCLEAR(at_end("bob@example.com", "a@b c@d"), MR_REJECT, SENDER_CANNOT_TELL);
	EXPECT_REFUSED(at_end("a@b c@d", "ann@example.com"), SENDER_HEADER);
	scene.policy->sender.own = false;
	EXPECT_UNCLEAR(at_mail("bob@example.com", "<bob@example.com>"), MR_REJECT, SENDER_CANNOT_TELL);
	EXPECT_UNCLEAR(at_end("bob@example.com", NULL), MR_REJECT, SENDER_CANNOT_TELL);
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
	tcase_add_test(tests, shield_named_domains);
	tcase_add_test(tests, shield_local_and_star);
	tcase_add_test(tests, shield_closest_entry);
	tcase_add_test(tests, shield_entries_have_modes);
	tcase_add_test(tests, shield_unreadable_senders);
	tcase_add_test(tests, shield_header_from);
	tcase_add_test(tests, shield_unreadable_headers);
	tcase_add_test(tests, shield_header_takes_the_strictest);
	tcase_add_test(tests, shield_entries_for_headers);
	tcase_add_test(tests, shield_aliases);
	tcase_add_test(tests, sender_own_address);
	tcase_add_test(tests, sender_bare_logins);
	tcase_add_test(tests, sender_null);
	tcase_add_test(tests, sender_map);
	tcase_add_test(tests, sender_cannot_tell);
	tcase_add_test(tests, sender_aliases);
	tcase_add_test(tests, sender_plus);
	tcase_add_test(tests, sender_spellings_of_a_login);
	tcase_add_test(tests, sender_headers);
	tcase_add_test(tests, sender_unreadable_headers);
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
