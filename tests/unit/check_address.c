/*
 * The reader of SMTP paths. The tables say what each path is, whether it holds routing characters, and what its key
 * is; where readers of mail disagree, the strict side is expected.
 */
#include "core/address.h"

#include <string.h>

#include "base/alloc.h"
#include "harness.h"

struct example {
	struct mr_str path;
	enum mr_mailbox_kind kind;
	const char *key;   /* NULL: none */
	bool routed;
	const char *local; /* NULL: not compared */
};

/* A slice of a literal that can stand in a table; bytes of 0 may be in it. */
#define PATH(literal) { (literal), sizeof(literal) - 1 }

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

/* Reads a copy that ends where the path ends, so that the sanitizer sees a byte read behind it. */
static struct mr_mailbox
read_path(struct mr_str path)
{
	char *copy = malloc(path.n + 1);
	struct mr_mailbox box;

	ck_assert_ptr_nonnull(copy);
	if (path.n > 0)
		memcpy(copy + 1, path.p, path.n);
	mr_address_read(path.p == NULL ? path : (struct mr_str){ copy + 1, path.n }, arena, &box);
	free(copy);
	return box;
}

static void
check_example(const struct example *e)
{
	struct mr_mailbox box = read_path(e->path);
	const char *path = e->path.p;

	ck_assert_msg(box.kind == e->kind, "%s: kind %d, not %d", path, box.kind, e->kind);
	ck_assert_msg(box.routed == e->routed, "%s: routed %d", path, box.routed);
	ck_assert_msg(mr_str_equal(box.address, mr_str_of(e->key)), "%s: the key is %.*s", path, (int)box.address.n,
	    box.address.p == NULL ? "" : box.address.p);
	if (e->local != NULL)
		ck_assert_msg(mr_str_equal(box.local, mr_str_of(e->local)), "%s: the local part is %.*s", path,
		    (int)box.local.n, box.local.p);
	ck_assert_int_eq(box.domain.p != NULL, e->kind == MR_MAILBOX_DOMAIN);
	ck_assert_int_eq(box.literal.family != MR_IP_UNKNOWN, e->kind == MR_MAILBOX_LITERAL);
	ck_assert_int_eq(box.local.p != NULL, e->key != NULL);
}

static const struct example plain[] = {
	{ PATH("<bob@example.com>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("bob@example.com"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("bob@example.com \t "), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("  <bob@example.com>\t"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("<BoB@ExAmple.COM>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "BoB" },
	{ PATH("<bob@example.com.>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("<.b..ob.@example.com>"), MR_MAILBOX_DOMAIN, ".b..ob.@example.com", false, NULL },
	{ PATH("<`id`@example.com>"), MR_MAILBOX_DOMAIN, "`id`@example.com", false, NULL },
	{ PATH("</etc/../x@example.com>"), MR_MAILBOX_DOMAIN, "/etc/../x@example.com", false, NULL },
	{ PATH("<-OQueueDirectory=/tmp@example.com>"), MR_MAILBOX_DOMAIN, "-oqueuedirectory=/tmp@example.com", false,
	    NULL },
	{ PATH("<bob>"), MR_MAILBOX_LOCAL, "bob", false, "bob" },
	{ PATH("Postmaster"), MR_MAILBOX_LOCAL, "postmaster", false, "Postmaster" },
	{ PATH("<>"), MR_MAILBOX_NULL, NULL, false, NULL },
	{ PATH(" <> "), MR_MAILBOX_NULL, NULL, false, NULL },
	{ PATH(""), MR_MAILBOX_NULL, NULL, false, NULL },
	{ PATH("<> RET=HDRS"), MR_MAILBOX_NULL, NULL, false, NULL },
};

/* Quotes and escapes are taken away before anything is compared. */
static const struct example quoted[] = {
	{ PATH("<\"bob\"@example.com>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("<b\"o\"b@example.com>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("<b\\ob@example.com>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("<\"b\\ob\"@example.com>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("<\"b>o<b\"@example.com>"), MR_MAILBOX_DOMAIN, "b>o<b@example.com", false, NULL },
	{ PATH("<\"b\\\"> o\"@example.com>"), MR_MAILBOX_DOMAIN, "b\"> o@example.com", false, NULL },
	{ PATH("<\"a b\"@example.com>"), MR_MAILBOX_DOMAIN, "a b@example.com", false, "a b" },
	{ PATH("<\"|id\"@example.com>"), MR_MAILBOX_DOMAIN, "|id@example.com", false, NULL },
	{ PATH("<\"a\\\\b\"@example.com>"), MR_MAILBOX_DOMAIN, "a\\b@example.com", false, "a\\b" },
	{ PATH("<a\\>b@example.com>"), MR_MAILBOX_DOMAIN, "a>b@example.com", false, NULL },
	{ PATH("<\"\"@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<\"bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<\"bob\\\"@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("bob@example.com\\"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("\"bob\\"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@\"example.com\">"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@exa\\mple.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
};

/* Where routing characters stand, some mail server sends the mail on. */
static const struct example routing[] = {
	{ PATH("<u%elsewhere.example@example.com>"), MR_MAILBOX_DOMAIN, "u%elsewhere.example@example.com", true, NULL },
	{ PATH("<elsewhere.example!u@example.com>"), MR_MAILBOX_DOMAIN, "elsewhere.example!u@example.com", true, NULL },
	{ PATH("<u@elsewhere.example@example.com>"), MR_MAILBOX_DOMAIN, "u@elsewhere.example@example.com", true, NULL },
	{ PATH("<\"u@elsewhere.example\"@example.com>"), MR_MAILBOX_DOMAIN, "u@elsewhere.example@example.com", true,
	    NULL },
	{ PATH("<\"u%elsewhere.example\"@example.com>"), MR_MAILBOX_DOMAIN, "u%elsewhere.example@example.com", true,
	    NULL },
	{ PATH("<\"elsewhere.example!u\"@example.com>"), MR_MAILBOX_DOMAIN, "elsewhere.example!u@example.com", true,
	    NULL },
	{ PATH("<u\\@elsewhere.example@example.com>"), MR_MAILBOX_DOMAIN,
	    "u@elsewhere.example@example.com", true, NULL },
	{ PATH("<u\\%elsewhere.example@example.com>"), MR_MAILBOX_DOMAIN,
	    "u%elsewhere.example@example.com", true, NULL },
	{ PATH("<u@elsewhere.example@[192.0.2.25]>"), MR_MAILBOX_LITERAL,
	    "u@elsewhere.example@[192.0.2.25]", true, NULL },
	{ PATH("<u%elsewhere.example>"), MR_MAILBOX_LOCAL, "u%elsewhere.example", true, NULL },
	{ PATH("<elsewhere.example!u>"), MR_MAILBOX_LOCAL, "elsewhere.example!u", true, NULL },
	{ PATH("<\"u@elsewhere.example\">"), MR_MAILBOX_LOCAL, "u@elsewhere.example", true, NULL },
	{ PATH("<a@@example.com>"), MR_MAILBOX_DOMAIN, "a@@example.com", true, NULL },
	/* A full-width percent sign is a letter like others. */
	{ PATH("<u\xef\xbc\x85" "elsewhere@example.com>"), MR_MAILBOX_DOMAIN,
	    "u\xef\xbc\x85" "elsewhere@example.com", false, NULL },
};

/* One route is taken away; what is not quite one makes the address unreadable. */
static const struct example routes[] = {
	{ PATH("<@relay.example:bob@example.com>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("<@a.example,@b.example:bob@example.com>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, "bob" },
	{ PATH("@a.example:bob"), MR_MAILBOX_LOCAL, "bob", false, "bob" },
	{ PATH("<@example.com:u%elsewhere.example@example.com>"), MR_MAILBOX_DOMAIN, "u%elsewhere.example@example.com",
	    true, NULL },
	{ PATH("<@a.example:@b.example:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@a.example>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@a.example:>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@a.example,:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@,@a.example:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@a.example,b.example:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@a.example@b.example:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@a.example u@b.example:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@\"a.example\":bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@[192.0.2.1]:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@[IPv6:2001:db8::1]:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<mx.example.com:bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<host::bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
};

static const struct example literals[] = {
	{ PATH("<bob@[192.0.2.25]>"), MR_MAILBOX_LITERAL, "bob@[192.0.2.25]", false, "bob" },
	{ PATH("<bob@[IPv6:2001:DB8::25]>"), MR_MAILBOX_LITERAL, "bob@[2001:db8::25]", false, "bob" },
	{ PATH("<bob@[ipv6:2001:db8:0:0::25]>"), MR_MAILBOX_LITERAL, "bob@[2001:db8::25]", false, "bob" },
	{ PATH("<bob@[IPv6:::ffff:192.0.2.25]>"), MR_MAILBOX_LITERAL, "bob@[192.0.2.25]", false, "bob" },
	{ PATH("<bob@[2001:db8::25]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@192.0.2.25>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[3221226009]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[0300.0.02.031]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[192.0.2.025]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[192.0.2]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[192.0.2.25>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@192.0.2.25]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[192.0.2.25].example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[192.0.2.25]x>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[192.0.2.25@elsewhere.example]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[IPv6:fe80::1%eth0]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[IPv6:192.0.2.25]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[]>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@[>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<[192.0.2.25]@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
};

static const struct example brackets[] = {
	{ PATH("<bob@example.com> SIZE=1000 BODY=8BITMIME"), MR_MAILBOX_DOMAIN, "bob@example.com", false, NULL },
	{ PATH("<bob@example.com> SMTPUTF8"), MR_MAILBOX_DOMAIN, "bob@example.com", false, NULL },
	{ PATH("<bob@example.com>  NOTIFY=NEVER  X-Y=z"), MR_MAILBOX_DOMAIN, "bob@example.com", false, NULL },
	{ PATH("<bob@example.com> AUTH=<>"), MR_MAILBOX_DOMAIN, "bob@example.com", false, NULL },
	{ PATH("<bob@elsewhere.example> AUTH=<bob@example.com>"), MR_MAILBOX_DOMAIN,
	    "bob@elsewhere.example", false, NULL },
	{ PATH("<bob@example.com>SIZE=1"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com> =1"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com> X=1 =2"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com> X=1 <u@elsewhere.example>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com> <u@elsewhere.example>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com> u@elsewhere.example"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com>@elsewhere.example"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<<bob@example.com>u@elsewhere.example>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<<bob@example.com>>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("bob@example.com SIZE=1"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("Bob <bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob(comment)@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com (comment)>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com,u@elsewhere.example>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob;u@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob @example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("< bob@example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("< >"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH(" "), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<@>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example.com..>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@.example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@example..com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
};

/* No byte that ends a line or a C string may stand in an address, not even at its end. */
static const struct example controls[] = {
	{ PATH("<bob\0@example.com>"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("<bob@example.com\0.elsewhere.example>"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("<bob@example.com>\0"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("<\"b\\\rob\"@example.com>"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("<bob@example.com>\r\nRCPT TO:<u@elsewhere.example>"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("<bob@example.com>\r"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("\n<bob@example.com>"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("<b\tob@example.com>"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("<b\x1bob@example.com>"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("<b\x7fob@example.com>"), MR_MAILBOX_CONTROL, NULL, false, NULL },
	{ PATH("\x01"), MR_MAILBOX_CONTROL, NULL, false, NULL },
};

/* RFC 6531, and bytes of no encoding at all. */
static const struct example eight_bit[] = {
	{ PATH("<\xc3\xbcser@example.com>"), MR_MAILBOX_DOMAIN, "\xc3\xbcser@example.com", false, NULL },
	{ PATH("<\xc3\x9cser@example.com>"), MR_MAILBOX_DOMAIN, "\xc3\x9cser@example.com", false, NULL },
	{ PATH("<us\xe9r@example.com>"), MR_MAILBOX_DOMAIN, "us\xe9r@example.com", false, NULL },
	{ PATH("<bob@b\xc3\xbc" "cher.example>"), MR_MAILBOX_DOMAIN, "bob@xn--bcher-kva.example", false, NULL },
	{ PATH("<bob@B\xc3\x9c" "CHER.example>"), MR_MAILBOX_DOMAIN, "bob@xn--bcher-kva.example", false, NULL },
	{ PATH("<bob@XN--BCHER-KVA.example>"), MR_MAILBOX_DOMAIN, "bob@xn--bcher-kva.example", false, NULL },
	/* A Cyrillic i is another domain. */
	{ PATH("<bob@v\xd1\x96" "ctim.example>"), MR_MAILBOX_DOMAIN, "bob@xn--vctim-n2e.example", false, NULL },
	{ PATH("<bob@ex\xe9mple.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	/* Full-width at and percent signs in a domain map to the plain ones. */
	{ PATH("<bob@elsewhere\xef\xbc\xa0" "example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
	{ PATH("<bob@elsewhere\xef\xbc\x85" "example.com>"), MR_MAILBOX_MALFORMED, NULL, false, NULL },
};

#define TABLE(table) { (table), sizeof(table) / sizeof((table)[0]) }

static const struct {
	const struct example *examples;
	size_t count;
} tables[] = {
	TABLE(plain), TABLE(quoted), TABLE(routing), TABLE(routes), TABLE(literals), TABLE(brackets), TABLE(controls),
	TABLE(eight_bit),
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

START_TEST(paths_are_read)
{
	for (size_t i = 0; i < tables[_i].count; i++)
		check_example(&tables[_i].examples[i]);
}
END_TEST

/* The 26 letters fold in the key and nothing else does. */
START_TEST(keys_fold_ascii_only)
{
	struct mr_mailbox a = read_path(MR_STR("<\"A[Z\"@EXAMPLE.com>"));
	struct mr_mailbox b = read_path(MR_STR("<\"a{z\"@example.com>"));

	ck_assert(mr_str_equal(a.address, MR_STR("a[z@example.com")));
	ck_assert(!mr_str_equal(a.address, b.address));
	ck_assert(mr_str_equal(a.domain, MR_STR("example.com")));
	ck_assert(mr_str_equal(a.local, MR_STR("A[Z")));
}
END_TEST

START_TEST(an_absent_path_is_not_the_null_path)
{
	ck_assert_int_eq(read_path(MR_STR_ABSENT).kind, MR_MAILBOX_MALFORMED);
}
END_TEST

/* Every byte value, alone in the local part, in the domain, and behind the closing bracket. */
START_TEST(every_byte)
{
	for (unsigned c = 0; c < 256; c++) {
		char local[] = "<a?b@example.com>", domain[] = "<ab@ex?ample.com>", behind[] = "<ab@example.com>?";
		char parameter[] = "<ab@example.com> x?y";
		bool control = c < 0x20 || c == 0x7f;
		bool special = c != 0 && strchr("<>()[]:;, \"\\", (int)c) != NULL;
		bool ldh = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '_' ||
		    c == '.';

		local[2] = domain[6] = behind[16] = parameter[18] = (char)c;
		struct mr_mailbox box = read_path((struct mr_str){ local, sizeof(local) - 1 });
		if (control)
			ck_assert_int_eq(box.kind, MR_MAILBOX_CONTROL);
		else if (c == '\\')
			ck_assert(mr_str_equal(box.address, MR_STR("ab@example.com")));
		else
			ck_assert_msg((box.kind == MR_MAILBOX_MALFORMED) == special, "byte %u in the local part", c);
		ck_assert_msg(box.routed == (c == '@' || c == '%' || c == '!'), "byte %u", c);
		box = read_path((struct mr_str){ domain, sizeof(domain) - 1 });
		if (c != '@')
			ck_assert_msg((box.kind == MR_MAILBOX_DOMAIN) == (ldh && c < 0x80), "byte %u in the domain", c);
		box = read_path((struct mr_str){ behind, sizeof(behind) - 1 });
		ck_assert_msg((box.kind == MR_MAILBOX_DOMAIN) == (c == ' ' || c == '\t'), "byte %u behind", c);
		box = read_path((struct mr_str){ parameter, sizeof(parameter) - 1 });
		bool fits = (ldh && c != '.' && c != '_') || c == ' ' || c == '=';
		ck_assert_msg((box.kind == MR_MAILBOX_DOMAIN) == fits, "byte %u in the name of a parameter", c);
	}
}
END_TEST

/* The longest path is read whole; one byte more is not read at all. */
START_TEST(long_paths)
{
	static char text[MR_PATH_MAX + 2];
	const struct mr_str tail = MR_STR("@example.com");
	struct mr_mailbox box;

	memset(text, 'a', sizeof(text));
	memcpy(text + MR_PATH_MAX - tail.n, tail.p, tail.n);
	box = read_path((struct mr_str){ text, MR_PATH_MAX });
	ck_assert_int_eq(box.kind, MR_MAILBOX_DOMAIN);
	ck_assert_uint_eq(box.address.n, MR_PATH_MAX);
	ck_assert_uint_eq(box.local.n, MR_PATH_MAX - tail.n);
	memset(text, 'a', sizeof(text));
	memcpy(text + MR_PATH_MAX + 1 - tail.n, tail.p, tail.n);
	ck_assert_int_eq(read_path((struct mr_str){ text, MR_PATH_MAX + 1 }).kind, MR_MAILBOX_MALFORMED);
	text[5] = '\n';
	ck_assert_int_eq(read_path((struct mr_str){ text, MR_PATH_MAX + 1 }).kind, MR_MAILBOX_CONTROL);
}
END_TEST

/* Two long local parts that differ at the end only are two keys. */
START_TEST(long_keys_are_not_cut)
{
	char a[1012], b[1012];
	const struct mr_str tail = MR_STR("@example.com");

	memset(a, 'x', sizeof(a));
	memcpy(a + sizeof(a) - tail.n, tail.p, tail.n);
	memcpy(b, a, sizeof(b));
	b[sizeof(b) - tail.n - 1] = 'y';
	ck_assert(!mr_str_equal(read_path((struct mr_str){ a, sizeof(a) }).address,
	    read_path((struct mr_str){ b, sizeof(b) }).address));
}
END_TEST

static struct mr_str
without_plus(struct mr_str path)
{
	struct mr_mailbox box = read_path(path);

	return mr_address_without_plus(&box, arena);
}

START_TEST(plus_parts)
{
	ck_assert(mr_str_equal(without_plus(MR_STR("<Bob+Tag@example.com>")), MR_STR("bob@example.com")));
	ck_assert(mr_str_equal(without_plus(MR_STR("<bob+a+b@example.com>")), MR_STR("bob@example.com")));
	ck_assert(mr_str_equal(without_plus(MR_STR("<bob+@example.com>")), MR_STR("bob@example.com")));
	ck_assert(mr_str_equal(without_plus(MR_STR("<bob@example.com>")), MR_STR("bob@example.com")));
	ck_assert(mr_str_equal(without_plus(MR_STR("<+bob@example.com>")), MR_STR("+bob@example.com")));
	ck_assert(mr_str_equal(without_plus(MR_STR("<+a+b@example.com>")), MR_STR("+a+b@example.com")));
	ck_assert(mr_str_equal(without_plus(MR_STR("<+@example.com>")), MR_STR("+@example.com")));
	ck_assert(mr_str_equal(without_plus(MR_STR("bob+tag")), MR_STR("bob")));
	ck_assert(mr_str_equal(without_plus(MR_STR("<bob+tag@[192.0.2.25]>")), MR_STR("bob@[192.0.2.25]")));
	ck_assert_ptr_null(without_plus(MR_STR("<>")).p);
	ck_assert_ptr_null(without_plus(MR_STR("<bob+tag@[>")).p);
}
END_TEST

/* Without room nothing is read, and nothing wrong either. */
START_TEST(a_full_arena)
{
	for (size_t room = 0; room < 100; room++) {
		struct mr_arena *small = mr_arena_new(room);
		struct mr_mailbox box;

		mr_address_read(MR_STR("<bob+tag@example.com>"), small, &box);
		if (box.kind == MR_MAILBOX_MALFORMED) {
			ck_assert_ptr_null(box.address.p);
			ck_assert(!box.routed);
		} else {
			ck_assert_int_eq(box.kind, MR_MAILBOX_DOMAIN);
			ck_assert(mr_str_equal(box.address, MR_STR("bob+tag@example.com")));
			struct mr_str key = mr_address_without_plus(&box, small);
			ck_assert(key.p == NULL || mr_str_equal(key, MR_STR("bob@example.com")));
		}
		mr_arena_free(&small);
	}
	struct mr_arena *none = mr_arena_new(0);
	struct mr_mailbox box;
	mr_address_read(MR_STR("<bob@example.com>"), none, &box);
	ck_assert_int_eq(box.kind, MR_MAILBOX_MALFORMED);
	mr_address_read(MR_STR("<>"), none, &box);
	ck_assert_int_eq(box.kind, MR_MAILBOX_NULL);
	mr_arena_free(&none);
}
END_TEST

/* Reading what was read, by its key, says the same: keys of addresses that need no quotes are addresses. */
START_TEST(keys_are_addresses)
{
	static const char alphabet[] = "ab.@%!\"\\<>[]:, +1-";
	unsigned state = (unsigned)_i * 2654435761u + 7;

	for (int round = 0; round < 20000; round++) {
		char text[24];
		size_t n = 0;

		mr_arena_reset(arena);
		for (size_t length = 1 + round % 20; n < length; n++) {
			state = state * 1664525u + 1013904223u;
			text[n] = alphabet[(state >> 16) % (sizeof(alphabet) - 1)];
		}
		struct mr_mailbox box = read_path((struct mr_str){ text, n });
		if (box.kind == MR_MAILBOX_NULL || box.kind == MR_MAILBOX_MALFORMED) {
			ck_assert_ptr_null(box.address.p);
			continue;
		}
		ck_assert(box.local.n > 0 && box.local.n <= n);
		bool routes_on = memchr(box.local.p, '@', box.local.n) != NULL ||
		    memchr(box.local.p, '%', box.local.n) != NULL || memchr(box.local.p, '!', box.local.n) != NULL;
		ck_assert_int_eq(box.routed, routes_on);
		if (strpbrk(box.address.p, "\"\\<>[]:, ") != NULL || box.local.p[0] == '@')
			continue;
		struct mr_mailbox again = read_path(box.address);
		ck_assert_msg(again.kind == box.kind || box.kind == MR_MAILBOX_LOCAL, "%.*s", (int)n, text);
		ck_assert_msg(box.kind == MR_MAILBOX_LOCAL || mr_str_equal(again.address, box.address), "%.*s", (int)n,
		    text);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("address");
	TCase *tests = tcase_create("address");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, paths_are_read, 0, TABLES);
	tcase_add_test(tests, keys_fold_ascii_only);
	tcase_add_test(tests, an_absent_path_is_not_the_null_path);
	tcase_add_test(tests, every_byte);
	tcase_add_test(tests, long_paths);
	tcase_add_test(tests, long_keys_are_not_cut);
	tcase_add_test(tests, plus_parts);
	tcase_add_test(tests, a_full_arena);
	tcase_add_loop_test(tests, keys_are_addresses, 0, 4);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
