/*
 * The escaping and the numbers of this room's JSON writers. It does not read JSON and does not know events: line.c and
 * factline.c call it. No snprintf: this is on the message path.
 */
#include "eventlog/json.h"

#include "base/unicode.h"

enum { DIGITS_MAX = 20, NUMBER_TEXT_MAX = 64 };

/* Bytes that cannot stand as they are. */
static inline bool is_special(char c)
{
	unsigned char byte = (unsigned char)c;

	return byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\';
}

struct mr_json mr_json_over(char *memory, size_t size)
{
	return (struct mr_json){ .p = memory, .size = size };
}

static unsigned code_point(const char *p, size_t length)
{
	static const unsigned char first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned point = (unsigned char)p[0] & first_bits[length];

	for (size_t i = 1; i < length; i++)
		point = point << 6 | ((unsigned char)p[i] & 0x3f);
	return point;
}

/* Characters that steer a terminal or a display instead of showing: C1 controls, zero-width characters, line
 * separators, bidirectional controls. */
static bool is_unseen(unsigned point)
{
	return (point >= 0x80 && point <= 0x9f) || point == 0xad || point == 0x61c || point == 0x180e ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x206f) || point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb);
}

static size_t put_code(unsigned point, char piece_r[MR_JSON_ESCAPE_MAX])
{
	static const char digits[] = "0123456789abcdef";

	piece_r[0] = '\\';
	piece_r[1] = 'u';
	piece_r[2] = digits[point >> 12 & 0xf];
	piece_r[3] = digits[point >> 8 & 0xf];
	piece_r[4] = digits[point >> 4 & 0xf];
	piece_r[5] = digits[point & 0xf];
	return MR_JSON_ESCAPE_MAX;
}

/* The form of the special character at the start of s, which is not empty; *taken_r is how many bytes of s it stands
 * for. Returns its length. */
static size_t escape_one(struct mr_str s, enum mr_json_bytes bytes, char piece_r[MR_JSON_ESCAPE_MAX], size_t *taken_r)
{
	unsigned char c = (unsigned char)s.p[0];

	*taken_r = 1;
	if (c == '"' || c == '\\') {
		piece_r[0] = '\\';
		piece_r[1] = (char)c;
		return 2;
	}
	size_t length = c < 0x80 || bytes == MR_JSON_RAW ? 0 : mr_utf8_sequence(s);
	if (length == 0)
		return put_code(c, piece_r);
	*taken_r = length;
	unsigned point = code_point(s.p, length);
	if (is_unseen(point))
		return put_code(point, piece_r);
	memcpy(piece_r, s.p, length);
	return length;
}

/* Whether one of eight bytes cannot stand as it is; a byte behind such a one may be taken for another. */
static inline bool has_special(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
	uint64_t w, quote, slash, delete;

	memcpy(&w, p, sizeof(w));
	quote = w ^ ones * '"';
	slash = w ^ ones * '\\';
	delete = w ^ ones * 0x7f;
	return ((w | (w - ones * 0x20) | (quote - ones) | (slash - ones) | (delete - ones)) & tops) != 0;
}

/* How many bytes from at on can stand as they are. */
static size_t plain_run(struct mr_str s, size_t at)
{
	size_t end = at;

	while (s.n - end >= 8 && !has_special(s.p + end))
		end += 8;
	while (end < s.n && !is_special(s.p[end]))
		end++;
	return end - at;
}

void mr_json_escape(struct mr_json *out, struct mr_str s, size_t max, enum mr_json_bytes bytes)
{
	size_t at = 0;

	while (at < s.n) {
		size_t run = plain_run(s, at);
		if (run > max) {
			mr_json_put(out, s.p + at, max);
			out->cut = true;
			return;
		}
		mr_json_put(out, s.p + at, run);
		at += run;
		max -= run;
		if (at == s.n)
			return;
		char piece[MR_JSON_ESCAPE_MAX];
		size_t taken;
		size_t length = escape_one((struct mr_str){ s.p + at, s.n - at }, bytes, piece, &taken);
		if (length > max) {
			out->cut = true;
			return;
		}
		mr_json_put(out, piece, length);
		at += taken;
		max -= length;
	}
}

void mr_json_string(struct mr_json *out, struct mr_str s, size_t max, enum mr_json_bytes bytes)
{
	mr_json_put(out, "\"", 1);
	mr_json_escape(out, s, max, bytes);
	mr_json_put(out, "\"", 1);
}

static void put_number(struct mr_json *out, uint64_t value, bool negative)
{
	char text[DIGITS_MAX + 1];
	size_t start = sizeof(text);

	do {
		text[--start] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	if (negative)
		text[--start] = '-';
	mr_json_put(out, text + start, sizeof(text) - start);
}

void mr_json_uint(struct mr_json *out, uint64_t value)
{
	put_number(out, value > INT64_MAX ? INT64_MAX : value, false);
}

void mr_json_int(struct mr_json *out, int64_t value)
{
	put_number(out, value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value, value < 0);
}

/* Moves *at behind the digits that stand there; whether there was one. */
static bool skip_digits(struct mr_str text, size_t *at)
{
	size_t start = *at;

	while (*at < text.n && text.p[*at] >= '0' && text.p[*at] <= '9')
		(*at)++;
	return *at > start;
}

bool mr_json_is_number(struct mr_str text)
{
	size_t at = 0;

	if (text.n > NUMBER_TEXT_MAX)
		return false;
	if (at < text.n && text.p[at] == '-')
		at++;
	size_t first = at;
	if (!skip_digits(text, &at) || (text.p[first] == '0' && at - first > 1))
		return false;
	if (at < text.n && text.p[at] == '.') {
		at++;
		if (!skip_digits(text, &at))
			return false;
	}
	if (at < text.n && (text.p[at] == 'e' || text.p[at] == 'E')) {
		at++;
		if (at < text.n && (text.p[at] == '+' || text.p[at] == '-'))
			at++;
		if (!skip_digits(text, &at))
			return false;
	}
	return at == text.n;
}
