/*
 * What the store on LMDB promises beyond store.h: everything is there again after a restart, what orders said is stronger
 * than an older record, folders that cannot be right are refused with a sentence, older formats are read and later ones
 * refused, and damage costs what is damaged and not more.
 */
#include <errno.h>
#include <lmdb.h>
#include <math.h>
#include <sys/wait.h>

#include "../unit/harness.h"
#include "stores.h"

static char folder[64];

static void begin(void)
{
	snprintf(folder, sizeof(folder), "%s", make_folder());
}

static void end(void)
{
	remove_folder(folder);
}

static struct mr_store *open_here(void)
{
	return open_with(folder, small_options(), NULL);
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* Plays part in a process that ends without closing anything, as if it were killed. */
static void play_and_die(void (*part)(struct mr_store *store))
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		part(open_here());
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

/* ---- A restart ---- */

static void fill(struct mr_store *store)
{
	struct mr_source *source;
	struct mr_account *account;
	struct mr_key key;
	unsigned char *data;
	bool fresh;

	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "user%d", i);
		account = get(store, name, 1, true, NULL);
		account->last_ms = i;
		account->known = i % 2 == 0;
		account->standing.state = i % 10 == 0 ? MR_ACCOUNT_HELD : MR_ACCOUNT_NORMAL;
		mr_store_account_done(store, account, true);
	}
	mr_store_key(store, MR_KEY_SOURCE, 4, MR_STR("192.0.2.0"), &key);
	source = mr_store_source_get(store, &key, 1, true, &fresh);
	source->prefix = 24;
	source->lent_size = 7.5f;
	mr_store_source_done(store, source, true);
	mr_store_key(store, MR_KEY_WINDOW, 1, MR_STR("w"), &key);
	data = mr_store_window_get(store, &key, 60000, 17, 1000, &fresh);
	memset(data, 0xa5, 60000);
	mr_store_window_done(store, data, true);
	memset(mr_store_site_get(store), 0x3c, sizeof(struct mr_site));
	mr_store_site_done(store, true);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("clock"), "99", 2), 0);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("gone"), "99", 2), 0);
	ck_assert_int_eq(mr_store_flush(store), 0);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("gone"), NULL, 0), 0);
	ck_assert_int_eq(freeze_or_thaw(store, "joe", true), 0);
}

static void check_filled(struct mr_store *store)
{
	struct mr_source *source;
	struct mr_key key;
	unsigned char *data, expected[60000];
	char note[8];
	size_t n;
	bool fresh;

	for (int i = 0; i < 300; i++) {
		char name[32];
		struct mr_account *account;

		snprintf(name, sizeof(name), "user%d", i);
		account = get(store, name, 1, false, NULL);
		ck_assert_ptr_nonnull(account);
		ck_assert_int_eq(account->last_ms, i);
		ck_assert_str_eq(account->name, name);
		mr_store_account_done(store, account, false);
	}
	mr_store_key(store, MR_KEY_SOURCE, 4, MR_STR("192.0.2.0"), &key);
	source = mr_store_source_get(store, &key, 1, false, NULL);
	ck_assert_ptr_nonnull(source);
	ck_assert(source->prefix == 24 && source->lent_size == 7.5f);
	mr_store_source_done(store, source, false);
	mr_store_key(store, MR_KEY_WINDOW, 1, MR_STR("w"), &key);
	memset(expected, 0xa5, sizeof(expected));
	data = mr_store_window_get(store, &key, 60000, 18, 1000, &fresh);
	ck_assert(!fresh);
	ck_assert_mem_eq(data, expected, sizeof(expected));
	mr_store_window_done(store, data, false);
	data = (unsigned char *)mr_store_site_get(store);
	for (size_t i = 0; i < sizeof(struct mr_site); i++)
		ck_assert_uint_eq(data[i], 0x3c);
	mr_store_site_done(store, false);
	ck_assert_int_eq(mr_store_note_get(store, MR_STR("clock"), note, sizeof(note), &n), 0);
	ck_assert_int_eq(mr_store_note_get(store, MR_STR("gone"), note, sizeof(note), &n), MR_ERR_NOTFOUND);
	ck_assert_int_eq(state_of(store, "joe"), MR_ACCOUNT_FROZEN);
	ck_assert_int_eq(state_of(store, "user10"), MR_ACCOUNT_HELD);
	ck_assert(!mr_store_degraded(store));
}

START_TEST(everything_is_there_after_a_restart)
{
	struct mr_store *store = open_here();
	struct mr_order order = { .kind = MR_ORDER_BLOCK };
	struct mr_store_counts counts;

	fill(store);
	mr_store_close(&store);
	store = open_here();
	check_filled(store);
	mr_store_count(store, &counts);
	ck_assert_uint_eq(counts.accounts, 301);
	ck_assert_uint_eq(counts.known_accounts, 151);
	ck_assert_int_eq(mr_store_order_wait(store, &order, NULL, NULL), 0);
	ck_assert_uint_eq(order.number, 2);
	mr_store_close(&store);
}
END_TEST

START_TEST(a_habit_that_cannot_be_is_begun_anew)
{
	static const struct { float series, yes; uint8_t size_next; bool kept; } cases[] = {
		{ 1e38f, -1.0f, MR_HABIT_SIZES - 1, true }, { INFINITY, 0.0f, 0, false }, { 0.0f, NAN, 0, false },
		{ 0.0f, 0.0f, MR_HABIT_SIZES, false },
	};
	struct mr_store *store = open_here();
	struct mr_account *account = get(store, "joe", 1, true, NULL);

	account->habit.series = cases[_i].series;
	account->habit.strange_hour.yes = cases[_i].yes;
	account->habit.size_next = cases[_i].size_next;
	account->standing.state = MR_ACCOUNT_FROZEN;
	mr_store_account_done(store, account, true);
	mr_store_close(&store);
	store = open_here();
	account = get(store, "joe", 1, false, NULL);
	ck_assert_ptr_nonnull(account);
	ck_assert_int_eq(account->standing.state, MR_ACCOUNT_FROZEN);
	ck_assert_int_eq(account->habit.series > 0.0f, cases[_i].kept);
	mr_store_account_done(store, account, false);
	mr_store_close(&store);
}
END_TEST

static void fill_and_flush(struct mr_store *store)
{
	fill(store);
	if (mr_store_flush(store) != 0)
		_exit(2);
}

START_TEST(what_was_flushed_outlives_a_kill)
{
	struct mr_store *store;

	play_and_die(fill_and_flush);
	store = open_here();
	check_filled(store);
	mr_store_close(&store);
}
END_TEST

static void freeze_joe(struct mr_store *store)
{
	if (freeze_or_thaw(store, "joe", true) != 0)
		_exit(2);
}

static void thaw_joe(struct mr_store *store)
{
	if (state_of(store, "joe") != MR_ACCOUNT_FROZEN || freeze_or_thaw(store, "joe", false) != 0)
		_exit(2);
}

START_TEST(an_order_is_stronger_than_an_older_record)
{
	struct mr_store *store;

	for (int i = 0; i < 3; i++) {
		play_and_die(freeze_joe);
		store = open_here();
		ck_assert_int_eq(state_of(store, "joe"), MR_ACCOUNT_FROZEN);
		mr_store_close(&store);
		play_and_die(thaw_joe);
		store = open_here();
		ck_assert_int_eq(state_of(store, "joe"), MR_ACCOUNT_NORMAL);
		mr_store_close(&store);
	}
	/* and once more without a store between them that writes records */
	play_and_die(freeze_joe);
	play_and_die(thaw_joe);
	store = open_here();
	ck_assert_int_eq(state_of(store, "joe"), MR_ACCOUNT_NORMAL);
	mr_store_close(&store);
}
END_TEST

START_TEST(orders_that_come_in_the_wrong_order_do_not_undo_each_other)
{
	struct mr_store *store = open_here();
	struct mr_order order = { .kind = MR_ORDER_FREEZE };
	struct mr_account frozen, thawed;

	set_account(store, "joe", MR_ACCOUNT_FROZEN, true, &frozen);
	set_account(store, "joe", MR_ACCOUNT_NORMAL, true, &thawed);
	ck_assert_int_eq(mr_store_order_wait(store, &order, &thawed, NULL), 0);
	ck_assert_int_eq(mr_store_order_wait(store, &order, &frozen, NULL), 0);
	mr_store_close(&store);
	ck_assert_int_eq(unlink(path_of("records.mdb")), 0);
	store = open_here();
	ck_assert_int_ne(state_of(store, "joe"), MR_ACCOUNT_FROZEN);
	mr_store_close(&store);
}
END_TEST

START_TEST(who_was_forgotten_stays_forgotten)
{
	struct mr_store_options options = small_options();
	struct mr_store *store;
	struct mr_store_counts counts;
	char name[32];

	options.accounts = 100;
	store = open_with(folder, options, NULL);
	ck_assert_int_eq(freeze_or_thaw(store, "joe", true), 0);
	ck_assert_int_eq(freeze_or_thaw(store, "joe", false), 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		set_account(store, name, MR_ACCOUNT_NORMAL, true, NULL);
		if (i % 100 == 0)
			ck_assert_int_eq(mr_store_flush(store), 0);
	}
	ck_assert_int_eq(state_of(store, "joe"), -1);
	/* An account of that name begins anew, and its freeze counts though an older copy had more changes. */
	mr_store_count(store, &counts);
	ck_assert_uint_eq(counts.accounts, 100);
	ck_assert_int_eq(freeze_or_thaw(store, "joe", true), 0);
	mr_store_close(&store);
	options.accounts = 5000;
	store = open_with(folder, options, NULL);
	mr_store_count(store, &counts);
	ck_assert_uint_le(counts.accounts, 101);
	ck_assert_int_eq(state_of(store, "joe"), MR_ACCOUNT_FROZEN);
	mr_store_close(&store);
}
END_TEST

START_TEST(a_smaller_capacity_keeps_the_frozen_ones)
{
	struct mr_store *store = open_here();
	struct mr_store_options options = small_options();
	char name[32];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		ck_assert_int_eq(freeze_or_thaw(store, name, true), 0);
	}
	fill(store);
	mr_store_close(&store);
	options.accounts = 120;
	store = open_with(folder, options, NULL);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		ck_assert_int_eq(state_of(store, name), MR_ACCOUNT_FROZEN);
	}
	mr_store_close(&store);
}
END_TEST

START_TEST(a_reader_changes_nothing)
{
	struct mr_store *store = open_here();
	struct mr_store_options options = small_options();
	struct mr_order order = { .kind = MR_ORDER_FREEZE };
	struct stat before, after;

	fill(store);
	mr_store_close(&store);
	ck_assert_int_eq(stat(path_of("records.mdb"), &before), 0);
	options.read_only = true;
	store = open_with(folder, options, NULL);
	check_filled(store);
	set_account(store, "user1", MR_ACCOUNT_FROZEN, true, NULL);
	ck_assert_int_eq(mr_store_order(store, &order, NULL, NULL, NULL, NULL), MR_ERR_STATE);
	ck_assert_int_eq(mr_store_order_wait(store, &order, NULL, NULL), MR_ERR_STATE);
	ck_assert_int_eq(mr_store_flush(store), 0);
	mr_store_close(&store);
	ck_assert_int_eq(stat(path_of("records.mdb"), &after), 0);
	ck_assert(before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	store = open_here();
	ck_assert_int_eq(state_of(store, "user1"), MR_ACCOUNT_NORMAL);
	mr_store_close(&store);
}
END_TEST

START_TEST(a_reader_of_nothing_finds_nothing)
{
	struct mr_store_options options = small_options();
	struct mr_store *store;

	options.read_only = true;
	store = open_with(folder, options, NULL);
	ck_assert_int_eq(state_of(store, "joe"), -1);
	mr_store_close(&store);
	ck_assert_int_eq(access(path_of("orders.mdb"), F_OK), -1);
}
END_TEST

START_TEST(it_is_written_within_a_second)
{
	struct mr_store *store = open_here();
	struct mr_store_counts counts;

	set_account(store, "joe", MR_ACCOUNT_NORMAL, true, NULL);
	mr_store_count(store, &counts);
	ck_assert_int_ge(counts.oldest_unwritten_ms, 1);
	while (counts.written_records == 0) {
		ck_assert_int_lt(counts.oldest_unwritten_ms, 30000);
		usleep(10000);
		mr_store_count(store, &counts);
	}
	ck_assert_uint_eq(counts.written_records, 1);
	mr_store_close(&store);
}
END_TEST

/* ---- Folders that cannot be right ---- */

static void expect_refusal(const char *directory, int expected, const char *word)
{
	struct mr_durable *durable;
	char why[256];
	int err = mr_lmdb_open(directory, false, 1, why, &durable);

	ck_assert_msg(err == expected, "%d, not %d: %s", err, expected, why);
	ck_assert_ptr_null(durable);
	ck_assert_msg(strstr(why, word) != NULL, "'%s' is not in: %s", word, why);
	ck_assert_uint_le(strlen(why), 255);
}

START_TEST(a_folder_that_cannot_be_right_is_refused)
{
	char longest[5000], other[128];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	expect_refusal("", MR_ERR_RANGE, "empty");
	expect_refusal(longest, MR_ERR_RANGE, "too long");
	snprintf(other, sizeof(other), "%s/none", folder);
	expect_refusal(other, MR_ERR_NOTFOUND, "install -d");
	close(open(path_of("file"), O_CREAT | O_WRONLY, 0600));
	snprintf(other, sizeof(other), "%s/file", folder);
	expect_refusal(other, MR_ERR_REFUSED, "not a folder");
	unlink(path_of("file"));
	ck_assert_int_eq(symlink(folder, path_of("link")), 0);
	snprintf(other, sizeof(other), "%s/link", folder);
	expect_refusal(other, MR_ERR_REFUSED, "symbolic link");
	unlink(path_of("link"));
	ck_assert_int_eq(chmod(folder, 0770), 0);
	expect_refusal(folder, MR_ERR_REFUSED, "chmod go-w");
	ck_assert_int_eq(chmod(folder, 0700), 0);
	ck_assert_int_eq(symlink("/dev/null", path_of("orders.mdb")), 0);
	expect_refusal(folder, MR_ERR_REFUSED, "symbolic link");
	unlink(path_of("orders.mdb"));
	ck_assert_int_eq(mkfifo(path_of("records.mdb"), 0600), 0);
	expect_refusal(folder, MR_ERR_REFUSED, "plain file");
	unlink(path_of("records.mdb"));
	unlink(path_of("orders.mdb"));
	close(open(path_of("orders.mdb"), O_CREAT | O_WRONLY, 0600));
	snprintf(other, sizeof(other), "%s/second", folder);
	ck_assert_int_eq(link(path_of("orders.mdb"), other), 0);
	expect_refusal(folder, MR_ERR_REFUSED, "one name");
	unlink(other);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(folder, 65534, 65534), 0);
		expect_refusal(folder, MR_ERR_REFUSED, "65534");
		ck_assert_int_eq(chown(folder, 0, 0), 0);
	}
}
END_TEST

START_TEST(a_second_process_is_refused)
{
	struct mr_store *store = open_here();
	char pid[32];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	expect_refusal(folder, MR_ERR_STATE, pid);
	mr_store_close(&store);
	store = open_here();
	mr_store_close(&store);
}
END_TEST

/* ---- Formats ---- */

static size_t before;

/* Opens the file as LMDB does, and calls part in one transaction. */
static void edit(const char *name, const char *tree, void (*part)(MDB_txn *txn, MDB_dbi dbi))
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	ck_assert_int_eq(mdb_env_create(&env), 0);
	ck_assert_int_eq(mdb_env_set_maxdbs(env, 8), 0);
	ck_assert_int_eq(mdb_env_set_mapsize(env, 1 << 28), 0);
	ck_assert_int_eq(mdb_env_open(env, path_of(name), MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	/* orders.mdb has one tree, and its keys begin with a number */
	ck_assert_int_eq(mdb_dbi_open(txn, name[0] == 'o' ? NULL : tree, 0, &dbi), 0);
	before = name[0] == 'o';
	part(txn, dbi);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void set_version(MDB_txn *txn, MDB_dbi dbi, uint32_t version)
{
	MDB_val key = { 4 + before, (char *)(uintptr_t)"\6meta" + 1 - before }, value;
	char meta[64];

	ck_assert_int_eq(mdb_get(txn, dbi, &key, &value), 0);
	ck_assert_uint_le(value.mv_size, sizeof(meta));
	memcpy(meta, value.mv_data, value.mv_size);
	memcpy(meta, &version, sizeof(version));
	value.mv_data = meta;
	ck_assert_int_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
}

static void make_later(MDB_txn *txn, MDB_dbi dbi)
{
	set_version(txn, dbi, 2);
}

static void make_older(MDB_txn *txn, MDB_dbi dbi)
{
	set_version(txn, dbi, 0);
}

START_TEST(a_later_format_is_refused)
{
	static const char *const files[] = { "orders.mdb", "records.mdb" };
	struct mr_store *store = open_here();

	mr_store_close(&store);
	edit(files[_i], "meta", make_later);
	expect_refusal(folder, MR_ERR_REFUSED, "later Mailreeve");
}
END_TEST

/* The checksum of format.c, said again: what is on disk must not change by accident. */
static uint64_t mix_word(uint64_t sum, const unsigned char *bytes, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, bytes, n);
	sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return sum ^ sum >> 29;
}

static uint64_t mix(uint64_t start, const unsigned char *bytes, size_t n)
{
	uint64_t sum[4] = { start ^ n, start + 1, start + 2, start + 3 };
	size_t at = 0;

	for (size_t words = n / 8; at < words; at++) {
		size_t lane = at < words / 4 * 4 ? at % 4 : 0;

		sum[lane] = mix_word(sum[lane], bytes + at * 8, 8);
	}
	sum[0] = mix_word(sum[0], bytes + at * 8, n % 8);
	for (int i = 1; i < 4; i++)
		sum[0] = mix_word(sum[0], (const unsigned char *)&sum[i], 8);
	return sum[0];
}

static void seal(const MDB_val *key, unsigned char *value, size_t n, uint16_t version)
{
	uint64_t sum = mix(mix(version + 1u, key->mv_data, key->mv_size), value + 8, n - 8);
	uint32_t check = (uint32_t)(sum ^ sum >> 32);

	memset(value, 0, 8);
	memcpy(value, &check, 4);
	memcpy(value + 4, &version, 2);
}

/* Every account as version 0 had it: without its name. */
static void shorten_accounts(MDB_txn *txn, MDB_dbi dbi)
{
	const size_t n = 8 + offsetof(struct mr_account, name) - sizeof(struct mr_key);
	MDB_cursor *cursor;
	MDB_val key, value;
	unsigned char bytes[8 + sizeof(struct mr_account)], again[8 + sizeof(struct mr_account)], name[1 + sizeof(struct mr_key)];

	ck_assert_int_eq(mdb_cursor_open(txn, dbi, &cursor), 0);
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
		MDB_val own = { key.mv_size - before, (char *)key.mv_data + before };

		if (before > 0 && *(char *)key.mv_data != 0)
			break;
		memcpy(bytes, value.mv_data, value.mv_size);
		memcpy(again, bytes, value.mv_size);
		seal(&own, again, value.mv_size, 1);
		ck_assert_mem_eq(again, bytes, value.mv_size);
		seal(&own, bytes, n, 0);
		/* LMDB moves what key points to */
		memcpy(name, key.mv_data, key.mv_size);
		key = (MDB_val){ key.mv_size, name };
		value = (MDB_val){ n, bytes };
		ck_assert_int_eq(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), 0);
	}
	mdb_cursor_close(cursor);
}

START_TEST(an_older_format_is_read_and_written_anew)
{
	struct mr_store *store = open_here();
	struct mr_account *account;

	fill(store);
	mr_store_close(&store);
	edit("orders.mdb", "meta", make_older);
	edit("orders.mdb", "accounts", shorten_accounts);
	edit("records.mdb", "meta", make_older);
	edit("records.mdb", "accounts", shorten_accounts);
	store = open_here();
	for (int round = 0; round < 2; round++) {
		account = get(store, "user7", 1, false, NULL);
		ck_assert_ptr_nonnull(account);
		ck_assert_int_eq(account->last_ms, 7);
		ck_assert_str_eq(account->name, round == 0 ? "" : "user7");
		snprintf(account->name, sizeof(account->name), "user7");
		mr_store_account_done(store, account, true);
		ck_assert_int_eq(state_of(store, "joe"), MR_ACCOUNT_FROZEN);
		ck_assert(!mr_store_degraded(store));
		mr_store_close(&store);
		store = open_here();
	}
	mr_store_close(&store);
}
END_TEST

/* ---- Damage ---- */

static void fill_for_damage(void)
{
	struct mr_store *store = open_here();

	fill(store);
	for (int i = 0; i < 10; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%d", i);
		ck_assert_int_eq(freeze_or_thaw(store, name, true), 0);
	}
	mr_store_close(&store);
}

/* How many of the frozen accounts are. */
static int frozen_there(struct mr_store *store)
{
	char name[32];
	int frozen = 0;

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		frozen += state_of(store, name) == MR_ACCOUNT_FROZEN;
	}
	return frozen;
}

static void *slurp(const char *path, size_t *n_r)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	char *bytes;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fstat(fileno(file), &status), 0);
	*n_r = (size_t)status.st_size;
	bytes = malloc(*n_r + 1);
	ck_assert_uint_eq(fread(bytes, 1, *n_r, file), *n_r);
	fclose(file);
	return bytes;
}

static void spill(const char *path, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "wb");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
	fclose(file);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

static void remove_aside(const char *name)
{
	char aside[64];

	snprintf(aside, sizeof(aside), "%s.damaged-1", name);
	unlink(path_of(aside));
}

/* Opens the store over a damaged file, and looks at what must be true whatever the damage was. */
static void open_damaged(const char *name, bool must_be_told)
{
	struct mr_store_options options = small_options();
	struct told told = { 0 };
	struct mr_store *store;

	options.tell = hear;
	options.tell_context = &told;
	store = open_with(folder, options, NULL);
	ck_assert_msg(frozen_there(store) == 10, "%s: %d are frozen: %s", name, frozen_there(store), told.last);
	ck_assert_uint_eq(told.degraded, mr_store_degraded(store));
	ck_assert_msg(!must_be_told || (told.degraded == 1 && strstr(told.last, name) != NULL), "%s: not told: %s", name, told.last);
	/* It can be written as before. */
	ck_assert_int_eq(freeze_or_thaw(store, "f3", true), 0);
	ck_assert_int_eq(mr_store_flush(store), 0);
	mr_store_close(&store);
}

/* Bytes that the newest snapshot uses; what is behind them may go. */
static size_t used_bytes(const unsigned char *bytes)
{
	uint64_t last[2], transaction[2];

	for (int i = 0; i < 2; i++) {
		memcpy(&last[i], bytes + 4096 * i + 136, 8);
		memcpy(&transaction[i], bytes + 4096 * i + 144, 8);
	}
	return (size_t)(last[transaction[1] > transaction[0]] + 1) * 4096;
}

START_TEST(a_file_that_was_cut_off_costs_only_itself)
{
	static const char *const files[] = { "orders.mdb", "records.mdb" };
	const char *name = files[_i];
	size_t orders_n, records_n, used, step;
	void *orders, *records;

	fill_for_damage();
	orders = slurp(path_of("orders.mdb"), &orders_n);
	records = slurp(path_of("records.mdb"), &records_n);
	used = used_bytes(_i == 0 ? orders : records);
	step = used / 40 + 1;
	for (size_t n = 1; n < used; n += step) {
		spill(path_of("orders.mdb"), orders, _i == 0 ? n : orders_n);
		spill(path_of("records.mdb"), records, _i == 1 ? n : records_n);
		open_damaged(name, true);
		remove_aside(name);
	}
	free(orders);
	free(records);
}
END_TEST

START_TEST(a_file_of_zeros_is_set_aside)
{
	size_t n;
	void *bytes;
	char zeros[65536] = { 0 };

	fill_for_damage();
	bytes = slurp(path_of("orders.mdb"), &n);
	free(bytes);
	spill(path_of("orders.mdb"), zeros, sizeof(zeros));
	open_damaged("orders.mdb", true);
	ck_assert_int_eq(access(path_of("orders.mdb.damaged-1"), F_OK), 0);
	spill(path_of("orders.mdb"), zeros, sizeof(zeros));
	open_damaged("orders.mdb", true);
	ck_assert_int_eq(access(path_of("orders.mdb.damaged-2"), F_OK), 0);
	/* Nothing at all is an order file that was lost, too. */
	ck_assert_int_eq(unlink(path_of("orders.mdb")), 0);
	open_damaged("orders.mdb", true);
}
END_TEST

/* Bits are flipped at random places; whatever they hit, no frozen account is free and nothing crashes. */
START_TEST(flipped_bits_free_nobody)
{
	static const char *const files[] = { "orders.mdb", "records.mdb" };
	const char *name = files[_i];
	unsigned random = 12345u + (unsigned)_i;
	size_t orders_n, records_n, n;
	unsigned char *orders, *records, *hit;

	fill_for_damage();
	orders = slurp(path_of("orders.mdb"), &orders_n);
	records = slurp(path_of("records.mdb"), &records_n);
	hit = _i == 0 ? orders : records;
	n = used_bytes(hit);
	for (int round = 0; round < 150; round++) {
		unsigned char kept[4];
		size_t at[4];

		for (int k = 0; k <= round % 4; k++) {
			random = random * 1103515245u + 12345u;
			/* every second flip goes into the first pages, where the structure is */
			at[k] = (random >> 4) % (k % 2 == 0 ? n : 16384);
			kept[k] = hit[at[k]];
			hit[at[k]] ^= (unsigned char)(1u << (random >> 1) % 8);
		}
		spill(path_of("orders.mdb"), orders, orders_n);
		spill(path_of("records.mdb"), records, records_n);
		open_damaged(name, false);
		remove_aside(name);
		for (int k = round % 4; k >= 0; k--)
			hit[at[k]] = kept[k];
	}
	free(orders);
	free(records);
}
END_TEST

static void hurt_accounts(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	unsigned char bytes[8 + sizeof(struct mr_account)];
	int i = 0;

	ck_assert_int_eq(mdb_cursor_open(txn, dbi, &cursor), 0);
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
		if (i++ % 50 != 0)
			continue;
		memcpy(bytes, value.mv_data, value.mv_size);
		/* a good checksum over a state that does not exist, then values that are short */
		if (i < 150) {
			memset(bytes + 8 + offsetof(struct mr_account, standing) - sizeof(struct mr_key), 0x77, 2);
			seal(&key, bytes, value.mv_size, 1);
		} else {
			value.mv_size /= (size_t)i;
		}
		value.mv_data = bytes;
		ck_assert_int_eq(mdb_cursor_put(cursor, &key, &value, 0), 0);
	}
	mdb_cursor_close(cursor);
}

START_TEST(damaged_values_are_left_out_and_told_once)
{
	struct mr_store *store;
	struct mr_store_counts counts;

	fill_for_damage();
	edit("records.mdb", "accounts", hurt_accounts);
	open_damaged("records.mdb", true);
	store = open_here();
	ck_assert(!mr_store_degraded(store));
	mr_store_count(store, &counts);
	ck_assert_uint_ge(counts.accounts, 300);
	ck_assert_uint_le(counts.accounts, 310);
	mr_store_close(&store);
}
END_TEST

START_TEST(records_of_another_secret_are_nobodys)
{
	size_t n;
	void *bytes;
	struct mr_store *store;

	fill_for_damage();
	bytes = slurp(path_of("records.mdb"), &n);
	unlink(path_of("orders.mdb"));
	unlink(path_of("records.mdb"));
	fill_for_damage();
	spill(path_of("records.mdb"), bytes, n);
	free(bytes);
	open_damaged("records.mdb", true);
	store = open_here();
	ck_assert_int_eq(state_of(store, "user7"), -1);
	mr_store_close(&store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store on LMDB");
	TCase *tests = tcase_create("store on LMDB");

	tcase_set_timeout(tests, 300);
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, everything_is_there_after_a_restart);
	tcase_add_loop_test(tests, a_habit_that_cannot_be_is_begun_anew, 0, 4);
	tcase_add_test(tests, what_was_flushed_outlives_a_kill);
	tcase_add_test(tests, an_order_is_stronger_than_an_older_record);
	tcase_add_test(tests, orders_that_come_in_the_wrong_order_do_not_undo_each_other);
	tcase_add_test(tests, who_was_forgotten_stays_forgotten);
	tcase_add_test(tests, a_smaller_capacity_keeps_the_frozen_ones);
	tcase_add_test(tests, a_reader_changes_nothing);
	tcase_add_test(tests, a_reader_of_nothing_finds_nothing);
	tcase_add_test(tests, it_is_written_within_a_second);
	tcase_add_test(tests, a_folder_that_cannot_be_right_is_refused);
	tcase_add_test(tests, a_second_process_is_refused);
	tcase_add_loop_test(tests, a_later_format_is_refused, 0, 2);
	tcase_add_test(tests, an_older_format_is_read_and_written_anew);
	tcase_add_loop_test(tests, a_file_that_was_cut_off_costs_only_itself, 0, 2);
	tcase_add_test(tests, a_file_of_zeros_is_set_aside);
	tcase_add_loop_test(tests, flipped_bits_free_nobody, 0, 2);
	tcase_add_test(tests, damaged_values_are_left_out_and_told_once);
	tcase_add_test(tests, records_of_another_secret_are_nobodys);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
