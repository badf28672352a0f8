/*
 * Puts what a habit holds into the units that people read. It weighs nothing: hijack.c does. Called by the engine's
 * control commands.
 */
#include "core/portrait.h"

#include "core/hijack_parts.h"
#include "core/nats.h"

uint32_t mr_portrait_mark(uint64_t network)
{
	return mr_mark32_of(network);
}

static void make_places(const struct mr_habit *habit, struct mr_portrait *r)
{
	for (int i = 0; i < MR_HABIT_PLACES; i++) {
		const struct mr_habit_place *place = &habit->place[i];

		if (place->network == 0)
			continue;
		r->place[r->places++] = (struct mr_portrait_place){ .mark = place->network,
								    .first_ms = (int64_t)place->first_day * MR_DAY_MS,
								    .last_ms = (int64_t)place->last_day * MR_DAY_MS,
								    .messages = place->good / 4 };
	}
}

/* The chart of a habit ends at the day of its last message. */
static void make_days(const struct mr_habit *habit, int64_t now_ms, struct mr_portrait *r)
{
	int64_t behind = now_ms / MR_DAY_MS - (int64_t)habit->day;

	if (behind < 0)
		behind = 0;
	for (int64_t i = 0; i < MR_PORTRAIT_DAYS - behind; i++)
		r->day[i + behind] = i == 0 ? habit->today_messages : mr_habit_day_messages(habit->days[i - 1]);
}

void mr_portrait_make(const struct mr_account *account, int64_t now_ms, struct mr_portrait *portrait_r)
{
	const struct mr_habit *habit = &account->habit;
	int64_t grace_ms = (int64_t)habit->grace_minute * MR_MINUTE_MS;
	struct mr_portrait *r = portrait_r;

	*r = (struct mr_portrait){ .messages = habit->messages, .strangers = -1, .trusts_a_place = habit->home != 0,
				   .grace_ms = grace_ms > now_ms ? grace_ms : 0 };
	if (habit->stranger.all >= 1.0F)
		r->strangers = mr_pair_share(&habit->stranger);
	for (int i = 0; i < 3; i++) {
		r->messages_peak[i] = mr_small(habit->peak[i]);
		r->recipients_peak[i] = mr_small(habit->peak[i + 3]);
		r->messages_now[i] = (double)habit->messages_in[i];
		r->recipients_now[i] = (double)habit->recipients_in[i];
	}
	for (int i = 0; i < MR_HABIT_SIZES; i++)
		r->size[i] = habit->size[i] > 0 ? mr_exp(habit->size[i] / 4096.0) : 0.0;
	make_places(habit, r);
	make_days(habit, now_ms, r);
}
