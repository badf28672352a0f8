/* What the files behind*.c share. Private to them; all functions are for its thread only. */
#ifndef MR_STORE_BEHIND_PARTS_H
#define MR_STORE_BEHIND_PARTS_H

#include "store/internal.h"

enum {
	MR_BATCH_THINGS = 1024,    /* in a batch: an order that comes meanwhile shares the disk with no more than that */
	MR_BATCH_BYTES = 2 << 20,
};

struct mr_behind {
	struct mr_store *store;
	pthread_t thread;
	bool started;
	int timer, wake;

	/* The batch, the thread's own. */
	struct mr_stored *things;
	const struct mr_stored **sorted;
	struct mr_forget *forget;
	unsigned char *bytes;
	size_t count, used, forget_count;
	struct mr_site *shadow, *site_copy; /* the site as it was written last */
	bool shadow_stored;

	atomic_uint_fast64_t tick, oldest; /* tick of the oldest change that nobody has collected; 0: none */
	atomic_uint_fast64_t collecting;   /* of the oldest one that was collected and is not on disk */
	atomic_uint_fast64_t written_records, written_bytes, commits;

	pthread_mutex_t lock;
	pthread_cond_t flushed;
	bool stop;
	uint64_t flush_wanted, flush_done;
	int flush_result;
};

/* ---- behind_batch.c ---- */
/* The next thing of the batch, with room of its own for a value of n bytes in *room_r; n 0: the key is to be removed.
 * NULL: the batch is full. key_size is at most MR_STORED_KEY_MAX. */
struct mr_stored *mr_behind_next_thing(struct mr_behind *behind, enum mr_stored_kind kind, const void *key,
				       size_t key_size, size_t n, void **room_r);
/* Writes the batch and empties it. MR_ERR_*, told as an ailment: it stays as it is. */
int mr_behind_write_batch(struct mr_behind *behind);

/* ---- behind_collect.c ---- */
/* Collects and writes all that was changed. MR_ERR_IO: some of it waits in the batch or is still marked as changed. */
int mr_behind_collect(struct mr_behind *behind);

#endif
