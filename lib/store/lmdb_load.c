/*
 * What the two files hold, read at the start, value by value. What is damaged is left out, counted, and taken out of
 * its file. What the values mean is in format.c. Called through the table of operations in lmdb.c, before anything is
 * written.
 */
#include "store/lmdb_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/format.h"

enum {
	ORDERS_LOADED = 1024,
	BAD_MOST = 1024,           /* damaged values that are taken out at the start */
};

struct bad {
	enum mr_lmdb_tree tree;
	unsigned char key[1 + MR_STORED_KEY_MAX];
	size_t key_size;
};

struct loading {
	const struct mr_loader *loader;
	bool copied;
	uint64_t damaged;
	struct bad *bad;
	size_t bad_count;
};

/* One value to where it belongs. MR_ERR_*: it is damaged. */
static int load_value(const struct loading *loading, enum mr_lmdb_tree tree, const MDB_val *key, const MDB_val *value)
{
	const struct mr_loader *loader = loading->loader;
	union {
		struct mr_account account;
		struct mr_source source;
		struct mr_order order;
		struct mr_window_view window;
	} r;
	const void *data;
	size_t at, n;
	int err = MR_ERR_SYNTAX;

	if (tree == (enum mr_lmdb_tree)MR_STORED_ACCOUNT) {
		err = mr_format_read_account(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &r.account);
		if (err == 0)
			loader->account(loader->context, &r.account, loading->copied);
	} else if (tree == (enum mr_lmdb_tree)MR_STORED_SOURCE) {
		err = mr_format_read_source(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &r.source);
		if (err == 0)
			loader->source(loader->context, &r.source, loading->copied);
	} else if (tree == (enum mr_lmdb_tree)MR_STORED_WINDOW) {
		err = mr_format_read_window(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &r.window);
		if (err == 0)
			loader->window(loader->context, &r.window.key, r.window.last_ms, r.window.idle_ms, r.window.data, r.window.size);
	} else if (tree == (enum mr_lmdb_tree)MR_STORED_SITE) {
		err = mr_format_read_site(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &at, &data, &n);
		if (err == 0)
			loader->site(loader->context, at, data, n);
	} else if (tree == (enum mr_lmdb_tree)MR_STORED_NOTE) {
		err = mr_format_read_note(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &data, &n);
		if (err == 0)
			loader->note(loader->context, key->mv_data, key->mv_size, data, n);
	} else if (tree == MR_TREE_ORDERS) {
		err = mr_format_read_order(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &r.order);
		if (err == 0)
			loader->order(loader->context, &r.order);
	}
	return err;
}

static void note_bad(struct loading *loading, enum mr_lmdb_tree tree, const MDB_val *key)
{
	struct bad *bad = &loading->bad[loading->bad_count];

	loading->damaged++;
	if (loading->bad_count == BAD_MOST || key->mv_size > sizeof(bad->key))
		return;
	bad->tree = tree;
	bad->key_size = key->mv_size;
	memcpy(bad->key, key->mv_data, key->mv_size);
	loading->bad_count++;
}

/* The journal is read from where its latest orders begin. */
static int first_of(MDB_cursor *cursor, const struct mr_lmdb_file *file, enum mr_lmdb_tree tree, MDB_val *key,
		    MDB_val *value)
{
	int err;

	if (tree != MR_TREE_ORDERS)
		return mr_lmdb_seek(cursor, file, tree, key, value);
	err = mr_lmdb_seek(cursor, file, MR_TREE_ORDERS + 1, key, value);
	err = err == MDB_NOTFOUND ? mdb_cursor_get(cursor, key, value, MDB_LAST) : err != 0 ? err
		: mdb_cursor_get(cursor, key, value, MDB_PREV);
	for (int i = 1; err == 0 && i < ORDERS_LOADED && mr_lmdb_is_in(file, tree, key); i++)
		err = mdb_cursor_get(cursor, key, value, MDB_PREV);
	return err == MDB_NOTFOUND || (err == 0 && !mr_lmdb_is_in(file, tree, key))
		? mr_lmdb_seek(cursor, file, tree, key, value) : err;
}

static int load_tree(struct mr_lmdb_file *file, MDB_txn *txn, enum mr_lmdb_tree tree, struct loading *loading)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	size_t before = file->is_orders ? 1 : 0;
	int err;

	if (!file->has[tree])
		return 0;
	err = mdb_cursor_open(txn, file->dbi[tree], &cursor);
	if (err != 0)
		return err;
	for (err = first_of(cursor, file, tree, &key, &value); err == 0 && mr_lmdb_is_in(file, tree, &key);
	     err = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		MDB_val own = { key.mv_size - before, (char *)key.mv_data + before };

		if (load_value(loading, tree, &own, &value) != 0)
			note_bad(loading, tree, &key);
	}
	mdb_cursor_close(cursor);
	return err == MDB_NOTFOUND ? 0 : err;
}

static int remove_bad(struct mr_lmdb_file *file, const struct loading *loading)
{
	MDB_txn *txn;
	int err = mdb_txn_begin(file->env, NULL, 0, &txn);

	if (err != 0)
		return err;
	for (size_t i = 0; i < loading->bad_count && (err == 0 || err == MDB_NOTFOUND); i++) {
		MDB_val key = { loading->bad[i].key_size, (void *)(uintptr_t)loading->bad[i].key };

		err = mdb_del(txn, file->dbi[loading->bad[i].tree], &key, NULL);
	}
	if (err == 0 || err == MDB_NOTFOUND)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return err;
}

static uint64_t entries_of(const struct mr_lmdb_file *file, MDB_txn *txn, enum mr_stored_kind kind)
{
	MDB_stat stat;

	return file->has[kind] && mdb_stat(txn, file->dbi[kind], &stat) == 0 ? stat.ms_entries : 0;
}

static int load_trees(struct mr_lmdb_file *file, MDB_txn *txn, struct loading *loading)
{
	const struct mr_loader *loader = loading->loader;
	int err = 0;

	if (!file->is_orders && loader->expect(loader->context, entries_of(file, txn, MR_STORED_ACCOUNT),
					       entries_of(file, txn, MR_STORED_SOURCE)) != 0)
		return ENOMEM;
	for (unsigned i = 0; i < MR_TREE_META && err == 0; i++)
		err = load_tree(file, txn, (enum mr_lmdb_tree)i, loading);
	return err;
}

static int load_file(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, const struct mr_loader *loader,
		     char damage_r[MR_WHY_MAX])
{
	struct loading loading = { .loader = loader, .copied = file->is_orders };
	char sentence[MR_WHY_MAX];
	MDB_txn *txn;
	int err;

	if (file->env == NULL)
		return 0;
	loading.bad = mr_calloc(BAD_MOST, sizeof(*loading.bad));
	err = loading.bad == NULL ? ENOMEM : mdb_txn_begin(file->env, NULL, MDB_RDONLY, &txn);
	if (err == 0) {
		err = load_trees(file, txn, &loading);
		mdb_txn_abort(txn);
	}
	if (err == 0 && loading.bad_count > 0 && !lmdb->read_only)
		err = remove_bad(file, &loading);
	if (loading.damaged > 0) {
		snprintf(sentence, sizeof(sentence), "%llu values in %s were damaged and left out.", (unsigned long long)loading.damaged,
			 file->name);
		mr_lmdb_note_damage(file, sentence);
	}
	mr_free(loading.bad);
	if (err == 0)
		return 0;
	snprintf(damage_r, MR_WHY_MAX, "%.80s/%s: cannot be read: %.60s; %s", lmdb->folder.path, file->name, mdb_strerror(err),
		 mr_lmdb_cure_of(err));
	return err == ENOMEM ? MR_ERR_NOMEM : MR_ERR_IO;
}

int mr_lmdb_load(struct mr_durable *durable, const struct mr_loader *loader, char damage_r[MR_WHY_MAX])
{
	struct mr_lmdb *lmdb = (struct mr_lmdb *)durable;
	int err;

	loader->secret(loader->context, lmdb->orders.meta.secret);
	err = load_file(lmdb, &lmdb->records, loader, damage_r);
	if (err == 0)
		err = load_file(lmdb, &lmdb->orders, loader, damage_r);
	if (err == 0)
		snprintf(damage_r, MR_WHY_MAX, "%.120s%s%.120s", lmdb->orders.damage,
			 lmdb->orders.damage[0] != '\0' && lmdb->records.damage[0] != '\0' ? " " : "", lmdb->records.damage);
	lmdb->orders.damage[0] = lmdb->records.damage[0] = '\0';
	return err;
}
