/*
 * The index of a shard: the record of a key. Open addressing with linear probing; a slot holds 32 bits of the key
 * beside the record's number, so that probing and growing touch no record. It makes and frees no records: table.c
 * does, and calls it.
 */
#include "store/table_parts.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { FIRST_SLOTS = 16 };

uint32_t mr_index_tag(const struct mr_key *key)
{
	uint32_t tag;

	memcpy(&tag, key->bytes + 4, sizeof(tag));
	return tag;
}

static const struct mr_key *key_at(const struct mr_table *table, uint32_t number)
{
	return mr_record_payload(mr_table_at(table, number));
}

void mr_index_put(struct mr_slot *slots, uint32_t mask, struct mr_slot slot)
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
			mr_index_put(slots, room - 1, shard->slots[i]);
	}
	mr_free(shard->slots);
	shard->slots = slots;
	shard->mask = room - 1;
	atomic_fetch_add_explicit(&table->bytes, (uint64_t)(room - old) * sizeof(*slots), memory_order_relaxed);
	return true;
}

bool mr_index_grow(struct mr_table *table, struct mr_shard *shard)
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

uint32_t mr_index_find(const struct mr_table *table, const struct mr_shard *shard, const struct mr_key *key)
{
	uint32_t tag = mr_index_tag(key);

	if (shard->slots == NULL)
		return 0;
	for (uint32_t at = tag & shard->mask; shard->slots[at].number != 0; at = (at + 1) & shard->mask) {
		if (shard->slots[at].tag == tag &&
		    memcmp(key_at(table, shard->slots[at].number), key, sizeof(*key)) == 0)
			return at;
	}
	return shard->mask + 1;
}

void mr_index_remove(struct mr_shard *shard, uint32_t at)
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
	uint32_t at = mr_index_find(table, shard, key);

	if (shard->slots == NULL || at > shard->mask)
		return NULL;
	return mr_table_at(table, shard->slots[at].number);
}

uint32_t mr_index_number(const struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	uint32_t at = mr_index_find(table, shard, mr_record_payload(record));

	return shard->slots[at].number;
}
