/*
 * The session as a state machine of its own: whatever the order of calls, each transaction that begins ends with one
 * verdict line, and what belongs to none is not let through.
 */
#include "player.h"

START_TEST(out_of_order)
{
	start(relay_policy());
	say_rcpt("<bob@example.com>");
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.0");
	say_end(0);
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.0");
	mr_session_header(play.session, "From", "zqx");
	mr_session_body(play.session, 10);
	mr_session_abort(play.session, play.now_ms);
	connect_from("203.0.113.9", false);
	say_rcpt("<bob@example.com>");
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.0");
	ck_assert_uint_eq(play.count, 0);
	/* A message whose recipients were never shown goes nobody knows where. */
	say_mail("<zqx@elsewhere.example>", NULL);
	say_end(10);
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.0");
	EXPECT_VERDICT("tempfail", "internal", "end");
	say_end(10);
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.0");
	/* MAIL, HELO and CONNECT in a transaction end it. */
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	say_mail("<zqx@elsewhere.example>", NULL);
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "abort");
	ck_assert_str_eq(last_line()->outcome, "unknown");
	mr_session_helo(play.session, play.now_ms++, "zqx", "TLSv1.3", "AES");
	EXPECT_VERDICT("accept", "", "abort");
	say_rcpt("<bob@example.com>");
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.0");
	say_mail("<zqx@elsewhere.example>", "bob@example.com");
	connect_from("203.0.113.10", false);
	EXPECT_VERDICT("accept", "", "abort");
	say_rcpt("<bob@example.com>");
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.0");
	ck_assert_uint_eq(play.verdicts, 0);
}
END_TEST

/* ---- Random sequences ---- */

static unsigned state;

static unsigned
next_random(unsigned below)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % below;
}

/* One call; whether a transaction is open afterwards, and how many have ended by it. */
static bool
one_call(bool open, size_t *ended)
{
	static const char *const paths[] = { "<bob@example.com>", "<zqx@elsewhere.example>", "<>", "zqx%x@example.com",
		"<nobody@example.com>", "\x01zqx", "<zqx", "<u@relayed.example>" };
	static const char *const logins[] = { NULL, NULL, "", "bob@example.com", "zqx", "z\xff" };
	const char *path = paths[next_random(sizeof(paths) / sizeof(paths[0]))];

	switch (next_random(16)) {
	case 0:
		*ended += open;
		connect_from(next_random(3) == 0 ? "198.51.100.7" : next_random(2) == 0 ? "203.0.113.9" : NULL,
		    next_random(4) == 0);
		return false;
	case 1:
		*ended += open;
		mr_session_helo(play.session, play.now_ms++, next_random(2) == 0 ? "mx.example.com" : "zqx", NULL,
		    NULL);
		return false;
	case 2:
	case 3:
	case 4:
		*ended += open;
		say_mail(path, logins[next_random(sizeof(logins) / sizeof(logins[0]))]);
		*ended += play.reply.action != MR_CONTINUE;
		return play.reply.action == MR_CONTINUE;
	case 5:
		*ended += open;
		mr_session_abort(play.session, play.now_ms++);
		return false;
	case 6:
	case 7:
		*ended += open;
		say_end((int64_t)next_random(2000) - 1);
		if (!open)
			ck_assert_int_eq(play.reply.action, MR_ANSWER_TEMPFAIL);
		return false;
	case 8:
		*ended += open;
		mr_session_close(&play.session, play.now_ms++);
		ck_assert_int_eq(mr_session_new(play.engine, next_random(8), &play.session), 0);
		return false;
	case 9:
		mr_session_header(play.session, next_random(2) == 0 ? "From" : "Sender", path);
		return open;
	case 10:
		mr_session_body(play.session, 500);
		return open;
	case 11:
		say_rcpt_seen(path, next_random(2) == 0 ? "zqx@elsewhere.example" : "bob@example.com",
		    next_random(3) == 0 ? "error" : "smtp");
		break;
	default:
		say_rcpt(path);
		break;
	}
	if (!open)
		ck_assert_int_eq(play.reply.action, MR_ANSWER_TEMPFAIL);
	return open;
}

static struct mr_policy *
random_policy(void)
{
	struct mr_policy *p = relay_policy();
	struct mr_rule_settings *const rules[] = { &p->access.rule, &p->relay.rule, &p->auth.rule, &p->sender.rule,
		&p->exists.rule, &p->helo.rule, &p->limits.rule };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		*rules[i] = (struct mr_rule_settings){ .mode = (enum mr_mode)next_random(3),
			.action = (enum mr_verdict)(1 + next_random(3)),
			.cannot_tell = (enum mr_verdict)next_random(4) };
	p->access.list = networks_of("198.51.100.0/24");
	p->access.at = next_random(2) == 0 ? MR_ACCESS_AT_CONNECT : MR_ACCESS_AT_MAIL;
	p->auth.local_senders = next_random(2) == 0;
	p->auth.except_local_recipients = next_random(2) == 0;
	struct mr_shield_policy *shield = add_shield(p, "elsewhere.example", "");
	shield->header_from = shield->except_logins = true;
	shield->except_local_recipients = next_random(2) == 0;
	p->sender.own = p->sender.header_from = true;
	p->exists.senders = p->exists.recipients = true;
	p->accounts = names_of("bob@example.com");
	p->limits.size = 1000;
	p->limits.recipients = 1 + (int64_t)next_random(3);
	add_exemption(p, "e", 0x1f0)->sender = patterns_of("b*@example.com");
	return p;
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->id, ((const struct line *)b)->id);
}

/* Whatever the order of calls and the policy, each transaction that begins ends with one verdict line, lines are
 * numbered without gaps, and no id comes twice. */
START_TEST(random_sequences)
{
	size_t ended = 0, n;
	bool open = false;

	state = (unsigned)_i * 2654435761u + 11;
	start(random_policy());
	for (int i = 0; i < 6000; i++) {
		play.reply = (struct mr_reply){ .action = MR_CONTINUE };
		if (next_random(50) == 0)
			mr_engine_set_policy(play.engine, random_policy());
		open = one_call(open, &ended);
		check_reply();
		ck_assert_msg(play.verdicts == ended, "call %d: %zu verdicts, %zu ends", i, play.verdicts, ended);
	}
	mr_session_close(&play.session, play.now_ms);
	ck_assert_uint_eq(play.verdicts, ended + open);
	for (n = 0; n < play.count; n++) {
		ck_assert_uint_eq(play.lines[n].sequence, n + 1);
		if (strcmp(play.lines[n].action, "verdict") == 0)
			ck_assert_str_eq(play.lines[n].id, play.lines[n].transaction);
	}
	qsort(play.lines, play.count, sizeof(*play.lines), compare_ids);
	for (n = 1; n < play.count; n++)
		ck_assert_msg(play.lines[n].id[0] == '\0' || strcmp(play.lines[n - 1].id, play.lines[n].id) != 0,
		    "%s twice", play.lines[n].id);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("session_order");
	TCase *tests = tcase_create("session_order");

	tcase_add_checked_fixture(tests, set_player, clear_player);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, out_of_order);
	tcase_add_loop_test(tests, random_sequences, 0, 8);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
