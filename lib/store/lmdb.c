/*
 * The durable part on LMDB. Two environments, orders.mdb and records.mdb, each written by one thread of the store; the
 * folder's lock keeps other processes away, so LMDB's own locks are off. A commit is on disk when LMDB's default
 * (fdatasync of the pages, then a synchronous write of the meta page) has returned.
 *
 * Here both files are opened together, agree on the secret, and are closed. lmdb_file.c opens one of them, lmdb_load.c
 * reads what they hold, lmdb_write.c writes; no other file knows LMDB. Called by the engine, which hands it to store.c.
 */
#include "store/lmdb_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/store.h"

static const size_t map_least = (size_t)256 << 20;
static const unsigned orders_trees =
	1u << MR_STORED_ACCOUNT | 1u << MR_STORED_SOURCE | 1u << MR_TREE_ORDERS | 1u << MR_TREE_META;
static const unsigned records_trees = ((1u << MR_STORED_KINDS) - 1) | 1u << MR_TREE_META;

/* Records that were hashed with another secret than the orders are nobody's. */
static int reopen_without_records(struct mr_lmdb *lmdb, char why_r[MR_WHY_MAX])
{
	char aside[64], sentence[MR_WHY_MAX];

	mr_lmdb_close_file(&lmdb->records);
	if (mr_folder_set_aside(&lmdb->folder, lmdb->records.name, aside) != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.80s/%s does not belong to orders.mdb and cannot be renamed: %.40s", lmdb->folder.path,
			 lmdb->records.name, strerror(errno));
		return MR_ERR_IO;
	}
	snprintf(sentence, sizeof(sentence), "records.mdb does not belong to orders.mdb; it is kept as %s and a new one begun.",
		 aside);
	mr_lmdb_note_damage(&lmdb->records, sentence);
	lmdb->records.had_meta = false;
	return mr_lmdb_open_file(lmdb, &lmdb->records, why_r);
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
		mr_lmdb_note_damage(&lmdb->orders, "orders.mdb was missing: the journal is lost, freezes stay in force.");
	if (lmdb->orders.had_meta && !lmdb->records.had_meta && lmdb->records.damage[0] == '\0')
		mr_lmdb_note_damage(&lmdb->records, "records.mdb was missing: what was learned of accounts is lost.");
	if (lmdb->orders.had_meta || lmdb->records.had_meta) {
		memcpy(secret, lmdb->orders.had_meta ? lmdb->orders.meta.secret : lmdb->records.meta.secret, sizeof(secret));
	} else if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret)) {
		snprintf(why_r, MR_WHY_MAX, "the system gives no random bytes: %s", strerror(errno));
		return MR_ERR_IO;
	}
	memcpy(lmdb->orders.meta.secret, secret, sizeof(secret));
	if (lmdb->read_only)
		return 0;
	err = mr_lmdb_put_meta(lmdb, &lmdb->orders, secret, why_r);
	if (err == 0)
		err = mr_lmdb_put_meta(lmdb, &lmdb->records, secret, why_r);
	if (err == 0 && mr_folder_sync(&lmdb->folder) != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.100s: cannot be written: %.60s; %s", lmdb->folder.path, strerror(errno),
			 mr_lmdb_cure_of(errno));
		err = MR_ERR_IO;
	}
	return err;
}

static void close_all(struct mr_durable *durable)
{
	struct mr_lmdb *lmdb = (struct mr_lmdb *)durable;

	mr_lmdb_close_file(&lmdb->orders);
	mr_lmdb_close_file(&lmdb->records);
	mr_folder_close(&lmdb->folder);
	mr_free(lmdb);
}

static const struct mr_durable_ops ops = { mr_lmdb_load, mr_lmdb_commit, mr_lmdb_write, close_all };

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
	lmdb->orders = (struct mr_lmdb_file){ .name = "orders.mdb", .is_orders = true, .trees = orders_trees,
					       .map = map_least };
	lmdb->records = (struct mr_lmdb_file){ .name = "records.mdb", .trees = records_trees,
						.map = map_least + capacity_bytes * 2 };
	err = mr_folder_open(directory, read_only, why_r, &lmdb->folder);
	if (err == 0)
		err = mr_lmdb_open_file(lmdb, &lmdb->orders, why_r);
	if (err == 0)
		err = mr_lmdb_open_file(lmdb, &lmdb->records, why_r);
	if (err == 0)
		err = agree_on_secret(lmdb, why_r);
	if (err != 0) {
		ops.close(&lmdb->durable);
		return err;
	}
	*durable_r = &lmdb->durable;
	return 0;
}

void mr_lmdb_set_fault_hook(struct mr_durable *durable, mr_fault_hook *hook, void *context)
{
	struct mr_lmdb *lmdb = (struct mr_lmdb *)durable;

	lmdb->hook = hook;
	lmdb->hook_context = context;
}
