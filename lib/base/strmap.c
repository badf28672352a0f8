/*
 * A hash map with open addressing and linear probing. A slot holds the whole hash and points to a record
 * with the value and the name in one piece, so that a look-up touches two places in memory however large
 * the map is. Records lie in an arena; a list of them keeps the order of insertion. Nothing is ever removed,
 * so there are no tombstones. Not for data that expires. The policy and the file lists are kept in it.
 */
#include "base/strmap.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/error.h"

_Static_assert((int)MR_HASH_KEY_BYTES == (int)crypto_shorthash_KEYBYTES, "the key is that of SipHash");

enum { FIRST_ROOM = 8 };

struct record {
	void *value;
	size_t n;
	char name[];
};

/* A free slot has no record. */
struct slot {
	uint64_t hash;
	struct record *record;
};

/* slot_count is a power of 2 and twice room: at most half of the slots are ever taken. */
struct mr_strmap {
	unsigned char key[MR_HASH_KEY_BYTES];
	struct slot *slots;
	size_t slot_count;
	struct record **records; /* in order of insertion */
	size_t count;
	size_t room;
	struct mr_arena *memory; /* of the records themselves */
};

struct mr_strmap *
mr_strmap_new(const unsigned char key[MR_HASH_KEY_BYTES])
{
	struct mr_strmap *map = mr_calloc(1, sizeof(*map));

	if (map == NULL)
		return NULL;
	map->memory = mr_arena_new_small(SIZE_MAX);
	if (map->memory == NULL) {
		mr_free(map);
		return NULL;
	}
	memcpy(map->key, key, MR_HASH_KEY_BYTES);
	return map;
}

void
mr_strmap_free(struct mr_strmap **map, void (*free_value)(void *value))
{
	struct mr_strmap *gone = *map;

	if (gone == NULL)
		return;
	for (size_t i = 0; free_value != NULL && i < gone->count; i++) {
		if (gone->records[i]->value != NULL)
			free_value(gone->records[i]->value);
	}
	mr_arena_free(&gone->memory);
	mr_free(gone->records);
	mr_free(gone->slots);
	sodium_memzero(gone->key, sizeof(gone->key));
	mr_free(gone);
	*map = NULL;
}

static uint64_t
hash_of(const struct mr_strmap *map, struct mr_str name)
{
	unsigned char bytes[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(bytes, (const unsigned char *)name.p, name.n, map->key);
	_Static_assert(sizeof(hash) == sizeof(bytes), "SipHash gives 64 bits");
	memcpy(&hash, bytes, sizeof(hash));
	return hash;
}

/* The record of name, or NULL. */
static struct record *
find(const struct mr_strmap *map, struct mr_str name, uint64_t hash)
{
	if (map->count == 0)
		return NULL;
	for (size_t at = hash & (map->slot_count - 1);; at = (at + 1) & (map->slot_count - 1)) {
		struct record *record = map->slots[at].record;
		if (record == NULL)
			return NULL;
		if (map->slots[at].hash == hash && record->n == name.n && memcmp(record->name, name.p, name.n) == 0)
			return record;
	}
}

static void
occupy(struct slot *slots, size_t slot_count, struct slot what)
{
	size_t at = what.hash & (slot_count - 1);

	while (slots[at].record != NULL)
		at = (at + 1) & (slot_count - 1);
	slots[at] = what;
}

/* Doubles the room. The map stays as it was on failure. */
static int
grow(struct mr_strmap *map)
{
	size_t room = map->room == 0 ? FIRST_ROOM : map->room * 2;

	if (room > SIZE_MAX / 4)
		return MR_ERR_NOMEM;
	struct slot *slots = mr_calloc(room * 2, sizeof(*slots));
	if (slots == NULL)
		return MR_ERR_NOMEM;
	struct record **records = mr_realloc(map->records, room, sizeof(struct record *));
	if (records == NULL) {
		mr_free(slots);
		return MR_ERR_NOMEM;
	}
	for (size_t i = 0; i < map->slot_count; i++) {
		if (map->slots[i].record != NULL)
			occupy(slots, room * 2, map->slots[i]);
	}
	mr_free(map->slots);
	map->slots = slots;
	map->slot_count = room * 2;
	map->records = records;
	map->room = room;
	return 0;
}

static struct record *
new_record(struct mr_arena *memory, struct mr_str name, void *value)
{
	if (name.n > SIZE_MAX - sizeof(struct record) - 1)
		return NULL;
	struct record *record = mr_arena_alloc(memory, sizeof(*record) + name.n + 1);
	if (record == NULL)
		return NULL;
	record->value = value;
	record->n = name.n;
	memcpy(record->name, name.p, name.n);
	return record;
}

int
mr_strmap_set(struct mr_strmap *map, struct mr_str name, void *value, void **old_r)
{
	if (old_r != NULL)
		*old_r = NULL;
	if (name.p == NULL)
		name = MR_STR("");
	uint64_t hash = hash_of(map, name);
	struct record *record = find(map, name, hash);
	if (record != NULL) {
		if (old_r != NULL)
			*old_r = record->value;
		record->value = value;
		return 0;
	}
	if (map->count == map->room && grow(map) != 0)
		return MR_ERR_NOMEM;
	record = new_record(map->memory, name, value);
	if (record == NULL)
		return MR_ERR_NOMEM;
	map->records[map->count++] = record;
	occupy(map->slots, map->slot_count, (struct slot){ .hash = hash, .record = record });
	return 0;
}

/* An absent name is never there, even when the empty name is. */
static const struct record *
look_up(const struct mr_strmap *map, struct mr_str name)
{
	if (map == NULL || map->count == 0 || name.p == NULL)
		return NULL;
	return find(map, name, hash_of(map, name));
}

void *
mr_strmap_get(const struct mr_strmap *map, struct mr_str name)
{
	const struct record *record = look_up(map, name);

	return record == NULL ? NULL : record->value;
}

bool
mr_strmap_has(const struct mr_strmap *map, struct mr_str name)
{
	return look_up(map, name) != NULL;
}

size_t
mr_strmap_count(const struct mr_strmap *map)
{
	return map == NULL ? 0 : map->count;
}

bool
mr_strmap_next(const struct mr_strmap *map, size_t *at, struct mr_str *name_r, void **value_r)
{
	if (map == NULL || *at >= map->count)
		return false;
	if (name_r != NULL)
		*name_r = (struct mr_str){ map->records[*at]->name, map->records[*at]->n };
	if (value_r != NULL)
		*value_r = map->records[*at]->value;
	(*at)++;
	return true;
}
