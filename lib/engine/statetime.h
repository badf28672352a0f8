/*
 * State time: the clock of windows, freezes and habits. It never goes backwards and never jumps: when the wall clock is
 * stepped it goes on by the steady clock and then follows slowly, so that a wrong clock ends no freeze and no window.
 * Thread-safe: _now from any thread, _tick from one.
 */
#ifndef MR_ENGINE_STATETIME_H
#define MR_ENGINE_STATETIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mr_statetime {
	_Atomic int64_t last;          /* the latest that was given out */
	_Atomic int64_t tick_state;    /* state time and wall clock at the last tick */
	_Atomic int64_t tick_wall;
	int64_t tick_steady;
	_Atomic bool ticking;                /* without ticks, as in replay, the callers' time is the state's */
};

/* What a restart needs. */
struct mr_statetime_note {
	int64_t state_ms, wall_ms;
};

/* note: of the last run, or NULL. Longer gaps than 400 days are taken for a wrong clock. */
void mr_statetime_begin(struct mr_statetime *time, const struct mr_statetime_note *note, int64_t wall_ms);
/* Once a second. *stepped_ms_r: by how much the wall clock was stepped since the last tick, 0 mostly. */
void mr_statetime_tick(struct mr_statetime *time, int64_t wall_ms, int64_t steady_ms, int64_t *stepped_ms_r);
/* State time at this wall clock. */
int64_t mr_statetime_now(struct mr_statetime *time, int64_t wall_ms);
/* The wall clock as it was last told. */
int64_t mr_statetime_wall(const struct mr_statetime *time);

#endif
