/*
 * Lines of mail logs: what each line of tests/corpus/maillog becomes, their times, and that nothing that a client
 * writes changes the address.
 */
#include "replay/maillog.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/error.h"
#include "eventlog/factline.h"
#include "harness.h"
#include "mailreeve.h"

enum { LINES_MAX = 400, LINE_SIZE = 1200, PATH_SIZE = 512, ARENA_LIMIT = 1 << 20 };

/* 2026-11-22T12:00:00Z */
#define NOW_MS INT64_C(1795348800000)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

/* What a line of the corpus should give. */
struct expected {
	char meaning[8]; /* "good", "bad", "nouser", "none" */
	char protocol[16];
	char ip[MR_IP_TEXT_MAX];
	unsigned tries;
	bool login_told;
	char login[LINE_SIZE];
};

static struct {
	char file[32];
	unsigned number;
	struct expected expected;
	char line[LINE_SIZE];
	size_t n;
} corpus[LINES_MAX];
static size_t corpus_count;

static void read_expected(const char *text, struct expected *expected_r)
{
	char ip[MR_IP_TEXT_MAX];
	int at = 0;

	*expected_r = (struct expected){ .tries = 0 };
	ck_assert_int_ge(sscanf(text, "%7s %15s %45s %u %n", expected_r->meaning, expected_r->protocol, ip,
				&expected_r->tries, &at), 1);
	if (strcmp(expected_r->meaning, "none") == 0)
		return;
	ck_assert_int_gt(at, 0);
	memcpy(expected_r->ip, ip, sizeof(ip));
	expected_r->login_told = text[at] == '<';
	if (expected_r->login_told)
		(void)snprintf(expected_r->login, sizeof(expected_r->login), "%.*s", (int)strlen(text + at) - 2,
			       text + at + 1);
}

static void read_file(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[PATH_SIZE], line[LINE_SIZE];
	struct expected expected = { .tries = 0 };
	unsigned number = 0;

	(void)snprintf(path, sizeof(path), "%s/tests/corpus/maillog/%s", top != NULL ? top : ".", name);
	FILE *file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s cannot be opened", path);
	while (fgets(line, sizeof(line), file) != NULL) {
		size_t n = strcspn(line, "\n");
		ck_assert_msg(line[n] == '\n', "%s:%u: the line is too long", name, number + 1);
		line[n] = '\0';
		number++;
		if (n == 0 || line[0] == '#')
			continue;
		if (line[0] != '>') {
			read_expected(line, &expected);
			continue;
		}
		ck_assert_uint_lt(corpus_count, LINES_MAX);
		(void)snprintf(corpus[corpus_count].file, sizeof(corpus[0].file), "%s", name);
		corpus[corpus_count].number = number;
		corpus[corpus_count].expected = expected;
		corpus[corpus_count].n = n - 2;
		memcpy(corpus[corpus_count++].line, line + 2, n - 1);
	}
	fclose(file);
}

static void read_corpus(void)
{
	static const char *const names[] = { "postfix.txt", "sendmail.txt", "dovecot.txt", "cyrus.txt", "lines.txt" };

	setenv("TZ", "UTC", 1);
	tzset();
	corpus_count = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		read_file(names[i]);
	ck_assert_uint_gt(corpus_count, 80);
}

static struct mr_str line_of(size_t i)
{
	return (struct mr_str){ corpus[i].line, corpus[i].n };
}

/* Check notes every assertion that holds, which costs too much in loops. */
#define REQUIRE(condition, ...)                    \
	do {                                       \
		if (!(condition))                  \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

#define WHERE "%s:%u"
#define AT(i) corpus[i].file, corpus[i].number

static void check_found(size_t i, const struct mr_log_login *login)
{
	const struct expected *expected = &corpus[i].expected;
	char ip[MR_IP_TEXT_MAX];

	ck_assert_msg(login->success == (strcmp(expected->meaning, "good") == 0), WHERE ": success", AT(i));
	ck_assert_msg((login->fail_type != NULL) == (strcmp(expected->meaning, "nouser") == 0), WHERE ": fail_type",
		      AT(i));
	ck_assert_msg(strcmp(login->protocol, expected->protocol) == 0, WHERE ": protocol %s", AT(i), login->protocol);
	mr_ip_format(&login->ip, ip);
	ck_assert_msg(strcmp(ip, expected->ip) == 0, WHERE ": address %s", AT(i), ip);
	ck_assert_msg(login->parts.tries == expected->tries, WHERE ": %u tries", AT(i), login->parts.tries);
	ck_assert_msg((login->parts.login.p != NULL) == expected->login_told, WHERE ": login told", AT(i));
	ck_assert_msg(!expected->login_told || mr_str_equal(login->parts.login, mr_str_of(expected->login)),
		      WHERE ": login %.*s", AT(i), (int)login->parts.login.n, login->parts.login.p);
}

/* The fact reads back as what was found. */
static void check_fact(size_t i, const struct mr_log_login *login)
{
	struct mr_arena *arena = mr_arena_new(ARENA_LIMIT);
	struct mr_fact fact;
	struct mr_fact_fault fault;
	char *text;

	ck_assert_int_eq(mr_log_line_read(corpus[i].line, corpus[i].n, NOW_MS, &text), (int)login->parts.tries);
	ck_assert_ptr_null(strchr(text, '\n'));
	ck_assert_msg(mr_fact_read(mr_str_of(text), arena, &fact, &fault) == 0, WHERE ": %s", AT(i), fault.why);
	ck_assert_int_eq(fact.kind, MR_FACT_LOGIN);
	ck_assert_int_eq(fact.time_ms, login->time_ms);
	ck_assert(mr_ip_equal(&fact.connection.client_ip, &login->ip));
	ck_assert_int_eq(fact.connection.asn, -1);
	ck_assert(mr_str_equal(fact.attempt.login, login->parts.login));
	ck_assert(mr_str_equal(fact.attempt.protocol, mr_str_of(login->protocol)));
	ck_assert(mr_str_equal(fact.attempt.fail_type, mr_str_of(login->fail_type)));
	ck_assert(fact.attempt.success == login->success);
	ck_assert(!fact.attempt.policy_reject);
	ck_assert(!mr_str_equal(fact.connection.client_name, MR_STR("unknown")));
	free(text);
	mr_arena_free(&arena);
}

START_TEST(every_line_of_the_corpus)
{
	struct mr_log_login login;
	char *fact;

	for (size_t i = 0; i < corpus_count; i++) {
		bool wanted = strcmp(corpus[i].expected.meaning, "none") != 0;
		bool found = mr_log_find(line_of(i), NOW_MS, &login);
		ck_assert_msg(found == wanted, WHERE ": %s", AT(i), found ? "tells of a login" : "tells of none");
		if (found) {
			check_found(i, &login);
			check_fact(i, &login);
		} else {
			ck_assert_int_eq(mr_log_line_read(corpus[i].line, corpus[i].n, NOW_MS, &fact), 0);
			ck_assert_ptr_null(fact);
		}
	}
}
END_TEST

/* Another login in the place of one: the address stays, or the line is not believed. */
static void try_login(size_t i, const struct mr_log_login *honest, struct mr_str evil)
{
	char line[LINE_SIZE * 3];
	size_t before = (size_t)(honest->parts.login.p - corpus[i].line);
	struct mr_str after = mr_str_part(line_of(i), before + honest->parts.login.n, corpus[i].n);
	struct mr_log_login login;
	int n = snprintf(line, sizeof(line), "%.*s%.*s%.*s", (int)before, corpus[i].line, (int)evil.n, evil.p,
			 (int)after.n, after.p);

	if (!mr_log_find((struct mr_str){ line, (size_t)n }, NOW_MS, &login))
		return;
	REQUIRE(mr_ip_equal(&login.ip, &honest->ip), WHERE ": the address changed: %s", AT(i), line);
	REQUIRE(login.success == honest->success, WHERE ": the outcome changed: %s", AT(i), line);
}

/* Everything that servers write, whole and from any of its delimiters on, as a login. */
START_TEST(no_login_changes_the_address)
{
	struct mr_log_login honest;

	for (size_t i = 0; i < corpus_count; i++) {
		if (!mr_log_find(line_of(i), NOW_MS, &honest) || honest.parts.login.n == 0)
			continue;
		for (size_t k = 0; k < corpus_count; k++) {
			struct mr_str other = line_of(k);
			for (size_t from = 0; from < other.n; from++) {
				if (from > 0 && strchr(" ,>)]:<", other.p[from]) == NULL)
					continue;
				try_login(i, &honest, mr_str_part(other, from, other.n));
			}
		}
	}
}
END_TEST

/* Whoever keeps the log may cut a line anywhere: half an address is none. Where the address comes after the login, a
 * cut right behind a login that looks like the end of a line cannot be seen; there only the bound on what is believed
 * helps. */
START_TEST(a_cut_line_has_its_address_or_none)
{
	struct mr_log_login whole, part;

	for (size_t i = 0; i < corpus_count; i++) {
		if (!mr_log_find(line_of(i), NOW_MS, &whole) || strstr(corpus[i].expected.login, "198.51.100.9") != NULL)
			continue;
		for (size_t n = 0; n < corpus[i].n; n++)
			if (mr_log_find(mr_str_part(line_of(i), 0, n), NOW_MS, &part))
				REQUIRE(mr_ip_equal(&part.ip, &whole.ip), WHERE ": cut at %zu", AT(i), n);
	}
}
END_TEST

/* A control character in the text, and a text that is too long to be whole. */
START_TEST(strange_texts_are_not_believed)
{
	static const char start[] = "Nov 22 05:00:01 mx1 postfix/smtpd[1]: warning: unknown[192.0.2.7]: SASL LOGIN "
				    "authentication failed: x, sasl_username=";
	static const char controls[] = { '\0', '\1', '\n', '\r', '\t', '\33', '\177' };
	char line[4096];
	struct mr_log_login login;
	size_t n = strlen(start);

	memcpy(line, start, n);
	memset(line + n, 'a', sizeof(line) - n);
	ck_assert(mr_log_find((struct mr_str){ line, n + 320 }, NOW_MS, &login));
	ck_assert_uint_eq(login.parts.login.n, 320);
	ck_assert(mr_log_find((struct mr_str){ line, n + 321 }, NOW_MS, &login));
	ck_assert_ptr_null(login.parts.login.p);
	ck_assert(!mr_log_find((struct mr_str){ line, sizeof(line) }, NOW_MS, &login));
	for (size_t i = 0; i < sizeof(controls); i++) {
		line[n + 1] = controls[i];
		ck_assert_msg(!mr_log_find((struct mr_str){ line, n + 3 }, NOW_MS, &login), "byte %d", controls[i]);
	}
	line[n + 1] = '\xe9';
	ck_assert(mr_log_find((struct mr_str){ line, n + 3 }, NOW_MS, &login));
}
END_TEST

/* Texts with very many ways to be taken apart end soon, and are not believed. */
START_TEST(the_work_is_bounded)
{
	struct mr_log_parts parts;
	char text[900];

	memset(text, ' ', sizeof(text));
	ck_assert_int_eq(mr_log_fit("%R %R %R %R %R %R %R %Rx", (struct mr_str){ text, sizeof(text) }, &parts),
			 MR_LOG_UNSURE);
	ck_assert_int_eq(mr_log_fit("%U %R", MR_STR("a b c"), &parts), MR_LOG_UNSURE);
	ck_assert_int_eq(mr_log_fit("%U %R", MR_STR("a bc"), &parts), MR_LOG_FITS);
	ck_assert_int_eq(mr_log_fit("%U %R", MR_STR("abc"), &parts), MR_LOG_NO_FIT);
	ck_assert_int_eq(mr_log_fit("{a}{b}c", MR_STR("bc"), &parts), MR_LOG_FITS);
	ck_assert_int_eq(mr_log_fit("{a}{b}c", MR_STR("bac"), &parts), MR_LOG_NO_FIT);
	ck_assert_int_eq(mr_log_fit("%Kx", MR_STR("1234567890x"), &parts), MR_LOG_NO_FIT);
}
END_TEST

#define TEXT " mx1 postfix/smtpd[1]: warning: unknown[192.0.2.7]: SASL LOGIN authentication failed: x"

static int64_t time_of(const char *head, int64_t source_ms)
{
	struct mr_log_login login;
	char line[256];
	int n = snprintf(line, sizeof(line), "%s" TEXT, head);

	ck_assert_msg(mr_log_find((struct mr_str){ line, (size_t)n }, source_ms, &login), "%s", line);
	return login.time_ms;
}

START_TEST(a_time_without_a_year)
{
	ck_assert_int_eq(time_of("Nov 22 12:00:00", NOW_MS), NOW_MS);
	ck_assert_int_eq(time_of("Nov 22 12:00:00.25", NOW_MS), NOW_MS + 250);
	ck_assert_int_eq(time_of("Nov  2 12:00:00", NOW_MS), NOW_MS - 20 * DAY_MS);
	/* A clock that goes ahead by less than a day is believed; more is last year. */
	ck_assert_int_eq(time_of("Nov 23 11:59:59", NOW_MS), NOW_MS + DAY_MS - 1000);
	ck_assert_int_eq(time_of("Nov 24 12:00:00", NOW_MS), NOW_MS - 363 * DAY_MS);
	/* At midnight of the last of December: 2026-12-31T23:59:50Z. */
	const int64_t eve = INT64_C(1798761590000);
	ck_assert_int_eq(time_of("Jan  1 00:00:05", eve), eve + 15000);
	ck_assert_int_eq(time_of("Dec 31 23:59:40", eve + 20000), eve - 10000);
	ck_assert_int_eq(time_of("Jan  3 23:59:50", eve), eve - 362 * DAY_MS);
}
END_TEST

START_TEST(a_time_with_a_zone)
{
	ck_assert_int_eq(time_of("2026-11-22T12:00:00Z", NOW_MS), NOW_MS);
	ck_assert_int_eq(time_of("2026-11-22T13:00:00.125+01:00", NOW_MS), NOW_MS + 125);
	ck_assert_int_eq(time_of("2026-11-22T06:30:00-0530", NOW_MS), NOW_MS);
	ck_assert_int_eq(time_of("2026-11-22 12:00:00", NOW_MS), NOW_MS);
	ck_assert_int_eq(time_of("2025-11-22T12:00:00Z", NOW_MS), NOW_MS - 365 * DAY_MS);
	ck_assert_int_eq(time_of("2036-11-22T12:00:00Z", NOW_MS), NOW_MS);
}
END_TEST

START_TEST(a_time_without_a_zone_is_local)
{
	setenv("TZ", "TST-3", 1);
	tzset();
	ck_assert_int_eq(time_of("Nov 22 15:00:00", NOW_MS), NOW_MS);
	ck_assert_int_eq(time_of("2026-11-22 15:00:00", NOW_MS), NOW_MS);
	ck_assert_int_eq(time_of("2026-11-22T12:00:00Z", NOW_MS), NOW_MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("maillog");
	TCase *tcase = tcase_create("all");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, read_corpus, NULL);
	tcase_add_test(tcase, every_line_of_the_corpus);
	tcase_add_test(tcase, no_login_changes_the_address);
	tcase_add_test(tcase, a_cut_line_has_its_address_or_none);
	tcase_add_test(tcase, strange_texts_are_not_believed);
	tcase_add_test(tcase, the_work_is_bounded);
	tcase_add_test(tcase, a_time_without_a_year);
	tcase_add_test(tcase, a_time_with_a_zone);
	tcase_add_test(tcase, a_time_without_a_zone_is_local);
	suite_add_tcase(suite, tcase);
	return mr_run_suite(suite);
}
