/* Tests of lib/core/history.c: which places are known, when a password counts as guessed, impossible journeys. */
#include "core/history.h"

#include <math.h>
#include <string.h>

#include "harness.h"

enum { DE = 'D' << 8 | 'E', FR = 'F' << 8 | 'R', BR = 'B' << 8 | 'R' };
enum { HOME = 0x1000501, OFFICE = 0x2000502, BOT = 0x3000503, RENTED = 0x4000504 };

static const int64_t MINUTE_MS = 60000, HOUR_MS = INT64_C(3600000), DAY_MS = 24 * INT64_C(3600000);
static const int64_t START_MS = INT64_C(19700) * 24 * INT64_C(3600000);

static struct mr_history history;
static int64_t now_ms;
static uint64_t state;

static void set_up(void)
{
	memset(&history, 0, sizeof(history));
	now_ms = START_MS;
	state = 7;
}

static uint64_t draw(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 20;
}

static bool use_with(uint32_t network, uint16_t failures)
{
	struct mr_history_use use = { .now_ms = now_ms, .network = network, .failures_before = failures };

	return mr_history_learn(&history, &use);
}

static bool knows(uint32_t network)
{
	return mr_history_knows(&history, network, now_ms);
}

static unsigned guessed(uint32_t network)
{
	int64_t age;

	return mr_history_guessed(&history, network, now_ms, &age);
}

/* Logins of some days from one network. */
static void live(uint32_t network, int days)
{
	for (int i = 0; i < days; i++) {
		now_ms += DAY_MS;
		ck_assert(!use_with(network, 0));
	}
}

/* ---- Places ---- */

START_TEST(a_place_is_known_after_an_hour)
{
	set_up();
	ck_assert(!knows(HOME));
	use_with(HOME, 0);
	for (int i = 0; i < 59; i++, now_ms += MINUTE_MS) {
		use_with(HOME, 0);
		ck_assert(!knows(HOME));
	}
	now_ms += MINUTE_MS;
	ck_assert(knows(HOME));
	ck_assert(!knows(OFFICE));
	ck_assert(!knows(0));
}
END_TEST

START_TEST(a_place_is_known_for_ninety_days_after_its_last_use)
{
	set_up();
	live(HOME, 30);
	now_ms += 90 * DAY_MS;
	ck_assert(knows(HOME));
	now_ms += DAY_MS;
	ck_assert(!knows(HOME));
	/* And then begins anew. */
	use_with(HOME, 0);
	ck_assert(!knows(HOME));
	now_ms += HOUR_MS;
	ck_assert(knows(HOME));
}
END_TEST

START_TEST(where_mail_is_read_is_known_from_logins_of_three_days)
{
	struct mr_history_use use = { .network = OFFICE, .logged_in = true };

	set_up();
	live(HOME, 5);
	ck_assert(!mr_history_reads(&history, HOME, now_ms)); /* only mail came from there */
	for (int day = 0; day < 3; day++) {
		ck_assert(!mr_history_reads(&history, OFFICE, now_ms));
		use.now_ms = now_ms += DAY_MS;
		ck_assert(!mr_history_learn(&history, &use));
	}
	ck_assert(mr_history_reads(&history, OFFICE, now_ms));
	ck_assert(!mr_history_reads(&history, 0, now_ms));
}
END_TEST

START_TEST(an_unknown_network_teaches_no_place)
{
	set_up();
	for (int i = 0; i < 20; i++, now_ms += DAY_MS)
		use_with(0, 0);
	for (int i = 0; i < MR_HISTORY_PLACES; i++)
		ck_assert_uint_eq(history.place[i].network, 0);
}
END_TEST

START_TEST(shared_and_own_networks_are_places_too)
{
	struct mr_history_use use = { .network = OFFICE, .ours = true };

	set_up();
	use.now_ms = now_ms;
	mr_history_learn(&history, &use);
	use.network = HOME;
	use.ours = false;
	use.shared = true;
	mr_history_learn(&history, &use);
	now_ms += HOUR_MS;
	ck_assert(knows(OFFICE));
	ck_assert(knows(HOME));
}
END_TEST

/* A thief with the password and a thousand networks: of the owner's six places the least used one goes, no more. */
START_TEST(nobody_crowds_out_the_places_of_the_owner)
{
	set_up();
	for (int day = 0; day < 60; day++, now_ms += DAY_MS)
		for (uint32_t i = 0; i < MR_HISTORY_PLACES; i++)
			if (day % (int)(i + 1) == 0)
				use_with(HOME + i, 0);
	for (uint32_t i = 0; i < MR_HISTORY_PLACES; i++)
		ck_assert(knows(HOME + i));
	for (uint32_t i = 0; i < 1000; i++, now_ms += 10 * MINUTE_MS)
		use_with(BOT + i, 0);
	for (uint32_t i = 0; i + 1 < MR_HISTORY_PLACES; i++)
		ck_assert(knows(HOME + i));
	ck_assert(!knows(HOME + MR_HISTORY_PLACES - 1));
}
END_TEST

START_TEST(places_not_used_for_long_make_room_first)
{
	set_up();
	live(HOME, 100);
	now_ms += 100 * DAY_MS;
	for (uint32_t i = 0; i < MR_HISTORY_PLACES; i++)
		use_with(OFFICE + i, 0);
	now_ms += HOUR_MS;
	for (uint32_t i = 0; i < MR_HISTORY_PLACES; i++)
		ck_assert(knows(OFFICE + i));
	ck_assert(!knows(HOME));
}
END_TEST

/* ---- Guessing ---- */

START_TEST(an_owner_who_forgot_is_not_a_guesser)
{
	set_up();
	ck_assert(!use_with(HOME, 4)); /* even at the very first login */
	live(HOME, 3);
	ck_assert(!use_with(HOME, 40)); /* from her usual place */
	ck_assert(!use_with(OFFICE, 4)); /* from a new one */
	ck_assert_uint_eq(guessed(OFFICE), 0);
	now_ms += HOUR_MS;
	ck_assert(knows(HOME) && knows(OFFICE));
}
END_TEST

/* Behind a web mail on this host everybody comes from the same unknown place, attackers too. */
START_TEST(from_an_unknown_network_nothing_is_guessed)
{
	set_up();
	live(HOME, 3);
	for (int i = 0; i < 10; i++, now_ms += DAY_MS)
		ck_assert(!use_with(0, 500));
	ck_assert_uint_eq(guessed(OFFICE), 0);
	use_with(OFFICE, 0);
	now_ms += HOUR_MS;
	ck_assert(knows(OFFICE));
}
END_TEST

START_TEST(a_guessed_password_is_news_once)
{
	int64_t age;

	set_up();
	live(HOME, 10);
	ck_assert(use_with(BOT, 37));
	for (int i = 0; i < 100; i++, now_ms += MINUTE_MS)
		ck_assert(!use_with(BOT, 37));
	ck_assert_uint_eq(guessed(BOT), 37);
	ck_assert_uint_eq(mr_history_guessed(&history, BOT, now_ms, &age), 37);
	ck_assert_int_eq(age, 100 * MINUTE_MS);
	ck_assert_uint_eq(guessed(RENTED), 37); /* whoever guessed may send from elsewhere */
	ck_assert_uint_eq(guessed(HOME), 0);    /* and the owner goes on */
	ck_assert_uint_eq(guessed(0), 0);
	ck_assert(use_with(BOT, 300));
	ck_assert_uint_eq(guessed(BOT), 300);
	now_ms += 2 * DAY_MS;
	ck_assert(use_with(BOT, 8));
	ck_assert_uint_eq(guessed(BOT), 8);
	now_ms += 14 * DAY_MS;
	ck_assert_uint_eq(mr_history_guessed(&history, BOT, now_ms, &age), 0);
	ck_assert_int_eq(age, 0);
}
END_TEST

START_TEST(a_place_that_was_used_minutes_ago_can_be_guessed_from)
{
	set_up();
	use_with(BOT, 0);
	now_ms += 30 * MINUTE_MS;
	ck_assert(use_with(BOT, 20));
	now_ms += 3 * HOUR_MS;
	ck_assert(!knows(BOT));
}
END_TEST

START_TEST(a_guessed_place_is_believed_after_fourteen_days)
{
	set_up();
	live(HOME, 10);
	use_with(BOT, 50);
	for (int i = 1; i < 13; i++) {
		now_ms += DAY_MS;
		for (int j = 0; j < 5; j++)
			use_with(BOT, 0);
		ck_assert_msg(!knows(BOT), "day %d", i);
	}
	now_ms += DAY_MS;
	use_with(BOT, 0);
	ck_assert(knows(BOT));
}
END_TEST

/* The thief takes another network, and many, so that the guessed one is forgotten. */
START_TEST(new_places_after_a_guess_are_not_believed)
{
	set_up();
	live(HOME, 10);
	use_with(BOT, 50);
	for (uint32_t i = 0; i < 50; i++, now_ms += 5 * HOUR_MS) {
		use_with(RENTED + i % 9, 0);
		ck_assert(!knows(BOT));
		for (uint32_t j = 0; j < 9; j++)
			ck_assert(!knows(RENTED + j));
		ck_assert(knows(HOME));
	}
	use_with(BOT, 0);
	now_ms += HOUR_MS;
	ck_assert(!knows(BOT));
}
END_TEST

START_TEST(a_stolen_account_that_is_given_back_forgets_the_theft)
{
	set_up();
	live(HOME, 10);
	use_with(BOT, 50);
	now_ms += HOUR_MS;
	use_with(RENTED, 0);
	mr_history_forget(&history);
	now_ms += HOUR_MS;
	ck_assert_uint_eq(guessed(BOT), 0);
	ck_assert(!knows(BOT) && !knows(RENTED));
	ck_assert(knows(HOME));
}
END_TEST

START_TEST(a_release_makes_all_well)
{
	struct mr_history_use use = { .network = BOT, .failures_before = 50, .located = true, .country = BR };

	set_up();
	live(HOME, 10);
	use.now_ms = now_ms;
	mr_history_learn(&history, &use);
	use.now_ms = now_ms + 10 * MINUTE_MS;
	use.network = RENTED;
	use.latitude = 500;
	mr_history_learn(&history, &use);
	history.weak_password = 1;
	now_ms += HOUR_MS + 10 * MINUTE_MS;
	ck_assert_uint_eq(guessed(BOT), 50);
	ck_assert_float_gt(mr_history_travel(&history, now_ms), 0.0F);
	ck_assert(!knows(BOT));
	mr_history_release(&history);
	ck_assert_uint_eq(guessed(BOT), 0);
	ck_assert_float_eq(mr_history_travel(&history, now_ms), 0.0F);
	ck_assert(knows(BOT) && knows(RENTED) && knows(HOME));
	ck_assert_uint_eq(history.weak_password, 1);
}
END_TEST

/* ---- Journeys ---- */

static const struct mr_history_use berlin = { .network = HOME, .country = DE, .located = true, .latitude = 525,
					      .longitude = 134 };
static const struct mr_history_use sao_paulo = { .network = BOT, .country = BR, .located = true, .latitude = -235,
						 .longitude = -466 }; /* 10200 km from Berlin */

static float go(struct mr_history_use use, int64_t later_ms)
{
	now_ms += later_ms;
	use.now_ms = now_ms;
	mr_history_learn(&history, &use);
	return mr_history_travel(&history, now_ms);
}

START_TEST(a_journey_that_nobody_can_make_is_evidence_for_a_day)
{
	set_up();
	ck_assert_float_eq(go(berlin, 0), 0.0F);
	float nats = go(sao_paulo, 2 * HOUR_MS); /* from a known place: half */
	ck_assert_float_gt(nats, 0.5F);
	ck_assert_float_le(nats, 1.25F);
	ck_assert_float_le(mr_history_travel(&history, now_ms + 12 * HOUR_MS), nats * 0.51F);
	ck_assert_float_gt(mr_history_travel(&history, now_ms + 12 * HOUR_MS), nats * 0.49F);
	ck_assert_float_eq(mr_history_travel(&history, now_ms + DAY_MS), 0.0F);
}
END_TEST

START_TEST(a_journey_by_air_is_none)
{
	set_up();
	go(berlin, 0);
	ck_assert_float_eq(go(sao_paulo, 11 * HOUR_MS), 0.0F);
	set_up();
	struct mr_history_use near = berlin; /* 480 km: the tables are not better than that */
	near.network = BOT;
	near.latitude = 482;
	go(berlin, 0);
	ck_assert_float_eq(go(near, MINUTE_MS), 0.0F);
}
END_TEST

/* Grows with speed, never above the bound, never negative; without places known, twice as much as with one. */
START_TEST(faster_is_more_evidence)
{
	float before = 0.0F;

	for (int minutes = 600; minutes >= 0; minutes--) {
		set_up();
		use_with(HOME, 0);
		go(berlin, 0);
		float nats = go(sao_paulo, minutes * MINUTE_MS);
		if (minutes == 59)
			before = 0.0F; /* home is not known yet: evidence is not halved any more */
		ck_assert_float_ge(nats, before);
		ck_assert_float_le(nats, 2.5F);
		if (minutes >= 60)
			ck_assert_float_le(nats, 1.25F);
		before = nats;
	}
	ck_assert_float_eq(before, 2.5F);
}
END_TEST

START_TEST(two_known_places_are_two_devices)
{
	set_up();
	for (int day = 0; day < 5; day++) {
		go(berlin, DAY_MS / 2);
		go(sao_paulo, DAY_MS / 2);
	}
	for (int i = 0; i < 20; i++) {
		ck_assert_float_eq(go(berlin, MINUTE_MS), 0.0F);
		ck_assert_float_eq(go(sao_paulo, MINUTE_MS), 0.0F);
	}
}
END_TEST

START_TEST(a_network_that_moves_on_the_map_is_no_journey)
{
	struct mr_history_use moved = sao_paulo;

	set_up();
	moved.network = HOME;
	go(berlin, 0);
	ck_assert_float_eq(go(moved, MINUTE_MS), 0.0F);
}
END_TEST

START_TEST(shared_and_own_networks_are_no_journey)
{
	struct mr_history_use use = sao_paulo;

	set_up();
	go(berlin, 0);
	use.shared = true;
	ck_assert_float_eq(go(use, MINUTE_MS), 0.0F);
	use.shared = false;
	use.ours = true;
	ck_assert_float_eq(go(use, MINUTE_MS), 0.0F);
	/* Nor do they hide where the account was. */
	use = sao_paulo;
	use.network = RENTED;
	ck_assert_float_gt(go(use, MINUTE_MS), 0.0F);
}
END_TEST

START_TEST(nowhere_is_no_journey)
{
	struct mr_history_use use = { .network = BOT };

	set_up();
	go(berlin, 0);
	ck_assert_float_eq(go(use, MINUTE_MS), 0.0F);
	ck_assert_float_eq(go(berlin, MINUTE_MS), 0.0F);
}
END_TEST

START_TEST(countries_alone_say_little)
{
	struct mr_history_use use = { .network = HOME, .country = DE };

	set_up();
	go(use, 0);
	use.network = BOT;
	ck_assert_float_eq(go(use, MINUTE_MS), 0.0F); /* the same country */
	use.network = RENTED;
	use.country = FR;
	ck_assert_float_eq(go(use, 30 * MINUTE_MS), 1.0F);
	set_up();
	use_with(HOME, 9); /* so that it is not known after an hour */
	use.network = HOME;
	go(use, 0);
	use.network = BOT;
	use.country = BR;
	ck_assert_float_eq(go(use, 61 * MINUTE_MS), 0.0F); /* too long ago */
	use.country = FR;
	use.network = RENTED;
	ck_assert_float_eq(go(use, 60 * MINUTE_MS), 1.0F);
	set_up();
	live(HOME, 3);
	use.network = HOME;
	go(use, HOUR_MS);
	use.network = BOT;
	use.country = DE;
	ck_assert_float_eq(go(use, MINUTE_MS), 0.0F); /* from a known place */
}
END_TEST

START_TEST(a_smaller_journey_does_not_hide_a_greater_one)
{
	struct mr_history_use use = sao_paulo;

	set_up();
	go(berlin, 0);
	float great = go(use, MINUTE_MS);
	use.network = RENTED;
	use.latitude = -170; /* 720 km on */
	float small = go(use, 40 * MINUTE_MS);
	ck_assert_float_gt(small, great * 0.9F);
}
END_TEST

/* ---- Hostile facts and memory ---- */

START_TEST(any_memory_gives_sane_answers)
{
	set_up();
	for (int round = 0; round < 3000; round++) {
		unsigned char *bytes = (unsigned char *)&history;

		for (size_t i = 0; i < sizeof(history); i++)
			bytes[i] = (unsigned char)(round % 5 == 0 ? 0xff : draw());
		for (int i = 0; i < 20; i++) {
			struct mr_history_use use = {
				.now_ms = (int64_t)(draw() << 21) * (i % 3 - 1) + (i % 2 ? now_ms : 0),
				.network = i % 3 ? history.place[i % MR_HISTORY_PLACES].network : (uint32_t)draw(),
				.country = (uint16_t)draw(), .asn = (uint32_t)draw(), .located = i % 2,
				.latitude = (int16_t)draw(), .longitude = (int16_t)draw(),
				.failures_before = (uint16_t)(draw() % 20)
			};
			int64_t age;
			float travel;

			mr_history_learn(&history, &use);
			travel = mr_history_travel(&history, use.now_ms);
			ck_assert(isfinite(travel) && travel >= 0.0F && travel <= 2.5F);
			mr_history_guessed(&history, use.network, use.now_ms, &age);
			ck_assert_int_ge(age, 0);
			ck_assert_int_lt(age, 14 * DAY_MS);
			mr_history_knows(&history, use.network, use.now_ms);
		}
	}
}
END_TEST

/* Facts that come late, from a log, neither make a place known nor a journey. */
START_TEST(late_facts_do_no_harm)
{
	set_up();
	live(HOME, 5);
	int64_t latest = now_ms;
	for (int i = 0; i < 50; i++) {
		now_ms = latest - (i % 2) * DAY_MS;
		use_with(BOT, i == 0 ? 9 : 0);
	}
	now_ms = latest;
	ck_assert(!knows(BOT));
	ck_assert(knows(HOME));
}
END_TEST

START_TEST(the_record_is_small)
{
	ck_assert_uint_le(sizeof(struct mr_history), 128);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("history");
	TCase *tests = tcase_create("history");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_place_is_known_after_an_hour);
	tcase_add_test(tests, a_place_is_known_for_ninety_days_after_its_last_use);
	tcase_add_test(tests, where_mail_is_read_is_known_from_logins_of_three_days);
	tcase_add_test(tests, an_unknown_network_teaches_no_place);
	tcase_add_test(tests, shared_and_own_networks_are_places_too);
	tcase_add_test(tests, nobody_crowds_out_the_places_of_the_owner);
	tcase_add_test(tests, places_not_used_for_long_make_room_first);
	tcase_add_test(tests, an_owner_who_forgot_is_not_a_guesser);
	tcase_add_test(tests, from_an_unknown_network_nothing_is_guessed);
	tcase_add_test(tests, a_guessed_password_is_news_once);
	tcase_add_test(tests, a_place_that_was_used_minutes_ago_can_be_guessed_from);
	tcase_add_test(tests, a_guessed_place_is_believed_after_fourteen_days);
	tcase_add_test(tests, new_places_after_a_guess_are_not_believed);
	tcase_add_test(tests, a_stolen_account_that_is_given_back_forgets_the_theft);
	tcase_add_test(tests, a_release_makes_all_well);
	tcase_add_test(tests, a_journey_that_nobody_can_make_is_evidence_for_a_day);
	tcase_add_test(tests, a_journey_by_air_is_none);
	tcase_add_test(tests, faster_is_more_evidence);
	tcase_add_test(tests, two_known_places_are_two_devices);
	tcase_add_test(tests, a_network_that_moves_on_the_map_is_no_journey);
	tcase_add_test(tests, shared_and_own_networks_are_no_journey);
	tcase_add_test(tests, nowhere_is_no_journey);
	tcase_add_test(tests, countries_alone_say_little);
	tcase_add_test(tests, a_smaller_journey_does_not_hide_a_greater_one);
	tcase_add_test(tests, any_memory_gives_sane_answers);
	tcase_add_test(tests, late_facts_do_no_harm);
	tcase_add_test(tests, the_record_is_small);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
