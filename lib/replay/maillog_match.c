/*
 * A small matcher for the patterns of maillog.def. It tries every way in which a text fits, so that a line that fits in
 * two is known for one; the number of steps is bounded. It knows nothing of mail servers. Called by maillog.c.
 */
#include <string.h>

#include "replay/maillog.h"

enum { STEPS_MAX = 20000, LOGIN_MAX = 320, DIGITS_MAX = 9 };

struct search {
	const char *end; /* of the text */
	unsigned steps;
	enum mr_log_fit fit;
	struct mr_log_parts found;
};

static void walk(struct search *search, const char *pattern, const char *at, struct mr_log_parts parts);

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether c may stand in a field of this kind. */
static bool belongs(char kind, char c)
{
	switch (kind) {
	case 'A':
	case 'L':
		return is_digit(c) || is_letter(c) || c == '.' || c == ':';
	case 'H':
	case 'W':
		return is_digit(c) || is_letter(c) || c == '.' || c == '-' || c == '_';
	case 'B':
		return c != ' ' && strchr("<>()", c) == NULL;
	case 'D':
	case 'J':
	case 'K':
		return is_digit(c);
	case 'E':
		return strchr("<>=", c) == NULL;
	case 'M':
		return c != ' ';
	default: /* 'R', 'U', 'V' */
		return true;
	}
}

/* Whether a field of this kind ends where its characters end, so that there is one way to take it. */
static bool is_certain(char kind)
{
	return strchr("AHBDJKLW", kind) != NULL;
}

static unsigned number_of(struct mr_str digits)
{
	unsigned n = 0;

	for (size_t i = 0; i < digits.n && i < DIGITS_MAX; i++)
		n = n * 10 + (unsigned)(digits.p[i] - '0');
	return n;
}

/* Notes what a field holds. False: that cannot be in such a field. */
static bool take(char kind, struct mr_str value, struct mr_log_parts *parts)
{
	struct mr_ip ip;

	switch (kind) {
	case 'A':
		parts->ip = value;
		return mr_ip_parse(value, &ip) == 0;
	case 'L':
		return mr_ip_parse(value, &ip) == 0;
	case 'H':
		parts->host = value;
		return value.n > 0;
	case 'J':
	case 'K':
		parts->tries = number_of(value) - (kind == 'J' && number_of(value) > 0 ? 1 : 0);
		return value.n > 0 && value.n <= DIGITS_MAX;
	case 'U':
	case 'V':
		parts->login = value;
		return value.n <= LOGIN_MAX && (kind == 'U' || value.n > 0);
	case 'E':
	case 'R':
		return true;
	default:
		return value.n > 0;
	}
}

static bool is_same(struct mr_str a, struct mr_str b)
{
	return a.p == b.p && a.n == b.n;
}

static void note_fit(struct search *search, const struct mr_log_parts *parts)
{
	const struct mr_log_parts *found = &search->found;

	if (search->fit == MR_LOG_NO_FIT) {
		search->fit = MR_LOG_FITS;
		search->found = *parts;
	} else if (!is_same(found->ip, parts->ip) || !is_same(found->login, parts->login) ||
		   found->tries != parts->tries) {
		search->fit = MR_LOG_UNSURE;
	}
}

/* The next place from at on where the rest of the pattern could begin, at most end; NULL: nowhere. */
static const char *next_place(const struct search *search, const char *rest, const char *at, const char *end)
{
	switch (*rest) {
	case '\0':
		return end == search->end ? end : NULL;
	case '%':
	case '{':
	case '}':
		return at <= end ? at : NULL;
	default:
		if (at > end || at == search->end)
			return NULL;
		return memchr(at, *rest, (size_t)(end - at) + (end < search->end ? 1 : 0));
	}
}

static void walk_field(struct search *search, char kind, const char *rest, const char *at, struct mr_log_parts parts)
{
	const char *end = at;

	while (end < search->end && belongs(kind, *end))
		end++;
	if (is_certain(kind)) {
		if (take(kind, (struct mr_str){ at, (size_t)(end - at) }, &parts))
			walk(search, rest, end, parts);
		return;
	}
	for (const char *stop = next_place(search, rest, at, end); stop != NULL && search->fit != MR_LOG_UNSURE;
	     stop = stop < end ? next_place(search, rest, stop + 1, end) : NULL) {
		if (take(kind, (struct mr_str){ at, (size_t)(stop - at) }, &parts))
			walk(search, rest, stop, parts);
	}
}

/* Patterns are short, so the depth is: it is their length at most. */
static void walk(struct search *search, const char *pattern, const char *at, struct mr_log_parts parts)
{
	for (;; pattern++) {
		if (search->fit == MR_LOG_UNSURE)
			return;
		if (++search->steps > STEPS_MAX) {
			search->fit = MR_LOG_UNSURE;
			return;
		}
		switch (*pattern) {
		case '\0':
			if (at == search->end)
				note_fit(search, &parts);
			return;
		case '%':
			walk_field(search, pattern[1], pattern + 2, at, parts);
			return;
		case '{':
			walk(search, pattern + 1, at, parts);
			pattern = strchr(pattern, '}');
			break;
		case '}':
			break;
		default:
			if (at == search->end || *at != *pattern)
				return;
			at++;
		}
	}
}

enum mr_log_fit mr_log_fit(const char *pattern, struct mr_str text, struct mr_log_parts *parts_r)
{
	struct search search = { .end = text.p + text.n };

	walk(&search, pattern, text.p, (struct mr_log_parts){ .tries = 1 });
	*parts_r = search.found;
	return search.fit;
}
