/*
 * The counters of hard limits: blocks of a size that the caller gives, bounded by their bytes in all. One that was idle
 * for longer than its owner asked for goes first, then one that was not used for long.
 * Thread-safe: a block is locked with its shard from _get to _done.
 */
#ifndef MR_STORE_WINDOWS_H
#define MR_STORE_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/account.h"

enum { MR_WINDOW_SIZE_MIN = 1, MR_WINDOW_SIZE_MAX = 64 << 10 };

struct mr_windows;

/* What of a block is told to others. */
struct mr_window_view {
	struct mr_key key;
	int64_t last_ms, idle_ms;
	uint32_t size;
	const void *data;
};

struct mr_windows *mr_windows_new(uint64_t bytes, bool remember_gone);
void mr_windows_free(struct mr_windows **windows);
/* See mr_store_window_get and _done. create false: only one that is there. */
void *mr_windows_get(struct mr_windows *windows, const struct mr_key *key, size_t size, int64_t now_ms, int64_t idle_ms,
		     bool create, bool *fresh_r);
void mr_windows_done(struct mr_windows *windows, void *window, bool changed);
/* Puts a stored block in. MR_ERR_FULL, MR_ERR_NOMEM. Before others use the windows. */
int mr_windows_restore(struct mr_windows *windows, const struct mr_window_view *view);

/* The keys of a shard that are gone, then its blocks that were changed, until a call returns false; what was taken no
 * longer counts as gone or changed. True: all was taken. */
typedef bool mr_window_take(void *context, const struct mr_window_view *view);
typedef bool mr_window_gone(void *context, const struct mr_key *key, uint32_t size);
bool mr_windows_collect(struct mr_windows *windows, unsigned shard, mr_window_take *take, mr_window_gone *gone,
			void *context);
unsigned mr_windows_shards(void);
/* Every block counts as changed. */
void mr_windows_change_all(struct mr_windows *windows);

uint64_t mr_windows_count(const struct mr_windows *windows);
uint64_t mr_windows_bytes(const struct mr_windows *windows);
uint64_t mr_windows_evicted(const struct mr_windows *windows);

#endif
