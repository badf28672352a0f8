/*
 * What was told lately, so that the same is not told again and again. Bounded. Not thread-safe.
 *
 * A step of an incident (account-frozen, ...) is told once until the incident ends (account-thawed, source-unblocked) or
 * the interval is over. Of any other kind the first is told at once; those that follow are counted, and the last of them
 * is told with that number when the interval is over.
 */
#ifndef MR_MILTER_REPEATS_H
#define MR_MILTER_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notice.h"

struct mr_repeats;

/* room: how many different ones are remembered; beyond that the oldest is forgotten, with what was counted. */
int mr_repeats_new(size_t room, struct mr_repeats **repeats_r);
void mr_repeats_free(struct mr_repeats **repeats);
/* Takes the notice (ownership passes). Returns the one to tell now, which is then the caller's, or NULL. now_ms: a
 * steady clock. */
struct mr_notice *mr_repeats_take(struct mr_repeats *repeats, struct mr_notice *notice, int64_t now_ms,
				  int64_t interval_ms);
/* The next one whose interval is over and that must be told, NULL when there is none. Call until NULL. */
struct mr_notice *mr_repeats_due(struct mr_repeats *repeats, int64_t now_ms, int64_t interval_ms);
/* When mr_repeats_due() may next have one; INT64_MAX: never. */
int64_t mr_repeats_next(const struct mr_repeats *repeats);

#endif
