/*
 * The memory of accounts, sources and the site, and what makes it durable. Two parts: a sharded table in memory, which is
 * all that a decision touches, and a durable part behind it (lmdb.c), written by a thread of the store's own. Without a
 * durable part it is the memory store: replay and tests use it.
 *
 * Thread-safe. A record is used between _get and _done only: its shard is locked meanwhile, so the time is short and
 * never holds another record. Nothing here waits for the disk but mr_store_order_wait, mr_store_flush and _close.
 */
#ifndef MR_STORE_STORE_H
#define MR_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/account.h"
#include "model/order.h"
#include "model/source.h"

struct mr_store;
struct mr_durable;

/* Something that an operator should know of: degraded, recovered, evicted, loaded. From any thread. */
enum mr_store_news { MR_STORE_DEGRADED, MR_STORE_RECOVERED, MR_STORE_EVICTED };
typedef void mr_store_tell(void *context, enum mr_store_news news, const char *sentence);

struct mr_store_options {
	uint64_t accounts, sources;  /* most records; at most half of the accounts are unknown ones */
	uint64_t windows;            /* bytes for counters of hard limits */
	struct mr_durable *durable;  /* ownership passes; NULL: memory only */
	mr_store_tell *tell;         /* may be NULL */
	void *tell_context;
	bool read_only;              /* looks at stored state, writes nothing */
	bool fixed_key;              /* without durable: the secret key is all zero, so that replay gives the same each time */
};

/* Loads all that durable holds. MR_ERR_*: nothing was opened; what to say is in why_r (256 bytes): the path, the cause
 * and the likely cure. A store that is damaged in part opens: it is degraded from the start. */
int mr_store_open(const struct mr_store_options *options, char why_r[256], struct mr_store **store_r);
/* Writes what is not written yet, waits for it, frees all. */
void mr_store_close(struct mr_store **store);
/* True while the durable part cannot be written or was damaged. */
bool mr_store_degraded(const struct mr_store *store);

/* Identity of a name: SipHash-2-4-128-like keyed hash with the store's secret key; kind keeps logins, sources and the
 * rest apart. */
enum mr_key_space { MR_KEY_ACCOUNT, MR_KEY_SOURCE, MR_KEY_WINDOW };
void mr_store_key(const struct mr_store *store, enum mr_key_space space, unsigned kind, struct mr_str name,
		  struct mr_key *key_r);
/* Turns a key of MR_KEY_WINDOW of kind 0 into that of another kind of the same name, which lies beside it. */
void mr_store_window_key(struct mr_key *key, unsigned kind);

/* The record of key, its shard locked. create: makes one when there is none (name is kept for people); NULL: there is
 * none, or no room (every record of its pool is frozen or held). *fresh_r: it was made now, all but key, kind and name is 0.
 * now_ms only says when evictions were last told of. */
struct mr_account *mr_store_account_get(struct mr_store *store, const struct mr_key *key, enum mr_account_kind kind,
					struct mr_str name, int64_t now_ms, bool create, bool *fresh_r);
/* Unlocks. changed: it will be written within a second; account->revision is counted up here. Which pool the record
 * belongs to is read from known and standing.state here. */
void mr_store_account_done(struct mr_store *store, struct mr_account *account, bool changed);
struct mr_source *mr_store_source_get(struct mr_store *store, const struct mr_key *key, int64_t now_ms, bool create,
				      bool *fresh_r);
void mr_store_source_done(struct mr_store *store, struct mr_source *source, bool changed);
/* The one site record, locked, with room for what the site has seen (two generations of a Bloom filter). */
struct mr_site *mr_store_site_get(struct mr_store *store);
void mr_store_site_done(struct mr_store *store, bool changed);

/* The counter of one hard limit: room of exactly size bytes, zeroed when fresh, its shard locked; NULL: no room. size is
 * part of the identity. idle_ms: it may be forgotten when nobody has asked for it for so long. */
void *mr_store_window_get(struct mr_store *store, const struct mr_key *key, size_t size, int64_t now_ms,
			  int64_t idle_ms, bool *fresh_r);
/* The same for one that is there: NULL when there is none. */
void *mr_store_window_find(struct mr_store *store, const struct mr_key *key, size_t size, int64_t now_ms,
			   int64_t idle_ms);
void mr_store_window_done(struct mr_store *store, void *window, bool changed);

/* ---- Orders: what must not be lost ---- */

/* Called when the order is on disk (err 0) or could not be written (MR_ERR_IO: it is in force in memory only), from the
 * store's thread; at once and in the same thread in a memory store. */
typedef void mr_store_done(void *context, int err);

/* Puts order into the journal together with the record that it changed, copied now; several orders share one commit.
 * account or source may be NULL; a copy is one that was taken while the record was held. Of two copies of one record the
 * one with the higher revision stays, whatever the order of the calls. Call it without holding a record. order->number is
 * given. done is called exactly once. After MR_ERR_IO the order stays queued and is written as soon as that works again.
 * MR_ERR_NOMEM, MR_ERR_FULL (some 10,000 orders wait already: it is in the journal in memory only, and what it changed is
 * written behind): done was called with MR_ERR_IO. MR_ERR_STATE: the store is read-only; done is not called. */
int mr_store_order(struct mr_store *store, struct mr_order *order, const struct mr_account *account,
		   const struct mr_source *source, mr_store_done *done, void *context);
/* The same, and waits until it is on disk. MR_ERR_IO: it is in memory only. */
int mr_store_order_wait(struct mr_store *store, struct mr_order *order, const struct mr_account *account,
			const struct mr_source *source);
/* All that has been changed until now is on disk. */
int mr_store_flush(struct mr_store *store);

/* ---- Looking ---- */

/* Calls look for copies of records, shard by shard, without a lock held; stops when it returns false. at_least: only
 * accounts in this state or a higher one. */
typedef bool mr_account_look(void *context, const struct mr_account *account);
typedef bool mr_source_look(void *context, const struct mr_source *source);
typedef bool mr_order_look(void *context, const struct mr_order *order);
void mr_store_accounts(struct mr_store *store, enum mr_account_state at_least, mr_account_look *look, void *context);
void mr_store_sources(struct mr_store *store, bool blocked_only, mr_source_look *look, void *context);
/* The journal, newest first; from memory what is kept of it there (at least the last 1,000 orders). */
void mr_store_orders(struct mr_store *store, mr_order_look *look, void *context);

/* Small named values that must outlive a restart ("clock", "exemption:newsletter"): 1 to 64 bytes of name and at most 256
 * of value, 4,096 notes at most. Written behind like records. n 0 removes it. get: MR_ERR_NOTFOUND, MR_ERR_RANGE (size is
 * too small). set: MR_ERR_RANGE, MR_ERR_FULL, MR_ERR_NOMEM. */
int mr_store_note_get(struct mr_store *store, struct mr_str name, void *value_r, size_t size, size_t *n_r);
int mr_store_note_set(struct mr_store *store, struct mr_str name, const void *value, size_t n);

struct mr_store_counts {
	uint64_t accounts, known_accounts, sources, windows, window_bytes;
	uint64_t evicted_accounts, evicted_sources, evicted_windows, refused_accounts;
	uint64_t written_records, written_bytes, commits, orders;
	uint64_t memory_bytes;      /* of tables and records */
	int64_t oldest_unwritten_ms; /* age of the oldest change that is not on disk, by the steady clock; 0: none */
	bool degraded;
};
void mr_store_count(struct mr_store *store, struct mr_store_counts *counts_r);

/* ---- The durable part ---- */

/* Opens or makes the LMDB files in directory. MR_ERR_* with the sentence in why_r: a missing folder, a wrong owner, a
 * format of a later version, another process that has it open. capacity: records that the map must have room for. */
int mr_lmdb_open(const char *directory, bool read_only, uint64_t capacity_bytes, char why_r[256],
		 struct mr_durable **durable_r);

#endif
