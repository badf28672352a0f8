/*
 * The batch: what is written behind at once, sorted by key and given to the durable part. One that cannot be written is
 * kept and tried again; what changes meanwhile stays marked in memory. Filled by behind_collect.c.
 */
#include "store/behind_parts.h"

#include <stdlib.h>
#include <string.h>

struct mr_stored *mr_behind_next_thing(struct mr_behind *behind, enum mr_stored_kind kind, const void *key,
				    size_t key_size, size_t n, void **room_r)
{
	struct mr_stored *thing = &behind->things[behind->count];

	*room_r = NULL;
	if (behind->count == MR_BATCH_THINGS || behind->used + n > MR_BATCH_BYTES)
		return NULL;
	*thing = (struct mr_stored){ .kind = kind, .key_size = key_size };
	memcpy(thing->key, key, key_size);
	if (n > 0) {
		*room_r = behind->bytes + behind->used;
		thing->value = *room_r;
		thing->size = n;
		behind->used += (n + 7) / 8 * 8;
	}
	behind->count++;
	return thing;
}

static int compare_things(const void *a, const void *b)
{
	const struct mr_stored *x = *(const struct mr_stored *const *)a, *y = *(const struct mr_stored *const *)b;
	size_t n = x->key_size < y->key_size ? x->key_size : y->key_size;
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = memcmp(x->key, y->key, n);
	if (order == 0)
		order = x->key_size < y->key_size ? -1 : x->key_size > y->key_size;
	/* removed first, then written: then it was made anew */
	return order != 0 ? order : (x->value != NULL) - (y->value != NULL);
}

static void forget_copies(struct mr_behind *behind)
{
	for (size_t i = 0; i < behind->forget_count; i++)
		mr_orders_forget(behind->store->orders, behind->forget[i].kind, &behind->forget[i].key,
				 behind->forget[i].revision);
	behind->forget_count = 0;
}

/* The file of records was begun anew. */
static void write_everything_again(struct mr_behind *behind)
{
	struct mr_store *store = behind->store;

	mr_table_change_all(store->accounts);
	mr_table_change_all(store->sources);
	mr_windows_change_all(store->windows);
	behind->shadow_stored = false;
	pthread_mutex_lock(&store->site_lock);
	store->site_changed = true;
	pthread_mutex_unlock(&store->site_lock);
	mr_notes_change_all(store->notes);
	mr_behind_note(behind);
}

int mr_behind_write_batch(struct mr_behind *behind)
{
	struct mr_durable *durable = behind->store->options.durable;
	char why[MR_WHY_MAX] = "";
	int err;

	if (behind->count == 0)
		return 0;
	for (size_t i = 0; i < behind->count; i++)
		behind->sorted[i] = &behind->things[i];
	qsort(behind->sorted, behind->count, sizeof(*behind->sorted), compare_things);
	err = durable->ops->write(durable, behind->sorted, behind->count, why);
	if (err != 0) {
		mr_store_ails(behind->store, MR_AILS_RECORDS, why);
		return err;
	}
	if (why[0] != '\0') {
		mr_store_ails(behind->store, MR_AILS_DAMAGE, why);
		write_everything_again(behind);
	}
	mr_store_heals(behind->store, MR_AILS_RECORDS);
	atomic_fetch_add(&behind->written_records, behind->count);
	atomic_fetch_add(&behind->written_bytes, behind->used);
	atomic_fetch_add(&behind->commits, 1);
	behind->count = behind->used = 0;
	forget_copies(behind);
	return 0;
}
