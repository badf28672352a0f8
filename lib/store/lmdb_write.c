/*
 * Writing into the two files: the transaction of some orders with their copies, and that of a batch of records, tried
 * again with a larger map when it is full. When to write is not decided here: orders_commit.c and behind_batch.c do.
 * Called through the table of operations in lmdb.c.
 */
#include "store/lmdb_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "store/format.h"

enum {
	ORDERS_KEPT = 100000,      /* in the journal on disk */
	TRIMMED_AT_ONCE = 16,
	GROW_TRIES = 8,
};
static const size_t map_most = (size_t)1 << 44;

static int put(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, MDB_txn *txn, enum mr_lmdb_tree tree, const void *key,
	       size_t key_n, const void *value, size_t n)
{
	struct mr_lmdb_key room;
	MDB_val k = mr_lmdb_key_of(file, tree, key, key_n, &room), v = { n, (void *)(uintptr_t)value };
	int err = mr_lmdb_fault(lmdb, MR_FAULT_PUT, file);

	if (err != 0)
		return err;
	if (value != NULL)
		return mdb_put(txn, file->dbi[tree], &k, &v, 0);
	err = mdb_del(txn, file->dbi[tree], &k, NULL);
	return err == MDB_NOTFOUND ? 0 : err;
}

/* The revision of the copy that the file of orders has; *has_r. */
static uint32_t copied_revision(struct mr_lmdb_file *file, MDB_txn *txn, enum mr_stored_kind kind,
				const struct mr_key *key, bool *has_r)
{
	struct mr_lmdb_key room;
	MDB_val k = mr_lmdb_key_of(file, (enum mr_lmdb_tree)kind, key, sizeof(*key), &room), v;

	*has_r = mdb_get(txn, file->dbi[kind], &k, &v) == 0;
	if (!*has_r)
		return 0;
	return kind == MR_STORED_ACCOUNT ? mr_format_account_revision(key, sizeof(*key), v.mv_data, v.mv_size)
					 : mr_format_source_revision(key, sizeof(*key), v.mv_data, v.mv_size);
}

static int put_copy(struct mr_lmdb *lmdb, MDB_txn *txn, enum mr_stored_kind kind, const struct mr_key *key,
		    uint32_t revision, const void *value, size_t n)
{
	bool has;
	uint32_t stored = copied_revision(&lmdb->orders, txn, kind, key, &has);

	if (has && stored > revision)
		return 0;
	return put(lmdb, &lmdb->orders, txn, (enum mr_lmdb_tree)kind, key, sizeof(*key), value, n);
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
	err = put(lmdb, &lmdb->orders, txn, MR_TREE_ORDERS, key, sizeof(key), value.order, mr_format_order_size());
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
	return put(lmdb, &lmdb->orders, txn, (enum mr_lmdb_tree)forget->kind, &forget->key, sizeof(forget->key), NULL, 0);
}

/* Takes out the oldest orders, some more than were added, when there are too many. */
static int trim_journal(struct mr_lmdb_file *file, MDB_txn *txn, uint64_t newest, size_t added)
{
	unsigned char oldest[MR_ORDER_KEY];
	MDB_val key, value;
	MDB_cursor *cursor;
	int err;

	if (newest <= ORDERS_KEPT)
		return 0;
	mr_format_order_key(newest - ORDERS_KEPT, oldest);
	err = mdb_cursor_open(txn, file->dbi[MR_TREE_ORDERS], &cursor);
	if (err != 0)
		return err;
	for (size_t i = 0; i < added + TRIMMED_AT_ONCE; i++) {
		err = mr_lmdb_seek(cursor, file, MR_TREE_ORDERS, &key, &value);
		if (err != 0 || !mr_lmdb_is_in(file, MR_TREE_ORDERS, &key) || key.mv_size != 1 + sizeof(oldest) ||
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

static int do_work(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, MDB_txn *txn, const struct work *work)
{
	int err = 0;

	for (size_t i = 0; i < work->forget_count && err == 0; i++)
		err = forget_copy(lmdb, txn, &work->forget[i]);
	for (size_t i = 0; i < work->count && err == 0; i++) {
		if (file->is_orders)
			err = put_commit(lmdb, txn, work->commits[i]);
		else
			err = put(lmdb, file, txn, (enum mr_lmdb_tree)work->things[i]->kind, work->things[i]->key, work->things[i]->key_size,
				  work->things[i]->value, work->things[i]->size);
	}
	if (err == 0 && file->is_orders && work->count > 0)
		err = trim_journal(file, txn, work->commits[work->count - 1]->order.number, work->count);
	return err;
}

static int transact(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, const struct work *work)
{
	MDB_txn *txn;
	int err = mr_lmdb_fault(lmdb, MR_FAULT_BEGIN, file);

	if (err == 0)
		err = mdb_txn_begin(file->env, NULL, 0, &txn);
	if (err != 0)
		return err;
	err = do_work(lmdb, file, txn, work);
	if (err == 0)
		err = mr_lmdb_fault(lmdb, MR_FAULT_COMMIT, file);
	if (err != 0) {
		mdb_txn_abort(txn);
		return err;
	}
	err = mdb_txn_commit(txn);
	return err != 0 ? err : mr_lmdb_fault(lmdb, MR_FAULT_COMMIT_DONE, file);
}

static int write_file(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, const struct work *work, char why_r[MR_WHY_MAX])
{
	int err = file->env == NULL ? mr_lmdb_open_again(lmdb, file, why_r) : 0;

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
		mr_lmdb_close_file(file);
		return mr_lmdb_say_failed(lmdb, file, err, why_r);
	}
	snprintf(why_r, MR_WHY_MAX, "%s", file->damage);
	file->damage[0] = '\0';
	return 0;
}

int mr_lmdb_commit(struct mr_durable *durable, const struct mr_commit *const *commits, size_t count,
		  const struct mr_forget *forget, size_t forget_count, char why_r[MR_WHY_MAX])
{
	struct mr_lmdb *lmdb = (struct mr_lmdb *)durable;
	const struct work work = { .commits = commits, .count = count, .forget = forget, .forget_count = forget_count };

	return write_file(lmdb, &lmdb->orders, &work, why_r);
}

int mr_lmdb_write(struct mr_durable *durable, const struct mr_stored *const *things, size_t count,
			 char why_r[MR_WHY_MAX])
{
	struct mr_lmdb *lmdb = (struct mr_lmdb *)durable;
	const struct work work = { .things = things, .count = count };

	return write_file(lmdb, &lmdb->records, &work, why_r);
}
