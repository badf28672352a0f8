/* How many messages of the last 24 hours were accepted, held, deferred and refused. Thread-safe without a lock: a count
 * may be lost when an hour begins. Private to the room. */
#ifndef MR_ENGINE_TALLY_H
#define MR_ENGINE_TALLY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "model/vocabulary.h"

enum { MR_TALLY_HOURS = 24, MR_TALLY_VERDICTS = MR_REJECT + 1 };

/* What happened to logins: asked for, refused before the password was looked at, failed, succeeded, guarded from now on. */
enum mr_tally_login { MR_TALLY_ASKED, MR_TALLY_REFUSED, MR_TALLY_FAILED, MR_TALLY_SUCCEEDED, MR_TALLY_GUARDED, MR_TALLY_LOGINS };

/* All zero: nothing was counted. */
struct mr_tally {
	struct {
		_Atomic int64_t hour; /* hours since 1970 */
		_Atomic uint64_t count[MR_TALLY_VERDICTS];
		_Atomic uint64_t logins[MR_TALLY_LOGINS];
	} hours[MR_TALLY_HOURS];
};

void mr_tally_add(struct mr_tally *tally, int64_t now_ms, enum mr_verdict verdict);
void mr_tally_login(struct mr_tally *tally, int64_t now_ms, enum mr_tally_login what);
void mr_tally_logins(const struct mr_tally *tally, int64_t now_ms, uint64_t count_r[MR_TALLY_LOGINS]);
void mr_tally_sum(const struct mr_tally *tally, int64_t now_ms, uint64_t count_r[MR_TALLY_VERDICTS]);

#endif
