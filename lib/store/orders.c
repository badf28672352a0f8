/*
 * Orders: the journal in memory, the queue to the disk, and the thread that commits what waits, all of it at once.
 * What an order changes is in force in memory already when it comes here; here it becomes durable, or is kept until the
 * disk works again. Called by the engine through store.h.
 */
#include "store/internal.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
	KEPT = 1024,         /* orders in memory */
	QUEUED_MOST = 10000, /* orders that wait for a disk that does not work */
	COMMIT_MOST = 1024,  /* orders in one commit */
	FORGET_MOST = 65536,
	PAUSE_FIRST_MS = 100,
	PAUSE_MOST_MS = 5000,
};

struct queued {
	struct queued *next;
	mr_store_done *done; /* NULL: was called */
	void *context;
	struct mr_commit commit;
};

/* What is committed at once. */
struct batch {
	const struct mr_commit *commits[COMMIT_MOST];
	size_t count;
	struct queued *first;  /* they stay in the queue until they are written */
	struct mr_forget *forget;
	size_t forget_count;
};

struct mr_orders {
	struct mr_store *store;
	pthread_mutex_t lock;
	pthread_cond_t quiet;     /* nothing waits to be tried */
	struct mr_order *kept;    /* a ring */
	size_t kept_room, kept_count, kept_next;
	uint64_t last_number;

	struct queued *first, **last;
	size_t queued;
	struct mr_forget *forget;
	size_t forget_count, forget_room;
	bool started, stop, failing, busy;
	uint64_t commits, orders_written;
	int wake;
	pthread_t thread;

	pthread_mutex_t committing; /* held by whoever commits; taken before lock */
	struct batch batch;         /* theirs */
};

struct mr_orders *mr_orders_new(struct mr_store *store)
{
	struct mr_orders *orders = mr_calloc(1, sizeof(*orders));

	if (orders == NULL)
		return NULL;
	orders->store = store;
	orders->last = &orders->first;
	orders->wake = -1;
	pthread_mutex_init(&orders->lock, NULL);
	pthread_mutex_init(&orders->committing, NULL);
	pthread_cond_init(&orders->quiet, NULL);
	return orders;
}

/* ---- The journal in memory ---- */

static bool grow_kept(struct mr_orders *orders)
{
	size_t room = orders->kept_room == 0 ? 16 : orders->kept_room * 2;
	struct mr_order *kept;

	if (orders->kept_count < orders->kept_room || orders->kept_room == KEPT)
		return true;
	kept = mr_realloc(orders->kept, room, sizeof(*kept));
	if (kept == NULL)
		return orders->kept_room > 0;
	/* It never went round before it is full, so the order of what is in it stays. */
	orders->kept = kept;
	orders->kept_room = room;
	orders->kept_next = orders->kept_count;
	return true;
}

static void keep(struct mr_orders *orders, const struct mr_order *order)
{
	if (!grow_kept(orders))
		return;
	if (orders->kept_next == orders->kept_room)
		orders->kept_next = 0;
	orders->kept[orders->kept_next++] = *order;
	if (orders->kept_count < orders->kept_room)
		orders->kept_count++;
}

void mr_orders_restore(struct mr_orders *orders, const struct mr_order *order)
{
	pthread_mutex_lock(&orders->lock);
	keep(orders, order);
	if (order->number > orders->last_number)
		orders->last_number = order->number;
	pthread_mutex_unlock(&orders->lock);
}

void mr_store_orders(struct mr_store *store, mr_order_look *look, void *context)
{
	struct mr_orders *orders = store->orders;
	struct mr_order *copy;
	size_t count, next;

	pthread_mutex_lock(&orders->lock);
	count = orders->kept_count;
	next = orders->kept_next;
	copy = count == 0 ? NULL : mr_calloc(count, sizeof(*copy));
	for (size_t i = 0; copy != NULL && i < count; i++) {
		next = next == 0 ? orders->kept_count - 1 : next - 1;
		copy[i] = orders->kept[next];
	}
	pthread_mutex_unlock(&orders->lock);
	for (size_t i = 0; copy != NULL && i < count && look(context, &copy[i]); i++)
		;
	mr_free(copy);
}

/* ---- Taking orders ---- */

static void wake(struct mr_orders *orders)
{
	const uint64_t one = 1;
	ssize_t ignored = write(orders->wake, &one, sizeof(one));

	(void)ignored; /* full means that it is awake */
}

/* From here on the file of orders may have a copy of the record. */
static void mark_ordered(struct mr_table *table, const struct mr_key *key)
{
	struct mr_shard *shard = mr_table_lock(table, key);
	struct mr_record *record = mr_table_find(table, shard, key);

	if (record != NULL)
		record->flags |= MR_RECORD_ORDERED;
	pthread_mutex_unlock(&shard->lock);
}

static struct queued *make_queued(struct mr_store *store, const struct mr_account *account, const struct mr_source *source)
{
	struct queued *queued = mr_calloc(1, sizeof(*queued));

	if (queued == NULL)
		return NULL;
	if (account != NULL) {
		queued->commit.has_account = true;
		queued->commit.account = *account;
		mark_ordered(store->accounts, &account->key);
	}
	if (source != NULL) {
		queued->commit.has_source = true;
		queued->commit.source = *source;
		mark_ordered(store->sources, &source->key);
	}
	return queued;
}

static void end_texts(struct mr_order *order)
{
	order->event_id[sizeof(order->event_id) - 1] = '\0';
	order->subject[sizeof(order->subject) - 1] = '\0';
	order->operator_name[sizeof(order->operator_name) - 1] = '\0';
	order->reason[sizeof(order->reason) - 1] = '\0';
}

/* Numbers the order and puts it into the journal and the queue. *told_r: the disk does not work now, so done is for the
 * caller to call. */
static int enqueue(struct mr_orders *orders, struct mr_order *order, struct queued *queued, mr_store_done *done,
		   void *context, bool *told_r)
{
	int err = 0;

	*told_r = false;
	pthread_mutex_lock(&orders->lock);
	order->number = ++orders->last_number;
	end_texts(order);
	keep(orders, order);
	if (queued == NULL) {
		err = MR_ERR_NOMEM;
	} else if (orders->queued >= QUEUED_MOST) {
		err = MR_ERR_FULL;
	} else {
		*told_r = orders->failing;
		queued->commit.order = *order;
		queued->done = *told_r ? NULL : done;
		queued->context = context;
		*orders->last = queued;
		orders->last = &queued->next;
		orders->queued++;
	}
	pthread_mutex_unlock(&orders->lock);
	return err;
}

/* As mr_store_order, and wakes nobody. *queued_r: it waits for a commit. */
static int give(struct mr_store *store, struct mr_order *order, const struct mr_account *account,
		const struct mr_source *source, mr_store_done *done, void *context, bool *queued_r)
{
	struct mr_orders *orders = store->orders;
	struct queued *queued;
	bool told;
	int err;

	*queued_r = false;
	if (store->options.read_only)
		return MR_ERR_STATE;
	if (!orders->started) {
		pthread_mutex_lock(&orders->lock);
		order->number = ++orders->last_number;
		end_texts(order);
		keep(orders, order);
		pthread_mutex_unlock(&orders->lock);
		if (done != NULL)
			done(context, 0);
		return 0;
	}
	queued = make_queued(store, account, source);
	err = enqueue(orders, order, queued, done, context, &told);
	*queued_r = err == 0 && !told;
	if (err != 0)
		mr_free(queued);
	if ((err != 0 || told) && done != NULL)
		done(context, MR_ERR_IO);
	return err;
}

int mr_store_order(struct mr_store *store, struct mr_order *order, const struct mr_account *account,
		   const struct mr_source *source, mr_store_done *done, void *context)
{
	bool queued;
	int err = give(store, order, account, source, done, context, &queued);

	if (queued)
		wake(store->orders);
	return err;
}

void mr_orders_forget(struct mr_orders *orders, enum mr_stored_kind kind, const struct mr_key *key, uint32_t revision)
{
	pthread_mutex_lock(&orders->lock);
	if (orders->forget_count == orders->forget_room && orders->forget_room < FORGET_MOST) {
		size_t room = orders->forget_room == 0 ? 64 : orders->forget_room * 2;
		struct mr_forget *forget = mr_realloc(orders->forget, room, sizeof(*forget));

		if (forget != NULL) {
			orders->forget = forget;
			orders->forget_room = room;
		}
	}
	/* What finds no room is found again at the next start. */
	if (orders->forget_count < orders->forget_room)
		orders->forget[orders->forget_count++] = (struct mr_forget){ kind, *key, revision };
	pthread_mutex_unlock(&orders->lock);
}

/* ---- The thread ---- */

static bool take_batch(struct mr_orders *orders, struct batch *batch)
{
	pthread_mutex_lock(&orders->lock);
	batch->count = 0;
	batch->first = orders->first;
	for (struct queued *q = orders->first; q != NULL && batch->count < COMMIT_MOST; q = q->next)
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
static void batch_written(struct mr_orders *orders, struct batch *batch)
{
	struct queued *queued = batch->first, *next;

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
	struct queued *queued;
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

static bool commit_batch(struct mr_orders *orders, struct batch *batch)
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

/* Commits what waits, all of it. False: that does not work now. */
static bool commit_waiting(struct mr_orders *orders)
{
	bool works = true;

	pthread_mutex_lock(&orders->committing);
	while (works && take_batch(orders, &orders->batch))
		works = commit_batch(orders, &orders->batch);
	now_quiet(orders);
	pthread_mutex_unlock(&orders->committing);
	return works;
}

/* Whoever waits for an order commits it, and what others gave meanwhile: that saves waking the thread and being woken by
 * it. While another commits, orders gather here for the next commit. */
static void commit_in_this_thread(struct mr_orders *orders)
{
	if (!commit_waiting(orders))
		wake(orders);
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool done;
	int err;
};

static void tell_waiter(void *context, int err)
{
	struct waiter *waiter = context;

	pthread_mutex_lock(&waiter->lock);
	waiter->done = true;
	waiter->err = err;
	pthread_cond_signal(&waiter->told);
	pthread_mutex_unlock(&waiter->lock);
}

int mr_store_order_wait(struct mr_store *store, struct mr_order *order, const struct mr_account *account,
			const struct mr_source *source)
{
	struct waiter waiter = { .done = false };
	bool queued;
	int err;

	pthread_mutex_init(&waiter.lock, NULL);
	pthread_cond_init(&waiter.told, NULL);
	err = give(store, order, account, source, tell_waiter, &waiter, &queued);
	if (queued)
		commit_in_this_thread(store->orders);
	if (err != MR_ERR_STATE) {
		pthread_mutex_lock(&waiter.lock);
		while (!waiter.done)
			pthread_cond_wait(&waiter.told, &waiter.lock);
		err = waiter.err;
		pthread_mutex_unlock(&waiter.lock);
	}
	pthread_cond_destroy(&waiter.told);
	pthread_mutex_destroy(&waiter.lock);
	return err;
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
		if (commit_waiting(orders))
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

void mr_orders_free(struct mr_orders **orders)
{
	struct mr_orders *o = *orders;

	if (o == NULL)
		return;
	if (o->started) {
		pthread_mutex_lock(&o->lock);
		o->stop = true;
		pthread_mutex_unlock(&o->lock);
		wake(o);
		pthread_join(o->thread, NULL);
	}
	while (o->first != NULL) {
		struct queued *next = o->first->next;

		mr_free(o->first);
		o->first = next;
	}
	if (o->wake >= 0)
		close(o->wake);
	pthread_cond_destroy(&o->quiet);
	pthread_mutex_destroy(&o->lock);
	pthread_mutex_destroy(&o->committing);
	mr_free(o->forget);
	mr_free(o->kept);
	mr_free(o);
	*orders = NULL;
}

void mr_orders_counts(struct mr_orders *orders, struct mr_store_counts *counts)
{
	pthread_mutex_lock(&orders->lock);
	counts->orders = orders->last_number;
	counts->commits += orders->commits;
	counts->memory_bytes += orders->kept_room * sizeof(*orders->kept) + orders->queued * sizeof(struct queued);
	pthread_mutex_unlock(&orders->lock);
}
