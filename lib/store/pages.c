/*
 * Walks the B-trees of an LMDB 0.9 file (64-bit, little-endian, no duplicates): the two meta pages, the tree of free
 * pages, the main tree and the named trees in it. It says nothing of what the values mean: format.c does.
 * Called by lmdb_file.c before it opens a file.
 */
#include "store/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
	HEADER = 16,
	NODE_HEADER = 8,
	DB_SIZE = 48,
	DEPTH_MOST = 24,
	READ_AT_ONCE = 1 << 20,
	PAGE_SIZE_MOST = 65536,
	META_DBS = HEADER + 24,          /* behind magic, version, address and size of the map */
	META_LAST_PAGE = META_DBS + 2 * DB_SIZE,
	META_TXN = META_LAST_PAGE + 8,
	META_SIZE = META_TXN + 8,
	FLAG_BRANCH = 1, FLAG_LEAF = 2, FLAG_OVERFLOW = 4, FLAG_META = 8,
	NODE_BIG = 1, NODE_TREE = 2,
	INTEGER_KEY = 8,
	NO_FOLDER = 0x4000,              /* the file was opened by its own name: LMDB writes its flags there */
};

static const uint32_t magic = 0xBEEFC0DE;
static const uint64_t no_page = UINT64_MAX;

/* What a tree holds: numbers of free pages, other trees, or values. */
enum tree { TREE_FREE, TREE_MAIN, TREE_NAMED };

struct db {
	unsigned flags, depth;
	uint64_t entries, root;
};

struct walk {
	int fd;
	size_t page_size;
	uint64_t pages;         /* of the newest snapshot */
	unsigned char *seen;    /* a bit a page */
	const unsigned char *map;
	char *why;
	struct db free_db, main_db;
};

static uint16_t get16(const unsigned char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t get32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t get64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static int damaged(struct walk *walk, uint64_t page, const char *what)
{
	snprintf(walk->why, MR_WHY_MAX, "page %llu %s", (unsigned long long)page, what);
	return MR_ERR_SYNTAX;
}

static int read_at(struct walk *walk, void *buffer, size_t n, uint64_t at)
{
	unsigned char *p = buffer;

	while (n > 0) {
		ssize_t got = pread(walk->fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			snprintf(walk->why, MR_WHY_MAX, "cannot be read at byte %llu: %s", (unsigned long long)at,
				 got == 0 ? "the file ends there" : strerror(errno));
			return got == 0 ? MR_ERR_SYNTAX : MR_ERR_IO;
		}
		p += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* Every page belongs to one thing only. */
static int mark(struct walk *walk, uint64_t page, uint64_t count)
{
	if (page < 2 || page >= walk->pages || count > walk->pages - page)
		return damaged(walk, page, "is named but is not in the file");
	for (uint64_t i = page; i < page + count; i++) {
		if ((walk->seen[i / 8] & 1u << i % 8) != 0)
			return damaged(walk, i, "belongs to two things");
		walk->seen[i / 8] |= (unsigned char)(1u << i % 8);
	}
	return 0;
}

static struct db read_db(const unsigned char *p)
{
	return (struct db){ get16(p + 4), get16(p + 6), get64(p + 32), get64(p + 40) };
}

/* ---- Trees ---- */

static int walk_tree(struct walk *walk, enum tree tree, const struct db *db);

/* A value that has pages of its own. */
static int check_overflow(struct walk *walk, uint64_t page, uint64_t size)
{
	uint64_t count = (HEADER - 1 + size) / walk->page_size + 1;
	const unsigned char *header;
	int err = mark(walk, page, count);

	if (err != 0)
		return err;
	header = walk->map + page * walk->page_size;
	if (get64(header) != page || get16(header + 10) != FLAG_OVERFLOW || get32(header + 12) != count)
		return damaged(walk, page, "is not the long value that it should be");
	return 0;
}

static int check_free_list(struct walk *walk, const unsigned char *list, uint64_t size, uint64_t page)
{
	uint64_t count = size >= 8 ? get64(list) : 0;
	int err = 0;

	if (size < 8 || size % 8 != 0 || count > size / 8 - 1)
		return damaged(walk, page, "has a list of free pages of a wrong length");
	for (uint64_t i = 1; i <= count && err == 0; i++) {
		if (i > 1 && get64(list + i * 8) >= get64(list + i * 8 - 8))
			return damaged(walk, page, "has a list of free pages that is not sorted");
		err = mark(walk, get64(list + i * 8), 1);
	}
	return err;
}

static int check_leaf_node(struct walk *walk, enum tree tree, const unsigned char *node, size_t room, uint64_t page)
{
	unsigned flags = get16(node + 4), key_size = get16(node + 6);
	uint64_t size = get16(node) | (uint64_t)get16(node + 2) << 16;
	size_t inside = (flags & NODE_BIG) != 0 ? 8 : (size_t)size;
	const unsigned char *data = node + NODE_HEADER + key_size;
	struct db db;
	int err = 0;

	if (room < NODE_HEADER + key_size || inside > room - NODE_HEADER - key_size || key_size == 0 || key_size > 511)
		return damaged(walk, page, "has a value that does not fit into it");
	if (flags != 0 && flags != NODE_BIG && (flags != NODE_TREE || tree != TREE_MAIN))
		return damaged(walk, page, "has a value of a kind that we never write");
	if ((flags & NODE_BIG) != 0) {
		err = check_overflow(walk, get64(data), size);
		if (err == 0)
			data = walk->map + get64(data) * walk->page_size + HEADER;
	}
	if (err == 0 && tree == TREE_FREE) {
		if (key_size != 8)
			return damaged(walk, page, "has a list of free pages without a number");
		err = check_free_list(walk, data, size, page);
	}
	if (err == 0 && (flags & NODE_TREE) != 0) {
		if (size != DB_SIZE)
			return damaged(walk, page, "names a tree in a wrong way");
		db = read_db(data);
		err = db.flags != 0 ? damaged(walk, page, "names a tree of a kind that we never write")
				    : walk_tree(walk, TREE_NAMED, &db);
	}
	return err;
}

static int compare_keys(enum tree tree, const unsigned char *a, const unsigned char *b)
{
	size_t a_n = get16(a + 6), b_n = get16(b + 6);
	int order;

	if (tree == TREE_FREE && a_n == 8 && b_n == 8) {
		uint64_t x = get64(a + NODE_HEADER), y = get64(b + NODE_HEADER);

		return x < y ? -1 : x > y;
	}
	order = memcmp(a + NODE_HEADER, b + NODE_HEADER, a_n < b_n ? a_n : b_n);
	return order != 0 ? order : a_n < b_n ? -1 : a_n > b_n;
}

/* The places of a page's nodes, and that their keys ascend. */
static int check_nodes(struct walk *walk, enum tree tree, const unsigned char *page, uint64_t number, bool leaf,
		       unsigned *count_r)
{
	unsigned lower = get16(page + 12), upper = get16(page + 14), count = (lower - HEADER) / 2;
	const unsigned char *before = NULL;

	if (lower < HEADER || lower % 2 != 0 || lower > upper || upper > walk->page_size || count < (leaf ? 1u : 2u))
		return damaged(walk, number, "has a wrong header");
	for (unsigned i = 0; i < count; i++) {
		unsigned at = get16(page + HEADER + 2 * (size_t)i);
		const unsigned char *node = page + at;

		if (at < upper || at % 2 != 0 || at + NODE_HEADER > walk->page_size ||
		    get16(node + 6) > walk->page_size - at - NODE_HEADER)
			return damaged(walk, number, "has a key outside of it");
		/* the first key of a branch says nothing and may be empty */
		if (before != NULL && compare_keys(tree, before, node) >= 0)
			return damaged(walk, number, "has keys that are not sorted");
		if (leaf || i > 0)
			before = node;
	}
	*count_r = count;
	return 0;
}

static int walk_page(struct walk *walk, enum tree tree, uint64_t number, unsigned levels, uint64_t *entries)
{
	const unsigned char *page;
	bool leaf = levels == 1;
	unsigned count = 0;
	int err = mark(walk, number, 1);

	if (err != 0)
		return err;
	page = walk->map + number * walk->page_size;
	if (get64(page) != number || get16(page + 10) != (leaf ? FLAG_LEAF : FLAG_BRANCH))
		return damaged(walk, number, "is not the page that it should be");
	err = check_nodes(walk, tree, page, number, leaf, &count);
	for (unsigned i = 0; err == 0 && i < count; i++) {
		size_t at = get16(page + HEADER + 2 * (size_t)i);
		const unsigned char *node = page + at;

		if (leaf)
			err = check_leaf_node(walk, tree, node, walk->page_size - at, number);
		else
			err = walk_page(walk, tree, get16(node) | (uint64_t)get16(node + 2) << 16 | (uint64_t)get16(node + 4) << 32,
					levels - 1, entries);
		*entries += leaf;
	}
	return err;
}

static int walk_tree(struct walk *walk, enum tree tree, const struct db *db)
{
	uint64_t entries = 0;
	int err = 0;

	if (db->depth > DEPTH_MOST || (db->root == no_page) != (db->depth == 0)) {
		snprintf(walk->why, MR_WHY_MAX, "a tree has an impossible depth of %u", db->depth);
		return MR_ERR_SYNTAX;
	}
	if (db->depth > 0)
		err = walk_page(walk, tree, db->root, db->depth, &entries);
	if (err == 0 && entries != db->entries) {
		snprintf(walk->why, MR_WHY_MAX, "a tree should hold %llu values and holds %llu",
			 (unsigned long long)db->entries, (unsigned long long)entries);
		return MR_ERR_SYNTAX;
	}
	return err;
}

/* ---- Meta pages ---- */

static int check_meta(struct walk *walk, const unsigned char *meta, uint64_t number)
{
	if (get64(meta) != number || get16(meta + 10) != FLAG_META || get32(meta + HEADER) != magic)
		return damaged(walk, number, "is not a meta page of LMDB");
	if (get32(meta + HEADER + 4) != 1)
		return damaged(walk, number, "is of another version of LMDB");
	if (get32(meta + META_DBS) != walk->page_size)
		return damaged(walk, number, "names another size of pages");
	if ((get16(meta + META_DBS + 4) & ~(INTEGER_KEY | NO_FOLDER)) != 0 || get16(meta + META_DBS + DB_SIZE + 4) != 0)
		return damaged(walk, number, "names trees of a kind that we never write");
	return 0;
}

static int read_metas(struct walk *walk, uint64_t file_size)
{
	unsigned char metas[2][META_SIZE];
	const unsigned char *newest;
	int err = read_at(walk, metas[0], META_SIZE, 0);

	if (err != 0)
		return err;
	/* LMDB takes the system's size of pages when it makes a file, and the file's own from then on. */
	walk->page_size = get32(metas[0] + META_DBS);
	if (walk->page_size < 512 || walk->page_size > PAGE_SIZE_MOST || (walk->page_size & (walk->page_size - 1)) != 0)
		return damaged(walk, 0, "names an impossible size of pages");
	err = read_at(walk, metas[1], META_SIZE, walk->page_size);
	for (uint64_t i = 0; i < 2 && err == 0; i++)
		err = check_meta(walk, metas[i], i);
	if (err != 0)
		return err;
	newest = get64(metas[0] + META_TXN) < get64(metas[1] + META_TXN) ? metas[1] : metas[0];
	walk->pages = get64(newest + META_LAST_PAGE) + 1;
	if (walk->pages < 2 || walk->pages > file_size / walk->page_size) {
		snprintf(walk->why, MR_WHY_MAX, "it should have %llu pages of %zu bytes and has %llu bytes: it was cut off",
			 (unsigned long long)walk->pages, walk->page_size, (unsigned long long)file_size);
		return MR_ERR_SYNTAX;
	}
	walk->free_db = read_db(newest + META_DBS);
	walk->main_db = read_db(newest + META_DBS + DB_SIZE);
	return 0;
}

/* Reads the file once from end to end: a sector that cannot be read is found here, in the order that disks like, and what
 * is mapped afterwards is in memory already. */
static int read_all(struct walk *walk)
{
	uint64_t size = walk->pages * walk->page_size;
	unsigned char *buffer = mr_calloc(READ_AT_ONCE, 1);
	int err = buffer == NULL ? MR_ERR_NOMEM : 0;

	posix_fadvise(walk->fd, 0, (off_t)size, POSIX_FADV_SEQUENTIAL);
	for (uint64_t at = 0; err == 0 && at < size; at += READ_AT_ONCE)
		err = read_at(walk, buffer, size - at < READ_AT_ONCE ? (size_t)(size - at) : READ_AT_ONCE, at);
	mr_free(buffer);
	return err;
}

static int walk_all(struct walk *walk)
{
	size_t size = (size_t)(walk->pages * walk->page_size);
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, walk->fd, 0);
	int err;

	if (map == MAP_FAILED)
		return MR_ERR_NOMEM;
	walk->map = map;
	err = walk_tree(walk, TREE_FREE, &walk->free_db);
	if (err == 0)
		err = walk_tree(walk, TREE_MAIN, &walk->main_db);
	munmap(map, size);
	return err;
}

int mr_pages_check(int fd, char why_r[MR_WHY_MAX])
{
	struct walk walk = { .fd = fd, .why = why_r };
	struct stat status;
	int err;

	why_r[0] = '\0';
	if (fstat(fd, &status) != 0) {
		snprintf(why_r, MR_WHY_MAX, "cannot be read: %s", strerror(errno));
		return MR_ERR_IO;
	}
	if (status.st_size == 0)
		return MR_ERR_NOTFOUND;
	err = read_metas(&walk, (uint64_t)status.st_size);
	if (err == 0)
		err = read_all(&walk);
	if (err == 0) {
		walk.seen = mr_calloc((size_t)(walk.pages / 8 + 1), 1);
		err = walk.seen == NULL ? MR_ERR_NOMEM : walk_all(&walk);
	}
	mr_free(walk.seen);
	return err;
}
