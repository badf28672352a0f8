/*
 * A sharded table of records of one fixed size, found by a 128-bit key that is random (a keyed hash): it is cut into
 * shard and slot as it is. Records lie in slabs that are mapped when they are needed, so memory follows use.
 * Every record is in one list of its shard, which says what may be evicted and in which order.
 *
 * Thread-safe through the lock of the shard: what takes a shard must be called with it locked, unless it says otherwise.
 */
#ifndef MR_STORE_TABLE_H
#define MR_STORE_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/account.h"

/* Which list a record is in. Pinned ones are never evicted. */
enum mr_list { MR_LIST_UNKNOWN, MR_LIST_KNOWN, MR_LIST_PINNED, MR_LIST_COUNT };

enum mr_record_flag {
	MR_RECORD_USED = 1,    /* somebody asked for it since the clock hand passed */
	MR_RECORD_CHANGED = 2, /* waits in the shard's list of changed records */
	MR_RECORD_STORED = 4,  /* the durable part has it, or will have it */
	MR_RECORD_ORDERED = 8, /* the file of orders may have a copy of it */
	MR_RECORD_COUNTED = 16, /* pinned, and counted as unknown all the same */
};

/* The head of a record; the payload, which begins with its key, follows. Numbers count from 1, 0 is none. */
struct mr_record {
	uint32_t prev, next;                 /* in its list */
	uint32_t changed_prev, changed_next; /* among the changed records of its shard */
	uint8_t list;        /* enum mr_list */
	uint8_t flags;       /* enum mr_record_flag */
	uint16_t shard;
	uint32_t unused;
};

struct mr_slot {
	uint32_t number, tag;
};

/* A key whose record is gone, to be told to the durable part. */
struct mr_gone {
	struct mr_key key;
	uint32_t revision;
	bool ordered; /* the file of orders may have a copy of an older revision */
};

struct mr_shard {
	pthread_mutex_t lock;
	struct mr_slot *slots;
	uint32_t mask, used;
	uint32_t head[MR_LIST_COUNT], tail[MR_LIST_COUNT], count[MR_LIST_COUNT];
	uint32_t changed;      /* first changed record, 0: none */
	uint32_t number;       /* of this shard */
	struct mr_gone *gone;
	uint32_t gone_count, gone_room;
};

struct mr_table;

/* capacity: most records, up to 2^32 - 2. size: of the payload, revision: where in it its uint32_t revision is.
 * NULL: no memory. */
struct mr_table *mr_table_new(uint64_t capacity, size_t size, size_t revision, bool remember_gone);
void mr_table_free(struct mr_table **table);

unsigned mr_table_shards(const struct mr_table *table);
struct mr_shard *mr_table_shard_at(struct mr_table *table, unsigned number);
/* The shard of key, locked. */
struct mr_shard *mr_table_lock(struct mr_table *table, const struct mr_key *key);
/* Unlocks the shard of a record. */
void mr_table_unlock(struct mr_table *table, const struct mr_record *record);

/* Makes room in the indexes for about that many records. MR_ERR_NOMEM. Before others use the table. */
int mr_table_expect(struct mr_table *table, uint64_t records);

void *mr_record_payload(struct mr_record *record);
struct mr_record *mr_record_of(void *payload);
/* The record of that number, which the caller has from the shard. */
struct mr_record *mr_table_at(const struct mr_table *table, uint32_t number);

struct mr_record *mr_table_find(struct mr_table *table, struct mr_shard *shard, const struct mr_key *key);
/* A zeroed record with key at the head of list. NULL: the capacity is used up, or there is no memory. */
struct mr_record *mr_table_insert(struct mr_table *table, struct mr_shard *shard, const struct mr_key *key,
				  enum mr_list list);
/* Puts a record into another list of its shard, as the one used last. */
void mr_table_move(struct mr_table *table, struct mr_shard *shard, struct mr_record *record, enum mr_list list);
/* Forgets one record of list that was not used for long: of this shard, or of another that nobody has locked. */
bool mr_table_evict(struct mr_table *table, struct mr_shard *shard, enum mr_list list);
/* Forgets record. */
void mr_table_remove(struct mr_table *table, struct mr_shard *shard, struct mr_record *record);
/* Puts record among the changed ones of its shard. */
void mr_table_changed(struct mr_table *table, struct mr_shard *shard, struct mr_record *record);
/* Every record counts as changed. No lock held. */
void mr_table_change_all(struct mr_table *table);
/* Takes one of the changed records of shard, which no longer counts as changed; NULL: there is none. */
struct mr_record *mr_table_next_changed(struct mr_table *table, struct mr_shard *shard);

/* Any thread, no lock. */
/* The first revision of a new record: higher than that of any copy that a forgotten record may have left behind. */
uint32_t mr_table_floor(const struct mr_table *table);
void mr_table_raise_floor(struct mr_table *table, uint32_t revision);
uint64_t mr_table_count(const struct mr_table *table, enum mr_list list);
uint64_t mr_table_all(const struct mr_table *table);
uint64_t mr_table_capacity(const struct mr_table *table);
uint64_t mr_table_evicted(const struct mr_table *table);
uint64_t mr_table_bytes(const struct mr_table *table);

#endif
