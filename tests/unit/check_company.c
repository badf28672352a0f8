/* What a frozen account lends to others on its source: only to messages of the same pattern, for a day, and bounded. */
#include "core/company.h"

#include "harness.h"

#define HOUR INT64_C(3600000)
#define NOW (INT64_C(1795301467) * 1000)

static struct mr_sending sending(int64_t hours, int64_t size, uint64_t client)
{
	return (struct mr_sending){ .time_ms = NOW + hours * HOUR, .size = size, .client = client, .authenticated = true };
}

/* A source on which accounts have just been frozen. */
static struct mr_source lender(unsigned accounts)
{
	struct mr_source source = { .prefix = 128 };
	struct mr_sending s = sending(0, 3000, 77);

	for (unsigned i = 0; i < accounts; i++)
		mr_company_lend(&source, &s);
	return source;
}

static double lent(const struct mr_source *source, int64_t hours, int64_t size, uint64_t client)
{
	struct mr_sending s = sending(hours, size, client);

	return (double)mr_company_lent(source, &s);
}

START_TEST(lends_to_the_same_pattern)
{
	static const struct {
		int64_t size;
		uint64_t client;
		bool lends;
	} cases[] = {
		{ 3000, 77, true }, { 3030, 77, true },  { 2970, 77, true },  { 3000, 0, true }, /* no client was told */
		{ 3000, 78, false }, { 3100, 77, false }, { 2900, 77, false }, { -1, 77, false }, { 0, 77, false },
	};
	struct mr_source source = lender(1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg((lent(&source, 1, cases[i].size, cases[i].client) > 0) == cases[i].lends, "case %zu", i);
}
END_TEST

START_TEST(lends_for_a_day)
{
	struct mr_source source = lender(1);

	ck_assert(lent(&source, 0, 3000, 77) > lent(&source, 6, 3000, 77));
	ck_assert(lent(&source, 6, 3000, 77) > lent(&source, 23, 3000, 77));
	ck_assert(lent(&source, 23, 3000, 77) > 0);
	ck_assert(lent(&source, 24, 3000, 77) <= 0);
	ck_assert(lent(&source, 24 * 365, 3000, 77) <= 0);
	ck_assert(lent(&source, -1, 3000, 77) <= 0); /* a time before it */
}
END_TEST

/* More frozen accounts lend more, and never so much that it freezes an account alone. */
START_TEST(is_bounded)
{
	struct mr_source one = lender(1), two = lender(2), many = lender(100000);

	ck_assert(lent(&two, 0, 3000, 77) > lent(&one, 0, 3000, 77));
	ck_assert(lent(&many, 0, 3000, 77) >= lent(&two, 0, 3000, 77));
	ck_assert(lent(&many, 0, 3000, 77) <= 6.0);
}
END_TEST

START_TEST(lends_nothing_unasked)
{
	struct mr_source source = { .prefix = 128 };

	ck_assert(lent(&source, 0, 3000, 77) <= 0);
	source = lender(3);
	mr_company_forgive(&source);
	ck_assert(lent(&source, 0, 3000, 77) <= 0);
	mr_company_lend(&source, &(struct mr_sending){ .time_ms = NOW, .size = -1 });
	ck_assert(lent(&source, 0, -1, 0) <= 0); /* sizes that nobody told are not alike */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("company");
	TCase *tests = tcase_create("company");

	tcase_add_test(tests, lends_to_the_same_pattern);
	tcase_add_test(tests, lends_for_a_day);
	tcase_add_test(tests, is_bounded);
	tcase_add_test(tests, lends_nothing_unasked);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
