/*
 * Writing behind: a thread that copies what was changed, shard by shard, some three quarters of a second after the first
 * change, and gives it to the durable part in batches sorted by key. What changes often is so written once a second. Nobody waits for it but mr_store_flush and _close. A batch that cannot be
 * written is kept and tried again; what changes meanwhile stays marked in memory.
 */
#include "store/internal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/format.h"

enum {
	TICK_MS = 250,
	TICKS_LATE = 3,            /* a change waits so long for others: less than a second with the writing */
	THINGS_MOST = 1024,        /* in a batch: an order that comes meanwhile shares the disk with no more than that */
	BYTES_MOST = 2 << 20,
	AT_ONCE = 32,              /* records copied while a shard is locked */
	PAUSE_MOST_TICKS = 20,
};

struct mr_behind {
	struct mr_store *store;
	pthread_t thread;
	bool started;
	int timer, wake;

	/* The batch, the thread's own. */
	struct mr_stored *things;
	const struct mr_stored **sorted;
	struct mr_forget *forget;
	unsigned char *bytes;
	size_t count, used, forget_count;
	struct mr_site *shadow, *site_copy; /* the site as it was written last */
	bool shadow_stored;

	atomic_uint_fast64_t tick, oldest; /* tick of the oldest change that nobody has collected; 0: none */
	atomic_uint_fast64_t collecting;   /* of the oldest one that was collected and is not on disk */
	atomic_uint_fast64_t written_records, written_bytes, commits;

	pthread_mutex_t lock;
	pthread_cond_t flushed;
	bool stop;
	uint64_t flush_wanted, flush_done;
	int flush_result;
};

static bool make_buffers(struct mr_behind *behind)
{
	behind->things = mr_calloc(THINGS_MOST, sizeof(*behind->things));
	behind->sorted = mr_calloc(THINGS_MOST, sizeof(*behind->sorted));
	behind->forget = mr_calloc(THINGS_MOST, sizeof(*behind->forget));
	behind->bytes = mr_calloc(1, BYTES_MOST);
	behind->shadow = mr_calloc(1, sizeof(*behind->shadow));
	behind->site_copy = mr_calloc(1, sizeof(*behind->site_copy));
	return behind->things != NULL && behind->sorted != NULL && behind->forget != NULL && behind->bytes != NULL &&
	       behind->shadow != NULL && behind->site_copy != NULL;
}

struct mr_behind *mr_behind_new(struct mr_store *store)
{
	struct mr_behind *behind = mr_calloc(1, sizeof(*behind));

	if (behind == NULL)
		return NULL;
	behind->store = store;
	behind->timer = behind->wake = -1;
	atomic_init(&behind->tick, 1);
	pthread_mutex_init(&behind->lock, NULL);
	pthread_cond_init(&behind->flushed, NULL);
	if (!make_buffers(behind))
		mr_behind_free(&behind);
	return behind;
}

void mr_behind_note(struct mr_behind *behind)
{
	uint_fast64_t none = 0;

	if (atomic_load_explicit(&behind->oldest, memory_order_relaxed) == 0)
		atomic_compare_exchange_strong(&behind->oldest, &none, atomic_load(&behind->tick));
}

/* ---- The batch ---- */

/* The next thing of the batch with room for a value of n bytes; NULL: the batch is full. */
static struct mr_stored *next_thing(struct mr_behind *behind, enum mr_stored_kind kind, const void *key, size_t key_size,
				    size_t n, void **room_r)
{
	struct mr_stored *thing = &behind->things[behind->count];

	*room_r = NULL;
	if (behind->count == THINGS_MOST || behind->used + n > BYTES_MOST)
		return NULL;
	*thing = (struct mr_stored){ .kind = kind, .key_size = key_size };
	memcpy(thing->key, key, key_size);
	if (n > 0) {
		*room_r = behind->bytes + behind->used;
		thing->value = *room_r;
		thing->size = n;
		behind->used += (n + 7) / 8 * 8;
	}
	behind->count++;
	return thing;
}

static int compare_things(const void *a, const void *b)
{
	const struct mr_stored *x = *(const struct mr_stored *const *)a, *y = *(const struct mr_stored *const *)b;
	size_t n = x->key_size < y->key_size ? x->key_size : y->key_size;
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = memcmp(x->key, y->key, n);
	if (order == 0)
		order = x->key_size < y->key_size ? -1 : x->key_size > y->key_size;
	/* removed first, then written: then it was made anew */
	return order != 0 ? order : (x->value != NULL) - (y->value != NULL);
}

static void forget_copies(struct mr_behind *behind)
{
	for (size_t i = 0; i < behind->forget_count; i++)
		mr_orders_forget(behind->store->orders, behind->forget[i].kind, &behind->forget[i].key,
				 behind->forget[i].revision);
	behind->forget_count = 0;
}

/* The file of records was begun anew. */
static void write_everything_again(struct mr_behind *behind)
{
	struct mr_store *store = behind->store;

	mr_table_change_all(store->accounts);
	mr_table_change_all(store->sources);
	mr_windows_change_all(store->windows);
	behind->shadow_stored = false;
	pthread_mutex_lock(&store->site_lock);
	store->site_changed = true;
	pthread_mutex_unlock(&store->site_lock);
	mr_notes_change_all(store->notes);
	mr_behind_note(behind);
}

/* Writes the batch, which stays when that does not work. */
static int write_batch(struct mr_behind *behind)
{
	struct mr_durable *durable = behind->store->options.durable;
	char why[MR_WHY_MAX] = "";
	int err;

	if (behind->count == 0)
		return 0;
	for (size_t i = 0; i < behind->count; i++)
		behind->sorted[i] = &behind->things[i];
	qsort(behind->sorted, behind->count, sizeof(*behind->sorted), compare_things);
	err = durable->ops->write(durable, behind->sorted, behind->count, why);
	if (err != 0) {
		mr_store_ails(behind->store, MR_AILS_RECORDS, why);
		return err;
	}
	if (why[0] != '\0') {
		mr_store_ails(behind->store, MR_AILS_DAMAGE, why);
		write_everything_again(behind);
	}
	mr_store_heals(behind->store, MR_AILS_RECORDS);
	atomic_fetch_add(&behind->written_records, behind->count);
	atomic_fetch_add(&behind->written_bytes, behind->used);
	atomic_fetch_add(&behind->commits, 1);
	behind->count = behind->used = 0;
	forget_copies(behind);
	return 0;
}

/* ---- Accounts and sources ---- */

struct kind_of_record {
	enum mr_stored_kind kind;
	struct mr_table *table;
	size_t value_size; /* as stored */
	void (*encode)(const void *record, void *value_r);
};

static void encode_account(const void *record, void *value_r)
{
	mr_format_account(record, value_r);
}

static void encode_source(const void *record, void *value_r)
{
	mr_format_source(record, value_r);
}

static uint32_t revision_of(const struct kind_of_record *kind, const void *payload)
{
	return kind->kind == MR_STORED_ACCOUNT ? ((const struct mr_account *)payload)->revision
					       : ((const struct mr_source *)payload)->revision;
}

static void note_forget(struct mr_behind *behind, enum mr_stored_kind kind, const struct mr_key *key, uint32_t revision)
{
	behind->forget[behind->forget_count++] = (struct mr_forget){ kind, *key, revision };
}

static bool collect_gone(struct mr_behind *behind, const struct kind_of_record *kind, struct mr_shard *shard)
{
	void *room;

	for (; shard->gone_count > 0; shard->gone_count--) {
		const struct mr_gone *gone = &shard->gone[shard->gone_count - 1];

		if (next_thing(behind, kind->kind, &gone->key, sizeof(gone->key), 0, &room) == NULL)
			return false;
		if (gone->ordered)
			note_forget(behind, kind->kind, &gone->key, gone->revision);
	}
	return true;
}

/* Some of a shard's changed records. *more_r: there are more. False: the batch is full. */
static bool collect_some(struct mr_behind *behind, const struct kind_of_record *kind, struct mr_shard *shard, bool *more_r)
{
	bool fits;

	pthread_mutex_lock(&shard->lock);
	fits = collect_gone(behind, kind, shard);
	for (int i = 0; fits && i < AT_ONCE && shard->changed != 0; i++) {
		struct mr_record *record;
		void *payload, *room;

		if (behind->count == THINGS_MOST || behind->used + kind->value_size > BYTES_MOST) {
			fits = false;
			break;
		}
		record = mr_table_next_changed(kind->table, shard);
		payload = mr_record_payload(record);
		next_thing(behind, kind->kind, payload, sizeof(struct mr_key), kind->value_size, &room);
		kind->encode(payload, room);
		record->flags |= MR_RECORD_STORED;
		/* Once this is on disk, the copy beside the last order says nothing more, unless it has to bear a freeze. */
		if ((record->flags & MR_RECORD_ORDERED) != 0 && record->list != MR_LIST_PINNED) {
			note_forget(behind, kind->kind, payload, revision_of(kind, payload));
			record->flags &= (uint8_t)~MR_RECORD_ORDERED;
		}
	}
	*more_r = shard->changed != 0 || shard->gone_count != 0;
	pthread_mutex_unlock(&shard->lock);
	return fits;
}

static int write_records(struct mr_behind *behind, const struct kind_of_record *kind)
{
	for (unsigned i = 0; i < mr_table_shards(kind->table); i++) {
		bool more = true;

		while (more) {
			if (!collect_some(behind, kind, mr_table_shard_at(kind->table, i), &more) && write_batch(behind) != 0)
				return MR_ERR_IO;
		}
	}
	return 0;
}

/* ---- Windows, notes, the site ---- */

static bool take_window(void *context, const struct mr_window_view *view)
{
	struct mr_behind *behind = context;
	unsigned char key[MR_WINDOW_KEY];
	void *room;

	mr_format_window_key(&view->key, view->size, key);
	if (next_thing(behind, MR_STORED_WINDOW, key, sizeof(key), mr_format_window_size(view->size), &room) == NULL)
		return false;
	mr_format_window(view, room);
	return true;
}

static bool gone_window(void *context, const struct mr_key *window, uint32_t size)
{
	struct mr_behind *behind = context;
	unsigned char key[MR_WINDOW_KEY];
	void *room;

	mr_format_window_key(window, size, key);
	return next_thing(behind, MR_STORED_WINDOW, key, sizeof(key), 0, &room) != NULL;
}

static int write_windows(struct mr_behind *behind)
{
	for (unsigned i = 0; i < mr_windows_shards(); i++) {
		while (!mr_windows_collect(behind->store->windows, i, take_window, gone_window, behind)) {
			if (write_batch(behind) != 0)
				return MR_ERR_IO;
		}
	}
	return 0;
}

static bool take_note(void *context, const void *name, size_t name_n, const void *value, size_t n)
{
	struct mr_behind *behind = context;
	void *room;

	if (next_thing(behind, MR_STORED_NOTE, name, name_n, n == 0 ? 0 : mr_format_note_size(n), &room) == NULL)
		return false;
	if (n > 0)
		mr_format_note(name, name_n, value, n, room);
	return true;
}

static int write_site_piece(struct mr_behind *behind, size_t at)
{
	const unsigned char *now = (const unsigned char *)behind->site_copy + at;
	unsigned char *then = (unsigned char *)behind->shadow + at, key[MR_SITE_KEY];
	size_t left = sizeof(*behind->shadow) - at, n = left < MR_SITE_PIECE ? left : MR_SITE_PIECE;
	void *room;

	if (behind->shadow_stored && memcmp(now, then, n) == 0)
		return 0;
	mr_format_site_key(at, key);
	if (next_thing(behind, MR_STORED_SITE, key, sizeof(key), mr_format_site_size(n), &room) == NULL) {
		if (write_batch(behind) != 0)
			return MR_ERR_IO;
		next_thing(behind, MR_STORED_SITE, key, sizeof(key), mr_format_site_size(n), &room);
	}
	mr_format_site(at, now, n, room);
	memcpy(then, now, n);
	return 0;
}

/* Only those pieces of the site that changed. */
static int write_site(struct mr_behind *behind)
{
	struct mr_store *store = behind->store;
	bool changed;
	int err = 0;

	pthread_mutex_lock(&store->site_lock);
	changed = store->site_changed;
	store->site_changed = false;
	if (changed)
		*behind->site_copy = *store->site;
	pthread_mutex_unlock(&store->site_lock);
	for (size_t at = 0; changed && err == 0 && at < sizeof(*behind->shadow); at += MR_SITE_PIECE)
		err = write_site_piece(behind, at);
	if (err == 0) {
		behind->shadow_stored = behind->shadow_stored || changed;
		return 0;
	}
	pthread_mutex_lock(&store->site_lock);
	store->site_changed = true;
	pthread_mutex_unlock(&store->site_lock);
	return err;
}

/* ---- The thread ---- */

static int write_all(struct mr_behind *behind)
{
	struct mr_store *store = behind->store;
	const struct kind_of_record accounts = { MR_STORED_ACCOUNT, store->accounts, mr_format_account_size(), encode_account };
	const struct kind_of_record sources = { MR_STORED_SOURCE, store->sources, mr_format_source_size(), encode_source };

	if (write_batch(behind) != 0 || write_records(behind, &accounts) != 0 || write_records(behind, &sources) != 0 ||
	    write_windows(behind) != 0 || write_site(behind) != 0 || write_batch(behind) != 0)
		return MR_ERR_IO;
	while (!mr_notes_collect(store->notes, take_note, behind)) {
		if (write_batch(behind) != 0)
			return MR_ERR_IO;
	}
	return write_batch(behind);
}

/* One pass over all that was changed before it. */
static int pass(struct mr_behind *behind)
{
	uint_fast64_t oldest = atomic_exchange(&behind->oldest, 0), collecting = atomic_load(&behind->collecting);
	int err;

	if (collecting == 0)
		atomic_store(&behind->collecting, oldest);
	if (oldest == 0 && collecting == 0)
		return 0;
	err = write_all(behind);
	if (err == 0)
		atomic_store(&behind->collecting, 0);
	return err;
}

static void count_ticks(struct mr_behind *behind)
{
	uint64_t n = 0;

	if (read(behind->timer, &n, sizeof(n)) == (ssize_t)sizeof(n))
		atomic_fetch_add(&behind->tick, n);
	if (read(behind->wake, &n, sizeof(n)) < 0)
		return;
}

static bool flush_asked(struct mr_behind *behind, uint64_t *wanted_r, bool *stop_r)
{
	bool asked;

	pthread_mutex_lock(&behind->lock);
	*wanted_r = behind->flush_wanted;
	*stop_r = behind->stop;
	asked = behind->flush_wanted != behind->flush_done;
	pthread_mutex_unlock(&behind->lock);
	return asked || *stop_r;
}

/* Whether the oldest change has waited long enough, and the last failure too. */
static bool is_due(struct mr_behind *behind, uint64_t again_at)
{
	uint64_t tick = atomic_load(&behind->tick), oldest = atomic_load(&behind->oldest);

	if (tick < again_at)
		return false;
	return atomic_load(&behind->collecting) != 0 || (oldest != 0 && tick - oldest >= TICKS_LATE);
}

static void flush_answer(struct mr_behind *behind, uint64_t wanted, int err)
{
	pthread_mutex_lock(&behind->lock);
	if (behind->flush_done != wanted) {
		behind->flush_done = wanted;
		behind->flush_result = err;
		pthread_cond_broadcast(&behind->flushed);
	}
	pthread_mutex_unlock(&behind->lock);
}

static void *run(void *context)
{
	struct mr_behind *behind = context;
	struct pollfd waits[] = { { .fd = behind->timer, .events = POLLIN }, { .fd = behind->wake, .events = POLLIN } };
	uint64_t wanted, pause = 0, again_at = 0;
	bool stop = false;
	int err;

	while (!stop) {
		poll(waits, 2, -1);
		count_ticks(behind);
		if (!flush_asked(behind, &wanted, &stop) && !is_due(behind, again_at))
			continue;
		err = pass(behind);
		pause = err == 0 ? 0 : pause == 0 ? 1 : pause * 2 > PAUSE_MOST_TICKS ? PAUSE_MOST_TICKS : pause * 2;
		again_at = atomic_load(&behind->tick) + pause;
		flush_answer(behind, wanted, err);
	}
	return NULL;
}

int mr_behind_start(struct mr_behind *behind)
{
	const struct itimerspec often = { { 0, TICK_MS * 1000000L }, { 0, TICK_MS * 1000000L } };

	behind->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	behind->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (behind->timer < 0 || behind->wake < 0 || timerfd_settime(behind->timer, 0, &often, NULL) != 0)
		return MR_ERR_IO;
	*behind->shadow = *behind->store->site;
	if (pthread_create(&behind->thread, NULL, run, behind) != 0)
		return MR_ERR_NOMEM;
	behind->started = true;
	return 0;
}

static void call_thread(struct mr_behind *behind)
{
	const uint64_t one = 1;
	ssize_t ignored = write(behind->wake, &one, sizeof(one));

	(void)ignored;
}

int mr_behind_flush(struct mr_behind *behind)
{
	uint64_t mine;
	int err;

	pthread_mutex_lock(&behind->lock);
	mine = ++behind->flush_wanted;
	call_thread(behind);
	while (behind->flush_done < mine)
		pthread_cond_wait(&behind->flushed, &behind->lock);
	err = behind->flush_result;
	pthread_mutex_unlock(&behind->lock);
	return err;
}

void mr_behind_free(struct mr_behind **behind)
{
	struct mr_behind *b = *behind;

	if (b == NULL)
		return;
	if (b->started) {
		pthread_mutex_lock(&b->lock);
		b->stop = true;
		pthread_mutex_unlock(&b->lock);
		call_thread(b);
		pthread_join(b->thread, NULL);
	}
	if (b->timer >= 0)
		close(b->timer);
	if (b->wake >= 0)
		close(b->wake);
	pthread_cond_destroy(&b->flushed);
	pthread_mutex_destroy(&b->lock);
	mr_free(b->things);
	mr_free(b->sorted);
	mr_free(b->forget);
	mr_free(b->bytes);
	mr_free(b->shadow);
	mr_free(b->site_copy);
	mr_free(b);
	*behind = NULL;
}

void mr_behind_counts(struct mr_behind *behind, struct mr_store_counts *counts)
{
	uint64_t tick = atomic_load(&behind->tick), oldest = atomic_load(&behind->collecting);

	if (oldest == 0)
		oldest = atomic_load(&behind->oldest);
	counts->written_records = atomic_load(&behind->written_records);
	counts->written_bytes = atomic_load(&behind->written_bytes);
	counts->commits += atomic_load(&behind->commits);
	counts->oldest_unwritten_ms = oldest == 0 ? 0 : (int64_t)(tick - oldest) * TICK_MS + 1;
	counts->memory_bytes += THINGS_MOST * (sizeof(*behind->things) + sizeof(*behind->sorted) + sizeof(*behind->forget)) +
		BYTES_MOST + 2 * sizeof(*behind->shadow);
}
