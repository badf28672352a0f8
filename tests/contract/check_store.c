/* What store.h promises, over a store in memory and over one on LMDB: each test is played with both. */
#include <pthread.h>
#include <stdatomic.h>

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

START_TEST(a_new_account_is_empty_and_is_found_again)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	struct mr_account *account, nothing = { .kind = MR_ACCOUNT_LOGIN, .name = "joe" };
	bool fresh = true;

	ck_assert_ptr_null(get(store, "joe", 1, false, &fresh));
	ck_assert(!fresh);
	account = get(store, "joe", 1, true, &fresh);
	ck_assert_ptr_nonnull(account);
	ck_assert(fresh);
	nothing.key = key_of(store, "joe");
	ck_assert_mem_eq(account, &nothing, sizeof(nothing));
	account->last_ms = 42;
	mr_store_account_done(store, account, true);
	account = get(store, "joe", 1, true, &fresh);
	ck_assert(!fresh);
	ck_assert_int_eq(account->last_ms, 42);
	ck_assert_uint_eq(account->revision, 1);
	mr_store_account_done(store, account, false);
	account = get(store, "joe", 1, false, NULL);
	ck_assert_uint_eq(account->revision, 1);
	mr_store_account_done(store, account, false);
	ck_assert_ptr_null(get(store, "jo", 1, false, NULL));
	mr_store_close(&store);
	ck_assert_ptr_null(store);
}
END_TEST

START_TEST(keys_are_apart)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	struct mr_key keys[8];
	char name[2000];

	memset(name, 'a', sizeof(name));
	mr_store_key(store, MR_KEY_ACCOUNT, 0, MR_STR("joe"), &keys[0]);
	mr_store_key(store, MR_KEY_ACCOUNT, 1, MR_STR("joe"), &keys[1]);
	mr_store_key(store, MR_KEY_SOURCE, 0, MR_STR("joe"), &keys[2]);
	mr_store_key(store, MR_KEY_ACCOUNT, 0, MR_STR("joe\0"), &keys[3]);
	mr_store_key(store, MR_KEY_ACCOUNT, 0, MR_STR(""), &keys[4]);
	mr_store_key(store, MR_KEY_ACCOUNT, 0, (struct mr_str){ name, sizeof(name) }, &keys[5]);
	mr_store_key(store, MR_KEY_ACCOUNT, 0, (struct mr_str){ name, sizeof(name) - 1 }, &keys[6]);
	mr_store_key(store, MR_KEY_ACCOUNT, 0x1000000, MR_STR("joe"), &keys[7]);
	for (int a = 0; a < 8; a++) {
		for (int b = 0; b < a; b++)
			ck_assert_mem_ne(&keys[a], &keys[b], sizeof(keys[a]));
	}
	mr_store_key(store, MR_KEY_ACCOUNT, 0, MR_STR("joe"), &keys[1]);
	ck_assert_mem_eq(&keys[0], &keys[1], sizeof(keys[0]));
	mr_store_close(&store);
}
END_TEST

START_TEST(long_names_are_cut)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	const char *just = "123456789012345678901234567890123456789012345678", *more = "1234567890123456789012345678901234567890123456789";
	struct mr_account *account = get(store, just, 1, true, NULL);

	ck_assert_uint_eq(account->name_cut, 0);
	ck_assert_mem_eq(account->name, just, MR_ACCOUNT_NAME_MAX);
	mr_store_account_done(store, account, true);
	account = get(store, more, 1, true, NULL);
	ck_assert_uint_eq(account->name_cut, 1);
	ck_assert_mem_eq(account->name, just, MR_ACCOUNT_NAME_MAX);
	mr_store_account_done(store, account, true);
	mr_store_close(&store);
}
END_TEST

static void make_many(struct mr_store *store, const char *what, int count, enum mr_account_state state, bool known)
{
	char name[64];

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%d", what, i);
		ck_assert_msg(set_account(store, name, state, known, NULL), "no room for %s", name);
	}
}

static int count_there(struct mr_store *store, const char *what, int count)
{
	char name[64];
	int there = 0;

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%d", what, i);
		there += state_of(store, name) >= 0;
	}
	return there;
}

START_TEST(unknown_names_crowd_out_no_known_one)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	struct mr_store_counts counts;

	make_many(store, "known", 600, MR_ACCOUNT_NORMAL, true);
	make_many(store, "frozen", 20, MR_ACCOUNT_FROZEN, false);
	make_many(store, "held", 20, MR_ACCOUNT_HELD, false);
	make_many(store, "stranger", 20000, MR_ACCOUNT_NORMAL, false);
	ck_assert_int_eq(count_there(store, "known", 600), 600);
	ck_assert_int_eq(count_there(store, "frozen", 20), 20);
	ck_assert_int_eq(count_there(store, "held", 20), 20);
	mr_store_count(store, &counts);
	ck_assert_uint_le(counts.accounts, 1000);
	ck_assert_uint_eq(counts.known_accounts, 600);
	ck_assert_uint_eq(counts.evicted_accounts, 20640 - counts.accounts);
	mr_store_close(&store);
}
END_TEST

START_TEST(unknown_names_take_half_of_the_room)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	struct mr_store_counts counts;

	make_many(store, "stranger", 3000, MR_ACCOUNT_NORMAL, false);
	mr_store_count(store, &counts);
	ck_assert_uint_eq(counts.accounts, 500);
	/* Those that are frozen count too, so that strangers who are frozen leave the known ones their half. */
	make_many(store, "frozen", 400, MR_ACCOUNT_FROZEN, false);
	make_many(store, "stranger", 3000, MR_ACCOUNT_NORMAL, false);
	mr_store_count(store, &counts);
	ck_assert_uint_eq(counts.accounts, 500);
	ck_assert_int_eq(count_there(store, "frozen", 400), 400);
	make_many(store, "known", 480, MR_ACCOUNT_NORMAL, true);
	ck_assert_int_eq(count_there(store, "frozen", 400), 400);
	ck_assert_int_eq(count_there(store, "known", 480), 480);
	mr_store_close(&store);
}
END_TEST

START_TEST(of_known_accounts_the_one_unused_for_long_goes)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	char name[64];
	int there;

	make_many(store, "old", 500, MR_ACCOUNT_NORMAL, true);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "new%d", i);
		ck_assert(set_account(store, name, MR_ACCOUNT_NORMAL, true, NULL));
		ck_assert_int_ge(state_of(store, "old7"), 0);
	}
	there = count_there(store, "old", 500);
	ck_assert_int_ge(there, 1);
	ck_assert_int_le(there, 50);
	ck_assert_int_ge(count_there(store, "new", 2000), 850);
	mr_store_close(&store);
}
END_TEST

START_TEST(what_is_frozen_stays_when_there_is_no_room)
{
	struct mr_store_options options = small_options();
	struct mr_store *store;
	struct mr_store_counts counts;

	options.accounts = 20;
	store = open_kind(_i, folder, options);
	make_many(store, "frozen", 10, MR_ACCOUNT_FROZEN, false);
	ck_assert(!set_account(store, "one more", MR_ACCOUNT_NORMAL, false, NULL));
	ck_assert_int_eq(count_there(store, "frozen", 10), 10);
	mr_store_count(store, &counts);
	ck_assert_uint_ge(counts.refused_accounts, 1);
	/* A thaw makes room. */
	ck_assert(set_account(store, "frozen3", MR_ACCOUNT_NORMAL, false, NULL));
	ck_assert(set_account(store, "one more", MR_ACCOUNT_NORMAL, false, NULL));
	ck_assert_int_eq(count_there(store, "frozen", 10), 9);
	mr_store_close(&store);
}
END_TEST

START_TEST(evictions_are_told_once_a_minute)
{
	struct mr_store_options options = small_options();
	struct told told = { 0 };
	struct mr_store *store;
	char name[32];

	options.accounts = 64;
	options.tell = hear;
	options.tell_context = &told;
	store = open_kind(_i, folder, options);
	for (int i = 0; i < 121; i++) {
		struct mr_account *account;

		/* two thousand names in 121 seconds, of which the first fill the room */
		for (int j = 0; j < 20; j++) {
			snprintf(name, sizeof(name), "%d.%d", i, j);
			account = get(store, name, 1000 * i, true, NULL);
			mr_store_account_done(store, account, true);
		}
	}
	ck_assert_uint_eq(told.evicted, 2);
	ck_assert_ptr_nonnull(strstr(told.last, "state.accounts"));
	mr_store_close(&store);
}
END_TEST

static void source_key(struct mr_store *store, int i, struct mr_key *key_r)
{
	mr_store_key(store, MR_KEY_SOURCE, 4, (struct mr_str){ (const char *)&i, sizeof(i) }, key_r);
}

static bool set_source(struct mr_store *store, int i, enum mr_account_state state)
{
	struct mr_source *source;
	struct mr_key key;
	bool fresh;

	source_key(store, i, &key);
	source = mr_store_source_get(store, &key, 1, true, &fresh);
	if (source == NULL)
		return false;
	source->state = (uint8_t)state;
	mr_store_source_done(store, source, true);
	return true;
}

static int sources_there(struct mr_store *store, int from, int to)
{
	struct mr_source *source;
	struct mr_key key;
	int there = 0;

	for (int i = from; i < to; i++) {
		source_key(store, i, &key);
		source = mr_store_source_get(store, &key, 1, false, NULL);
		if (source != NULL)
			mr_store_source_done(store, source, false);
		there += source != NULL;
	}
	return there;
}

START_TEST(blocked_sources_stay)
{
	struct mr_store *store = open_kind(_i, folder, small_options());

	for (int i = 0; i < 100; i++)
		ck_assert(set_source(store, i, MR_ACCOUNT_FROZEN));
	for (int i = 100; i < 20000; i++)
		ck_assert(set_source(store, i, MR_ACCOUNT_NORMAL));
	ck_assert_int_eq(sources_there(store, 0, 100), 100);
	ck_assert_int_eq(sources_there(store, 100, 20000), 900);
	for (int i = 0; i < 1000; i++)
		ck_assert(set_source(store, i, MR_ACCOUNT_FROZEN));
	ck_assert(!set_source(store, 20001, MR_ACCOUNT_NORMAL));
	mr_store_close(&store);
}
END_TEST

static unsigned char *window(struct mr_store *store, const char *name, size_t size, int64_t now, int64_t idle, bool *fresh_r)
{
	struct mr_key key;

	mr_store_key(store, MR_KEY_WINDOW, 0, mr_str_of(name), &key);
	return mr_store_window_get(store, &key, size, now, idle, fresh_r);
}

START_TEST(a_window_has_its_size_and_begins_empty)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	unsigned char *data, zero[65536] = { 0 };
	bool fresh;

	data = window(store, "a", 65536, 1, 1000, &fresh);
	ck_assert_ptr_nonnull(data);
	ck_assert(fresh);
	ck_assert_mem_eq(data, zero, sizeof(zero));
	memset(data, 7, sizeof(zero));
	mr_store_window_done(store, data, true);
	data = window(store, "a", 60, 1, 1000, &fresh);
	ck_assert(fresh);
	ck_assert_mem_eq(data, zero, 60);
	mr_store_window_done(store, data, false);
	data = window(store, "a", 65536, 1, 1000, &fresh);
	ck_assert(!fresh);
	ck_assert_uint_eq(data[65535], 7);
	mr_store_window_done(store, data, false);
	ck_assert_ptr_null(window(store, "a", 65537, 1, 1000, &fresh));
	ck_assert_ptr_null(window(store, "a", 0, 1, 1000, &fresh));
	mr_store_close(&store);
}
END_TEST

START_TEST(windows_are_bounded_and_idle_ones_go_first)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	struct mr_store_counts counts;
	unsigned char *data;
	char name[32];
	bool fresh;

	/* One that is used all the time, among many that are used once. */
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		data = window(store, name, 100 + (size_t)i % 1000, i, 100, &fresh);
		ck_assert_ptr_nonnull(data);
		mr_store_window_done(store, data, true);
		data = window(store, "busy", 100, i, 1000000, &fresh);
		ck_assert(fresh == (i == 0));
		data[0] = 1;
		mr_store_window_done(store, data, true);
	}
	mr_store_count(store, &counts);
	ck_assert_uint_le(counts.window_bytes, 1 << 20);
	ck_assert_uint_ge(counts.window_bytes, (1 << 20) * 9 / 10);
	ck_assert_uint_eq(counts.evicted_windows + counts.windows, 20001);
	mr_store_close(&store);
}
END_TEST

START_TEST(notes_are_kept_changed_and_removed)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	char value[256], name[65];
	size_t n = 0;

	memset(name, 'n', sizeof(name));
	ck_assert_int_eq(mr_store_note_get(store, MR_STR("clock"), value, sizeof(value), &n), MR_ERR_NOTFOUND);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("clock"), "12345", 5), 0);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("cloc"), "x", 1), 0);
	ck_assert_int_eq(mr_store_note_get(store, MR_STR("clock"), value, sizeof(value), &n), 0);
	ck_assert_uint_eq(n, 5);
	ck_assert_mem_eq(value, "12345", 5);
	ck_assert_int_eq(mr_store_note_get(store, MR_STR("clock"), value, 4, &n), MR_ERR_RANGE);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("clock"), "6", 1), 0);
	ck_assert_int_eq(mr_store_note_get(store, MR_STR("clock"), value, sizeof(value), &n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("clock"), NULL, 0), 0);
	ck_assert_int_eq(mr_store_note_get(store, MR_STR("clock"), value, sizeof(value), &n), MR_ERR_NOTFOUND);
	ck_assert_int_eq(mr_store_note_set(store, (struct mr_str){ name, 65 }, "x", 1), MR_ERR_RANGE);
	ck_assert_int_eq(mr_store_note_set(store, (struct mr_str){ name, 64 }, value, 256), 0);
	ck_assert_int_eq(mr_store_note_set(store, (struct mr_str){ name, 64 }, value, 257), MR_ERR_RANGE);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR(""), "x", 1), MR_ERR_RANGE);
	ck_assert_int_eq(mr_store_flush(store), 0);
	for (int i = 0; i < 4094; i++) {
		int length = snprintf(name, sizeof(name), "note %d", i);

		ck_assert_int_eq(mr_store_note_set(store, (struct mr_str){ name, (size_t)length }, "x", 1), 0);
	}
	ck_assert_int_eq(mr_store_flush(store), 0);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("one too many"), "x", 1), MR_ERR_FULL);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("note 5"), NULL, 0), 0);
	ck_assert_int_eq(mr_store_flush(store), 0);
	ck_assert_int_eq(mr_store_note_set(store, MR_STR("one too many"), "x", 1), 0);
	mr_store_close(&store);
}
END_TEST

struct journal {
	uint64_t expected;
	unsigned seen, stop_after;
};

static bool see_order(void *context, const struct mr_order *order)
{
	struct journal *journal = context;

	ck_assert_uint_eq(order->number, journal->expected--);
	return ++journal->seen != journal->stop_after;
}

static void count_done(void *context, int err)
{
	ck_assert_int_eq(err, 0);
	atomic_fetch_add((atomic_int *)context, 1);
}

START_TEST(orders_are_numbered_and_told_of_newest_first)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	struct journal journal = { .expected = 3000 };
	struct mr_order order;
	atomic_int done = 0;

	for (uint64_t i = 1; i <= 3000; i++) {
		order = (struct mr_order){ .kind = MR_ORDER_BLOCK, .subject = "192.0.2.0/24" };
		ck_assert_int_eq(mr_store_order(store, &order, NULL, NULL, i % 3 == 0 ? NULL : count_done, &done), 0);
		ck_assert_uint_eq(order.number, i);
	}
	ck_assert_int_eq(mr_store_flush(store), 0);
	ck_assert_int_eq(done, 2000);
	mr_store_orders(store, see_order, &journal);
	ck_assert_uint_ge(journal.seen, 1000);
	journal = (struct journal){ .expected = 3000, .stop_after = 5 };
	mr_store_orders(store, see_order, &journal);
	ck_assert_uint_eq(journal.seen, 5);
	order = (struct mr_order){ .kind = MR_ORDER_UNBLOCK };
	ck_assert_int_eq(mr_store_order_wait(store, &order, NULL, NULL), 0);
	ck_assert_uint_eq(order.number, 3001);
	mr_store_close(&store);
}
END_TEST

static bool count_account(void *context, const struct mr_account *account)
{
	unsigned *seen = context;

	ck_assert_int_ge(account->standing.state, MR_ACCOUNT_HELD);
	return ++*seen != 15;
}

static bool count_source(void *context, const struct mr_source *source)
{
	(void)source;
	++*(unsigned *)context;
	return true;
}

START_TEST(records_are_looked_at)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	unsigned seen = 0;

	make_many(store, "calm", 300, MR_ACCOUNT_NORMAL, true);
	make_many(store, "held", 4, MR_ACCOUNT_HELD, false);
	make_many(store, "frozen", 7, MR_ACCOUNT_FROZEN, true);
	mr_store_accounts(store, MR_ACCOUNT_HELD, count_account, &seen);
	ck_assert_uint_eq(seen, 11);
	make_many(store, "more", 7, MR_ACCOUNT_FROZEN, true);
	seen = 0;
	mr_store_accounts(store, MR_ACCOUNT_HELD, count_account, &seen);
	ck_assert_uint_eq(seen, 15);
	for (int i = 0; i < 10; i++)
		set_source(store, i, i < 3 ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL);
	seen = 0;
	mr_store_sources(store, true, count_source, &seen);
	ck_assert_uint_eq(seen, 3);
	mr_store_sources(store, false, count_source, &seen);
	ck_assert_uint_eq(seen, 13);
	mr_store_close(&store);
}
END_TEST

START_TEST(a_million_strangers_need_no_more_memory)
{
	struct mr_store_options options = small_options();
	struct mr_store *store;
	struct mr_store_counts before, after;
	char name[32];

	options.accounts = options.sources = 20000;
	store = open_kind(_i, folder, options);
	make_many(store, "known", 10000, MR_ACCOUNT_NORMAL, true);
	make_many(store, "first", 10000, MR_ACCOUNT_NORMAL, false);
	for (int i = 0; i < 20000; i++)
		set_source(store, i, MR_ACCOUNT_NORMAL);
	mr_store_count(store, &before);
	for (int i = 0; i < 1000000; i++) {
		snprintf(name, sizeof(name), "flood%d", i);
		set_account(store, name, MR_ACCOUNT_NORMAL, false, NULL);
		set_source(store, i, MR_ACCOUNT_NORMAL);
	}
	mr_store_count(store, &after);
	ck_assert_uint_eq(after.accounts, 20000);
	ck_assert_uint_eq(after.sources, 20000);
	ck_assert_uint_le(after.memory_bytes, before.memory_bytes + before.memory_bytes / 20);
	ck_assert_int_eq(count_there(store, "known", 10000), 10000);
	mr_store_close(&store);
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000, NAMES = 50 };

static void *hammer(void *context)
{
	struct mr_store *store = context;
	struct mr_order order = { .kind = MR_ORDER_FREEZE };
	char name[32];

	for (int i = 0; i < ROUNDS; i++) {
		struct mr_account *account;
		unsigned char *data;
		bool fresh;

		snprintf(name, sizeof(name), "shared%d", i % NAMES);
		account = get(store, name, i, true, &fresh);
		account->first_ms++;
		account->known = 1;
		mr_store_account_done(store, account, true);
		snprintf(name, sizeof(name), "%p.%d", (void *)&order, i);
		set_account(store, name, MR_ACCOUNT_NORMAL, false, NULL);
		set_source(store, i, MR_ACCOUNT_NORMAL);
		data = window(store, "shared", 64, i, 1000000, &fresh);
		(*(uint64_t *)(void *)data)++;
		mr_store_window_done(store, data, true);
		if (i % 1000 == 0) {
			mr_store_site_get(store);
			mr_store_site_done(store, true);
			ck_assert_int_eq(mr_store_order_wait(store, &order, NULL, NULL), 0);
		}
	}
	return NULL;
}

START_TEST(threads_lose_nothing)
{
	struct mr_store *store = open_kind(_i, folder, small_options());
	pthread_t threads[THREADS];
	struct journal journal = { .expected = THREADS * ROUNDS / 1000 };
	int64_t sum = 0;
	char name[32];
	unsigned char *data;
	bool fresh;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, store), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < NAMES; i++) {
		struct mr_account *account;

		snprintf(name, sizeof(name), "shared%d", i);
		account = get(store, name, 1, false, NULL);
		ck_assert_ptr_nonnull(account);
		sum += account->first_ms;
		mr_store_account_done(store, account, false);
	}
	ck_assert_int_eq(sum, THREADS * ROUNDS);
	data = window(store, "shared", 64, ROUNDS, 1, &fresh);
	ck_assert_uint_eq(*(uint64_t *)(void *)data, THREADS * ROUNDS);
	mr_store_window_done(store, data, false);
	mr_store_orders(store, see_order, &journal);
	ck_assert_uint_eq(journal.seen, THREADS * ROUNDS / 1000);
	mr_store_close(&store);
}
END_TEST

START_TEST(a_fixed_key_gives_the_same_each_time)
{
	struct mr_store_options options = small_options();
	struct mr_store *first, *second;
	struct mr_key a, b;

	options.fixed_key = true;
	first = open_kind(MEMORY, NULL, options);
	second = open_kind(MEMORY, NULL, options);
	a = key_of(first, "joe");
	b = key_of(second, "joe");
	ck_assert_mem_eq(&a, &b, sizeof(a));
	mr_store_close(&second);
	options.fixed_key = false;
	second = open_kind(MEMORY, NULL, options);
	b = key_of(second, "joe");
	ck_assert_mem_ne(&a, &b, sizeof(a));
	mr_store_close(&first);
	mr_store_close(&second);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *tests = tcase_create("store");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_loop_test(tests, a_new_account_is_empty_and_is_found_again, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, keys_are_apart, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, long_names_are_cut, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, unknown_names_crowd_out_no_known_one, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, unknown_names_take_half_of_the_room, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, of_known_accounts_the_one_unused_for_long_goes, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, what_is_frozen_stays_when_there_is_no_room, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, evictions_are_told_once_a_minute, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, blocked_sources_stay, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, a_window_has_its_size_and_begins_empty, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, windows_are_bounded_and_idle_ones_go_first, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, notes_are_kept_changed_and_removed, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, orders_are_numbered_and_told_of_newest_first, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, records_are_looked_at, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, a_million_strangers_need_no_more_memory, 0, KINDS_OF_STORE);
	tcase_add_loop_test(tests, threads_lose_nothing, 0, KINDS_OF_STORE);
	tcase_add_test(tests, a_fixed_key_gives_the_same_each_time);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
