/*
 * One of the two files of LMDB: checked, opened, closed, opened again after a failure, what it says of itself, and
 * how its keys are made. It neither reads nor writes records: that is in lmdb_load.c and lmdb_write.c. Called by the
 * files lmdb*.c.
 *
 * After any failure the environment is closed and opened anew before the next try: after a failed fdatasync nothing
 * that is in memory says what is on disk. A file is checked by pages.c before it is mapped.
 */
#include "store/lmdb_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "store/format.h"
#include "store/pages.h"

enum { TREES_MOST = 8 };

static const char *const tree_names[MR_TREE_COUNT] = {
	[MR_STORED_ACCOUNT] = "accounts", [MR_STORED_SOURCE] = "sources", [MR_STORED_WINDOW] = "windows",
	[MR_STORED_SITE] = "site", [MR_STORED_NOTE] = "notes", [MR_TREE_ORDERS] = "orders", [MR_TREE_META] = "meta",
};
static const uint32_t byte_order = 0x01020304;

/* ---- Sentences ---- */

const char *mr_lmdb_cure_of(int err)
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

int mr_lmdb_say_failed(const struct mr_lmdb *lmdb, const struct mr_lmdb_file *file, int err, char why_r[MR_WHY_MAX])
{
	snprintf(why_r, MR_WHY_MAX, "%.60s/%s cannot be written: %.60s. %s in memory and will be written when that works again; %s.",
		 lmdb->folder.path, file->name, mdb_strerror(err),
		 file->is_orders ? "Freezes and thaws are in force" : "What was learned is kept", mr_lmdb_cure_of(err));
	return MR_ERR_IO;
}

void mr_lmdb_note_damage(struct mr_lmdb_file *file, const char *sentence)
{
	size_t n = strlen(file->damage);

	snprintf(file->damage + n, sizeof(file->damage) - n, "%s%s", n > 0 ? " " : "", sentence);
}

/* ---- Keys ---- */

MDB_val mr_lmdb_key_of(const struct mr_lmdb_file *file, enum mr_lmdb_tree tree, const void *key, size_t n,
		       struct mr_lmdb_key *room)
{
	size_t before = file->is_orders ? 1 : 0;

	room->bytes[0] = (unsigned char)tree;
	memcpy(room->bytes + before, key, n);
	return (MDB_val){ before + n, room->bytes };
}

int mr_lmdb_seek(MDB_cursor *cursor, const struct mr_lmdb_file *file, unsigned tree, MDB_val *key, MDB_val *value)
{
	unsigned char start = (unsigned char)tree;

	*key = (MDB_val){ 1, &start };
	return mdb_cursor_get(cursor, key, value, file->is_orders ? MDB_SET_RANGE : MDB_FIRST);
}

bool mr_lmdb_is_in(const struct mr_lmdb_file *file, enum mr_lmdb_tree tree, const MDB_val *key)
{
	return !file->is_orders || (key->mv_size > 0 && *(const unsigned char *)key->mv_data == (unsigned char)tree);
}

/* ---- Opening one file ---- */

int mr_lmdb_fault(const struct mr_lmdb *lmdb, enum mr_fault_step step, const struct mr_lmdb_file *file)
{
	int err = lmdb->hook == NULL ? 0 : lmdb->hook(lmdb->hook_context, step, file->is_orders);

	return err == MR_FAULT_MAP_FULL ? MDB_MAP_FULL : err;
}

void mr_lmdb_close_file(struct mr_lmdb_file *file)
{
	if (file->env != NULL)
		mdb_env_close(file->env);
	file->env = NULL;
}

static int open_trees(struct mr_lmdb *lmdb, struct mr_lmdb_file *file)
{
	MDB_txn *txn = NULL;
	int err = mdb_txn_begin(file->env, NULL, lmdb->read_only ? MDB_RDONLY : 0, &txn);

	for (unsigned i = 0; i < MR_TREE_COUNT && err == 0; i++) {
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

static int open_env(struct mr_lmdb *lmdb, struct mr_lmdb_file *file)
{
	char path[MR_FOLDER_PATH_MAX + 32];
	unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | (lmdb->read_only ? MDB_RDONLY : 0);
	int err = mr_lmdb_fault(lmdb, MR_FAULT_OPEN, file);

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
		mr_lmdb_close_file(file);
	return err;
}

/* A file that is damaged goes out of the way. MR_ERR_NOTFOUND: it did, or there was none. */
static int check_file(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, char why_r[MR_WHY_MAX])
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
	mr_lmdb_note_damage(file, sentence);
	return MR_ERR_NOTFOUND;
}

static int get_meta(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, char why_r[MR_WHY_MAX])
{
	struct mr_lmdb_key room;
	MDB_val key = mr_lmdb_key_of(file, MR_TREE_META, "meta", 4, &room), value;
	MDB_txn *txn;
	int err;

	if (!file->has[MR_TREE_META])
		return 0;
	err = mdb_txn_begin(file->env, NULL, MDB_RDONLY, &txn);
	if (err == 0) {
		err = mdb_get(txn, file->dbi[MR_TREE_META], &key, &value);
		file->had_meta = err == 0 && value.mv_size >= sizeof(file->meta);
		if (file->had_meta)
			memcpy(&file->meta, value.mv_data, sizeof(file->meta));
		mdb_txn_abort(txn);
	}
	if (err != 0 && err != MDB_NOTFOUND)
		return mr_lmdb_say_failed(lmdb, file, err, why_r);
	return 0;
}

static int check_meta(const struct mr_lmdb *lmdb, const struct mr_lmdb_file *file, char why_r[MR_WHY_MAX])
{
	const struct mr_lmdb_meta *m = &file->meta;

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

int mr_lmdb_open_file(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, char why_r[MR_WHY_MAX])
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
			 mr_lmdb_cure_of(err));
		return MR_ERR_IO;
	}
	err = get_meta(lmdb, file, why_r);
	return err != 0 ? err : check_meta(lmdb, file, why_r);
}

int mr_lmdb_put_meta(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, const unsigned char secret[MR_SECRET_BYTES],
		    char why_r[MR_WHY_MAX])
{
	struct mr_lmdb_meta meta = { MR_FORMAT_VERSION, byte_order, sizeof(struct mr_account), sizeof(struct mr_source),
			     sizeof(struct mr_order), 0, { 0 } };
	struct mr_lmdb_key room;
	MDB_val key = mr_lmdb_key_of(file, MR_TREE_META, "meta", 4, &room), value = { sizeof(meta), &meta };
	MDB_txn *txn;
	int err;

	memcpy(meta.secret, secret, MR_SECRET_BYTES);
	if (file->had_meta && memcmp(&meta, &file->meta, sizeof(meta)) == 0)
		return 0;
	err = mdb_txn_begin(file->env, NULL, 0, &txn);
	if (err == 0) {
		err = mdb_put(txn, file->dbi[MR_TREE_META], &key, &value, 0);
		if (err == 0)
			err = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	if (err != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.80s/%s: cannot be written: %.60s; %s", lmdb->folder.path, file->name, mdb_strerror(err),
			 mr_lmdb_cure_of(err));
		return MR_ERR_IO;
	}
	file->meta = meta;
	file->had_meta = true;
	return 0;
}

int mr_lmdb_open_again(struct mr_lmdb *lmdb, struct mr_lmdb_file *file, char why_r[MR_WHY_MAX])
{
	unsigned char secret[MR_SECRET_BYTES];
	int err = check_file(lmdb, file, why_r);
	bool fresh = err == MR_ERR_NOTFOUND;

	if (err != 0 && !fresh)
		return err;
	if (fresh && file->damage[0] == '\0') {
		char sentence[MR_WHY_MAX];

		snprintf(sentence, sizeof(sentence), "%s was gone; a new one is begun.", file->name);
		mr_lmdb_note_damage(file, sentence);
	}
	err = open_env(lmdb, file);
	if (err != 0)
		return mr_lmdb_say_failed(lmdb, file, err, why_r);
	memcpy(secret, file->meta.secret, sizeof(secret));
	file->had_meta = file->had_meta && !fresh;
	err = mr_lmdb_put_meta(lmdb, file, secret, why_r);
	if (err == 0 && fresh)
		err = mr_folder_sync(&lmdb->folder);
	if (err != 0)
		mr_lmdb_close_file(file);
	return err == 0 ? 0 : MR_ERR_IO;
}
