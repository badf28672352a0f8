/*
 * What all rules share: modes, what a finding does, exemptions, the order of evaluation, rules that wait for the
 * recipients. What each rule finds is in check_rules.c and check_relay.c.
 */
#include "scene.h"

/* Every rule has something against the message that breaks_all() plays. */
static void
enforce_all(void)
{
	struct mr_policy *p = scene.policy;

	p->access.list = networks_of("203.0.113.0/24");
	p->auth.local_senders = true;
	add_shield(p, "example.com", "");
	p->sender.own = true;
	p->exists.senders = p->exists.recipients = true;
	p->accounts = names_of("bob@example.com");
	p->limits.size = 10;
	p->limits.recipients = 1;
	scene.connection.helo = MR_STR("mx.example.com");
	p->access.rule.mode = p->relay.rule.mode = p->auth.rule.mode = p->shield[0].rule.mode = MR_MODE_ENFORCE;
	p->sender.rule.mode = p->exists.rule.mode = p->helo.rule.mode = p->limits.rule.mode = MR_MODE_ENFORCE;
}

static struct mr_decision
break_all(void)
{
	return at_mail_of_size(NULL, "<nobody@example.com>", 11);
}

/* At MAIL the rules are asked in the order of model/rule.def. */
START_TEST(order_at_mail)
{
	struct mr_policy *p = scene.policy;

	enforce_all();
	EXPECT_REFUSED(break_all(), ACCESS_DENIED);
	p->access.rule.mode = MR_MODE_OFF;
	EXPECT_REFUSED(break_all(), AUTH_LOCAL_SENDER);
	p->auth.rule.mode = MR_MODE_OFF;
	EXPECT_REFUSED(break_all(), SHIELD_ENVELOPE);
	p->shield[0].rule.mode = MR_MODE_OFF;
	EXPECT_REFUSED(at_mail_of_size("bob@example.com", "<nobody@example.com>", 11), SENDER_ENVELOPE);
	EXPECT_REFUSED(break_all(), EXISTS_SENDER);
	p->exists.rule.mode = MR_MODE_OFF;
	EXPECT_REFUSED(break_all(), HELO_OUR_NAME);
	p->helo.rule.mode = MR_MODE_OFF;
	EXPECT_REFUSED(break_all(), LIMITS_SIZE);
	p->limits.rule.mode = MR_MODE_OFF;
	EXPECT_PASSED(break_all());
}
END_TEST

START_TEST(order_at_rcpt)
{
	struct mr_policy *p = scene.policy;

	enforce_all();
	p->relay.networks = networks_of("192.0.2.0/24");
	p->access.rule.mode = p->shield[0].rule.mode = p->helo.rule.mode = MR_MODE_OFF;
	p->exists.senders = false;
	p->auth.except_local_recipients = true;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_PASSED(at_rcpt("<bob@example.com>")); /* now the message is full */
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	from_client("192.0.2.1");
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_rcpt("<nobody@example.com>"), EXISTS_RECIPIENT);
	EXPECT(at_rcpt("<bob@example.com>"), MR_TEMPFAIL, LIMITS_RECIPIENTS);
}
END_TEST

START_TEST(order_at_end)
{
	struct mr_policy *p = scene.policy;
	struct mr_str from = MR_STR("ann@example.com");
	struct mr_message message = { .headers_seen = true, .header_from = &from, .header_from_count = 1, .size = 11 };

	enforce_all();
	p->shield[0].header_from = p->sender.header_from = true;
	EXPECT_REFUSED(at_mail("bob@example.com", "<bob@example.com>"), ACCESS_DENIED);
	EXPECT_REFUSED(at_end_with(&message), SHIELD_HEADER);
	p->shield[0].except_logins = true;
	EXPECT_REFUSED(at_end_with(&message), SENDER_HEADER);
	p->sender.header_from = false;
	EXPECT_REFUSED(at_end_with(&message), LIMITS_SIZE);
}
END_TEST

/* ---- Modes ---- */

START_TEST(modes_of_a_rule)
{
	scene.policy->relay.rule.mode = MR_MODE_OFF;
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	ck_assert_uint_eq(at_rcpt("<u@elsewhere.example>").would, 0);
	scene.policy->relay.rule.mode = MR_MODE_OBSERVE;
	EXPECT_OBSERVED(at_rcpt("<u@elsewhere.example>"), RELAY, RELAY_DENIED);
	ck_assert_uint_eq(scene.subject.rcpt_accepted, 3);
	scene.policy->relay.rule.mode = MR_MODE_ENFORCE;
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	ck_assert_uint_eq(at_rcpt("<u@elsewhere.example>").would, 0);
	ck_assert_uint_eq(scene.subject.rcpt_accepted, 3);
}
END_TEST

/* The master mode caps every rule and raises none. */
START_TEST(master_mode)
{
	struct mr_decision decision;

	enforce_all();
	scene.policy->mode = MR_MODE_OBSERVE;
	decision = break_all();
	ck_assert_int_eq(decision.verdict, MR_ACCEPT);
	ck_assert_int_eq(decision.would_reason, MR_REASON_ACCESS_DENIED);
	ck_assert_uint_eq(decision.would, MR_RULE_BIT(MR_RULE_ACCESS) | MR_RULE_BIT(MR_RULE_AUTH) |
	    MR_RULE_BIT(MR_RULE_SHIELD) | MR_RULE_BIT(MR_RULE_EXISTS) | MR_RULE_BIT(MR_RULE_HELO) |
	    MR_RULE_BIT(MR_RULE_LIMITS));
	EXPECT_OBSERVED(at_rcpt("<u@elsewhere.example>"), RELAY, RELAY_DENIED);
	scene.policy->mode = MR_MODE_OFF;
	EXPECT_PASSED(break_all());
	ck_assert_uint_eq(break_all().would, 0);
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	scene.policy->mode = MR_MODE_ENFORCE;
	scene.policy->limits.recipients = 0;
	scene.policy->relay.rule.mode = MR_MODE_OBSERVE;
	EXPECT_OBSERVED(at_rcpt("<u@elsewhere.example>"), RELAY, RELAY_DENIED);
}
END_TEST

/* What an observing rule would have done is kept beside what an enforcing one did. */
START_TEST(observed_beside_enforced)
{
	struct mr_decision decision;

	enforce_all();
	scene.policy->access.rule.mode = scene.policy->auth.rule.mode = MR_MODE_OBSERVE;
	decision = break_all();
	ck_assert_int_eq(decision.verdict, MR_REJECT);
	ck_assert_int_eq(decision.reason, MR_REASON_SHIELD_ENVELOPE);
	ck_assert_uint_eq(decision.would, MR_RULE_BIT(MR_RULE_ACCESS) | MR_RULE_BIT(MR_RULE_AUTH));
	ck_assert_int_eq(decision.would_reason, MR_REASON_ACCESS_DENIED);
}
END_TEST

/* ---- Actions ---- */

START_TEST(actions)
{
	enforce_all();
	scene.policy->access.rule.mode = MR_MODE_OFF;
	scene.policy->auth.rule.action = MR_TEMPFAIL;
	EXPECT(break_all(), MR_TEMPFAIL, AUTH_LOCAL_SENDER); /* a later rule that would reject is not asked */
	scene.policy->auth.rule.action = MR_HOLD;
	EXPECT_REFUSED(break_all(), SHIELD_ENVELOPE); /* a hold gives way to a refusal */
	scene.policy->shield[0].rule.action = MR_HOLD;
	scene.policy->exists.rule.action = MR_TEMPFAIL;
	EXPECT(break_all(), MR_TEMPFAIL, EXISTS_SENDER);
	scene.policy->exists.rule.mode = scene.policy->helo.rule.mode = MR_MODE_OFF;
	EXPECT_REFUSED(break_all(), LIMITS_SIZE);
	scene.policy->limits.rule.mode = MR_MODE_OFF;
	EXPECT(break_all(), MR_HOLD, AUTH_LOCAL_SENDER); /* the first of several holds names the reason */
	/* A held recipient is an accepted one. */
	scene.policy->exists.rule = (struct mr_rule_settings){ .mode = MR_MODE_ENFORCE, .action = MR_HOLD };
	scene.policy->limits.rule.mode = MR_MODE_ENFORCE;
	EXPECT(at_rcpt("<nobody@example.com>"), MR_HOLD, EXISTS_RECIPIENT);
	ck_assert_uint_eq(scene.subject.rcpt_accepted, 1);
	EXPECT(at_rcpt("<nobody@example.com>"), MR_TEMPFAIL, LIMITS_RECIPIENTS);
}
END_TEST

/* What "cannot tell" does is a setting; when it lets pass, later rules still speak. */
START_TEST(cannot_tell)
{
	struct mr_decision decision;

	scene.policy->auth.rule.mode = scene.policy->exists.rule.mode = MR_MODE_ENFORCE;
	scene.policy->auth.local_senders = scene.policy->exists.senders = true;
	scene.policy->accounts = names_of("bob@example.com");
	scene.policy->exists.rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob"), MR_REJECT, EXISTS_CANNOT_TELL);
	scene.policy->auth.rule.cannot_tell = MR_TEMPFAIL;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob"), MR_TEMPFAIL, AUTH_CANNOT_TELL);
	scene.policy->auth.rule.mode = MR_MODE_OBSERVE;
	decision = at_mail(NULL, "<bob");
	ck_assert_int_eq(decision.reason, MR_REASON_EXISTS_CANNOT_TELL);
	ck_assert_uint_eq(decision.would, MR_RULE_BIT(MR_RULE_AUTH));
	ck_assert_int_eq(decision.would_reason, MR_REASON_AUTH_CANNOT_TELL);
	scene.policy->auth.rule.cannot_tell = MR_ACCEPT;
	decision = at_mail(NULL, "<bob");
	ck_assert_uint_eq(decision.would, 0);
	scene.policy->auth.rule.mode = scene.policy->exists.rule.mode = MR_MODE_OFF;
	EXPECT_PASSED(at_mail(NULL, "<bob"));
}
END_TEST

START_TEST(decisions_join)
{
	struct mr_decision whole = { .verdict = MR_HOLD, .reason = MR_REASON_AUTH_ROLE };
	struct mr_decision part = { .verdict = MR_HOLD, .reason = MR_REASON_HELO_OUR_NAME, .cannot_tell = true,
		.would = MR_RULE_BIT(MR_RULE_SENDER), .would_reason = MR_REASON_SENDER_ENVELOPE };

	mr_decision_join(&whole, &part);
	ck_assert_int_eq(whole.reason, MR_REASON_AUTH_ROLE);
	ck_assert(whole.cannot_tell);
	part = (struct mr_decision){ .verdict = MR_REJECT, .reason = MR_REASON_RELAY_DENIED,
		.would = MR_RULE_BIT(MR_RULE_HELO), .would_reason = MR_REASON_HELO_OUR_NAME };
	mr_decision_join(&whole, &part);
	ck_assert_int_eq(whole.verdict, MR_REJECT);
	ck_assert_int_eq(whole.reason, MR_REASON_RELAY_DENIED);
	ck_assert_uint_eq(whole.would, MR_RULE_BIT(MR_RULE_SENDER) | MR_RULE_BIT(MR_RULE_HELO));
	ck_assert_int_eq(whole.would_reason, MR_REASON_SENDER_ENVELOPE);
	ck_assert(whole.cannot_tell);
	part = (struct mr_decision){ .verdict = MR_TEMPFAIL, .reason = MR_REASON_CANNOT_TELL };
	mr_decision_join(&whole, &part);
	ck_assert_int_eq(whole.verdict, MR_REJECT);
	ck_assert_int_eq(whole.reason, MR_REASON_RELAY_DENIED);
}
END_TEST

/* ---- Exemptions ---- */

static void
auth_rule(void)
{
	scene.policy->auth.rule.mode = MR_MODE_ENFORCE;
	scene.policy->auth.local_senders = true;
}

START_TEST(excepted_networks)
{
	auth_rule();
	scene.policy->auth.rule.except = networks_of("203.0.113.0/28");
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	ck_assert_uint_eq(scene.subject.trail.count, 1);
	ck_assert(mr_str_equal(scene.subject.trail.tried[0].name, MR_STR("except")));
	ck_assert(scene.subject.trail.tried[0].applied);
	ck_assert_ptr_null(scene.subject.exemption_used.p);
	from_client("203.0.113.16");
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	ck_assert_uint_eq(scene.subject.trail.count, 0);
	from_client(NULL);
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
}
END_TEST

/* An exemption holds when every condition that it names holds. */
START_TEST(conditions_of_an_exemption)
{
	struct mr_exemption *e;

	auth_rule();
	e = add_exemption(scene.policy, "printer", MR_RULE_BIT(MR_RULE_AUTH));
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	e->network = networks_of("203.0.113.9");
	e->sender = patterns_of("bob@example.com");
	e->listener = mr_strdup("smtp");
	EXPECT_PASSED(at_mail(NULL, "<Bob@example.com>"));
	ck_assert(mr_str_equal(scene.subject.exemption_used, MR_STR("printer")));
	ck_assert_int_eq(scene.subject.exemption_rule, MR_RULE_AUTH);
	EXPECT_REFUSED(at_mail(NULL, "<ann@example.com>"), AUTH_LOCAL_SENDER);
	ck_assert_ptr_null(scene.subject.exemption_used.p);
	from_client("203.0.113.10");
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	from_client(NULL);
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	from_client("203.0.113.9");
	scene.connection.listener = MR_STR("other");
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	scene.connection.listener = MR_STR_ABSENT;
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	scene.connection.listener = MR_STR("smtp");
	e->recipient = patterns_of("*");
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER); /* there is none yet */
}
END_TEST

START_TEST(exemptions_by_login_and_recipient)
{
	struct mr_exemption *e;

	scene.policy->sender.rule.mode = scene.policy->exists.rule.mode = MR_MODE_ENFORCE;
	scene.policy->sender.own = scene.policy->exists.recipients = true;
	scene.policy->accounts = names_of("bob@example.com");
	e = add_exemption(scene.policy, "news", MR_RULE_BIT(MR_RULE_SENDER) | MR_RULE_BIT(MR_RULE_EXISTS));
	e->login = patterns_of("bob@example.com");
	EXPECT_PASSED(at_mail("BOB@example.com", "<news@example.com>"));
	EXPECT_REFUSED(at_mail("ann@example.com", "<news@example.com>"), SENDER_ENVELOPE);
	EXPECT_PASSED(at_mail(NULL, "<news@example.com>"));
	EXPECT_REFUSED(at_rcpt("<nobody@example.com>"), EXISTS_RECIPIENT);
	mr_patternset_free(&e->login);
	e->recipient = patterns_of("old-*@example.com");
	EXPECT_PASSED(at_rcpt("<old-bob@example.com>"));
	EXPECT_PASSED(at_rcpt_seen("<x@example.com>", "old-bob@example.com", "virtual"));
	EXPECT_REFUSED(at_rcpt("<nobody@example.com>"), EXISTS_RECIPIENT);
}
END_TEST

START_TEST(exemptions_expire)
{
	auth_rule();
	add_exemption(scene.policy, "old", MR_RULE_BIT(MR_RULE_AUTH))->expires_ms = 1000;
	scene.now_ms = 1000;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	scene.now_ms = 1001;
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	ck_assert_uint_eq(scene.subject.trail.count, 1);
	ck_assert(!scene.subject.trail.tried[0].applied);
}
END_TEST

/* Each exemption that names the rule is tried in turn until one holds; the others are not touched. */
START_TEST(the_trail)
{
	struct mr_exemption *e;

	auth_rule();
	add_exemption(scene.policy, "other-rule", MR_RULE_BIT(MR_RULE_SHIELD) | MR_RULE_BIT(MR_RULE_RELAY));
	e = add_exemption(scene.policy, "first", MR_RULE_BIT(MR_RULE_AUTH));
	e->login = patterns_of("*");
	add_exemption(scene.policy, "second", MR_RULE_BIT(MR_RULE_AUTH));
	add_exemption(scene.policy, "third", MR_RULE_BIT(MR_RULE_AUTH));
	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
	ck_assert_uint_eq(scene.subject.trail.count, 0);
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	ck_assert_uint_eq(scene.subject.trail.count, 2);
	ck_assert(mr_str_equal(scene.subject.trail.tried[0].name, MR_STR("first")));
	ck_assert(!scene.subject.trail.tried[0].applied);
	ck_assert(mr_str_equal(scene.subject.trail.tried[1].name, MR_STR("second")));
	ck_assert(scene.subject.trail.tried[1].applied);
	ck_assert_uint_eq(scene.subject.trail.dropped, 0);
}
END_TEST

START_TEST(a_long_trail)
{
	auth_rule();
	for (int i = 0; i < MR_TRAIL_MAX + 3; i++)
		add_exemption(scene.policy, "dated", MR_RULE_BIT(MR_RULE_AUTH))->expires_ms = 0;
	EXPECT_REFUSED(at_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	ck_assert_uint_eq(scene.subject.trail.count, MR_TRAIL_MAX);
	ck_assert_uint_eq(scene.subject.trail.dropped, 3);
}
END_TEST

/* What a rule cannot tell, an exemption can excuse too; what it lets pass anyway tries none. */
START_TEST(exemptions_and_cannot_tell)
{
	auth_rule();
	add_exemption(scene.policy, "printer", MR_RULE_BIT(MR_RULE_AUTH));
	scene.policy->auth.rule.cannot_tell = MR_REJECT;
	struct mr_decision decision = at_mail(NULL, "<bob");
	ck_assert_int_eq(decision.verdict, MR_ACCEPT);
	ck_assert_uint_eq(scene.subject.trail.count, 1);
	scene.policy->auth.rule.cannot_tell = MR_ACCEPT;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob"), MR_ACCEPT, NONE);
	ck_assert_uint_eq(scene.subject.trail.count, 0);
}
END_TEST

/* ---- Rules that wait for the recipients ---- */

START_TEST(auth_waits)
{
	auth_rule();
	scene.policy->auth.except_local_recipients = true;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_PASSED(at_rcpt("<ann@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_rcpt("<u@relayed.example>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_rcpt("<u@["), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_rcpt_seen("<ann@example.com>", "u@elsewhere.example", "smtp"), AUTH_LOCAL_SENDER);
	/* Nor can it be led around: nobody knows where this goes. */
	EXPECT_REFUSED(at_rcpt("<u%elsewhere.example@example.com>"), AUTH_LOCAL_SENDER);
	EXPECT_PASSED(at_rcpt("<ann@example.com>"));
	/* What waited belongs to its message. */
	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	scene.policy->auth.rule.mode = MR_MODE_OBSERVE;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	ck_assert_uint_eq(at_mail(NULL, "<bob@example.com>").would, 0);
	EXPECT_OBSERVED(at_rcpt("<u@elsewhere.example>"), AUTH, AUTH_LOCAL_SENDER);
	scene.policy->auth.rule.mode = MR_MODE_OFF;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
}
END_TEST

/* What nobody can read does not wait. */
START_TEST(auth_waits_for_findings_only)
{
	auth_rule();
	scene.policy->auth.except_local_recipients = true;
	scene.policy->auth.rule.cannot_tell = MR_REJECT;
	EXPECT_UNCLEAR(at_mail(NULL, "<bob"), MR_REJECT, AUTH_CANNOT_TELL);
}
END_TEST

START_TEST(exemptions_of_rules_that_wait)
{
	auth_rule();
	scene.policy->auth.except_local_recipients = true;
	add_exemption(scene.policy, "partner", MR_RULE_BIT(MR_RULE_AUTH))->recipient = patterns_of("@partner.example");
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_PASSED(at_rcpt("<u@partner.example>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), AUTH_LOCAL_SENDER);
}
END_TEST

START_TEST(shield_waits)
{
	struct mr_shield_policy *entry = add_shield(scene.policy, "example.com", "198.51.100.0/24");

	entry->except_local_recipients = true;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_PASSED(at_rcpt("<ann@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), SHIELD_ENVELOPE);
	EXPECT_PASSED(at_mail(NULL, "<x@elsewhere.example>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	entry->rule.mode = MR_MODE_OBSERVE;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_OBSERVED(at_rcpt("<u@elsewhere.example>"), SHIELD, SHIELD_ENVELOPE);
	from_client("198.51.100.7");
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	/* Two that wait are asked in their order. */
	from_client("203.0.113.9");
	entry->rule.mode = MR_MODE_ENFORCE;
	auth_rule();
	scene.policy->auth.except_local_recipients = true;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), AUTH_LOCAL_SENDER);
	scene.policy->auth.rule.action = MR_TEMPFAIL;
	EXPECT(at_rcpt("<u@elsewhere.example>"), MR_TEMPFAIL, AUTH_LOCAL_SENDER);
	scene.policy->auth.rule.action = MR_HOLD;
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), SHIELD_ENVELOPE);
	EXPECT_PASSED(at_rcpt("<ann@example.com>"));
}
END_TEST

/* ---- The subject ---- */

/* The next message of the same connection. */
static struct mr_decision
next_mail(const char *login, const char *from)
{
	struct mr_decision decision;

	mr_subject_mail(&scene.subject, ++scene.now_ms, mr_str_of(login), mr_str_of(from), -1);
	mr_decide_mail(&scene.subject, &decision);
	return decision;
}

/* Nothing of a message reaches the next one: login, recipients, trail, what waited. */
START_TEST(messages_are_apart)
{
	auth_rule();
	scene.policy->relay.rule.mode = MR_MODE_ENFORCE;
	add_exemption(scene.policy, "dated", MR_RULE_BIT(MR_RULE_AUTH))->expires_ms = scene.now_ms;
	EXPECT_PASSED(at_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	ck_assert(mr_str_equal(scene.subject.exemption_used, MR_STR("dated")));
	EXPECT_REFUSED(next_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER); /* its last moment was before */
	ck_assert_ptr_null(scene.subject.exemption_used.p);
	ck_assert_uint_eq(scene.subject.trail.count, 1);
	EXPECT_PASSED(next_mail("bob@example.com", "<bob@example.com>"));
	EXPECT_REFUSED(next_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
	EXPECT_PASSED(next_mail("b\001ob", "<bob@example.com>"));
	EXPECT_REFUSED(next_mail(NULL, "<bob@example.com>"), AUTH_LOCAL_SENDER);
	EXPECT_REFUSED(next_mail(" ", "<bob@example.com>"), AUTH_LOCAL_SENDER);
	EXPECT_PASSED(at_mail(NULL, "<>"));
	EXPECT_PASSED(at_rcpt("<bob@example.com>"));
	ck_assert_uint_eq(scene.subject.rcpt_accepted, 1);
	EXPECT_PASSED(next_mail(NULL, "<>"));
	ck_assert_uint_eq(scene.subject.trail.count, 0);
	ck_assert_uint_eq(scene.subject.rcpt_accepted, 0);
}
END_TEST

START_TEST(what_waits_belongs_to_its_message)
{
	auth_rule();
	scene.policy->auth.except_local_recipients = true;
	EXPECT_PASSED(at_mail(NULL, "<bob@example.com>"));
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), AUTH_LOCAL_SENDER);
	EXPECT_PASSED(next_mail(NULL, "<x@elsewhere.example>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
}
END_TEST

/* The mail server's name is the one that it says with this message. */
START_TEST(the_name_of_the_server)
{
	auth_rule();
	mr_domainset_free(&scene.policy->hostnames);
	EXPECT_REFUSED(at_mail(NULL, "<bob@mx.example.com>"), AUTH_LOCAL_SENDER);
	scene.connection.server_name = MR_STR("not a name");
	EXPECT_PASSED(next_mail(NULL, "<bob@mx.example.com>"));
	EXPECT_PASSED(next_mail(NULL, "<x@elsewhere.example>"));
}
END_TEST

/* A login as long as any mail server passes on is read; a longer one is nobody's. */
START_TEST(long_logins)
{
	char login[1100];

	scene.policy->relay.rule.mode = MR_MODE_ENFORCE;
	memset(login, 'a', sizeof(login));
	login[1000] = '\0';
	EXPECT_PASSED(at_mail(login, "<>"));
	EXPECT_PASSED(at_rcpt("<u@elsewhere.example>"));
	login[1000] = 'a';
	login[sizeof(login) - 1] = '\0';
	EXPECT_PASSED(at_mail(login, "<>"));
	ck_assert(scene.subject.login_unreadable);
	EXPECT_REFUSED(at_rcpt("<u@elsewhere.example>"), RELAY_DENIED);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("decide");
	TCase *tests = tcase_create("decide");

	tcase_add_checked_fixture(tests, set_scene, clear_scene);
	tcase_add_test(tests, order_at_mail);
	tcase_add_test(tests, order_at_rcpt);
	tcase_add_test(tests, order_at_end);
	tcase_add_test(tests, modes_of_a_rule);
	tcase_add_test(tests, master_mode);
	tcase_add_test(tests, observed_beside_enforced);
	tcase_add_test(tests, actions);
	tcase_add_test(tests, cannot_tell);
	tcase_add_test(tests, decisions_join);
	tcase_add_test(tests, excepted_networks);
	tcase_add_test(tests, conditions_of_an_exemption);
	tcase_add_test(tests, exemptions_by_login_and_recipient);
	tcase_add_test(tests, exemptions_expire);
	tcase_add_test(tests, the_trail);
	tcase_add_test(tests, a_long_trail);
	tcase_add_test(tests, exemptions_and_cannot_tell);
	tcase_add_test(tests, auth_waits);
	tcase_add_test(tests, auth_waits_for_findings_only);
	tcase_add_test(tests, exemptions_of_rules_that_wait);
	tcase_add_test(tests, shield_waits);
	tcase_add_test(tests, messages_are_apart);
	tcase_add_test(tests, what_waits_belongs_to_its_message);
	tcase_add_test(tests, the_name_of_the_server);
	tcase_add_test(tests, long_logins);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
