/*
 * Accounts, sources and windows as the engine asks for them: which pool a record belongs to, and which one goes when
 * there is no room. Where records lie is table.c's business, and windows.c's.
 */
#include "store/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum {
	RESERVE_PART = 16,       /* known accounts leave a 16th of the room to names never seen before */
	EVICTIONS_TOLD_MS = 60000,
	TRIES = 4,
};

static enum mr_list list_of_account(const struct mr_account *account)
{
	if (account->standing.state >= MR_ACCOUNT_HELD)
		return MR_LIST_PINNED;
	return account->known != 0 ? MR_LIST_KNOWN : MR_LIST_UNKNOWN;
}

static enum mr_list list_of_source(const struct mr_source *source)
{
	return source->state != MR_ACCOUNT_NORMAL ? MR_LIST_PINNED : MR_LIST_UNKNOWN;
}

/* ---- Evictions are told ---- */

/* Not at once: whoever evicts holds a shard. */
static void note_eviction(struct mr_store *store, int64_t now_ms)
{
	int_fast64_t told = atomic_load(&store->evictions_told_ms);

	if ((told == INT64_MIN || now_ms - told >= EVICTIONS_TOLD_MS || now_ms < told) &&
	    atomic_compare_exchange_strong(&store->evictions_told_ms, &told, now_ms))
		atomic_store(&store->tell_evictions, true);
}

static void tell_evictions(struct mr_store *store)
{
	char sentence[320];

	if (!atomic_load_explicit(&store->tell_evictions, memory_order_relaxed) ||
	    !atomic_exchange(&store->tell_evictions, false))
		return;
	snprintf(sentence, sizeof(sentence),
		 "The state is full (%llu accounts of %llu, %llu sources of %llu): since the start %llu accounts and %llu sources "
		 "that were not used for long were forgotten. If these are real users, raise state.accounts or state.sources.",
		 (unsigned long long)mr_table_all(store->accounts), (unsigned long long)mr_table_capacity(store->accounts),
		 (unsigned long long)mr_table_all(store->sources), (unsigned long long)mr_table_capacity(store->sources),
		 (unsigned long long)mr_table_evicted(store->accounts), (unsigned long long)mr_table_evicted(store->sources));
	mr_store_say(store, MR_STORE_EVICTED, sentence);
}

/* ---- Accounts ---- */

/* Room for one more unknown account. False: what would have to go is frozen or held. */
static bool make_account_room(struct mr_store *store, struct mr_shard *shard, int64_t now_ms)
{
	struct mr_table *table = store->accounts;
	uint64_t capacity = mr_table_capacity(table), unknown = mr_table_count(table, MR_LIST_UNKNOWN);
	uint64_t half = capacity < 2 ? 1 : capacity / 2, reserve = capacity / RESERVE_PART;
	bool unknown_goes;

	if (unknown + atomic_load(&store->unknown_pinned) >= half)
		unknown_goes = true;
	else if (mr_table_all(table) < capacity)
		return true;
	else
		unknown_goes = unknown > reserve || mr_table_count(table, MR_LIST_KNOWN) == 0;
	if (!mr_table_evict(table, shard, unknown_goes ? MR_LIST_UNKNOWN : MR_LIST_KNOWN))
		return false;
	note_eviction(store, now_ms);
	return true;
}

static struct mr_account *make_account(struct mr_store *store, struct mr_shard *shard, const struct mr_key *key,
				       enum mr_account_kind kind, struct mr_str name, int64_t now_ms)
{
	struct mr_record *record = NULL;
	struct mr_account *account;

	/* Between making room and taking it, another thread may have taken it. */
	for (int i = 0; i < TRIES && record == NULL; i++) {
		if (!make_account_room(store, shard, now_ms))
			break;
		record = mr_table_insert(store->accounts, shard, key, MR_LIST_UNKNOWN);
	}
	if (record == NULL) {
		atomic_fetch_add(&store->refused, 1);
		return NULL;
	}
	account = mr_record_payload(record);
	account->kind = (uint8_t)kind;
	account->revision = mr_table_floor(store->accounts);
	account->name_cut = name.n > sizeof(account->name);
	if (name.n > 0)
		memcpy(account->name, name.p, account->name_cut ? sizeof(account->name) : name.n);
	return account;
}

/* Asks for all lines of a record at once: in a big table each of them has to come from far. */
static void fetch_ahead(const struct mr_account *account)
{
	enum { LINE = 64 };

	for (size_t at = LINE; at < sizeof(*account); at += LINE)
		__builtin_prefetch((const char *)account + at, 1);
}

struct mr_account *mr_store_account_get(struct mr_store *store, const struct mr_key *key, enum mr_account_kind kind,
					struct mr_str name, int64_t now_ms, bool create, bool *fresh_r)
{
	struct mr_shard *shard = mr_table_lock(store->accounts, key);
	struct mr_record *record = mr_table_find(store->accounts, shard, key);
	struct mr_account *account = NULL;

	if (record != NULL) {
		record->flags |= MR_RECORD_USED;
		account = mr_record_payload(record);
		if (create)
			fetch_ahead(account);
	} else if (create) {
		account = make_account(store, shard, key, kind, name, now_ms);
	}
	if (fresh_r != NULL)
		*fresh_r = record == NULL && account != NULL;
	if (account == NULL)
		pthread_mutex_unlock(&shard->lock);
	return account;
}

/* Puts the record where it belongs now. What unknown names take up is counted also while it is pinned. */
static void relist_account(struct mr_store *store, struct mr_shard *shard, struct mr_record *record)
{
	const struct mr_account *account = mr_record_payload(record);
	enum mr_list list = list_of_account(account);
	bool counts = list == MR_LIST_PINNED && account->known == 0;

	if (counts != ((record->flags & MR_RECORD_COUNTED) != 0)) {
		record->flags ^= MR_RECORD_COUNTED;
		if (counts)
			atomic_fetch_add(&store->unknown_pinned, 1);
		else
			atomic_fetch_sub(&store->unknown_pinned, 1);
	}
	if (record->list != (uint8_t)list)
		mr_table_move(store->accounts, shard, record, list);
}

void mr_store_account_done(struct mr_store *store, struct mr_account *account, bool changed)
{
	struct mr_record *record = mr_record_of(account);
	struct mr_shard *shard = mr_table_shard_at(store->accounts, record->shard);

	if (changed) {
		account->revision++;
		relist_account(store, shard, record);
		if (mr_store_writes(store)) {
			mr_table_changed(store->accounts, shard, record);
			mr_behind_note(store->behind);
		}
	}
	pthread_mutex_unlock(&shard->lock);
	tell_evictions(store);
}

/* ---- Sources ---- */

static struct mr_source *make_source(struct mr_store *store, struct mr_shard *shard, const struct mr_key *key, int64_t now_ms)
{
	struct mr_record *record = NULL;

	for (int i = 0; i < TRIES && record == NULL; i++) {
		if (mr_table_all(store->sources) >= mr_table_capacity(store->sources)) {
			if (!mr_table_evict(store->sources, shard, MR_LIST_UNKNOWN))
				return NULL;
			note_eviction(store, now_ms);
		}
		record = mr_table_insert(store->sources, shard, key, MR_LIST_UNKNOWN);
	}
	if (record == NULL)
		return NULL;
	((struct mr_source *)mr_record_payload(record))->revision = mr_table_floor(store->sources);
	return mr_record_payload(record);
}

struct mr_source *mr_store_source_get(struct mr_store *store, const struct mr_key *key, int64_t now_ms, bool create,
				      bool *fresh_r)
{
	struct mr_shard *shard = mr_table_lock(store->sources, key);
	struct mr_record *record = mr_table_find(store->sources, shard, key);
	struct mr_source *source = NULL;

	if (record != NULL) {
		record->flags |= MR_RECORD_USED;
		source = mr_record_payload(record);
	} else if (create) {
		source = make_source(store, shard, key, now_ms);
	}
	if (fresh_r != NULL)
		*fresh_r = record == NULL && source != NULL;
	if (source == NULL)
		pthread_mutex_unlock(&shard->lock);
	return source;
}

void mr_store_source_done(struct mr_store *store, struct mr_source *source, bool changed)
{
	struct mr_record *record = mr_record_of(source);
	struct mr_shard *shard = mr_table_shard_at(store->sources, record->shard);

	if (changed) {
		enum mr_list list = list_of_source(source);

		source->revision++;
		if (record->list != (uint8_t)list)
			mr_table_move(store->sources, shard, record, list);
		if (mr_store_writes(store)) {
			mr_table_changed(store->sources, shard, record);
			mr_behind_note(store->behind);
		}
	}
	pthread_mutex_unlock(&shard->lock);
	tell_evictions(store);
}

/* ---- Windows and the site ---- */

void *mr_store_window_get(struct mr_store *store, const struct mr_key *key, size_t size, int64_t now_ms,
			  int64_t idle_ms, bool *fresh_r)
{
	bool fresh;
	void *window = mr_windows_get(store->windows, key, size, now_ms, idle_ms, true, &fresh);

	if (fresh_r != NULL)
		*fresh_r = fresh;
	return window;
}

void *mr_store_window_find(struct mr_store *store, const struct mr_key *key, size_t size, int64_t now_ms,
			   int64_t idle_ms)
{
	bool fresh;

	return mr_windows_get(store->windows, key, size, now_ms, idle_ms, false, &fresh);
}

void mr_store_window_done(struct mr_store *store, void *window, bool changed)
{
	mr_windows_done(store->windows, window, changed);
	if (changed && mr_store_writes(store))
		mr_behind_note(store->behind);
}

struct mr_site *mr_store_site_get(struct mr_store *store)
{
	pthread_mutex_lock(&store->site_lock);
	return store->site;
}

void mr_store_site_done(struct mr_store *store, bool changed)
{
	store->site_changed = store->site_changed || changed;
	pthread_mutex_unlock(&store->site_lock);
	if (changed && mr_store_writes(store))
		mr_behind_note(store->behind);
}

/* ---- Loading ---- */

static void write_again(struct mr_store *store, struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	if (!mr_store_writes(store))
		return;
	mr_table_changed(table, shard, record);
	mr_behind_note(store->behind);
}

void mr_store_restore_account(struct mr_store *store, const struct mr_account *account, bool copied)
{
	struct mr_shard *shard = mr_table_lock(store->accounts, &account->key);
	struct mr_record *record = mr_table_find(store->accounts, shard, &account->key);
	struct mr_account *mine = record == NULL ? NULL : mr_record_payload(record);
	bool newer = mine == NULL || account->revision >= mine->revision;

	if (mine == NULL) {
		mine = make_account(store, shard, &account->key, (enum mr_account_kind)account->kind, MR_STR_ABSENT, 0);
		record = mine == NULL ? NULL : mr_record_of(mine);
	}
	if (record != NULL) {
		if (newer && memcmp(mine, account, sizeof(*mine)) != 0) {
			*mine = *account;
			relist_account(store, shard, record);
			if (copied)
				write_again(store, store->accounts, shard, record);
		}
		record->flags |= copied ? MR_RECORD_ORDERED : MR_RECORD_STORED;
	}
	if (copied)
		mr_table_raise_floor(store->accounts, account->revision + 1);
	pthread_mutex_unlock(&shard->lock);
}

void mr_store_restore_source(struct mr_store *store, const struct mr_source *source, bool copied)
{
	struct mr_shard *shard = mr_table_lock(store->sources, &source->key);
	struct mr_record *record = mr_table_find(store->sources, shard, &source->key);
	struct mr_source *mine = record == NULL ? NULL : mr_record_payload(record);
	bool newer = mine == NULL || source->revision >= mine->revision;

	if (mine == NULL) {
		mine = make_source(store, shard, &source->key, 0);
		record = mine == NULL ? NULL : mr_record_of(mine);
	}
	if (record != NULL) {
		if (newer && memcmp(mine, source, sizeof(*mine)) != 0) {
			enum mr_list list = list_of_source(source);

			*mine = *source;
			if (record->list != (uint8_t)list)
				mr_table_move(store->sources, shard, record, list);
			if (copied)
				write_again(store, store->sources, shard, record);
		}
		record->flags |= copied ? MR_RECORD_ORDERED : MR_RECORD_STORED;
	}
	if (copied)
		mr_table_raise_floor(store->sources, source->revision + 1);
	pthread_mutex_unlock(&shard->lock);
}
