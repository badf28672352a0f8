/*
 * What is remembered of one account: who it is, how it stands, and its habits. Plain data of fixed size, copied as it is
 * to disk by the store: no pointer, no padding that holds anything, all members little-endian as the machine has them.
 * An account is a login, or, for mail that nobody logged in for, a source, a script or a sender.
 */
#ifndef MR_MODEL_ACCOUNT_H
#define MR_MODEL_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/channel.h"
#include "model/habit.h"
#include "model/history.h"

/* Identity of a record: a keyed hash of what it stands for (mr_store_key). */
struct mr_key {
	unsigned char bytes[16];
};

enum mr_account_kind { MR_ACCOUNT_LOGIN, MR_ACCOUNT_SOURCE, MR_ACCOUNT_SCRIPT, MR_ACCOUNT_SENDER };

/* How an account stands. Ordered: the higher, the less it may do. */
enum mr_account_state { MR_ACCOUNT_NORMAL, MR_ACCOUNT_WATCHED, MR_ACCOUNT_HELD, MR_ACCOUNT_FROZEN };

/* Who brought it there. */
enum mr_account_cause { MR_CAUSE_NONE, MR_CAUSE_EVIDENCE, MR_CAUSE_LIMIT, MR_CAUSE_OPERATOR, MR_CAUSE_EXPIRY };

enum { MR_STANDING_ID_MAX = 24, MR_ACCOUNT_NAME_MAX = 48 };

struct mr_standing {
	uint8_t state;         /* enum mr_account_state */
	uint8_t cause;         /* enum mr_account_cause */
	uint8_t external_only; /* frozen for mail that leaves only */
	uint8_t noticed;       /* told of this incident: 1 << state */
	uint16_t reason;       /* enum mr_reason of a hard limit; 0 */
	uint16_t incidents;    /* how often it was held or frozen, saturating */
	int64_t since_ms;      /* when it came into this state; 0: never left normal */
	int64_t until_ms;      /* 0: until somebody thaws it */
	char event_id[MR_STANDING_ID_MAX]; /* of the message or order that brought it there; NUL-ended */
	int16_t evidence[MR_CHANNEL_COUNT]; /* then, in hundredths of a nat */
	int16_t threshold;     /* then, in hundredths of a nat */
	uint16_t unused;
};

struct mr_account {
	struct mr_key key;
	int64_t first_ms, last_ms; /* state time of the first and the last message */
	uint32_t revision;         /* counts changes; of two copies the higher is the newer */
	uint8_t kind;              /* enum mr_account_kind */
	uint8_t known;             /* has earned the pool that unknown names cannot crowd out */
	uint8_t name_cut;          /* the name is longer than name holds */
	uint8_t unused;
	struct mr_standing standing;
	struct mr_habit habit;
	struct mr_history history;
	char name[MR_ACCOUNT_NAME_MAX]; /* canonical, not ended by a NUL when it fills the room */
	uint32_t unused2;
};

/* Whether its enumerations and texts are what they can be. The habit is mr_habit_valid's. Thread-safe. */
bool mr_account_valid(const struct mr_account *account);

#endif
