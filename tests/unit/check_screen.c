/* Tests of lib/core/screen.c: limits, the ladder of blocks, how many log in well, who is let in. */
#include "core/screen.h"

#include <string.h>

#include "harness.h"

static const int64_t HOUR_MS = INT64_C(3600000), DAY_MS = 24 * INT64_C(3600000);
static const int64_t NOW_MS = INT64_C(1795305600000);

enum { MEMORY = 1 << 19 };

static _Alignas(8) unsigned char memory[MEMORY];
static struct mr_screen_count seen;
static uint64_t state = 7;

static uint64_t draw(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 20;
}

static struct mr_screen_limit limit_of(enum mr_signal signal, uint64_t most, int64_t window_ms)
{
	struct mr_screen_limit limit = { .signal = signal, .rate = { most, window_ms } };

	ck_assert_uint_le(mr_screen_window_size(&limit, 1), MEMORY);
	memset(memory, 0, sizeof(memory));
	return limit;
}

/* ---- Limits ---- */

START_TEST(different_things_are_counted_once)
{
	struct mr_screen_limit limit = limit_of(MR_SIGNAL_LOGIN_FAILURES, 10, HOUR_MS);

	for (uint32_t i = 1; i <= 10; i++) {
		mr_screen_add(&limit, 1, memory, NOW_MS, 1000 + i, &seen);
		ck_assert(seen.news);
		ck_assert_uint_eq(seen.count, i);
		ck_assert_uint_eq(seen.most, 10);
		ck_assert_int_eq(seen.half, i > 5);
		ck_assert(!seen.passed && !seen.first);
	}
	for (int i = 0; i < 1000; i++) { /* a stale phone */
		mr_screen_add(&limit, 1, memory, NOW_MS + i * 1000, 1003, &seen);
		ck_assert(!seen.news && !seen.passed && !seen.first);
		ck_assert_uint_eq(seen.count, 10);
	}
	mr_screen_add(&limit, 1, memory, NOW_MS + HOUR_MS / 2, 5000, &seen);
	ck_assert(seen.news && seen.passed && seen.first);
	mr_screen_add(&limit, 1, memory, NOW_MS + HOUR_MS / 2, 5001, &seen);
	ck_assert(seen.news && seen.passed && !seen.first);
}
END_TEST

START_TEST(amounts_are_added_up)
{
	struct mr_screen_limit limit = limit_of(MR_SIGNAL_CONNECTIONS, 600, 600000);

	for (int i = 1; i <= 601; i++) {
		mr_screen_add(&limit, 1, memory, NOW_MS + i, 42, &seen);
		ck_assert(seen.news);
		ck_assert_uint_eq(seen.count, (uint64_t)i);
		ck_assert_int_eq(seen.passed, i > 600);
		ck_assert_int_eq(seen.half, i > 300);
	}
	ck_assert(seen.first);
}
END_TEST

START_TEST(a_limit_of_none_is_passed_by_one)
{
	struct mr_screen_limit limit = limit_of(MR_SIGNAL_HELO_LIES, 0, HOUR_MS);

	mr_screen_look(&limit, 1, memory, NOW_MS, &seen);
	ck_assert(!seen.passed && !seen.half);
	mr_screen_add(&limit, 1, memory, NOW_MS, 0, &seen);
	ck_assert(seen.passed && seen.half && seen.first);
}
END_TEST

START_TEST(what_is_older_than_the_window_is_gone)
{
	struct mr_screen_limit limit = limit_of(MR_SIGNAL_LOGINS_TRIED, 3, HOUR_MS);

	for (uint32_t i = 0; i < 9; i++)
		mr_screen_add(&limit, 1, memory, NOW_MS, i, &seen);
	ck_assert(seen.passed);
	mr_screen_look(&limit, 1, memory, NOW_MS + HOUR_MS - 1, &seen);
	ck_assert_uint_eq(seen.count, 9);
	mr_screen_look(&limit, 1, memory, NOW_MS + mr_screen_window_idle(&limit), &seen);
	ck_assert_uint_eq(seen.count, 0);
	ck_assert(!seen.passed && !seen.half);
	/* A new run begins with its first excess. */
	for (uint32_t i = 0; i < 4; i++)
		mr_screen_add(&limit, 1, memory, NOW_MS + 2 * HOUR_MS, i, &seen);
	ck_assert(seen.first);
}
END_TEST

START_TEST(looking_adds_nothing)
{
	struct mr_screen_limit limit = limit_of(MR_SIGNAL_PAIR_FAILURES, 2, HOUR_MS);

	for (uint32_t i = 0; i < 3; i++)
		mr_screen_add(&limit, 1, memory, NOW_MS, i, &seen);
	for (int i = 0; i < 100; i++) {
		mr_screen_look(&limit, 1, memory, NOW_MS, &seen);
		ck_assert_uint_eq(seen.count, 3);
		ck_assert(seen.passed && !seen.first && !seen.news);
	}
	mr_screen_look(&limit, 1, NULL, NOW_MS, &seen);
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_uint_eq(seen.most, 2);
	ck_assert(!seen.passed && !seen.half && !seen.first && !seen.news);
}
END_TEST

START_TEST(wider_prefixes_have_more_room)
{
	struct mr_screen_limit limit = limit_of(MR_SIGNAL_LOGIN_FAILURES, 20, HOUR_MS);

	ck_assert_uint_gt(mr_screen_window_size(&limit, 50), mr_screen_window_size(&limit, 1));
	for (uint32_t i = 0; i < 1000; i++) {
		mr_screen_add(&limit, 50, memory, NOW_MS, i, &seen);
		ck_assert(!seen.passed);
	}
	ck_assert_uint_eq(seen.most, 1000);
	mr_screen_add(&limit, 50, memory, NOW_MS, 1000, &seen);
	ck_assert(seen.first);
	/* No factor, and one that is too big for the number. */
	mr_screen_look(&limit, 0, NULL, NOW_MS, &seen);
	ck_assert_uint_eq(seen.most, 20);
	limit.rate.most = UINT64_MAX / 2;
	mr_screen_look(&limit, 3, NULL, NOW_MS, &seen);
	ck_assert_uint_eq(seen.most, UINT64_MAX);
	ck_assert_uint_le(mr_screen_window_size(&limit, 3), MEMORY);
}
END_TEST

/* Whatever the memory holds: nothing is read or written outside (the sanitizers look), and all is well again when it
 * has expired. */
START_TEST(damaged_memory_does_no_harm)
{
	for (int round = 0; round < 400; round++) {
		enum mr_signal signal = (enum mr_signal)(draw() % MR_SIGNAL_COUNT);
		struct mr_screen_limit limit = limit_of(signal, 1 + draw() % 40, HOUR_MS);
		size_t size = mr_screen_window_size(&limit, 1);
		unsigned char *exact = malloc(size);

		ck_assert_ptr_nonnull(exact);
		for (size_t i = 0; i < size; i++)
			exact[i] = (unsigned char)(round % 4 == 0 ? 0xff : draw());
		for (int i = 0; i < 50; i++) {
			mr_screen_add(&limit, 1, exact, NOW_MS + i, (uint32_t)draw(), &seen);
			mr_screen_look(&limit, 1, exact, NOW_MS + i, &seen);
		}
		mr_screen_look(&limit, 1, exact, NOW_MS + 10 * HOUR_MS, &seen);
		ck_assert_uint_eq(seen.count, 0);
		free(exact);
	}
}
END_TEST

/* ---- The ladder of blocks ---- */

static struct mr_screen_policy ladder(void)
{
	return (struct mr_screen_policy){ .block_ms = { HOUR_MS, DAY_MS, 7 * DAY_MS }, .block_count = 3,
					  .forget_ms = 30 * DAY_MS, .tarpit_ms = 5000 };
}

START_TEST(blocks_grow_and_end)
{
	struct mr_screen_policy policy = ladder();

	ck_assert_int_eq(mr_screen_block_time(&policy, 0), HOUR_MS);
	ck_assert_int_eq(mr_screen_block_time(&policy, 1), DAY_MS);
	ck_assert_int_eq(mr_screen_block_time(&policy, 2), 7 * DAY_MS);
	ck_assert_int_eq(mr_screen_block_time(&policy, 3), 7 * DAY_MS);
	ck_assert_int_eq(mr_screen_block_time(&policy, 255), 7 * DAY_MS);
	policy.block_count = 1;
	ck_assert_int_eq(mr_screen_block_time(&policy, 9), HOUR_MS);
	policy.block_count = 0;
	ck_assert_int_eq(mr_screen_block_time(&policy, 0), 0);
}
END_TEST

START_TEST(offences_are_forgotten_one_by_one)
{
	struct mr_screen_policy policy = ladder();
	struct mr_source source = { .offences = 3, .since_ms = NOW_MS - DAY_MS, .until_ms = NOW_MS };

	ck_assert_uint_eq(mr_screen_offences(&policy, &source, NOW_MS - HOUR_MS), 3);
	ck_assert_uint_eq(mr_screen_offences(&policy, &source, NOW_MS + 30 * DAY_MS - 1), 3);
	ck_assert_uint_eq(mr_screen_offences(&policy, &source, NOW_MS + 30 * DAY_MS), 2);
	ck_assert_uint_eq(mr_screen_offences(&policy, &source, NOW_MS + 60 * DAY_MS), 1);
	ck_assert_uint_eq(mr_screen_offences(&policy, &source, NOW_MS + 90 * DAY_MS), 0);
	ck_assert_uint_eq(mr_screen_offences(&policy, &source, INT64_MAX), 0);
	/* Lifted by an operator: from then on. */
	source.until_ms = 0;
	ck_assert_uint_eq(mr_screen_offences(&policy, &source, NOW_MS + 29 * DAY_MS), 2);
	/* Never forgotten, and a record that makes no sense. */
	policy.forget_ms = 0;
	ck_assert_uint_eq(mr_screen_offences(&policy, &source, INT64_MAX), 3);
	policy = ladder();
	source.until_ms = INT64_MIN;
	source.since_ms = INT64_MIN;
	ck_assert_uint_eq(mr_screen_offences(&policy, &source, INT64_MAX), 3);
}
END_TEST

START_TEST(offences_never_grow_with_time)
{
	struct mr_screen_policy policy = ladder();

	for (int round = 0; round < 200; round++) {
		struct mr_source source = { .offences = (uint8_t)draw(), .since_ms = (int64_t)(draw() % (1ULL << 42)),
					    .until_ms = (int64_t)(draw() % (1ULL << 42)) };
		unsigned before = UINT8_MAX;

		for (int64_t now = 0; now < INT64_C(1) << 43; now += INT64_C(1) << 37) {
			unsigned offences = mr_screen_offences(&policy, &source, now);

			ck_assert_uint_le(offences, before);
			before = offences;
		}
	}
}
END_TEST

/* ---- How many log in well ---- */

START_TEST(nobody_is_no_login)
{
	struct mr_source source = { .offences = 1 };

	ck_assert_uint_eq(mr_screen_good_logins(&source), 0);
	mr_screen_add_good_login(&source, 0);
	ck_assert_uint_eq(mr_screen_good_logins(&source), 1);
	for (int i = 0; i < 1000; i++)
		mr_screen_add_good_login(&source, 0);
	ck_assert_uint_eq(mr_screen_good_logins(&source), 1);
}
END_TEST

START_TEST(one_login_more_is_never_less)
{
	for (int round = 0; round < 200; round++) {
		struct mr_source source = { .offences = 0 };
		unsigned before = 0;

		for (int i = 0; i < 2000; i++) {
			unsigned now;

			mr_screen_add_good_login(&source, round % 2 ? draw() : (uint64_t)i + (uint64_t)round * 10000);
			now = mr_screen_good_logins(&source);
			ck_assert_uint_ge(now, before);
			before = now;
		}
	}
}
END_TEST

/* Root mean square of the error over 400 sources, and the mean, with count logins each. */
static void measure(unsigned count, double *square_r, double *mean_r)
{
	double square = 0.0, mean = 0.0;

	for (int round = 0; round < 400; round++) {
		struct mr_source source = { .offences = 0 };
		double error;

		for (unsigned i = 0; i < count; i++)
			mr_screen_add_good_login(&source, (uint64_t)round << 32 | i);
		error = (double)mr_screen_good_logins(&source) / count - 1.0;
		square += error * error / 400.0;
		mean += error / 400.0;
	}
	*square_r = square;
	*mean_r = mean;
}

START_TEST(the_error_is_about_a_quarter)
{
	static const unsigned counts[] = { 1, 2, 3, 5, 8, 15, 30, 40, 50, 100, 1000, 20000 };
	double square, mean;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		measure(counts[i], &square, &mean);
		ck_assert_msg(square <= 0.32 * 0.32, "%u logins: mean square %f", counts[i], square);
		ck_assert_msg(mean > -0.10 && mean < 0.10, "%u logins: mean %f", counts[i], mean);
	}
}
END_TEST

START_TEST(damaged_registers_give_a_number)
{
	struct mr_source source = { .offences = 0 };

	memset(source.logins, 0xff, sizeof(source.logins));
	ck_assert_uint_ge(mr_screen_good_logins(&source), 1000000);
	mr_screen_add_good_login(&source, 5);
	ck_assert_uint_ge(mr_screen_good_logins(&source), 1000000);
}
END_TEST

/* ---- Who is let in ---- */

static struct mr_screen_answer ask(struct mr_screen_case the_case)
{
	struct mr_screen_policy policy = ladder();
	struct mr_screen_answer answer;

	mr_screen_login(&policy, &the_case, &answer);
	return answer;
}

START_TEST(each_case_has_its_answer)
{
	static const struct {
		struct mr_screen_case the_case;
		bool refuse;
		enum mr_reason reason;
		unsigned wait_s;
	} rows[] = {
		{ { .half = false }, false, MR_REASON_NONE, 0 },
		{ { .half = true }, false, MR_REASON_NONE, 5 },
		{ { .source_blocked = true }, true, MR_REASON_SCREEN_BLOCKED, 0 },
		{ { .pair_passed = true }, true, MR_REASON_SCREEN_PAIR_FAILURES, 0 },
		{ { .guarded = true }, true, MR_REASON_SCREEN_GUARD_FAILURES, 0 },
		{ { .blocked_by_order = true }, true, MR_REASON_SOURCE_BLOCKED, 0 },
		{ { .known_place = true }, false, MR_REASON_NONE, 0 },
		{ { .known_place = true, .half = true }, false, MR_REASON_NONE, 5 },
		{ { .known_place = true, .source_blocked = true }, false, MR_REASON_NONE, 5 },
		{ { .known_place = true, .pair_passed = true }, false, MR_REASON_NONE, 5 },
		{ { .known_place = true, .guarded = true }, false, MR_REASON_NONE, 0 },
		{ { .known_place = true, .blocked_by_order = true }, true, MR_REASON_SOURCE_BLOCKED, 0 },
		{ { .blocked_by_order = true, .source_blocked = true, .guarded = true }, true,
		  MR_REASON_SOURCE_BLOCKED, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mr_screen_answer answer = ask(rows[i].the_case);

		ck_assert_msg(answer.refuse == rows[i].refuse && answer.reason == rows[i].reason &&
				      answer.wait_s == rows[i].wait_s,
			      "row %zu: %d %d %u", i, answer.refuse, answer.reason, answer.wait_s);
	}
}
END_TEST

/* The promise to the owner: whatever attackers do, from where she has logged in well she is never refused. */
START_TEST(a_known_place_is_refused_by_orders_alone)
{
	for (unsigned bits = 0; bits < 32; bits++) {
		struct mr_screen_case the_case = { .source_blocked = bits & 1, .blocked_by_order = bits & 2,
						   .guarded = bits & 4, .pair_passed = bits & 8, .half = bits & 16 };
		struct mr_screen_answer stranger = ask(the_case), owner;

		the_case.known_place = true;
		owner = ask(the_case);
		ck_assert_int_eq(owner.refuse, the_case.blocked_by_order);
		ck_assert(stranger.refuse || !owner.refuse);
		ck_assert(!owner.refuse || owner.wait_s == 0);
		ck_assert_int_eq(stranger.reason == MR_REASON_NONE, !stranger.refuse);
	}
}
END_TEST

START_TEST(without_a_tarpit_nobody_waits)
{
	struct mr_screen_policy policy = ladder();
	struct mr_screen_case the_case = { .half = true };
	struct mr_screen_answer answer;

	policy.tarpit_ms = 0;
	mr_screen_login(&policy, &the_case, &answer);
	ck_assert_uint_eq(answer.wait_s, 0);
	policy.tarpit_ms = INT64_MAX;
	mr_screen_login(&policy, &the_case, &answer);
	ck_assert_uint_le(answer.wait_s, INT32_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("screen");
	TCase *tests = tcase_create("screen");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, different_things_are_counted_once);
	tcase_add_test(tests, amounts_are_added_up);
	tcase_add_test(tests, a_limit_of_none_is_passed_by_one);
	tcase_add_test(tests, what_is_older_than_the_window_is_gone);
	tcase_add_test(tests, looking_adds_nothing);
	tcase_add_test(tests, wider_prefixes_have_more_room);
	tcase_add_test(tests, damaged_memory_does_no_harm);
	tcase_add_test(tests, blocks_grow_and_end);
	tcase_add_test(tests, offences_are_forgotten_one_by_one);
	tcase_add_test(tests, offences_never_grow_with_time);
	tcase_add_test(tests, nobody_is_no_login);
	tcase_add_test(tests, one_login_more_is_never_less);
	tcase_add_test(tests, the_error_is_about_a_quarter);
	tcase_add_test(tests, damaged_registers_give_a_number);
	tcase_add_test(tests, each_case_has_its_answer);
	tcase_add_test(tests, a_known_place_is_refused_by_orders_alone);
	tcase_add_test(tests, without_a_tarpit_nobody_waits);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
