/*
 * The engine: the policy in force, the ids, and where lines go. Private to the room and to replay/.
 * Thread-safe: the policy pointer and its count are taken under one lock.
 */
#ifndef MR_ENGINE_ENGINE_H
#define MR_ENGINE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/statetime.h"
#include "engine/tally.h"
#include "geo/geo.h"
#include "mailreeve.h"
#include "model/event.h"
#include "model/policy.h"
#include "store/store.h"

/* Room for lines is kept and lent out: on the stack it would cost a young thread three page faults a line. */
enum { MR_ENGINE_SPARE_LINES = 8, MR_ENGINE_BUDGET_MAX = 1024 };

/* When accounts were frozen automatically: the newest ones, as a ring. */
struct mr_budget {
	pthread_mutex_t lock;
	int64_t frozen_ms[MR_ENGINE_BUDGET_MAX];
	size_t next, count;
};

/* Which sources lend suspicion because of which account: the newest ones, as a ring, so that a thaw can take it back. */
enum { MR_ENGINE_LENDS = 64 };

struct mr_lends {
	pthread_mutex_t lock;
	struct {
		struct mr_key account, source;
	} lent[MR_ENGINE_LENDS];
	size_t next;
};

/* Connections that are open now, by source. */
enum { MR_CROWD_SLOTS = 16384, MR_ENGINE_FOLDS = 4096 };

struct mr_crowd_slot {
	uint64_t source;
	unsigned count;
};

struct mr_crowd {
	pthread_mutex_t lock;
	struct mr_crowd_slot slots[MR_CROWD_SLOTS];
};

struct mr_engine {
	pthread_mutex_t lock; /* for policy */
	struct mr_policy *policy;
	_Atomic uint64_t generation; /* of policy, to see a change without the lock */
	_Atomic unsigned needs;
	_Atomic uint64_t ids;
	_Atomic uint64_t own_sequence;
	_Atomic uint64_t *sequence;
	unsigned char id_seed[16];
	char *host;
	struct mr_observer observer;
	mr_line_function *event;
	void *event_context;
	mr_line_function *fact;
	void *fact_context;
	mr_line_function *notice;
	void *notice_context;
	struct mr_state *state;      /* owns the store; NULL: the store is the engine's own */
	struct mr_store *store;
	struct mr_statetime time;
	int64_t swept_ms;            /* when what is over was last looked for; the ticking thread's */
	struct mr_budget budget;
	struct mr_budget block_budget;
	_Atomic int64_t block_budget_told_ms; /* when it was last told that it is used up; 0: never */
	struct mr_crowd crowd;
	_Atomic uint64_t folds[MR_ENGINE_FOLDS]; /* failed logins just told: see logins.c */
	_Atomic uint64_t unhashed;   /* failed logins that were told without a hash of the password */
	pthread_mutex_t geo_lock;
	struct mr_geo *geo;          /* or NULL */
	struct mr_lends lends;
	struct mr_tally tally;
	_Atomic int64_t began_ms;    /* wall clock, when it said that it takes mail; 0: never */
	_Atomic unsigned blocks[129]; /* how many prefixes of each length are blocked */
	_Atomic(char *) spare_lines[MR_ENGINE_SPARE_LINES]; /* each MR_LINE_MAX bytes or NULL */
};

/* The policy in force, with a reference for the caller. */
struct mr_policy *mr_engine_hold_policy(struct mr_engine *engine);
/* Numbers the event, writes its line and hands it on. */
void mr_engine_emit(struct mr_engine *engine, struct mr_event *event, const struct mr_policy *policy);
/* What policy wants to see: enum mr_needs. */
unsigned mr_engine_needs_of(const struct mr_policy *policy, bool facts_wanted);

#endif
