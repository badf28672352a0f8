/*
 * The sharded table: index, slabs, lists, eviction. It knows nothing of accounts, disks or policies; records.c says
 * which list a record belongs to and when one has to go.
 *
 * The index is open addressing with linear probing; a slot holds 32 bits of the key beside the record's number, so that
 * probing and growing touch no record. A list is a clock: a record that was used since the hand came by gets a second
 * round, so using one costs no more than setting a bit in it.
 */
#include "store/table.h"

#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
	SHARDS_MOST = 256,
	RECORDS_A_SHARD = 64,  /* at least, as long as there is more than one shard */
	FIRST_SLOTS = 16,
	SLAB_BYTES = 32 << 20,
	SMALL_SLAB_BYTES = 1 << 20,
	ROUNDS_MOST = 32,      /* second chances given for one eviction */
	GONE_MOST = 4096,      /* a shard; what does not fit is found at the next start */
};

struct mr_table {
	size_t size;           /* of a record with its head */
	uint64_t capacity;
	unsigned shard_count;
	unsigned slab_shift;   /* records in a slab, as a power of two */
	size_t slab_count;
	size_t revision;
	bool remember_gone;
	struct mr_shard *shards;
	char **slabs;

	pthread_mutex_t room;  /* guards what follows */
	uint64_t handed_out;
	uint32_t free_head;    /* records that were taken back, linked by next */

	atomic_uint_fast64_t count[MR_LIST_COUNT];
	atomic_uint_fast64_t evicted, bytes;
	atomic_uint floor;
};

static uint32_t tag_of(const struct mr_key *key)
{
	uint32_t tag;

	memcpy(&tag, key->bytes + 4, sizeof(tag));
	return tag;
}

/* The high bits of the first byte, so that a shard is one run of keys in the durable part's order. */
static unsigned shard_of(const struct mr_table *table, const struct mr_key *key)
{
	return key->bytes[0] * table->shard_count / SHARDS_MOST;
}

static size_t slab_bytes(const struct mr_table *table)
{
	const size_t page = 4096, bytes = table->size << table->slab_shift;

	return bytes + (page - bytes % page) % page;
}

static void choose_slabs(struct mr_table *table)
{
	uint64_t all = table->capacity * table->size;
	size_t wanted = all > 64u * SMALL_SLAB_BYTES ? SLAB_BYTES : SMALL_SLAB_BYTES;

	while ((table->size << (table->slab_shift + 1)) <= wanted)
		table->slab_shift++;
	table->slab_count = (size_t)((table->capacity >> table->slab_shift) + 1);
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
	choose_slabs(table);
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
	for (size_t i = 0; t->slabs != NULL && i < t->slab_count; i++) {
		if (t->slabs[i] != NULL)
			munmap(t->slabs[i], slab_bytes(t));
	}
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

void *mr_record_payload(struct mr_record *record)
{
	return record + 1;
}

struct mr_record *mr_record_of(void *payload)
{
	return (struct mr_record *)payload - 1;
}

struct mr_record *mr_table_at(const struct mr_table *table, uint32_t number)
{
	uint32_t at = number - 1;
	size_t inside = at & ((UINT32_C(1) << table->slab_shift) - 1);

	return (struct mr_record *)(void *)(table->slabs[at >> table->slab_shift] + inside * table->size);
}

static const struct mr_key *key_at(const struct mr_table *table, uint32_t number)
{
	return mr_record_payload(mr_table_at(table, number));
}

/* ---- Slabs ---- */

static bool map_slab(struct mr_table *table, size_t slab)
{
	void *memory = mmap(NULL, slab_bytes(table), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	if (table->size << table->slab_shift > SMALL_SLAB_BYTES)
		madvise(memory, slab_bytes(table), MADV_HUGEPAGE);
	table->slabs[slab] = memory;
	return true;
}

/* The number of a zeroed record; 0: there is none. */
static uint32_t take_room(struct mr_table *table)
{
	uint32_t number = 0;

	pthread_mutex_lock(&table->room);
	if (table->free_head != 0) {
		number = table->free_head;
		table->free_head = mr_table_at(table, number)->next;
		memset(mr_table_at(table, number), 0, table->size);
	} else if (table->handed_out < table->capacity) {
		size_t slab = (size_t)(table->handed_out >> table->slab_shift);

		if (table->slabs[slab] != NULL || map_slab(table, slab)) {
			number = (uint32_t)++table->handed_out;
			atomic_fetch_add_explicit(&table->bytes, table->size, memory_order_relaxed);
		}
	}
	pthread_mutex_unlock(&table->room);
	return number;
}

static void give_room_back(struct mr_table *table, uint32_t number)
{
	pthread_mutex_lock(&table->room);
	mr_table_at(table, number)->next = table->free_head;
	table->free_head = number;
	pthread_mutex_unlock(&table->room);
}

/* ---- The index ---- */

static void slot_put(struct mr_slot *slots, uint32_t mask, struct mr_slot slot)
{
	uint32_t at = slot.tag & mask;

	while (slots[at].number != 0)
		at = (at + 1) & mask;
	slots[at] = slot;
}

static bool resize_index(struct mr_table *table, struct mr_shard *shard, uint32_t room)
{
	struct mr_slot *slots = mr_calloc(room, sizeof(*slots));
	uint32_t old = shard->slots == NULL ? 0 : shard->mask + 1;

	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < old; i++) {
		if (shard->slots[i].number != 0)
			slot_put(slots, room - 1, shard->slots[i]);
	}
	mr_free(shard->slots);
	shard->slots = slots;
	shard->mask = room - 1;
	atomic_fetch_add_explicit(&table->bytes, (uint64_t)(room - old) * sizeof(*slots), memory_order_relaxed);
	return true;
}

static bool grow_index(struct mr_table *table, struct mr_shard *shard)
{
	if (shard->slots == NULL)
		return resize_index(table, shard, FIRST_SLOTS);
	if (shard->used < shard->mask - shard->mask / 5)
		return true;
	/* a full table of slots still works as long as one is empty */
	return resize_index(table, shard, (shard->mask + 1) * 2) || shard->used < shard->mask;
}

int mr_table_expect(struct mr_table *table, uint64_t records)
{
	uint64_t each = (records < table->capacity ? records : table->capacity) / table->shard_count;
	uint32_t room = FIRST_SLOTS;

	while (room - room / 5 < each + each / 16 && room < UINT32_C(1) << 28)
		room *= 2;
	for (unsigned i = 0; i < table->shard_count; i++) {
		if (table->shards[i].slots == NULL && !resize_index(table, &table->shards[i], room))
			return MR_ERR_NOMEM;
	}
	return 0;
}

/* The slot of key; the number of slots when it is not there. */
static uint32_t slot_of(const struct mr_table *table, const struct mr_shard *shard, const struct mr_key *key)
{
	uint32_t tag = tag_of(key);

	if (shard->slots == NULL)
		return 0;
	for (uint32_t at = tag & shard->mask; shard->slots[at].number != 0; at = (at + 1) & shard->mask) {
		if (shard->slots[at].tag == tag &&
		    memcmp(key_at(table, shard->slots[at].number), key, sizeof(*key)) == 0)
			return at;
	}
	return shard->mask + 1;
}

/* Takes a slot out and moves up what had to go past it. */
static void slot_remove(struct mr_shard *shard, uint32_t at)
{
	uint32_t hole = at;

	for (uint32_t i = (at + 1) & shard->mask; shard->slots[i].number != 0; i = (i + 1) & shard->mask) {
		uint32_t home = shard->slots[i].tag & shard->mask;

		if (((i - home) & shard->mask) >= ((i - hole) & shard->mask)) {
			shard->slots[hole] = shard->slots[i];
			hole = i;
		}
	}
	shard->slots[hole] = (struct mr_slot){ 0, 0 };
	shard->used--;
}

struct mr_record *mr_table_find(struct mr_table *table, struct mr_shard *shard, const struct mr_key *key)
{
	uint32_t at = slot_of(table, shard, key);

	if (shard->slots == NULL || at > shard->mask)
		return NULL;
	return mr_table_at(table, shard->slots[at].number);
}

/* ---- Lists ---- */

static uint32_t number_of(const struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	uint32_t at = slot_of(table, shard, mr_record_payload(record));

	return shard->slots[at].number;
}

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
	uint32_t number = number_of(table, shard, record);

	list_take(table, shard, record);
	list_push(table, shard, record, number, list);
}

struct mr_record *mr_table_insert(struct mr_table *table, struct mr_shard *shard, const struct mr_key *key,
				  enum mr_list list)
{
	struct mr_record *record;
	uint32_t number;

	if (!grow_index(table, shard))
		return NULL;
	number = take_room(table);
	if (number == 0)
		return NULL;
	record = mr_table_at(table, number);
	record->shard = (uint16_t)shard->number;
	memcpy(mr_record_payload(record), key, sizeof(*key));
	slot_put(shard->slots, shard->mask, (struct mr_slot){ number, tag_of(key) });
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

static void changed_take(struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	if (record->changed_prev != 0)
		mr_table_at(table, record->changed_prev)->changed_next = record->changed_next;
	else
		shard->changed = record->changed_next;
	if (record->changed_next != 0)
		mr_table_at(table, record->changed_next)->changed_prev = record->changed_prev;
	record->flags &= (uint8_t)~MR_RECORD_CHANGED;
}

void mr_table_remove(struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	uint32_t at = slot_of(table, shard, mr_record_payload(record));
	uint32_t number = shard->slots[at].number;

	if ((record->flags & MR_RECORD_CHANGED) != 0)
		changed_take(table, shard, record);
	if ((record->flags & MR_RECORD_ORDERED) != 0) {
		uint32_t revision;

		memcpy(&revision, (char *)mr_record_payload(record) + table->revision, sizeof(revision));
		mr_table_raise_floor(table, revision + 1);
	}
	remember_gone(table, shard, record);
	list_take(table, shard, record);
	slot_remove(shard, at);
	give_room_back(table, number);
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

void mr_table_changed(struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	uint32_t number;

	if ((record->flags & MR_RECORD_CHANGED) != 0)
		return;
	number = number_of(table, shard, record);
	record->flags |= MR_RECORD_CHANGED;
	record->changed_prev = 0;
	record->changed_next = shard->changed;
	if (shard->changed != 0)
		mr_table_at(table, shard->changed)->changed_prev = number;
	shard->changed = number;
}

void mr_table_change_all(struct mr_table *table)
{
	for (unsigned i = 0; i < table->shard_count; i++) {
		struct mr_shard *shard = &table->shards[i];

		pthread_mutex_lock(&shard->lock);
		for (uint32_t at = 0; shard->slots != NULL && at <= shard->mask; at++) {
			if (shard->slots[at].number != 0)
				mr_table_changed(table, shard, mr_table_at(table, shard->slots[at].number));
		}
		pthread_mutex_unlock(&shard->lock);
	}
}

struct mr_record *mr_table_next_changed(struct mr_table *table, struct mr_shard *shard)
{
	struct mr_record *record;

	if (shard->changed == 0)
		return NULL;
	record = mr_table_at(table, shard->changed);
	changed_take(table, shard, record);
	return record;
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
