/*
 * Commits the orders that wait, all of them at once: in the thread of whoever waits for one, or in a thread of its own,
 * which tries again while the disk does not work. It does not take orders: orders.c does, and calls it.
 */
#include "store/orders_parts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
	PAUSE_FIRST_MS = 100,
	PAUSE_MOST_MS = 5000,
};

static bool take_batch(struct mr_orders *orders, struct mr_orders_batch *batch)
{
	pthread_mutex_lock(&orders->lock);
	batch->count = 0;
	batch->first = orders->first;
	for (struct mr_queued *q = orders->first; q != NULL && batch->count < MR_COMMIT_MOST; q = q->next)
		batch->commits[batch->count++] = &q->commit;
	batch->forget = NULL;
	batch->forget_count = 0;
	if (batch->count > 0 || orders->stop) {
		batch->forget = orders->forget;
		batch->forget_count = orders->forget_count;
		orders->forget = NULL;
		orders->forget_count = orders->forget_room = 0;
	}
	orders->busy = batch->count > 0 || batch->forget_count > 0;
	pthread_mutex_unlock(&orders->lock);
	return batch->count > 0 || batch->forget_count > 0;
}

/* The batch is on disk: it leaves the queue, and whoever waits is told. */
static void batch_written(struct mr_orders *orders, struct mr_orders_batch *batch)
{
	struct mr_queued *queued = batch->first, *next;

	pthread_mutex_lock(&orders->lock);
	for (size_t i = 0; i < batch->count; i++)
		orders->first = orders->first->next;
	if (orders->first == NULL)
		orders->last = &orders->first;
	orders->queued -= batch->count;
	orders->failing = false;
	orders->commits++;
	orders->orders_written += batch->count;
	pthread_mutex_unlock(&orders->lock);
	mr_store_heals(orders->store, MR_AILS_ORDERS);
	for (size_t i = 0; i < batch->count; i++) {
		next = queued->next;
		if (queued->done != NULL)
			queued->done(queued->context, 0);
		mr_free(queued);
		queued = next;
	}
}

/* All that wait, the latest too, are told that they are in memory only; they stay in the queue. */
static void batch_failed(struct mr_orders *orders, const char *why)
{
	struct mr_queued *queued;
	size_t count;

	mr_store_ails(orders->store, MR_AILS_ORDERS, why);
	pthread_mutex_lock(&orders->lock);
	orders->failing = true;
	queued = orders->first;
	count = orders->queued;
	pthread_mutex_unlock(&orders->lock);
	/* Only this thread takes from the queue, and what comes later finds failing set. */
	for (size_t i = 0; i < count; i++) {
		mr_store_done *done = queued->done;
		void *context = queued->context;

		queued->done = NULL;
		if (done != NULL)
			done(context, MR_ERR_IO);
		pthread_mutex_lock(&orders->lock);
		queued = queued->next;
		pthread_mutex_unlock(&orders->lock);
	}
}

static bool commit_batch(struct mr_orders *orders, struct mr_orders_batch *batch)
{
	struct mr_durable *durable = orders->store->options.durable;
	char why[MR_WHY_MAX] = "";
	int err = durable->ops->commit(durable, batch->commits, batch->count, batch->forget, batch->forget_count, why);

	if (err == 0 && why[0] != '\0')
		mr_store_ails(orders->store, MR_AILS_DAMAGE, why);
	if (err == 0)
		batch_written(orders, batch);
	else
		batch_failed(orders, why);
	for (size_t i = 0; err != 0 && i < batch->forget_count; i++)
		mr_orders_forget(orders, batch->forget[i].kind, &batch->forget[i].key, batch->forget[i].revision);
	mr_free(batch->forget);
	batch->forget = NULL;
	return err == 0;
}

static void now_quiet(struct mr_orders *orders)
{
	pthread_mutex_lock(&orders->lock);
	orders->busy = false;
	pthread_cond_broadcast(&orders->quiet);
	pthread_mutex_unlock(&orders->lock);
}

bool mr_orders_commit_waiting(struct mr_orders *orders)
{
	bool works = true;

	pthread_mutex_lock(&orders->committing);
	while (works && take_batch(orders, &orders->batch))
		works = commit_batch(orders, &orders->batch);
	now_quiet(orders);
	pthread_mutex_unlock(&orders->committing);
	return works;
}

/* ---- The thread ---- */

void mr_orders_wake(struct mr_orders *orders)
{
	const uint64_t one = 1;
	ssize_t ignored = write(orders->wake, &one, sizeof(one));

	(void)ignored; /* full means that it is awake */
}

static bool is_stopping(struct mr_orders *orders)
{
	bool stop;

	pthread_mutex_lock(&orders->lock);
	stop = orders->stop;
	pthread_mutex_unlock(&orders->lock);
	return stop;
}

/* Waits for a call, or, while the disk does not work, for the time of the next try; a call that is not the end of the
 * store does not shorten that. */
static void rest(struct mr_orders *orders, int pause_ms)
{
	struct pollfd waits = { .fd = orders->wake, .events = POLLIN };
	uint64_t calls;
	ssize_t ignored;

	if (pause_ms > 0) {
		for (int waited = 0; waited < pause_ms && !is_stopping(orders); waited += PAUSE_FIRST_MS)
			poll(NULL, 0, PAUSE_FIRST_MS);
		return;
	}
	poll(&waits, 1, -1);
	ignored = read(orders->wake, &calls, sizeof(calls));
	(void)ignored;
}

static void *run(void *context)
{
	struct mr_orders *orders = context;
	int pause_ms = 0;
	bool stop;

	do {
		stop = is_stopping(orders);
		if (mr_orders_commit_waiting(orders))
			pause_ms = 0;
		else
			pause_ms = pause_ms == 0 ? PAUSE_FIRST_MS : pause_ms * 2 > PAUSE_MOST_MS ? PAUSE_MOST_MS : pause_ms * 2;
		if (!stop)
			rest(orders, pause_ms);
	} while (!stop);
	return NULL;
}

int mr_orders_start(struct mr_orders *orders)
{
	orders->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (orders->wake < 0)
		return MR_ERR_IO;
	if (pthread_create(&orders->thread, NULL, run, orders) != 0)
		return MR_ERR_NOMEM;
	orders->started = true;
	return 0;
}

int mr_orders_flush(struct mr_orders *orders)
{
	int err;

	if (!orders->started)
		return 0;
	pthread_mutex_lock(&orders->lock);
	while ((orders->first != NULL || orders->busy) && !orders->failing)
		pthread_cond_wait(&orders->quiet, &orders->lock);
	err = orders->failing ? MR_ERR_IO : 0;
	pthread_mutex_unlock(&orders->lock);
	return err;
}
