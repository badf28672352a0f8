/*
 * A session that is driven through the public interface, and a sink that reads every line back: what the tests of the
 * engine share. Whatever a client says in these tests holds "zqx", and no answer may.
 */
#ifndef MR_TESTS_UNIT_PLAYER_H
#define MR_TESTS_UNIT_PLAYER_H

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
	char to[64], recipient[64]; /* the first recipient that is shown; the one that the line is about */
	char exemption[32];
	size_t to_count;
};

static struct {
	struct line *lines;
	size_t count, verdicts;
	struct mr_engine *engine;
	struct mr_session *session;
	struct mr_reply reply;
	int64_t now_ms;
	json_t *last; /* the last line, whole */
	char *fact;   /* the last fact, when the policy records facts */
	size_t facts;
} play;

static inline const char *
text_at(const json_t *root, const char *object, const char *name)
{
	const char *text = json_string_value(json_object_get(json_object_get(root, object), name));

	return text == NULL ? "" : text;
}

static inline long
number_of(const json_t *root, const char *name)
{
	const json_t *rcpt = json_object_get(json_object_get(root, "mailreeve"), "rcpt");

	return (long)json_integer_value(json_object_get(rcpt, name));
}

/* The text at "email.local_id" of the last line; numbers, true and arrays as JSON, "" when it is not there. */
static inline const char *
field(const char *path)
{
	static char text[2048];
	const json_t *at = play.last;
	const char *dot;

	for (; (dot = strchr(path, '.')) != NULL; path = dot + 1)
		at = json_object_get(at, strndupa(path, (size_t)(dot - path)));
	at = json_object_get(at, path);
	if (at == NULL)
		return "";
	char *json = json_dumps(at, JSON_ENCODE_ANY | JSON_COMPACT);
	snprintf(text, sizeof(text), "%s", json_is_string(at) ? json_string_value(at) : json);
	free(json);
	return text;
}

#define COPY(to, text) snprintf((to), sizeof(to), "%s", (text))

static inline void
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
	COPY(line->recipient, text_at(root, "mailreeve", "recipient"));
	COPY(line->exemption, text_at(root, "mailreeve", "exemption"));
	COPY(line->direction, text_at(root, "email", "direction"));
	const json_t *to = json_object_get(json_object_get(json_object_get(root, "email"), "to"), "address");
	COPY(line->to, json_array_size(to) == 0 ? "" : json_string_value(json_array_get(to, 0)));
	line->to_count = json_array_size(to);
	line->sequence = (uint64_t)json_integer_value(json_object_get(json_object_get(root, "event"), "sequence"));
	line->generation = strtoul(text_at(root, "rule", "version"), NULL, 10);
	line->count = number_of(root, "count");
	line->accepted = number_of(root, "accepted");
	line->refused = number_of(root, "refused_count");
	line->by_mta = number_of(root, "rejected_by_mta");
	play.verdicts += strcmp(line->action, "verdict") == 0;
	json_decref(play.last);
	play.last = root;
}

static inline void
take_fact(void *context, const char *text, size_t n)
{
	(void)context;
	free(play.fact);
	play.fact = strndup(text, n);
	play.facts++;
}

static inline struct mr_policy *
relay_policy(void)
{
	struct mr_policy *policy = handmade_policy();

	policy->relay.rule.mode = MR_MODE_ENFORCE;
	policy->relay.networks = networks_of("198.51.100.0/24");
	return policy;
}

static inline void
start(struct mr_policy *policy)
{
	struct mr_engine_options options = { .size = sizeof(options), .event = take_line, .fact = take_fact };

	ck_assert_int_eq(mr_engine_new(&options, policy, 1, &play.engine), 0);
	ck_assert_int_eq(mr_session_new(play.engine, MR_NEEDS_HEADERS | MR_NEEDS_BODY, &play.session), 0);
}

static inline void
set_player(void)
{
	memset(&play, 0, sizeof(play));
	play.lines = calloc(LINES_MAX, sizeof(*play.lines));
	ck_assert_ptr_nonnull(play.lines);
	play.now_ms = 1000;
}

static inline void
clear_player(void)
{
	mr_session_close(&play.session, play.now_ms);
	mr_engine_free(&play.engine);
	json_decref(play.last);
	free(play.fact);
	free(play.lines);
}

/* ---- Calls ---- */

static inline void
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

static inline void
say_mail(const char *path, const char *login)
{
	mr_session_mail(play.session, play.now_ms++, path, NULL, login, NULL, &play.reply);
}

static inline void
say_rcpt_seen(const char *path, const char *addr, const char *mailer)
{
	mr_session_rcpt(play.session, play.now_ms++, path, addr, NULL, mailer, &play.reply);
}

static inline void
say_rcpt(const char *path)
{
	say_rcpt_seen(path, NULL, NULL);
}

static inline void
say_end(int64_t size)
{
	mr_session_end_of_message(play.session, play.now_ms++, "QUEUEID", "<1@zqx.example>", size, &play.reply);
}

/* ---- What is expected ---- */

static inline const struct line *
last_line(void)
{
	ck_assert_uint_gt(play.count, 0);
	return &play.lines[play.count - 1];
}

/* The reply is of one piece, and shows nothing that a client could have written or should not know. */
static inline void
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

#endif
