/* See statetime.h. Called by the engine; the daemon ticks it. */
#include "engine/statetime.h"

#include <stddef.h>

enum { STEP_MS = 2000, BETWEEN_TICKS_MS = 5000 };

static const int64_t GAP_MAX_MS = INT64_C(400) * 86400 * 1000;

void mr_statetime_begin(struct mr_statetime *time, const struct mr_statetime_note *note, int64_t wall_ms)
{
	int64_t state = wall_ms;

	if (note != NULL) {
		int64_t gap = wall_ms - note->wall_ms;

		state = note->state_ms + (gap > 0 && gap <= GAP_MAX_MS ? gap : 0);
	}
	atomic_store(&time->last, state);
	atomic_store(&time->tick_state, state);
	atomic_store(&time->tick_wall, wall_ms);
	time->ticking = false;
}

/* The state goes on by the steady clock, and towards the wall clock at most as fast again, or half as fast back. */
static int64_t follow(int64_t state, int64_t wall_ms, int64_t elapsed)
{
	int64_t apart = wall_ms - state;

	if (apart > -STEP_MS && apart < STEP_MS)
		return wall_ms;
	if (apart > elapsed)
		return state + elapsed;
	if (apart < -elapsed / 2)
		return state - elapsed / 2;
	return wall_ms;
}

void mr_statetime_tick(struct mr_statetime *time, int64_t wall_ms, int64_t steady_ms, int64_t *stepped_ms_r)
{
	int64_t elapsed = time->ticking ? steady_ms - time->tick_steady : 0;
	int64_t stepped = time->ticking ? wall_ms - atomic_load(&time->tick_wall) - elapsed : 0;
	int64_t state = atomic_load(&time->tick_state);

	if (elapsed < 0)
		elapsed = 0;
	/* Begun without a time: there is nothing that a wrong clock could end. */
	atomic_store(&time->tick_state, state == INT64_MIN ? wall_ms : follow(state + elapsed, wall_ms, elapsed));
	atomic_store(&time->tick_wall, wall_ms);
	time->tick_steady = steady_ms;
	time->ticking = true;
	*stepped_ms_r = stepped > STEP_MS || stepped < -STEP_MS ? stepped : 0;
}

int64_t mr_statetime_now(struct mr_statetime *time, int64_t wall_ms)
{
	int64_t last = atomic_load(&time->last), now = wall_ms;

	if (time->ticking) {
		int64_t since = wall_ms - atomic_load(&time->tick_wall);

		if (since < 0)
			since = 0;
		if (since > BETWEEN_TICKS_MS)
			since = BETWEEN_TICKS_MS;
		now = atomic_load(&time->tick_state) + since;
	}
	while (now > last)
		if (atomic_compare_exchange_weak(&time->last, &last, now))
			return now;
	return last;
}

int64_t mr_statetime_wall(const struct mr_statetime *time)
{
	return time->ticking ? atomic_load(&time->tick_wall) : atomic_load(&time->last);
}
