/*
 * Slices of bytes: comparing, cutting and matching. No allocation, no locale, no encoding: bytes are
 * bytes, and only the 26 ASCII letters have a case. Every other room calls this.
 */
#include "base/str.h"

#include <string.h>

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct mr_str
mr_str_of(const char *text)
{
	if (text == NULL)
		return MR_STR_ABSENT;
	return (struct mr_str){ text, strlen(text) };
}

bool
mr_str_equal(struct mr_str a, struct mr_str b)
{
	if (a.n != b.n || (a.p == NULL) != (b.p == NULL))
		return false;
	return a.n == 0 || memcmp(a.p, b.p, a.n) == 0;
}

/* n bytes at a and at b are equal but for the case of ASCII letters. */
static bool
same_folded(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (mr_ascii_lower(a[i]) != mr_ascii_lower(b[i]))
			return false;
	}
	return true;
}

bool
mr_str_equal_nocase(struct mr_str a, struct mr_str b)
{
	if (a.n != b.n || (a.p == NULL) != (b.p == NULL))
		return false;
	return same_folded(a.p, b.p, a.n);
}

bool
mr_str_ends_with(struct mr_str s, struct mr_str end)
{
	if (end.n > s.n)
		return false;
	return end.n == 0 || memcmp(s.p + (s.n - end.n), end.p, end.n) == 0;
}

struct mr_str
mr_str_trim(struct mr_str s)
{
	size_t start = 0;
	size_t end = s.n;

	while (start < end && is_space(s.p[start]))
		start++;
	while (end > start && is_space(s.p[end - 1]))
		end--;
	return mr_str_part(s, start, end);
}

size_t
mr_str_find(struct mr_str s, char c)
{
	if (s.n == 0)
		return 0;
	const char *hit = memchr(s.p, c, s.n);
	return hit == NULL ? s.n : (size_t)(hit - s.p);
}

size_t
mr_str_find_last(struct mr_str s, char c)
{
	for (size_t i = s.n; i > 0; i--) {
		if (s.p[i - 1] == c)
			return i - 1;
	}
	return s.n;
}

struct mr_str
mr_str_part(struct mr_str s, size_t start, size_t end)
{
	if (s.p == NULL)
		return s;
	if (end > s.n)
		end = s.n;
	if (start > end)
		start = end;
	return (struct mr_str){ s.p + start, end - start };
}

bool
mr_str_is_ascii(struct mr_str s)
{
	unsigned seen = 0;

	for (size_t i = 0; i < s.n; i++)
		seen |= (unsigned char)s.p[i];
	return seen < 0x80;
}

bool
mr_str_has_control(struct mr_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

char
mr_ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * Keeps the place of the last star only: when the text behind it does not fit, that star swallows one
 * byte more. Going back to an earlier star can never help, because the later one can take all that it
 * would have taken.
 */
bool
mr_str_glob(struct mr_str pattern, struct mr_str s)
{
	size_t at = 0;
	size_t in_pattern = 0;
	size_t behind_star = 0; /* 0: no star yet */
	size_t star_end = 0;

	while (at < s.n) {
		if (in_pattern < pattern.n && pattern.p[in_pattern] == '*') {
			behind_star = ++in_pattern;
			if (behind_star == pattern.n)
				return true;
			star_end = at;
		} else if (in_pattern < pattern.n &&
		    mr_ascii_lower(pattern.p[in_pattern]) == mr_ascii_lower(s.p[at])) {
			in_pattern++;
			at++;
		} else if (behind_star > 0) {
			in_pattern = behind_star;
			at = ++star_end;
		} else {
			return false;
		}
	}
	while (in_pattern < pattern.n && pattern.p[in_pattern] == '*')
		in_pattern++;
	return in_pattern == pattern.n;
}
