/*
 * The head of a line of a log: its time and the program that wrote it. Not what the program says. Called by maillog.c.
 *
 * A time may lack its year and its zone (RFC 3164 4.1.2): the year is the latest that puts it at most a day behind the
 * reader's clock, the zone is the reader's own.
 */
#include <string.h>
#include <time.h>

#include "replay/maillog.h"

#define DAY_MS INT64_C(86400000)

enum { PROGRAM_MAX = 64, HOST_MAX = 255 };

struct reader {
	const char *p, *end;
};

static bool take_char(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* Exactly width digits, from low to high. */
static bool take_number(struct reader *r, int width, int low, int high, int *value_r)
{
	int value = 0;

	if (r->end - r->p < width)
		return false;
	for (int i = 0; i < width; i++) {
		if (r->p[i] < '0' || r->p[i] > '9')
			return false;
		value = value * 10 + (r->p[i] - '0');
	}
	r->p += width;
	*value_r = value;
	return value >= low && value <= high;
}

/* What comes before the next blank, without it. */
static bool take_word(struct reader *r, struct mr_str *word_r)
{
	const char *blank = memchr(r->p, ' ', (size_t)(r->end - r->p));

	if (blank == NULL)
		return false;
	*word_r = (struct mr_str){ r->p, (size_t)(blank - r->p) };
	r->p = blank + 1;
	return word_r->n > 0;
}

static bool take_clock(struct reader *r, struct tm *tm)
{
	return take_number(r, 2, 0, 23, &tm->tm_hour) && take_char(r, ':') && take_number(r, 2, 0, 59, &tm->tm_min) &&
	       take_char(r, ':') && take_number(r, 2, 0, 60, &tm->tm_sec);
}

static void take_fraction(struct reader *r, int64_t *ms_r)
{
	int64_t scale = 100;

	if (!take_char(r, '.'))
		return;
	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) {
		*ms_r += scale * (*r->p - '0');
		scale /= 10;
	}
}

/* "Z", "+01:00", "+0100"; nothing is local time. */
static bool take_zone(struct reader *r, struct mr_log_stamp *stamp)
{
	int hours = 0, minutes = 0;
	bool west = r->p < r->end && *r->p == '-';

	if (take_char(r, 'Z')) {
		stamp->has_zone = true;
		return true;
	}
	if (!take_char(r, '+') && !take_char(r, '-'))
		return true;
	if (!take_number(r, 2, 0, 14, &hours))
		return false;
	(void)take_char(r, ':');
	if (!take_number(r, 2, 0, 59, &minutes))
		return false;
	stamp->has_zone = true;
	stamp->zone_s = (west ? -1 : 1) * (hours * 3600L + minutes * 60L);
	return true;
}

/* "2026-11-22T05:00:01.123456+01:00 "; a blank may stand for the T. */
static bool take_iso_time(struct reader *r, struct mr_log_stamp *stamp)
{
	struct reader start = *r;
	struct tm *tm = &stamp->tm;

	*stamp = (struct mr_log_stamp){ .told = true, .has_year = true };
	if (take_number(r, 4, 1970, 9999, &tm->tm_year) && take_char(r, '-') && take_number(r, 2, 1, 12, &tm->tm_mon) &&
	    take_char(r, '-') && take_number(r, 2, 1, 31, &tm->tm_mday) && (take_char(r, 'T') || take_char(r, ' ')) &&
	    take_clock(r, tm)) {
		take_fraction(r, &stamp->fraction_ms);
		tm->tm_year -= 1900;
		tm->tm_mon -= 1;
		if (take_zone(r, stamp) && take_char(r, ' '))
			return true;
	}
	*r = start;
	stamp->told = false;
	return false;
}

/* "Nov 22 05:00:01 ", "Nov  2 05:00:01 " (RFC 3164 4.1.2). */
static bool take_old_time(struct reader *r, struct mr_log_stamp *stamp)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct reader start = *r;
	struct tm *tm = &stamp->tm;

	*stamp = (struct mr_log_stamp){ .told = true };
	for (int i = 0; i < 12 && r->end - r->p > 3; i++) {
		if (memcmp(r->p, months + (ptrdiff_t)i * 3, 3) != 0)
			continue;
		tm->tm_mon = i;
		r->p += 3;
		if (take_char(r, ' ') && (take_char(r, ' ') ? take_number(r, 1, 1, 9, &tm->tm_mday)
							     : take_number(r, 2, 1, 31, &tm->tm_mday)) &&
		    take_char(r, ' ') && take_clock(r, tm)) {
			take_fraction(r, &stamp->fraction_ms);
			if (take_char(r, ' '))
				return true;
		}
		break;
	}
	*r = start;
	stamp->told = false;
	return false;
}

static int64_t ms_of(const struct mr_log_stamp *stamp, int year)
{
	struct tm tm = stamp->tm;

	tm.tm_year = year;
	tm.tm_isdst = -1;
	int64_t seconds = stamp->has_zone ? (int64_t)timegm(&tm) - stamp->zone_s : (int64_t)mktime(&tm);
	return seconds * 1000 + stamp->fraction_ms;
}

int64_t mr_log_time(const struct mr_log_stamp *stamp, int64_t source_ms)
{
	time_t now = (time_t)(source_ms / 1000);
	struct tm tm;

	if (!stamp->told || (!stamp->has_year && localtime_r(&now, &tm) == NULL))
		return source_ms;
	if (stamp->has_year) {
		int64_t ms = ms_of(stamp, stamp->tm.tm_year);
		return ms > source_ms + DAY_MS ? source_ms : ms;
	}
	/* On the last of December a server may already be in January. */
	int year = tm.tm_year + (tm.tm_mon == 11 && stamp->tm.tm_mon == 0 ? 1 : 0);
	int64_t ms = ms_of(stamp, year);
	return ms > source_ms + DAY_MS ? ms_of(stamp, year - 1) : ms;
}

static bool is_program(struct mr_str name)
{
	if (name.n == 0 || name.n > PROGRAM_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("/._-", c) != NULL))
			return false;
	}
	return true;
}

/* "program[123]" or "program" into its name. */
static bool read_tag(struct mr_str tag, struct mr_str *program_r)
{
	size_t n = mr_str_find(tag, '[');

	for (size_t i = n + 1; i + 1 < tag.n; i++)
		if (tag.p[i] < '0' || tag.p[i] > '9')
			return false;
	if (n < tag.n && tag.p[tag.n - 1] != ']')
		return false;
	*program_r = mr_str_part(tag, 0, n);
	return is_program(*program_r);
}

/* "program[123]: text", or "host program[123]: text" where a host may stand. */
static bool take_program(struct reader *r, bool host_may_stand, struct mr_log_head *head)
{
	struct mr_str word;

	if (!take_word(r, &word))
		return false;
	if (word.p[word.n - 1] != ':' && (!host_may_stand || word.n > HOST_MAX || !take_word(r, &word)))
		return false;
	if (word.p[word.n - 1] != ':' || !read_tag(mr_str_part(word, 0, word.n - 1), &head->program))
		return false;
	head->text = (struct mr_str){ r->p, (size_t)(r->end - r->p) };
	return true;
}

/* Structured data (RFC 5424 6.3): "-" or "[id name=\"value\" ...][...]", with '\' before '"', '\' and ']'. */
static bool skip_structured_data(struct reader *r)
{
	bool quoted = false, inside = false;

	if (take_char(r, '-'))
		return true;
	if (r->p == r->end || *r->p != '[')
		return false;
	for (; r->p < r->end; r->p++) {
		if (quoted && *r->p == '\\' && r->p + 1 < r->end)
			r->p++;
		else if (*r->p == '"' && inside)
			quoted = !quoted;
		else if (!quoted && *r->p == '[' && !inside)
			inside = true;
		else if (!quoted && *r->p == ']' && inside)
			inside = false;
		else if (!inside)
			return true;
	}
	return !inside;
}

/* "1 TIME HOST PROGRAM PID ID DATA text" (RFC 5424 6). */
static bool take_new_form(struct reader *r, struct mr_log_head *head)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct mr_str host, pid, id;

	if (!take_char(r, '1') || !take_char(r, ' '))
		return false;
	if (!take_iso_time(r, &head->stamp) && (!take_char(r, '-') || !take_char(r, ' ')))
		return false;
	if (!take_word(r, &host) || !take_word(r, &head->program) || !take_word(r, &pid) || !take_word(r, &id) ||
	    !is_program(head->program) || !skip_structured_data(r) || !take_char(r, ' '))
		return false;
	if (r->end - r->p >= 3 && memcmp(r->p, mark, 3) == 0)
		r->p += 3;
	head->text = (struct mr_str){ r->p, (size_t)(r->end - r->p) };
	return true;
}

static void skip_priority(struct reader *r)
{
	struct reader start = *r;
	int digits = 0, digit;

	if (!take_char(r, '<'))
		return;
	while (digits < 3 && take_number(r, 1, 0, 9, &digit))
		digits++;
	if (digits == 0 || !take_char(r, '>'))
		*r = start;
}

bool mr_log_head_read(struct mr_str line, struct mr_log_head *head_r)
{
	struct reader r = { line.p, line.p + line.n };

	*head_r = (struct mr_log_head){ .program = MR_STR_ABSENT };
	skip_priority(&r);
	struct reader start = r;
	if (take_new_form(&r, head_r))
		return true;
	r = start;
	head_r->stamp = (struct mr_log_stamp){ .told = false };
	bool has_time = take_old_time(&r, &head_r->stamp) || take_iso_time(&r, &head_r->stamp);
	return take_program(&r, has_time, head_r);
}
