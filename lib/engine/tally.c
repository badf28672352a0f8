/* See tally.h. Added to by lines.c, read for the control command "status". */
#include "engine/tally.h"

enum { HOUR_MS = 3600000 };

static int64_t hour_of(int64_t now_ms)
{
	return now_ms > 0 ? now_ms / HOUR_MS : 0;
}

void mr_tally_add(struct mr_tally *tally, int64_t now_ms, enum mr_verdict verdict)
{
	int64_t hour = hour_of(now_ms), was;
	size_t slot = (size_t)(hour % MR_TALLY_HOURS);

	was = atomic_load_explicit(&tally->hours[slot].hour, memory_order_relaxed);
	if (was != hour && atomic_compare_exchange_strong(&tally->hours[slot].hour, &was, hour))
		for (size_t i = 0; i < MR_TALLY_VERDICTS; i++)
			atomic_store_explicit(&tally->hours[slot].count[i], 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&tally->hours[slot].count[verdict], 1, memory_order_relaxed);
}

void mr_tally_sum(const struct mr_tally *tally, int64_t now_ms, uint64_t count_r[MR_TALLY_VERDICTS])
{
	int64_t hour = hour_of(now_ms);

	for (size_t i = 0; i < MR_TALLY_VERDICTS; i++)
		count_r[i] = 0;
	for (size_t slot = 0; slot < MR_TALLY_HOURS; slot++) {
		int64_t at = atomic_load_explicit(&tally->hours[slot].hour, memory_order_relaxed);

		if (at > hour || at <= hour - MR_TALLY_HOURS)
			continue;
		for (size_t i = 0; i < MR_TALLY_VERDICTS; i++)
			count_r[i] += atomic_load_explicit(&tally->hours[slot].count[i], memory_order_relaxed);
	}
}
