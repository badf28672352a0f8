/*
 * Tests of lib/core/window.c against an exact count of what happened: a window never holds less than the last length_ms,
 * and never more than its reach.
 */
#include "core/window.h"

#include <string.h>

#include "harness.h"

enum { HOUR = 3600 * 1000, EVENTS_MAX = 4096 };

static uint64_t random_state;

static uint32_t
roll(uint32_t sides)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) % sides);
}

static _Alignas(8) unsigned char memory[1 << 19];

static struct mr_window
window_for(enum mr_metric_form form, uint64_t most, int64_t length_ms)
{
	struct mr_window window = { memory, mr_window_size(form, most), form, length_ms };

	ck_assert_uint_le(window.size, sizeof(memory));
	ck_assert_uint_eq(window.size % 8, 0);
	memset(memory, 0, sizeof(memory));
	return window;
}

static uint64_t
held(const struct mr_window *window, int64_t now_ms)
{
	const struct mr_amount nothing = { 0 };
	uint64_t fresh;

	return mr_window_would(window, now_ms, &nothing, &fresh);
}

static void
add(const struct mr_window *window, int64_t now_ms, uint64_t number)
{
	const struct mr_amount amount = { .number = number };

	mr_window_add(window, now_ms, &amount);
}

static uint64_t
would(const struct mr_window *window, int64_t now_ms, uint64_t number)
{
	const struct mr_amount amount = { .number = number };
	uint64_t fresh;

	return mr_window_would(window, now_ms, &amount, &fresh);
}

static void
add_items(const struct mr_window *window, int64_t now_ms, const uint32_t *items, size_t count)
{
	const struct mr_amount amount = { .items = items, .item_count = count };

	mr_window_add(window, now_ms, &amount);
}

static uint64_t
would_items(const struct mr_window *window, int64_t now_ms, const uint32_t *items, size_t count, uint64_t *fresh_r)
{
	const struct mr_amount amount = { .items = items, .item_count = count };

	return mr_window_would(window, now_ms, &amount, fresh_r);
}

/* ---- Single steps ---- */

START_TEST(the_first_counts)
{
	struct mr_window window = window_for(MR_FORM_COUNT, 10, HOUR);

	ck_assert_uint_eq(would(&window, 5 * HOUR, 1), 1);
	ck_assert_uint_eq(held(&window, 5 * HOUR), 0);
	add(&window, 5 * HOUR, 1);
	ck_assert_uint_eq(held(&window, 5 * HOUR), 1);
	ck_assert_uint_eq(would(&window, 5 * HOUR, 3), 4);
}
END_TEST

START_TEST(all_expires_and_not_too_early)
{
	struct mr_window window = window_for(MR_FORM_COUNT, 10, HOUR);

	for (int64_t start = 7 * HOUR; start < 8 * HOUR; start += 12345) {
		memset(memory, 0, window.size);
		add(&window, start, 7);
		ck_assert_uint_eq(held(&window, start + HOUR - 1), 7);
		ck_assert_uint_eq(held(&window, start + mr_window_reach(HOUR)), 0);
	}
	ck_assert_int_le(mr_window_reach(HOUR), HOUR + HOUR / 20);
	ck_assert_int_le(mr_window_reach(1000), 1100);
}
END_TEST

START_TEST(time_that_goes_back_is_the_latest_seen)
{
	struct mr_window window = window_for(MR_FORM_COUNT, 10, HOUR);

	add(&window, 10 * HOUR, 4);
	add(&window, 10 * HOUR - HOUR / 2, 3);
	ck_assert_uint_eq(held(&window, 10 * HOUR - HOUR / 2), 7);
	ck_assert_uint_eq(held(&window, 11 * HOUR - 1), 7);
	ck_assert_uint_eq(held(&window, 10 * HOUR + mr_window_reach(HOUR)), 0);
}
END_TEST

START_TEST(a_far_future_is_damage)
{
	struct mr_window window = window_for(MR_FORM_COUNT, 10, HOUR);

	add(&window, INT64_MAX, 4);
	ck_assert_uint_eq(held(&window, 10 * HOUR), 0);
	add(&window, 10 * HOUR, 4);
	ck_assert_uint_eq(held(&window, 10 * HOUR), 4);
	ck_assert_uint_eq(held(&window, -1), 0);
}
END_TEST

START_TEST(numbers_saturate)
{
	struct mr_window count = window_for(MR_FORM_COUNT, 10, HOUR);
	struct mr_window bytes;

	add(&count, HOUR, UINT64_MAX);
	add(&count, HOUR, UINT64_MAX);
	ck_assert_uint_eq(held(&count, HOUR), UINT32_MAX);
	ck_assert_uint_eq(would(&count, HOUR, UINT64_MAX), UINT64_MAX);
	bytes = window_for(MR_FORM_BYTES, 10, HOUR);
	add(&bytes, HOUR, UINT64_MAX);
	add(&bytes, HOUR + HOUR / 2, UINT64_MAX);
	ck_assert_uint_eq(held(&bytes, HOUR + HOUR / 2), UINT64_MAX);
	ck_assert_uint_eq(would(&bytes, HOUR + HOUR / 2, 1), UINT64_MAX);
}
END_TEST

START_TEST(what_was_just_added_can_be_given_back)
{
	struct mr_window window = window_for(MR_FORM_COUNT, 10, HOUR);
	const struct mr_amount three = { .number = 3 };

	add(&window, HOUR, 4);
	add(&window, HOUR, 3);
	mr_window_give_back(&window, HOUR, &three);
	ck_assert_uint_eq(held(&window, HOUR), 4);
	mr_window_give_back(&window, HOUR, &three);
	mr_window_give_back(&window, HOUR, &three);
	ck_assert_uint_eq(held(&window, HOUR), 0);
}
END_TEST

START_TEST(refusals_are_counted_apart_and_in_runs)
{
	struct mr_window window = window_for(MR_FORM_COUNT, 10, HOUR);

	ck_assert_uint_eq(mr_window_refused(&window, 5 * HOUR), 0);
	ck_assert_uint_eq(mr_window_refuse(&window, 5 * HOUR), 1);
	ck_assert_uint_eq(mr_window_refuse(&window, 5 * HOUR + HOUR / 2), 2);
	ck_assert_uint_eq(mr_window_refuse(&window, 6 * HOUR + HOUR / 3), 3);
	ck_assert_uint_eq(held(&window, 6 * HOUR + HOUR / 3), 0);
	ck_assert_uint_eq(mr_window_refused(&window, 7 * HOUR + HOUR / 4), 3);
	ck_assert_uint_eq(mr_window_refuse(&window, 9 * HOUR), 1);
}
END_TEST

START_TEST(different_things_are_counted_once)
{
	static const uint32_t first[] = { 3, 7, 9 }, second[] = { 1, 7, 12 };
	struct mr_window window = window_for(MR_FORM_DISTINCT, 10, HOUR);
	uint64_t fresh;

	ck_assert_uint_eq(would_items(&window, HOUR, first, 3, &fresh), 3);
	ck_assert_uint_eq(fresh, 3);
	add_items(&window, HOUR, first, 3);
	ck_assert_uint_eq(would_items(&window, HOUR, first, 3, &fresh), 3);
	ck_assert_uint_eq(fresh, 0);
	ck_assert_uint_eq(would_items(&window, HOUR + HOUR / 2, second, 3, &fresh), 5);
	ck_assert_uint_eq(fresh, 2);
	add_items(&window, HOUR + HOUR / 2, second, 3);
	/* 3 and 9 are gone, 7 was seen again. */
	ck_assert_uint_eq(held(&window, HOUR + mr_window_reach(HOUR)), 3);
	ck_assert_uint_eq(would_items(&window, HOUR + mr_window_reach(HOUR), first, 3, &fresh), 5);
}
END_TEST

START_TEST(a_full_set_forgets_the_oldest)
{
	struct mr_window window = window_for(MR_FORM_DISTINCT, 10, HOUR);
	size_t room = 16;
	uint32_t items[64];
	uint64_t fresh;

	for (uint32_t i = 0; i < room; i++) {
		items[0] = 1000 - i * 10;
		add_items(&window, HOUR + (int64_t)i * (HOUR / MR_WINDOW_PIECES), items, 1);
	}
	for (uint32_t i = 0; i < 6; i++)
		items[i] = 2000 + i;
	add_items(&window, 2 * HOUR - 1, items, 6);
	ck_assert_uint_eq(held(&window, 2 * HOUR - 1), room);
	would_items(&window, 2 * HOUR - 1, items, 6, &fresh);
	ck_assert_uint_eq(fresh, 0);
	items[0] = 1000; /* the oldest */
	would_items(&window, 2 * HOUR - 1, items, 1, &fresh);
	ck_assert_uint_eq(fresh, 1);
	items[0] = 1000 - 15 * 10; /* the youngest of the first */
	would_items(&window, 2 * HOUR - 1, items, 1, &fresh);
	ck_assert_uint_eq(fresh, 0);
	for (uint32_t i = 0; i < 64; i++)
		items[i] = 990 + i; /* more than there is room for */
	add_items(&window, 2 * HOUR - 1, items, 64);
	ck_assert_uint_eq(held(&window, 2 * HOUR - 1), room);
}
END_TEST

START_TEST(sizes_are_alike_within_1_2_percent)
{
	struct mr_window window = window_for(MR_FORM_ALIKE, 10, HOUR);

	add(&window, HOUR, 100000);
	ck_assert_uint_eq(would(&window, HOUR, 100000), 2);
	ck_assert_uint_eq(would(&window, HOUR, 101199), 2);
	ck_assert_uint_eq(would(&window, HOUR, 101201), 1);
	ck_assert_uint_eq(would(&window, HOUR, 98815), 2);
	ck_assert_uint_eq(would(&window, HOUR, 98813), 1);
	add(&window, HOUR, 101199);
	add(&window, HOUR, 98815);
	ck_assert_uint_eq(would(&window, HOUR, 100000), 4);
	ck_assert_uint_eq(would(&window, HOUR, 101199), 3);
	ck_assert_uint_eq(would(&window, HOUR, 1), 1);
	ck_assert_uint_eq(would(&window, HOUR, UINT64_MAX), 1);
	ck_assert_uint_eq(would(&window, HOUR + mr_window_reach(HOUR), 100000), 1);
}
END_TEST

START_TEST(sizes_of_memory)
{
	ck_assert_uint_eq(mr_window_size(MR_FORM_COUNT, 1), mr_window_size(MR_FORM_COUNT, 1000000000));
	ck_assert_uint_le(mr_window_size(MR_FORM_COUNT, 1), 160);
	ck_assert_uint_le(mr_window_size(MR_FORM_BYTES, 1), 288);
	/* A limit that is raised a little keeps its counter. */
	ck_assert_uint_eq(mr_window_size(MR_FORM_DISTINCT, 100), mr_window_size(MR_FORM_DISTINCT, 200));
	ck_assert_uint_le(mr_window_size(MR_FORM_DISTINCT, 20), 64 * 5 + 24);
	ck_assert_uint_le(mr_window_size(MR_FORM_DISTINCT, UINT64_MAX), sizeof(memory));
	ck_assert_uint_le(mr_window_size(MR_FORM_ALIKE, UINT64_MAX), sizeof(memory));
}
END_TEST

/* ---- Against an exact count ---- */

struct event {
	int64_t time_ms;
	uint64_t number; /* or the item, or the size */
};

static struct event events[EVENTS_MAX];
static size_t event_count;

/* What happened in the span_ms up to now: times in (now - span, now]. */
static uint64_t
exact_sum(int64_t now_ms, int64_t span_ms)
{
	uint64_t sum = 0;

	for (size_t i = event_count; i > 0 && events[i - 1].time_ms > now_ms - span_ms; i--)
		sum += events[i - 1].number;
	return sum;
}

static uint64_t
exact_distinct(int64_t now_ms, int64_t span_ms)
{
	uint64_t count = 0;

	for (size_t i = event_count; i > 0 && events[i - 1].time_ms > now_ms - span_ms; i--) {
		size_t j = i;

		while (j < event_count && events[j].number != events[i - 1].number)
			j++;
		count += j == event_count;
	}
	return count;
}

static uint64_t
exact_alike(int64_t now_ms, int64_t span_ms, uint64_t size, double tolerance)
{
	uint64_t count = 0;

	for (size_t i = event_count; i > 0 && events[i - 1].time_ms > now_ms - span_ms; i--) {
		double a = (double)events[i - 1].number, b = (double)size;

		count += a <= b * tolerance && b <= a * tolerance;
	}
	return count;
}

/* A time step of a sender who pauses, hurries, or waits for the edge of a piece and sends right before or behind it. */
static int64_t
step(int64_t now_ms, int64_t length_ms)
{
	int64_t piece = (length_ms + MR_WINDOW_PIECES - 1) / MR_WINDOW_PIECES;

	switch (roll(8)) {
	case 0:
		return now_ms + roll((uint32_t)length_ms);
	case 1:
		return (now_ms / piece + 1) * piece - 1;
	case 2:
		return (now_ms / piece + 1) * piece;
	case 3:
		return now_ms + length_ms - 1;
	case 4:
	case 5:
		return now_ms;
	default:
		return now_ms + roll((uint32_t)piece * 2);
	}
}

START_TEST(numbers_against_an_exact_count)
{
	static const int64_t lengths[] = { 1000, 60000, 61000, HOUR, 24 * HOUR, 100 * 24 * (int64_t)HOUR };

	for (uint64_t trace = 0; trace < 60; trace++) {
		int64_t length = lengths[trace % 6], now = 1795305600000 + (int64_t)roll(1000000);
		uint64_t most = 1 + roll(200);
		enum mr_metric_form form = trace % 2 ? MR_FORM_COUNT : MR_FORM_BYTES;
		struct mr_window window = window_for(form, most, length);
		int64_t span = length < INT32_MAX ? length : INT32_MAX;

		event_count = 0;
		for (size_t i = 0; i < 2000; i++) {
			uint64_t number = 1 + roll(5), count;

			now = step(now, span);
			count = would(&window, now, number);
			ck_assert_uint_ge(count, exact_sum(now, length) + number);
			ck_assert_uint_le(count, exact_sum(now, mr_window_reach(length)) + number);
			if (count > most)
				continue;
			add(&window, now, number);
			events[event_count++] = (struct event){ now, number };
		}
	}
}
END_TEST

START_TEST(different_things_against_an_exact_count)
{
	for (uint64_t trace = 0; trace < 24; trace++) {
		int64_t length = trace % 2 ? HOUR : 60000, now = 1795305600000;
		uint64_t most = 1 + roll(100);
		struct mr_window window = window_for(MR_FORM_DISTINCT, most, length);

		event_count = 0;
		for (size_t i = 0; i < 600; i++) {
			uint32_t items[4];
			size_t count = 0;
			uint64_t total, fresh;

			for (uint32_t item = roll(40); count < 4 && item < 200; item += 1 + roll(60))
				items[count++] = item;
			now = step(now, length);
			total = would_items(&window, now, items, count, &fresh);
			ck_assert_uint_ge(total - fresh, exact_distinct(now, length));
			ck_assert_uint_le(total - fresh, exact_distinct(now, mr_window_reach(length)));
			if (total > most)
				continue;
			add_items(&window, now, items, count);
			ck_assert_uint_eq(held(&window, now), total);
			for (size_t j = 0; j < count; j++)
				events[event_count++] = (struct event){ now, items[j] };
		}
	}
}
END_TEST

START_TEST(similar_sizes_against_an_exact_count)
{
	for (uint64_t trace = 0; trace < 24; trace++) {
		int64_t length = trace % 2 ? HOUR : 60000, now = 1795305600000;
		uint64_t most = 1 + roll(60);
		struct mr_window window = window_for(MR_FORM_ALIKE, most, length);

		event_count = 0;
		for (size_t i = 0; i < 1000; i++) {
			uint64_t size = 50000 + roll(1500), count;

			now = step(now, length);
			count = would(&window, now, size) - 1;
			/* Exact while there is room for all of them. */
			if (exact_sum(now, mr_window_reach(length)) > 0 && event_count < 2 * most)
				ck_assert_uint_ge(count, exact_alike(now, length, size, 1.01199));
			ck_assert_uint_le(count, exact_alike(now, mr_window_reach(length), size, 1.01201));
			if (count + 1 > most)
				continue;
			add(&window, now, size);
			events[event_count++] = (struct event){ now, size };
		}
	}
}
END_TEST

/* ---- Attackers ---- */

/* Sends whenever it may, at every moment that is near an edge of a piece; the most that any window of length_ms saw. */
static uint64_t
greedy(const struct mr_window *window, uint64_t most, int64_t offset_ms)
{
	int64_t piece = (window->length_ms + MR_WINDOW_PIECES - 1) / MR_WINDOW_PIECES;
	int64_t start = 1000 * window->length_ms + offset_ms;
	uint64_t worst = 0;

	event_count = 0;
	for (int64_t i = 0; i < 5 * MR_WINDOW_PIECES; i++) {
		for (int64_t near = -1; near <= 1; near++) {
			int64_t now = start + i * piece + near;
			uint64_t number = 0;

			while (would(window, now, number + 1) <= most)
				number++;
			if (number == 0)
				continue;
			add(window, now, number);
			events[event_count++] = (struct event){ now, number };
			number = exact_sum(now, window->length_ms);
			worst = number > worst ? number : worst;
		}
	}
	return worst;
}

START_TEST(edges_give_nothing)
{
	static const uint64_t mosts[] = { 1, 2, 19, 20, 21, 100, 1000 };

	for (size_t i = 0; i < sizeof(mosts) / sizeof(mosts[0]); i++) {
		for (int64_t offset = 0; offset < HOUR / MR_WINDOW_PIECES; offset += 9999) {
			struct mr_window window = window_for(MR_FORM_COUNT, mosts[i], HOUR);

			ck_assert_uint_eq(greedy(&window, mosts[i], offset), mosts[i]);
			/* It is no more than the limit, and it is spent again and again. */
			ck_assert_uint_ge(event_count, 4);
		}
	}
}
END_TEST

/* ---- Damage ---- */

/* A window of random bytes, in memory of its own size so that a sanitizer sees every step outside. */
static struct mr_window
damaged(enum mr_metric_form form, uint32_t round, int64_t now_ms, const uint32_t items[8])
{
	struct mr_window window = window_for(form, round % 3 ? 10 : 100, HOUR);
	unsigned char *bytes = malloc(window.size);
	int64_t piece = now_ms / (HOUR / MR_WINDOW_PIECES) - (int64_t)roll(40) + 3;
	uint32_t used = roll(17);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < window.size; i++)
		bytes[i] = (unsigned char)roll(256);
	/* Likely times and numbers of entries; others are thrown away at once. */
	if (round % 8 >= 4)
		memcpy(bytes, &piece, sizeof(piece));
	if (round % 16 >= 8)
		memcpy(bytes + 20, &used, sizeof(used));
	/* Keys out of order, some of which are those that come, and not so old that they go at once. */
	for (size_t i = 0; i < 16 && round % 32 >= 16; i++) {
		memcpy(bytes + 24 + 4 * i, &items[roll(8)], 4);
		bytes[window.size - (window.size - 24) / 5 + i] = (unsigned char)(piece - (int64_t)roll(5));
	}
	window.memory = bytes;
	return window;
}

START_TEST(random_memory_does_no_harm_and_heals)
{
	static const enum mr_metric_form forms[] = { MR_FORM_COUNT, MR_FORM_BYTES, MR_FORM_DISTINCT, MR_FORM_ALIKE };

	for (uint32_t round = 0; round < 8000; round++) {
		enum mr_metric_form form = forms[round % 4];
		int64_t now = 1795305600000;
		struct mr_window window;
		uint32_t items[8];
		uint64_t fresh;

		for (uint32_t i = 0; i < 8; i++)
			items[i] = (i == 0 ? 0 : items[i - 1]) + 1 + roll(UINT32_MAX / 10);
		window = damaged(form, round, now, items);
		for (uint32_t i = 0; i < 20; i++) {
			const struct mr_amount amount = { 1 + roll(1000), items, roll(9) };

			mr_window_would(&window, now, &amount, &fresh);
			mr_window_add(&window, now, &amount);
			mr_window_give_back(&window, now, &amount);
			mr_window_refuse(&window, now);
			now += roll(HOUR / 20);
		}
		now += 3 * HOUR;
		ck_assert_uint_eq(held(&window, now), form == MR_FORM_ALIKE ? 1 : 0);
		ck_assert_uint_eq(mr_window_refuse(&window, now), 1);
		add_items(&window, now, items, 3);
		ck_assert_uint_eq(held(&window, now), form == MR_FORM_DISTINCT ? 3 : form == MR_FORM_ALIKE ? 2 : 0);
		free(window.memory);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("window");
	TCase *steps = tcase_create("steps"), *exact = tcase_create("exact"), *bad = tcase_create("bad");

	random_state = UINT64_C(0x9e3779b97f4a7c15);
	tcase_add_test(steps, the_first_counts);
	tcase_add_test(steps, all_expires_and_not_too_early);
	tcase_add_test(steps, time_that_goes_back_is_the_latest_seen);
	tcase_add_test(steps, a_far_future_is_damage);
	tcase_add_test(steps, numbers_saturate);
	tcase_add_test(steps, what_was_just_added_can_be_given_back);
	tcase_add_test(steps, refusals_are_counted_apart_and_in_runs);
	tcase_add_test(steps, different_things_are_counted_once);
	tcase_add_test(steps, a_full_set_forgets_the_oldest);
	tcase_add_test(steps, sizes_are_alike_within_1_2_percent);
	tcase_add_test(steps, sizes_of_memory);
	tcase_set_timeout(exact, 60);
	tcase_add_test(exact, numbers_against_an_exact_count);
	tcase_add_test(exact, different_things_against_an_exact_count);
	tcase_add_test(exact, similar_sizes_against_an_exact_count);
	tcase_set_timeout(bad, 60);
	tcase_add_test(bad, edges_give_nothing);
	tcase_add_test(bad, random_memory_does_no_harm_and_heals);
	suite_add_tcase(suite, steps);
	suite_add_tcase(suite, exact);
	suite_add_tcase(suite, bad);
	return mr_run_suite(suite);
}
