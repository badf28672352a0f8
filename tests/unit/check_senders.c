/*
 * The rules about senders, shield and sender: for each the yes, the no and the "cannot tell", in the envelope and in
 * the header, and the ways around them.
 */
#include "scene.h"

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

int
main(void)
{
	Suite *suite = suite_create("senders");
	TCase *tests = tcase_create("senders");

	tcase_add_checked_fixture(tests, set_scene, clear_scene);
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
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
