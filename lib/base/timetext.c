/*
 * Time as text and back, by own arithmetic on the Gregorian calendar: the time calls of libc read the
 * environment and the zone files. Reads no clock. Leap seconds do not exist here, as in Unix time.
 * The event log writes with it, the policy reads with it.
 */
#include "base/timetext.h"

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_DAY (MS_PER_SECOND * 86400)
/* 0001-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z. */
#define FIRST_MS INT64_C(-62135596800000)
#define LAST_MS INT64_C(253402300799999)
/* From 0001-01-01 to 1970-01-01. */
#define DAYS_BEFORE_1970 719162

enum { DAYS_IN_4_CENTURIES = 146097, DAYS_IN_CENTURY = 36524, DAYS_IN_4_YEARS = 1461, DAYS_IN_YEAR = 365 };

struct date {
	int year;  /* 1..9999 */
	int month; /* 1..12 */
	int day;   /* 1..31 */
};

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* The date that is days (>= 0) after 0001-01-01. The last day of a leap cycle is its 366th, so the counts
 * of centuries and of years are cut to 3. */
static struct date
date_of(int days)
{
	int cycles = days / DAYS_IN_4_CENTURIES;
	days %= DAYS_IN_4_CENTURIES;
	int centuries = days / DAYS_IN_CENTURY > 3 ? 3 : days / DAYS_IN_CENTURY;
	days -= centuries * DAYS_IN_CENTURY;
	int fours = days / DAYS_IN_4_YEARS;
	days %= DAYS_IN_4_YEARS;
	int years = days / DAYS_IN_YEAR > 3 ? 3 : days / DAYS_IN_YEAR;
	days -= years * DAYS_IN_YEAR;
	struct date date = { .year = cycles * 400 + centuries * 100 + fours * 4 + years + 1, .month = 1 };

	while (days >= days_in_month(date.year, date.month)) {
		days -= days_in_month(date.year, date.month);
		date.month++;
	}
	date.day = days + 1;
	return date;
}

static int
days_of(struct date date)
{
	int years = date.year - 1;
	int days = years * DAYS_IN_YEAR + years / 4 - years / 100 + years / 400;

	for (int month = 1; month < date.month; month++)
		days += days_in_month(date.year, month);
	return days + date.day - 1;
}

/* value in exactly width decimal digits. */
static void
put_digits(struct mr_buffer *out, int value, int width)
{
	int unit = 1;

	for (int i = 1; i < width; i++)
		unit *= 10;
	for (; unit > 0; unit /= 10)
		mr_buffer_byte(out, (char)('0' + value / unit % 10));
}

size_t
mr_time_format(int64_t ms, char text_r[MR_TIME_TEXT_MAX])
{
	struct mr_buffer out = mr_buffer_over(text_r, MR_TIME_TEXT_MAX - 1);

	if (ms < FIRST_MS)
		ms = FIRST_MS;
	if (ms > LAST_MS)
		ms = LAST_MS;
	int64_t since_start = ms + DAYS_BEFORE_1970 * MS_PER_DAY;
	struct date date = date_of((int)(since_start / MS_PER_DAY));
	int in_day = (int)(since_start % MS_PER_DAY);

	put_digits(&out, date.year, 4);
	mr_buffer_byte(&out, '-');
	put_digits(&out, date.month, 2);
	mr_buffer_byte(&out, '-');
	put_digits(&out, date.day, 2);
	mr_buffer_byte(&out, 'T');
	put_digits(&out, in_day / 3600000, 2);
	mr_buffer_byte(&out, ':');
	put_digits(&out, in_day / 60000 % 60, 2);
	mr_buffer_byte(&out, ':');
	put_digits(&out, in_day / 1000 % 60, 2);
	mr_buffer_byte(&out, '.');
	put_digits(&out, in_day % 1000, 3);
	mr_buffer_byte(&out, 'Z');
	text_r[out.n] = '\0';
	return out.n;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether text has the shape of form, in which '0' stands for any digit and all else for itself. */
static bool
has_form(struct mr_str text, struct mr_str form)
{
	if (text.n != form.n)
		return false;
	for (size_t i = 0; i < form.n; i++) {
		if (form.p[i] == '0' ? !is_digit(text.p[i]) : text.p[i] != form.p[i])
			return false;
	}
	return true;
}

/* The number made of width digits at start; the form was checked. */
static int
number_at(struct mr_str text, size_t start, size_t width)
{
	int value = 0;

	for (size_t i = start; i < start + width; i++)
		value = value * 10 + (text.p[i] - '0');
	return value;
}

int
mr_time_parse_date(struct mr_str text, int64_t *ms_r)
{
	bool whole_day = has_form(text, MR_STR("0000-00-00"));

	*ms_r = 0;
	if (!whole_day && !has_form(text, MR_STR("0000-00-00T00:00:00Z")))
		return MR_ERR_SYNTAX;
	struct date date = {
		.year = number_at(text, 0, 4), .month = number_at(text, 5, 2), .day = number_at(text, 8, 2) };
	if (date.year < 1 || date.month < 1 || date.month > 12)
		return MR_ERR_SYNTAX;
	if (date.day < 1 || date.day > days_in_month(date.year, date.month))
		return MR_ERR_SYNTAX;
	int64_t start = (days_of(date) - DAYS_BEFORE_1970) * MS_PER_DAY;
	if (whole_day) {
		*ms_r = start + MS_PER_DAY - 1;
		return 0;
	}
	int hour = number_at(text, 11, 2);
	int minute = number_at(text, 14, 2);
	int second = number_at(text, 17, 2);
	if (hour > 23 || minute > 59 || second > 59)
		return MR_ERR_SYNTAX;
	*ms_r = start + ((int64_t)hour * 3600 + minute * 60 + second) * MS_PER_SECOND;
	return 0;
}

/* The length in ms of the unit that text names, 0 when there is none of that name. */
static int64_t
unit_of(struct mr_str text)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{ "ms", 1 },
		{ "s", MS_PER_SECOND },
		{ "m", 60 * MS_PER_SECOND },
		{ "h", 3600 * MS_PER_SECOND },
		{ "d", MS_PER_DAY },
		{ "w", 7 * MS_PER_DAY },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (mr_str_equal(text, mr_str_of(units[i].name)))
			return units[i].ms;
	}
	return 0;
}

/* Reads the number at *at, and moves *at behind it. A number that is too large is cut to INT64_MAX. */
static int64_t
read_number(struct mr_str text, size_t *at)
{
	int64_t value = 0;

	for (; *at < text.n && is_digit(text.p[*at]); (*at)++) {
		int digit = text.p[*at] - '0';
		value = value > (INT64_MAX - digit) / 10 ? INT64_MAX : value * 10 + digit;
	}
	return value;
}

int
mr_time_parse_span(struct mr_str text, int64_t *ms_r)
{
	int64_t sum = 0;
	int64_t unit_before = INT64_MAX;
	bool too_large = false;
	size_t at = 0;

	*ms_r = 0;
	while (at < text.n) {
		if (!is_digit(text.p[at]))
			return MR_ERR_SYNTAX;
		int64_t value = read_number(text, &at);
		size_t unit_start = at;
		while (at < text.n && !is_digit(text.p[at]))
			at++;
		int64_t unit = unit_of(mr_str_part(text, unit_start, at));
		/* Units go from large to small: "5m5m" and "30m2h" are slips of the pen. */
		if (unit == 0 || unit >= unit_before)
			return MR_ERR_SYNTAX;
		unit_before = unit;
		if (value == INT64_MAX || value > (INT64_MAX - sum) / unit)
			too_large = true;
		else
			sum += value * unit;
	}
	if (text.n == 0)
		return MR_ERR_SYNTAX;
	if (too_large)
		return MR_ERR_RANGE;
	*ms_r = sum;
	return 0;
}
