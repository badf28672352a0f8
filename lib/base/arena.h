/*
 * An arena: memory that is handed out in small pieces and taken back at once, bounded.
 * Not thread-safe: one owner at a time. No destructors, no alignment above that of max_align_t.
 */
#ifndef MR_BASE_ARENA_H
#define MR_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct mr_arena;

/* An arena that never holds more than limit bytes. NULL when there is no memory. */
struct mr_arena *mr_arena_new(size_t limit);
/* The same, for one of many that mostly stay small: its first block is. */
struct mr_arena *mr_arena_new_small(size_t limit);
void mr_arena_free(struct mr_arena **arena);
/* n zeroed bytes, or NULL when the limit or the memory is used up. */
void *mr_arena_alloc(struct mr_arena *arena, size_t n);
/* A copy of s with a NUL behind it. The absent slice is copied as absent. When there is no room the
 * absent slice comes back though s is present: check p. */
struct mr_str mr_arena_copy(struct mr_arena *arena, struct mr_str s);
/* Takes everything back and keeps one block for what comes next. */
void mr_arena_reset(struct mr_arena *arena);
/* Bytes handed out since the last reset. */
size_t mr_arena_used(const struct mr_arena *arena);

#endif
