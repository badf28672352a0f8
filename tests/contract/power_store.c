/*
 * What a power loss leaves: this program stands between LMDB and the system, keeps every write and every sync of the two
 * files while orders are given, and then makes, for every moment, the files that a disk could be left with: all that was
 * written, only what was synced, and mixtures in which writes that were not synced are missing or torn at a sector. Each is
 * opened. Every order that was acknowledged before that moment must be in force, and the files must be whole.
 *
 * A write of the meta page is below one sector, which disks write whole or not at all; LMDB asks for the same.
 * power_store [MIXTURES [SEED]], 1 mixture for each moment by default.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "store/store.h"

enum { NAMES = 5, ORDERS = 20, SECTOR = 512, OPS_MOST = 100000, FILE_MOST = 64 << 20 };
static const char *const file_names[2] = { "orders.mdb", "records.mdb" };

/* One thing that happened. A write to an O_DSYNC file is on disk when it returns. */
struct op {
	enum { OP_WRITE, OP_SYNC, OP_BEGIN, OP_ACKNOWLEDGED } what;
	int file;
	bool synchronous;
	off_t at;
	size_t n;
	unsigned char *bytes;
	int name;
	bool frozen;
};

static struct op *ops;
static size_t op_count;
static pthread_mutex_t ops_lock = PTHREAD_MUTEX_INITIALIZER;
static bool recording, no_sync;
static char folder[64];

static void give_up(const char *what)
{
	fprintf(stderr, "power_store: %s\n", what);
	exit(1);
}

/* ---- Between LMDB and the system ---- */

static void *next_of(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (function == NULL)
		give_up(name);
	return function;
}

static int file_of(int fd)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 2; i++) {
		const char *found = strstr(path, file_names[i]);

		if (found != NULL && found[strlen(file_names[i])] == '\0')
			return i;
	}
	return -1;
}

static struct op *new_op(void)
{
	if (op_count == OPS_MOST)
		give_up("too much was written");
	return &ops[op_count++];
}

static void record_write(int fd, const void *bytes, size_t n, off_t at)
{
	int file = recording ? file_of(fd) : -1;
	struct op *op;

	if (file < 0)
		return;
	pthread_mutex_lock(&ops_lock);
	op = new_op();
	*op = (struct op){ .what = OP_WRITE, .file = file, .at = at, .n = n, .bytes = malloc(n),
			   .synchronous = (fcntl(fd, F_GETFL) & O_DSYNC) != 0 };
	memcpy(op->bytes, bytes, n);
	pthread_mutex_unlock(&ops_lock);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t) = (ssize_t (*)(int, const void *, size_t, off_t))next_of("pwrite");
	ssize_t done = real(fd, bytes, n, at);

	if (done > 0)
		record_write(fd, bytes, (size_t)done, at);
	return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	ssize_t (*real)(int, const struct iovec *, int) = (ssize_t (*)(int, const struct iovec *, int))next_of("writev");
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t done = real(fd, parts, count);

	for (ssize_t i = 0, left = done; i < count && left > 0; i++) {
		size_t n = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;

		record_write(fd, parts[i].iov_base, n, at);
		at += (off_t)n;
		left -= (ssize_t)n;
	}
	return done;
}

static int sync_file(int fd, const char *name)
{
	int (*real)(int) = (int (*)(int))next_of(name);
	int file = recording ? file_of(fd) : -1, done = no_sync ? 0 : real(fd);

	if (file >= 0 && done == 0) {
		pthread_mutex_lock(&ops_lock);
		*new_op() = (struct op){ .what = OP_SYNC, .file = file };
		pthread_mutex_unlock(&ops_lock);
	}
	return done;
}

int fdatasync(int fd)
{
	return sync_file(fd, "fdatasync");
}

int fsync(int fd)
{
	return sync_file(fd, "fsync");
}

/* ---- Giving orders ---- */

static struct mr_store *open_store(void)
{
	struct mr_store_options options = { .accounts = 1000, .sources = 100, .windows = 1 << 16 };
	struct mr_store *store;
	char why[256];

	if (mr_lmdb_open(folder, false, 1 << 20, why, &options.durable) != 0 || mr_store_open(&options, why, &store) != 0)
		give_up(why);
	return store;
}

static struct mr_account *hold(struct mr_store *store, int number, bool create)
{
	struct mr_key key;
	char name[32];
	int n = snprintf(name, sizeof(name), "name%d", number);

	mr_store_key(store, MR_KEY_ACCOUNT, 0, (struct mr_str){ name, (size_t)n }, &key);
	return mr_store_account_get(store, &key, MR_ACCOUNT_LOGIN, (struct mr_str){ name, (size_t)n }, 1, create, NULL);
}

static void mark(int what, int name, bool frozen)
{
	pthread_mutex_lock(&ops_lock);
	*new_op() = (struct op){ .what = what, .name = name, .frozen = frozen };
	pthread_mutex_unlock(&ops_lock);
}

static void give_orders(void)
{
	struct mr_store *store;

	recording = true;
	store = open_store();
	for (int i = 0; i < ORDERS; i++) {
		struct mr_order order = { .kind = MR_ORDER_FREEZE };
		struct mr_account *account, copy;
		bool freeze = random() % 2 == 0;
		int name = (int)(random() % NAMES);

		for (int k = 0; k < 20; k++) {
			account = hold(store, 100 + i * 20 + k, true);
			mr_store_account_done(store, account, true);
		}
		mark(OP_BEGIN, name, freeze);
		account = hold(store, name, true);
		account->standing.state = freeze ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL;
		copy = *account;
		mr_store_account_done(store, account, true);
		if (mr_store_order_wait(store, &order, &copy, NULL) != 0)
			give_up("an order was not written");
		mark(OP_ACKNOWLEDGED, name, freeze);
		if (i % 7 == 6 && mr_store_flush(store) != 0)
			give_up("records were not written");
	}
	mr_store_close(&store);
	recording = false;
}

/* ---- What is left ---- */

struct left {
	unsigned char *bytes;
	size_t n;
};

static void apply(struct left *left, const struct op *op, size_t from, size_t to)
{
	if (op->at + (off_t)op->n > FILE_MOST)
		give_up("a file is too large");
	memcpy(left->bytes + op->at + from, op->bytes + from, to - from);
	if ((size_t)op->at + to > left->n)
		left->n = (size_t)op->at + to;
}

/* Some sectors of a write, or none, or all. */
static void apply_torn(struct left *left, const struct op *op)
{
	long fate = random() % 4;

	if (fate == 0)
		return;
	for (size_t from = 0; from < op->n; from += SECTOR) {
		size_t to = op->n - from < SECTOR ? op->n : from + SECTOR;

		if (fate == 1 || random() % 2 == 0)
			apply(left, op, from, to);
	}
}

/* The files after the first `moment` operations. mixture 0: all that was written; 1: what was synced; else: at random. */
static void make_left(size_t moment, long mixture, struct left left[2])
{
	size_t synced[2] = { 0, 0 };

	for (size_t i = 0; i < moment; i++) {
		if (ops[i].what == OP_SYNC)
			synced[ops[i].file] = i;
	}
	for (int file = 0; file < 2; file++) {
		memset(left[file].bytes, 0, left[file].n);
		left[file].n = 0;
	}
	for (size_t i = 0; i < moment; i++) {
		const struct op *op = &ops[i];

		if (op->what != OP_WRITE)
			continue;
		if (mixture == 0 || op->synchronous || i < synced[op->file])
			apply(&left[op->file], op, 0, op->n);
		else if (mixture > 1)
			apply_torn(&left[op->file], op);
	}
}

static void put_file(const char *name, const struct left *left)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	for (size_t at = 0; at < left->n;) {
		ssize_t n = write(fd, left->bytes + at, left->n - at);

		if (n <= 0)
			give_up("a file cannot be made");
		at += (size_t)n;
	}
	close(fd);
}

static void empty_folder(void)
{
	DIR *all = opendir(folder);
	struct dirent *entry;

	while (all != NULL && (entry = readdir(all)) != NULL)
		unlinkat(dirfd(all), entry->d_name, 0);
	if (all != NULL)
		closedir(all);
}

/* What each name must be at that moment: -1 nothing yet; may: what a begun order would make of it, -1 none. */
static bool expect(size_t moment, int must[NAMES], int may[NAMES])
{
	bool any = false;

	for (int i = 0; i < NAMES; i++)
		must[i] = may[i] = -1;
	for (size_t i = 0; i < moment; i++) {
		if (ops[i].what == OP_BEGIN) {
			may[ops[i].name] = ops[i].frozen;
		} else if (ops[i].what == OP_ACKNOWLEDGED) {
			must[ops[i].name] = ops[i].frozen;
			may[ops[i].name] = -1;
			any = true;
		}
	}
	return any;
}

static unsigned look(size_t moment, long mixture)
{
	int must[NAMES], may[NAMES];
	bool any = expect(moment, must, may);
	struct mr_store *store = open_store();
	unsigned wrong = any && mr_store_degraded(store);

	if (wrong != 0)
		fprintf(stderr, "moment %zu, mixture %ld: the files are not whole\n", moment, mixture);
	for (int i = 0; i < NAMES; i++) {
		struct mr_account *account = hold(store, i, false);
		int is = account == NULL ? -1 : account->standing.state == MR_ACCOUNT_FROZEN;

		if (account != NULL)
			mr_store_account_done(store, account, false);
		if (is != must[i] && is != may[i] && !(must[i] == -1 && may[i] == -1)) {
			fprintf(stderr, "moment %zu, mixture %ld: name%d is %d, acknowledged was %d, begun %d\n", moment, mixture, i,
				is, must[i], may[i]);
			wrong++;
		}
	}
	mr_store_close(&store);
	return wrong;
}

int main(int argc, char **argv)
{
	long mixtures = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	struct left left[2] = { { malloc(FILE_MOST), FILE_MOST }, { malloc(FILE_MOST), FILE_MOST } };
	unsigned wrong = 0, states = 0, syncs = 0;

	srandom(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1);
	ops = calloc(OPS_MOST, sizeof(*ops));
	if (ops == NULL || left[0].bytes == NULL || left[1].bytes == NULL)
		give_up("no memory");
	snprintf(folder, sizeof(folder), "%s/mr-power.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(folder) == NULL)
		give_up("no folder");
	give_orders();
	for (size_t i = 0; i < op_count; i++)
		syncs += ops[i].what == OP_SYNC || (ops[i].what == OP_WRITE && ops[i].synchronous);
	if (syncs < ORDERS * 2)
		give_up("LMDB's syncs were not seen: is it linked in another way here?");
	no_sync = true;
	for (size_t moment = 0; moment <= op_count && wrong == 0; moment++) {
		for (long mixture = 0; mixture < mixtures + 2; mixture++) {
			empty_folder();
			make_left(moment, mixture, left);
			for (int file = 0; file < 2; file++)
				put_file(file_names[file], &left[file]);
			wrong += look(moment, mixture);
			states++;
		}
	}
	printf("%d orders, %zu operations, %u syncs; %u states opened, %u wrong\n", ORDERS, op_count, syncs, states, wrong);
	empty_folder();
	rmdir(folder);
	for (size_t i = 0; i < op_count; i++)
		free(ops[i].bytes);
	free(ops);
	free(left[0].bytes);
	free(left[1].bytes);
	return wrong != 0;
}
