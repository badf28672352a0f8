/*
 * Writing behind: a thread that wakes some three quarters of a second after the first change and has all changes
 * written, so what changes often is written once a second. Nobody waits for it but mr_store_flush and _close. What is
 * collected is in behind_collect.c, how it is written in behind_batch.c; here is when. Called by store.c, records.c
 * and notes.c.
 */
#include "store/behind_parts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
	TICK_MS = 250,
	TICKS_LATE = 3,            /* a change waits so long for others: less than a second with the writing */
	PAUSE_MOST_TICKS = 20,
};

static bool make_buffers(struct mr_behind *behind)
{
	behind->things = mr_calloc(MR_BATCH_THINGS, sizeof(*behind->things));
	behind->sorted = mr_calloc(MR_BATCH_THINGS, sizeof(*behind->sorted));
	behind->forget = mr_calloc(MR_BATCH_THINGS, sizeof(*behind->forget));
	behind->bytes = mr_calloc(1, MR_BATCH_BYTES);
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

/* ---- The thread ---- */

/* One pass over all that was changed before it. */
static int pass(struct mr_behind *behind)
{
	uint_fast64_t oldest = atomic_exchange(&behind->oldest, 0), collecting = atomic_load(&behind->collecting);
	int err;

	if (collecting == 0)
		atomic_store(&behind->collecting, oldest);
	if (oldest == 0 && collecting == 0)
		return 0;
	err = mr_behind_collect(behind);
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
	counts->memory_bytes += MR_BATCH_THINGS * (sizeof(*behind->things) + sizeof(*behind->sorted) + sizeof(*behind->forget)) +
		MR_BATCH_BYTES + 2 * sizeof(*behind->shadow);
}
