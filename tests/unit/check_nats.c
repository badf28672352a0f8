/* Logarithm and exponential of the core, against libm: near it, in order, and bounded outside their range. */
#include "core/nats.h"

#include <math.h>

#include "harness.h"

START_TEST(logarithm_is_near_libm)
{
	for (double x = 1e-300; x < 1e300; x *= 1.0137)
		ck_assert_double_le(fabs(mr_ln(x) - log(x)), 2e-13);
	for (double x = 0.25; x < 4.0; x += 1.7e-5)
		ck_assert_double_le(fabs(mr_ln(x) - log(x)), 1e-15);
	ck_assert_double_eq(mr_ln(1.0), 0.0);
}
END_TEST

START_TEST(logarithm_of_nothing_is_bounded)
{
	ck_assert_double_eq(mr_ln(0.0), -708.0);
	ck_assert_double_eq(mr_ln(-1.0), -708.0);
	ck_assert_double_eq(mr_ln(1e-320), -708.0);
}
END_TEST

START_TEST(exponential_is_near_libm)
{
	for (double x = -690.0; x < 690.0; x += 0.0137)
		ck_assert_double_le(fabs(mr_exp(x) / exp(x) - 1.0), 1e-14);
	ck_assert_double_eq(mr_exp(0.0), 1.0);
	ck_assert_double_eq(mr_exp(-1000.0), 0.0);
	ck_assert_double_eq(mr_exp(1e9), mr_exp(700.0));
}
END_TEST

START_TEST(both_never_fall)
{
	double ln = -1000.0, e = -1.0;

	for (double x = 1e-3; x < 50.0; x += 1e-3) {
		ck_assert_double_ge(mr_ln(x), ln);
		ck_assert_double_ge(mr_exp(x - 25.0), e);
		ln = mr_ln(x);
		e = mr_exp(x - 25.0);
	}
}
END_TEST

START_TEST(a_cap_is_never_passed)
{
	ck_assert_double_eq(mr_capped(-3.0, 0.01), 0.0);
	ck_assert_double_eq(mr_capped(0.0, 0.01), 0.0);
	for (double nats = 0.0; nats < 1000.0; nats += 0.37) {
		ck_assert_double_le(mr_capped(nats, 0.01), -log(0.01) + 1e-12);
		ck_assert_double_le(mr_capped(nats, 0.01), nats + 1e-12);
	}
	ck_assert_double_eq_tol(mr_capped(1.0, 0.0), 1.0, 1e-12);
}
END_TEST

START_TEST(a_share_begins_at_its_prior)
{
	ck_assert_double_eq(mr_share(0.0, 0.0, 0.25, 8.0), 0.25);
	ck_assert_double_eq_tol(mr_share(1000.0, 1000.0, 0.25, 8.0), 1.0, 0.01);
}
END_TEST

START_TEST(small_numbers_keep_half_a_percent)
{
	for (double x = 1e-3; x < 1e9; x *= 1.01)
		ck_assert_double_le(fabs(mr_small(mr_small_of(x)) / x - 1.0), 0.0045);
	ck_assert_double_eq(mr_small(mr_small_of(0.0)), 0.0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nats");
	TCase *tests = tcase_create("nats");

	tcase_add_test(tests, logarithm_is_near_libm);
	tcase_add_test(tests, logarithm_of_nothing_is_bounded);
	tcase_add_test(tests, exponential_is_near_libm);
	tcase_add_test(tests, both_never_fall);
	tcase_add_test(tests, a_cap_is_never_passed);
	tcase_add_test(tests, a_share_begins_at_its_prior);
	tcase_add_test(tests, small_numbers_keep_half_a_percent);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
