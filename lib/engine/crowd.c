/*
 * How many connections each source has open now: a table of fixed size, forgotten with the process. Called by session.c
 * through screening.h.
 */
#include "engine/screening.h"

enum { PROBES = 16 };

/* The slot of source, or a free one; NULL: no room. The lock of the table is held. */
static struct mr_crowd_slot *find(struct mr_crowd *crowd, uint64_t source)
{
	struct mr_crowd_slot *free = NULL;

	for (uint64_t i = 0; i < PROBES; i++) {
		struct mr_crowd_slot *slot = &crowd->slots[(source + i) % MR_CROWD_SLOTS];

		if (slot->count > 0 && slot->source == source)
			return slot;
		if (slot->count == 0 && free == NULL)
			free = slot;
	}
	if (free != NULL)
		free->source = source;
	return free;
}

unsigned mr_crowd_enter(struct mr_crowd *crowd, uint64_t source)
{
	struct mr_crowd_slot *slot;
	unsigned count = 0;

	pthread_mutex_lock(&crowd->lock);
	slot = find(crowd, source);
	if (slot != NULL)
		count = ++slot->count;
	pthread_mutex_unlock(&crowd->lock);
	return count;
}

void mr_crowd_leave(struct mr_crowd *crowd, uint64_t source)
{
	struct mr_crowd_slot *slot;

	pthread_mutex_lock(&crowd->lock);
	slot = find(crowd, source);
	if (slot != NULL && slot->count > 0)
		slot->count--;
	pthread_mutex_unlock(&crowd->lock);
}
