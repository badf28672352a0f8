/* What the files table*.c share. Private to them. A shard that is passed is locked, unless nobody else has the table. */
#ifndef MR_STORE_TABLE_PARTS_H
#define MR_STORE_TABLE_PARTS_H

#include "store/table.h"

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

/* ---- table_slabs.c ---- */
/* Sets how many records a slab has and how many slabs there may be, from the table's size and capacity. */
void mr_slabs_choose(struct mr_table *table);
/* The number of a zeroed record; 0: the capacity is used up, or there is no memory. Any thread. */
uint32_t mr_slabs_take(struct mr_table *table);
/* The record of that number is nobody's any more. Any thread. */
void mr_slabs_give_back(struct mr_table *table, uint32_t number);
/* Unmaps all. Nobody else has the table; its slabs may be NULL. */
void mr_slabs_unmap(struct mr_table *table);

/* ---- table_index.c ---- */
/* What a slot holds of a key. */
uint32_t mr_index_tag(const struct mr_key *key);
/* Makes room for one more. False: there is no memory, and no slot that could be had without. */
bool mr_index_grow(struct mr_table *table, struct mr_shard *shard);
/* Puts slot into slots, mask + 1 of them, one of which is empty. */
void mr_index_put(struct mr_slot *slots, uint32_t mask, struct mr_slot slot);
/* The slot of key; when it is not there the number of slots, or 0 of a shard that has no slots yet. */
uint32_t mr_index_find(const struct mr_table *table, const struct mr_shard *shard, const struct mr_key *key);
/* The number of a record that is in the index. */
uint32_t mr_index_number(const struct mr_table *table, struct mr_shard *shard, struct mr_record *record);
/* Takes the slot at that place out, and moves up what had to go past it. */
void mr_index_remove(struct mr_shard *shard, uint32_t at);

/* ---- table_changed.c ---- */
/* Takes a record, which is one of them, from the changed ones of its shard. */
void mr_table_unchange(struct mr_table *table, struct mr_shard *shard, struct mr_record *record);

#endif
