/* See print.h: times as people write and read them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "print.h"

static const int64_t minute = 60, hour = 3600, day = 86400, century = INT64_C(100) * 366 * 86400;

int64_t mr_when_read(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	return end != NULL && (*end == 'Z' || *end == '.') ? (int64_t)timegm(&tm) : -1;
}

const char *mr_span(int64_t seconds, char room[MR_WHEN_MAX])
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 2 * minute)
		(void)snprintf(room, MR_WHEN_MAX, "%lld s", (long long)seconds);
	else if (seconds < 2 * hour)
		(void)snprintf(room, MR_WHEN_MAX, "%lld min", (long long)(seconds / minute));
	else if (seconds < 2 * day)
		(void)snprintf(room, MR_WHEN_MAX, "%lld h", (long long)(seconds / hour));
	else
		(void)snprintf(room, MR_WHEN_MAX, "%lld d", (long long)(seconds / day));
	return room;
}

const char *mr_when(const char *text, char room[MR_WHEN_MAX])
{
	int64_t then = mr_when_read(text), ago = (int64_t)time(NULL) - then;
	time_t seconds = (time_t)then;
	char date[24], span[MR_WHEN_MAX];
	struct tm tm;

	if (then < 0 || localtime_r(&seconds, &tm) == NULL || strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm) == 0)
		(void)snprintf(room, MR_WHEN_MAX, "-");
	else if (ago >= 0)
		(void)snprintf(room, MR_WHEN_MAX, "%s (%.20s ago)", date, mr_span(ago, span));
	else
		(void)snprintf(room, MR_WHEN_MAX, "%s (in %.20s)", date, mr_span(-ago, span));
	return room;
}

const char *mr_day(const char *text, char room[MR_WHEN_MAX])
{
	int64_t then = mr_when_read(text), days = ((int64_t)time(NULL) - then) / day;

	if (then < 0)
		(void)snprintf(room, MR_WHEN_MAX, "-");
	else if (days <= 0)
		(void)snprintf(room, MR_WHEN_MAX, "today");
	else
		(void)snprintf(room, MR_WHEN_MAX, "%.10s (%lld d ago)", text, (long long)days);
	return room;
}

static int64_t unit_of(char letter)
{
	switch (letter) {
	case 's':
		return 1;
	case 'm':
		return minute;
	case 'h':
		return hour;
	case 'd':
		return day;
	case 'w':
		return 7 * day;
	default:
		return 0;
	}
}

int64_t mr_span_read(const char *text)
{
	int64_t sum = 0;

	if (*text == '\0')
		return -1;
	while (*text != '\0') {
		int64_t number = 0, unit;

		if (*text < '0' || *text > '9')
			return -1;
		for (; *text >= '0' && *text <= '9'; text++)
			if ((number = number * 10 + (*text - '0')) > century)
				return -1;
		unit = unit_of(*text);
		if (unit == 0 || number > century / unit || (sum += number * unit) > century)
			return -1;
		text++;
	}
	return sum;
}

int64_t mr_since_read(const char *text)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d" };
	int64_t span = mr_span_read(text);

	if (span >= 0)
		return span;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, forms[i], &tm);
		time_t then;

		if (end == NULL || (*end != '\0' && strcmp(end, "Z") != 0))
			continue;
		then = *end == 'Z' ? timegm(&tm) : mktime(&tm);
		return then <= time(NULL) ? (int64_t)(time(NULL) - then) : -1;
	}
	return -1;
}
