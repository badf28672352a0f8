/*
 * Blocks of many sizes for the counters of hard limits. Not for accounts and sources: table.c has those.
 * Called by store.c for the engine and by behind_collect.c, which writes them.
 */
#include "store/windows.h"

#include <pthread.h>
#include <stddef.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
	SHARDS = 64,
	FIRST_BUCKETS = 16,
	SHARDS_LOOKED_AT = 4,
	IDLE_LOOKED_AT = 4, /* blocks looked at for an idle one before the least used one goes */
	ROUNDS_MOST = 32,   /* second chances given for one that goes */
	ALLOC_OVERHEAD = 16,
	GONE_MOST = 4096,
};

struct window {
	struct window *chain;
	struct window *prev, *next; /* a clock: whoever was used since the hand came by gets a second round */
	struct window *changed_prev, *changed_next;
	struct mr_key key;
	int64_t last_ms, idle_ms;
	uint32_t size;
	uint16_t shard;
	bool changed, stored, used;
	_Alignas(max_align_t) unsigned char data[];
};

struct gone {
	struct mr_key key;
	uint32_t size;
};

struct shard {
	pthread_mutex_t lock;
	struct window **buckets;
	uint32_t mask, count;
	struct window *first, *last, *changed;
	struct gone *gone;
	uint32_t gone_count, gone_room;
};

struct mr_windows {
	struct shard shards[SHARDS];
	uint64_t most;
	bool remember_gone;
	atomic_uint_fast64_t bytes, count, evicted;
	atomic_uint hand;
};

struct mr_windows *mr_windows_new(uint64_t bytes, bool remember_gone)
{
	struct mr_windows *windows = mr_calloc(1, sizeof(*windows));

	if (windows == NULL)
		return NULL;
	windows->most = bytes;
	windows->remember_gone = remember_gone;
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_init(&windows->shards[i].lock, NULL);
	return windows;
}

void mr_windows_free(struct mr_windows **windows)
{
	struct mr_windows *w = *windows;

	if (w == NULL)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		struct window *next;

		for (struct window *window = w->shards[i].first; window != NULL; window = next) {
			next = window->next;
			mr_free(window);
		}
		mr_free(w->shards[i].buckets);
		mr_free(w->shards[i].gone);
		pthread_mutex_destroy(&w->shards[i].lock);
	}
	mr_free(w);
	*windows = NULL;
}

static uint64_t cost_of(size_t size)
{
	return sizeof(struct window) + size + ALLOC_OVERHEAD + sizeof(struct window *);
}

static uint32_t hash_of(const struct mr_key *key)
{
	uint32_t hash;

	memcpy(&hash, key->bytes + 4, sizeof(hash));
	return hash;
}

static struct window **place_of(struct shard *shard, const struct mr_key *key, size_t size)
{
	struct window **at = &shard->buckets[hash_of(key) & shard->mask];

	while (*at != NULL && ((*at)->size != size || memcmp(&(*at)->key, key, sizeof(*key)) != 0))
		at = &(*at)->chain;
	return at;
}

static bool grow(struct shard *shard)
{
	uint32_t room = shard->buckets == NULL ? FIRST_BUCKETS : (shard->mask + 1) * 2;
	struct window **buckets;

	if (shard->buckets != NULL && shard->count <= shard->mask)
		return true;
	buckets = mr_calloc(room, sizeof(*buckets));
	if (buckets == NULL)
		return shard->buckets != NULL;
	for (struct window *window = shard->first; window != NULL; window = window->next) {
		struct window **at = &buckets[hash_of(&window->key) & (room - 1)];

		window->chain = *at;
		*at = window;
	}
	mr_free(shard->buckets);
	shard->buckets = buckets;
	shard->mask = room - 1;
	return true;
}

static void use_push(struct shard *shard, struct window *window)
{
	window->prev = NULL;
	window->next = shard->first;
	if (shard->first != NULL)
		shard->first->prev = window;
	else
		shard->last = window;
	shard->first = window;
}

static void use_take(struct shard *shard, struct window *window)
{
	if (window->prev != NULL)
		window->prev->next = window->next;
	else
		shard->first = window->next;
	if (window->next != NULL)
		window->next->prev = window->prev;
	else
		shard->last = window->prev;
}

static void changed_push(struct shard *shard, struct window *window)
{
	window->changed = true;
	window->changed_prev = NULL;
	window->changed_next = shard->changed;
	if (shard->changed != NULL)
		shard->changed->changed_prev = window;
	shard->changed = window;
}

static void changed_take(struct shard *shard, struct window *window)
{
	if (window->changed_prev != NULL)
		window->changed_prev->changed_next = window->changed_next;
	else
		shard->changed = window->changed_next;
	if (window->changed_next != NULL)
		window->changed_next->changed_prev = window->changed_prev;
	window->changed = false;
}

static void remember_gone(struct mr_windows *windows, struct shard *shard, const struct window *window)
{
	if (!windows->remember_gone || !window->stored)
		return;
	if (shard->gone_count == shard->gone_room) {
		uint32_t room = shard->gone_room == 0 ? 16 : shard->gone_room * 2;
		struct gone *gone = room > GONE_MOST ? NULL : mr_realloc(shard->gone, room, sizeof(*gone));

		if (gone == NULL)
			return;
		shard->gone = gone;
		shard->gone_room = room;
	}
	shard->gone[shard->gone_count++] = (struct gone){ window->key, window->size };
}

static void forget(struct mr_windows *windows, struct shard *shard, struct window *window)
{
	struct window **at = place_of(shard, &window->key, window->size);

	*at = window->chain;
	use_take(shard, window);
	if (window->changed)
		changed_take(shard, window);
	remember_gone(windows, shard, window);
	shard->count--;
	atomic_fetch_sub(&windows->count, 1);
	atomic_fetch_sub(&windows->bytes, cost_of(window->size));
	atomic_fetch_add(&windows->evicted, 1);
	mr_free(window);
}

static void forget_one(struct mr_windows *windows, struct shard *shard, int64_t now_ms)
{
	struct window *window = shard->last;

	for (int i = 0; window != NULL && i < IDLE_LOOKED_AT; i++, window = window->prev) {
		if (now_ms - window->last_ms >= window->idle_ms) {
			forget(windows, shard, window);
			return;
		}
	}
	forget(windows, shard, shard->last);
}

/* Moves the hand on to a block that nobody used since it came by last, or that is idle. */
static void turn_hand(struct shard *shard, int64_t now_ms)
{
	struct window *window = shard->last;

	for (int i = 0; i < ROUNDS_MOST && window != NULL && window->used && now_ms - window->last_ms < window->idle_ms;
	     i++, window = shard->last) {
		window->used = false;
		use_take(shard, window);
		use_push(shard, window);
	}
}

/* How long ago the block of a shard was used that is next to go, -1 when there is none; an idle one counts as older than
 * any other. */
static int64_t age_of(struct shard *shard, int64_t now_ms)
{
	int64_t age;

	turn_hand(shard, now_ms);
	if (shard->last == NULL)
		return -1;
	age = now_ms > shard->last->last_ms ? now_ms - shard->last->last_ms : 0;
	return age >= shard->last->idle_ms ? INT64_MAX : age;
}

/* Forgets one block: of some shards looked at in turn, that with the oldest one; of all, if those have none. What others
 * have locked is passed over. mine is locked by the caller. */
static bool forget_oldest(struct mr_windows *windows, struct shard *mine, int64_t now_ms)
{
	unsigned hand = atomic_fetch_add(&windows->hand, SHARDS_LOOKED_AT);
	struct shard *oldest = mine;
	int64_t age = age_of(mine, now_ms);

	for (unsigned i = 0; i < SHARDS && (i < SHARDS_LOOKED_AT || age < 0); i++) {
		struct shard *shard = &windows->shards[(hand + i) % SHARDS];
		int64_t its_age;

		if (shard == mine || pthread_mutex_trylock(&shard->lock) != 0)
			continue;
		its_age = age_of(shard, now_ms);
		if (its_age > age) {
			if (oldest != mine)
				pthread_mutex_unlock(&oldest->lock);
			oldest = shard;
			age = its_age;
		} else {
			pthread_mutex_unlock(&shard->lock);
		}
	}
	if (age >= 0)
		forget_one(windows, oldest, now_ms);
	if (oldest != mine)
		pthread_mutex_unlock(&oldest->lock);
	return age >= 0;
}

/* Takes the bytes of one block from the budget. */
static bool reserve(struct mr_windows *windows, struct shard *shard, uint64_t cost, int64_t now_ms)
{
	if (cost > windows->most)
		return false;
	while (atomic_fetch_add(&windows->bytes, cost) + cost > windows->most) {
		atomic_fetch_sub(&windows->bytes, cost);
		if (!forget_oldest(windows, shard, now_ms))
			return false;
	}
	return true;
}

static struct window *make(struct mr_windows *windows, struct shard *shard, const struct mr_key *key, size_t size,
			   int64_t now_ms)
{
	struct window *window;
	struct window **at;

	if (!grow(shard) || !reserve(windows, shard, cost_of(size), now_ms))
		return NULL;
	window = mr_calloc(1, sizeof(*window) + size);
	if (window == NULL) {
		atomic_fetch_sub(&windows->bytes, cost_of(size));
		return NULL;
	}
	window->key = *key;
	window->size = (uint32_t)size;
	window->shard = (uint16_t)(shard - windows->shards);
	at = place_of(shard, key, size);
	*at = window;
	use_push(shard, window);
	shard->count++;
	atomic_fetch_add(&windows->count, 1);
	return window;
}

static struct shard *lock_of(struct mr_windows *windows, const struct mr_key *key)
{
	struct shard *shard = &windows->shards[key->bytes[0] % SHARDS];

	pthread_mutex_lock(&shard->lock);
	return shard;
}

void *mr_windows_get(struct mr_windows *windows, const struct mr_key *key, size_t size, int64_t now_ms, int64_t idle_ms,
		     bool create, bool *fresh_r)
{
	struct window *window = NULL;
	struct shard *shard;

	*fresh_r = false;
	if (size < MR_WINDOW_SIZE_MIN || size > MR_WINDOW_SIZE_MAX)
		return NULL;
	shard = lock_of(windows, key);
	if (shard->buckets != NULL)
		window = *place_of(shard, key, size);
	if (window != NULL) {
		window->used = true;
	} else if (create) {
		window = make(windows, shard, key, size, now_ms);
		*fresh_r = window != NULL;
	}
	if (window == NULL) {
		pthread_mutex_unlock(&shard->lock);
		return NULL;
	}
	window->last_ms = now_ms;
	window->idle_ms = idle_ms;
	return window->data;
}

void mr_windows_done(struct mr_windows *windows, void *data, bool changed)
{
	struct window *window = (struct window *)(void *)((char *)data - offsetof(struct window, data));
	struct shard *shard = &windows->shards[window->shard];

	if (changed && !window->changed && windows->remember_gone)
		changed_push(shard, window);
	pthread_mutex_unlock(&shard->lock);
}

int mr_windows_restore(struct mr_windows *windows, const struct mr_window_view *view)
{
	bool fresh;
	void *data;

	if (mr_windows_bytes(windows) + cost_of(view->size) > windows->most)
		return MR_ERR_FULL;
	data = mr_windows_get(windows, &view->key, view->size, view->last_ms, view->idle_ms, true, &fresh);
	if (data == NULL)
		return MR_ERR_NOMEM;
	memcpy(data, view->data, view->size);
	((struct window *)(void *)((char *)data - offsetof(struct window, data)))->stored = true;
	mr_windows_done(windows, data, false);
	return 0;
}

bool mr_windows_collect(struct mr_windows *windows, unsigned number, mr_window_take *take, mr_window_gone *gone,
			void *context)
{
	struct shard *shard = &windows->shards[number];
	bool all;

	pthread_mutex_lock(&shard->lock);
	while (shard->gone_count > 0 &&
	       gone(context, &shard->gone[shard->gone_count - 1].key, shard->gone[shard->gone_count - 1].size))
		shard->gone_count--;
	while (shard->gone_count == 0 && shard->changed != NULL) {
		struct window *window = shard->changed;
		const struct mr_window_view view = { window->key, window->last_ms, window->idle_ms, window->size, window->data };

		if (!take(context, &view))
			break;
		window->stored = true;
		changed_take(shard, window);
	}
	all = shard->gone_count == 0 && shard->changed == NULL;
	pthread_mutex_unlock(&shard->lock);
	return all;
}

void mr_windows_change_all(struct mr_windows *windows)
{
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *shard = &windows->shards[i];

		pthread_mutex_lock(&shard->lock);
		for (struct window *window = shard->first; window != NULL; window = window->next) {
			if (!window->changed)
				changed_push(shard, window);
		}
		pthread_mutex_unlock(&shard->lock);
	}
}

unsigned mr_windows_shards(void)
{
	return SHARDS;
}

uint64_t mr_windows_count(const struct mr_windows *windows)
{
	return atomic_load(&windows->count);
}

uint64_t mr_windows_bytes(const struct mr_windows *windows)
{
	return atomic_load(&windows->bytes);
}

uint64_t mr_windows_evicted(const struct mr_windows *windows)
{
	return atomic_load(&windows->evicted);
}
