/*
 * A map from byte strings to a pointer, keyed hash (SipHash, so that nobody outside can aim at one
 * bucket). Grows when filled; thread-safe for readers once it is no longer written.
 */
#ifndef MR_BASE_STRMAP_H
#define MR_BASE_STRMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { MR_HASH_KEY_BYTES = 16 };

struct mr_strmap;

/* key: MR_HASH_KEY_BYTES random bytes, copied. NULL when there is no memory. */
struct mr_strmap *mr_strmap_new(const unsigned char key[MR_HASH_KEY_BYTES]);
/* free_value, if not NULL, is called for each value. */
void mr_strmap_free(struct mr_strmap **map, void (*free_value)(void *value));
/* Sets name (copied) to value; an older value of that name comes back in *old_r (NULL if none; old_r may be NULL).
 * MR_ERR_NOMEM. */
int mr_strmap_set(struct mr_strmap *map, struct mr_str name, void *value, void **old_r);
/* The value, or NULL. A NULL map holds nothing. */
void *mr_strmap_get(const struct mr_strmap *map, struct mr_str name);
/* Whether the name is there, even with a NULL value. */
bool mr_strmap_has(const struct mr_strmap *map, struct mr_str name);
size_t mr_strmap_count(const struct mr_strmap *map);
/* Walks in order of insertion: start with *at = 0; false at the end. name_r or value_r may be NULL. */
bool mr_strmap_next(const struct mr_strmap *map, size_t *at, struct mr_str *name_r, void **value_r);

#endif
