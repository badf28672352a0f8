/* The detector: owners go on, thieves are stopped, an operator teaches, and the same messages give the same bits. */
#include "core/hijack.h"

#include <stdlib.h>
#include <string.h>

#include "core/explain.h"
#include "harness.h"

enum { CONTACTS = 12, MOST_RECIPIENTS = 400 };

static const int64_t HOUR_MS = INT64_C(3600000), DAY_MS = 24 * INT64_C(3600000);
static const int64_t START_MS = INT64_C(19700) * 24 * INT64_C(3600000);

static const uint64_t GOLDEN = 0x3876832eb59054a8;

/* A site with one account that is looked at. */
struct world {
	struct mr_hijack_policy policy;
	struct mr_site *site;
	struct mr_account account;
	struct mr_evidence evidence;
	struct mr_thresholds thresholds;
	struct mr_sent_to to[MOST_RECIPIENTS];
	struct mr_sending sending;
	uint64_t state;
	int64_t now_ms;
};

static uint64_t draw(struct world *w)
{
	w->state = w->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return w->state >> 20;
}

static void set_up(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->policy = (struct mr_hijack_policy){ .false_freezes = 5.0, .hold = true, .action = MR_HIJACK_FREEZE };
	w->site = malloc(sizeof(*w->site));
	ck_assert_ptr_nonnull(w->site);
	mr_site_begin(w->site);
	mr_habit_begin(&w->account.habit, START_MS);
	mr_hijack_thresholds(&w->policy, w->site, &w->thresholds);
	w->state = 7;
	w->now_ms = START_MS;
}

static void tear_down(struct world *w)
{
	free(w->site);
}

/* The owner's message: from home, to a contact, of any size. */
static void prepare(struct world *w, int64_t later_ms)
{
	w->now_ms += later_ms;
	w->to[0] = (struct mr_sent_to){ .hash = 1000 + draw(w) % CONTACTS };
	w->sending = (struct mr_sending){ .time_ms = w->now_ms, .authenticated = true, .to = w->to, .to_count = 1,
					  .size = (int64_t)(2000 + draw(w) % 90000), .spam = MR_SPAM_CLEAN,
					  .sender = 77,
					  .sender_own = true, .sender_own_domain = true, .network = 501, .asn = 3320,
					  .country = 'D' << 8 | 'E', .client = 9 };
}

static enum mr_hijack_says weigh(struct world *w)
{
	mr_hijack_weigh(&w->policy, &w->account, w->site, &w->sending, &w->evidence);
	return mr_hijack_verdict(&w->policy, &w->thresholds, &w->evidence);
}

static void to_strangers(struct world *w, size_t count, size_t refused)
{
	w->sending.to_count = count;
	for (size_t i = 0; i < count; i++)
		w->to[i] = (struct mr_sent_to){ .hash = draw(w) << 20 | i, .refused = i < refused };
}

/* Days of ordinary mail, some of it to somebody new. */
static void live(struct world *w, int days)
{
	for (int day = 0; day < days; day++) {
		w->now_ms = (w->now_ms / DAY_MS + 1) * DAY_MS + 8 * HOUR_MS;
		for (int i = 0; i < 4; i++) {
			prepare(w, HOUR_MS);
			if (draw(w) % 12 == 0)
				to_strangers(w, 1, 0);
			ck_assert_int_eq(weigh(w), MR_HIJACK_CALM);
		}
	}
}

static void from_abroad(struct world *w)
{
	w->sending.network = 90210;
	w->sending.asn = 64999;
	w->sending.country = 'C' << 8 | 'I';
	w->sending.client = 666;
}

START_TEST(an_owner_is_left_alone_for_years)
{
	struct world w;

	set_up(&w);
	live(&w, 800);
	tear_down(&w);
}
END_TEST

START_TEST(a_thief_from_abroad_is_frozen_within_a_few_messages)
{
	struct world w;
	int sent = 0;

	set_up(&w);
	live(&w, 120);
	for (enum mr_hijack_says says = MR_HIJACK_CALM; says != MR_HIJACK_FREEZES; sent++) {
		prepare(&w, 5000);
		from_abroad(&w);
		to_strangers(&w, 1, sent % 6 == 3);
		w.sending.size = 4000 + sent % 7;
		says = weigh(&w);
		ck_assert_int_lt(sent, 5);
	}
	tear_down(&w);
}
END_TEST

START_TEST(a_thief_without_history_is_found_too)
{
	struct world w;
	enum mr_hijack_says says = MR_HIJACK_CALM;
	int sent = 0;

	set_up(&w);
	for (; says != MR_HIJACK_FREEZES; sent++) {
		prepare(&w, 4000);
		to_strangers(&w, 3, sent % 2);
		w.sending.size = 4000;
		w.sending.spam = sent % 2 ? MR_SPAM_FLAGGED : MR_SPAM_CLEAN;
		says = weigh(&w);
		ck_assert_int_lt(sent, 40);
	}
	tear_down(&w);
}
END_TEST

/* A conference: once, from her usual place and client, to 100 strangers, some of whom do not exist any more. */
START_TEST(a_mailing_from_the_usual_place_is_never_frozen)
{
	struct world w;

	set_up(&w);
	live(&w, 120);
	for (int i = 0; i < 100; i++) {
		prepare(&w, 20000);
		to_strangers(&w, 1, i % 20 == 7);
		w.sending.size = 5200 + i % 9;
		ck_assert_int_lt(weigh(&w), MR_HIJACK_FREEZES);
		if (i > 20)
			ck_assert(w.evidence.bulk_only);
	}
	live(&w, 10);
	prepare(&w, HOUR_MS);
	to_strangers(&w, 250, 9);
	ck_assert_int_lt(weigh(&w), MR_HIJACK_FREEZES);
	tear_down(&w);
}
END_TEST

START_TEST(no_channel_freezes_alone)
{
	struct world w;

	set_up(&w);
	live(&w, 120);
	for (int i = 0; i < 60; i++) { /* only places */
		prepare(&w, HOUR_MS * 3);
		from_abroad(&w);
		w.sending.client = 9;
		w.sending.network = 1000000 + (uint64_t)i;
		w.sending.asn = 70000 + (uint32_t)i;
		w.sending.size = 3000 + i * 1500;
		ck_assert_int_lt(weigh(&w), MR_HIJACK_FREEZES);
	}
	tear_down(&w);
	set_up(&w);
	live(&w, 120);
	for (int i = 0; i < 60; i++) { /* only the filter */
		prepare(&w, HOUR_MS / 4);
		w.sending.spam = MR_SPAM_FLAGGED;
		ck_assert_int_lt(weigh(&w), MR_HIJACK_FREEZES);
	}
	tear_down(&w);
	set_up(&w);
	live(&w, 120);
	for (int i = 0; i < 60; i++) { /* only company */
		prepare(&w, HOUR_MS / 4);
		w.sending.lent = 100.0F;
		ck_assert_int_lt(weigh(&w), MR_HIJACK_FREEZES);
		ck_assert_float_le(w.evidence.channel[MR_CHANNEL_COMPANY], 4.0F);
	}
	tear_down(&w);
}
END_TEST

static int send_issue(struct world *w, int messages)
{
	int freezes = 0;

	for (int i = 0; i < messages; i++) {
		prepare(w, 2000);
		to_strangers(w, 50, i % 3);
		w->sending.size = 30000 + i % 5;
		if (weigh(w) != MR_HIJACK_FREEZES)
			continue;
		freezes++;
		mr_hijack_release(&w->account, w->site, w->now_ms);
	}
	return freezes;
}

START_TEST(a_mailing_is_not_released_into_a_freeze)
{
	struct world w;

	set_up(&w);
	ck_assert_int_le(send_issue(&w, 200), 1);
	for (int issue = 0; issue < 6; issue++) {
		w.now_ms += 30 * DAY_MS;
		ck_assert_int_eq(send_issue(&w, 200), 0);
	}
	tear_down(&w);
}
END_TEST

START_TEST(a_released_account_is_still_watched)
{
	struct world w;
	int sent = 0;

	set_up(&w);
	live(&w, 120);
	prepare(&w, HOUR_MS);
	from_abroad(&w);
	to_strangers(&w, 60, 3);
	weigh(&w);
	prepare(&w, 5000);
	from_abroad(&w);
	to_strangers(&w, 60, 3);
	ck_assert_int_eq(weigh(&w), MR_HIJACK_FREEZES);
	mr_hijack_release(&w.account, w.site, w.now_ms);
	live(&w, 30);
	for (enum mr_hijack_says says = MR_HIJACK_CALM; says < MR_HIJACK_HOLDS; sent++) {
		prepare(&w, 5000);
		from_abroad(&w);
		w.sending.network = 4711;
		w.sending.country = 'R' << 8 | 'U';
		to_strangers(&w, 1, sent % 3 == 1);
		w.sending.spam = MR_SPAM_FLAGGED;
		says = weigh(&w);
		ck_assert_int_lt(sent, 200);
	}
	tear_down(&w);
}
END_TEST

START_TEST(a_release_of_nothing_raises_no_doubt)
{
	struct world w;

	set_up(&w);
	live(&w, 30);
	mr_hijack_forget(&w.account);
	mr_hijack_release(&w.account, w.site, w.now_ms);
	for (int i = 0; i < MR_CHANNEL_COUNT; i++)
		ck_assert_uint_eq(w.account.habit.released[i], 0);
	tear_down(&w);
}
END_TEST

START_TEST(looking_changes_nothing_and_sees_the_same)
{
	struct world w;
	struct mr_account account;
	struct mr_evidence seen;

	set_up(&w);
	live(&w, 40);
	struct mr_site *site = malloc(sizeof(*site));
	for (int i = 0; i < 30; i++) {
		prepare(&w, HOUR_MS * 5);
		to_strangers(&w, 1 + (size_t)i, (size_t)i / 3);
		memcpy(site, w.site, sizeof(*site));
		account = w.account;
		mr_hijack_look(&w.policy, &w.account, w.site, &w.sending, &seen);
		ck_assert_mem_eq(site, w.site, sizeof(*site));
		ck_assert_mem_eq(&account, &w.account, sizeof(account));
		weigh(&w);
		ck_assert_mem_eq(seen.channel, w.evidence.channel, sizeof(seen.channel));
		ck_assert_float_eq(seen.total, w.evidence.total);
	}
	free(site);
	tear_down(&w);
}
END_TEST

START_TEST(who_wrote_first_is_no_stranger)
{
	struct world w;

	set_up(&w);
	live(&w, 60);
	for (int i = 0; i < 40; i++) {
		prepare(&w, 60000);
		to_strangers(&w, 1, 0);
		w.to[0].wrote_first = true;
		weigh(&w);
		ck_assert_uint_eq(w.evidence.strangers, 0);
		ck_assert_float_eq(w.evidence.channel[MR_CHANNEL_NOVELTY], 0.0F);
	}
	tear_down(&w);
}
END_TEST

START_TEST(a_client_that_everybody_has_says_nothing)
{
	struct world w;

	set_up(&w);
	live(&w, 200);
	prepare(&w, HOUR_MS);
	weigh(&w);
	ck_assert_float_ge(w.evidence.channel[MR_CHANNEL_CLIENT], -0.2F);
	prepare(&w, HOUR_MS);
	w.sending.client = 12345;
	weigh(&w);
	ck_assert_float_gt(w.evidence.channel[MR_CHANNEL_CLIENT], 1.0F);
	prepare(&w, 2 * DAY_MS);
	w.sending.client = 0;
	weigh(&w);
	ck_assert_float_eq_tol(w.evidence.channel[MR_CHANNEL_CLIENT], 0.0F, 0.001F);
	tear_down(&w);
}
END_TEST

START_TEST(without_a_login_place_and_client_say_nothing)
{
	struct world w;

	set_up(&w);
	for (int i = 0; i < 50; i++) {
		prepare(&w, HOUR_MS);
		w.sending.authenticated = false;
		w.sending.network = (uint64_t)i + 1;
		w.sending.client = (uint64_t)i + 1;
		weigh(&w);
		ck_assert_float_eq(w.evidence.channel[MR_CHANNEL_PLACE], 0.0F);
		ck_assert_float_eq(w.evidence.channel[MR_CHANNEL_CLIENT], 0.0F);
	}
	tear_down(&w);
}
END_TEST

/* One message more a day from a new network, to strangers: the baseline must not be taught. */
START_TEST(a_slow_ramp_does_not_teach)
{
	struct world w;
	enum mr_hijack_says says = MR_HIJACK_CALM;
	int sent = 0;

	set_up(&w);
	live(&w, 120);
	for (int day = 1; day < 40 && says != MR_HIJACK_FREEZES; day++) {
		live(&w, 0);
		w.now_ms = (w.now_ms / DAY_MS + 1) * DAY_MS + 9 * HOUR_MS;
		for (int i = 0; i < day && says != MR_HIJACK_FREEZES; i++, sent++) {
			prepare(&w, HOUR_MS / 5);
			w.sending.network = 8888;
			w.sending.asn = 64999;
			to_strangers(&w, 1, draw(&w) % 50 == 0);
			says = weigh(&w);
		}
	}
	ck_assert_int_eq(says, MR_HIJACK_FREEZES);
	ck_assert_int_lt(sent, 150);
	tear_down(&w);
}
END_TEST

START_TEST(odd_messages_give_finite_evidence)
{
	struct world w;

	set_up(&w);
	for (int i = 0; i < 3000; i++) {
		prepare(&w, 0);
		int64_t any = START_MS + (int64_t)(draw(&w) % 1000000) * 60000;
		w.sending.time_ms = i % 5 == 0 ? -5 : any;
		to_strangers(&w, i % 3 == 0 ? 0 : draw(&w) % MOST_RECIPIENTS, (size_t)i % 9);
		w.sending.size = (int64_t)(draw(&w) % 3) - 1;
		w.sending.spam = (enum mr_spam)(draw(&w) % 3);
		w.sending.network = draw(&w) % 40;
		w.sending.asn = (uint32_t)(draw(&w) % 4);
		w.sending.country = (uint16_t)(draw(&w) % 3);
		w.sending.sender = draw(&w) % 5;
		w.sending.sender_own = false;
		w.sending.network_ours = draw(&w) % 4 == 0;
		w.sending.lent = draw(&w) % 9 == 0 ? -3.0F : 2.0F;
		weigh(&w);
		ck_assert_float_finite(w.evidence.total);
		ck_assert_float_le(w.evidence.total, 60.0F);
		ck_assert_float_ge(w.evidence.total, -20.0F);
		if (draw(&w) % 100 == 0)
			mr_hijack_release(&w.account, w.site, w.now_ms);
	}
	tear_down(&w);
}
END_TEST

START_TEST(channels_can_be_switched_off)
{
	struct world w;

	set_up(&w);
	w.policy.channels_off = (1u << MR_CHANNEL_COUNT) - 1;
	for (int i = 0; i < 100; i++) {
		prepare(&w, 1000);
		from_abroad(&w);
		to_strangers(&w, 50, 20);
		w.sending.spam = MR_SPAM_FLAGGED;
		w.sending.guessed = 100;
		w.sending.travel = 2.0F;
		w.sending.weak_password = true;
		ck_assert_int_eq(weigh(&w), MR_HIJACK_CALM);
		ck_assert_float_eq(w.evidence.total, 0.0F);
	}
	tear_down(&w);
}
END_TEST

START_TEST(a_long_held_series_ends_in_a_freeze)
{
	struct mr_hijack_policy policy = { .false_freezes = 5.0, .hold = true };
	struct mr_thresholds thresholds = { .hold = 9.0F, .freeze = 11.0F };
	struct mr_evidence evidence = { .total = 9.5F, .series = 3.0F };

	ck_assert_int_eq(mr_hijack_verdict(&policy, &thresholds, &evidence), MR_HIJACK_HOLDS);
	evidence.series = 500.0F;
	ck_assert_int_eq(mr_hijack_verdict(&policy, &thresholds, &evidence), MR_HIJACK_FREEZES);
	policy.hold = false;
	ck_assert_int_eq(mr_hijack_verdict(&policy, &thresholds, &evidence), MR_HIJACK_WATCHES);
	evidence.total = 11.0F;
	ck_assert_int_eq(mr_hijack_verdict(&policy, &thresholds, &evidence), MR_HIJACK_FREEZES);
	evidence.total = 1.0F;
	ck_assert_int_eq(mr_hijack_verdict(&policy, &thresholds, &evidence), MR_HIJACK_CALM);
}
END_TEST

START_TEST(a_smaller_knob_asks_for_more_evidence)
{
	struct mr_hijack_policy policy = { .false_freezes = 5.0, .hold = true, .calibrate = true };
	struct mr_thresholds five, one, own;
	struct world w;

	set_up(&w);
	mr_hijack_thresholds(&policy, w.site, &five);
	ck_assert(!five.calibrated);
	ck_assert_float_lt(five.hold, five.freeze);
	ck_assert_float_le(five.low, five.expected);
	ck_assert_float_ge(five.high, five.expected);
	policy.false_freezes = 1.0;
	mr_hijack_thresholds(&policy, w.site, &one);
	ck_assert_float_gt(one.freeze, five.freeze + 1.0F);
	policy.threshold = 20.0;
	mr_hijack_thresholds(&policy, w.site, &own);
	ck_assert_float_eq(own.freeze, 20.0F);
	tear_down(&w);
}
END_TEST

/* A tail that falls by half in each bin, of 5,000 account-years. */
START_TEST(the_knob_is_calibrated_by_the_sites_own_tail)
{
	struct mr_hijack_policy policy = { .false_freezes = 5.0, .hold = true, .calibrate = true };
	struct mr_thresholds calm, wild;
	struct world w;

	set_up(&w);
	w.site->account_days = 5000 * 365.25;
	for (int bin = 8, count = 200; count > 0; bin++, count /= 2)
		w.site->tail[bin] = (uint32_t)count;
	mr_hijack_thresholds(&policy, w.site, &calm);
	ck_assert(calm.calibrated);
	ck_assert_float_gt(calm.slope, 1.0F);
	ck_assert_float_lt(calm.slope, 1.8F);
	for (int bin = 8, count = 4000; count > 0; bin++, count = count * 2 / 3)
		w.site->tail[bin] = (uint32_t)count;
	mr_hijack_thresholds(&policy, w.site, &wild);
	ck_assert_float_gt(wild.freeze, calm.freeze);
	ck_assert_float_gt(wild.expected, 0.0F);
	ck_assert_float_le(wild.low, wild.expected);
	ck_assert_float_ge(wild.high, wild.expected);
	tear_down(&w);
}
END_TEST

START_TEST(a_stolen_account_does_not_teach_the_tail)
{
	struct world w;
	uint64_t before = 0, after = 0;

	set_up(&w);
	live(&w, 120);
	for (int i = 0; i < MR_SITE_TAIL_BINS; i++)
		before += w.site->tail[i];
	for (int i = 0; i < 20; i++) {
		prepare(&w, 5000);
		from_abroad(&w);
		to_strangers(&w, 5, 2);
		weigh(&w);
	}
	mr_hijack_forget(&w.account);
	w.now_ms += 10 * DAY_MS;
	live(&w, 40);
	for (int i = 16; i < MR_SITE_TAIL_BINS; i++)
		after += w.site->tail[i];
	ck_assert_uint_eq(after, 0);
	ck_assert_uint_ge(before, 0);
	tear_down(&w);
}
END_TEST

START_TEST(the_chart_of_days_keeps_small_counts)
{
	struct world w;

	for (uint32_t n = 0; n <= 15; n++)
		ck_assert_uint_eq(mr_habit_day_messages(mr_habit_day_code(n)), n);
	for (uint32_t n = 16; n < 1000000; n += n / 7) {
		double back = mr_habit_day_messages(mr_habit_day_code(n));
		ck_assert_double_le(back, 1.05 * n);
		ck_assert_double_ge(back, 0.95 * n);
	}
	set_up(&w);
	live(&w, 40);
	for (int i = 0; i < MR_HABIT_DAYS; i++)
		ck_assert_uint_eq(mr_habit_day_messages(w.account.habit.days[i]), 4);
	tear_down(&w);
}
END_TEST

/* ---- What is known of logins: guessed, travel, password ---- */

static float channels_of_logins(const struct world *w)
{
	return w->evidence.channel[MR_CHANNEL_GUESSED] + w->evidence.channel[MR_CHANNEL_TRAVEL] +
	       w->evidence.channel[MR_CHANNEL_PASSWORD];
}

/* What the owner's message would come to from a place that is not hers yet, after so many wrong passwords. */
static float look_at_guess(struct world *w, unsigned tries, int64_t age_ms)
{
	prepare(w, 0);
	w->sending.network = 4711;
	w->sending.guessed = tries;
	w->sending.guessed_age_ms = age_ms;
	mr_hijack_look(&w->policy, &w->account, w->site, &w->sending, &w->evidence);
	return w->evidence.channel[MR_CHANNEL_GUESSED];
}

START_TEST(more_wrong_passwords_are_more_evidence)
{
	struct world w;
	float before = 0.0F;

	set_up(&w);
	live(&w, 120);
	for (unsigned tries = 0; tries < 5; tries++) /* who forgot */
		ck_assert_float_eq(look_at_guess(&w, tries, 0), 0.0F);
	for (unsigned tries = 5; tries < 3000; tries++) {
		float nats = look_at_guess(&w, tries, 0);

		ck_assert_float_ge(nats, before);
		ck_assert_float_gt(nats, 0.0F);
		ck_assert_float_le(nats, 3.6F);
		before = nats;
	}
	ck_assert_float_gt(before, 3.0F);
	for (int64_t age = 0; age < 30 * DAY_MS; age += HOUR_MS) {
		float nats = look_at_guess(&w, 50, age);

		ck_assert_float_le(nats, before);
		ck_assert_float_ge(nats, 0.0F);
		before = nats;
	}
	ck_assert_float_lt(before, 0.01F);
	tear_down(&w);
}
END_TEST

START_TEST(from_a_proven_place_guessing_says_nothing)
{
	struct world w;

	set_up(&w);
	live(&w, 120);
	prepare(&w, HOUR_MS);
	w.sending.guessed = 1000;
	w.sending.travel = 2.5F;
	weigh(&w);
	ck_assert_float_lt(w.evidence.channel[MR_CHANNEL_PLACE], 0.0F);
	ck_assert_float_eq(channels_of_logins(&w), 0.0F);
	tear_down(&w);
}
END_TEST

START_TEST(where_the_owner_reads_mail_is_no_strange_place)
{
	struct world w;
	float strange;

	set_up(&w);
	live(&w, 120);
	prepare(&w, 0);
	w.sending.network = 4711;
	w.sending.time_ms += 2 * DAY_MS; /* the episode at the usual place is over */
	mr_hijack_look(&w.policy, &w.account, w.site, &w.sending, &w.evidence);
	strange = w.evidence.channel[MR_CHANNEL_PLACE];
	ck_assert_float_gt(strange, 0.5F);
	w.sending.network_read = true;
	mr_hijack_look(&w.policy, &w.account, w.site, &w.sending, &w.evidence);
	ck_assert_float_lt(w.evidence.channel[MR_CHANNEL_PLACE], strange / 2);
	tear_down(&w);
}
END_TEST

START_TEST(a_weak_password_speaks_only_beside_others)
{
	struct world w;
	float without;

	set_up(&w);
	live(&w, 120);
	prepare(&w, HOUR_MS);
	w.sending.weak_password = true;
	weigh(&w);
	ck_assert_float_eq(w.evidence.channel[MR_CHANNEL_PASSWORD], 0.0F);
	for (int i = 1; i < 60; i++) {
		prepare(&w, 5000);
		from_abroad(&w);
		to_strangers(&w, 1, 0);
		mr_hijack_look(&w.policy, &w.account, w.site, &w.sending, &w.evidence);
		without = w.evidence.total;
		w.sending.weak_password = true;
		weigh(&w);
		ck_assert_float_ge(w.evidence.channel[MR_CHANNEL_PASSWORD], 0.0F);
		ck_assert_float_le(w.evidence.channel[MR_CHANNEL_PASSWORD], 1.0F);
		ck_assert_float_le(w.evidence.total, without + 1.01F);
		if (without > 2.0F)
			ck_assert_float_gt(w.evidence.channel[MR_CHANNEL_PASSWORD], 0.9F);
	}
	tear_down(&w);
}
END_TEST

/* Whatever is told of logins, ordinary mail goes on: for an account with a history and for a new one. */
START_TEST(logins_alone_neither_hold_nor_freeze)
{
	for (int known = 0; known < 2; known++) {
		struct world w;

		set_up(&w);
		if (known)
			live(&w, 120);
		for (int i = 0; i < 300; i++) {
			prepare(&w, 5 * HOUR_MS);
			w.sending.network = 4711;
			w.sending.guessed = 5000;
			w.sending.travel = 99.0F;
			w.sending.weak_password = true;
			ck_assert_int_lt(weigh(&w), MR_HIJACK_HOLDS);
			ck_assert_float_le(channels_of_logins(&w), 4.001F);
		}
		tear_down(&w);
	}
}
END_TEST

/* Messages until a quiet thief with the owner's provider is frozen. */
static int freeze_after(unsigned guessed, float travel, bool weak)
{
	struct world w;
	int sent = 0;

	set_up(&w);
	live(&w, 120);
	for (enum mr_hijack_says says = MR_HIJACK_CALM; says != MR_HIJACK_FREEZES && sent < 1000; sent++) {
		prepare(&w, HOUR_MS / 2);
		to_strangers(&w, 1, 0);
		w.sending.network = 90210;
		w.sending.guessed = guessed;
		w.sending.guessed_age_ms = sent * HOUR_MS / 2;
		w.sending.travel = travel;
		w.sending.weak_password = weak;
		says = weigh(&w);
	}
	tear_down(&w);
	return sent;
}

START_TEST(who_guessed_is_frozen_sooner)
{
	int alone = freeze_after(0, 0.0F, false), guessed = freeze_after(60, 0.0F, false);

	ck_assert_int_lt(alone, 1000);
	ck_assert_int_lt(guessed, alone);
	ck_assert_int_le(freeze_after(0, 2.0F, false), alone);
	ck_assert_int_le(freeze_after(60, 2.0F, true), guessed);
}
END_TEST

START_TEST(evidence_of_logins_is_told_in_words)
{
	const float channel[MR_CHANNEL_COUNT] = { [MR_CHANNEL_GUESSED] = 2.1F, [MR_CHANNEL_TRAVEL] = 1.25F,
						  [MR_CHANNEL_PASSWORD] = 0.9F, [MR_CHANNEL_HOUR] = 0.1F };
	char text[400];
	struct mr_buffer b = mr_buffer_over(text, sizeof(text));

	mr_explain_channels(&b, channel, 5);
	mr_buffer_byte(&b, '\0');
	ck_assert_str_eq(text, "wrong passwords came before the login that sends +2.1, logins from places that are too far "
			       "apart for the time between them +1.3, a password that is known to be weak +0.9");
}
END_TEST

START_TEST(a_release_does_not_excuse_guessing)
{
	struct world w;

	set_up(&w);
	live(&w, 120);
	for (int i = 0; i < 20; i++) {
		prepare(&w, 5000);
		from_abroad(&w);
		to_strangers(&w, 5, 1);
		w.sending.guessed = 100;
		w.sending.travel = 2.5F;
		w.sending.weak_password = true;
		weigh(&w);
	}
	mr_hijack_release(&w.account, w.site, w.now_ms);
	for (int i = MR_CHANNEL_GUESSED; i < MR_CHANNEL_COUNT; i++)
		ck_assert_uint_eq(w.account.habit.released[i], 0);
	ck_assert_uint_gt(w.account.habit.released[MR_CHANNEL_NOVELTY], 0);
	tear_down(&w);
}
END_TEST

START_TEST(odd_facts_of_logins_are_bounded)
{
	static const float travels[] = { 0.0F, -1.0F, -1e30F, 1e30F, 2.5F };
	static const int64_t ages[] = { 0, -1, INT64_MIN, INT64_MAX, 1 };
	struct world w;
	float nan_value = 0.0F;

	set_up(&w);
	live(&w, 30);
	nan_value /= nan_value;
	for (int i = 0; i < 200; i++) {
		prepare(&w, 1000);
		from_abroad(&w);
		w.sending.guessed = i % 3 == 0 ? UINT32_MAX : (unsigned)draw(&w) % 20;
		w.sending.guessed_age_ms = ages[draw(&w) % 5];
		w.sending.travel = i % 7 == 0 ? nan_value : travels[draw(&w) % 5];
		w.sending.weak_password = i % 2;
		w.sending.authenticated = i % 5 != 0;
		weigh(&w);
		ck_assert_float_finite(w.evidence.total);
		for (int c = MR_CHANNEL_GUESSED; c < MR_CHANNEL_COUNT; c++)
			ck_assert_float_ge(w.evidence.channel[c], 0.0F);
		ck_assert_float_le(channels_of_logins(&w), 4.001F);
		if (!w.sending.authenticated)
			ck_assert_float_eq(channels_of_logins(&w), 0.0F);
	}
	tear_down(&w);
}
END_TEST

START_TEST(a_record_is_small)
{
	ck_assert_uint_le(sizeof(struct mr_account), 1024);
	ck_assert_uint_le(sizeof(struct mr_site), 160 * 1024);
}
END_TEST

static uint64_t fold(uint64_t sum, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * 0x100000001b3ULL;
	return sum;
}

/* Evidence has the same bits with every compiler, C library and machine. When the model is changed on purpose, so is
 * GOLDEN. */
START_TEST(evidence_is_bit_exact)
{
	struct world w;
	uint64_t sum = 0xcbf29ce484222325ULL;

	set_up(&w);
	for (int i = 0; i < 4000; i++) {
		prepare(&w, (int64_t)(draw(&w) % 40) * 600000 + 1000);
		if (draw(&w) % 6 == 0)
			to_strangers(&w, 1 + draw(&w) % 30, (size_t)i % 4);
		if (draw(&w) % 9 == 0)
			from_abroad(&w);
		w.sending.network += draw(&w) % 5;
		w.sending.spam = draw(&w) % 50 == 0 ? MR_SPAM_FLAGGED : MR_SPAM_CLEAN;
		if (weigh(&w) == MR_HIJACK_FREEZES)
			mr_hijack_release(&w.account, w.site, w.now_ms);
		for (int c = MR_CHANNEL_GUESSED; c < MR_CHANNEL_COUNT; c++)
			ck_assert_float_eq(w.evidence.channel[c], 0.0F); /* nothing was told of logins */
		sum = fold(sum, w.evidence.channel, MR_CHANNEL_GUESSED * sizeof(w.evidence.channel[0]));
		sum = fold(sum, &w.evidence.total, sizeof(w.evidence.total));
	}
	ck_assert_msg(sum == GOLDEN, "the checksum of the evidence is now 0x%016llx", (unsigned long long)sum);
	tear_down(&w);
}
END_TEST

static void add_all(TCase *tests)
{
	tcase_add_test(tests, an_owner_is_left_alone_for_years);
	tcase_add_test(tests, a_thief_from_abroad_is_frozen_within_a_few_messages);
	tcase_add_test(tests, a_thief_without_history_is_found_too);
	tcase_add_test(tests, a_mailing_from_the_usual_place_is_never_frozen);
	tcase_add_test(tests, no_channel_freezes_alone);
	tcase_add_test(tests, a_mailing_is_not_released_into_a_freeze);
	tcase_add_test(tests, a_released_account_is_still_watched);
	tcase_add_test(tests, a_release_of_nothing_raises_no_doubt);
	tcase_add_test(tests, looking_changes_nothing_and_sees_the_same);
	tcase_add_test(tests, who_wrote_first_is_no_stranger);
	tcase_add_test(tests, a_client_that_everybody_has_says_nothing);
	tcase_add_test(tests, without_a_login_place_and_client_say_nothing);
	tcase_add_test(tests, a_slow_ramp_does_not_teach);
	tcase_add_test(tests, odd_messages_give_finite_evidence);
	tcase_add_test(tests, channels_can_be_switched_off);
	tcase_add_test(tests, a_long_held_series_ends_in_a_freeze);
	tcase_add_test(tests, a_smaller_knob_asks_for_more_evidence);
	tcase_add_test(tests, the_knob_is_calibrated_by_the_sites_own_tail);
	tcase_add_test(tests, a_stolen_account_does_not_teach_the_tail);
	tcase_add_test(tests, the_chart_of_days_keeps_small_counts);
	tcase_add_test(tests, more_wrong_passwords_are_more_evidence);
	tcase_add_test(tests, from_a_proven_place_guessing_says_nothing);
	tcase_add_test(tests, where_the_owner_reads_mail_is_no_strange_place);
	tcase_add_test(tests, a_weak_password_speaks_only_beside_others);
	tcase_add_test(tests, logins_alone_neither_hold_nor_freeze);
	tcase_add_test(tests, who_guessed_is_frozen_sooner);
	tcase_add_test(tests, evidence_of_logins_is_told_in_words);
	tcase_add_test(tests, a_release_does_not_excuse_guessing);
	tcase_add_test(tests, odd_facts_of_logins_are_bounded);
	tcase_add_test(tests, a_record_is_small);
	tcase_add_test(tests, evidence_is_bit_exact);
}

int main(void)
{
	Suite *suite = suite_create("hijack");
	TCase *tests = tcase_create("hijack");

	tcase_set_timeout(tests, 60);
	add_all(tests);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
