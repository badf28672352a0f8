/* The bounded writer: whole pieces or nothing, and numbers to their ends. */
#include "base/buffer.h"

#include <stdint.h>
#include <string.h>

#include "harness.h"

START_TEST(pieces_follow_each_other)
{
	char memory[64];
	struct mr_buffer b = mr_buffer_over(memory, sizeof(memory));

	mr_buffer_text(&b, "a=");
	mr_buffer_int(&b, -7);
	mr_buffer_byte(&b, '\0');
	mr_buffer_str(&b, MR_STR("b\0c"));
	mr_buffer_str(&b, MR_STR_ABSENT);
	mr_buffer_uint(&b, 0);
	ck_assert(!b.overflow);
	ck_assert(mr_str_equal(mr_buffer_view(&b), MR_STR("a=-7\0b\0c0")));
}
END_TEST

START_TEST(numbers)
{
	char memory[128];
	struct mr_buffer b = mr_buffer_over(memory, sizeof(memory));

	mr_buffer_int(&b, INT64_MIN);
	mr_buffer_byte(&b, ' ');
	mr_buffer_int(&b, INT64_MAX);
	mr_buffer_byte(&b, ' ');
	mr_buffer_uint(&b, UINT64_MAX);
	ck_assert(mr_str_equal(mr_buffer_view(&b),
	    MR_STR("-9223372036854775808 9223372036854775807 18446744073709551615")));
}
END_TEST

START_TEST(what_does_not_fit_ends_it)
{
	char memory[8] = "########";
	struct mr_buffer b = mr_buffer_over(memory, 5);

	mr_buffer_text(&b, "abc");
	mr_buffer_int(&b, -12);
	ck_assert(b.overflow);
	mr_buffer_byte(&b, 'x');
	ck_assert(mr_str_equal(mr_buffer_view(&b), MR_STR("abc")));
	ck_assert_mem_eq(memory + 5, "###", 3);
}
END_TEST

START_TEST(exactly_full_is_no_overflow)
{
	char memory[3];
	struct mr_buffer b = mr_buffer_over(memory, sizeof(memory));
	struct mr_buffer none = mr_buffer_over(memory, 0);

	mr_buffer_text(&b, "abc");
	ck_assert(!b.overflow);
	mr_buffer_text(&b, "");
	ck_assert(!b.overflow);
	mr_buffer_text(&none, "");
	ck_assert(!none.overflow);
	mr_buffer_byte(&none, 'a');
	ck_assert(none.overflow);
	ck_assert_uint_eq(none.n, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("buffer");
	TCase *tests = tcase_create("buffer");

	tcase_add_test(tests, pieces_follow_each_other);
	tcase_add_test(tests, numbers);
	tcase_add_test(tests, what_does_not_fit_ends_it);
	tcase_add_test(tests, exactly_full_is_no_overflow);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
