/* Accounts through whole sessions: frozen and thawed by orders, by time and by what they send; and what stands against it. */
#include "player.h"

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define OFFICE "203.0.113.10"
#define THIEF "198.51.100.66"

static struct mr_policy *policy;

static void
set_up(void)
{
	set_player();
	play.now_ms = INT64_C(1790000000000);
	policy = handmade_policy();
	policy->login.default_domain = mr_strdup("example.com");
	policy->helpdesk = patterns_of("helpdesk@example.com");
	policy->hijack.rule.mode = MR_MODE_ENFORCE;
	policy->hijack.false_freezes = 5.0;
	policy->hijack.hold = true;
	policy->hijack.budget = (struct mr_rate){ .most = 20, .window_ms = HOUR };
	policy->hijack.contact = mr_strdup("call 100");
	policy->state.accounts = 4000;
	policy->state.sources = 1000;
	policy->state.windows = 1 << 20;
}

static void
order(const char *command, const char *name, const char *more)
{
	char request[256], *answer = NULL;

	snprintf(request, sizeof(request), "{\"command\":\"%s\",\"names\":[\"%s\"]%s}", command, name, more);
	ck_assert_int_eq(mr_engine_command(play.engine, play.now_ms, "root", request, &answer), 0);
	ck_assert_msg(strstr(answer, "\"done\"") != NULL, "%s: %s", request, answer);
	free(answer);
}

/* How many lines of this action there have been. */
static size_t
told(const char *action)
{
	size_t n = 0;

	for (size_t i = 0; i < play.count; i++)
		n += strcmp(play.lines[i].action, action) == 0;
	return n;
}

static const char *
path_of(const char *login)
{
	static char path[80];

	snprintf(path, sizeof(path), "<%s@example.com>", login);
	return path;
}

/* One message to one recipient, up to where it is refused. The verdict on it is in the last verdict line. */
static enum mr_action
mail_to(const char *login, const char *to, int64_t size)
{
	say_mail(path_of(login), login);
	if (play.reply.action != MR_CONTINUE)
		return play.reply.action;
	say_rcpt(to);
	if (play.reply.action != MR_CONTINUE) {
		enum mr_action action = play.reply.action;

		mr_session_abort(play.session, play.now_ms);
		return action;
	}
	say_end(size);
	check_reply();
	return play.reply.action;
}

/* Three weeks of a few messages a day to ten people, from the office. */
static void
live(const char *login)
{
	char to[64];

	connect_from(OFFICE, false);
	mr_session_helo(play.session, play.now_ms, "desk", NULL, NULL);
	for (int day = 0; day < 21; day++) {
		int64_t morning = play.now_ms;

		for (int n = 0; n < 5; n++) {
			snprintf(to, sizeof(to), "<friend%d@partner.example>", (day + n * n) % 10);
			ck_assert_int_eq(mail_to(login, to, 2000 + 700 * ((day * 5 + n) % 7)), MR_CONTINUE);
			play.now_ms += HOUR;
		}
		play.now_ms = morning + DAY;
	}
}

/* The thief writes to strangers, some of which are dead. Returns how many messages were taken and not held. */
static unsigned
steal(const char *login, unsigned count)
{
	char to[64];
	unsigned out = 0;

	connect_from(THIEF, false);
	mr_session_helo(play.session, play.now_ms, "bot", NULL, NULL);
	for (unsigned n = 0; n < count; n++) {
		play.now_ms += 2 * SECOND;
		say_mail(path_of(login), login);
		if (play.reply.action != MR_CONTINUE)
			continue;
		for (unsigned i = 0; i < 5; i++) {
			snprintf(to, sizeof(to), "<x%u-%u@list%u.example>", n, i, (n + i) % 9);
			say_rcpt_seen(to, NULL, i == 4 ? "error" : "esmtp");
		}
		say_end(3000);
		out += play.reply.action == MR_CONTINUE;
	}
	return out;
}

/* ---- Orders ---- */

START_TEST(frozen_by_order)
{
	start(policy);
	connect_from(OFFICE, false);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_CONTINUE);
	order("freeze", "ann", "");
	ck_assert_uint_eq(told("account-frozen"), 1);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_REJECT);
	ck_assert_ptr_nonnull(strstr(play.reply.text, "call 100"));
	ck_assert_int_eq(mail_to("ann", "<bob@example.com>", 2000), MR_ANSWER_REJECT);
	ck_assert_int_eq(mail_to("ann", "<helpdesk@example.com>", 2000), MR_CONTINUE);
	ck_assert_int_eq(mail_to("bob", "<u@other.example>", 2000), MR_CONTINUE);
	order("thaw", "ann", "");
	ck_assert_uint_eq(told("account-thawed"), 1);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_CONTINUE);
}
END_TEST

START_TEST(frozen_for_what_leaves)
{
	policy->hijack.external_only = true;
	start(policy);
	connect_from(OFFICE, false);
	order("freeze", "ann", "");
	ck_assert_int_eq(mail_to("ann", "<bob@example.com>", 2000), MR_CONTINUE);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_REJECT);
}
END_TEST

/* The order comes when all recipients have been taken. */
START_TEST(frozen_in_flight)
{
	start(policy);
	connect_from(OFFICE, false);
	say_mail("<ann@example.com>", "ann");
	say_rcpt("<u@other.example>");
	EXPECT_CONTINUE();
	order("freeze", "ann", "");
	play.verdicts = 0;
	say_end(2000);
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	EXPECT_VERDICT("reject", "account-frozen", "end");
}
END_TEST

START_TEST(held_by_order)
{
	start(policy);
	connect_from(OFFICE, false);
	order("hold", "ann", "");
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_HOLD);
	ck_assert_int_eq(mail_to("ann", "<helpdesk@example.com>", 2000), MR_CONTINUE);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_HOLD); /* calm mail does not end it */
	order("thaw", "ann", "");
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_CONTINUE);
}
END_TEST

START_TEST(frozen_for_a_time)
{
	start(policy);
	connect_from(OFFICE, false);
	order("freeze", "ann", ",\"seconds\":3600");
	play.now_ms += HOUR - 10 * SECOND;
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_REJECT);
	play.now_ms += 20 * SECOND;
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_CONTINUE);
	ck_assert_uint_eq(told("account-thawed"), 1);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_CONTINUE);
	ck_assert_uint_eq(told("account-thawed"), 1);
}
END_TEST

/* The clock is set ten years ahead: who was frozen for an hour stays frozen for an hour. */
START_TEST(a_wrong_clock_thaws_nobody)
{
	int64_t steady = DAY;

	start(policy);
	mr_engine_tick(play.engine, play.now_ms, steady);
	connect_from(OFFICE, false);
	order("freeze", "ann", ",\"seconds\":3600");
	play.now_ms += INT64_C(3650) * DAY;
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_REJECT);
	for (int i = 0; i < 600; i++)
		mr_engine_tick(play.engine, play.now_ms += SECOND, steady += SECOND);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_REJECT);
	ck_assert_uint_eq(told("account-thawed"), 0);
	ck_assert_uint_eq(told("alert"), 1); /* that the clock was set */
}
END_TEST

START_TEST(sources_are_blocked)
{
	start(policy);
	order("block", "203.0.113.0/24", ",\"seconds\":3600");
	connect_from(OFFICE, false);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_REJECT);
	connect_from(THIEF, false);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_CONTINUE);
	play.now_ms += 2 * HOUR;
	connect_from(OFFICE, false);
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_CONTINUE);
	order("block", OFFICE, "");
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_REJECT);
	order("unblock", OFFICE, "");
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_CONTINUE);
}
END_TEST

/* ---- Evidence ---- */

START_TEST(a_theft_is_stopped)
{
	start(policy);
	live("ann");
	live("bob");
	ck_assert_uint_eq(told("account-held") + told("account-frozen"), 0);
	ck_assert_uint_le(steal("ann", 50), 3);
	ck_assert_uint_eq(told("account-frozen"), 1);
	connect_from(OFFICE, false);
	ck_assert_int_eq(mail_to("bob", "<friend1@partner.example>", 3000), MR_CONTINUE);
	ck_assert_int_eq(mail_to("ann", "<friend1@partner.example>", 3000), MR_ANSWER_REJECT);
	order("thaw", "ann", "");
	play.now_ms += HOUR;
	ck_assert_int_eq(mail_to("ann", "<friend1@partner.example>", 3000), MR_CONTINUE);
	ck_assert_int_eq(mail_to("ann", "<friend2@partner.example>", 2500), MR_CONTINUE);
	ck_assert_uint_eq(told("account-frozen"), 1);
}
END_TEST

/* A thief who comes back after the thaw, with the password that nobody has changed, is stopped again. */
START_TEST(a_thaw_protects_no_thief)
{
	start(policy);
	live("ann");
	steal("ann", 30);
	order("thaw", "ann", ",\"learn\":false");
	play.now_ms += 2 * DAY;
	ck_assert_uint_le(steal("ann", 50), 6);
	ck_assert_uint_eq(told("account-frozen"), 2);
}
END_TEST

START_TEST(past_the_budget_only_alerts)
{
	policy->hijack.budget.most = 1;
	start(policy);
	live("ann");
	live("bob");
	ck_assert_uint_le(steal("ann", 30), 3);
	ck_assert_uint_gt(steal("bob", 30), 3);
	ck_assert_uint_eq(told("account-frozen"), 1);
	ck_assert_uint_eq(told("alert"), 1);
	play.now_ms += 2 * HOUR;
	steal("bob", 30);
	ck_assert_uint_eq(told("account-frozen"), 2);
}
END_TEST

START_TEST(observing_stops_nobody)
{
	policy->hijack.rule.mode = MR_MODE_OBSERVE;
	start(policy);
	live("ann");
	ck_assert_uint_eq(steal("ann", 30), 30);
	ck_assert_uint_eq(told("account-frozen") + told("account-held"), 0);
	ck_assert_uint_ge(told("alert"), 1);
	ck_assert_uint_le(told("alert"), 2); /* held, and frozen: each once */
}
END_TEST

START_TEST(the_exempt_are_counted)
{
	struct mr_exemption *e = add_exemption(policy, "news", MR_RULE_BIT(MR_RULE_HIJACK));

	e->login = patterns_of("ann@example.com");
	start(policy);
	live("ann");
	live("bob");
	ck_assert_uint_eq(steal("ann", 30), 30);
	ck_assert_uint_eq(told("account-frozen") + told("account-held"), 0);
	ck_assert_uint_ge(told("exemption-used"), 1);
	ck_assert_uint_le(steal("bob", 30), 3);
	ck_assert_uint_eq(told("account-frozen"), 1);
}
END_TEST

/* The rule is off: what operators order holds all the same. */
START_TEST(off_is_off)
{
	policy->hijack.rule.mode = MR_MODE_OFF;
	start(policy);
	live("ann");
	ck_assert_uint_eq(steal("ann", 30), 30);
	ck_assert_uint_eq(play.count, told("verdict") + told("refused"));
	order("freeze", "ann", "");
	ck_assert_int_eq(mail_to("ann", "<u@other.example>", 2000), MR_ANSWER_REJECT);
}
END_TEST

/* Mail that nobody logged in for, from a network that may relay: the address is the account. */
START_TEST(a_web_host_is_an_account)
{
	policy->relay.rule.mode = MR_MODE_ENFORCE;
	policy->relay.networks = networks_of("198.51.100.0/24");
	policy->hijack.unauthenticated = MR_HIJACK_KEY_SOURCE;
	start(policy);
	connect_from("198.51.100.7", false);
	order("freeze", "198.51.100.7", "");
	say_mail("<web@example.com>", NULL);
	if (play.reply.action == MR_CONTINUE)
		say_rcpt("<u@other.example>");
	ck_assert_int_eq(play.reply.action, MR_ANSWER_REJECT);
	mr_session_abort(play.session, play.now_ms);
	order("thaw", "198.51.100.7", "");
	say_mail("<web@example.com>", NULL);
	say_rcpt("<u@other.example>");
	say_end(2000);
	EXPECT_CONTINUE();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conduct");
	TCase *tests = tcase_create("conduct");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, set_up, clear_player);
	tcase_add_test(tests, frozen_by_order);
	tcase_add_test(tests, frozen_for_what_leaves);
	tcase_add_test(tests, frozen_in_flight);
	tcase_add_test(tests, held_by_order);
	tcase_add_test(tests, frozen_for_a_time);
	tcase_add_test(tests, a_wrong_clock_thaws_nobody);
	tcase_add_test(tests, sources_are_blocked);
	tcase_add_test(tests, a_theft_is_stopped);
	tcase_add_test(tests, a_thaw_protects_no_thief);
	tcase_add_test(tests, past_the_budget_only_alerts);
	tcase_add_test(tests, observing_stops_nobody);
	tcase_add_test(tests, the_exempt_are_counted);
	tcase_add_test(tests, off_is_off);
	tcase_add_test(tests, a_web_host_is_an_account);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
