/*
 * Orders are taken here: numbered, put into the journal in memory and into the queue to the disk, and waited for if the
 * caller wants to. What an order changes is in force in memory already when it comes here; orders_commit.c makes it
 * durable, or it is kept until the disk works again. Called by the engine through store.h.
 */
#include "store/orders_parts.h"

#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
	QUEUED_MOST = 10000, /* orders that wait for a disk that does not work */
	FORGET_MOST = 65536,
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

void mr_orders_free(struct mr_orders **orders)
{
	struct mr_orders *o = *orders;

	if (o == NULL)
		return;
	if (o->started) {
		pthread_mutex_lock(&o->lock);
		o->stop = true;
		pthread_mutex_unlock(&o->lock);
		mr_orders_wake(o);
		pthread_join(o->thread, NULL);
	}
	while (o->first != NULL) {
		struct mr_queued *next = o->first->next;

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
	counts->memory_bytes += orders->kept_room * sizeof(*orders->kept) + orders->queued * sizeof(struct mr_queued);
	pthread_mutex_unlock(&orders->lock);
}

/* ---- Taking orders ---- */

/* From here on the file of orders may have a copy of the record. */
static void mark_ordered(struct mr_table *table, const struct mr_key *key)
{
	struct mr_shard *shard = mr_table_lock(table, key);
	struct mr_record *record = mr_table_find(table, shard, key);

	if (record != NULL)
		record->flags |= MR_RECORD_ORDERED;
	pthread_mutex_unlock(&shard->lock);
}

static struct mr_queued *make_queued(struct mr_store *store, const struct mr_account *account,
				     const struct mr_source *source)
{
	struct mr_queued *queued = mr_calloc(1, sizeof(*queued));

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
static int enqueue(struct mr_orders *orders, struct mr_order *order, struct mr_queued *queued, mr_store_done *done,
		   void *context, bool *told_r)
{
	int err = 0;

	*told_r = false;
	pthread_mutex_lock(&orders->lock);
	order->number = ++orders->last_number;
	end_texts(order);
	mr_orders_keep(orders, order);
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
	struct mr_queued *queued;
	bool told;
	int err;

	*queued_r = false;
	if (store->options.read_only)
		return MR_ERR_STATE;
	if (!orders->started) {
		pthread_mutex_lock(&orders->lock);
		order->number = ++orders->last_number;
		end_texts(order);
		mr_orders_keep(orders, order);
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
		mr_orders_wake(store->orders);
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

/* ---- Waiting for one ---- */

/* Whoever waits for an order commits it, and what others gave meanwhile: that saves waking the thread and being woken
 * by it. While another commits, orders gather here for the next commit. */
static void commit_in_this_thread(struct mr_orders *orders)
{
	if (!mr_orders_commit_waiting(orders))
		mr_orders_wake(orders);
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
