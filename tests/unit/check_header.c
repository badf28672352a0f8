/*
 * The reader of From and Sender: which addresses a field holds, and whether all of it could be read. What a person may
 * take for the address (a name, a comment, an encoded word, the name of a group) is none; what cannot be read is said
 * to be unreadable, and the addresses beside it still count.
 */
#include "core/header.h"

#include <string.h>

#include "base/error.h"
#include "harness.h"

struct example {
	struct mr_str value;
	bool readable;
	const char *keys; /* blank-separated */
};

#define VALUE(literal) { (literal), sizeof(literal) - 1 }

static struct mr_arena *arena;

static void
set_up(void)
{
	arena = mr_arena_new(1 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void
tear_down(void)
{
	mr_arena_free(&arena);
}

static void
check_example(const struct example *e)
{
	struct mr_mailbox boxes[MR_HEADER_ADDRESSES_MAX];
	char found[2048] = "";
	size_t n;
	int err = mr_header_addresses(e->value, arena, boxes, &n);

	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_lt(strlen(found) + boxes[i].address.n + 1, sizeof(found));
		if (i > 0)
			strncat(found, " ", 2);
		strncat(found, boxes[i].address.p, boxes[i].address.n);
	}
	ck_assert_msg(strcmp(found, e->keys) == 0, "%s: found '%s', not '%s'", e->value.p, found, e->keys);
	ck_assert_msg(err == (e->readable ? MR_OK : MR_ERR_SYNTAX), "%s: %d", e->value.p, err);
}

static const struct example plain[] = {
	{ VALUE("joe@example.com"), true, "joe@example.com" },
	{ VALUE("Joe@Example.COM"), true, "joe@example.com" },
	{ VALUE("<joe@example.com>"), true, "joe@example.com" },
	{ VALUE("Joe Doe <joe@example.com>"), true, "joe@example.com" },
	{ VALUE("joe@[192.0.2.1]"), true, "joe@[192.0.2.1]" },
	{ VALUE("joe@[IPv6:2001:db8::1]"), true, "joe@[2001:db8::1]" },
	{ VALUE("Joe <joe@[IPv6:2001:db8::1]>, ann@example.com"), true, "joe@[2001:db8::1] ann@example.com" },
	{ VALUE("root"), true, "root" },
	{ VALUE("\"joe doe\"@example.com"), true, "joe doe@example.com" },
	{ VALUE("\"joe, doe\"@example.com, ann@example.com"), true, "joe, doe@example.com ann@example.com" },
	{ VALUE("j\xc3\xbcrgen@b\xc3\xbc" "cher.example"), true, "j\xc3\xbcrgen@xn--bcher-kva.example" },
};

static const struct example none[] = {
	{ VALUE(""), true, "" },
	{ VALUE("  \r\n "), true, "" },
	{ VALUE(","), true, "" },
	{ VALUE(" , ,, "), true, "" },
	{ VALUE("undisclosed-senders:;"), true, "" },
	{ VALUE("(nobody)"), true, "" },
	{ VALUE("<>"), false, "" },
	{ VALUE("Nobody <>"), false, "" },
	{ VALUE("Joe Doe"), false, "" },
};

static const struct example several[] = {
	{ VALUE("a@example.com, b@example.org"), true, "a@example.com b@example.org" },
	{ VALUE("A <a@example.com>,B <b@example.org>, c@example.net"), true,
	    "a@example.com b@example.org c@example.net" },
	{ VALUE(",a@example.com,,b@example.org,"), true, "a@example.com b@example.org" },
	{ VALUE("Team: a@example.com, \"B\" <b@example.org>;"), true, "a@example.com b@example.org" },
	{ VALUE("Team:a@example.com;, c@example.net"), true, "a@example.com c@example.net" },
	{ VALUE("x@example.net, My team : a@example.com;"), true, "x@example.net a@example.com" },
	{ VALUE("A:a@example.com;, B:b@example.org;"), true, "a@example.com b@example.org" },
	{ VALUE("\"Team; x@example.net\": a@example.com;"), false, "a@example.com" },
	{ VALUE("Team: Inner: a@example.com;;"), false, "a@example.com" },
	{ VALUE("Team: Inner: a@example.com;"), false, "a@example.com" },
	{ VALUE("a@example.com; b@example.org"), false, "a@example.com b@example.org" },
	{ VALUE("boss@example.com: a@elsewhere.example;"), false, "a@elsewhere.example" },
};

/* What is shown to people beside the address. */
static const struct example names[] = {
	{ VALUE("\"boss@example.com\" <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	{ VALUE("boss@example.com <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	{ VALUE("\"boss@example.com,\" <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	{ VALUE("\"<boss@example.com>\" <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	{ VALUE("\"\\\"<boss@example.com>\" <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	{ VALUE("\"Doe, Joe\" <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	{ VALUE("joe@elsewhere.example (boss@example.com)"), true, "joe@elsewhere.example" },
	{ VALUE("joe@elsewhere.example (\"<boss@example.com>, x@y\")"), true, "joe@elsewhere.example" },
	{ VALUE("=?utf-8?q?boss=40example.com?= <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	/* A comma ends the word: what stands before it is an address to some readers, so it counts. */
	{ VALUE("=?utf-8?q?boss@example.com,_x?= <joe@elsewhere.example>"), true,
	    "=?utf-8?q?boss@example.com joe@elsewhere.example" },
	{ VALUE("=?utf-8?b?Ym9zc0BleGFtcGxlLmNvbQ==?= <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	{ VALUE("J\xc3\xb6rg <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	{ VALUE("J\xf6rg <joe@elsewhere.example>"), true, "joe@elsewhere.example" },
	{ VALUE("\"boss@example.com\""), true, "boss@example.com" }, /* a local part: the mail server adds a domain */
};

static const struct example comments[] = {
	{ VALUE("joe@example.com (a (b (c)) d)"), true, "joe@example.com" },
	{ VALUE("(a)joe(b)@(c)example(d).(e)com(f)"), true, "joe@example.com" },
	{ VALUE("Joe (x) <(a) joe (b) @ (c) example.com (d)>"), true, "joe@example.com" },
	{ VALUE("(\\)) joe@example.com"), true, "joe@example.com" },
	{ VALUE("(\\() joe@example.com"), true, "joe@example.com" },
	{ VALUE("(\") joe@example.com"), true, "joe@example.com" },
	{ VALUE("boss@example.com(x)evil.example"), false, "" },
	{ VALUE("boss(x)y@example.com"), false, "" },
	{ VALUE("joe@elsewhere.example(.example.com"), false, "joe@elsewhere.example" },
	{ VALUE("(joe@example.com"), false, "" },
	{ VALUE("joe@example.com (a (b)"), false, "joe@example.com" },
	{ VALUE("joe@example.com (a\\"), false, "joe@example.com" },
	{ VALUE("joe@example.com)"), false, "" },
	{ VALUE("Joe) <joe@example.com>"), false, "joe@example.com" },
};

static const struct example folded[] = {
	{ VALUE("\r\n Joe\r\n\tDoe\r\n <joe@example.com>\r\n"), true, "joe@example.com" },
	{ VALUE("joe\r\n @\r\n example.\r\n com"), true, "joe@example.com" },
	{ VALUE("a@example.com,\n b@example.org"), true, "a@example.com b@example.org" },
	{ VALUE("<\r\n joe@example.com\r\n >"), true, "joe@example.com" },
	{ VALUE("<joe @example.com>"), true, "joe@example.com" },
	{ VALUE("\"joe\r\n doe\"@example.com"), true, "joe   doe@example.com" },
	{ VALUE("Team :\r\n a@example.com ;"), true, "a@example.com" },
};

/* Route addresses of old (RFC 5322 4.4). */
static const struct example routes[] = {
	{ VALUE("<@a.example:joe@example.com>"), true, "joe@example.com" },
	{ VALUE("Joe <@a.example, @b.example: joe@example.com>"), true, "joe@example.com" },
	{ VALUE("<@a.example>"), false, "" },
	{ VALUE("<@boss.example.com,joe@example.com>"), false, "" },
};

static const struct example broken[] = {
	{ VALUE("<a@example.com> <b@example.org>"), false, "a@example.com b@example.org" },
	{ VALUE("Joe <a@example.com> Boss <b@example.org>"), false, "a@example.com b@example.org" },
	{ VALUE("<a@example.com><b@example.org>, c@example.net"), false, "a@example.com b@example.org c@example.net" },
	{ VALUE("<a@example.com <b@example.org>>"), false, "b@example.org" },
	{ VALUE("<a@example.com> b@example.org"), false, "a@example.com b@example.org" },
	{ VALUE("<a@example.com> \"b\""), false, "a@example.com b" },
	{ VALUE("a@example.com b@example.org"), false, "" },
	{ VALUE("a@example.com b@example.org, c@example.net"), false, "c@example.net" },
	{ VALUE("<a@example.com, b@example.org>"), false, "a@example.com b@example.org" },
	{ VALUE("<a@example.com"), false, "a@example.com" },
	{ VALUE("Joe <"), false, "" },
	{ VALUE("a@example.com>, b@example.org"), false, "a@example.com b@example.org" },
	{ VALUE("\"Joe <a@example.com>"), false, "" },
	{ VALUE("\"Joe\\"), false, "" },
	{ VALUE("c@example.net, \"Joe <a@example.com>"), false, "c@example.net" },
	{ VALUE("<a@[192.0.2.1>"), false, "" },
	{ VALUE("<a@example.com>: b@example.org;"), false, "a@example.com b@example.org" },
	{ VALUE("a@example..com, b@example.org"), false, "b@example.org" },
	{ VALUE("a@@, b@example.org"), false, "b@example.org" },
	{ VALUE("a@example.com\0, b@example.org"), false, "b@example.org" },
	{ VALUE("Joe\0 <b@example.org>"), false, "b@example.org" },
	{ VALUE("<b@exam\x01ple.org>"), false, "" },
};

#define TABLE(table) { (table), sizeof(table) / sizeof((table)[0]) }

static const struct {
	const struct example *examples;
	size_t count;
} tables[] = {
	TABLE(plain), TABLE(none), TABLE(several), TABLE(names), TABLE(comments), TABLE(folded), TABLE(routes),
	TABLE(broken),
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

START_TEST(fields_are_read)
{
	for (size_t i = 0; i < tables[_i].count; i++)
		check_example(&tables[_i].examples[i]);
}
END_TEST

START_TEST(an_absent_field_is_unreadable)
{
	struct mr_mailbox boxes[MR_HEADER_ADDRESSES_MAX];
	size_t n = 7;

	ck_assert_int_eq(mr_header_addresses(MR_STR_ABSENT, arena, boxes, &n), MR_ERR_SYNTAX);
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* As many addresses as there is room for are read; one more makes the field unreadable, and is not written. */
START_TEST(many_addresses)
{
	struct mr_mailbox boxes[MR_HEADER_ADDRESSES_MAX + 1];
	char text[(MR_HEADER_ADDRESSES_MAX + 1) * 14 + 1] = "";
	size_t n;

	for (int i = 0; i < MR_HEADER_ADDRESSES_MAX; i++)
		memcpy(text + 13 * i, "a@b.example, ", 14);
	ck_assert_int_eq(mr_header_addresses(mr_str_of(text), arena, boxes, &n), MR_OK);
	ck_assert_uint_eq(n, MR_HEADER_ADDRESSES_MAX);
	memcpy(text + 13 * MR_HEADER_ADDRESSES_MAX, "a@b.example, ", 14);
	boxes[MR_HEADER_ADDRESSES_MAX].kind = MR_MAILBOX_CONTROL;
	ck_assert_int_eq(mr_header_addresses(mr_str_of(text), arena, boxes, &n), MR_ERR_SYNTAX);
	ck_assert_uint_eq(n, MR_HEADER_ADDRESSES_MAX);
	ck_assert_int_eq(boxes[MR_HEADER_ADDRESSES_MAX].kind, MR_MAILBOX_CONTROL);
}
END_TEST

START_TEST(a_full_arena)
{
	for (size_t room = 0; room <= 512; room++) {
		struct mr_arena *small = mr_arena_new(room);
		struct mr_mailbox boxes[MR_HEADER_ADDRESSES_MAX];
		size_t n;
		int err = mr_header_addresses(MR_STR("Joe <joe@example.com>"), small, boxes, &n);

		ck_assert_int_eq(err, n == 1 ? MR_OK : MR_ERR_SYNTAX);
		ck_assert(n == 1 || room < 512);
		mr_arena_free(&small);
	}
}
END_TEST

/* Whatever the bytes, what is found is an address and no longer than the field. */
START_TEST(random_fields)
{
	static const char alphabet[] = "ab@@..,,<<>>()\"\"\\::;;[] \t\n";
	unsigned state = (unsigned)_i * 2654435761u + 3;

	for (int round = 0; round < 20000; round++) {
		struct mr_mailbox boxes[MR_HEADER_ADDRESSES_MAX];
		size_t length = (size_t)round % 33, n;
		char *text = malloc(length + 1); /* of its own, so that the sanitizer sees a byte read behind it */

		ck_assert_ptr_nonnull(text);
		mr_arena_reset(arena);
		for (size_t i = 0; i < length; i++) {
			state = state * 1664525u + 1013904223u;
			text[i + 1] = alphabet[(state >> 16) % (sizeof(alphabet) - 1)];
		}
		(void)mr_header_addresses((struct mr_str){ text + 1, length }, arena, boxes, &n);
		ck_assert_uint_le(n, 16);
		for (size_t i = 0; i < n; i++) {
			ck_assert(boxes[i].kind == MR_MAILBOX_LOCAL || boxes[i].kind == MR_MAILBOX_DOMAIN ||
			    boxes[i].kind == MR_MAILBOX_LITERAL);
			ck_assert_ptr_nonnull(boxes[i].address.p);
			ck_assert_uint_le(boxes[i].address.n, length);
		}
		free(text);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("header");
	TCase *tests = tcase_create("header");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, fields_are_read, 0, TABLES);
	tcase_add_test(tests, an_absent_field_is_unreadable);
	tcase_add_test(tests, many_addresses);
	tcase_add_test(tests, a_full_arena);
	tcase_add_loop_test(tests, random_fields, 0, 4);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
