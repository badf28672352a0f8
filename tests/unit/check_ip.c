/* Addresses and prefixes: what is read, what is refused and why, and the text that is written. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/error.h"
#include "harness.h"

static struct mr_ip
ip_of(const char *text)
{
	struct mr_ip ip;

	ck_assert_msg(mr_ip_parse(mr_str_of(text), &ip) == 0, "%s is an address", text);
	return ip;
}

static struct mr_prefix
prefix_of(const char *text)
{
	struct mr_prefix prefix;
	const char *why;

	ck_assert_msg(mr_prefix_parse(mr_str_of(text), &prefix, &why) == 0, "%s is a prefix", text);
	ck_assert_ptr_null(why);
	return prefix;
}

static const struct {
	const char *in;
	const char *out;
} addresses[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "2001:db8::1", "2001:db8::1" },
	{ "2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1" },
	{ "::ffff:192.0.2.1", "192.0.2.1" },
	{ "::FFFF:c000:201", "192.0.2.1" },
	{ "0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1" },
	{ "IPv6:2001:db8::1", "2001:db8::1" },
	{ "ipv6:2001:db8::1", "2001:db8::1" },
	{ "IPV6:::ffff:192.0.2.1", "192.0.2.1" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "::1:2", "::1:2" },
	{ "1::", "1::" },
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
	{ "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "64:ff9b::192.0.2.1", "64:ff9b::c000:201" },
};

START_TEST(address_reads_and_writes)
{
	char text[MR_IP_TEXT_MAX];
	struct mr_ip ip = ip_of(addresses[_i].in);
	size_t n = mr_ip_format(&ip, text);

	ck_assert_str_eq(text, addresses[_i].out);
	ck_assert_uint_eq(n, strlen(text));
}
END_TEST

static const char *const no_addresses[] = {
	"",
	"192.0.2",
	"192.0.2.1.1",
	"192.0.2.01",
	"0300.0.2.1",
	"0x7f.0.0.1",
	"192.0.2.256",
	"3221225985",
	" 192.0.2.1",
	"192.0.2.1 ",
	"192.0.2.1/32",
	"[192.0.2.1]",
	"fe80::1%eth0",
	"2001:db8::1::2",
	"2001:db8",
	"1:2:3:4:5:6:7:8:9",
	"12345::",
	"g::",
	"::ffff:192.0.2.01",
	"IPv6:192.0.2.1",
	"IPv6:",
	"IPv4:192.0.2.1",
	"IPv6:IPv6:::1",
	"unknown",
};

START_TEST(no_address)
{
	struct mr_ip ip = { .family = MR_IP_V4 };

	ck_assert_int_eq(mr_ip_parse(mr_str_of(no_addresses[_i]), &ip), MR_ERR_SYNTAX);
	ck_assert_int_eq(ip.family, MR_IP_UNKNOWN);
}
END_TEST

START_TEST(hostile_bytes_are_no_address)
{
	char longest[300];
	struct mr_ip ip;

	memset(longest, '1', sizeof(longest));
	ck_assert_int_eq(mr_ip_parse((struct mr_str){ longest, sizeof(longest) }, &ip), MR_ERR_SYNTAX);
	memset(longest, ':', sizeof(longest));
	ck_assert_int_eq(mr_ip_parse((struct mr_str){ longest, sizeof(longest) }, &ip), MR_ERR_SYNTAX);
	ck_assert_int_eq(mr_ip_parse(MR_STR("192.0.2.1\0.evil"), &ip), MR_ERR_SYNTAX);
	ck_assert_int_eq(mr_ip_parse(MR_STR_ABSENT, &ip), MR_ERR_SYNTAX);
}
END_TEST

START_TEST(from_bytes)
{
	unsigned char mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1 };
	struct mr_ip expected = ip_of("192.0.2.1");
	struct mr_ip ip = mr_ip_from_bytes(mapped, 16);

	ck_assert(mr_ip_equal(&ip, &expected));
	ip = mr_ip_from_bytes(mapped + 12, 4);
	ck_assert(mr_ip_equal(&ip, &expected));
	mapped[0] = 1;
	ck_assert_int_eq(mr_ip_from_bytes(mapped, 16).family, MR_IP_V6);
	ck_assert_int_eq(mr_ip_from_bytes(mapped, 5).family, MR_IP_UNKNOWN);
	ck_assert_int_eq(mr_ip_from_bytes(mapped, 0).family, MR_IP_UNKNOWN);
}
END_TEST

START_TEST(ordering)
{
	static const char *const ascending[] = {
		"1.2.3.4", "1.2.3.5", "127.0.0.1", "128.0.0.0", "::", "::1", "8000::"
	};
	struct mr_ip unknown = { .family = MR_IP_UNKNOWN };

	for (size_t i = 0; i < sizeof(ascending) / sizeof(ascending[0]); i++) {
		struct mr_ip a = ip_of(ascending[i]);
		ck_assert_int_lt(mr_ip_compare(&unknown, &a), 0);
		for (size_t k = 0; k < sizeof(ascending) / sizeof(ascending[0]); k++) {
			struct mr_ip b = ip_of(ascending[k]);
			int order = mr_ip_compare(&a, &b);
			ck_assert_int_eq((order > 0) - (order < 0), (i > k) - (i < k));
			ck_assert_int_eq(mr_ip_equal(&a, &b), i == k);
		}
	}
}
END_TEST

START_TEST(loopback)
{
	static const char *const yes[] = { "127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1" };
	static const char *const no[] = { "126.255.255.255", "128.0.0.1", "::", "::2", "::7f00:1", "fe80::1" };
	struct mr_ip unknown = { .family = MR_IP_UNKNOWN, .bytes = { 127, 0, 0, 1 } };
	struct mr_ip ip;

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		ip = ip_of(yes[i]);
		ck_assert_msg(mr_ip_is_loopback(&ip), "%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		ip = ip_of(no[i]);
		ck_assert_msg(!mr_ip_is_loopback(&ip), "%s", no[i]);
	}
	ck_assert(!mr_ip_is_loopback(&unknown));
}
END_TEST

START_TEST(unknown_is_written)
{
	struct mr_ip unknown = { .family = MR_IP_UNKNOWN };
	struct mr_prefix prefix = { .ip = unknown };
	char text[MR_PREFIX_TEXT_MAX];

	ck_assert_uint_eq(mr_ip_format(&unknown, text), 7);
	ck_assert_str_eq(text, "unknown");
	mr_prefix_format(&prefix, text);
	ck_assert_str_eq(text, "unknown");
}
END_TEST

static const struct {
	const char *in;
	const char *out;
} prefixes[] = {
	{ "192.0.2.0/24", "192.0.2.0/24" },
	{ "192.0.2.7", "192.0.2.7/32" },
	{ "0.0.0.0/0", "0.0.0.0/0" },
	{ "192.0.2.128/25", "192.0.2.128/25" },
	{ "192.0.2.254/31", "192.0.2.254/31" },
	{ "2001:db8::/32", "2001:db8::/32" },
	{ "2001:db8::1", "2001:db8::1/128" },
	{ "::/0", "::/0" },
	{ "2001:db8:8000::/33", "2001:db8:8000::/33" },
	{ "::ffff:192.0.2.0/120", "192.0.2.0/24" },
	{ "::ffff:0:0/96", "0.0.0.0/0" },
	{ "::ffff:192.0.2.1", "192.0.2.1/32" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128" },
};

START_TEST(prefix_reads_and_writes)
{
	char text[MR_PREFIX_TEXT_MAX];
	struct mr_prefix prefix = prefix_of(prefixes[_i].in);
	size_t n = mr_prefix_format(&prefix, text);

	ck_assert_str_eq(text, prefixes[_i].out);
	ck_assert_uint_eq(n, strlen(text));
}
END_TEST

static const struct {
	const char *in;
	int err;
	const char *why; /* a part of it */
} no_prefixes[] = {
	{ "", MR_ERR_SYNTAX, "empty" },
	{ "/24", MR_ERR_SYNTAX, "empty" },
	{ "192.0.2.1/24", MR_ERR_SYNTAX, "bits set" },
	{ "192.0.2.0/22", MR_ERR_SYNTAX, "bits set" },
	{ "192.0.2.1/31", MR_ERR_SYNTAX, "bits set" },
	{ "128.0.0.0/0", MR_ERR_SYNTAX, "bits set" },
	{ "2001:db8::1/64", MR_ERR_SYNTAX, "bits set" },
	{ "::ffff:192.0.2.0/24", MR_ERR_SYNTAX, "bits set" },
	{ "192.0.2.0/33", MR_ERR_RANGE, "over 32" },
	{ "2001:db8::/129", MR_ERR_RANGE, "over 128" },
	{ "192.0.2.0/99999999999999999999", MR_ERR_RANGE, "over 32" },
	{ "192.0.2.0/", MR_ERR_SYNTAX, "no length" },
	{ "192.0.2.0/024", MR_ERR_SYNTAX, "leading zeros" },
	{ "192.0.2.0/-1", MR_ERR_SYNTAX, "not a number" },
	{ "192.0.2.0/2 ", MR_ERR_SYNTAX, "not a number" },
	{ "192.0.2.0/255.255.255.0", MR_ERR_SYNTAX, "not a number" },
	{ "192.0.02.0/24", MR_ERR_SYNTAX, "leading zeros" },
	{ "010.0.0.0/8", MR_ERR_SYNTAX, "leading zeros" },
	{ "fe80::%eth0/64", MR_ERR_SYNTAX, "zone" },
	{ "[2001:db8::]/32", MR_ERR_SYNTAX, "brackets" },
	{ "example.com/24", MR_ERR_SYNTAX, "not an IPv4 or IPv6" },
	{ "192.0.2/24", MR_ERR_SYNTAX, "not an IPv4 or IPv6" },
};

START_TEST(no_prefix)
{
	struct mr_prefix prefix;
	const char *why = NULL;

	ck_assert_int_eq(mr_prefix_parse(mr_str_of(no_prefixes[_i].in), &prefix, &why), no_prefixes[_i].err);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, no_prefixes[_i].why) != NULL, "%s: %s", no_prefixes[_i].in, why);
	ck_assert_int_eq(prefix.ip.family, MR_IP_UNKNOWN);
}
END_TEST

static const struct {
	const char *prefix;
	const char *ip;
	bool in;
} members[] = {
	{ "192.0.2.0/24", "192.0.2.0", true },
	{ "192.0.2.0/24", "192.0.2.255", true },
	{ "192.0.2.0/24", "192.0.3.0", false },
	{ "192.0.2.0/24", "192.0.1.255", false },
	{ "192.0.2.0/24", "::ffff:192.0.2.9", true },
	{ "192.0.2.128/25", "192.0.2.127", false },
	{ "192.0.2.128/25", "192.0.2.128", true },
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "0.0.0.0/0", "255.255.255.255", true },
	{ "0.0.0.0/0", "::1", false },
	{ "::/0", "192.0.2.1", false },
	{ "::/0", "ffff::", true },
	{ "2001:db8::/32", "2001:db8:ffff::", true },
	{ "2001:db8::/32", "2001:db9::", false },
	{ "2001:db8::/33", "2001:db8:8000::", false },
	{ "2001:db8::1", "2001:db8::1", true },
	{ "2001:db8::1", "2001:db8::", false },
};

START_TEST(prefix_contains)
{
	struct mr_prefix prefix = prefix_of(members[_i].prefix);
	struct mr_ip ip = ip_of(members[_i].ip);
	struct mr_ip unknown = { .family = MR_IP_UNKNOWN };

	ck_assert_int_eq(mr_prefix_contains(&prefix, &ip), members[_i].in);
	ck_assert(!mr_prefix_contains(&prefix, &unknown));
}
END_TEST

static unsigned
next_random(unsigned *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16;
}

/* What is written must be read by others, and must be the shortest form that they know. */
START_TEST(written_v6_reads_back)
{
	unsigned state = 7;

	for (int round = 0; round < 20000; round++) {
		unsigned char bytes[16];
		unsigned char back[16];
		char text[MR_IP_TEXT_MAX];
		for (size_t i = 0; i < 16; i += 2) {
			bool zero = next_random(&state) % 2 == 0;
			bytes[i] = zero ? 0 : (unsigned char)next_random(&state);
			bytes[i + 1] = zero ? 0 : (unsigned char)next_random(&state);
		}
		struct mr_ip ip = mr_ip_from_bytes(bytes, 16);
		if (ip.family != MR_IP_V6)
			continue;
		size_t n = mr_ip_format(&ip, text);
		if (inet_pton(AF_INET6, text, back) != 1 || memcmp(back, bytes, 16) != 0)
			ck_abort_msg("%s is not the address", text);
		char theirs[INET6_ADDRSTRLEN];
		inet_ntop(AF_INET6, bytes, theirs, sizeof(theirs));
		/* inet_ntop writes some in the mixed notation, which RFC 5952 does not ask for here. */
		if (strchr(theirs, '.') == NULL && strcmp(text, theirs) != 0)
			ck_abort_msg("%s, not %s", text, theirs);
		struct mr_ip again;
		if (mr_ip_parse((struct mr_str){ text, n }, &again) != 0 || !mr_ip_equal(&again, &ip))
			ck_abort_msg("%s does not read back", text);
	}
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int
main(void)
{
	Suite *suite = suite_create("ip");
	TCase *tests = tcase_create("ip");

	tcase_add_loop_test(tests, address_reads_and_writes, 0, COUNT(addresses));
	tcase_add_loop_test(tests, no_address, 0, COUNT(no_addresses));
	tcase_add_test(tests, hostile_bytes_are_no_address);
	tcase_add_test(tests, from_bytes);
	tcase_add_test(tests, ordering);
	tcase_add_test(tests, loopback);
	tcase_add_test(tests, unknown_is_written);
	tcase_add_loop_test(tests, prefix_reads_and_writes, 0, COUNT(prefixes));
	tcase_add_loop_test(tests, no_prefix, 0, COUNT(no_prefixes));
	tcase_add_loop_test(tests, prefix_contains, 0, COUNT(members));
	tcase_add_test(tests, written_v6_reads_back);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
