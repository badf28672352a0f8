/*
 * See print.h: texts, colours, numbers and members of answers. Times are in times.c, tables in table.c.
 */
#include "print.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PUT_ROOM = 4096 };

bool mr_print_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no != NULL && no[0] != '\0') && terminal != NULL &&
	       strcmp(terminal, "dumb") != 0;
}

const char *mr_colour(enum mr_colour colour)
{
	static const char *const sequences[] = { "", "\033[1m", "\033[31m", "\033[33m", "\033[32m", "\033[2m" };

	return wants_colour() ? sequences[colour] : "";
}

const char *mr_colour_end(void)
{
	return wants_colour() ? "\033[0m" : "";
}

enum mr_colour mr_colour_of_state(const char *state)
{
	if (strcmp(state, "frozen") == 0)
		return MR_RED;
	if (strcmp(state, "held") == 0 || strcmp(state, "watched") == 0)
		return MR_YELLOW;
	return MR_PLAIN;
}

/* The character at p; *n_r: its bytes. -1: not UTF-8. */
static long decode(const unsigned char *p, size_t *n_r)
{
	size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	static const unsigned char bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	static const long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	long point;

	*n_r = 1;
	if (n == 0)
		return -1;
	point = p[0] & bits[n];
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		point = point << 6 | (p[i] & 0x3f);
	}
	if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return -1;
	*n_r = n;
	return point;
}

/* Characters that steer a terminal or hide: C0, C1, zero-width and bidirectional controls, line separators, tags. */
static bool is_steering(long point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0xad || point == 0x61c || point == 0x180e ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x206f) || point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) ||
	       (point >= 0xe0000 && point <= 0xe007f);
}

const char *mr_safe(const char *text, char *room, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	bool utf8 = mr_print_is_utf8();
	size_t at = 0, n;

	for (; p != NULL && *p != '\0'; p += n) {
		long point = decode(p, &n);
		int written;

		if (at + 12 > size)
			break;
		if (point >= 0 && !is_steering(point) && (utf8 || point < 0x80)) {
			memcpy(room + at, p, n);
			at += n;
			continue;
		}
		written = snprintf(room + at, size - at, point < 0 ? "\\x%02lx" : "\\u%04lx",
				   point < 0 ? (long)*p : point);
		at += written > 0 ? (size_t)written : 0;
	}
	room[at < size ? at : size - 1] = '\0';
	return room;
}

void mr_put(const char *text)
{
	char room[PUT_ROOM];

	if (text != NULL)
		fputs(mr_safe(text, room, sizeof(room)), stdout);
}

/* ---- Answers ---- */

const char *mr_text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

int64_t mr_int_of(const json_t *object, const char *name)
{
	return (int64_t)json_integer_value(json_object_get(object, name));
}

double mr_real_of(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

int mr_print_json(const json_t *value)
{
	if (json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(8)) != 0)
		return -1;
	return putchar('\n') == EOF ? -1 : 0;
}

/* ---- Numbers ---- */

const char *mr_number(int64_t value, char room[MR_WHEN_MAX])
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%lld", (long long)value);
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-')
			room[at++] = ',';
		room[at++] = digits[i];
	}
	room[at] = '\0';
	return room;
}

const char *mr_bytes(double value, char room[MR_WHEN_MAX])
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB" };
	unsigned unit = 0;

	while (value >= 1000 && unit < 4) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(room, MR_WHEN_MAX, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return room;
}
