/* UTF-8, the comparable form of names, and the comparable form of domains. */
#include "base/unicode.h"

#include <string.h>
#include <unistr.h>

#include "base/error.h"
#include "harness.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

START_TEST(utf8_sequences)
{
	ck_assert_uint_eq(mr_utf8_sequence(MR_STR("a\xc3\xa9")), 1);
	ck_assert_uint_eq(mr_utf8_sequence(MR_STR("\0")), 1);
	ck_assert_uint_eq(mr_utf8_sequence(MR_STR("\xc3\xa9z")), 2);
	ck_assert_uint_eq(mr_utf8_sequence(MR_STR("\xe2\x82\xac")), 3);
	ck_assert_uint_eq(mr_utf8_sequence(MR_STR("\xf0\x9f\x98\x80")), 4);
	ck_assert_uint_eq(mr_utf8_sequence(MR_STR("\xf4\x8f\xbf\xbf")), 4);
	ck_assert_uint_eq(mr_utf8_sequence(MR_STR("")), 0);
	ck_assert_uint_eq(mr_utf8_sequence(MR_STR_ABSENT), 0);
	ck_assert(mr_utf8_is_valid(MR_STR("")));
	ck_assert(mr_utf8_is_valid(MR_STR("gr\xc3\xbc\xc3\x9f")));
	ck_assert(!mr_utf8_is_valid(MR_STR("gr\xfc\xdf")));
}
END_TEST

/* The whole space of three bytes, and of four with a fixed last one, against libunistring. */
START_TEST(utf8_agrees_with_libunistring)
{
	char text[4] = { 0, 0, 0, (char)0x80 };

	for (unsigned first = 0x80; first < 0x100; first++) {
		for (unsigned rest = 0; rest < 0x10000; rest++) {
			text[0] = (char)first;
			text[1] = (char)(rest >> 8);
			text[2] = (char)rest;
			for (size_t n = 1; n <= 4; n++) {
				ucs4_t character;
				int theirs = u8_mbtoucr(&character, (const uint8_t *)text, n);
				size_t ours = mr_utf8_sequence((struct mr_str){ text, n });
				if (ours != (theirs > 0 ? (size_t)theirs : 0))
					ck_abort_msg("%02x %04x: %zu, not %d", first, rest, ours, theirs);
			}
		}
	}
}
END_TEST

static const struct {
	const char *in;
	const char *composed;
	const char *folded;
} texts[] = {
	{ "", "", "" },
	{ "Joe@EXAMPLE.com", "Joe@EXAMPLE.com", "joe@example.com" },
	{ "Jos\xc3\xa9", "Jos\xc3\xa9", "jos\xc3\xa9" },
	{ "Jose\xcc\x81", "Jos\xc3\xa9", "jos\xc3\xa9" },                   /* e and a combining acute */
	{ "M\xc3\x9cLLER", "M\xc3\x9cLLER", "m\xc3\xbcller" },              /* U with diaeresis */
	{ "Stra\xc3\x9f" "e", "Stra\xc3\x9f" "e", "strasse" },              /* sharp s */
	{ "I\xc4\xb0", "I\xc4\xb0", "ii\xcc\x87" },                         /* dotted I, not the Turkish rule */
	{ "\xe2\x84\xaa", "K", "k" },                                       /* the sign for kelvin */
	{ "\xce\xa3\xcf\x82", "\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83" },     /* two forms of sigma */
	{ "\xea\xb0\x80", "\xea\xb0\x80", "\xea\xb0\x80" },                 /* a Hangul syllable */
	{ "\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80", "\xea\xb0\x80" },     /* the same from its parts */
};

START_TEST(fold)
{
	char out[64];
	size_t n;

	ck_assert_int_eq(mr_unicode_fold(mr_str_of(texts[_i].in), false, out, sizeof(out), &n), 0);
	ck_assert_str_eq(out, texts[_i].composed);
	ck_assert_uint_eq(n, strlen(out));
	ck_assert_int_eq(mr_unicode_fold(mr_str_of(texts[_i].in), true, out, sizeof(out), &n), 0);
	ck_assert_str_eq(out, texts[_i].folded);
	ck_assert_uint_eq(n, strlen(out));
}
END_TEST

START_TEST(fold_is_bounded)
{
	char out[16];
	size_t n;

	for (size_t size = 0; size <= 5; size++) {
		memset(out, '#', sizeof(out));
		ck_assert_int_eq(mr_unicode_fold(MR_STR("Abcde"), true, out, size, &n), MR_ERR_FULL);
		ck_assert_int_eq(mr_unicode_fold(MR_STR("ab\xc3\x9c!"), true, out, size, &n), MR_ERR_FULL);
		ck_assert_uint_eq(n, 0);
		if (size > 0)
			ck_assert_int_eq(out[0], '\0');
		ck_assert_int_eq(out[size], '#');
	}
	ck_assert_int_eq(mr_unicode_fold(MR_STR("Abcde"), true, out, 6, &n), 0);
	ck_assert_str_eq(out, "abcde");
	ck_assert_int_eq(mr_unicode_fold(MR_STR("ab\xc3\x9c!"), true, out, 6, &n), 0);
	ck_assert_str_eq(out, "ab\xc3\xbc!");
	/* One character becomes three. */
	ck_assert_int_eq(mr_unicode_fold(MR_STR("\xef\xac\x83"), true, out, 4, &n), 0);
	ck_assert_str_eq(out, "ffi");
}
END_TEST

START_TEST(fold_refuses_what_is_not_utf8)
{
	char out[16];
	size_t n;

	ck_assert_int_eq(mr_unicode_fold(MR_STR("jos\xe9"), true, out, sizeof(out), &n), MR_ERR_SYNTAX);
	ck_assert_int_eq(mr_unicode_fold(MR_STR("\xc0\xaf"), true, out, sizeof(out), &n), MR_ERR_SYNTAX);
	ck_assert_int_eq(mr_unicode_fold(MR_STR("\xed\xa0\x80"), false, out, sizeof(out), &n), MR_ERR_SYNTAX);
	ck_assert_uint_eq(n, 0);
	ck_assert_str_eq(out, "");
	ck_assert_int_eq(mr_unicode_fold(MR_STR_ABSENT, true, out, sizeof(out), &n), 0);
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* A comparable form that changes when made again would let one name pass as two. */
START_TEST(fold_of_fold_is_fold)
{
	uint8_t character[6];
	char once[64];
	char twice[64];
	size_t once_n;
	size_t twice_n;

	for (ucs4_t code = 0x80; code < 0x30000; code++) {
		int length = u8_uctomb(character, code, sizeof(character));
		if (length <= 0)
			continue;
		struct mr_str s = { (const char *)character, (size_t)length };
		int err = mr_unicode_fold(s, true, once, sizeof(once), &once_n);
		s = (struct mr_str){ once, once_n };
		if (err == 0)
			err = mr_unicode_fold(s, true, twice, sizeof(twice), &twice_n);
		if (err != 0 || once_n != twice_n || memcmp(once, twice, once_n) != 0)
			ck_abort_msg("U+%04X", (unsigned)code);
	}
}
END_TEST

static const struct {
	const char *in;
	const char *out;
} domains[] = {
	{ "example.com", "example.com" },
	{ "EXAMPLE.Com", "example.com" },
	{ "example.com.", "example.com" },
	{ "localhost", "localhost" },
	{ "_dmarc.example.com", "_dmarc.example.com" },
	{ "xn--BCHER-kva.example", "xn--bcher-kva.example" },
	{ "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
	{ "B\xc3\x9c" "CHER.Example", "xn--bcher-kva.example" },
	{ "bu\xcc\x88" "cher.example", "xn--bcher-kva.example" },           /* u and a combining diaeresis */
	{ "b\xc3\xbc" "cher.example.", "xn--bcher-kva.example" },
	{ "_srv.b\xc3\xbc" "cher.example", "_srv.xn--bcher-kva.example" },
	{ "fa\xc3\x9f.example", "xn--fa-hia.example" },                     /* not transitional: not fass */
	{ "\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah" },
	{ "\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah" },
	{ "\xef\xbd\x85xample.com", "example.com" },                        /* a full-width e */
	{ "1.2.3.4a", "1.2.3.4a" },
	{ "4.in-addr.arpa", "4.in-addr.arpa" },
};

START_TEST(domain)
{
	char out[MR_DOMAIN_MAX];
	char again[MR_DOMAIN_MAX];
	size_t n;

	ck_assert_int_eq(mr_domain_canonical(mr_str_of(domains[_i].in), out, &n), 0);
	ck_assert_str_eq(out, domains[_i].out);
	ck_assert_uint_eq(n, strlen(out));
	ck_assert_int_eq(mr_domain_canonical((struct mr_str){ out, n }, again, &n), 0);
	ck_assert_str_eq(again, out);
}
END_TEST

static const char *const no_domains[] = {
	"",
	".",
	"..",
	".example.com",
	"example..com",
	"example.com..",
	"exa mple.com",
	" example.com",
	"example.com\n",
	"user@example.com",
	"example.com/path",
	"*.example.com",
	"[192.0.2.1]",
	"192.0.2.1",
	"example.1",
	"12345",
	"2001:db8::1",
	"exam%ple.com",
	"a!b.example",
	"ex\xe9mple.com",                             /* Latin-1 */
	"\xc0\xae.com",                               /* an overlong dot */
	"b\xc3\xbc" "cher..example",
	"b\xc3\xbc" "cher.example..",
	"b\xc3\xbc" "cher.1",
	"b\xc3\xbc" "cher exa.example",
	"\xef\xbc\xa0.example",                       /* a full-width @ */
	"b\xc3\xbc" "cher.exa\xef\xbc\x8fmple",       /* a full-width slash */
	"\xe2\x80\xa8.example",                       /* a line separator */
	"b\xc3\xbc" "cher.\xef\xbc\x91",              /* a full-width digit as the last label */
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
};

START_TEST(no_domain)
{
	char out[MR_DOMAIN_MAX];
	size_t n = 1;

	ck_assert_int_eq(mr_domain_canonical(mr_str_of(no_domains[_i]), out, &n), MR_ERR_SYNTAX);
	ck_assert_uint_eq(n, 0);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(domain_lengths)
{
	char text[2000];
	char out[MR_DOMAIN_MAX];
	size_t n;

	/* Three labels of 63 and one of 61 make 253 bytes. */
	memset(text, 'a', sizeof(text));
	text[63] = text[127] = text[191] = '.';
	ck_assert_int_eq(mr_domain_canonical((struct mr_str){ text, 253 }, out, &n), 0);
	ck_assert_uint_eq(n, 253);
	ck_assert_int_eq(mr_domain_canonical((struct mr_str){ text, 254 }, out, &n), MR_ERR_RANGE);
	text[253] = '.';
	ck_assert_int_eq(mr_domain_canonical((struct mr_str){ text, 254 }, out, &n), 0);
	ck_assert_uint_eq(n, 253);
	ck_assert_int_eq(mr_domain_canonical((struct mr_str){ text, sizeof(text) }, out, &n), MR_ERR_RANGE);
	memcpy(text, "\xc3\xbc", 2);
	ck_assert_int_eq(mr_domain_canonical((struct mr_str){ text, sizeof(text) }, out, &n), MR_ERR_RANGE);
	ck_assert_int_ne(mr_domain_canonical((struct mr_str){ text, 1000 }, out, &n), 0);
	ck_assert_int_eq(mr_domain_canonical(MR_STR_ABSENT, out, &n), MR_ERR_SYNTAX);
	ck_assert_int_eq(mr_domain_canonical(MR_STR("a\0.example"), out, &n), MR_ERR_SYNTAX);
	ck_assert_int_eq(mr_domain_canonical(MR_STR("\xc3\xbc\0.example"), out, &n), MR_ERR_SYNTAX);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("unicode");
	TCase *tests = tcase_create("unicode");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, utf8_sequences);
	tcase_add_test(tests, utf8_agrees_with_libunistring);
	tcase_add_loop_test(tests, fold, 0, COUNT(texts));
	tcase_add_test(tests, fold_is_bounded);
	tcase_add_test(tests, fold_refuses_what_is_not_utf8);
	tcase_add_test(tests, fold_of_fold_is_fold);
	tcase_add_loop_test(tests, domain, 0, COUNT(domains));
	tcase_add_loop_test(tests, no_domain, 0, COUNT(no_domains));
	tcase_add_test(tests, domain_lengths);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
