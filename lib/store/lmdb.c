/*
 * The durable part on LMDB: the only file that knows LMDB. Two environments, orders.mdb and records.mdb, each written by
 * one thread of the store; the folder's lock keeps other processes away, so LMDB's own locks are off. A commit is on disk
 * when LMDB's default (fdatasync of the pages, then a synchronous write of the meta page) has returned.
 *
 * After any failure the environment is closed and opened anew before the next try: after a failed fdatasync nothing that
 * is in memory says what is on disk. A file is checked by pages.c before it is mapped.
 */
#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/durable.h"
#include "store/folder.h"
#include "store/format.h"
#include "store/pages.h"
#include "store/store.h"

enum {
	ORDERS_KEPT = 100000,      /* in the journal on disk */
	ORDERS_LOADED = 1024,
	TRIMMED_AT_ONCE = 16,
	BAD_MOST = 1024,           /* damaged values that are taken out at the start */
	TREES_MOST = 8,
	GROW_TRIES = 8,
};
static const size_t map_least = (size_t)256 << 20, map_most = (size_t)1 << 44;

/* The trees of a file. Those of kinds of records have the kind's number. records.mdb has a tree of LMDB's for each. In
 * orders.mdb all are one, and a key begins with the tree's number: so a commit has fewer pages to write. */
enum tree { TREE_ORDERS = MR_STORED_KINDS, TREE_META, TREE_COUNT };
static const char *const tree_names[TREE_COUNT] = {
	[MR_STORED_ACCOUNT] = "accounts", [MR_STORED_SOURCE] = "sources", [MR_STORED_WINDOW] = "windows",
	[MR_STORED_SITE] = "site", [MR_STORED_NOTE] = "notes", [TREE_ORDERS] = "orders", [TREE_META] = "meta",
};
static const unsigned orders_trees = 1u << MR_STORED_ACCOUNT | 1u << MR_STORED_SOURCE | 1u << TREE_ORDERS | 1u << TREE_META;
static const unsigned records_trees = ((1u << MR_STORED_KINDS) - 1) | 1u << TREE_META;

/* What the file says of itself. */
struct meta {
	uint32_t version, byte_order;
	uint32_t account, source, order, unused;
	unsigned char secret[MR_SECRET_BYTES];
};
static const uint32_t byte_order = 0x01020304;

struct file {
	const char *name;
	bool is_orders;        /* one tree, keys with a number before them */
	unsigned trees;
	MDB_env *env;          /* NULL: closed */
	MDB_dbi dbi[TREE_COUNT];
	bool has[TREE_COUNT];
	size_t map;
	bool fresh;            /* it did not exist */
	bool had_meta;
	struct meta meta;
	char damage[MR_WHY_MAX]; /* what was found wrong and is not told yet */
};

struct mr_lmdb {
	struct mr_durable durable; /* first */
	struct mr_folder folder;
	struct file orders, records;
	bool read_only;
	mr_fault_hook *hook;
	void *hook_context;
};

static const struct mr_durable_ops ops;

/* ---- Sentences ---- */

static const char *cure_of(int err)
{
	switch (err) {
	case ENOSPC: case EDQUOT: return "make room on the disk";
	case EROFS: return "its file system is mounted read-only: look at the kernel's log";
	case EIO: return "the disk may be failing: look at the kernel's log";
	case EACCES: case EPERM: return "give it back to the user that mailreeved runs as";
	case ENOMEM: case MDB_MAP_FULL: return "the process may not map so much: look at its limits";
	case EFBIG: return "files may not be so large here: look at the limits of the process";
	default: return "look at the disk and at the kernel's log";
	}
}

static int say_failed(const struct mr_lmdb *lmdb, const struct file *file, int err, char why_r[MR_WHY_MAX])
{
	snprintf(why_r, MR_WHY_MAX, "%.60s/%s cannot be written: %.60s. %s in memory and will be written when that works again; %s.",
		 lmdb->folder.path, file->name, mdb_strerror(err),
		 file->is_orders ? "Freezes and thaws are in force" : "What was learned is kept", cure_of(err));
	return MR_ERR_IO;
}

static void note_damage(struct file *file, const char *sentence)
{
	size_t n = strlen(file->damage);

	snprintf(file->damage + n, sizeof(file->damage) - n, "%s%s", n > 0 ? " " : "", sentence);
}

/* ---- Keys ---- */

struct key {
	unsigned char bytes[1 + MR_STORED_KEY_MAX];
};

static MDB_val key_of(const struct file *file, enum tree tree, const void *key, size_t n, struct key *room)
{
	size_t before = file->is_orders ? 1 : 0;

	room->bytes[0] = (unsigned char)tree;
	memcpy(room->bytes + before, key, n);
	return (MDB_val){ before + n, room->bytes };
}

/* The first key of a tree, or the first behind it. */
static int seek(MDB_cursor *cursor, const struct file *file, unsigned tree, MDB_val *key, MDB_val *value)
{
	unsigned char start = (unsigned char)tree;

	*key = (MDB_val){ 1, &start };
	return mdb_cursor_get(cursor, key, value, file->is_orders ? MDB_SET_RANGE : MDB_FIRST);
}

static bool is_in(const struct file *file, enum tree tree, const MDB_val *key)
{
	return !file->is_orders || (key->mv_size > 0 && *(const unsigned char *)key->mv_data == (unsigned char)tree);
}

/* ---- Opening one file ---- */

static int fault(const struct mr_lmdb *lmdb, enum mr_fault_step step, const struct file *file)
{
	int err = lmdb->hook == NULL ? 0 : lmdb->hook(lmdb->hook_context, step, file->is_orders);

	return err == MR_FAULT_MAP_FULL ? MDB_MAP_FULL : err;
}

static void close_file(struct file *file)
{
	if (file->env != NULL)
		mdb_env_close(file->env);
	file->env = NULL;
}

static int open_trees(struct mr_lmdb *lmdb, struct file *file)
{
	MDB_txn *txn = NULL;
	int err = mdb_txn_begin(file->env, NULL, lmdb->read_only ? MDB_RDONLY : 0, &txn);

	for (unsigned i = 0; i < TREE_COUNT && err == 0; i++) {
		if ((file->trees & 1u << i) == 0)
			continue;
		err = file->is_orders ? mdb_dbi_open(txn, NULL, 0, &file->dbi[i])
				      : mdb_dbi_open(txn, tree_names[i], lmdb->read_only ? 0 : MDB_CREATE, &file->dbi[i]);
		file->has[i] = err == 0;
		if (lmdb->read_only && err == MDB_NOTFOUND)
			err = 0;
	}
	if (err == 0)
		return mdb_txn_commit(txn);
	if (txn != NULL)
		mdb_txn_abort(txn);
	return err;
}

static int open_env(struct mr_lmdb *lmdb, struct file *file)
{
	char path[MR_FOLDER_PATH_MAX + 32];
	unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | (lmdb->read_only ? MDB_RDONLY : 0);
	int err = fault(lmdb, MR_FAULT_OPEN, file);

	snprintf(path, sizeof(path), "%s/%s", lmdb->folder.path, file->name);
	if (err == 0)
		err = mdb_env_create(&file->env);
	if (err == 0)
		err = mdb_env_set_mapsize(file->env, file->map);
	if (err == 0)
		err = mdb_env_set_maxdbs(file->env, TREES_MOST);
	if (err == 0)
		err = mdb_env_open(file->env, path, flags, 0600);
	if (err == 0)
		err = open_trees(lmdb, file);
	if (err != 0)
		close_file(file);
	return err;
}

/* A file that is damaged goes out of the way. MR_ERR_NOTFOUND: it did, or there was none. */
static int check_file(struct mr_lmdb *lmdb, struct file *file, char why_r[MR_WHY_MAX])
{
	char what[MR_WHY_MAX], aside[64], sentence[MR_WHY_MAX];
	int fd, err = mr_folder_file(&lmdb->folder, file->name, why_r, &fd);

	if (err != 0)
		return err;
	err = mr_pages_check(fd, what);
	close(fd);
	if (err == 0 || err == MR_ERR_NOTFOUND)
		return err;
	if (err == MR_ERR_NOMEM) {
		snprintf(why_r, MR_WHY_MAX, "%.100s/%s: there is no memory to check it", lmdb->folder.path, file->name);
		return err;
	}
	if (lmdb->read_only) {
		snprintf(sentence, sizeof(sentence), "%s is damaged (%.60s) and was not read.", file->name, what);
	} else if (mr_folder_set_aside(&lmdb->folder, file->name, aside) != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.80s/%s is damaged (%.60s) and cannot be renamed: %.40s", lmdb->folder.path, file->name,
			 what, strerror(errno));
		return MR_ERR_IO;
	} else {
		snprintf(sentence, sizeof(sentence), "%s was damaged (%.50s); it is kept as %s and a new one begun.", file->name,
			 what, aside);
	}
	note_damage(file, sentence);
	return MR_ERR_NOTFOUND;
}

static int get_meta(struct mr_lmdb *lmdb, struct file *file, char why_r[MR_WHY_MAX])
{
	struct key room;
	MDB_val key = key_of(file, TREE_META, "meta", 4, &room), value;
	MDB_txn *txn;
	int err;

	if (!file->has[TREE_META])
		return 0;
	err = mdb_txn_begin(file->env, NULL, MDB_RDONLY, &txn);
	if (err == 0) {
		err = mdb_get(txn, file->dbi[TREE_META], &key, &value);
		file->had_meta = err == 0 && value.mv_size >= sizeof(file->meta);
		if (file->had_meta)
			memcpy(&file->meta, value.mv_data, sizeof(file->meta));
		mdb_txn_abort(txn);
	}
	if (err != 0 && err != MDB_NOTFOUND)
		return say_failed(lmdb, file, err, why_r);
	return 0;
}

static int check_meta(const struct mr_lmdb *lmdb, const struct file *file, char why_r[MR_WHY_MAX])
{
	const struct meta *m = &file->meta;

	if (!file->had_meta)
		return 0;
	if (m->byte_order != byte_order) {
		snprintf(why_r, MR_WHY_MAX, "%.100s/%s: was written on a machine with another order of bytes; it cannot be moved here",
			 lmdb->folder.path, file->name);
		return MR_ERR_REFUSED;
	}
	if (m->version > MR_FORMAT_VERSION) {
		snprintf(why_r, MR_WHY_MAX, "%.80s/%s: was written by a later Mailreeve (format %u, this one knows up to %u); "
			 "install that version again, or move the folder away and begin anew", lmdb->folder.path, file->name,
			 (unsigned)m->version, (unsigned)MR_FORMAT_VERSION);
		return MR_ERR_REFUSED;
	}
	if (m->version == MR_FORMAT_VERSION && (m->account != sizeof(struct mr_account) ||
	    m->source != sizeof(struct mr_source) || m->order != sizeof(struct mr_order))) {
		snprintf(why_r, MR_WHY_MAX, "%.80s/%s: was written by a Mailreeve that was built with records of another size; "
			 "install that one again, or move the folder away and begin anew", lmdb->folder.path, file->name);
		return MR_ERR_REFUSED;
	}
	return 0;
}

static int open_first(struct mr_lmdb *lmdb, struct file *file, char why_r[MR_WHY_MAX])
{
	int err = check_file(lmdb, file, why_r);

	file->fresh = err == MR_ERR_NOTFOUND;
	if (err != 0 && !file->fresh)
		return err;
	if (file->fresh && lmdb->read_only)
		return 0;
	err = open_env(lmdb, file);
	if (err != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.80s/%s: cannot be opened: %.60s; %s", lmdb->folder.path, file->name, mdb_strerror(err),
			 cure_of(err));
		return MR_ERR_IO;
	}
	err = get_meta(lmdb, file, why_r);
	return err != 0 ? err : check_meta(lmdb, file, why_r);
}

static int put_meta(struct mr_lmdb *lmdb, struct file *file, const unsigned char secret[MR_SECRET_BYTES],
		    char why_r[MR_WHY_MAX])
{
	struct meta meta = { MR_FORMAT_VERSION, byte_order, sizeof(struct mr_account), sizeof(struct mr_source),
			     sizeof(struct mr_order), 0, { 0 } };
	struct key room;
	MDB_val key = key_of(file, TREE_META, "meta", 4, &room), value = { sizeof(meta), &meta };
	MDB_txn *txn;
	int err;

	memcpy(meta.secret, secret, MR_SECRET_BYTES);
	if (file->had_meta && memcmp(&meta, &file->meta, sizeof(meta)) == 0)
		return 0;
	err = mdb_txn_begin(file->env, NULL, 0, &txn);
	if (err == 0) {
		err = mdb_put(txn, file->dbi[TREE_META], &key, &value, 0);
		if (err == 0)
			err = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	if (err != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.80s/%s: cannot be written: %.60s; %s", lmdb->folder.path, file->name, mdb_strerror(err),
			 cure_of(err));
		return MR_ERR_IO;
	}
	file->meta = meta;
	file->had_meta = true;
	return 0;
}

/* Records that were hashed with another secret than the orders are nobody's. */
static int reopen_without_records(struct mr_lmdb *lmdb, char why_r[MR_WHY_MAX])
{
	char aside[64], sentence[MR_WHY_MAX];

	close_file(&lmdb->records);
	if (mr_folder_set_aside(&lmdb->folder, lmdb->records.name, aside) != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.80s/%s does not belong to orders.mdb and cannot be renamed: %.40s", lmdb->folder.path,
			 lmdb->records.name, strerror(errno));
		return MR_ERR_IO;
	}
	snprintf(sentence, sizeof(sentence), "records.mdb does not belong to orders.mdb; it is kept as %s and a new one begun.", aside);
	note_damage(&lmdb->records, sentence);
	lmdb->records.had_meta = false;
	return open_first(lmdb, &lmdb->records, why_r);
}

/* Both files know the secret, so that each can be used without the other. */
static int agree_on_secret(struct mr_lmdb *lmdb, char why_r[MR_WHY_MAX])
{
	unsigned char secret[MR_SECRET_BYTES];
	int err = 0;

	if (lmdb->orders.had_meta && lmdb->records.had_meta &&
	    memcmp(lmdb->orders.meta.secret, lmdb->records.meta.secret, sizeof(secret)) != 0)
		err = lmdb->read_only ? 0 : reopen_without_records(lmdb, why_r);
	if (err != 0)
		return err;
	if (!lmdb->orders.had_meta && lmdb->records.had_meta && lmdb->orders.damage[0] == '\0')
		note_damage(&lmdb->orders, "orders.mdb was missing: the journal is lost, freezes stay in force.");
	if (lmdb->orders.had_meta && !lmdb->records.had_meta && lmdb->records.damage[0] == '\0')
		note_damage(&lmdb->records, "records.mdb was missing: what was learned of accounts is lost.");
	if (lmdb->orders.had_meta || lmdb->records.had_meta) {
		memcpy(secret, lmdb->orders.had_meta ? lmdb->orders.meta.secret : lmdb->records.meta.secret, sizeof(secret));
	} else if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret)) {
		snprintf(why_r, MR_WHY_MAX, "the system gives no random bytes: %s", strerror(errno));
		return MR_ERR_IO;
	}
	memcpy(lmdb->orders.meta.secret, secret, sizeof(secret));
	if (lmdb->read_only)
		return 0;
	err = put_meta(lmdb, &lmdb->orders, secret, why_r);
	if (err == 0)
		err = put_meta(lmdb, &lmdb->records, secret, why_r);
	if (err == 0 && mr_folder_sync(&lmdb->folder) != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.100s: cannot be written: %.60s; %s", lmdb->folder.path, strerror(errno), cure_of(errno));
		err = MR_ERR_IO;
	}
	return err;
}

int mr_lmdb_open(const char *directory, bool read_only, uint64_t capacity_bytes, char why_r[256],
		 struct mr_durable **durable_r)
{
	struct mr_lmdb *lmdb = mr_calloc(1, sizeof(*lmdb));
	int err;

	*durable_r = NULL;
	why_r[0] = '\0';
	if (lmdb == NULL) {
		snprintf(why_r, MR_WHY_MAX, "there is no memory for the state");
		return MR_ERR_NOMEM;
	}
	lmdb->durable.ops = &ops;
	lmdb->read_only = read_only;
	/* Records fill their pages to two thirds, and a page that a transaction replaces is free only two later. */
	lmdb->orders = (struct file){ .name = "orders.mdb", .is_orders = true, .trees = orders_trees, .map = map_least };
	lmdb->records = (struct file){ .name = "records.mdb", .trees = records_trees, .map = map_least + capacity_bytes * 2 };
	err = mr_folder_open(directory, read_only, why_r, &lmdb->folder);
	if (err == 0)
		err = open_first(lmdb, &lmdb->orders, why_r);
	if (err == 0)
		err = open_first(lmdb, &lmdb->records, why_r);
	if (err == 0)
		err = agree_on_secret(lmdb, why_r);
	if (err != 0) {
		ops.close(&lmdb->durable);
		return err;
	}
	*durable_r = &lmdb->durable;
	return 0;
}

static void close_all(struct mr_durable *durable)
{
	struct mr_lmdb *lmdb = (struct mr_lmdb *)durable;

	close_file(&lmdb->orders);
	close_file(&lmdb->records);
	mr_folder_close(&lmdb->folder);
	mr_free(lmdb);
}

void mr_lmdb_set_fault_hook(struct mr_durable *durable, mr_fault_hook *hook, void *context)
{
	struct mr_lmdb *lmdb = (struct mr_lmdb *)durable;

	lmdb->hook = hook;
	lmdb->hook_context = context;
}

/* ---- Loading ---- */

struct bad {
	enum tree tree;
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
static int load_value(const struct loading *loading, enum tree tree, const MDB_val *key, const MDB_val *value)
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

	if (tree == (enum tree)MR_STORED_ACCOUNT) {
		err = mr_format_read_account(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &r.account);
		if (err == 0)
			loader->account(loader->context, &r.account, loading->copied);
	} else if (tree == (enum tree)MR_STORED_SOURCE) {
		err = mr_format_read_source(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &r.source);
		if (err == 0)
			loader->source(loader->context, &r.source, loading->copied);
	} else if (tree == (enum tree)MR_STORED_WINDOW) {
		err = mr_format_read_window(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &r.window);
		if (err == 0)
			loader->window(loader->context, &r.window.key, r.window.last_ms, r.window.idle_ms, r.window.data, r.window.size);
	} else if (tree == (enum tree)MR_STORED_SITE) {
		err = mr_format_read_site(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &at, &data, &n);
		if (err == 0)
			loader->site(loader->context, at, data, n);
	} else if (tree == (enum tree)MR_STORED_NOTE) {
		err = mr_format_read_note(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &data, &n);
		if (err == 0)
			loader->note(loader->context, key->mv_data, key->mv_size, data, n);
	} else if (tree == TREE_ORDERS) {
		err = mr_format_read_order(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &r.order);
		if (err == 0)
			loader->order(loader->context, &r.order);
	}
	return err;
}

static void note_bad(struct loading *loading, enum tree tree, const MDB_val *key)
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
static int first_of(MDB_cursor *cursor, const struct file *file, enum tree tree, MDB_val *key, MDB_val *value)
{
	int err;

	if (tree != TREE_ORDERS)
		return seek(cursor, file, tree, key, value);
	err = seek(cursor, file, TREE_ORDERS + 1, key, value);
	err = err == MDB_NOTFOUND ? mdb_cursor_get(cursor, key, value, MDB_LAST) : err != 0 ? err
		: mdb_cursor_get(cursor, key, value, MDB_PREV);
	for (int i = 1; err == 0 && i < ORDERS_LOADED && is_in(file, tree, key); i++)
		err = mdb_cursor_get(cursor, key, value, MDB_PREV);
	return err == MDB_NOTFOUND || (err == 0 && !is_in(file, tree, key)) ? seek(cursor, file, tree, key, value) : err;
}

static int load_tree(struct file *file, MDB_txn *txn, enum tree tree, struct loading *loading)
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
	for (err = first_of(cursor, file, tree, &key, &value); err == 0 && is_in(file, tree, &key);
	     err = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		MDB_val own = { key.mv_size - before, (char *)key.mv_data + before };

		if (load_value(loading, tree, &own, &value) != 0)
			note_bad(loading, tree, &key);
	}
	mdb_cursor_close(cursor);
	return err == MDB_NOTFOUND ? 0 : err;
}

static int remove_bad(struct file *file, const struct loading *loading)
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

static uint64_t entries_of(const struct file *file, MDB_txn *txn, enum mr_stored_kind kind)
{
	MDB_stat stat;

	return file->has[kind] && mdb_stat(txn, file->dbi[kind], &stat) == 0 ? stat.ms_entries : 0;
}

static int load_trees(struct file *file, MDB_txn *txn, struct loading *loading)
{
	const struct mr_loader *loader = loading->loader;
	int err = 0;

	if (!file->is_orders && loader->expect(loader->context, entries_of(file, txn, MR_STORED_ACCOUNT),
					       entries_of(file, txn, MR_STORED_SOURCE)) != 0)
		return ENOMEM;
	for (unsigned i = 0; i < TREE_META && err == 0; i++)
		err = load_tree(file, txn, (enum tree)i, loading);
	return err;
}

static int load_file(struct mr_lmdb *lmdb, struct file *file, const struct mr_loader *loader, char damage_r[MR_WHY_MAX])
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
		note_damage(file, sentence);
	}
	mr_free(loading.bad);
	if (err == 0)
		return 0;
	snprintf(damage_r, MR_WHY_MAX, "%.80s/%s: cannot be read: %.60s; %s", lmdb->folder.path, file->name, mdb_strerror(err),
		 cure_of(err));
	return err == ENOMEM ? MR_ERR_NOMEM : MR_ERR_IO;
}

static int load(struct mr_durable *durable, const struct mr_loader *loader, char damage_r[MR_WHY_MAX])
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

/* ---- Writing ---- */

static int put(struct mr_lmdb *lmdb, struct file *file, MDB_txn *txn, enum tree tree, const void *key, size_t key_n,
	       const void *value, size_t n)
{
	struct key room;
	MDB_val k = key_of(file, tree, key, key_n, &room), v = { n, (void *)(uintptr_t)value };
	int err = fault(lmdb, MR_FAULT_PUT, file);

	if (err != 0)
		return err;
	if (value != NULL)
		return mdb_put(txn, file->dbi[tree], &k, &v, 0);
	err = mdb_del(txn, file->dbi[tree], &k, NULL);
	return err == MDB_NOTFOUND ? 0 : err;
}

/* The revision of the copy that the file of orders has; *has_r. */
static uint32_t copied_revision(struct file *file, MDB_txn *txn, enum mr_stored_kind kind, const struct mr_key *key, bool *has_r)
{
	struct key room;
	MDB_val k = key_of(file, (enum tree)kind, key, sizeof(*key), &room), v;

	*has_r = mdb_get(txn, file->dbi[kind], &k, &v) == 0;
	if (!*has_r)
		return 0;
	return kind == MR_STORED_ACCOUNT ? mr_format_account_revision(key, sizeof(*key), v.mv_data, v.mv_size)
					 : mr_format_source_revision(key, sizeof(*key), v.mv_data, v.mv_size);
}

static int put_copy(struct mr_lmdb *lmdb, MDB_txn *txn, enum mr_stored_kind kind, const struct mr_key *key, uint32_t revision,
		    const void *value, size_t n)
{
	bool has;
	uint32_t stored = copied_revision(&lmdb->orders, txn, kind, key, &has);

	if (has && stored > revision)
		return 0;
	return put(lmdb, &lmdb->orders, txn, (enum tree)kind, key, sizeof(*key), value, n);
}

static int put_commit(struct mr_lmdb *lmdb, MDB_txn *txn, const struct mr_commit *commit)
{
	union {
		unsigned char account[MR_FORMAT_HEAD + sizeof(struct mr_account)];
		unsigned char source[MR_FORMAT_HEAD + sizeof(struct mr_source)];
		unsigned char order[MR_FORMAT_HEAD + sizeof(struct mr_order)];
		uint64_t aligned;
	} value;
	unsigned char key[MR_ORDER_KEY];
	int err;

	mr_format_order_key(commit->order.number, key);
	mr_format_order(&commit->order, value.order);
	err = put(lmdb, &lmdb->orders, txn, TREE_ORDERS, key, sizeof(key), value.order, mr_format_order_size());
	if (err == 0 && commit->has_account) {
		mr_format_account(&commit->account, value.account);
		err = put_copy(lmdb, txn, MR_STORED_ACCOUNT, &commit->account.key, commit->account.revision, value.account,
			       mr_format_account_size());
	}
	if (err == 0 && commit->has_source) {
		mr_format_source(&commit->source, value.source);
		err = put_copy(lmdb, txn, MR_STORED_SOURCE, &commit->source.key, commit->source.revision, value.source,
			       mr_format_source_size());
	}
	return err;
}

static int forget_copy(struct mr_lmdb *lmdb, MDB_txn *txn, const struct mr_forget *forget)
{
	bool has;
	uint32_t stored = copied_revision(&lmdb->orders, txn, forget->kind, &forget->key, &has);

	if (!has || stored >= forget->revision)
		return 0;
	return put(lmdb, &lmdb->orders, txn, (enum tree)forget->kind, &forget->key, sizeof(forget->key), NULL, 0);
}

/* Takes out the oldest orders, some more than were added, when there are too many. */
static int trim_journal(struct file *file, MDB_txn *txn, uint64_t newest, size_t added)
{
	unsigned char oldest[MR_ORDER_KEY];
	MDB_val key, value;
	MDB_cursor *cursor;
	int err;

	if (newest <= ORDERS_KEPT)
		return 0;
	mr_format_order_key(newest - ORDERS_KEPT, oldest);
	err = mdb_cursor_open(txn, file->dbi[TREE_ORDERS], &cursor);
	if (err != 0)
		return err;
	for (size_t i = 0; i < added + TRIMMED_AT_ONCE; i++) {
		err = seek(cursor, file, TREE_ORDERS, &key, &value);
		if (err != 0 || !is_in(file, TREE_ORDERS, &key) || key.mv_size != 1 + sizeof(oldest) ||
		    memcmp((char *)key.mv_data + 1, oldest, sizeof(oldest)) > 0)
			break;
		err = mdb_cursor_del(cursor, 0);
		if (err != 0)
			break;
	}
	mdb_cursor_close(cursor);
	return err == MDB_NOTFOUND ? 0 : err;
}

/* What one transaction has to do, so that it can be begun again. */
struct work {
	const struct mr_commit *const *commits;
	const struct mr_forget *forget;
	const struct mr_stored *const *things;
	size_t count, forget_count;
};

static int do_work(struct mr_lmdb *lmdb, struct file *file, MDB_txn *txn, const struct work *work)
{
	int err = 0;

	for (size_t i = 0; i < work->forget_count && err == 0; i++)
		err = forget_copy(lmdb, txn, &work->forget[i]);
	for (size_t i = 0; i < work->count && err == 0; i++) {
		if (file->is_orders)
			err = put_commit(lmdb, txn, work->commits[i]);
		else
			err = put(lmdb, file, txn, (enum tree)work->things[i]->kind, work->things[i]->key, work->things[i]->key_size,
				  work->things[i]->value, work->things[i]->size);
	}
	if (err == 0 && file->is_orders && work->count > 0)
		err = trim_journal(file, txn, work->commits[work->count - 1]->order.number, work->count);
	return err;
}

static int transact(struct mr_lmdb *lmdb, struct file *file, const struct work *work)
{
	MDB_txn *txn;
	int err = fault(lmdb, MR_FAULT_BEGIN, file);

	if (err == 0)
		err = mdb_txn_begin(file->env, NULL, 0, &txn);
	if (err != 0)
		return err;
	err = do_work(lmdb, file, txn, work);
	if (err == 0)
		err = fault(lmdb, MR_FAULT_COMMIT, file);
	if (err != 0) {
		mdb_txn_abort(txn);
		return err;
	}
	err = mdb_txn_commit(txn);
	return err != 0 ? err : fault(lmdb, MR_FAULT_COMMIT_DONE, file);
}

/* After a failure: what is on disk now counts, not what was in the map before. A file that is damaged or gone begins anew,
 * which is noted in its damage. */
static int open_again(struct mr_lmdb *lmdb, struct file *file, char why_r[MR_WHY_MAX])
{
	unsigned char secret[MR_SECRET_BYTES];
	int err = check_file(lmdb, file, why_r);
	bool fresh = err == MR_ERR_NOTFOUND;

	if (err != 0 && !fresh)
		return err;
	if (fresh && file->damage[0] == '\0') {
		char sentence[MR_WHY_MAX];

		snprintf(sentence, sizeof(sentence), "%s was gone; a new one is begun.", file->name);
		note_damage(file, sentence);
	}
	err = open_env(lmdb, file);
	if (err != 0)
		return say_failed(lmdb, file, err, why_r);
	memcpy(secret, file->meta.secret, sizeof(secret));
	file->had_meta = file->had_meta && !fresh;
	err = put_meta(lmdb, file, secret, why_r);
	if (err == 0 && fresh)
		err = mr_folder_sync(&lmdb->folder);
	if (err != 0)
		close_file(file);
	return err == 0 ? 0 : MR_ERR_IO;
}

static int write_file(struct mr_lmdb *lmdb, struct file *file, const struct work *work, char why_r[MR_WHY_MAX])
{
	int err = file->env == NULL ? open_again(lmdb, file, why_r) : 0;

	if (err != 0)
		return MR_ERR_IO;
	err = transact(lmdb, file, work);
	for (int i = 0; err == MDB_MAP_FULL && i < GROW_TRIES && file->map <= map_most / 2; i++) {
		if (mdb_env_set_mapsize(file->env, file->map * 2) != 0)
			break;
		file->map *= 2;
		err = transact(lmdb, file, work);
	}
	if (err != 0) {
		close_file(file);
		return say_failed(lmdb, file, err, why_r);
	}
	snprintf(why_r, MR_WHY_MAX, "%s", file->damage);
	file->damage[0] = '\0';
	return 0;
}

static int commit(struct mr_durable *durable, const struct mr_commit *const *commits, size_t count,
		  const struct mr_forget *forget, size_t forget_count, char why_r[MR_WHY_MAX])
{
	struct mr_lmdb *lmdb = (struct mr_lmdb *)durable;
	const struct work work = { .commits = commits, .count = count, .forget = forget, .forget_count = forget_count };

	return write_file(lmdb, &lmdb->orders, &work, why_r);
}

static int write_records(struct mr_durable *durable, const struct mr_stored *const *things, size_t count,
			 char why_r[MR_WHY_MAX])
{
	struct mr_lmdb *lmdb = (struct mr_lmdb *)durable;
	const struct work work = { .things = things, .count = count };

	return write_file(lmdb, &lmdb->records, &work, why_r);
}

static const struct mr_durable_ops ops = { load, commit, write_records, close_all };
