/*
 * The session as a state machine, through the public interface, with a sink that reads every line back: one verdict
 * line for each transaction whatever the order of calls, answers that a mail server accepts and a stranger learns
 * nothing from, and what becomes of a message when recipients, policies or memory go another way than usual.
 */
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>

#include "engine/engine.h"
#include "engine/session.h"
#include "handmade.h"
#include "harness.h"

enum { LINES_MAX = 60000, ID_ROOM = 24 };

struct line {
	char action[24], verdict[12], reason[32], stage[12], id[ID_ROOM], transaction[ID_ROOM], outcome[12];
	uint64_t sequence;
	unsigned long generation;
	long accepted, refused, by_mta, count;
	char direction[12];
};

static struct {
	struct line *lines;
	size_t count, verdicts;
	struct mr_engine *engine;
	struct mr_session *session;
	struct mr_reply reply;
	int64_t now_ms;
} play;

static const char *
text_at(const json_t *root, const char *object, const char *name)
{
	const char *text = json_string_value(json_object_get(json_object_get(root, object), name));

	return text == NULL ? "" : text;
}

static long
number_of(const json_t *root, const char *name)
{
	return (long)json_integer_value(json_object_get(json_object_get(json_object_get(root, "mailreeve"), "rcpt"), name));
}

#define COPY(to, text) snprintf((to), sizeof(to), "%s", (text))

static void
take_line(void *context, const char *text, size_t n)
{
	json_error_t error;
	json_t *root = json_loadb(text, n, 0, &error);
	struct line *line = &play.lines[play.count];

	(void)context;
	ck_assert_msg(root != NULL, "%s in %.*s", error.text, (int)n, text);
	ck_assert_uint_lt(++play.count, LINES_MAX);
	ck_assert(text[n - 1] == '\n' && memchr(text, '\n', n - 1) == NULL);
	COPY(line->action, text_at(root, "event", "action"));
	COPY(line->outcome, text_at(root, "event", "outcome"));
	COPY(line->id, text_at(root, "event", "id"));
	COPY(line->verdict, text_at(root, "mailreeve", "verdict"));
	COPY(line->reason, text_at(root, "mailreeve", "reason"));
	COPY(line->stage, text_at(root, "mailreeve", "stage"));
	COPY(line->transaction, text_at(root, "mailreeve", "transaction"));
	COPY(line->direction, text_at(root, "email", "direction"));
	line->sequence = (uint64_t)json_integer_value(json_object_get(json_object_get(root, "event"), "sequence"));
	line->generation = strtoul(text_at(root, "rule", "version"), NULL, 10);
	line->count = number_of(root, "count");
	line->accepted = number_of(root, "accepted");
	line->refused = number_of(root, "refused_count");
	line->by_mta = number_of(root, "rejected_by_mta");
	play.verdicts += strcmp(line->action, "verdict") == 0;
	json_decref(root);
}

static struct mr_policy *
relay_policy(void)
{
	struct mr_policy *policy = handmade_policy();

	policy->relay.rule.mode = MR_MODE_ENFORCE;
	policy->relay.networks = networks_of("198.51.100.0/24");
	return policy;
}

static void
start(struct mr_policy *policy)
{
	struct mr_engine_options options = { .size = sizeof(options), .event = take_line };

	ck_assert_int_eq(mr_engine_new(&options, policy, 1, &play.engine), 0);
	ck_assert_int_eq(mr_session_new(play.engine, MR_NEEDS_HEADERS | MR_NEEDS_BODY, &play.session), 0);
}

static void
set_up(void)
{
	memset(&play, 0, sizeof(play));
	play.lines = calloc(LINES_MAX, sizeof(*play.lines));
	ck_assert_ptr_nonnull(play.lines);
	play.now_ms = 1000;
}

static void
tear_down(void)
{
	mr_session_close(&play.session, play.now_ms);
	mr_engine_free(&play.engine);
	free(play.lines);
}

/* ---- Calls ---- */

static void
connect_from(const char *ip, bool local)
{
	struct mr_ip address = { .family = MR_IP_UNKNOWN };
	struct mr_connect_info info = { .size = sizeof(info), .client_port = 2525, .client_name = "client.zqx.example",
		.listener = "smtp", .server_name = "mx.example.com", .server_address = "192.0.2.25", .local = local };

	if (ip != NULL) {
		ck_assert_int_eq(mr_ip_parse(mr_str_of(ip), &address), 0);
		info.address = address.bytes;
		info.address_length = address.family == MR_IP_V4 ? 4 : 16;
	}
	mr_session_connect(play.session, play.now_ms++, &info, &play.reply);
}

static void
say_mail(const char *path, const char *login)
{
	mr_session_mail(play.session, play.now_ms++, path, NULL, login, NULL, &play.reply);
}

static void
say_rcpt_seen(const char *path, const char *addr, const char *mailer)
{
	mr_session_rcpt(play.session, play.now_ms++, path, addr, NULL, mailer, &play.reply);
}

static void
say_rcpt(const char *path)
{
	say_rcpt_seen(path, NULL, NULL);
}

static void
say_end(int64_t size)
{
	mr_session_end_of_message(play.session, play.now_ms++, "QUEUEID", "<1@zqx.example>", size, &play.reply);
}

/* ---- What is expected ---- */

static const struct line *
last_line(void)
{
	ck_assert_uint_gt(play.count, 0);
	return &play.lines[play.count - 1];
}

/* The reply is of one piece, and shows nothing that a client could have written or should not know. */
static void
check_reply(void)
{
	const struct mr_reply *r = &play.reply;

	if (r->action == MR_CONTINUE) {
		ck_assert_uint_eq(r->code, 0);
		return;
	}
	for (const char *c = r->text; *c != '\0'; c++)
		ck_assert_msg(*c >= ' ' && *c <= '~' && *c != '%', "%s", r->text);
	ck_assert_msg(strstr(r->text, "zqx") == NULL, "%s", r->text); /* what this file writes into all that it says */
	ck_assert_uint_gt(strlen(r->text), 0);
	if (r->action == MR_ANSWER_HOLD) {
		ck_assert_uint_eq(r->code, 0);
		return;
	}
	unsigned class = r->action == MR_ANSWER_REJECT ? 5 : 4;
	ck_assert_msg(r->code / 100 == class, "%u %s", r->code, r->text);
	ck_assert_msg(r->enhanced[0] == (char)('0' + class) && r->enhanced[1] == '.', "%s %s", r->enhanced, r->text);
}

#define EXPECT_REPLY(action_, code_, enhanced_)                                                                        \
	do {                                                                                                           \
		check_reply();                                                                                         \
		ck_assert_msg(play.reply.action == (action_) && play.reply.code == (code_), "%u %s %s",                \
		    play.reply.code, play.reply.enhanced, play.reply.text);                                            \
		ck_assert_str_eq(play.reply.enhanced, (enhanced_));                                                    \
	} while (0)

#define EXPECT_CONTINUE()                                                                                              \
	ck_assert_msg(play.reply.action == MR_CONTINUE, "%u %s", play.reply.code, play.reply.text)

/* The last line is the verdict of the only transaction since the last call. */
#define EXPECT_VERDICT(verdict_, reason_, stage_)                                                                      \
	do {                                                                                                           \
		ck_assert_str_eq(last_line()->action, "verdict");                                                      \
		ck_assert_str_eq(last_line()->verdict, (verdict_));                                                    \
		ck_assert_str_eq(last_line()->reason, (reason_));                                                      \
		ck_assert_str_eq(last_line()->stage, (stage_));                                                        \
		ck_assert_uint_eq(play.verdicts, 1);                                                                   \
		play.verdicts = 0;                                                                                     \
	} while (0)

/* ---- Tests ---- */

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
	start(connect_policy(MR_MODE_ENFORCE, MR_HOLD));
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
		mr_session_helo(play.session, play.now_ms++, next_random(2) == 0 ? "mx.example.com" : "zqx", NULL, NULL);
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
			.action = (enum mr_verdict)(1 + next_random(3)), .cannot_tell = (enum mr_verdict)next_random(4) };
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
		ck_assert_msg(play.lines[n].id[0] == '\0' || strcmp(play.lines[n - 1].id, play.lines[n].id) != 0, "%s twice",
		    play.lines[n].id);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("session");
	TCase *tests = tcase_create("session");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_message_is_accepted);
	tcase_add_test(tests, one_recipient_is_refused);
	tcase_add_test(tests, all_recipients_are_refused);
	tcase_add_test(tests, a_refusal_by_the_mail_server_is_no_verdict_on_the_rest);
	tcase_add_test(tests, mail_is_refused);
	tcase_add_test(tests, messages_of_one_session_are_apart);
	tcase_add_test(tests, out_of_order);
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
	tcase_add_test(tests, header_fields);
	tcase_add_test(tests, more_fields_than_are_kept);
	tcase_add_test(tests, sizes);
	tcase_add_test(tests, an_open_relay_is_told_once_a_message);
	tcase_add_test(tests, lines_about_recipients_are_bounded);
	tcase_add_test(tests, memory_runs_out);
	tcase_add_test(tests, no_memory_for_the_recipients_of_local_mail);
	tcase_add_test(tests, a_sequence_of_ones_own);
	tcase_add_test(tests, stopping);
	tcase_add_loop_test(tests, random_sequences, 0, 8);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
