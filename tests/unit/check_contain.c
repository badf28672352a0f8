/* Containment: each step between normal, watched, held and frozen, and what stands against it. */
#include "core/contain.h"

#include <string.h>

#include "harness.h"

#define HOUR INT64_C(3600000)
#define NOW (INT64_C(1795301467) * 1000)

static struct mr_hijack_policy policy;

/* What the default policy makes of a message that leaves, when the detector says so. */
static struct mr_contain_case leaving(enum mr_hijack_says says)
{
	policy = (struct mr_hijack_policy){ .action = MR_HIJACK_FREEZE, .hold = true };
	return (struct mr_contain_case){ .policy = &policy, .mode = MR_MODE_ENFORCE, .says = says, .budget_left = true,
					 .reaches_beyond = true };
}

static struct mr_containment contain(const struct mr_standing *standing, const struct mr_contain_case *c)
{
	struct mr_containment r;

	mr_contain(standing, c, &r);
	return r;
}

static struct mr_standing stands(enum mr_account_state state, enum mr_account_cause cause)
{
	struct mr_standing standing = { .state = MR_ACCOUNT_NORMAL };

	if (state != MR_ACCOUNT_NORMAL)
		mr_contain_enter(&standing, state, cause, MR_REASON_NONE, NOW, 0, "");
	return standing;
}

/* ---- Evidence ---- */

/* From each state that evidence alone brought an account into, what the detector says decides, up and down again. */
static const struct {
	enum mr_account_state from;
	enum mr_hijack_says says;
	enum mr_account_state to;
	enum mr_verdict verdict;
	enum mr_reason reason;
} steps[] = {
	{ MR_ACCOUNT_NORMAL, MR_HIJACK_CALM, MR_ACCOUNT_NORMAL, MR_ACCEPT, MR_REASON_NONE },
	{ MR_ACCOUNT_NORMAL, MR_HIJACK_WATCHES, MR_ACCOUNT_WATCHED, MR_ACCEPT, MR_REASON_NONE },
	{ MR_ACCOUNT_NORMAL, MR_HIJACK_HOLDS, MR_ACCOUNT_HELD, MR_HOLD, MR_REASON_HIJACK_SUSPICION },
	{ MR_ACCOUNT_NORMAL, MR_HIJACK_FREEZES, MR_ACCOUNT_FROZEN, MR_REJECT, MR_REASON_HIJACK_EVIDENCE },
	{ MR_ACCOUNT_WATCHED, MR_HIJACK_CALM, MR_ACCOUNT_NORMAL, MR_ACCEPT, MR_REASON_NONE },
	{ MR_ACCOUNT_WATCHED, MR_HIJACK_WATCHES, MR_ACCOUNT_WATCHED, MR_ACCEPT, MR_REASON_NONE },
	{ MR_ACCOUNT_WATCHED, MR_HIJACK_HOLDS, MR_ACCOUNT_HELD, MR_HOLD, MR_REASON_HIJACK_SUSPICION },
	{ MR_ACCOUNT_WATCHED, MR_HIJACK_FREEZES, MR_ACCOUNT_FROZEN, MR_REJECT, MR_REASON_HIJACK_EVIDENCE },
	{ MR_ACCOUNT_HELD, MR_HIJACK_CALM, MR_ACCOUNT_NORMAL, MR_ACCEPT, MR_REASON_NONE },
	{ MR_ACCOUNT_HELD, MR_HIJACK_WATCHES, MR_ACCOUNT_WATCHED, MR_ACCEPT, MR_REASON_NONE },
	{ MR_ACCOUNT_HELD, MR_HIJACK_HOLDS, MR_ACCOUNT_HELD, MR_HOLD, MR_REASON_HIJACK_SUSPICION },
	{ MR_ACCOUNT_HELD, MR_HIJACK_FREEZES, MR_ACCOUNT_FROZEN, MR_REJECT, MR_REASON_HIJACK_EVIDENCE },
	{ MR_ACCOUNT_FROZEN, MR_HIJACK_CALM, MR_ACCOUNT_FROZEN, MR_REJECT, MR_REASON_ACCOUNT_FROZEN },
	{ MR_ACCOUNT_FROZEN, MR_HIJACK_FREEZES, MR_ACCOUNT_FROZEN, MR_REJECT, MR_REASON_ACCOUNT_FROZEN },
};

START_TEST(follows_the_evidence)
{
	struct mr_standing standing = stands(steps[_i].from, MR_CAUSE_EVIDENCE);
	struct mr_contain_case c = leaving(steps[_i].says);
	struct mr_containment r = contain(&standing, &c);

	ck_assert_int_eq(r.state, steps[_i].to);
	ck_assert_int_eq(r.decision.verdict, steps[_i].verdict);
	ck_assert_int_eq(r.decision.reason, steps[_i].reason);
	ck_assert_uint_eq(r.decision.would, 0);
	ck_assert(!r.over_budget);
}
END_TEST

START_TEST(acts_as_the_policy_says)
{
	struct mr_standing standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);
	struct mr_contain_case c = leaving(MR_HIJACK_FREEZES);
	struct mr_containment r;

	policy.action = MR_HIJACK_HOLD;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_HELD);
	ck_assert_int_eq(r.decision.verdict, MR_HOLD);
	policy.action = MR_HIJACK_ALERT;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_WATCHED);
	ck_assert_int_eq(r.decision.verdict, MR_ACCEPT);
	c.says = MR_HIJACK_HOLDS;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.decision.verdict, MR_ACCEPT);
	policy.action = MR_HIJACK_FREEZE;
	policy.hold = false;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_WATCHED);
	ck_assert_int_eq(r.decision.verdict, MR_ACCEPT);
}
END_TEST

/* ---- What stands against it ---- */

START_TEST(only_notes_in_observe_mode)
{
	struct mr_standing standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);
	struct mr_contain_case c = leaving(MR_HIJACK_FREEZES);
	struct mr_containment r;

	c.mode = MR_MODE_OBSERVE;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_WATCHED);
	ck_assert_int_eq(r.decision.verdict, MR_ACCEPT);
	ck_assert_uint_eq(r.decision.would, MR_RULE_BIT(MR_RULE_HIJACK));
	ck_assert_int_eq(r.decision.would_reason, MR_REASON_HIJACK_EVIDENCE);
	c.says = MR_HIJACK_HOLDS;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_WATCHED);
	ck_assert_int_eq(r.decision.would_reason, MR_REASON_HIJACK_SUSPICION);
	c.budget_left = false;
	c.says = MR_HIJACK_FREEZES;
	ck_assert(!contain(&standing, &c).over_budget);
}
END_TEST

START_TEST(leaves_the_exempt_alone)
{
	struct mr_standing standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);
	struct mr_contain_case c = leaving(MR_HIJACK_FREEZES);
	struct mr_containment r;

	c.exempt = true;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_WATCHED);
	ck_assert_int_eq(r.decision.verdict, MR_ACCEPT);
	ck_assert_uint_eq(r.decision.would, 0);
}
END_TEST

START_TEST(keeps_to_the_budget)
{
	struct mr_standing standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);
	struct mr_contain_case c = leaving(MR_HIJACK_FREEZES);
	struct mr_containment r;

	c.budget_left = false;
	r = contain(&standing, &c);
	ck_assert(r.over_budget);
	ck_assert_int_eq(r.state, MR_ACCOUNT_WATCHED);
	ck_assert_int_eq(r.decision.verdict, MR_ACCEPT);
	c = leaving(MR_HIJACK_CALM);
	c.limit_freezes = true;
	c.limit = MR_REJECT;
	c.limit_reason = MR_REASON_RATES_MESSAGES;
	c.budget_left = false;
	r = contain(&standing, &c);
	ck_assert(r.over_budget);
	ck_assert_int_ne(r.state, MR_ACCOUNT_FROZEN);
	ck_assert_int_eq(r.decision.verdict, MR_REJECT); /* the limit itself holds all the same */
}
END_TEST

/* A message that is for the helpdesk only, or stays inside where only mail that leaves is stopped: it passes, and the
 * account stands as if it had been any other. */
START_TEST(lets_the_helpdesk_be_reached)
{
	struct mr_standing standing = stands(MR_ACCOUNT_FROZEN, MR_CAUSE_EVIDENCE);
	struct mr_contain_case c = leaving(MR_HIJACK_FREEZES);
	struct mr_containment r;

	c.reaches_beyond = false;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_FROZEN);
	ck_assert_int_eq(r.decision.verdict, MR_ACCEPT);
	standing = stands(MR_ACCOUNT_HELD, MR_CAUSE_OPERATOR);
	r = contain(&standing, &c);
	ck_assert_int_eq(r.decision.verdict, MR_ACCEPT);
	standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_FROZEN);
	ck_assert_int_eq(r.decision.verdict, MR_ACCEPT);
}
END_TEST

/* ---- Limits and orders ---- */

START_TEST(takes_the_harder_of_limit_and_evidence)
{
	struct mr_standing standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);
	struct mr_contain_case c = leaving(MR_HIJACK_HOLDS);
	struct mr_containment r;

	c.limit = MR_TEMPFAIL;
	c.limit_reason = MR_REASON_RATES_MESSAGES;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_HELD);
	ck_assert_int_eq(r.decision.verdict, MR_TEMPFAIL);
	ck_assert_int_eq(r.decision.reason, MR_REASON_RATES_MESSAGES);
	c.says = MR_HIJACK_FREEZES;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.decision.verdict, MR_REJECT);
	ck_assert_int_eq(r.decision.reason, MR_REASON_HIJACK_EVIDENCE);
}
END_TEST

START_TEST(a_limit_can_freeze)
{
	struct mr_standing standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);
	struct mr_contain_case c = leaving(MR_HIJACK_CALM);
	struct mr_containment r;

	c.mode = MR_MODE_OBSERVE; /* of hijack: limits have a mode of their own */
	c.limit = MR_REJECT;
	c.limit_reason = MR_REASON_RATES_RECIPIENTS;
	c.limit_freezes = true;
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_FROZEN);
	ck_assert_int_eq(r.cause, MR_CAUSE_LIMIT);
	ck_assert_int_eq(r.decision.verdict, MR_REJECT);
	ck_assert_int_eq(r.decision.reason, MR_REASON_RATES_RECIPIENTS);
}
END_TEST

/* Held by an operator or a limit: calm mail does not end it, and evidence can make it worse. */
START_TEST(an_order_stays)
{
	static const enum mr_account_cause causes[] = { MR_CAUSE_OPERATOR, MR_CAUSE_LIMIT };
	struct mr_standing standing = stands(MR_ACCOUNT_HELD, causes[_i]);
	struct mr_contain_case c = leaving(MR_HIJACK_CALM);
	struct mr_containment r = contain(&standing, &c);

	ck_assert(!mr_contain_follows_evidence(&standing));
	ck_assert_int_eq(r.state, MR_ACCOUNT_HELD);
	ck_assert_int_eq(r.cause, causes[_i]);
	ck_assert_int_eq(r.decision.verdict, MR_HOLD);
	ck_assert_int_eq(r.decision.reason, MR_REASON_ACCOUNT_HELD);
	c = leaving(MR_HIJACK_FREEZES);
	r = contain(&standing, &c);
	ck_assert_int_eq(r.state, MR_ACCOUNT_FROZEN);
	ck_assert_int_eq(r.decision.verdict, MR_REJECT);
}
END_TEST

/* After a thaw the next message is judged by its own evidence. */
START_TEST(a_thaw_ends_it)
{
	struct mr_standing standing = stands(MR_ACCOUNT_FROZEN, MR_CAUSE_EVIDENCE);
	struct mr_contain_case c = leaving(MR_HIJACK_CALM);

	mr_contain_enter(&standing, MR_ACCOUNT_NORMAL, MR_CAUSE_OPERATOR, MR_REASON_NONE, NOW + HOUR, 0, "THAW");
	ck_assert_int_eq(contain(&standing, &c).decision.verdict, MR_ACCEPT);
	ck_assert_int_eq(contain(&standing, &c).state, MR_ACCOUNT_NORMAL);
}
END_TEST

START_TEST(a_thaw_does_not_protect)
{
	struct mr_standing standing = stands(MR_ACCOUNT_FROZEN, MR_CAUSE_OPERATOR);
	struct mr_contain_case c = leaving(MR_HIJACK_HOLDS);

	mr_contain_enter(&standing, MR_ACCOUNT_NORMAL, MR_CAUSE_OPERATOR, MR_REASON_NONE, NOW + HOUR, 0, "THAW");
	ck_assert_int_eq(contain(&standing, &c).state, MR_ACCOUNT_HELD);
	c = leaving(MR_HIJACK_FREEZES);
	ck_assert_int_eq(contain(&standing, &c).state, MR_ACCOUNT_FROZEN);
}
END_TEST

/* ---- Standing ---- */

START_TEST(expires_in_time)
{
	struct mr_standing standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);

	mr_contain_enter(&standing, MR_ACCOUNT_FROZEN, MR_CAUSE_OPERATOR, MR_REASON_NONE, NOW, NOW + HOUR, "FREEZE");
	ck_assert(!mr_contain_expire(&standing, NOW + HOUR - 1));
	ck_assert_int_eq(standing.state, MR_ACCOUNT_FROZEN);
	ck_assert(mr_contain_expire(&standing, NOW + HOUR));
	ck_assert_int_eq(standing.state, MR_ACCOUNT_NORMAL);
	ck_assert_int_eq(standing.cause, MR_CAUSE_EXPIRY);
	ck_assert(!mr_contain_expire(&standing, NOW + 2 * HOUR));
	standing = stands(MR_ACCOUNT_FROZEN, MR_CAUSE_OPERATOR); /* without a time */
	ck_assert(!mr_contain_expire(&standing, INT64_MAX));
}
END_TEST

START_TEST(counts_incidents)
{
	struct mr_standing standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);

	mr_contain_enter(&standing, MR_ACCOUNT_WATCHED, MR_CAUSE_EVIDENCE, MR_REASON_NONE, NOW, 0, "A");
	ck_assert_uint_eq(standing.incidents, 0);
	mr_contain_enter(&standing, MR_ACCOUNT_HELD, MR_CAUSE_EVIDENCE, MR_REASON_NONE, NOW, 0, "B");
	mr_contain_enter(&standing, MR_ACCOUNT_FROZEN, MR_CAUSE_EVIDENCE, MR_REASON_NONE, NOW, 0, "C");
	ck_assert_uint_eq(standing.incidents, 2);
	ck_assert_str_eq(standing.event_id, "C");
	ck_assert_int_eq(standing.since_ms, NOW);
	mr_contain_enter(&standing, MR_ACCOUNT_NORMAL, MR_CAUSE_OPERATOR, MR_REASON_NONE, NOW, 0, "D");
	ck_assert_uint_eq(standing.incidents, 2);
	standing.incidents = UINT16_MAX;
	mr_contain_enter(&standing, MR_ACCOUNT_FROZEN, MR_CAUSE_EVIDENCE, MR_REASON_NONE, NOW, 0,
			 "an id that is much longer than there is room for");
	ck_assert_uint_eq(standing.incidents, UINT16_MAX);
	ck_assert_uint_eq(strlen(standing.event_id), MR_STANDING_ID_MAX - 1);
}
END_TEST

/* What comes back within a day is the same incident, of which people have been told. */
START_TEST(forgets_after_a_day_whom_it_told)
{
	struct mr_standing standing = stands(MR_ACCOUNT_NORMAL, MR_CAUSE_NONE);

	standing.since_ms = NOW;
	standing.noticed = 1 << MR_ACCOUNT_HELD;
	mr_contain_enter(&standing, MR_ACCOUNT_HELD, MR_CAUSE_EVIDENCE, MR_REASON_NONE, NOW + 23 * HOUR, 0, "");
	ck_assert_uint_ne(standing.noticed, 0);
	mr_contain_enter(&standing, MR_ACCOUNT_NORMAL, MR_CAUSE_NONE, MR_REASON_NONE, NOW + 23 * HOUR, 0, "");
	mr_contain_enter(&standing, MR_ACCOUNT_HELD, MR_CAUSE_EVIDENCE, MR_REASON_NONE, NOW + 48 * HOUR, 0, "");
	ck_assert_uint_eq(standing.noticed, 0);
}
END_TEST

START_TEST(keeps_the_evidence)
{
	struct mr_standing standing = stands(MR_ACCOUNT_FROZEN, MR_CAUSE_EVIDENCE);
	struct mr_evidence evidence = { .total = 10.85f };

	evidence.channel[MR_CHANNEL_NOVELTY] = 5.206f;
	evidence.channel[MR_CHANNEL_PLACE] = -3.004f;
	evidence.channel[MR_CHANNEL_SPAM] = 1e6f;
	evidence.channel[MR_CHANNEL_HOUR] = -1e6f;
	mr_contain_note(&standing, &evidence, 10.3f);
	ck_assert_int_eq(standing.evidence[MR_CHANNEL_NOVELTY], 521);
	ck_assert_int_eq(standing.evidence[MR_CHANNEL_PLACE], -300);
	ck_assert_int_eq(standing.evidence[MR_CHANNEL_SPAM], INT16_MAX);
	ck_assert_int_eq(standing.evidence[MR_CHANNEL_HOUR], -INT16_MAX);
	ck_assert_int_eq(standing.threshold, 1030);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("contain");
	TCase *tests = tcase_create("contain");

	tcase_add_loop_test(tests, follows_the_evidence, 0, (int)(sizeof(steps) / sizeof(steps[0])));
	tcase_add_test(tests, acts_as_the_policy_says);
	tcase_add_test(tests, only_notes_in_observe_mode);
	tcase_add_test(tests, leaves_the_exempt_alone);
	tcase_add_test(tests, keeps_to_the_budget);
	tcase_add_test(tests, lets_the_helpdesk_be_reached);
	tcase_add_test(tests, takes_the_harder_of_limit_and_evidence);
	tcase_add_test(tests, a_limit_can_freeze);
	tcase_add_loop_test(tests, an_order_stays, 0, 2);
	tcase_add_test(tests, a_thaw_ends_it);
	tcase_add_test(tests, a_thaw_does_not_protect);
	tcase_add_test(tests, expires_in_time);
	tcase_add_test(tests, counts_incidents);
	tcase_add_test(tests, forgets_after_a_day_whom_it_told);
	tcase_add_test(tests, keeps_the_evidence);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
