/*
 * UTF-8, the comparable form of a name, and the comparable form of a domain. Text that is all ASCII, as
 * nearly all is, never reaches a library. libunistring normalises and folds, libidn2 makes A-labels; both
 * are told every option, so no locale decides. It does not look at scripts or confusable letters.
 * Addresses, logins and policy names pass through here.
 */
#include "base/unicode.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "base/error.h"

enum {
	DOMAIN_TEXT_MAX = 253, /* RFC 1035 2.3.4 without the root label */
	LABEL_MAX = 63,
	IDN_INPUT_MAX = 1024, /* bytes of UTF-8 that may shrink to a domain; more is not worth the work */
};

static bool
is_between(char c, unsigned low, unsigned high)
{
	unsigned char byte = (unsigned char)c;

	return byte >= low && byte <= high;
}

size_t
mr_utf8_sequence(struct mr_str s)
{
	if (s.n == 0)
		return 0;
	unsigned char first = (unsigned char)s.p[0];
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	/* The second byte keeps out overlong forms, surrogates and what lies above U+10FFFF. */
	unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (s.n < length || !is_between(s.p[1], low, high))
		return 0;
	for (size_t i = 2; i < length; i++) {
		if (!is_between(s.p[i], 0x80, 0xbf))
			return 0;
	}
	return length;
}

bool
mr_utf8_is_valid(struct mr_str s)
{
	size_t at = 0;

	while (at < s.n) {
		size_t length = mr_utf8_sequence(mr_str_part(s, at, s.n));
		if (length == 0)
			return false;
		at += length;
	}
	return true;
}

static int
copy_ascii(struct mr_str s, bool fold, char *out_r, size_t size, size_t *n_r)
{
	if (s.n >= size)
		return MR_ERR_FULL;
	for (size_t i = 0; i < s.n; i++)
		out_r[i] = fold ? mr_ascii_lower(s.p[i]) : s.p[i];
	out_r[s.n] = '\0';
	*n_r = s.n;
	return 0;
}

int
mr_unicode_fold(struct mr_str s, bool fold, char *out_r, size_t size, size_t *n_r)
{
	*n_r = 0;
	if (size == 0)
		return MR_ERR_FULL;
	out_r[0] = '\0';
	if (mr_str_is_ascii(s))
		return copy_ascii(s, fold, out_r, size, n_r);
	if (!mr_utf8_is_valid(s))
		return MR_ERR_SYNTAX;
	const uint8_t *text = (const uint8_t *)s.p;
	uint8_t *room = (uint8_t *)out_r;
	size_t n = size;
	uint8_t *result = fold ? u8_casefold(text, s.n, NULL, UNINORM_NFC, room, &n)
			       : u8_normalize(UNINORM_NFC, text, s.n, room, &n);
	if (result == NULL) {
		out_r[0] = '\0';
		return MR_ERR_NOMEM;
	}
	/* A result too long for the room comes in memory of libunistring's own malloc. */
	bool fits = n < size;
	if (result != room) {
		if (fits)
			memcpy(out_r, result, n);
		free(result);
	}
	out_r[fits ? n : 0] = '\0';
	*n_r = fits ? n : 0;
	return fits ? 0 : MR_ERR_FULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_domain_byte(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

/* Lower-cases one label into out_r; *digits_r says whether it is digits only. */
static int
copy_label(struct mr_str label, char *out_r, bool *digits_r)
{
	if (label.n == 0 || label.n > LABEL_MAX)
		return MR_ERR_SYNTAX;
	*digits_r = true;
	for (size_t i = 0; i < label.n; i++) {
		char c = mr_ascii_lower(label.p[i]);
		if (!is_domain_byte(c))
			return MR_ERR_SYNTAX;
		if (!is_digit(c))
			*digits_r = false;
		out_r[i] = c;
	}
	return 0;
}

/* name is ASCII. out_r holds nothing useful on failure. */
static int
canonical_ascii(struct mr_str name, char out_r[MR_DOMAIN_MAX], size_t *n_r)
{
	bool digits = false;
	size_t start = 0;

	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n == 0)
		return MR_ERR_SYNTAX;
	if (name.n > DOMAIN_TEXT_MAX)
		return MR_ERR_RANGE;
	for (;;) {
		struct mr_str rest = mr_str_part(name, start, name.n);
		struct mr_str label = mr_str_part(rest, 0, mr_str_find(rest, '.'));
		int err = copy_label(label, out_r + start, &digits);
		if (err != 0)
			return err;
		start += label.n;
		if (start == name.n)
			break;
		out_r[start++] = '.';
	}
	if (digits)
		return MR_ERR_SYNTAX;
	out_r[name.n] = '\0';
	*n_r = name.n;
	return 0;
}

static int
idn_error(int rc)
{
	if (rc == IDN2_MALLOC)
		return MR_ERR_NOMEM;
	if (rc == IDN2_TOO_BIG_DOMAIN)
		return MR_ERR_RANGE;
	return MR_ERR_SYNTAX;
}

static int
canonical_idn(struct mr_str name, char out_r[MR_DOMAIN_MAX], size_t *n_r)
{
	char text[IDN_INPUT_MAX + 1];
	uint8_t *ascii = NULL;

	if (name.n > IDN_INPUT_MAX)
		return MR_ERR_RANGE;
	if (mr_str_has_control(name) || !mr_utf8_is_valid(name))
		return MR_ERR_SYNTAX;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	int rc = idn2_lookup_u8((const uint8_t *)text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return idn_error(rc);
	/* The mapping can turn other characters into any of ASCII, so the result is checked like other input. */
	int err = canonical_ascii(mr_str_of((const char *)ascii), out_r, n_r);
	idn2_free(ascii);
	return err;
}

int
mr_domain_canonical(struct mr_str name, char out_r[MR_DOMAIN_MAX], size_t *n_r)
{
	*n_r = 0;
	int err = mr_str_is_ascii(name) ? canonical_ascii(name, out_r, n_r) : canonical_idn(name, out_r, n_r);
	if (err != 0)
		out_r[0] = '\0';
	return err;
}
