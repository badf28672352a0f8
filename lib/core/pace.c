/*
 * The channel pace: more messages or recipients in 10 minutes, an hour or a day than the account ever had, or more
 * recipients in one message. The stronger of the two counts. Called by hijack.c.
 *
 * Model of pace: above an account's own peak the owner's rate has a Pareto tail, P(rate > x) = (peak / x)^2.2; a
 * thief's rate has none. A level, not a sum. The peak halves every 60 days, grows at most by 1.8 times a day (a slow
 * ramp cannot teach it), and has a floor that any owner may reach, wider while there is little history.
 * Model of a crowd: the owner's share of messages to so many recipients or more, by the rule of succession (never in
 * n messages: 1 in n + 2), against a thief's share.
 * Source: own volume baselines as in EMT (2006); tail and floors from public mail traces (research institution,
 * factory).
 */
#include "core/hijack_parts.h"
#include "core/nats.h"

#define TAIL 2.2
#define PACE_DOUBT 1e-3
#define PEAK_HALF_DAYS 60.0
#define GROWTH 1.8
#define CROWD_DOUBT 5e-3

/* A thief's share of messages to 1, 2, 4, 8, 16, 32, 64 recipients or more. */
static const double crowd_thief[MR_HABIT_CROWDS] = { 1.0, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1 };

static const enum mr_fade window[3] = { MR_FADE_10MIN, MR_FADE_HOUR, MR_FADE_DAY };
static const double floor_of[6] = { 6.0, 10.0, 25.0, 12.0, 25.0, 60.0 };

/* A day is over: its peaks count, as far as they may. */
static void close_days(struct mr_habit *habit, uint16_t today)
{
	if (today <= habit->day)
		return;
	double keep = mr_exp(-0.69314718055994531 / PEAK_HALF_DAYS * (today - habit->day));
	for (int i = 0; i < 6; i++) {
		double old = mr_small(habit->peak[i]) * keep;
		double most = (old > floor_of[i] ? old : floor_of[i]) * GROWTH;
		double today_peak = mr_small(habit->peak_today[i]);
		double seen = today_peak < most ? today_peak : most;
		habit->peak[i] = mr_small_of(old > seen ? old : seen);
		habit->peak_today[i] = 0;
	}
}

static int crowd_class(size_t recipients)
{
	int class = 0;

	while (class < MR_HABIT_CROWDS - 1 && recipients >= (size_t)2 << class)
		class++;
	return class;
}

/* Messages to so many recipients or more, and all. */
static struct mr_pair crowd_of(const struct mr_habit *habit, int class)
{
	struct mr_pair of = { 0.0F, 0.0F };

	for (int i = 0; i < MR_HABIT_CROWDS; i++) {
		float messages = (float)habit->crowd[i] / 64.0F;
		of.all += messages;
		of.yes += i >= class ? messages : 0.0F;
	}
	return of;
}

static double site_crowd(const struct mr_site *site, int class)
{
	double above = 0.0, all = 0.0;

	for (int i = 0; i < MR_HABIT_CROWDS; i++) {
		all += (double)site->crowd[i];
		above += i >= class ? (double)site->crowd[i] : 0.0;
	}
	return all > 0.0 ? above / all : 0.0;
}

static double crowd_weight(struct mr_weighing *w)
{
	int class = crowd_class(w->sending->to_count);
	double sum = mr_sum_get(w->habit, MR_SUM_CROWD) * w->fade[MR_FADE_DAY];

	if (class >= 2) {
		struct mr_pair own = crowd_of(w->habit, class);
		double prior = 0.5 * (1.0 + site_crowd(w->site, class));
		double owner = mr_share((double)own.yes, (double)own.all, prior, 2.0);
		double nats = mr_ln(crowd_thief[class] / owner);
		sum += nats > 0.0 ? nats : 0.0;
	} else {
		sum -= 0.1;
	}
	mr_sum_set(w->habit, MR_SUM_CROWD, sum < 0.0 ? 0.0 : sum);
	return mr_capped(sum, mr_weighing_doubt(w, MR_CHANNEL_PACE, CROWD_DOUBT));
}

/* For words: the recipients of this message against the most that the account is used to. */
static void tell_crowd(struct mr_weighing *w)
{
	int class = MR_HABIT_CROWDS - 1;

	while (class > 0 && w->habit->crowd[class] < 32)
		class--;
	w->evidence->pace_count = (float)w->sending->to_count;
	w->evidence->pace_peak = (float)((2 << class) - 1);
	w->evidence->pace_window = 3;
	w->evidence->pace_recipients = true;
}

void mr_pace_weigh(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;
	double young = 1.0 + 1.0 / (1.0 + habit->messages / 10.0);
	double worst = 1.0;

	close_days(habit, (uint16_t)(w->now_ms / MR_DAY_MS));
	for (int i = 0; i < 3; i++) {
		double keep = w->fade[window[i]];
		habit->messages_in[i] = (float)(habit->messages_in[i] * keep + 1.0);
		habit->recipients_in[i] = (float)(habit->recipients_in[i] * keep + (double)w->sending->to_count);
		for (int j = 0; j < 2; j++) {
			double count = (double)(j == 0 ? habit->messages_in[i] : habit->recipients_in[i]);
			double peak = mr_small(habit->peak[i + 3 * j]);
			if (peak < floor_of[i + 3 * j])
				peak = floor_of[i + 3 * j];
			double ratio = count / (young * peak);
			if (ratio <= worst)
				continue;
			worst = ratio;
			w->evidence->pace_count = (float)count;
			w->evidence->pace_peak = (float)peak;
			w->evidence->pace_window = (uint8_t)i;
			w->evidence->pace_recipients = j == 1;
		}
	}
	double crowd = crowd_weight(w);
	double pace = mr_capped(TAIL * mr_ln(worst), mr_weighing_doubt(w, MR_CHANNEL_PACE, PACE_DOUBT));
	w->nats[MR_CHANNEL_PACE] = pace > crowd ? pace : crowd;
	if (crowd > pace)
		tell_crowd(w);
}

void mr_pace_learn(struct mr_weighing *w, struct mr_site *site)
{
	struct mr_habit *habit = w->habit;

	for (int i = 0; i < 3; i++) {
		uint16_t messages = mr_small_of((double)habit->messages_in[i]);
		uint16_t recipients = mr_small_of((double)habit->recipients_in[i]);
		if (messages > habit->peak_today[i])
			habit->peak_today[i] = messages;
		if (recipients > habit->peak_today[i + 3])
			habit->peak_today[i + 3] = recipients;
	}
	if (!w->calm)
		return;
	int class = crowd_class(w->sending->to_count);
	for (int i = 0; i < MR_HABIT_CROWDS; i++) {
		habit->crowd[i] = (uint16_t)(habit->crowd[i] - habit->crowd[i] / 512 + (i == class ? 64 : 0));
		site->crowd[i] = (float)(site->crowd[i] * 0.9999 + (i == class));
	}
}

/* An operator accepts the pace of now and half more. */
void mr_pace_accept(struct mr_habit *habit)
{
	for (int i = 0; i < 3; i++) {
		uint16_t messages = mr_small_of(1.5 * (double)habit->messages_in[i]);
		uint16_t recipients = mr_small_of(1.5 * (double)habit->recipients_in[i]);
		habit->peak[i] = habit->peak[i] > messages ? habit->peak[i] : messages;
		habit->peak[i + 3] = habit->peak[i + 3] > recipients ? habit->peak[i + 3] : recipients;
	}
}
