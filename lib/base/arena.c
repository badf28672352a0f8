/*
 * An arena of linked blocks. The first block is made when it is first needed and survives a reset; later
 * ones are twice as large each and go back at the reset, so that one large message does not make a session
 * large for ever. Not a general allocator: nothing is freed alone. The session and the readers call it.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

enum { FIRST_BLOCK = 2048, SMALL_BLOCK = 64, LARGEST_BLOCK = 65536 };

struct block {
	struct block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char bytes[];
};

struct mr_arena {
	struct block *first;
	struct block *last; /* the only one from which is handed out */
	size_t limit;
	size_t held; /* bytes in all blocks, their heads not counted */
	size_t used;
	size_t next_size;
};

struct mr_arena *
mr_arena_new(size_t limit)
{
	struct mr_arena *arena = mr_calloc(1, sizeof(*arena));

	if (arena == NULL)
		return NULL;
	arena->limit = limit;
	arena->next_size = FIRST_BLOCK;
	return arena;
}

struct mr_arena *
mr_arena_new_small(size_t limit)
{
	struct mr_arena *arena = mr_arena_new(limit);

	if (arena != NULL)
		arena->next_size = SMALL_BLOCK;
	return arena;
}

static void
free_blocks(struct block *block)
{
	while (block != NULL) {
		struct block *next = block->next;
		mr_free(block);
		block = next;
	}
}

void
mr_arena_free(struct mr_arena **arena)
{
	if (*arena == NULL)
		return;
	free_blocks((*arena)->first);
	mr_free(*arena);
	*arena = NULL;
}

/* A new last block with room for n bytes, or NULL. */
static struct block *
add_block(struct mr_arena *arena, size_t n)
{
	size_t room = arena->limit - arena->held;
	size_t size = n > arena->next_size ? n : arena->next_size;

	if (n > room)
		return NULL;
	if (size > room)
		size = room;
	if (size > SIZE_MAX - sizeof(struct block))
		return NULL;
	struct block *block = mr_realloc(NULL, 1, sizeof(*block) + size);
	if (block == NULL)
		return NULL;
	*block = (struct block){ .next = NULL, .size = size, .used = 0 };
	if (arena->last == NULL)
		arena->first = block;
	else
		arena->last->next = block;
	arena->last = block;
	arena->held += size;
	if (arena->next_size < LARGEST_BLOCK)
		arena->next_size *= 2;
	return block;
}

/* n > 0 bytes that begin at a multiple of align (a power of 2), not cleared. */
static void *
take(struct mr_arena *arena, size_t n, size_t align)
{
	struct block *block = arena->last;
	size_t start = 0;

	if (block != NULL)
		start = (block->used + align - 1) & ~(align - 1);
	if (block == NULL || start > block->size || n > block->size - start) {
		block = add_block(arena, n);
		start = 0;
	}
	if (block == NULL)
		return NULL;
	block->used = start + n;
	arena->used += n;
	return block->bytes + start;
}

void *
mr_arena_alloc(struct mr_arena *arena, size_t n)
{
	if (n == 0)
		n = 1;
	void *memory = take(arena, n, alignof(max_align_t));
	if (memory != NULL)
		memset(memory, 0, n);
	return memory;
}

struct mr_str
mr_arena_copy(struct mr_arena *arena, struct mr_str s)
{
	if (s.p == NULL || s.n == SIZE_MAX)
		return MR_STR_ABSENT;
	char *copy = take(arena, s.n + 1, 1);
	if (copy == NULL)
		return MR_STR_ABSENT;
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return (struct mr_str){ copy, s.n };
}

void
mr_arena_reset(struct mr_arena *arena)
{
	struct block *first = arena->first;

	arena->used = 0;
	if (first == NULL)
		return;
	free_blocks(first->next);
	first->next = NULL;
	first->used = 0;
	arena->last = first;
	arena->held = first->size;
	arena->next_size = (size_t)FIRST_BLOCK * 2;
}

size_t
mr_arena_used(const struct mr_arena *arena)
{
	return arena->used;
}
