/* Time as text: known moments, every day of four centuries against libc's calendar, and slips of the pen. */
#include "base/timetext.h"

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "harness.h"

#define SECOND INT64_C(1000)
#define DAY (86400 * SECOND)
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const struct {
	int64_t ms;
	const char *text;
} moments[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59.999Z" },
	{ 1, "1970-01-01T00:00:00.001Z" },
	{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
	{ INT64_C(1795301467042), "2026-11-21T22:51:07.042Z" },
	{ INT64_C(4107542400000), "2100-03-01T00:00:00.000Z" },
	{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
	{ INT64_C(253402300800000), "9999-12-31T23:59:59.999Z" },
	{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
	{ INT64_C(-62135596800000), "0001-01-01T00:00:00.000Z" },
	{ INT64_C(-62135596800001), "0001-01-01T00:00:00.000Z" },
	{ INT64_MIN, "0001-01-01T00:00:00.000Z" },
};

START_TEST(moment_is_written)
{
	char text[MR_TIME_TEXT_MAX];
	size_t n = mr_time_format(moments[_i].ms, text);

	ck_assert_str_eq(text, moments[_i].text);
	ck_assert_uint_eq(n, strlen(text));
}
END_TEST

/* From 1899 to 2301: a leap century year, three that are none, and both sides of 1970. */
START_TEST(calendar_is_that_of_libc)
{
	for (int64_t day = -25932; day < 120900; day++) {
		char text[MR_TIME_TEXT_MAX];
		char theirs[MR_TIME_TEXT_MAX];
		struct tm tm;
		int64_t seconds = day * 86400 + (day & 0xffff);
		time_t libc_time = (time_t)seconds;
		gmtime_r(&libc_time, &tm);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", &tm);
		mr_time_format(seconds * SECOND + 7, text);
		if (strncmp(text, theirs, 19) != 0 || strcmp(text + 19, ".007Z") != 0)
			ck_abort_msg("%s, not %s", text, theirs);

		int64_t ms;
		if (mr_time_parse_date((struct mr_str){ text, 10 }, &ms) != 0 || ms != (day + 1) * DAY - 1)
			ck_abort_msg("%.10s is read as %lld", text, (long long)ms);
		if (mr_time_parse_date(mr_str_of(theirs), &ms) != 0 || ms != seconds * SECOND)
			ck_abort_msg("%s is read as %lld", theirs, (long long)ms);
	}
}
END_TEST

START_TEST(dates_at_the_ends)
{
	int64_t ms;

	ck_assert_int_eq(mr_time_parse_date(MR_STR("9999-12-31"), &ms), 0);
	ck_assert_int_eq(ms, INT64_C(253402300799999));
	ck_assert_int_eq(mr_time_parse_date(MR_STR("0001-01-01T00:00:00Z"), &ms), 0);
	ck_assert_int_eq(ms, INT64_C(-62135596800000));
}
END_TEST

static const char *const no_dates[] = {
	"",
	"2026",
	"2026-11",
	"2026-11-2",
	"26-11-21",
	"2026-1-21",
	"2026/11/21",
	"21-11-2026",
	"2026-13-01",
	"2026-00-01",
	"2026-11-00",
	"2026-11-31",
	"2026-02-29",
	"2100-02-29",
	"0000-01-01",
	"2026-11-21 ",
	" 2026-11-21",
	"2026-11-21T22:51:07",
	"2026-11-21 22:51:07Z",
	"2026-11-21T24:00:00Z",
	"2026-11-21T22:60:00Z",
	"2026-11-21T22:51:60Z",
	"2026-11-21T22:51:07+01:00",
	"2026-11-21T22:51:07z",
	"+026-11-21",
	"2026-11-21T22:51:0\xc2\xb9Z",
};

START_TEST(no_date)
{
	int64_t ms;

	ck_assert_int_eq(mr_time_parse_date(mr_str_of(no_dates[_i]), &ms), MR_ERR_SYNTAX);
}
END_TEST

START_TEST(no_text_is_no_time)
{
	int64_t ms;

	ck_assert_int_eq(mr_time_parse_date(MR_STR_ABSENT, &ms), MR_ERR_SYNTAX);
	ck_assert_int_eq(mr_time_parse_span(MR_STR_ABSENT, &ms), MR_ERR_SYNTAX);
	ck_assert_int_eq(mr_time_parse_date(MR_STR("2026-11-21\0"), &ms), MR_ERR_SYNTAX);
	ck_assert_int_eq(mr_time_parse_span(MR_STR("15m\0"), &ms), MR_ERR_SYNTAX);
}
END_TEST

static const struct {
	const char *text;
	int64_t ms;
} spans[] = {
	{ "500ms", 500 },
	{ "1s", SECOND },
	{ "15m", 15 * 60 * SECOND },
	{ "2h30m", 9000 * SECOND },
	{ "7d", 7 * DAY },
	{ "2w", 14 * DAY },
	{ "1w2d3h4m5s6ms", 9 * DAY + 3 * 3600 * SECOND + 4 * 60 * SECOND + 5006 },
	{ "90m", 5400 * SECOND },
	{ "0s", 0 },
	{ "007s", 7 * SECOND },
	{ "9223372036854775s807ms", INT64_MAX },
};

START_TEST(span_is_read)
{
	int64_t ms;

	ck_assert_int_eq(mr_time_parse_span(mr_str_of(spans[_i].text), &ms), 0);
	ck_assert_int_eq(ms, spans[_i].ms);
}
END_TEST

static const struct {
	const char *text;
	int err;
} no_spans[] = {
	{ "", MR_ERR_SYNTAX },
	{ "15", MR_ERR_SYNTAX },
	{ "0", MR_ERR_SYNTAX },
	{ "m", MR_ERR_SYNTAX },
	{ "2h30", MR_ERR_SYNTAX },
	{ "15 m", MR_ERR_SYNTAX },
	{ " 15m", MR_ERR_SYNTAX },
	{ "15M", MR_ERR_SYNTAX },
	{ "15min", MR_ERR_SYNTAX },
	{ "1y", MR_ERR_SYNTAX },
	{ "-5m", MR_ERR_SYNTAX },
	{ "+5m", MR_ERR_SYNTAX },
	{ "1.5h", MR_ERR_SYNTAX },
	{ "5m5m", MR_ERR_SYNTAX },
	{ "30m2h", MR_ERR_SYNTAX },
	{ "10/1h", MR_ERR_SYNTAX },
	{ "99999999999999999999d", MR_ERR_RANGE },
	{ "99999999999999999999ms", MR_ERR_RANGE },
	{ "9223372036854775s808ms", MR_ERR_RANGE },
	{ "15250284453w", MR_ERR_RANGE },
	{ "99999999999999999999", MR_ERR_SYNTAX },
};

START_TEST(no_span)
{
	int64_t ms;

	ck_assert_int_eq(mr_time_parse_span(mr_str_of(no_spans[_i].text), &ms), no_spans[_i].err);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("timetext");
	TCase *tests = tcase_create("timetext");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, moment_is_written, 0, COUNT(moments));
	tcase_add_test(tests, calendar_is_that_of_libc);
	tcase_add_test(tests, dates_at_the_ends);
	tcase_add_loop_test(tests, no_date, 0, COUNT(no_dates));
	tcase_add_test(tests, no_text_is_no_time);
	tcase_add_loop_test(tests, span_is_read, 0, COUNT(spans));
	tcase_add_loop_test(tests, no_span, 0, COUNT(no_spans));
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
