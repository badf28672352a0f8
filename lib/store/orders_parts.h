/* What the files orders*.c share. Private to them. */
#ifndef MR_STORE_ORDERS_PARTS_H
#define MR_STORE_ORDERS_PARTS_H

#include "store/internal.h"

enum { MR_COMMIT_MOST = 1024 }; /* orders in one commit */

struct mr_queued {
	struct mr_queued *next;
	mr_store_done *done; /* NULL: was called */
	void *context;
	struct mr_commit commit;
};

/* What is committed at once. */
struct mr_orders_batch {
	const struct mr_commit *commits[MR_COMMIT_MOST];
	size_t count;
	struct mr_queued *first;  /* they stay in the queue until they are written */
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

	struct mr_queued *first, **last;
	size_t queued;
	struct mr_forget *forget;
	size_t forget_count, forget_room;
	bool started, stop, failing, busy;
	uint64_t commits, orders_written;
	int wake;
	pthread_t thread;

	pthread_mutex_t committing; /* held by whoever commits; taken before lock */
	struct mr_orders_batch batch;         /* theirs */
};

/* ---- orders_journal.c ---- */
/* Puts a copy of order into the journal in memory, where the oldest makes room. orders->lock is held. Without memory
 * nothing is kept. */
void mr_orders_keep(struct mr_orders *orders, const struct mr_order *order);

/* ---- orders_commit.c ---- */
/* Wakes the thread that commits. Any thread, after mr_orders_start. */
void mr_orders_wake(struct mr_orders *orders);
/* Commits what waits, all of it, and calls those who wait for it. Any thread, no lock held. False: that does not work
 * now; what waits stays in the queue. */
bool mr_orders_commit_waiting(struct mr_orders *orders);

#endif
