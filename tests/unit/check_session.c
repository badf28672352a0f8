/*
 * What becomes of a message: verdict, answer and lines when recipients, connections and policies go this way or that.
 */
#include "player.h"

START_TEST(a_message_is_accepted)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	EXPECT_CONTINUE();
	mr_session_helo(play.session, play.now_ms, "client.zqx.example", NULL, NULL);
	say_mail("<zqx@elsewhere.example>", NULL);
	EXPECT_CONTINUE();
	say_rcpt("<bob@example.com>");
	EXPECT_CONTINUE();
	ck_assert_uint_eq(play.count, 0);
	say_end(100);
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_str_eq(last_line()->direction, "inbound");
	ck_assert_str_eq(last_line()->outcome, "success");
	ck_assert_int_eq(last_line()->accepted, 1);
	mr_session_close(&play.session, play.now_ms);
	ck_assert_ptr_null(play.session);
	ck_assert_uint_eq(play.count, 1);
}
END_TEST

/* The line shows recipients in their canonical form, at most as many as it has room for. */
START_TEST(recipients_are_shown)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	say_rcpt("<@a.example:Bob@Example.com>");
	say_rcpt_seen("<old@example.com>", "new@example.org", "virtual");
	say_end(1);
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_str_eq(last_line()->to, "bob@example.com");
	ck_assert_uint_eq(last_line()->to_count, 2);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt_seen("<old@example.com>", "new@example.org", "virtual");
	say_end(1);
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_str_eq(last_line()->to, "new@example.org");
	/* Sendmail's view of a local name has no domain. */
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt_seen("<Bob@example.com>", "bob", "local");
	say_end(1);
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_str_eq(last_line()->to, "bob@example.com");
	say_mail("<zqx@elsewhere.example>", NULL);
	for (int i = 0; i < MR_EVENT_RCPT_MAX + 5; i++)
		say_rcpt("<bob@example.com>");
	say_end(1);
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_uint_eq(last_line()->to_count, MR_EVENT_RCPT_MAX);
	ck_assert_int_eq(last_line()->accepted, MR_EVENT_RCPT_MAX + 5);
}
END_TEST

START_TEST(one_recipient_is_refused)
{
	char id[ID_ROOM + 2];

	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx%n@elsewhere.example>");
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	ck_assert_str_eq(last_line()->action, "refused");
	ck_assert_str_eq(last_line()->verdict, "reject");
	snprintf(id, sizeof(id), "(%s)", last_line()->id);
	ck_assert_msg(strstr(play.reply.text, id) != NULL, "%s has no %s", play.reply.text, id);
	say_rcpt("<bob@example.com>");
	EXPECT_CONTINUE();
	say_end(100);
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_int_eq(last_line()->count, 2);
	ck_assert_int_eq(last_line()->accepted, 1);
	ck_assert_int_eq(last_line()->refused, 1);
}
END_TEST

/* When no recipient is left, that is the verdict, wherever the transaction ends. */
START_TEST(all_recipients_are_refused)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	mr_session_abort(play.session, play.now_ms++);
	EXPECT_VERDICT("reject", "relay-denied", "rcpt");
	ck_assert_str_eq(last_line()->outcome, "failure");
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	say_rcpt_seen("<x@example.com>", "5.1.1 no such user", "error");
	EXPECT_CONTINUE(); /* the mail server has answered */
	say_end(100);
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	EXPECT_VERDICT("reject", "relay-denied", "end");
	ck_assert_int_eq(last_line()->by_mta, 1);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt_seen("<x@example.com>", "5.1.1 no such user", "error");
	ck_assert_str_eq(last_line()->action, "refused");
	mr_session_abort(play.session, play.now_ms++);
	EXPECT_VERDICT("reject", "mta-refused", "rcpt");
	/* A mail server that goes on all the same gets an answer that it understands. */
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt_seen("<x@example.com>", "5.1.1 no such user", "error");
	say_end(100);
	EXPECT_REPLY(MR_ANSWER_REJECT, 554, "5.5.0");
	EXPECT_VERDICT("reject", "mta-refused", "end");
}
END_TEST

START_TEST(a_refusal_by_the_mail_server_is_no_verdict_on_the_rest)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt_seen("<x@example.com>", "5.1.1 no such user", "error");
	say_rcpt("<bob@example.com>");
	say_end(100);
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_int_eq(last_line()->by_mta, 1);
	ck_assert_int_eq(last_line()->accepted, 1);
}
END_TEST

START_TEST(mail_is_refused)
{
	struct mr_policy *policy = relay_policy();

	policy->auth.rule.mode = MR_MODE_ENFORCE;
	policy->auth.local_senders = true;
	start(policy);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@example.com>", NULL);
	EXPECT_REPLY(MR_ANSWER_REJECT, 530, "5.7.0");
	EXPECT_VERDICT("reject", "auth-local-sender", "mail");
	ck_assert_str_eq(last_line()->outcome, "failure");
	ck_assert_msg(strstr(play.reply.text, last_line()->id) != NULL, "%s", play.reply.text);
	/* The transaction is over: what still comes belongs to none. */
	say_rcpt("<bob@example.com>");
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.0");
	say_end(100);
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.3.0");
	mr_session_abort(play.session, play.now_ms++);
	mr_session_close(&play.session, play.now_ms++);
	ck_assert_uint_eq(play.count, 1);
}
END_TEST

/* A login is for one message: the next one has none unless the mail server says so again. */
START_TEST(messages_of_one_session_are_apart)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	for (int i = 0; i < 20; i++) {
		bool logged_in = i % 3 == 0;

		say_mail("<bob@example.com>", logged_in ? "bob@example.com" : NULL);
		say_rcpt("<zqx@elsewhere.example>");
		ck_assert_int_eq(play.reply.action, logged_in ? MR_CONTINUE : MR_ANSWER_REJECT);
		if (logged_in) {
			say_end(10);
			EXPECT_VERDICT("accept", "", "end");
			ck_assert_str_eq(last_line()->direction, "outbound");
		} else {
			mr_session_abort(play.session, play.now_ms++);
			EXPECT_VERDICT("reject", "relay-denied", "rcpt");
		}
	}
}
END_TEST

START_TEST(close_ends_a_transaction)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	mr_session_close(&play.session, play.now_ms);
	EXPECT_VERDICT("accept", "", "abort");
	ck_assert_str_eq(last_line()->outcome, "unknown");
	mr_session_close(&play.session, play.now_ms);
	ck_assert_uint_eq(play.verdicts, 0);
}
END_TEST

/* Mail submitted on the host itself: no answer at RCPT, all or nothing at the end. */
START_TEST(local_submission)
{
	struct mr_policy *policy = relay_policy();

	policy->relay.local_submission = false;
	policy->limits.rule.mode = MR_MODE_ENFORCE;
	policy->limits.recipients = 2;
	start(policy);
	connect_from("127.0.0.1", true);
	say_mail("www-data@example.com", NULL);
	say_rcpt("bob@example.com");
	EXPECT_CONTINUE();
	say_rcpt("zqx@elsewhere.example");
	EXPECT_CONTINUE();
	say_end(100);
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	EXPECT_VERDICT("reject", "relay-denied", "end");
	/* Too many recipients is "later" to a client and "never" to a file in a queue that would be tried for ever. */
	say_mail("", NULL);
	for (int i = 0; i < 3; i++) {
		say_rcpt("bob@example.com");
		EXPECT_CONTINUE();
	}
	say_end(100);
	EXPECT_REPLY(MR_ANSWER_REJECT, 554, "5.5.3");
	EXPECT_VERDICT("reject", "limits-recipients", "end");
	say_mail("bob", NULL);
	say_rcpt("bob@example.com");
	say_end(100);
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_str_eq(last_line()->direction, "internal");
}
END_TEST

START_TEST(too_many_recipients)
{
	struct mr_policy *policy = relay_policy();

	policy->limits.rule.mode = MR_MODE_ENFORCE;
	policy->limits.recipients = 1;
	start(policy);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	EXPECT_CONTINUE();
	say_rcpt("<ann@example.org>");
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 452, "4.5.3");
	say_end(100);
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "end");
}
END_TEST

START_TEST(a_hold_is_for_the_whole_message)
{
	struct mr_policy *policy = relay_policy();

	policy->helo.rule = (struct mr_rule_settings){ .mode = MR_MODE_ENFORCE, .action = MR_HOLD };
	start(policy);
	connect_from("203.0.113.9", false);
	mr_session_helo(play.session, play.now_ms, "mx.example.com", NULL, NULL);
	say_mail("<zqx@elsewhere.example>", NULL);
	EXPECT_CONTINUE();
	say_rcpt("<bob@example.com>");
	EXPECT_CONTINUE();
	say_end(100);
	EXPECT_REPLY(MR_ANSWER_HOLD, 0, "");
	ck_assert_uint_eq(strlen(last_line()->id), 12);
	ck_assert_msg(strncmp(play.reply.text, "Mailreeve helo-our-name (", 25) == 0, "%s", play.reply.text);
	ck_assert_msg(strstr(play.reply.text, last_line()->id) != NULL, "%s", play.reply.text);
	EXPECT_VERDICT("hold", "helo-our-name", "end");
	/* A refusal is harder than a hold. */
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	mr_session_abort(play.session, play.now_ms);
	EXPECT_VERDICT("reject", "relay-denied", "rcpt");
	/* A message that was to be held and never came is unfinished. */
	say_mail("<zqx@elsewhere.example>", NULL);
	mr_session_abort(play.session, play.now_ms);
	EXPECT_VERDICT("hold", "helo-our-name", "abort");
	ck_assert_str_eq(last_line()->outcome, "unknown");
}
END_TEST

/* A temporary action for a permanent reason has a 4xx of its own. */
START_TEST(temporary_actions)
{
	struct mr_policy *policy = relay_policy();

	policy->relay.rule.action = MR_TEMPFAIL;
	start(policy);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.7.1");
	mr_session_abort(play.session, play.now_ms);
	EXPECT_VERDICT("tempfail", "relay-denied", "rcpt");
}
END_TEST

/* ---- CONNECT ---- */

static struct mr_policy *
connect_policy(enum mr_mode mode, enum mr_verdict action)
{
	struct mr_policy *policy = relay_policy();

	policy->access.at = MR_ACCESS_AT_CONNECT;
	policy->access.rule = (struct mr_rule_settings){ .mode = mode, .action = action };
	policy->access.list = networks_of("203.0.113.0/24");
	return policy;
}

START_TEST(a_connection_is_refused)
{
	start(connect_policy(MR_MODE_ENFORCE, MR_REJECT));
	ck_assert_uint_eq(mr_engine_needs(play.engine), MR_NEEDS_CONNECT);
	connect_from("203.0.113.9", false);
	EXPECT_REPLY(MR_ANSWER_REJECT, 554, "5.7.1");
	ck_assert_uint_eq(play.count, 1);
	ck_assert_str_eq(last_line()->action, "refused");
	ck_assert_str_eq(last_line()->stage, "connect");
	ck_assert_uint_eq(strlen(last_line()->id), 12);
	ck_assert_msg(strstr(play.reply.text, last_line()->id) != NULL, "%s", play.reply.text);
	/* Not every mail server hears an answer at CONNECT. */
	say_mail("<zqx@elsewhere.example>", NULL);
	EXPECT_REPLY(MR_ANSWER_REJECT, 554, "5.7.1");
	EXPECT_VERDICT("reject", "access-denied", "mail");
	say_mail("<zqx@elsewhere.example>", "bob@example.com");
	EXPECT_REPLY(MR_ANSWER_REJECT, 554, "5.7.1");
	EXPECT_VERDICT("reject", "access-denied", "mail");
	connect_from("198.51.100.7", false);
	EXPECT_CONTINUE();
	say_mail("<zqx@elsewhere.example>", NULL);
	EXPECT_CONTINUE();
}
END_TEST

/* What was found at CONNECT and refuses nothing there is not forgotten. */
START_TEST(a_connection_is_held)
{
	struct mr_policy *policy = connect_policy(MR_MODE_ENFORCE, MR_HOLD);

	policy->auth.rule.mode = MR_MODE_ENFORCE;
	policy->auth.local_senders = true;
	start(policy);
	connect_from("203.0.113.9", false);
	EXPECT_CONTINUE();
	for (int i = 0; i < 2; i++) {
		say_mail("<zqx@elsewhere.example>", NULL);
		EXPECT_CONTINUE();
		say_rcpt("<bob@example.com>");
		say_end(10);
		EXPECT_REPLY(MR_ANSWER_HOLD, 0, "");
		EXPECT_VERDICT("hold", "access-denied", "end");
	}
	say_mail("<zqx@example.com>", NULL);
	EXPECT_REPLY(MR_ANSWER_REJECT, 530, "5.7.0");
	EXPECT_VERDICT("reject", "auth-local-sender", "mail");
}
END_TEST

/* ---- Policies that change ---- */

START_TEST(a_message_ends_under_its_policy)
{
	struct mr_policy *open = relay_policy(), *closed = relay_policy();

	mr_prefixset_free(&open->relay.networks);
	open->relay.networks = networks_of("0.0.0.0/0");
	start(open);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	EXPECT_CONTINUE();
	ck_assert_uint_eq(mr_engine_set_policy(play.engine, closed), 2);
	ck_assert_uint_eq(mr_engine_generation(play.engine), 2);
	say_rcpt("<zqy@elsewhere.example>");
	EXPECT_CONTINUE();
	say_end(10);
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "end");
	ck_assert_uint_eq(last_line()->generation, 1);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<zqx@elsewhere.example>");
	EXPECT_REPLY(MR_ANSWER_REJECT, 550, "5.7.1");
	ck_assert_uint_eq(last_line()->generation, 2);
	/* Two changes at once are one for the session. */
	ck_assert_uint_eq(mr_engine_set_policy(play.engine, relay_policy()), 3);
	ck_assert_uint_eq(mr_engine_set_policy(play.engine, relay_policy()), 4);
	mr_session_abort(play.session, play.now_ms);
	EXPECT_VERDICT("reject", "relay-denied", "rcpt");
	ck_assert_uint_eq(last_line()->generation, 2);
	say_mail("<zqx@elsewhere.example>", NULL);
	mr_session_abort(play.session, play.now_ms);
	ck_assert_uint_eq(last_line()->generation, 4);
}
END_TEST

/* What was decided at CONNECT is decided again for the first message under another policy. */
START_TEST(a_connection_meets_a_new_policy)
{
	start(relay_policy());
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	mr_engine_set_policy(play.engine, connect_policy(MR_MODE_ENFORCE, MR_REJECT));
	say_end(10);
	EXPECT_CONTINUE();
	EXPECT_VERDICT("accept", "", "end");
	say_mail("<zqx@elsewhere.example>", NULL);
	EXPECT_REPLY(MR_ANSWER_REJECT, 554, "5.7.1");
	EXPECT_VERDICT("reject", "access-denied", "mail");
	mr_engine_set_policy(play.engine, relay_policy());
	say_mail("<zqx@elsewhere.example>", NULL);
	EXPECT_CONTINUE();
	mr_session_abort(play.session, play.now_ms);
	EXPECT_VERDICT("accept", "", "abort");
}
END_TEST

/* A policy that wants more than the mail server was asked for cannot tell; it does not pretend. */
START_TEST(headers_that_were_not_asked_for)
{
	struct mr_policy *policy = relay_policy();
	struct mr_shield_policy *shield = add_shield(policy, "example.com", "");

	shield->header_from = true;
	shield->rule.cannot_tell = MR_TEMPFAIL;
	start(policy);
	ck_assert_uint_eq(mr_engine_needs(play.engine), MR_NEEDS_HEADERS);
	mr_session_close(&play.session, play.now_ms);
	ck_assert_int_eq(mr_session_new(play.engine, 0, &play.session), 0);
	connect_from("203.0.113.9", false);
	say_mail("<zqx@elsewhere.example>", NULL);
	say_rcpt("<bob@example.com>");
	say_end(10);
	EXPECT_REPLY(MR_ANSWER_TEMPFAIL, 451, "4.7.1");
	EXPECT_VERDICT("tempfail", "shield-cannot-tell", "end");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("session");
	TCase *tests = tcase_create("session");

	tcase_add_checked_fixture(tests, set_player, clear_player);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_message_is_accepted);
	tcase_add_test(tests, recipients_are_shown);
	tcase_add_test(tests, one_recipient_is_refused);
	tcase_add_test(tests, all_recipients_are_refused);
	tcase_add_test(tests, a_refusal_by_the_mail_server_is_no_verdict_on_the_rest);
	tcase_add_test(tests, mail_is_refused);
	tcase_add_test(tests, messages_of_one_session_are_apart);
	tcase_add_test(tests, close_ends_a_transaction);
	tcase_add_test(tests, local_submission);
	tcase_add_test(tests, too_many_recipients);
	tcase_add_test(tests, a_hold_is_for_the_whole_message);
	tcase_add_test(tests, temporary_actions);
	tcase_add_test(tests, a_connection_is_refused);
	tcase_add_test(tests, a_connection_is_held);
	tcase_add_test(tests, a_message_ends_under_its_policy);
	tcase_add_test(tests, a_connection_meets_a_new_policy);
	tcase_add_test(tests, headers_that_were_not_asked_for);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
