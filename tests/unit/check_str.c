/* Slices: equality, cutting and the glob match, the last also against a naive recursive model. */
#include "base/str.h"

#include <string.h>

#include "harness.h"

START_TEST(absent_is_not_empty)
{
	ck_assert(mr_str_equal(MR_STR_ABSENT, MR_STR_ABSENT));
	ck_assert(!mr_str_equal(MR_STR_ABSENT, MR_STR("")));
	ck_assert(!mr_str_equal_nocase(MR_STR(""), MR_STR_ABSENT));
	ck_assert(mr_str_equal(MR_STR(""), MR_STR("")));
	ck_assert_ptr_null(mr_str_of(NULL).p);
	ck_assert_ptr_null(mr_str_trim(MR_STR_ABSENT).p);
	ck_assert_ptr_null(mr_str_part(MR_STR_ABSENT, 0, 5).p);
	ck_assert_ptr_nonnull(mr_str_trim(MR_STR(" \t")).p);
}
END_TEST

START_TEST(equality)
{
	ck_assert(mr_str_equal(mr_str_of("abc"), MR_STR("abc")));
	ck_assert(!mr_str_equal(MR_STR("abc"), MR_STR("abC")));
	ck_assert(!mr_str_equal(MR_STR("abc"), MR_STR("ab")));
	ck_assert(!mr_str_equal(MR_STR("a\0b"), MR_STR("a\0c")));
	ck_assert(mr_str_equal_nocase(MR_STR("aBc-Z"), MR_STR("AbC-z")));
	/* '@' and '`' differ by the case bit only, and so do the Latin-1 letters. */
	ck_assert(!mr_str_equal_nocase(MR_STR("@"), MR_STR("`")));
	ck_assert(!mr_str_equal_nocase(MR_STR("\xc4"), MR_STR("\xe4")));
}
END_TEST

START_TEST(cutting)
{
	struct mr_str s = MR_STR("user@host@end");

	ck_assert_uint_eq(mr_str_find(s, '@'), 4);
	ck_assert_uint_eq(mr_str_find_last(s, '@'), 9);
	ck_assert_uint_eq(mr_str_find(s, '!'), s.n);
	ck_assert_uint_eq(mr_str_find_last(s, '!'), s.n);
	ck_assert_uint_eq(mr_str_find(MR_STR_ABSENT, '@'), 0);
	ck_assert(mr_str_equal(mr_str_part(s, 5, 9), MR_STR("host")));
	ck_assert(mr_str_equal(mr_str_part(s, 10, 1000), MR_STR("end")));
	ck_assert(mr_str_equal(mr_str_part(s, 1000, 2000), MR_STR("")));
	ck_assert(mr_str_equal(mr_str_part(s, 5, 2), MR_STR("")));
	ck_assert(mr_str_equal(mr_str_trim(MR_STR(" \t\r\n a b \n")), MR_STR("a b")));
	ck_assert(mr_str_ends_with(s, MR_STR("@end")));
	ck_assert(mr_str_ends_with(s, MR_STR("")));
	ck_assert(!mr_str_ends_with(s, MR_STR("@END")));
	ck_assert(!mr_str_ends_with(MR_STR("nd"), MR_STR("end")));
}
END_TEST

START_TEST(classes)
{
	ck_assert(mr_str_is_ascii(MR_STR("abc\x7f")));
	ck_assert(!mr_str_is_ascii(MR_STR("abc\x80")));
	ck_assert(mr_str_is_ascii(MR_STR_ABSENT));
	ck_assert(mr_str_has_control(MR_STR("a\0b")));
	ck_assert(mr_str_has_control(MR_STR("a\x7f")));
	ck_assert(mr_str_has_control(MR_STR("a\x1f")));
	ck_assert(!mr_str_has_control(MR_STR(" ~\x80\xff")));
	ck_assert_int_eq(mr_ascii_lower('Z'), 'z');
	ck_assert_int_eq(mr_ascii_lower('['), '[');
	ck_assert_int_eq(mr_ascii_lower('@'), '@');
}
END_TEST

START_TEST(glob_examples)
{
	ck_assert(mr_str_glob(MR_STR("*@example.com"), MR_STR("Joe@EXAMPLE.com")));
	ck_assert(!mr_str_glob(MR_STR("*@example.com"), MR_STR("joe@example.com.org")));
	ck_assert(mr_str_glob(MR_STR("*"), MR_STR("")));
	ck_assert(mr_str_glob(MR_STR("**"), MR_STR("")));
	ck_assert(mr_str_glob(MR_STR(""), MR_STR("")));
	ck_assert(!mr_str_glob(MR_STR(""), MR_STR("a")));
	ck_assert(!mr_str_glob(MR_STR("?"), MR_STR("a")));
	ck_assert(mr_str_glob(MR_STR("[a]?"), MR_STR("[A]?")));
	ck_assert(mr_str_glob(MR_STR("a*b*c"), MR_STR("a-b-b-c")));
	ck_assert(!mr_str_glob(MR_STR("a*b*c"), MR_STR("a-b-b-")));
}
END_TEST

static bool
glob_model(const char *pattern, const char *s)
{
	if (*pattern == '\0')
		return *s == '\0';
	if (*pattern == '*')
		return glob_model(pattern + 1, s) || (*s != '\0' && glob_model(pattern, s + 1));
	return *s == *pattern && glob_model(pattern + 1, s + 1);
}

/* Writes the number-th text of length n over the letters of alphabet. */
static void
nth_text(unsigned number, const char *alphabet, size_t n, char *text_r)
{
	size_t letters = strlen(alphabet);

	for (size_t i = 0; i < n; i++) {
		text_r[i] = alphabet[number % letters];
		number /= (unsigned)letters;
	}
	text_r[n] = '\0';
}

static unsigned
power(unsigned base, size_t exponent)
{
	unsigned value = 1;

	while (exponent-- > 0)
		value *= base;
	return value;
}

START_TEST(glob_is_the_model)
{
	char pattern[8];
	char text[8];

	for (size_t pattern_n = 0; pattern_n <= 5; pattern_n++) {
		for (unsigned p = 0; p < power(3, pattern_n); p++) {
			nth_text(p, "ab*", pattern_n, pattern);
			for (size_t text_n = 0; text_n <= 6; text_n++) {
				for (unsigned t = 0; t < power(2, text_n); t++) {
					nth_text(t, "ab", text_n, text);
					if (mr_str_glob(mr_str_of(pattern), mr_str_of(text)) !=
					    glob_model(pattern, text))
						ck_abort_msg("pattern \"%s\" text \"%s\"", pattern, text);
				}
			}
		}
	}
}
END_TEST

/* Exponential or recursive matching would not come back from this, or would run out of stack. */
START_TEST(glob_survives_hostile_text)
{
	static char text[200000];
	static char pattern[129];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(pattern) - 1; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	pattern[sizeof(pattern) - 1] = 'b';
	ck_assert(!mr_str_glob((struct mr_str){ pattern, sizeof(pattern) }, (struct mr_str){ text, sizeof(text) }));
	text[sizeof(text) - 1] = 'b';
	ck_assert(mr_str_glob((struct mr_str){ pattern, sizeof(pattern) }, (struct mr_str){ text, sizeof(text) }));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("str");
	TCase *tests = tcase_create("str");

	tcase_add_test(tests, absent_is_not_empty);
	tcase_add_test(tests, equality);
	tcase_add_test(tests, cutting);
	tcase_add_test(tests, classes);
	tcase_add_test(tests, glob_examples);
	tcase_add_test(tests, glob_is_the_model);
	tcase_add_test(tests, glob_survives_hostile_text);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
