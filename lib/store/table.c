/*
 * The sharded table: its shards, the lists of their records, eviction, and counting. table_index.c finds a record by
 * its key, table_slabs.c gives it memory, table_changed.c knows which ones are to be written. None of them knows of
 * accounts, disks or policies; records.c says which list a record belongs to and when one has to go.
 *
 * A list is a clock: a record that was used since the hand came by gets a second round, so using one costs no more
 * than setting a bit in it.
 */
#include "store/table_parts.h"

#include <string.h>

#include "base/alloc.h"

enum {
	SHARDS_MOST = 256,
	RECORDS_A_SHARD = 64,  /* at least, as long as there is more than one shard */
	ROUNDS_MOST = 32,      /* second chances given for one eviction */
	GONE_MOST = 4096,      /* a shard; what does not fit is found at the next start */
};

/* The high bits of the first byte, so that a shard is one run of keys in the durable part's order. */
static unsigned shard_of(const struct mr_table *table, const struct mr_key *key)
{
	return key->bytes[0] * table->shard_count / SHARDS_MOST;
}

struct mr_table *mr_table_new(uint64_t capacity, size_t size, size_t revision, bool remember_gone)
{
	struct mr_table *table = mr_calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->size = sizeof(struct mr_record) + (size + 7) / 8 * 8;
	table->capacity = capacity < 1 ? 1 : capacity > UINT32_MAX - 1 ? UINT32_MAX - 1 : capacity;
	table->revision = revision;
	table->remember_gone = remember_gone;
	table->shard_count = 1;
	while (table->shard_count < SHARDS_MOST && table->capacity / (table->shard_count * 2) >= RECORDS_A_SHARD)
		table->shard_count *= 2;
	mr_slabs_choose(table);
	pthread_mutex_init(&table->room, NULL);
	table->slabs = mr_calloc(table->slab_count, sizeof(*table->slabs));
	if (table->slabs != NULL)
		table->shards = mr_calloc(table->shard_count, sizeof(*table->shards));
	if (table->shards == NULL) {
		mr_table_free(&table);
		return NULL;
	}
	for (unsigned i = 0; i < table->shard_count; i++) {
		pthread_mutex_init(&table->shards[i].lock, NULL);
		table->shards[i].number = i;
	}
	return table;
}

void mr_table_free(struct mr_table **table)
{
	struct mr_table *t = *table;

	if (t == NULL)
		return;
	for (unsigned i = 0; t->shards != NULL && i < t->shard_count; i++) {
		mr_free(t->shards[i].slots);
		mr_free(t->shards[i].gone);
		pthread_mutex_destroy(&t->shards[i].lock);
	}
	mr_slabs_unmap(t);
	pthread_mutex_destroy(&t->room);
	mr_free(t->shards);
	mr_free(t->slabs);
	mr_free(t);
	*table = NULL;
}

unsigned mr_table_shards(const struct mr_table *table)
{
	return table->shard_count;
}

struct mr_shard *mr_table_shard_at(struct mr_table *table, unsigned number)
{
	return &table->shards[number];
}

struct mr_shard *mr_table_lock(struct mr_table *table, const struct mr_key *key)
{
	struct mr_shard *shard = &table->shards[shard_of(table, key)];

	pthread_mutex_lock(&shard->lock);
	return shard;
}

void mr_table_unlock(struct mr_table *table, const struct mr_record *record)
{
	pthread_mutex_unlock(&table->shards[record->shard].lock);
}

/* ---- Lists ---- */

static void list_push(struct mr_table *table, struct mr_shard *shard, struct mr_record *record, uint32_t number,
		      enum mr_list list)
{
	record->list = (uint8_t)list;
	record->prev = 0;
	record->next = shard->head[list];
	if (record->next != 0)
		mr_table_at(table, record->next)->prev = number;
	else
		shard->tail[list] = number;
	shard->head[list] = number;
	shard->count[list]++;
	atomic_fetch_add_explicit(&table->count[list], 1, memory_order_relaxed);
}

static void list_take(struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	unsigned list = record->list;

	if (record->prev != 0)
		mr_table_at(table, record->prev)->next = record->next;
	else
		shard->head[list] = record->next;
	if (record->next != 0)
		mr_table_at(table, record->next)->prev = record->prev;
	else
		shard->tail[list] = record->prev;
	shard->count[list]--;
	atomic_fetch_sub_explicit(&table->count[list], 1, memory_order_relaxed);
}

void mr_table_move(struct mr_table *table, struct mr_shard *shard, struct mr_record *record, enum mr_list list)
{
	uint32_t number = mr_index_number(table, shard, record);

	list_take(table, shard, record);
	list_push(table, shard, record, number, list);
}

struct mr_record *mr_table_insert(struct mr_table *table, struct mr_shard *shard, const struct mr_key *key,
				  enum mr_list list)
{
	struct mr_record *record;
	uint32_t number;

	if (!mr_index_grow(table, shard))
		return NULL;
	number = mr_slabs_take(table);
	if (number == 0)
		return NULL;
	record = mr_table_at(table, number);
	record->shard = (uint16_t)shard->number;
	memcpy(mr_record_payload(record), key, sizeof(*key));
	mr_index_put(shard->slots, shard->mask, (struct mr_slot){ number, mr_index_tag(key) });
	shard->used++;
	list_push(table, shard, record, number, list);
	return record;
}

/* ---- Going ---- */

static void remember_gone(struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	const unsigned kept = MR_RECORD_STORED | MR_RECORD_ORDERED;
	struct mr_gone *gone = shard->gone;

	if (!table->remember_gone || (record->flags & kept) == 0)
		return;
	if (shard->gone_count == shard->gone_room) {
		uint32_t room = shard->gone_room == 0 ? 16 : shard->gone_room * 2;

		gone = room > GONE_MOST ? NULL : mr_realloc(shard->gone, room, sizeof(*gone));
		if (gone == NULL)
			return;
		shard->gone = gone;
		shard->gone_room = room;
	}
	gone += shard->gone_count++;
	memcpy(&gone->key, mr_record_payload(record), sizeof(gone->key));
	memcpy(&gone->revision, (char *)mr_record_payload(record) + table->revision, sizeof(gone->revision));
	gone->ordered = (record->flags & MR_RECORD_ORDERED) != 0;
}

void mr_table_remove(struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	uint32_t at = mr_index_find(table, shard, mr_record_payload(record));
	uint32_t number = shard->slots[at].number;

	if ((record->flags & MR_RECORD_CHANGED) != 0)
		mr_table_unchange(table, shard, record);
	if ((record->flags & MR_RECORD_ORDERED) != 0) {
		uint32_t revision;

		memcpy(&revision, (char *)mr_record_payload(record) + table->revision, sizeof(revision));
		mr_table_raise_floor(table, revision + 1);
	}
	remember_gone(table, shard, record);
	list_take(table, shard, record);
	mr_index_remove(shard, at);
	mr_slabs_give_back(table, number);
}

static bool evict_here(struct mr_table *table, struct mr_shard *shard, enum mr_list list)
{
	struct mr_record *record;

	if (shard->tail[list] == 0)
		return false;
	record = mr_table_at(table, shard->tail[list]);
	for (int i = 0; i < ROUNDS_MOST && (record->flags & MR_RECORD_USED) != 0; i++) {
		uint32_t number = shard->tail[list];

		record->flags &= (uint8_t)~MR_RECORD_USED;
		list_take(table, shard, record);
		list_push(table, shard, record, number, list);
		record = mr_table_at(table, shard->tail[list]);
	}
	mr_table_remove(table, shard, record);
	atomic_fetch_add_explicit(&table->evicted, 1, memory_order_relaxed);
	return true;
}

bool mr_table_evict(struct mr_table *table, struct mr_shard *shard, enum mr_list list)
{
	if (evict_here(table, shard, list))
		return true;
	if (mr_table_count(table, list) == 0)
		return false;
	for (unsigned i = 1; i < table->shard_count; i++) {
		struct mr_shard *other = &table->shards[(shard->number + i) % table->shard_count];
		bool done;

		if (pthread_mutex_trylock(&other->lock) != 0)
			continue;
		done = evict_here(table, other, list);
		pthread_mutex_unlock(&other->lock);
		if (done)
			return true;
	}
	return false;
}

/* ---- Counting ---- */

uint32_t mr_table_floor(const struct mr_table *table)
{
	return atomic_load_explicit(&table->floor, memory_order_relaxed);
}

void mr_table_raise_floor(struct mr_table *table, uint32_t revision)
{
	unsigned floor = atomic_load(&table->floor);

	while (floor < revision && !atomic_compare_exchange_weak(&table->floor, &floor, revision))
		;
}

uint64_t mr_table_count(const struct mr_table *table, enum mr_list list)
{
	return atomic_load_explicit(&table->count[list], memory_order_relaxed);
}

uint64_t mr_table_all(const struct mr_table *table)
{
	uint64_t all = 0;

	for (unsigned list = 0; list < MR_LIST_COUNT; list++)
		all += mr_table_count(table, (enum mr_list)list);
	return all;
}

uint64_t mr_table_capacity(const struct mr_table *table)
{
	return table->capacity;
}

uint64_t mr_table_evicted(const struct mr_table *table)
{
	return atomic_load_explicit(&table->evicted, memory_order_relaxed);
}

uint64_t mr_table_bytes(const struct mr_table *table)
{
	return atomic_load_explicit(&table->bytes, memory_order_relaxed);
}
