/*
 * What a habit remembers of recipients, senders and networks in bounded room. Not who they were: marks and filters
 * only. Called by the parts of the detector.
 */
#include <string.h>

#include "core/hijack_parts.h"

enum { RECIPIENT_PROBES = 4, GENERATION_MOST = 150, SITE_GENERATION_MOST = 75000 };
/* 150 addresses in 1024 bits, 75,000 in 524,288: 4 % are known by mistake. */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ (x >> 32);
}

uint16_t mr_mark_of(uint64_t hash)
{
	uint16_t mark = (uint16_t)(mix(hash) >> 48);

	return mark == 0 ? 1 : mark;
}

uint32_t mr_mark32_of(uint64_t hash)
{
	uint32_t mark = (uint32_t)(mix(hash) >> 32);

	return mark == 0 ? 1 : mark;
}

/* words is a power of two. */
static bool in_generation(const uint64_t *generation, size_t words, uint64_t hash)
{
	for (int i = 0; i < RECIPIENT_PROBES; i++, hash = hash >> 16 | hash << 48)
		if ((generation[(hash >> 6 & 0x3fff) % words] >> (hash & 63) & 1) == 0)
			return false;
	return true;
}

static void add_to_generation(uint64_t *generation, size_t words, uint64_t hash)
{
	for (int i = 0; i < RECIPIENT_PROBES; i++, hash = hash >> 16 | hash << 48)
		generation[(hash >> 6 & 0x3fff) % words] |= 1ULL << (hash & 63);
}

bool mr_recall_recipient(const struct mr_habit *habit, uint64_t hash)
{
	hash = mix(hash);
	return in_generation(habit->recipient[0], MR_HABIT_RECIPIENT_WORDS, hash) ||
	       in_generation(habit->recipient[1], MR_HABIT_RECIPIENT_WORDS, hash);
}

/* An address of the older generation that is written to again lives on in the newer one. */
void mr_recall_add_recipient(struct mr_habit *habit, uint64_t hash)
{
	hash = mix(hash);
	if (in_generation(habit->recipient[0], MR_HABIT_RECIPIENT_WORDS, hash))
		return;
	if (habit->recipients_new >= GENERATION_MOST) {
		memcpy(habit->recipient[1], habit->recipient[0], sizeof(habit->recipient[1]));
		memset(habit->recipient[0], 0, sizeof(habit->recipient[0]));
		habit->recipients_new = 0;
	}
	habit->recipients_new++;
	add_to_generation(habit->recipient[0], MR_HABIT_RECIPIENT_WORDS, hash);
}

bool mr_recall_site_recipient(const struct mr_site *site, uint64_t hash)
{
	hash = mix(~hash);
	return in_generation(site->recipient[0], MR_SITE_RECIPIENT_WORDS, hash) ||
	       in_generation(site->recipient[1], MR_SITE_RECIPIENT_WORDS, hash);
}

void mr_recall_add_site_recipient(struct mr_site *site, uint64_t hash)
{
	hash = mix(~hash);
	if (in_generation(site->recipient[0], MR_SITE_RECIPIENT_WORDS, hash))
		return;
	if (site->recipients_new >= SITE_GENERATION_MOST) {
		memcpy(site->recipient[1], site->recipient[0], sizeof(site->recipient[1]));
		memset(site->recipient[0], 0, sizeof(site->recipient[0]));
		site->recipients_new = 0;
	}
	site->recipients_new++;
	add_to_generation(site->recipient[0], MR_SITE_RECIPIENT_WORDS, hash);
}

bool mr_recall_mark(const uint16_t *list, size_t n, uint16_t mark)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == mark)
			return true;
	return false;
}

void mr_recall_add_mark(uint16_t *list, size_t n, uint16_t mark)
{
	size_t at = 0;

	while (at < n - 1 && list[at] != mark && list[at] != 0)
		at++;
	memmove(list + 1, list, at * sizeof(*list));
	list[0] = mark;
}
