/*
 * Where the owner of a login reads mail: nowhere but at an address of ours that goes into a header field as it is.
 */
#include <string.h>

#include "harness.h"
#include "mailreeve.h"
#include "policy/source.h"

static struct mr_engine *engine;

static void begin(const char *text)
{
	struct mr_engine_options options = { .size = sizeof(options) };
	struct mr_policy_text *files = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;

	ck_assert_int_eq(mr_policy_text_from_memory("/x/mailreeve.conf", mr_str_of(text), &files), 0);
	ck_assert_int_eq(mr_policy_build(files, 0, NULL, &policy, &faults), 0);
	mr_policy_text_free(&files);
	mr_faults_free(&faults);
	ck_assert_int_eq(mr_engine_new(&options, policy, 1, &engine), 0);
}

/* "" when there is no such address. */
static const char *mailbox(const char *login)
{
	static char address[320];

	return mr_engine_mailbox(engine, login, address) == 0 ? address : "";
}

START_TEST(test_ours)
{
	begin("domains = [ \"example.com\", \".example.org\" ]\nlogin: { default_domain = \"example.com\" }\n");
	ck_assert_str_eq(mailbox("bob@example.com"), "bob@example.com");
	ck_assert_str_eq(mailbox("Bob@EXAMPLE.com"), "bob@example.com");
	ck_assert_str_eq(mailbox("bob"), "bob@example.com");
	ck_assert_str_eq(mailbox("o'hara.b+x@mail.example.org"), "o'hara.b+x@mail.example.org");
	ck_assert_str_eq(mailbox("bob@example.org"), "");
	ck_assert_str_eq(mailbox("bob@example.net"), "");
	ck_assert_str_eq(mailbox("bob@example.com.example.net"), "");
	mr_engine_free(&engine);
}
END_TEST

START_TEST(test_hostile)
{
	static const char *const logins[] = {
		"", " ", "@", "@example.com", "bob@", "b b@example.com", "\"b\"@example.com", "<b@example.com>",
		"b>@example.com", "b\r\nRCPT TO:<x@evil.example>@example.com", "b,c@example.com", "a@b@example.com",
		".b@example.com", "b.@example.com", "b@x>y.example.org", "b@x y.example.org", "b@x\".example.org",
		"b\xff@example.com", "b\xc3\xbc@example.com", "b:@example.com", "b;@example.com", "(b)@example.com",
		"b\\@example.com", "192.0.2.1",
	};

	begin("domains = [ \"example.com\", \".example.org\" ]\n");
	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++)
		ck_assert_msg(mailbox(logins[i])[0] == '\0', "%s gave %s", logins[i], mailbox(logins[i]));
	mr_engine_free(&engine);
}
END_TEST

START_TEST(test_accounts)
{
	begin("domains = [ \"example.com\" ]\naccounts = [ \"bob@example.com\" ]\n");
	ck_assert_str_eq(mailbox("bob@example.com"), "bob@example.com");
	ck_assert_str_eq(mailbox("carol@example.com"), "");
	mr_engine_free(&engine);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("mailbox");
	TCase *tcase = tcase_create("mailbox");

	tcase_add_test(tcase, test_ours);
	tcase_add_test(tcase, test_hostile);
	tcase_add_test(tcase, test_accounts);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return mr_run_suite(suite());
}
