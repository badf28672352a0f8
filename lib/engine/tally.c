/* See tally.h. Added to by lines.c, read for the control command "status". */
#include "engine/tally.h"

#include <stdbool.h>

enum { HOUR_MS = 3600000 };

static int64_t hour_of(int64_t now_ms)
{
	return now_ms > 0 ? now_ms / HOUR_MS : 0;
}

/* The slot of this hour, emptied when it held another. */
static size_t slot_of(struct mr_tally *tally, int64_t now_ms)
{
	int64_t hour = hour_of(now_ms), was;
	size_t slot = (size_t)(hour % MR_TALLY_HOURS);

	was = atomic_load_explicit(&tally->hours[slot].hour, memory_order_relaxed);
	if (was == hour || !atomic_compare_exchange_strong(&tally->hours[slot].hour, &was, hour))
		return slot;
	for (size_t i = 0; i < MR_TALLY_VERDICTS; i++)
		atomic_store_explicit(&tally->hours[slot].count[i], 0, memory_order_relaxed);
	for (size_t i = 0; i < MR_TALLY_LOGINS; i++)
		atomic_store_explicit(&tally->hours[slot].logins[i], 0, memory_order_relaxed);
	return slot;
}

static bool is_recent(const struct mr_tally *tally, size_t slot, int64_t hour)
{
	int64_t at = atomic_load_explicit(&tally->hours[slot].hour, memory_order_relaxed);

	return at <= hour && at > hour - MR_TALLY_HOURS;
}

void mr_tally_add(struct mr_tally *tally, int64_t now_ms, enum mr_verdict verdict)
{
	atomic_fetch_add_explicit(&tally->hours[slot_of(tally, now_ms)].count[verdict], 1, memory_order_relaxed);
}

void mr_tally_login(struct mr_tally *tally, int64_t now_ms, enum mr_tally_login what)
{
	atomic_fetch_add_explicit(&tally->hours[slot_of(tally, now_ms)].logins[what], 1, memory_order_relaxed);
}

void mr_tally_sum(const struct mr_tally *tally, int64_t now_ms, uint64_t count_r[MR_TALLY_VERDICTS])
{
	for (size_t i = 0; i < MR_TALLY_VERDICTS; i++)
		count_r[i] = 0;
	for (size_t slot = 0; slot < MR_TALLY_HOURS; slot++)
		for (size_t i = 0; i < MR_TALLY_VERDICTS && is_recent(tally, slot, hour_of(now_ms)); i++)
			count_r[i] += atomic_load_explicit(&tally->hours[slot].count[i], memory_order_relaxed);
}

void mr_tally_logins(const struct mr_tally *tally, int64_t now_ms, uint64_t count_r[MR_TALLY_LOGINS])
{
	for (size_t i = 0; i < MR_TALLY_LOGINS; i++)
		count_r[i] = 0;
	for (size_t slot = 0; slot < MR_TALLY_HOURS; slot++)
		for (size_t i = 0; i < MR_TALLY_LOGINS && is_recent(tally, slot, hour_of(now_ms)); i++)
			count_r[i] += atomic_load_explicit(&tally->hours[slot].logins[i], memory_order_relaxed);
}
