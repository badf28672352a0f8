/* What the files lmdb*.c share: the two files on disk and their keys. Private to them. Locks: see durable.h. */
#ifndef MR_STORE_LMDB_PARTS_H
#define MR_STORE_LMDB_PARTS_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/durable.h"
#include "store/folder.h"

/* The trees of a file. Those of kinds of records have the kind's number. records.mdb has a tree of LMDB's for each. In
 * orders.mdb all are one, and a key begins with the tree's number: so a commit has fewer pages to write. */
enum mr_lmdb_tree { MR_TREE_ORDERS = MR_STORED_KINDS, MR_TREE_META, MR_TREE_COUNT };

/* What the file says of itself. */
struct mr_lmdb_meta {
	uint32_t version, byte_order;
	uint32_t account, source, order, unused;
	unsigned char secret[MR_SECRET_BYTES];
};

/* One of the two files. */
struct mr_lmdb_file {
	const char *name;
	bool is_orders;        /* one tree, keys with a number before them */
	unsigned trees;
	MDB_env *env;          /* NULL: closed */
	MDB_dbi dbi[MR_TREE_COUNT];
	bool has[MR_TREE_COUNT];
	size_t map;
	bool fresh;            /* it did not exist */
	bool had_meta;
	struct mr_lmdb_meta meta;
	char damage[MR_WHY_MAX]; /* what was found wrong and is not told yet */
};

struct mr_lmdb {
	struct mr_durable durable; /* first */
	struct mr_folder folder;
	struct mr_lmdb_file orders, records;
	bool read_only;
	mr_fault_hook *hook;
	void *hook_context;
};

/* ---- lmdb_file.c: sentences. err is an errno or one of LMDB's. ---- */

/* What to do about err, for the end of a sentence. Static text. */
const char *mr_lmdb_cure_of(int err);
/* Says in why_r that file cannot be written. Always MR_ERR_IO. */
int mr_lmdb_say_failed(const struct mr_lmdb *lmdb, const struct mr_lmdb_file *file, int err, char why_r[MR_WHY_MAX]);
/* Adds a sentence to the damage of file that is still to be told; cut when there is no room. */
void mr_lmdb_note_damage(struct mr_lmdb_file *file, const char *sentence);

/* ---- lmdb_file.c: keys ---- */

/* Room for a key as it is in the file. */
struct mr_lmdb_key {
	unsigned char bytes[1 + MR_STORED_KEY_MAX];
};

/* The n bytes of key, at most MR_STORED_KEY_MAX, as they are in that tree of file. The result lies in room. */
MDB_val mr_lmdb_key_of(const struct mr_lmdb_file *file, enum mr_lmdb_tree tree, const void *key, size_t n,
		       struct mr_lmdb_key *room);
/* The first key of a tree, or the first behind it; of records.mdb the cursor knows the tree. 0 or LMDB's error. */
int mr_lmdb_seek(MDB_cursor *cursor, const struct mr_lmdb_file *file, unsigned tree, MDB_val *key, MDB_val *value);
/* Whether a key that a cursor found still belongs to tree. */
bool mr_lmdb_is_in(const struct mr_lmdb_file *file, enum mr_lmdb_tree tree, const MDB_val *key);

/* ---- lmdb_file.c: one file ---- */

/* What a test wants to go wrong at this step: an errno or an error of LMDB's, 0 for nothing. */
int mr_lmdb_fault(const struct mr_lmdb *lmdb, enum mr_fault_step step, const struct mr_lmdb_file *file);
/* At the start: sets a damaged file aside, makes one that is missing, unless all is read-only, and reads its meta.
 * MR_ERR_* with why_r: it cannot be used. */
int mr_lmdb_open_file(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, char why_r[MR_WHY_MAX]);
/* After a failure, with the file closed: what is on disk now counts, not what was in the map before. A file that is
 * damaged or gone begins anew, which is noted in its damage. MR_ERR_* with why_r: the file stays closed. */
int mr_lmdb_open_again(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, char why_r[MR_WHY_MAX]);
/* Harmless when it is closed. */
void mr_lmdb_close_file(struct mr_lmdb_file *file);
/* Writes what an open file says of itself, if that is not there already. MR_ERR_IO with why_r. */
int mr_lmdb_put_meta(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, const unsigned char secret[MR_SECRET_BYTES],
		     char why_r[MR_WHY_MAX]);

/* ---- lmdb_load.c, lmdb_write.c: the operations that durable.h describes ---- */
int mr_lmdb_load(struct mr_durable *durable, const struct mr_loader *loader, char damage_r[MR_WHY_MAX]);
int mr_lmdb_commit(struct mr_durable *durable, const struct mr_commit *const *commits, size_t count,
		   const struct mr_forget *forget, size_t forget_count, char why_r[MR_WHY_MAX]);
int mr_lmdb_write(struct mr_durable *durable, const struct mr_stored *const *things, size_t count,
		  char why_r[MR_WHY_MAX]);

#endif
