/*
 * Screening with its state: counts signals of sources, logins and pairs, blocks sources, and knows who is blocked. What is
 * too much and what follows is the core's (core/screen.h). Private to the room and to replay/.
 */
#ifndef MR_ENGINE_SCREENING_H
#define MR_ENGINE_SCREENING_H

#include "base/buffer.h"
#include "core/screen.h"
#include "engine/engine.h"
#include "model/login.h"

/* Who is seen doing something. Everything is borrowed. */
struct mr_visitor {
	struct mr_engine *engine;
	struct mr_policy *policy;
	int64_t now_ms, state_ms;
	const struct mr_connection *connection;
	struct mr_str login;       /* canonical; absent: none */
	struct mr_str protocol;    /* of a login; absent: SMTP */
	struct mr_str fact_id;
	bool fact_id_is_number;
};

enum { MR_SCREENING_COUNTERS = 8 };

/* What counting found: the limit that was passed by most, and what to show. */
struct mr_screening {
	const struct mr_screen_limit *limit; /* passed; NULL: none */
	bool first;                /* passed for the first time in a run */
	bool half;                 /* some limit is more than half used up */
	bool news;                 /* the item was not there before, in one window at least */
	struct mr_event_counter counters[MR_SCREENING_COUNTERS];
	size_t counter_count;
};

/* Something was done that counts against the source, or against an inside address. item: for a signal of different things
 * its hash. Blocks the source, and tells of it, when it is too much. Nothing when the policy does not screen, or the client
 * has no address, or is this host. */
void mr_screening_signal(const struct mr_visitor *visitor, enum mr_signal signal, uint32_t item);

/* Counts the limits of one signal for name (bytes that say whose it is). add: false only looks. */
void mr_screening_count(const struct mr_visitor *visitor, enum mr_signal signal, struct mr_str name, unsigned factor,
			uint32_t item, bool add, struct mr_screening *found_r);

/* Names of counters. room: at least MR_LOGIN_MAX + 32 bytes. */
struct mr_str mr_screening_source_name(const struct mr_ip *ip, unsigned length, char *room);
struct mr_str mr_screening_login_name(struct mr_str login, char *room);
struct mr_str mr_screening_pair_name(struct mr_str login, const struct mr_ip *ip, unsigned length, char *room);
/* What is one source: the bits of the policy for the address's family. */
unsigned mr_screening_length(const struct mr_screen_policy *screen, const struct mr_ip *ip);
/* Whether an exemption, or the rule's excepted networks, excuses the visitor from screening; notes its use. */
bool mr_screening_exempt(const struct mr_visitor *visitor);

/* Somebody used the source well. */
void mr_screening_welcome(const struct mr_visitor *visitor);

/* What was counted of the sources of exactly this prefix goes: somebody says that it was harmless, or is over. */
void mr_screening_forget(struct mr_engine *engine, const struct mr_policy *policy, const struct mr_prefix *prefix,
			 int64_t state_ms);

/* How a source stands. */
enum mr_source_block { MR_SOURCE_FREE, MR_SOURCE_WATCHED, MR_SOURCE_SCREENED, MR_SOURCE_ORDERED };
/* The hardest of the blocks that hold for ip now; *source_r: a copy of the record, of key.bytes 0 when there is none. */
enum mr_source_block mr_screening_block(struct mr_engine *engine, const struct mr_ip *ip, int64_t state_ms,
					struct mr_source *source_r);

/* An event about the visitor. words may be absent: then it is made from the reason. */
struct mr_event mr_screening_event(const struct mr_visitor *visitor, enum mr_event_action action, struct mr_str words,
				   const struct mr_decision *decision, const struct mr_screening *found);

/* An alert of that reason: BEFORE subject AFTER, and the limit that was passed. */
void mr_screening_alert(const struct mr_visitor *visitor, enum mr_reason reason, const char *before, struct mr_str subject,
			const char *after, const struct mr_screening *found);
/* ": failed logins ...: 12, the limit login_failures.1h is 10"; nothing when no limit was passed. */
void mr_screening_say_limit(struct mr_buffer *b, const struct mr_screening *found);
/* The prefix of length that the visitor is in has passed found->limit: it is blocked, unless it is already, or is spared. */
void mr_screening_source_passed(const struct mr_visitor *visitor, unsigned length, const struct mr_screening *found);

/* One more connection of the source, or one less; returns how many there are now; 0: there is no room to know. */
unsigned mr_crowd_enter(struct mr_crowd *crowd, uint64_t source);
void mr_crowd_leave(struct mr_crowd *crowd, uint64_t source);

#endif
