/* Tests of lib/model/login.h: the comparable form of logins. */
#include "model/login.h"

#include <string.h>

#include "base/error.h"
#include "harness.h"

static char example_com[] = "example.com";

struct row {
	bool fold, strip, domain;
	const char *login, *canonical;
};

static const struct row rows[] = {
	{ true, false, false, "alice", "alice" },
	{ true, false, false, "ALICE@Example.COM.", "alice@example.com" },
	{ false, false, false, "Alice@Example.COM", "Alice@example.com" },
	{ true, false, true, "alice", "alice@example.com" },
	{ true, false, true, "alice@example.org", "alice@example.org" },
	{ true, true, false, "alice+news", "alice" },
	{ true, true, false, "alice+news@example.org", "alice@example.org" },
	{ true, true, true, "Alice+News+more", "alice@example.com" },
	{ true, true, false, "+alice", "+alice" },
	{ true, false, false, "alice+news", "alice+news" },
	/* u with combining diaeresis, capital, is the one letter */
	{ true, false, false, "MU\xcc\x88LLER", "m\xc3\xbcller" },
	{ false, false, false, "mu\xcc\x88ller", "m\xc3\xbcller" },
	{ true, false, false,
	  "alice@B\xc3\x9c"
	  "CHER.example",
	  "alice@xn--bcher-kva.example" },
	{ true, false, false, "alice@WORK GROUP", "alice@work group" },
	{ true, false, false, "a@b@example.com", "a@b@example.com" },
	{ true, false, true, "alice@", "alice@" },
};

START_TEST(canonical)
{
	const struct row *row = &rows[_i];
	struct mr_login_policy policy = { row->domain ? example_com : NULL, row->fold, row->strip };
	char out[MR_LOGIN_MAX];
	size_t n;

	ck_assert_int_eq(mr_login_canonical(&policy, mr_str_of(row->login), out, sizeof(out), &n), MR_OK);
	ck_assert_str_eq(out, row->canonical);
	ck_assert_uint_eq(n, strlen(row->canonical));
}
END_TEST

static int canonical_of(struct mr_str login, char *out, size_t size)
{
	struct mr_login_policy policy = { NULL, true, false };
	size_t n = 99;
	int err = mr_login_canonical(&policy, login, out, size, &n);

	if (err)
		ck_assert_uint_eq(n, 0);
	return err;
}

START_TEST(nobody)
{
	char out[64];

	ck_assert_int_eq(canonical_of(MR_STR(""), out, sizeof(out)), MR_ERR_NOTFOUND);
	ck_assert_int_eq(canonical_of(MR_STR("  \t "), out, sizeof(out)), MR_ERR_NOTFOUND);
	ck_assert_int_eq(canonical_of(MR_STR_ABSENT, out, sizeof(out)), MR_ERR_NOTFOUND);
}
END_TEST

START_TEST(not_a_login)
{
	char out[64];

	ck_assert_int_eq(canonical_of((struct mr_str){ "ali\0ce", 6 }, out, sizeof(out)), MR_ERR_SYNTAX);
	ck_assert_int_eq(canonical_of(MR_STR("alice\n"), out, sizeof(out)), MR_ERR_SYNTAX);
	ck_assert_int_eq(canonical_of(MR_STR("alice\x7f"), out, sizeof(out)), MR_ERR_SYNTAX);
	ck_assert_int_eq(canonical_of(MR_STR("al\xffice"), out, sizeof(out)), MR_ERR_SYNTAX);
	ck_assert_int_eq(canonical_of(MR_STR("alice@\xff"), out, sizeof(out)), MR_ERR_SYNTAX);
}
END_TEST

START_TEST(never_longer_than_its_room)
{
	static const char login[] = "alice@example.com";

	for (size_t size = 0; size <= sizeof(login); size++) {
		char out[64];
		int err;

		memset(out, 'x', sizeof(out));
		err = canonical_of(MR_STR("alice@example.com"), out, size);
		ck_assert_int_eq(err, size < sizeof(login) ? MR_ERR_FULL : MR_OK);
		for (size_t i = size; i < sizeof(out); i++)
			ck_assert_int_eq(out[i], 'x');
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("login");
	TCase *tc = tcase_create("login");

	tcase_add_loop_test(tc, canonical, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, nobody);
	tcase_add_test(tc, not_a_login);
	tcase_add_test(tc, never_longer_than_its_room);
	suite_add_tcase(suite, tc);
	return mr_run_suite(suite);
}
