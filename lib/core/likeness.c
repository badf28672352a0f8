/*
 * The channel size: messages of nearly the same size one after another, as a campaign has them. Called by hijack.c.
 *
 * Model: a message is alike when its size lies within 1.2 % of at least half of the last four of the day. The owner's
 * share is learned (a person's prior is 8 %, an invoice run learns 0.9 and falls silent), a campaign's is 0.7.
 * Source: sizes of phishing campaigns (median spread 0.2 %) against consecutive mail of one person (1.5 % within 1 %);
 * TurboMail limits similar sizes.
 */
#include <string.h>

#include "core/hijack_parts.h"
#include "core/nats.h"

#define THIEF_ALIKE 0.7
#define NEAR 0.012
#define SIZE_DOUBT 3e-2

static double ln_size(const struct mr_sending *sending)
{
	return mr_ln(sending->size < 64 ? 64.0 : (double)sending->size);
}

void mr_likeness_weigh(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;
	double sum = mr_sum_get(habit, MR_SUM_SIZE) * w->fade[MR_FADE_4H];
	uint16_t minute = (uint16_t)(w->now_ms / MR_MINUTE_MS);
	int alike = 0, all = 0;

	if (w->pause >= 86400.0)
		memset(habit->size, 0, sizeof(habit->size));
	if (w->sending->size >= 0) {
		double size = ln_size(w->sending);
		for (int i = 0; i < MR_HABIT_SIZES; i++) {
			if (habit->size[i] == 0 || (uint16_t)(minute - habit->size_minute[i]) >= 24 * 60)
				continue;
			double off = size - habit->size[i] / 4096.0;
			alike += off < NEAR && off > -NEAR;
			all++;
		}
	}
	w->has_sizes = all > 0;
	w->alike = alike * 2 >= all;
	if (w->has_sizes) {
		double p0 = mr_share((double)habit->alike.yes, (double)habit->alike.all,
				     mr_pair_share(&w->site->alike), 30.0);
		sum += w->alike ? mr_ln(THIEF_ALIKE / p0) : mr_ln((1.0 - THIEF_ALIKE) / (1.0 - p0));
	}
	mr_sum_set(habit, MR_SUM_SIZE, sum < 0.0 ? 0.0 : sum);
	w->nats[MR_CHANNEL_SIZE] = mr_capped(mr_sum_get(habit, MR_SUM_SIZE),
					     mr_weighing_doubt(w, MR_CHANNEL_SIZE, SIZE_DOUBT));
}

void mr_likeness_learn(struct mr_weighing *w, struct mr_site *site)
{
	struct mr_habit *habit = w->habit;

	if (w->calm && w->has_sizes) {
		mr_pair_count(&habit->alike, w->alike, 1.0, 0.998);
		mr_pair_count(&site->alike, w->alike, 1.0, 0.9999);
	}
	if (w->sending->size < 0)
		return;
	double size = ln_size(w->sending) * 4096.0;
	habit->size[habit->size_next] = (uint16_t)(size > 65535.0 ? 65535.0 : size + 0.5);
	habit->size_minute[habit->size_next] = (uint16_t)(w->now_ms / MR_MINUTE_MS);
	habit->size_next = (uint8_t)((habit->size_next + 1) % MR_HABIT_SIZES);
}
