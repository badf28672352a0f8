/* Tests of lib/model/pattern.h: patterns of addresses and sets of domains. */
#include "model/pattern.h"

#include <stdio.h>

#include "base/error.h"
#include "harness.h"

static const unsigned char key[MR_HASH_KEY_BYTES] = { 7 };

/* A set of one pattern, beside others that match nothing asked here: large sets are kept in another way than small ones. */
static struct mr_patternset *one_beside(const char *pattern, int others)
{
	struct mr_patternset *set = mr_patternset_new(key);
	const char *why = NULL;

	ck_assert_ptr_nonnull(set);
	for (int i = 0; i < others; i++) {
		static const char *const forms[][2] = { { "user", "@other.example" },
							{ "@d", ".example" },
							{ "@.s", ".example" },
							{ "g", "-*@other.example" },
							{ "bare", "" } };
		char other[64];

		snprintf(other, sizeof(other), "%s%d%s", forms[i % 5][0], i, forms[i % 5][1]);
		ck_assert_int_eq(mr_patternset_add(set, mr_str_of(other), &why), MR_OK);
	}
	ck_assert_int_eq(mr_patternset_add(set, mr_str_of(pattern), &why), MR_OK);
	return set;
}

static struct mr_patternset *one(const char *pattern)
{
	return one_beside(pattern, 0);
}

struct match {
	const char *pattern, *address;
	bool matches;
};

static const struct match matches[] = {
	{ "alice@example.com", "alice@example.com", true },
	{ "Alice@EXAMPLE.com", "alice@example.com", true },
	{ "alice@example.com", "ALICE@example.com", true },
	{ "alice@example.com", "malice@example.com", false },
	{ "alice@example.com", "alice@example.org", false },
	{ "alice@example.com", "alice", false },
	{ "@example.com", "anyone@example.com", true },
	{ "*@example.com", "anyone@example.com", true },
	{ "@example.com", "anyone@sub.example.com", false },
	{ "@example.com", "anyone@notexample.com", false },
	{ "@example.com", "example.com", false },
	{ "@.example.com", "anyone@sub.example.com", true },
	{ "@.example.com", "anyone@deep.sub.example.com", true },
	{ "@.example.com", "anyone@example.com", false },
	{ "@.example.com", "anyone@badexample.com", false },
	{ "news-*@example.com", "news-weekly@example.com", true },
	{ "news-*@example.com", "news-@example.com", true },
	{ "news-*@example.com", "news@example.com", false },
	{ "news-*@example.com", "news-weekly@example.org", false },
	{ "*-bounce@example.com", "a@b-bounce@example.com", true },
	{ "*", "anyone@anywhere.example", true },
	{ "*", "bare", true },
	{ "backup", "backup", true },
	{ "backup", "Backup", true },
	{ "backup", "backup@example.com", false },
	{ "svc-*", "svc-print", true },
	{ "svc-*", "svc-print@example.com", false },
	{ "alice@b\xc3\xbc"
	  "cher.example",
	  "alice@xn--bcher-kva.example", true },
	{ "alice@[192.0.2.1]", "alice@[192.0.2.1]", true },
	{ "alice@[192.0.2.1]", "alice@[192.0.2.2]", false },
	{ "alice@example.com", "", false },
};

START_TEST(pattern_matches)
{
	const struct match *m = &matches[_i];

	for (int others = 0; others < 30; others++) {
		struct mr_patternset *set = one_beside(m->pattern, others);

		ck_assert_msg(mr_patternset_has(set, mr_str_of(m->address)) == m->matches, "%s against %s beside %d",
			      m->pattern, m->address, others);
		mr_patternset_free(&set);
		ck_assert_ptr_null(set);
	}
}
END_TEST

static const char *const no_patterns[] = { "",
					   "@",
					   "alice@",
					   "a b@example.com",
					   "alice@exam*.com",
					   "@*",
					   "x@.example.com",
					   "al\x01ice@example.com",
					   "<alice@example.com>",
					   "a,b",
					   "alice@exam ple.com",
					   "\xff@example.com",
					   "a:b@example.com",
					   "@.",
					   "@..com",
					   "alice@a..b" };

START_TEST(pattern_is_refused_with_a_reason)
{
	struct mr_patternset *set = mr_patternset_new(key);
	const char *why = "";

	ck_assert_msg(mr_patternset_add(set, mr_str_of(no_patterns[_i]), &why) == MR_ERR_SYNTAX, "%s", no_patterns[_i]);
	ck_assert_str_ne(why, "");
	ck_assert(mr_patternset_is_empty(set));
	mr_patternset_free(&set);
}
END_TEST

START_TEST(all_globs_of_a_domain_are_asked)
{
	struct mr_patternset *set = one("a*@example.com");
	const char *why;

	ck_assert_int_eq(mr_patternset_add(set, MR_STR("b*@example.com"), &why), MR_OK);
	ck_assert_int_eq(mr_patternset_add(set, MR_STR("c*@example.com"), &why), MR_OK);
	ck_assert(mr_patternset_has(set, MR_STR("a1@example.com")));
	ck_assert(mr_patternset_has(set, MR_STR("b1@example.com")));
	ck_assert(mr_patternset_has(set, MR_STR("c1@example.com")));
	ck_assert(!mr_patternset_has(set, MR_STR("d1@example.com")));
	mr_patternset_free(&set);
}
END_TEST

START_TEST(touches_domain)
{
	static const struct match rows[] = {
		{ "*", "example.com", true },
		{ "@example.com", "example.com", true },
		{ "alice@example.com", "example.com", true },
		{ "a*@example.com", "example.com", true },
		{ "@.example.com", "sub.example.com", true },
		{ "@.example.com", "example.com", false },
		{ "alice@example.org", "example.com", false },
		{ "alice", "example.com", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int others = 0; others < 30; others += 29) {
			struct mr_patternset *set = one_beside(rows[i].pattern, others);

			ck_assert_msg(mr_patternset_touches_domain(set, mr_str_of(rows[i].address)) == rows[i].matches,
				      "%s", rows[i].pattern);
			mr_patternset_free(&set);
		}
	}
}
END_TEST

START_TEST(no_set_holds_nothing)
{
	ck_assert(!mr_patternset_has(NULL, MR_STR("alice@example.com")));
	ck_assert(!mr_patternset_touches_domain(NULL, MR_STR("example.com")));
	ck_assert(mr_patternset_is_empty(NULL));
	ck_assert(!mr_domainset_has(NULL, MR_STR("example.com")));
	ck_assert(!mr_domainset_has_exact(NULL, MR_STR("example.com")));
	ck_assert(mr_domainset_is_empty(NULL));
}
END_TEST

START_TEST(domains)
{
	struct mr_domainset *set = mr_domainset_new(key);
	struct mr_str entry;
	const char *why;
	size_t at = 0;

	ck_assert(mr_domainset_is_empty(set));
	ck_assert_int_eq(mr_domainset_add(set, MR_STR("Example.COM."), &why), MR_OK);
	ck_assert_int_eq(mr_domainset_add(set, MR_STR(".example.org"), &why), MR_OK);
	ck_assert(mr_domainset_has(set, MR_STR("example.com")));
	ck_assert(!mr_domainset_has(set, MR_STR("a.example.com")));
	ck_assert(!mr_domainset_has(set, MR_STR("example.org")));
	ck_assert(mr_domainset_has(set, MR_STR("a.example.org")));
	ck_assert(mr_domainset_has(set, MR_STR("b.a.example.org")));
	ck_assert(!mr_domainset_has(set, MR_STR("aexample.org")));
	ck_assert(!mr_domainset_has(set, MR_STR("")));
	ck_assert(mr_domainset_has_exact(set, MR_STR("example.com")));
	ck_assert(!mr_domainset_has_exact(set, MR_STR("a.example.org")));
	ck_assert(!mr_domainset_has_exact(set, MR_STR(".example.org")));
	ck_assert(mr_domainset_next(set, &at, &entry));
	ck_assert(mr_str_equal(entry, MR_STR("example.com")));
	ck_assert(mr_domainset_next(set, &at, &entry));
	ck_assert(mr_str_equal(entry, MR_STR(".example.org")));
	ck_assert(!mr_domainset_next(set, &at, &entry));
	mr_domainset_free(&set);
	ck_assert_ptr_null(set);
}
END_TEST

START_TEST(domain_is_refused_with_a_reason)
{
	static const char *const bad[] = { "",
					   ".",
					   "a..b",
					   "*.example.com",
					   "alice@example.com",
					   "[192.0.2.1]",
					   "192.0.2.0/24",
					   "exam ple.com",
					   "1.2.3.4" };
	struct mr_domainset *set = mr_domainset_new(key);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = "";

		ck_assert_msg(mr_domainset_add(set, mr_str_of(bad[i]), &why) == MR_ERR_SYNTAX, "%s", bad[i]);
		ck_assert_str_ne(why, "");
	}
	ck_assert(mr_domainset_is_empty(set));
	mr_domainset_free(&set);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pattern");
	TCase *tc = tcase_create("pattern");

	tcase_add_loop_test(tc, pattern_matches, 0, sizeof(matches) / sizeof(matches[0]));
	tcase_add_loop_test(tc, pattern_is_refused_with_a_reason, 0, sizeof(no_patterns) / sizeof(no_patterns[0]));
	tcase_add_test(tc, all_globs_of_a_domain_are_asked);
	tcase_add_test(tc, touches_domain);
	tcase_add_test(tc, no_set_holds_nothing);
	tcase_add_test(tc, domains);
	tcase_add_test(tc, domain_is_refused_with_a_reason);
	suite_add_tcase(suite, tc);
	return mr_run_suite(suite);
}
