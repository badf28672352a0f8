/* The state's own clock: it never goes back and never jumps, whatever the wall clock does. */
#include "engine/statetime.h"

#include "harness.h"

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)

/* A day in 2026, and a machine that is up since three hours. */
#define WALL INT64_C(1795301467000)
#define STEADY (3 * HOUR)

/* A clock on a wall and a steady one, told to the state once a second. */
struct world {
	struct mr_statetime time;
	int64_t wall, steady;
};

static void begin(struct world *w, const struct mr_statetime_note *note)
{
	*w = (struct world){ .wall = WALL, .steady = STEADY };
	mr_statetime_begin(&w->time, note, w->wall);
}

/* What the tick says of a step. */
static int64_t tick(struct world *w)
{
	int64_t stepped;

	mr_statetime_tick(&w->time, w->wall, w->steady, &stepped);
	return stepped;
}

/* Time goes by, a tick a second. The state's time must never go back. Steps that are told are summed up. */
static int64_t pass(struct world *w, int64_t ms)
{
	int64_t told = 0, last = mr_statetime_now(&w->time, w->wall);

	for (int64_t i = 0; i < ms; i += SECOND) {
		int64_t now;

		w->wall += SECOND;
		w->steady += SECOND;
		told += tick(w);
		now = mr_statetime_now(&w->time, w->wall);
		ck_assert_int_ge(now, last);
		last = now;
	}
	return told;
}

static int64_t now_of(struct world *w)
{
	return mr_statetime_now(&w->time, w->wall);
}

START_TEST(goes_with_the_wall_clock)
{
	struct world w;

	begin(&w, NULL);
	ck_assert_int_eq(tick(&w), 0);
	ck_assert_int_eq(now_of(&w), WALL);
	ck_assert_int_eq(pass(&w, 10 * 60 * SECOND), 0);
	ck_assert_int_eq(now_of(&w), w.wall);
	w.wall += 400; /* between two ticks */
	ck_assert_int_eq(now_of(&w), w.wall);
	ck_assert_int_eq(mr_statetime_wall(&w.time), w.wall - 400);
}
END_TEST

START_TEST(is_the_callers_time_without_ticks)
{
	struct mr_statetime time;

	mr_statetime_begin(&time, NULL, INT64_MIN);
	ck_assert_int_eq(mr_statetime_now(&time, WALL), WALL);
	ck_assert_int_eq(mr_statetime_now(&time, WALL + 5 * YEAR), WALL + 5 * YEAR);
	ck_assert_int_eq(mr_statetime_now(&time, WALL), WALL + 5 * YEAR);
	ck_assert_int_eq(mr_statetime_wall(&time), WALL + 5 * YEAR);
}
END_TEST

/* Ticks that begin later than the messages. */
START_TEST(begins_without_a_time)
{
	struct world w = { .wall = WALL, .steady = STEADY };

	mr_statetime_begin(&w.time, NULL, INT64_MIN);
	ck_assert_int_eq(tick(&w), 0);
	ck_assert_int_eq(now_of(&w), WALL);
	pass(&w, 10 * SECOND);
	ck_assert_int_eq(now_of(&w), w.wall);
}
END_TEST

static const int64_t steps[] = { HOUR, -HOUR, DAY, -DAY, 10 * YEAR, -10 * YEAR };

/* The wall clock is set. At once nothing happens; then the state follows, at most twice and at least half as fast as time
 * goes by. */
START_TEST(does_not_jump)
{
	struct world w;
	int64_t before, gone;

	begin(&w, NULL);
	tick(&w);
	pass(&w, 60 * SECOND);
	before = now_of(&w);
	w.wall += steps[_i];
	gone = now_of(&w) - before; /* a message before the next tick */
	ck_assert_int_ge(gone, 0);
	ck_assert_int_le(gone, 5 * SECOND);
	w.wall += SECOND;
	w.steady += SECOND;
	gone = tick(&w);
	ck_assert_int_eq(gone, steps[_i]);
	ck_assert_int_eq(pass(&w, 600 * SECOND), 0); /* told once */
	gone = now_of(&w) - before;
	ck_assert_int_ge(gone, 300 * SECOND);
	ck_assert_int_le(gone, 1202 * SECOND + 5 * SECOND);
}
END_TEST

/* An hour wrong and right again: as if nothing had been. */
START_TEST(comes_back)
{
	struct world w;
	int64_t apart;

	begin(&w, NULL);
	tick(&w);
	w.wall += steps[_i];
	pass(&w, 60 * SECOND);
	w.wall -= steps[_i];
	pass(&w, 300 * SECOND);
	apart = now_of(&w) - w.wall;
	ck_assert_int_ge(apart, 0);
	ck_assert_int_le(apart, 5 * SECOND);
}
END_TEST

/* In the end the state is where the wall clock is. */
START_TEST(follows_in_the_end)
{
	static const int64_t small[] = { 600 * SECOND, -600 * SECOND };
	struct world w;

	begin(&w, NULL);
	tick(&w);
	w.wall += small[_i];
	pass(&w, 1300 * SECOND);
	ck_assert_int_eq(now_of(&w), w.wall);
}
END_TEST

/* Small corrections, as a time service makes them, are no steps. */
START_TEST(takes_small_corrections)
{
	struct world w;

	begin(&w, NULL);
	tick(&w);
	for (int i = 0; i < 20; i++) {
		w.wall += i % 2 == 0 ? 900 : -900;
		ck_assert_int_eq(pass(&w, SECOND), 0);
	}
}
END_TEST

/* The machine was asleep, or the process stopped: both clocks say so, and the state's time has gone by. */
START_TEST(knows_of_sleep)
{
	struct world w;

	begin(&w, NULL);
	tick(&w);
	w.wall += 8 * HOUR;
	w.steady += 8 * HOUR;
	ck_assert_int_eq(tick(&w), 0);
	ck_assert_int_eq(now_of(&w), w.wall);
}
END_TEST

/* A steady clock that goes back, which none does, costs nothing. */
START_TEST(minds_no_broken_steady_clock)
{
	struct world w;
	int64_t before;

	begin(&w, NULL);
	tick(&w);
	pass(&w, 10 * SECOND);
	before = now_of(&w);
	w.steady = 0;
	w.wall += SECOND;
	tick(&w);
	ck_assert_int_ge(now_of(&w), before);
	pass(&w, 10 * SECOND);
	ck_assert_int_eq(now_of(&w), w.wall);
}
END_TEST

/* Between ticks at most five seconds pass, should the ticks stop. */
START_TEST(does_not_run_away_without_ticks)
{
	struct world w;

	begin(&w, NULL);
	tick(&w);
	w.wall += HOUR;
	ck_assert_int_eq(now_of(&w), WALL + 5 * SECOND);
}
END_TEST

/* ---- Restarts ---- */

/* What the last run left, and the time that has gone by since as the wall clock has it. */
static const struct {
	int64_t state, gap; /* against WALL */
	int64_t wanted;     /* against WALL, at the first tick */
} restarts[] = {
	{ 0, 0, 0 },                        /* at once */
	{ 0, HOUR, 0 },                     /* an hour later */
	{ 0, 90 * DAY, 0 },                 /* a machine that was off for a winter */
	{ 0, 10 * YEAR, -10 * YEAR },       /* no winter: a wrong clock */
	{ 0, -HOUR, HOUR },                 /* the clock was set back meanwhile */
	{ 0, -10 * YEAR, 10 * YEAR },
	{ -HOUR, HOUR, -HOUR },             /* the state was behind, and still is */
	{ 2 * HOUR, HOUR, 2 * HOUR },       /* it was before */
};

START_TEST(goes_on_after_a_restart)
{
	struct mr_statetime_note note = { .wall_ms = WALL - restarts[_i].gap,
					  .state_ms = WALL - restarts[_i].gap + restarts[_i].state };
	struct world w;

	begin(&w, &note);
	ck_assert_int_eq(tick(&w), 0);
	ck_assert_int_eq(now_of(&w), WALL + restarts[_i].wanted);
	ck_assert_int_ge(now_of(&w), note.state_ms);
	pass(&w, 60 * SECOND);
	ck_assert_int_ge(now_of(&w), WALL + restarts[_i].wanted + 30 * SECOND);
	ck_assert_int_le(now_of(&w), WALL + restarts[_i].wanted + 122 * SECOND);
}
END_TEST

/* A freeze of a day, the wall clock set ten years ahead an hour after it began: nobody is thawed by that. */
START_TEST(ends_no_freeze_early)
{
	struct world w;
	int64_t until;

	begin(&w, NULL);
	tick(&w);
	until = now_of(&w) + DAY;
	pass(&w, HOUR);
	w.wall += 10 * YEAR;
	pass(&w, 10 * HOUR);
	ck_assert_int_lt(now_of(&w), until);
	w.wall -= 10 * YEAR;
	pass(&w, 14 * HOUR);
	ck_assert_int_ge(now_of(&w), until);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("statetime");
	TCase *tests = tcase_create("statetime");
	int many = (int)(sizeof(steps) / sizeof(steps[0]));

	tcase_add_test(tests, goes_with_the_wall_clock);
	tcase_add_test(tests, is_the_callers_time_without_ticks);
	tcase_add_test(tests, begins_without_a_time);
	tcase_add_loop_test(tests, does_not_jump, 0, many);
	tcase_add_loop_test(tests, comes_back, 0, many);
	tcase_add_loop_test(tests, follows_in_the_end, 0, 2);
	tcase_add_test(tests, takes_small_corrections);
	tcase_add_test(tests, knows_of_sleep);
	tcase_add_test(tests, minds_no_broken_steady_clock);
	tcase_add_test(tests, does_not_run_away_without_ticks);
	tcase_add_loop_test(tests, goes_on_after_a_restart, 0, (int)(sizeof(restarts) / sizeof(restarts[0])));
	tcase_add_test(tests, ends_no_freeze_early);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
