/*
 * One connection and its transaction before the core, as the engine would drive it: a policy made by hand, a client
 * outside, and a short call for each step. Each call gives the decision of its stage.
 */
#ifndef MR_TESTS_UNIT_SCENE_H
#define MR_TESTS_UNIT_SCENE_H

#include "core/decide.h"
#include "handmade.h"
#include "harness.h"

static struct {
	struct mr_policy *policy;
	struct mr_connection connection;
	struct mr_arena *arena;
	struct mr_subject subject;
	struct mr_destination destination; /* of the last recipient */
	bool open_relay;
	int64_t now_ms;
} scene;

static inline void
from_client(const char *ip)
{
	scene.connection.client_ip = (struct mr_ip){ .family = MR_IP_UNKNOWN };
	if (ip != NULL)
		ck_assert_int_eq(mr_ip_parse(mr_str_of(ip), &scene.connection.client_ip), 0);
}

static inline void
set_scene(void)
{
	scene.policy = handmade_policy();
	scene.connection = (struct mr_connection){ .asn = -1, .helo = MR_STR("client.elsewhere.example"),
		.server_name = MR_STR("mx.example.com"), .listener = MR_STR("smtp") };
	scene.arena = mr_arena_new(1 << 20);
	scene.now_ms = 1000000;
	from_client("203.0.113.9");
}

static inline void
clear_scene(void)
{
	mr_arena_free(&scene.arena);
	mr_policy_drop(&scene.policy);
}

static inline struct mr_decision
at_connect(void)
{
	struct mr_decision decision;

	mr_subject_connect(&scene.subject, scene.policy, &scene.connection, scene.arena, scene.now_ms);
	mr_decide_connect(&scene.subject, &decision);
	return decision;
}

/* login NULL: nobody logged in. */
static inline struct mr_decision
at_mail_of_size(const char *login, const char *from, int64_t size)
{
	struct mr_decision decision;

	mr_subject_connect(&scene.subject, scene.policy, &scene.connection, scene.arena, scene.now_ms);
	mr_subject_mail(&scene.subject, scene.now_ms, mr_str_of(login), mr_str_of(from), size);
	mr_decide_mail(&scene.subject, &decision);
	return decision;
}

static inline struct mr_decision
at_mail(const char *login, const char *from)
{
	return at_mail_of_size(login, from, -1);
}

/* As the mail server shows it: {rcpt_addr}, {rcpt_mailer}; NULL for not told. */
static inline struct mr_decision
at_rcpt_seen(const char *path, const char *addr, const char *mailer)
{
	struct mr_recipient recipient = { .path = mr_str_of(path), .addr = mr_str_of(addr),
		.mailer = mr_str_of(mailer) };
	struct mr_decision decision;

	mr_decide_rcpt(&scene.subject, &recipient, &scene.destination, &scene.open_relay, &decision);
	return decision;
}

static inline struct mr_decision
at_rcpt(const char *path)
{
	return at_rcpt_seen(path, NULL, NULL);
}

static inline struct mr_decision
at_end_with(const struct mr_message *message)
{
	struct mr_decision decision;

	mr_decide_end(&scene.subject, message, message->size, &decision);
	return decision;
}

/* The end of a message with one From field and, when it is not NULL, a Sender field. */
static inline struct mr_decision
at_end(const char *from, const char *sender)
{
	struct mr_str from_field = mr_str_of(from), sender_field = mr_str_of(sender);
	struct mr_message message = { .headers_seen = true, .size = -1, .header_from = &from_field,
		.header_from_count = from != NULL, .header_sender = &sender_field,
		.header_sender_count = sender != NULL };

	return at_end_with(&message);
}

/* The end of a message with two From fields. */
static inline struct mr_decision
at_end_of_two(const char *first, const char *second)
{
	struct mr_str from[] = { mr_str_of(first), mr_str_of(second) };
	struct mr_message message = { .headers_seen = true, .size = -1, .header_from = from, .header_from_count = 2 };

	return at_end_with(&message);
}

static inline struct mr_decision
at_end_of_size(int64_t size)
{
	struct mr_message message = { .headers_seen = true, .size = size };

	return at_end_with(&message);
}

/* The decision, and that no rule could not tell. */
#define EXPECT(decision_, verdict_, reason_)                                                                           \
	do {                                                                                                           \
		struct mr_decision d_ = (decision_);                                                                   \
		ck_assert_msg(d_.verdict == (verdict_) && d_.reason == MR_REASON_##reason_, "%s: %s, %s",              \
		    #decision_, mr_verdict_text(d_.verdict), mr_reason_row(d_.reason)->id);                            \
		ck_assert_msg(!d_.cannot_tell, "%s: cannot tell", #decision_);                                         \
	} while (0)

#define EXPECT_REFUSED(decision_, reason_) EXPECT(decision_, MR_REJECT, reason_)
#define EXPECT_PASSED(decision_) EXPECT(decision_, MR_ACCEPT, NONE)

/* A rule could not tell, and its setting decided so. */
#define EXPECT_UNCLEAR(decision_, verdict_, reason_)                                                                   \
	do {                                                                                                           \
		struct mr_decision d_ = (decision_);                                                                   \
		ck_assert_msg(d_.verdict == (verdict_) && d_.reason == MR_REASON_##reason_, "%s: %s, %s",              \
		    #decision_, mr_verdict_text(d_.verdict), mr_reason_row(d_.reason)->id);                            \
		ck_assert_msg(d_.cannot_tell, "%s: it could tell", #decision_);                                        \
	} while (0)

/* Nothing is refused, and the rule would have, for this reason. */
#define EXPECT_OBSERVED(decision_, rule_, reason_)                                                                     \
	do {                                                                                                           \
		struct mr_decision d_ = (decision_);                                                                   \
		ck_assert_msg(d_.verdict == MR_ACCEPT && d_.reason == MR_REASON_NONE, "%s: %s", #decision_,            \
		    mr_verdict_text(d_.verdict));                                                                      \
		ck_assert_uint_eq(d_.would, MR_RULE_BIT(MR_RULE_##rule_));                                             \
		ck_assert_int_eq(d_.would_reason, MR_REASON_##reason_);                                                \
	} while (0)

#endif
