/*
 * Notices without a daemon: what counts as the same one, and the text of a mail about it.
 */
#include <stdio.h>
#include <string.h>

#include "../../milter/letter.h"
#include "../../milter/notice.h"
#include "../../milter/repeats.h"
#include "harness.h"

enum { INTERVAL = 1000 };

static struct mr_notice *line_of(const char *action, const char *login, const char *reason, const char *message)
{
	char line[2048];
	struct mr_notice *notice;

	(void)snprintf(line, sizeof(line), "{\"@timestamp\":\"2026-01-02T03:04:05.000Z\",\"message\":\"%s\",\"event\":"
		       "{\"action\":\"%s\",\"id\":\"e1\"},\"user\":{\"name\":\"%s\"},\"mailreeve\":{\"reason\":\"%s\"}}\n",
		       message, action, login, reason);
	ck_assert_int_eq(mr_notice_read(line, strlen(line), &notice), 0);
	return notice;
}

/* The number of others that it is told with, -1 when it is not told. */
static int64_t take(struct mr_repeats *repeats, const char *action, const char *login, int64_t now_ms)
{
	struct mr_notice *told = mr_repeats_take(repeats, line_of(action, login, "x.y", "m"), now_ms, INTERVAL);
	int64_t repeated = told != NULL ? (int64_t)mr_notice_repeated(told) : -1;

	mr_notice_free(&told);
	return repeated;
}

START_TEST(test_not_a_line)
{
	static const char *const lines[] = { "", "\n", "[]", "{", "{\"a\":1,\"a\":2}", "\"x\"", "{\"a\":\"\\u0000\"}" };
	const char *odd = "{\"event\":3,\"user\":{\"name\":[]}}";
	struct mr_notice *notice;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ck_assert_int_ne(mr_notice_read(lines[i], strlen(lines[i]), &notice), 0);
		ck_assert_ptr_null(notice);
	}
	ck_assert_int_eq(mr_notice_read(odd, strlen(odd), &notice), 0);
	for (unsigned i = 0; i < MR_NOTICE_TEXTS; i++)
		ck_assert_str_eq(mr_notice_text(notice, (enum mr_notice_text)i), "");
	mr_notice_free(&notice);
}
END_TEST

START_TEST(test_steps)
{
	struct mr_repeats *repeats;

	ck_assert_int_eq(mr_repeats_new(8, &repeats), 0);
	ck_assert_int_eq(take(repeats, "account-held", "bob", 0), 0);
	ck_assert_int_eq(take(repeats, "account-frozen", "bob", 1), 0);
	ck_assert_int_eq(take(repeats, "account-frozen", "bob", 2), -1);
	ck_assert_int_eq(take(repeats, "account-frozen", "carol", 3), 0);
	ck_assert_int_eq(take(repeats, "account-thawed", "bob", 4), 0);
	ck_assert_int_eq(take(repeats, "account-thawed", "bob", 5), -1);
	ck_assert_int_eq(take(repeats, "account-frozen", "bob", 6), 0);
	ck_assert_int_eq(take(repeats, "account-thawed", "bob", 7), 0);
	ck_assert_int_eq(take(repeats, "account-frozen", "carol", 8), -1);
	ck_assert_int_eq(take(repeats, "account-frozen", "carol", 3 + INTERVAL), 0);
	/* Steps are never told with a number. */
	ck_assert_int_eq(mr_repeats_next(repeats), INT64_MAX);
	mr_repeats_free(&repeats);
}
END_TEST

START_TEST(test_repeated_alerts)
{
	struct mr_repeats *repeats;
	struct mr_notice *told;
	char *line;
	size_t n;

	ck_assert_int_eq(mr_repeats_new(8, &repeats), 0);
	ck_assert_int_eq(take(repeats, "alert", "bob", 0), 0);
	ck_assert_ptr_null(mr_repeats_due(repeats, INTERVAL - 1, INTERVAL));
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(take(repeats, "alert", "bob", 10 + i), -1);
	ck_assert_int_eq(take(repeats, "alert", "carol", 20), 0);
	ck_assert_int_eq(mr_repeats_next(repeats), INTERVAL);
	ck_assert_ptr_null(mr_repeats_due(repeats, INTERVAL - 1, INTERVAL));
	told = mr_repeats_due(repeats, INTERVAL, INTERVAL);
	ck_assert_ptr_nonnull(told);
	ck_assert_uint_eq(mr_notice_repeated(told), 4);
	line = mr_notice_line(told, &n);
	ck_assert_ptr_nonnull(strstr(line, "\"repeated\":4"));
	ck_assert(line[n - 1] == '\n' && strlen(line) == n);
	free(line);
	mr_notice_free(&told);
	ck_assert_ptr_null(mr_repeats_due(repeats, INTERVAL, INTERVAL));
	ck_assert_int_eq(take(repeats, "alert", "bob", INTERVAL + 1), -1);
	told = mr_repeats_due(repeats, 2 * INTERVAL, INTERVAL);
	ck_assert_ptr_nonnull(told);
	mr_notice_free(&told);
	ck_assert_ptr_null(mr_repeats_due(repeats, 3 * INTERVAL, INTERVAL));
	ck_assert_int_eq(take(repeats, "alert", "bob", 3 * INTERVAL), 0);
	mr_repeats_free(&repeats);
}
END_TEST

START_TEST(test_repeats_are_bounded)
{
	struct mr_repeats *repeats;
	char name[32];

	ck_assert_int_eq(mr_repeats_new(4, &repeats), 0);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "user%d", i);
		ck_assert_int_eq(take(repeats, "account-frozen", name, i), 0);
		ck_assert_int_eq(take(repeats, "account-frozen", name, i), -1);
		ck_assert_int_eq(take(repeats, "alert", name, i), 0);
		ck_assert_int_eq(take(repeats, "alert", name, i), -1);
	}
	mr_repeats_free(&repeats);
}
END_TEST

/* Names that are alike in all that is kept of them are not the same. */
START_TEST(test_long_names)
{
	struct mr_repeats *repeats;
	char name[401];

	memset(name, 'x', sizeof(name) - 1);
	name[400] = '\0';
	ck_assert_int_eq(mr_repeats_new(8, &repeats), 0);
	ck_assert_int_eq(take(repeats, "alert", name, 0), 0);
	name[399] = 'y';
	ck_assert_int_eq(take(repeats, "alert", name, 0), 0);
	mr_repeats_free(&repeats);
}
END_TEST

static char *letter_of(enum mr_letter_kind kind, struct mr_notice *notice)
{
	struct mr_letter letter = { .kind = kind, .from = "reeve@example.com", .to = "noc@example.com",
				    .contact = "call 555-0100", .now_ms = 1767323045000, .unique = 7 };
	size_t n;
	char *mail = mr_letter_write(&letter, notice, &n);

	ck_assert_ptr_nonnull(mail);
	ck_assert_uint_eq(strlen(mail), n);
	mr_notice_free(&notice);
	return mail;
}

/* Every line ends with CRLF, is short, and holds printable ASCII. */
static void assert_clean(const char *mail)
{
	size_t column = 0;

	for (const char *p = mail; *p != '\0'; p++) {
		if (p[0] == '\r' && p[1] == '\n') {
			column = 0;
			p++;
			continue;
		}
		ck_assert_msg(*p >= ' ' && *p <= '~', "byte %02x in: %s", (unsigned char)*p, mail);
		ck_assert_uint_le(++column, 78);
	}
	ck_assert_uint_eq(column, 0);
}

START_TEST(test_letter)
{
	char *mail = letter_of(MR_LETTER_OPERATOR, line_of("account-frozen", "bob@example.com", "x.y", "account is frozen"));

	assert_clean(mail);
	ck_assert_ptr_nonnull(strstr(mail, "From: Mailreeve <reeve@example.com>\r\nTo: <noc@example.com>\r\n"));
	ck_assert_ptr_nonnull(strstr(mail, "\r\nSubject: [mailreeve] account frozen: bob@example.com\r\n"));
	ck_assert_ptr_nonnull(strstr(mail, "\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\n"));
	ck_assert_ptr_nonnull(strstr(mail, "\r\nMessage-ID: <1767323045000.0000000000000007@example.com>\r\n"));
	ck_assert_ptr_nonnull(strstr(mail, "\r\nAuto-Submitted: auto-generated\r\n"));
	ck_assert_ptr_nonnull(strstr(mail, "mailreeve thaw bob@example.com "));
	free(mail);
	mail = letter_of(MR_LETTER_OWNER, line_of("account-held", "bob@example.com", "x.y", "evidence +15.5 of +13.0"));
	assert_clean(mail);
	ck_assert_ptr_nonnull(strstr(mail, "\r\nSubject: Your mail waits for a check\r\n"));
	ck_assert_ptr_nonnull(strstr(mail, "call 555-0100"));
	ck_assert_ptr_null(strstr(mail, "15.5")); /* a thief may read it */
	free(mail);
}
END_TEST

START_TEST(test_hostile_letters)
{
	static const char *const names[] = {
		"a\\r\\nBcc: x@evil.example\\r\\n\\r\\nhello", "a\\u2028\\u0007\\u007f\\t", "=?UTF-8?Q?x?=@example.com",
		"\\u00fc\\u20ac\\ud83d\\ude00 \\u00fc\\u20ac\\ud83d\\ude00 \\u00fc\\u20ac\\ud83d\\ude00 \\u00fc\\u20ac\\ud83d\\ude00",
		"$(reboot)@example.com", "`x`", "-f", "x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx!",
		"\\n.\\nFrom x\\n.", "",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *mail = letter_of(MR_LETTER_OPERATOR, line_of("account-frozen", names[i], "x.y", names[i]));
		const char *body = strstr(mail, "\r\n\r\n");

		assert_clean(mail);
		ck_assert_ptr_nonnull(body);
		ck_assert_ptr_null(strstr(mail, "\nBcc"));
		ck_assert_ptr_null(strstr(body, "\r\n."));
		ck_assert_ptr_null(strstr(body, "\r\nFrom"));
		ck_assert_ptr_null(strstr(body, "mailreeve thaw"));
		free(mail);
		mail = letter_of(MR_LETTER_OWNER, line_of("account-frozen", names[i], "x.y", names[i]));
		assert_clean(mail);
		ck_assert_ptr_null(strstr(mail, "\nBcc"));
		free(mail);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("notices");
	TCase *tcase = tcase_create("notices");

	tcase_add_test(tcase, test_not_a_line);
	tcase_add_test(tcase, test_steps);
	tcase_add_test(tcase, test_repeated_alerts);
	tcase_add_test(tcase, test_repeats_are_bounded);
	tcase_add_test(tcase, test_long_names);
	tcase_add_test(tcase, test_letter);
	tcase_add_test(tcase, test_hostile_letters);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return mr_run_suite(suite());
}
