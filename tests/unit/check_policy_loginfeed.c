/* Tests of lib/policy/loginfeed.c: where the feed listens, and its keys. Files of keys are in tests/corpus/policy. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "harness.h"
#include "model/policy.h"
#include "policy/faults.h"
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

static const char key[] = "0123456789abcdef", next[] = "another-key-of-the-feed";

START_TEST(no_feed)
{
	struct mr_policy *policy = policy_of("");
	const char *text;
	int64_t number;

	ck_assert_int_eq(mr_policy_get_text(policy, "login_feed.listen", &text), MR_OK);
	ck_assert_ptr_null(text);
	ck_assert_int_eq(mr_policy_get_number(policy, "login_feed.connections", &number), MR_OK);
	ck_assert_int_eq(number, 256);
	ck_assert_int_eq(mr_policy_get_item(policy, "login_feed.keys", 0, &text), MR_ERR_NOTFOUND);
	mr_policy_drop(&policy);
	policy = policy_of("login_feed: { listen = \"\" }");
	ck_assert_int_eq(mr_policy_get_text(policy, "login_feed.listen", &text), MR_OK);
	ck_assert_ptr_null(text);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(two_keys)
{
	char text[300];
	struct mr_policy *policy;
	const char *value;

	snprintf(text, sizeof(text), "login_feed: { listen = \"inet:8892@127.0.0.1\"  keys = [ \"%s\", \"%s\" ] }", key, next);
	policy = policy_of(text);
	ck_assert_uint_eq(policy->login_feed.keys.count, 2);
	ck_assert_int_eq(mr_policy_get_item(policy, "login_feed.keys", 0, &value), MR_OK);
	ck_assert_str_eq(value, key);
	ck_assert_int_eq(mr_policy_get_item(policy, "login_feed.keys", 1, &value), MR_OK);
	ck_assert_str_eq(value, next);
	ck_assert_int_eq(mr_policy_get_item(policy, "login_feed.keys", 2, &value), MR_ERR_NOTFOUND);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(where_it_may_listen)
{
	static const struct {
		const char *listen;
		bool anywhere, good;
	} cases[] = { { "inet:8892@127.0.0.1", false, true }, { "inet:8892@127.9.9.9", false, true },
		{ "inet6:8892@::1", false, true }, { "unix:/run/mailreeve/feed.sock", false, true },
		{ "inet:8892@192.0.2.1", false, false }, { "inet:8892@192.0.2.1", true, true },
		{ "inet:8892@0.0.0.0", false, false }, { "inet6:8892@::", false, false }, { "inet6:8892@::", true, true },
		{ "inet6:8892@2001:db8::1", true, true }, { "inet:8892@::1", false, false },
		{ "inet6:8892@127.0.0.1", false, false }, { "inet:8892", true, false }, { "inet:8892@", true, false },
		{ "inet:8892@localhost", true, false }, { "inet:0@127.0.0.1", false, false },
		{ "inet:65536@127.0.0.1", false, false }, { "inet:65535@127.0.0.1", false, true },
		{ "inet:@127.0.0.1", false, false }, { "inet:8x@127.0.0.1", false, false },
		{ "inet:4294975488@127.0.0.1", false, false }, { "unix:run/x", false, false }, { "unix:", false, false },
		{ "unix:/", false, false }, { "127.0.0.1:8892", false, false }, { "http://127.0.0.1:8892/", false, false } };
	char text[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mr_policy *policy;
		struct mr_faults *faults;
		int err;

		snprintf(text, sizeof(text), "domains = \"example.com\"  login_feed: { listen = \"%s\"  anywhere = %s  keys = \"%s\" }",
			 cases[i].listen, cases[i].anywhere ? "true" : "false", key);
		err = build(text, &policy, &faults);
		ck_assert_msg((err == MR_OK) == cases[i].good, "%s: %d", cases[i].listen, err);
		mr_faults_free(&faults);
		mr_policy_drop(&policy);
	}
}
END_TEST

START_TEST(what_is_no_key)
{
	static const char *const bad[] = { "", "0123456789abcde", "0123456789abcde f", "0123456789abcdef\xc3\xa4" };
	char text[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mr_policy *policy;
		struct mr_faults *faults;

		snprintf(text, sizeof(text), "domains = \"example.com\"\nlogin_feed: { keys = \"%s\" }", bad[i]);
		ck_assert_msg(build(text, &policy, &faults) == MR_ERR_REFUSED, "%s", bad[i]);
		ck_assert_uint_eq(mr_faults_at(faults, 0)->line, 2);
		ck_assert_ptr_null(*bad[i] ? strstr(mr_faults_at(faults, 0)->what, bad[i]) : NULL);
		mr_faults_free(&faults);
	}
}
END_TEST

/* Every allocation that can fail does: nothing is lost, nothing crashes. */
START_TEST(without_memory)
{
	static const char text[] = "domains = \"example.com\""
		" login_feed: { listen = \"unix:/run/x\"  keys = [ \"0123456789abcdef\", \"fedcba9876543210\" ] }";
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
	Suite *suite = suite_create("policy_loginfeed");
	TCase *tests = tcase_create("tests");

	tcase_add_test(tests, no_feed);
	tcase_add_test(tests, two_keys);
	tcase_add_test(tests, where_it_may_listen);
	tcase_add_test(tests, what_is_no_key);
	tcase_add_test(tests, without_memory);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
