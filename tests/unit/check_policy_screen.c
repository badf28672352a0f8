/* Tests of lib/policy/screen.c: what text becomes which limits and blocks. The faults are in tests/corpus/policy. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "harness.h"
#include "model/policy.h"
#include "policy/faults.h"
#include "policy/setting.h"
#include "policy/source.h"

static int
build(const char *text, struct mr_policy **policy_r, struct mr_faults **faults_r)
{
	struct mr_policy_text *files = NULL;
	int err = mr_policy_text_from_memory("test.conf", mr_str_of(text), &files);

	*policy_r = NULL;
	*faults_r = NULL;
	if (err == MR_OK)
		err = mr_policy_build(files, 1795305600000, NULL, policy_r, faults_r);
	mr_policy_text_free(&files);
	return err;
}

/* The policy of a site with these settings, which has no errors. */
static struct mr_policy *
policy_of(const char *settings)
{
	char text[4096];
	struct mr_policy *policy;
	struct mr_faults *faults;
	int err;

	snprintf(text, sizeof(text), "domains = \"example.com\" %s", settings);
	err = build(text, &policy, &faults);
	ck_assert_msg(err == MR_OK, "%s: %s", text,
		      faults && mr_faults_at(faults, 0) ? mr_faults_at(faults, 0)->what : "no fault");
	mr_faults_free(&faults);
	return policy;
}

static const struct mr_screen_limit *
limit_of(const struct mr_policy *policy, const char *label)
{
	for (size_t i = 0; i < policy->screen.limit_count; i++) {
		if (strcmp(policy->screen.limits[i].label, label) == 0)
			return &policy->screen.limits[i];
	}
	return NULL;
}

/* Every row of signal.def is a setting, with the same default and a range that its counter can hold. */
START_TEST(settings_are_the_signals)
{
	const struct mr_setting_row *row;
	char full[64];
	size_t limits = 0;

	for (enum mr_signal signal = 0; signal < MR_SIGNAL_COUNT; signal++) {
		const struct mr_signal_row *known = mr_signal_row(signal);

		snprintf(full, sizeof(full), "screen.%s", known->name);
		row = mr_setting_find(mr_str_of(full));
		ck_assert_msg(row != NULL, "%s is not in setting.def", full);
		if (signal == MR_SIGNAL_SIMULTANEOUS) {
			ck_assert_int_eq(row->type, MR_SETTING_NUMBER);
			continue;
		}
		ck_assert_int_eq(row->type, MR_SETTING_LIMITS);
		ck_assert_str_eq(row->fallback, known->fallback);
		ck_assert_int_eq(row->least, 1);
		if (known->form == MR_FORM_DISTINCT)
			ck_assert_int_le(row->most, 10000);
	}
	for (size_t i = 0; (row = mr_setting_row(i)) != NULL; i++)
		limits += strncmp(row->name, "screen.", 7) == 0 && row->type == MR_SETTING_LIMITS;
	ck_assert_uint_eq(limits, MR_SIGNAL_COUNT - 1);
}
END_TEST

START_TEST(defaults)
{
	struct mr_policy *policy = policy_of("networks: { office: { addresses = \"198.51.100.0/24\" } }");
	const struct mr_screen_policy *screen = &policy->screen;
	struct mr_ip office;
	size_t wanted = 0;

	ck_assert_int_eq(screen->rule.mode, MR_MODE_OBSERVE);
	ck_assert_int_eq(screen->rule.action, MR_REJECT);
	ck_assert(!screen->rule.except);
	ck_assert_int_eq(screen->at, MR_SCREEN_AT_MAIL);
	ck_assert_uint_eq(screen->simultaneous, 100);
	ck_assert_uint_eq(screen->block_count, 3);
	ck_assert_int_eq(screen->block_ms[0], 3600000);
	ck_assert_int_eq(screen->block_ms[1], 86400000);
	ck_assert_int_eq(screen->block_ms[2], 604800000);
	ck_assert_int_eq(screen->forget_ms, INT64_C(30) * 86400000);
	ck_assert_uint_eq(screen->budget.most, 200);
	ck_assert_int_eq(screen->budget.window_ms, 600000);
	ck_assert_uint_eq(screen->ipv4_prefix, 32);
	ck_assert_uint_eq(screen->ipv6_prefix, 64);
	ck_assert(screen->wide_ipv4[0] == 24 && screen->wide_ipv4[1] == 0 && screen->wide_ipv4[2] == 0);
	ck_assert(screen->wide_ipv6[0] == 48 && screen->wide_ipv6[1] == 0);
	ck_assert_uint_eq(screen->wide_factor, 5);
	ck_assert_uint_eq(screen->shared_logins, 10);
	ck_assert_int_eq(screen->tarpit_ms, 3000);
	ck_assert_int_eq(mr_ip_parse(MR_STR("198.51.100.7"), &office), MR_OK);
	ck_assert(mr_prefixset_has(screen->own_networks, &office));
	for (enum mr_signal signal = 0; signal < MR_SIGNAL_COUNT; signal++) {
		const char *fallback = mr_signal_row(signal)->fallback;

		for (const char *p = fallback; *p; p++)
			wanted += p == fallback || p[-1] == ' ';
	}
	ck_assert_uint_eq(screen->limit_count, wanted);
	for (size_t i = 1; i < screen->limit_count; i++)
		ck_assert_int_ge(screen->limits[i].signal, screen->limits[i - 1].signal);
	ck_assert_uint_eq(limit_of(policy, "login_failures.1h")->rate.most, 20);
	ck_assert_uint_eq(limit_of(policy, "login_failures.1d")->rate.most, 60);
	ck_assert_int_eq(limit_of(policy, "login_failures.1d")->rate.window_ms, 86400000);
	ck_assert_int_eq(limit_of(policy, "guard_sources.1d")->signal, MR_SIGNAL_GUARD_SOURCES);
	ck_assert_int_eq(policy->hijack.frozen_logins, MR_FROZEN_SMTP);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(what_is_written_counts)
{
	struct mr_policy *policy = policy_of("screen: { mode = \"enforce\"  action = \"tempfail\"  at = \"connect\""
		"  except = [ \"192.0.2.0/24\" ]  login_failures = [ \"5/90s\", \"9/1h\" ]  connections = \"unlimited\""
		"  login_attempts = \"70/1d\"  simultaneous = 0  block = \"2h\"  forget = \"7d\"  budget = \"unlimited\""
		"  ipv4_prefix = 28  ipv6_prefix = 56  wide_ipv4 = [ 16, 24, 20 ]  wide_ipv6 = 32  wide_factor = 3"
		"  shared_logins = 0  tarpit = \"0s\" }  hijack: { frozen_logins = \"none\" }");
	const struct mr_screen_policy *screen = &policy->screen;
	struct mr_ip excepted;

	ck_assert_int_eq(mr_ip_parse(MR_STR("192.0.2.7"), &excepted), MR_OK);
	ck_assert_int_eq(screen->rule.mode, MR_MODE_ENFORCE);
	ck_assert_int_eq(screen->rule.action, MR_TEMPFAIL);
	ck_assert_int_eq(screen->at, MR_SCREEN_AT_CONNECT);
	ck_assert(mr_prefixset_has(screen->rule.except, &excepted));
	ck_assert_uint_eq(limit_of(policy, "login_failures.90s")->rate.most, 5);
	ck_assert_uint_eq(limit_of(policy, "login_failures.1h")->rate.most, 9);
	ck_assert_ptr_null(limit_of(policy, "login_failures.1d"));
	ck_assert_ptr_null(limit_of(policy, "connections.10m"));
	ck_assert_uint_eq(limit_of(policy, "login_attempts.1d")->rate.most, 70);
	ck_assert_uint_eq(screen->simultaneous, 0);
	ck_assert_uint_eq(screen->block_count, 1);
	ck_assert_int_eq(screen->block_ms[0], 7200000);
	ck_assert_int_eq(screen->forget_ms, 604800000);
	ck_assert_uint_eq(screen->budget.most, UINT64_MAX);
	ck_assert(screen->wide_ipv4[0] == 24 && screen->wide_ipv4[1] == 20 && screen->wide_ipv4[2] == 16);
	ck_assert(screen->wide_ipv6[0] == 32 && screen->wide_ipv6[1] == 0);
	ck_assert_uint_eq(screen->shared_logins, 0);
	ck_assert_int_eq(screen->tarpit_ms, 0);
	ck_assert_int_eq(policy->hijack.frozen_logins, MR_FROZEN_NONE);
	mr_policy_drop(&policy);
	/* A default that is no wider than one source is left out. */
	policy = policy_of("screen: { ipv4_prefix = 24  ipv6_prefix = 32 }");
	ck_assert_uint_eq(policy->screen.wide_ipv4[0], 0);
	ck_assert_uint_eq(policy->screen.wide_ipv6[0], 0);
	mr_policy_drop(&policy);
	policy = policy_of("screen: { wide_ipv4 = [ ]  wide_ipv6 = [ ] }");
	ck_assert_uint_eq(policy->screen.wide_ipv4[0], 0);
	ck_assert_uint_eq(policy->screen.wide_ipv6[0], 0);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(exemptions_of_logins)
{
	struct mr_policy *policy = policy_of("exemptions: ( { name = \"office\"  network = \"203.0.113.7/32\""
		"  login = \"*@example.com\"  rules = [ \"screen\", \"location\" ] } )");

	ck_assert_uint_eq(policy->exemption_count, 1);
	ck_assert_uint_eq(policy->exemptions[0].rules, MR_RULE_BIT(MR_RULE_SCREEN) | MR_RULE_BIT(MR_RULE_LOCATION));
	mr_policy_drop(&policy);
}
END_TEST

/* Every allocation that can fail does: nothing is lost, nothing crashes. */
START_TEST(without_memory)
{
	static const char text[] = "domains = \"example.com\"  networks: { o: { addresses = \"198.51.100.0/24\" } }"
		" screen: { login_failures = [ \"1/1h\", \"2/1d\" ]  except = \"o\"  block = [ \"1h\", \"2h\" ] }";
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	long nth = 1;

	for (; !policy && nth < 5000; nth++) {
		int err;

		mr_alloc_starve(nth);
		err = build(text, &policy, &faults);
		mr_alloc_starve(0);
		ck_assert(err == MR_OK || err == MR_ERR_NOMEM);
		ck_assert((err == MR_OK) == (policy != NULL));
		mr_faults_free(&faults);
	}
	ck_assert_ptr_nonnull(policy);
	ck_assert_int_gt(nth, 30);
	mr_policy_drop(&policy);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policy_screen");
	TCase *tests = tcase_create("tests");

	tcase_add_test(tests, settings_are_the_signals);
	tcase_add_test(tests, defaults);
	tcase_add_test(tests, what_is_written_counts);
	tcase_add_test(tests, exemptions_of_logins);
	tcase_add_test(tests, without_memory);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
