/*
 * What a session keeps, and what becomes of that which is too much: header fields, sizes, lines, memory.
 */
#include "player.h"

/* ---- Headers and sizes ---- */

static struct mr_policy *
header_policy(void)
{
	struct mr_policy *policy = relay_policy();
	struct mr_shield_policy *shield = add_shield(policy, "example.com", "");

	shield->header_from = true;
	shield->rule.cannot_tell = MR_TEMPFAIL;
	return policy;
}

static void
play_message(unsigned harmless, const char *name, const char *last)
{
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	for (unsigned i = 0; i < harmless; i++)
		mr_session_header(play.session, "From", "x@elsewhere.example");
	mr_session_header(play.session, name, last);
	say_end(10);
}

START_TEST(header_fields)
{
	start(header_policy());
	connect_from("203.0.113.9", false);
	play_message(0, "fRoM", "boss@example.com");
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	EXPECT_VERDICT("reject", "shield-header", "end");
	play_message(0, "From ", "boss@example.com");
	EXPECT_VERDICT("reject", "shield-header", "end");
	play_message(3, "From", "boss@example.com");
	EXPECT_VERDICT("reject", "shield-header", "end");
	play_message(1, "X-From", "boss@example.com");
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "end");
	/* What was kept goes with its message. */
	play_message(0, "To", "boss@example.com");
	EXPECT_VERDICT("accept", "", "end");
}
END_TEST

/* No number of fields hides the one behind them. */
START_TEST(more_fields_than_are_kept)
{
	start(header_policy());
	connect_from("203.0.113.9", false);
	play_message(MR_SESSION_HEADERS_MAX - 1, "From", "boss@example.com");
	EXPECT_VERDICT("reject", "shield-header", "end");
	play_message(MR_SESSION_HEADERS_MAX - 1, "From", "x@elsewhere.example");
	EXPECT_VERDICT("accept", "", "end");
	play_message(MR_SESSION_HEADERS_MAX, "From", "boss@example.com");
	EXPECT_VERDICT("tempfail", "shield-cannot-tell", "end");
	play_message(MR_SESSION_HEADERS_MAX + 100, "From", "boss@example.com");
	EXPECT_VERDICT("tempfail", "shield-cannot-tell", "end");
}
END_TEST

START_TEST(sizes)
{
	struct mr_policy *policy = relay_policy();
	const char *const parameters[] = { "BODY=8BITMIME", "size=1001", NULL };
	const char *const strange[] = { "SIZE=12x", NULL }, *const longest[] = { "SIZE=99999999999999999999", NULL };

	policy->limits.rule.mode = MR_MODE_ENFORCE;
	policy->limits.rule.cannot_tell = MR_TEMPFAIL;
	policy->limits.size = 1000;
	policy->limits.size_from_body = true;
	start(policy);
	ck_assert_uint_eq(mr_engine_needs(play.engine), MR_NEEDS_BODY);
	connect_from("203.0.113.9", false);
	mr_session_mail(play.session, play.now_ms, "<zqx@elsewhere.example>", parameters, NULL, NULL, &play.reply);
	EXPECT_REPLY(MR_ANSWER_REJECT, 552, "5.3.4");
	EXPECT_VERDICT("reject", "limits-size", "mail");
	mr_session_mail(play.session, play.now_ms, "<zqx@elsewhere.example>", strange, NULL, NULL, &play.reply);
	EXPECT_CONTINUE();
	mr_session_mail(play.session, play.now_ms, "<zqx@elsewhere.example>", longest, NULL, NULL, &play.reply);
	play.verdicts = 0;
	say_mail("<zqx@elsewhere.example>", NULL);
	play.verdicts = 0;
	say_rcpt("<bob@example.com>");
	mr_session_body(play.session, 600);
	mr_session_body(play.session, 600);
	say_end(-1);
	EXPECT_VERDICT("reject", "limits-size", "end");
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	mr_session_body(play.session, 600);
	say_end(-1);
	EXPECT_VERDICT("accept", "", "end");
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	say_end(1001);
	EXPECT_VERDICT("reject", "limits-size", "end");
	/* Header fields are counted too, and what is told counts more than what we count, also when it is 0. */
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	mr_session_header(play.session, "Subject", "x");
	mr_session_body(play.session, 989);
	say_end(-1);
	EXPECT_VERDICT("reject", "limits-size", "end");
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	mr_session_body(play.session, 5000);
	say_end(0);
	EXPECT_VERDICT("accept", "", "end");
	/* Nobody counted and nobody told. */
	mr_session_close(&play.session, play.now_ms);
	ck_assert_int_eq(mr_session_new(play.engine, 0, &play.session), 0);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	say_end(-1);
	EXPECT_VERDICT("tempfail", "limits-cannot-tell", "end");
}
END_TEST

/* ---- Lines ---- */

static size_t
lines_of(const char *action)
{
	size_t n = 0;

	for (size_t i = 0; i < play.count; i++)
		n += strcmp(play.lines[i].action, action) == 0;
	return n;
}

START_TEST(an_open_relay_is_told_once_a_message)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	for (int i = 0; i < 3; i++)
		say_rcpt_seen("<zqx@elsewhere.example>", "zqx@elsewhere.example", "smtp");
	ck_assert_uint_eq(lines_of("alert"), 1);
	ck_assert_uint_eq(lines_of("refused"), 3);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt_seen("<zqx@elsewhere.example>", "zqx@elsewhere.example", "smtp");
	ck_assert_uint_eq(lines_of("alert"), 2);
	/* Lines are numbered within their message. */
	ck_assert_str_eq(strrchr(last_line()->id, '-'), "-1");
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt_seen("<zqx@elsewhere.example>", "5.7.1 denied", "error");
	ck_assert_uint_eq(lines_of("alert"), 2);
}
END_TEST

/* Ten thousand refused recipients do not fill the log; the verdict counts them all. */
START_TEST(lines_about_recipients_are_bounded)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	for (int i = 0; i < 10000; i++) {
		say_rcpt("<zqx@elsewhere.example>");
		ck_assert_int_eq(play.reply.action, MR_ANSWER_REJECT);
		check_reply();
	}
	ck_assert_uint_eq(lines_of("refused"), MR_SESSION_LINES_MAX);
	mr_session_abort(play.session, play.now_ms);
	EXPECT_VERDICT("reject", "relay-denied", "rcpt");
	ck_assert_int_eq(last_line()->refused, 10000);
}
END_TEST

/* When a message has used up its memory, recipients that cannot be read are refused, never taken. */
/* A login that finds no room is somebody whom nobody knows, not nobody. */
START_TEST(a_login_too_long_to_keep)
{
	struct mr_policy *policy = relay_policy();
	size_t n = (size_t)MR_SESSION_ARENA_MAX + 1;
	char *login = malloc(n + 1);

	ck_assert_ptr_nonnull(login);
	memset(login, 'a', n);
	login[n] = '\0';
	policy->sender.rule = (struct mr_rule_settings){ .mode = MR_MODE_ENFORCE, .cannot_tell = MR_REJECT };
	policy->sender.own = true;
	start(policy);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", login);
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	EXPECT_VERDICT("reject", "sender-cannot-tell", "mail");
	free(login);
}
END_TEST

START_TEST(memory_runs_out)
{
	static char path[4000];
	int refused = 0;

	start(relay_policy());
	connect_from("203.0.113.9", false);
	memset(path, 'a', sizeof(path) - 1);
	memcpy(path + sizeof(path) - 13, "@example.com", 12);
	say_mail("<zqx@elsewhere.example>", NULL);
	for (int i = 0; i < 2000; i++) {
		say_rcpt_seen(path, path, "virtual");
		if (play.reply.action != MR_CONTINUE) {
			check_reply();
			refused++;
		} else {
			ck_assert_int_eq(refused, 0);
		}
	}
	ck_assert_int_gt(refused, 0);
	/* A long From finds no room either: that is not the same as none. */
	mr_session_header(play.session, "From", path);
	say_end(10);
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_int_eq(last_line()->count, 2000);
	ck_assert_int_eq(last_line()->refused, refused);
	ck_assert_int_eq(last_line()->accepted, 2000 - refused);
	/* The next message has all its memory again. */
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt_seen(path, path, "virtual");
	EXPECT_CONTINUE();
}
END_TEST

/* One message with every rule that reads something; true when a session could be made at all. */
static bool
play_without_memory(long nth)
{
	mr_alloc_starve(nth);
	if (mr_session_new(play.engine, MR_NEEDS_HEADERS, &play.session) != 0) {
		mr_alloc_starve(0);
		ck_assert_ptr_null(play.session);
		return false;
	}
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	check_reply();
	say_rcpt("<zqx@elsewhere.example>");
	ck_assert_int_ne(play.reply.action, MR_CONTINUE);
	check_reply();
	say_rcpt_seen("<zqx@example.com>", "zqx@elsewhere.example", "smtp");
	ck_assert_int_ne(play.reply.action, MR_CONTINUE);
	say_rcpt("<bob@example.com>");
	check_reply();
	mr_session_header(play.session, "From", "Boss <boss@example.com>");
	say_end(10);
	ck_assert_int_ne(play.reply.action, MR_CONTINUE);
	check_reply();
	mr_session_close(&play.session, play.now_ms);
	mr_alloc_starve(0);
	return true;
}

/* Memory that fails, at whatever moment, never lets a message or a recipient pass, and costs no verdict line. */
START_TEST(memory_fails_at_any_moment)
{
	size_t played = 0;

	start(header_policy());
	mr_session_close(&play.session, play.now_ms);
	for (long nth = 1; nth < 30; nth++) {
		played += play_without_memory(nth);
		ck_assert_uint_eq(play.verdicts, played);
	}
	ck_assert_uint_gt(played, 20);
}
END_TEST

START_TEST(no_memory_for_the_recipients_of_local_mail)
{
	static char path[60000];

	start(relay_policy());
	connect_from("127.0.0.1", true);
	memset(path, 'a', sizeof(path) - 1);
	say_mail("bob@example.com", NULL);
	for (int i = 0; i < 100; i++) {
		say_rcpt(path);
		EXPECT_CONTINUE();
	}
	say_end(10);
	check_reply();
	ck_assert_int_ne(play.reply.action, MR_CONTINUE);
	ck_assert_uint_eq(play.verdicts, 1);
}
END_TEST

START_TEST(a_sequence_of_ones_own)
{
	_Atomic uint64_t sequence = 41;
	struct mr_engine_options options = { .size = sizeof(options), .event = take_line, .sequence = &sequence };

	ck_assert_int_eq(mr_engine_new(&options, relay_policy(), 7, &play.engine), 0);
	mr_engine_say(play.engine, 1, MR_SAID_STARTED, "here we are", 0);
	ck_assert_str_eq(last_line()->action, "started");
	ck_assert_uint_eq(last_line()->sequence, 42);
	ck_assert_uint_eq(last_line()->generation, 7);
	mr_engine_say(play.engine, 1, MR_SAID_DEGRADED, NULL, 3);
	ck_assert_uint_eq(last_line()->sequence, 43);
	ck_assert_uint_eq(atomic_load(&sequence), 43);
	ck_assert_uint_eq(mr_engine_generation(play.engine), 7);
}
END_TEST

START_TEST(stopping)
{
	start(relay_policy());
	mr_session_mail_while_stopping(play.session, &play.reply);
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.2");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("session_bounds");
	TCase *tests = tcase_create("session_bounds");

	tcase_add_checked_fixture(tests, set_player, clear_player);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, header_fields);
	tcase_add_test(tests, more_fields_than_are_kept);
	tcase_add_test(tests, sizes);
	tcase_add_test(tests, an_open_relay_is_told_once_a_message);
	tcase_add_test(tests, lines_about_recipients_are_bounded);
	tcase_add_test(tests, a_login_too_long_to_keep);
	tcase_add_test(tests, memory_runs_out);
	tcase_add_test(tests, memory_fails_at_any_moment);
	tcase_add_test(tests, no_memory_for_the_recipients_of_local_mail);
	tcase_add_test(tests, a_sequence_of_ones_own);
	tcase_add_test(tests, stopping);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
