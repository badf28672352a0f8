/*
 * Copies what was changed into the batch, shard by shard: accounts, sources, windows, the site, notes. It holds a
 * lock no longer than some records need, and never while it writes. Called by the thread in behind.c.
 */
#include "store/behind_parts.h"

#include <string.h>

#include "base/error.h"
#include "store/format.h"

enum { AT_ONCE = 32 }; /* records copied while a shard is locked */

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

		if (mr_behind_next_thing(behind, kind->kind, &gone->key, sizeof(gone->key), 0, &room) == NULL)
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

		if (behind->count == MR_BATCH_THINGS || behind->used + kind->value_size > MR_BATCH_BYTES) {
			fits = false;
			break;
		}
		record = mr_table_next_changed(kind->table, shard);
		payload = mr_record_payload(record);
		mr_behind_next_thing(behind, kind->kind, payload, sizeof(struct mr_key), kind->value_size, &room);
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
			if (!collect_some(behind, kind, mr_table_shard_at(kind->table, i), &more) && mr_behind_write_batch(behind) != 0)
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
	if (mr_behind_next_thing(behind, MR_STORED_WINDOW, key, sizeof(key), mr_format_window_size(view->size), &room) == NULL)
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
	return mr_behind_next_thing(behind, MR_STORED_WINDOW, key, sizeof(key), 0, &room) != NULL;
}

static int write_windows(struct mr_behind *behind)
{
	for (unsigned i = 0; i < mr_windows_shards(); i++) {
		while (!mr_windows_collect(behind->store->windows, i, take_window, gone_window, behind)) {
			if (mr_behind_write_batch(behind) != 0)
				return MR_ERR_IO;
		}
	}
	return 0;
}

static bool take_note(void *context, const void *name, size_t name_n, const void *value, size_t n)
{
	struct mr_behind *behind = context;
	void *room;

	if (mr_behind_next_thing(behind, MR_STORED_NOTE, name, name_n, n == 0 ? 0 : mr_format_note_size(n), &room) == NULL)
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
	if (mr_behind_next_thing(behind, MR_STORED_SITE, key, sizeof(key), mr_format_site_size(n), &room) == NULL) {
		if (mr_behind_write_batch(behind) != 0)
			return MR_ERR_IO;
		mr_behind_next_thing(behind, MR_STORED_SITE, key, sizeof(key), mr_format_site_size(n), &room);
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

/* ---- All of it ---- */

int mr_behind_collect(struct mr_behind *behind)
{
	struct mr_store *store = behind->store;
	const struct kind_of_record accounts = { MR_STORED_ACCOUNT, store->accounts, mr_format_account_size(), encode_account };
	const struct kind_of_record sources = { MR_STORED_SOURCE, store->sources, mr_format_source_size(), encode_source };

	if (mr_behind_write_batch(behind) != 0 || write_records(behind, &accounts) != 0 ||
	    write_records(behind, &sources) != 0 || write_windows(behind) != 0 || write_site(behind) != 0 ||
	    mr_behind_write_batch(behind) != 0)
		return MR_ERR_IO;
	while (!mr_notes_collect(store->notes, take_note, behind)) {
		if (mr_behind_write_batch(behind) != 0)
			return MR_ERR_IO;
	}
	return mr_behind_write_batch(behind);
}
