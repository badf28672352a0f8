/*
 * When the disk does not do what it should: at every step that can fail, once and for good, what was acknowledged is there
 * afterwards, mail does not wait, it is told once, and what could not be written is written as soon as it can be.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../unit/harness.h"
#include "base/alloc.h"
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

/* Fails the steps from the n-th on, count of them. */
struct plan {
	atomic_long seen;
	_Atomic long from, to;
	int err;
	bool orders_only, records_only;
	enum mr_fault_step only; /* when from is 0: every step of that kind, up to `to` of them */
};

static int spoil(void *context, enum mr_fault_step step, bool orders)
{
	struct plan *plan = context;
	long at;

	if ((plan->orders_only && !orders) || (plan->records_only && orders))
		return 0;
	if (plan->from == 0 && step != plan->only)
		return 0;
	at = atomic_fetch_add(&plan->seen, 1) + 1;
	return at >= plan->from && at < plan->to ? plan->err : 0;
}

static struct mr_store *open_spoilt(struct plan *plan, struct told *told)
{
	struct mr_store_options options = small_options();
	struct mr_durable *durable;
	struct mr_store *store;
	char why[256];

	options.tell = hear;
	options.tell_context = told;
	ck_assert_int_eq(mr_lmdb_open(folder, false, 1 << 20, why, &durable), 0);
	mr_lmdb_set_fault_hook(durable, spoil, plan);
	options.durable = durable;
	ck_assert_int_eq(mr_store_open(&options, why, &store), 0);
	return store;
}

enum { NAMES = 6 };

/* Freezes and thaws; expected_r is what each name must be afterwards, if it was acknowledged, else -1. */
static void play(struct mr_store *store, int expected_r[NAMES])
{
	char name[32];

	for (int i = 0; i < NAMES * 3; i++) {
		bool freeze = i < NAMES || (i >= NAMES * 2 && i % 2 == 0);

		snprintf(name, sizeof(name), "user%d", i % NAMES);
		expected_r[i % NAMES] = freeze_or_thaw(store, name, freeze) == 0
			? freeze ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL : -1;
		/* in force at once, whatever the disk does */
		ck_assert_int_eq(state_of(store, name), freeze ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL);
	}
}

static int final_state(int i)
{
	return i % 2 == 0 ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL;
}

static void check_final(void)
{
	struct mr_store *store = open_with(folder, small_options(), NULL);
	char name[32];

	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		ck_assert_msg(state_of(store, name) == final_state(i), "%s is %d", name, state_of(store, name));
	}
	ck_assert(!mr_store_degraded(store));
	mr_store_close(&store);
}

START_TEST(one_failure_anywhere_loses_nothing)
{
	static const int errors[] = { ENOSPC, EIO, EDQUOT, ENOMEM };
	struct plan plan;
	long n = 1;

	do {
		struct told told = { 0 };
		struct mr_store *store;
		int expected[NAMES];

		plan = (struct plan){ .from = n, .to = n + 1, .err = errors[n % 4] };
		store = open_spoilt(&plan, &told);
		play(store, expected);
		/* The store may still be waiting for its next try: what it could not write it writes now or at the end. */
		while (mr_store_flush(store) != 0 || mr_store_degraded(store))
			usleep(1000);
		ck_assert_uint_eq(told.degraded, told.recovered);
		mr_store_close(&store);
		check_final();
		end();
		begin();
	} while (plan.seen >= n++);
	ck_assert_int_ge(n, 40);
}
END_TEST

/* From the n-th step on nothing works, and then the process is gone. */
static long lose_the_disk(long n)
{
	struct plan plan = { .from = n, .to = 1 << 30, .err = EIO };
	struct told told = { 0 };
	struct { int expected[NAMES]; long seen; } result;
	int ends[2], status;
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		struct mr_store *store = open_spoilt(&plan, &told);

		play(store, result.expected);
		result.seen = plan.seen;
		_exit(write(ends[1], &result, sizeof(result)) == sizeof(result) ? 0 : 1);
	}
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &result, sizeof(result)), (ssize_t)sizeof(result));
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	struct mr_store *store = open_with(folder, small_options(), NULL);
	for (int i = 0; i < NAMES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "user%d", i);
		ck_assert_msg(result.expected[i] == -1 || state_of(store, name) == result.expected[i], "step %ld: %s is %d, not %d", n,
			      name, state_of(store, name), result.expected[i]);
	}
	mr_store_close(&store);
	return result.seen;
}

START_TEST(what_was_acknowledged_before_the_disk_died_is_there)
{
	long n = 1;

	while (lose_the_disk(n) >= n) {
		n += n < 20 ? 1 : 7;
		end();
		begin();
	}
	ck_assert_int_ge(n, 40);
}
END_TEST

START_TEST(it_is_told_once_and_written_when_the_disk_works_again)
{
	struct plan plan = { .from = 1, .to = 1 << 30, .err = ENOSPC };
	struct told told = { 0 };
	struct mr_store *store = open_spoilt(&plan, &told);
	struct mr_store_counts counts;
	int expected[NAMES];

	play(store, expected);
	for (int i = 0; i < NAMES; i++)
		ck_assert_int_eq(expected[i], -1);
	ck_assert_int_eq(mr_store_flush(store), MR_ERR_IO);
	ck_assert_int_eq(mr_store_flush(store), MR_ERR_IO);
	ck_assert(mr_store_degraded(store));
	ck_assert_uint_le(told.degraded, 2);
	ck_assert_uint_eq(told.recovered, 0);
	ck_assert_ptr_nonnull(strstr(told.last, "make room"));
	ck_assert_ptr_nonnull(strstr(told.last, folder));
	mr_store_count(store, &counts);
	ck_assert(counts.degraded);
	ck_assert_int_gt(counts.oldest_unwritten_ms, 0);
	atomic_store(&plan.to, 0);
	while (mr_store_degraded(store))
		usleep(20000);
	ck_assert_uint_eq(told.recovered, told.degraded);
	ck_assert_int_eq(mr_store_flush(store), 0);
	mr_store_close(&store);
	check_final();
}
END_TEST

START_TEST(a_long_outage_is_bounded)
{
	struct plan plan = { .from = 1, .to = 1 << 30, .err = EIO, .orders_only = true };
	struct told told = { 0 };
	struct mr_store *store = open_spoilt(&plan, &told);
	struct mr_order order = { .kind = MR_ORDER_BLOCK };
	struct mr_store_counts counts;
	int full = 0;

	for (int i = 0; i < 12000; i++)
		full += mr_store_order(store, &order, NULL, NULL, NULL, NULL) == MR_ERR_FULL;
	ck_assert_int_ge(full, 1);
	mr_store_count(store, &counts);
	ck_assert_uint_le(counts.memory_bytes, 64 << 20);
	atomic_store(&plan.to, 0);
	while (mr_store_degraded(store))
		usleep(20000);
	ck_assert_int_eq(mr_store_order_wait(store, &order, NULL, NULL), 0);
	ck_assert_uint_eq(order.number, 12001);
	mr_store_close(&store);
}
END_TEST

START_TEST(a_commit_that_worked_and_was_denied_is_done_again)
{
	struct plan plan = { .from = 0, .to = 4, .err = EIO, .only = MR_FAULT_COMMIT_DONE };
	struct told told = { 0 };
	struct mr_store *store = open_spoilt(&plan, &told);
	int expected[NAMES];

	play(store, expected);
	while (mr_store_flush(store) != 0 || mr_store_degraded(store))
		usleep(1000);
	mr_store_close(&store);
	check_final();
}
END_TEST

START_TEST(a_full_map_grows_and_nobody_hears_of_it)
{
	struct plan plan = { .from = 0, .to = 3, .err = MR_FAULT_MAP_FULL, .only = MR_FAULT_PUT };
	struct told told = { 0 };
	struct mr_store *store = open_spoilt(&plan, &told);
	int expected[NAMES];

	play(store, expected);
	ck_assert_int_eq(mr_store_flush(store), 0);
	for (int i = 0; i < NAMES; i++)
		ck_assert_int_eq(expected[i], final_state(i));
	ck_assert_uint_eq(told.degraded, 0);
	mr_store_close(&store);
	check_final();
}
END_TEST

/* The file is taken away while the store runs, and the next write fails: it begins anew, with all that is in memory. */
START_TEST(a_file_that_goes_away_is_written_anew)
{
	static const char *const files[] = { "orders.mdb", "records.mdb" };
	struct plan plan = { .from = 1 << 30, .to = 1 << 30, .err = EIO };
	struct told told = { 0 };
	struct mr_store *store = open_spoilt(&plan, &told);
	int expected[NAMES];
	char path[128];
	struct mr_account *account;

	play(store, expected);
	ck_assert_int_eq(mr_store_flush(store), 0);
	snprintf(path, sizeof(path), "%s/%s", folder, files[_i]);
	if (_i == 0)
		ck_assert_int_eq(unlink(path), 0);
	else
		ck_assert_int_eq(truncate(path, 5000), 0);
	atomic_store(&plan.from, atomic_load(&plan.seen) + 1);
	atomic_store(&plan.to, atomic_load(&plan.seen) + 2);
	if (_i == 0)
		ck_assert_int_eq(freeze_or_thaw(store, "user2", true), MR_ERR_IO);
	else
		set_account(store, "user2", MR_ACCOUNT_FROZEN, true, NULL);
	do {
		mr_store_flush(store);
		usleep(20000);
	} while (told.recovered == 0);
	ck_assert(mr_store_degraded(store)); /* an operator should look at what happened */
	ck_assert_ptr_nonnull(strstr(told.last, "still degraded"));
	ck_assert_int_eq(mr_store_flush(store), 0);
	mr_store_close(&store);
	store = open_with(folder, small_options(), NULL);
	for (int i = 0; i < NAMES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "user%d", i);
		ck_assert_int_eq(state_of(store, name), final_state(i));
	}
	account = get(store, "user1", 1, false, NULL);
	ck_assert_int_eq(account->last_ms, 3);
	mr_store_account_done(store, account, false);
	mr_store_close(&store);
}
END_TEST

/* Not a hook but the system: files may not grow. */
START_TEST(a_full_disk_is_survived)
{
	struct rlimit limit;
	struct plan none = { .from = 1 << 30, .to = 1 << 30 };
	struct told told = { 0 };
	struct mr_store *store = open_spoilt(&none, &told);
	char name[32];
	int acknowledged = 0, refused = 0;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 512 << 10;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; i < 900 && refused < 3; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		if (freeze_or_thaw(store, name, true) == 0)
			acknowledged++;
		else
			refused++;
		ck_assert_int_eq(state_of(store, name), MR_ACCOUNT_FROZEN);
	}
	ck_assert_int_ge(acknowledged, 50);
	ck_assert_int_eq(refused, 3);
	ck_assert(mr_store_degraded(store));
	ck_assert_ptr_nonnull(strstr(told.last, "cannot be written"));
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (mr_store_degraded(store))
		mr_store_flush(store);
	mr_store_close(&store);
	store = open_with(folder, small_options(), NULL);
	for (int i = 0; i < acknowledged + refused; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		ck_assert_int_eq(state_of(store, name), MR_ACCOUNT_FROZEN);
	}
	mr_store_close(&store);
}
END_TEST

START_TEST(without_memory_it_does_not_open_or_does_all)
{
	long opened = 0;

	for (long n = 1; n < 120 && opened < 3; n++) {
		struct mr_store_options options = small_options();
		struct mr_store *store = NULL;
		char why[256] = "";
		int err;

		mr_alloc_starve(n);
		err = mr_lmdb_open(folder, false, 1 << 20, why, &options.durable);
		if (err == 0)
			err = mr_store_open(&options, why, &store);
		mr_alloc_starve(0);
		ck_assert_msg(err == 0 || why[0] != '\0', "no sentence at %ld", n);
		if (err == 0) {
			opened++;
			ck_assert_int_eq(freeze_or_thaw(store, "joe", true), 0);
			mr_store_close(&store);
		}
		ck_assert_ptr_null(store);
	}
	ck_assert_int_eq(opened, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store with faults");
	TCase *tests = tcase_create("store with faults");

	tcase_set_timeout(tests, 300);
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, one_failure_anywhere_loses_nothing);
	tcase_add_test(tests, what_was_acknowledged_before_the_disk_died_is_there);
	tcase_add_test(tests, it_is_told_once_and_written_when_the_disk_works_again);
	tcase_add_test(tests, a_long_outage_is_bounded);
	tcase_add_test(tests, a_commit_that_worked_and_was_denied_is_done_again);
	tcase_add_test(tests, a_full_map_grows_and_nobody_hears_of_it);
	tcase_add_loop_test(tests, a_file_that_goes_away_is_written_anew, 0, 2);
	tcase_add_test(tests, a_full_disk_is_survived);
	tcase_add_test(tests, without_memory_it_does_not_open_or_does_all);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
