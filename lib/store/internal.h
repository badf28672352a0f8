/* What the files of the store share among themselves. Not for other rooms. */
#ifndef MR_STORE_INTERNAL_H
#define MR_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/durable.h"
#include "store/store.h"
#include "store/table.h"
#include "store/windows.h"

struct mr_orders;
struct mr_behind;
struct mr_notes;

/* Why a store is degraded; several may hold. */
enum mr_ailment { MR_AILS_ORDERS = 1, MR_AILS_RECORDS = 2, MR_AILS_DAMAGE = 4 };

struct mr_store {
	struct mr_store_options options;
	unsigned char secret[MR_SECRET_BYTES];
	struct mr_table *accounts, *sources;
	struct mr_windows *windows;
	struct mr_notes *notes;
	struct mr_orders *orders;
	struct mr_behind *behind;      /* NULL: nothing is written behind */

	pthread_mutex_t site_lock;
	struct mr_site *site;
	bool site_changed;

	atomic_uint_fast64_t unknown_pinned; /* accounts that are pinned and not known */
	atomic_uint_fast64_t refused;

	atomic_uint ailments;
	pthread_mutex_t tell_lock;

	atomic_int_fast64_t evictions_told_ms;
	atomic_bool tell_evictions;
};

/* ---- store.c ---- */
void mr_store_say(struct mr_store *store, enum mr_store_news news, const char *sentence);
/* Sets or clears an ailment, and tells when the store became degraded or well by it. */
void mr_store_ails(struct mr_store *store, enum mr_ailment ailment, const char *sentence);
void mr_store_heals(struct mr_store *store, enum mr_ailment ailment);
/* True when changes are to be written. */
static inline bool mr_store_writes(const struct mr_store *store)
{
	return store->behind != NULL;
}

/* ---- records.c ---- */
/* A stored record put in before the store is used. copied: from the file of orders, which wins unless it is older. */
void mr_store_restore_account(struct mr_store *store, const struct mr_account *account, bool copied);
void mr_store_restore_source(struct mr_store *store, const struct mr_source *source, bool copied);

/* ---- notes.c ---- */
struct mr_notes *mr_notes_new(void);
void mr_notes_free(struct mr_notes **notes);
int mr_notes_put(struct mr_notes *notes, struct mr_str name, const void *value, size_t n, bool changed);
/* The changed notes, size 0: removed; they no longer count as changed once take returns true. True: all were
 * taken. */
typedef bool mr_note_take(void *context, const void *name, size_t name_n, const void *value, size_t n);
bool mr_notes_collect(struct mr_notes *notes, mr_note_take *take, void *context);
/* Every note counts as changed. */
void mr_notes_change_all(struct mr_notes *notes);

/* ---- orders.c, orders_journal.c, orders_commit.c ---- */
struct mr_orders *mr_orders_new(struct mr_store *store);
/* Commits what waits, if that works. */
void mr_orders_free(struct mr_orders **orders);
void mr_orders_restore(struct mr_orders *orders, const struct mr_order *order);
/* Starts the thread. MR_ERR_NOMEM. */
int mr_orders_start(struct mr_orders *orders);
/* The copy of a record is no longer needed: goes with the next commit. */
void mr_orders_forget(struct mr_orders *orders, enum mr_stored_kind kind, const struct mr_key *key, uint32_t revision);
/* Waits until no order waits to be tried. MR_ERR_IO: some could not be written. */
int mr_orders_flush(struct mr_orders *orders);
void mr_orders_counts(struct mr_orders *orders, struct mr_store_counts *counts);

/* ---- behind.c ---- */
struct mr_behind *mr_behind_new(struct mr_store *store);
int mr_behind_start(struct mr_behind *behind);
void mr_behind_free(struct mr_behind **behind);
/* Something was changed. From any thread, cheap. */
void mr_behind_note(struct mr_behind *behind);
int mr_behind_flush(struct mr_behind *behind);
void mr_behind_counts(struct mr_behind *behind, struct mr_store_counts *counts);

#endif
