/*
 * What the store costs, without an engine. Prints a JSON line a figure.
 *   store_bench table N...        memory only: CPU of new records, of get and done (uniform and zipf), bytes a record
 *   store_bench start FOLDER N... N accounts in LMDB: writing them all behind, opening again, bytes on disk
 *   store_bench orders FOLDER     an order until it is on disk, beside append + fdatasync in turn; orders a second
 *   store_bench behind FOLDER N   bytes that go to the disk for each changed record, at several rates; what others write
 *                                 there meanwhile is counted too
 * FOLDER must not exist; it is made and taken away again.
 */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void give_up(const char *why)
{
	fprintf(stderr, "store_bench: %s\n", why);
	exit(1);
}

static void figure(const char *name, uint64_t n, const char *what, double value, const char *unit)
{
	printf("{\"name\":\"store.%s.%llu%s%s\",\"value\":%.4g,\"unit\":\"%s\"}\n", name, (unsigned long long)n,
	       what[0] != '\0' ? "." : "", what, value, unit);
	fflush(stdout);
}

static double resident(void)
{
	FILE *status = fopen("/proc/self/statm", "r");
	unsigned long all, here = 0;

	if (status == NULL || fscanf(status, "%lu %lu", &all, &here) != 2)
		give_up("/proc/self/statm");
	fclose(status);
	return (double)here * (double)sysconf(_SC_PAGESIZE);
}

/* Bytes that went to the disk of folder, whoever wrote them: what /proc says of a process counts whole folios. */
static double sent_to_disk(const char *folder)
{
	unsigned long sectors = 0;
	struct stat status;
	char path[64];
	FILE *file;

	if (stat(folder, &status) != 0)
		give_up(folder);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", major(status.st_dev), minor(status.st_dev));
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%*u %*u %*u %*u %*u %*u %lu", &sectors) != 1)
		give_up("the disk does not say what it wrote");
	fclose(file);
	return (double)sectors * 512;
}

static struct mr_store *open_store(const char *folder, uint64_t records)
{
	struct mr_store_options options = { .accounts = records * 2 + 16, .sources = records + 16, .windows = 1 << 20 };
	struct mr_store *store;
	char why[256];

	if (folder != NULL &&
	    mr_lmdb_open(folder, false, records * (sizeof(struct mr_account) + sizeof(struct mr_source)), why, &options.durable) != 0)
		give_up(why);
	if (mr_store_open(&options, why, &store) != 0)
		give_up(why);
	return store;
}

static struct mr_str name_of(uint64_t number, char text[32])
{
	int n = snprintf(text, 32, "user%llu@example.org", (unsigned long long)number);

	return (struct mr_str){ text, (size_t)n };
}

/* What the engine does for a message, without deciding anything: key, get, a change, done. */
static void use_account(struct mr_store *store, struct mr_str name)
{
	struct mr_account *account;
	struct mr_key key;

	mr_store_key(store, MR_KEY_ACCOUNT, MR_ACCOUNT_LOGIN, name, &key);
	account = mr_store_account_get(store, &key, MR_ACCOUNT_LOGIN, name, 1, true, NULL);
	account->last_ms++;
	account->known = 1;
	mr_store_account_done(store, account, true);
}

static void use_source(struct mr_store *store, uint64_t number)
{
	struct mr_source *source;
	struct mr_key key;

	mr_store_key(store, MR_KEY_SOURCE, 4, (struct mr_str){ (const char *)&number, sizeof(number) }, &key);
	source = mr_store_source_get(store, &key, 1, true, NULL);
	source->last_ms++;
	mr_store_source_done(store, source, true);
}

/* ---- table ---- */

/* Names are made beforehand: they are the engine's cost and not the store's. */
static double cost_of_use(struct mr_store *store, uint64_t n, bool zipf, bool source)
{
	enum { ROUND = 20000, ROUNDS = 15 };
	static char text[ROUND][32];
	static struct mr_str names[ROUND];
	static uint64_t numbers[ROUND];
	double best = 1e9, begun;

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < ROUND; i++) {
			double u = (double)(next_random() >> 11) / 9007199254740992.0;

			numbers[i] = zipf ? (uint64_t)exp(u * log((double)n)) % n : next_random() % n;
			names[i] = name_of(numbers[i], text[i]);
		}
		begun = now_of(CLOCK_THREAD_CPUTIME_ID);
		for (int i = 0; i < ROUND; i++) {
			if (source)
				use_source(store, numbers[i]);
			else
				use_account(store, names[i]);
		}
		begun = (now_of(CLOCK_THREAD_CPUTIME_ID) - begun) / ROUND * 1e9;
		if (round > 2 && begun < best)
			best = begun;
	}
	return best;
}

static void bench_table(uint64_t n)
{
	struct mr_store *store = open_store(NULL, n);
	double before = resident(), begun = now_of(CLOCK_THREAD_CPUTIME_ID);
	char text[32];

	for (uint64_t i = 0; i < n; i++)
		use_account(store, name_of(i, text));
	figure("new_account", n, "", (now_of(CLOCK_THREAD_CPUTIME_ID) - begun) / (double)n * 1e9, "ns");
	figure("account", n, "bytes", (resident() - before) / (double)n, "B");
	before = resident();
	for (uint64_t i = 0; i < n; i++)
		use_source(store, i);
	figure("source", n, "bytes", (resident() - before) / (double)n, "B");
	figure("account", n, "uniform", cost_of_use(store, n, false, false), "ns");
	figure("account", n, "zipf", cost_of_use(store, n, true, false), "ns");
	figure("source", n, "uniform", cost_of_use(store, n, false, true), "ns");
	mr_store_close(&store);
}

/* ---- start ---- */

static void clean(const char *folder)
{
	DIR *all = opendir(folder);
	struct dirent *entry;

	while (all != NULL && (entry = readdir(all)) != NULL)
		unlinkat(dirfd(all), entry->d_name, 0);
	if (all != NULL)
		closedir(all);
}

static void fill(struct mr_store *store, uint64_t n)
{
	char text[32];

	for (uint64_t i = 0; i < n; i++) {
		use_account(store, name_of(i, text));
		use_source(store, i);
	}
	if (mr_store_flush(store) != 0)
		give_up("the records cannot be written");
}

static void bench_start(const char *folder, uint64_t n)
{
	struct mr_store *store = open_store(folder, n);
	struct mr_store_counts counts;
	struct stat status;
	char path[1024];
	double begun = now_of(CLOCK_MONOTONIC), cpu;

	fill(store, n);
	figure("start", n, "first_writing", now_of(CLOCK_MONOTONIC) - begun, "s");
	mr_store_close(&store);
	for (int i = 0; i < 3; i++) {
		begun = now_of(CLOCK_MONOTONIC);
		cpu = now_of(CLOCK_PROCESS_CPUTIME_ID);
		store = open_store(folder, n);
		figure("start", n, "opening", now_of(CLOCK_MONOTONIC) - begun, "s");
		figure("start", n, "opening_cpu", now_of(CLOCK_PROCESS_CPUTIME_ID) - cpu, "s");
		mr_store_count(store, &counts);
		if (counts.accounts != n || counts.sources != n)
			give_up("not all came back");
		begun = now_of(CLOCK_MONOTONIC);
		mr_store_close(&store);
		figure("start", n, "closing", now_of(CLOCK_MONOTONIC) - begun, "s");
	}
	snprintf(path, sizeof(path), "%s/records.mdb", folder);
	if (stat(path, &status) == 0)
		figure("start", n, "file_bytes_account_and_source", (double)status.st_blocks * 512 / (double)n, "B");
	clean(folder);
}

/* ---- orders ---- */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double append_and_sync(int fd)
{
	static char record[1600];
	double begun = now_of(CLOCK_MONOTONIC);

	if (write(fd, record, sizeof(record)) != sizeof(record) || fdatasync(fd) != 0)
		give_up("append");
	return (now_of(CLOCK_MONOTONIC) - begun) * 1e6;
}

static double one_order(struct mr_store *store, unsigned number, bool freeze)
{
	struct mr_order order = { .kind = freeze ? MR_ORDER_FREEZE : MR_ORDER_THAW };
	struct mr_account *account, copy;
	struct mr_key key;
	char text[32];
	struct mr_str name = name_of(number, text);
	double begun = now_of(CLOCK_MONOTONIC);

	mr_store_key(store, MR_KEY_ACCOUNT, MR_ACCOUNT_LOGIN, name, &key);
	account = mr_store_account_get(store, &key, MR_ACCOUNT_LOGIN, name, 1, true, NULL);
	account->standing.state = freeze ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL;
	copy = *account;
	mr_store_account_done(store, account, true);
	if (mr_store_order_wait(store, &order, &copy, NULL) != 0)
		give_up("an order cannot be written");
	return (now_of(CLOCK_MONOTONIC) - begun) * 1e6;
}

static atomic_ulong orders_done;

static void count_order(void *context, int err)
{
	(void)context;
	if (err != 0)
		give_up("an order was not written");
	atomic_fetch_add(&orders_done, 1);
}

static void bench_orders(const char *folder)
{
	enum { TIMES = 1500, MANY = 5000 };
	static double order[TIMES], append[TIMES];
	struct mr_store *store = open_store(folder, 100000);
	struct mr_store_counts before, after;
	char path[1024];
	double begun;
	int fd;

	fill(store, 100000);
	snprintf(path, sizeof(path), "%s/append", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	for (int i = 0; i < TIMES; i++) {
		append[i] = append_and_sync(fd);
		order[i] = one_order(store, (unsigned)(next_random() % 100000), i % 2 == 0);
	}
	close(fd);
	qsort(order, TIMES, sizeof(order[0]), compare_doubles);
	qsort(append, TIMES, sizeof(append[0]), compare_doubles);
	figure("order", 1, "p50", order[TIMES / 2], "us");
	figure("order", 1, "p99", order[TIMES * 99 / 100], "us");
	figure("append", 1, "p50", append[TIMES / 2], "us");
	figure("append", 1, "p99", append[TIMES * 99 / 100], "us");
	figure("order", 1, "to_append_p50", order[TIMES / 2] / append[TIMES / 2], "ratio");
	mr_store_count(store, &before);
	begun = now_of(CLOCK_MONOTONIC);
	for (int i = 0; i < MANY; i++) {
		struct mr_order freeze = { .kind = MR_ORDER_FREEZE };
		struct mr_account *account, copy;
		struct mr_key key;
		char text[32];
		struct mr_str name = name_of(next_random() % 100000, text);

		mr_store_key(store, MR_KEY_ACCOUNT, MR_ACCOUNT_LOGIN, name, &key);
		account = mr_store_account_get(store, &key, MR_ACCOUNT_LOGIN, name, 1, true, NULL);
		account->standing.state = MR_ACCOUNT_FROZEN;
		copy = *account;
		mr_store_account_done(store, account, true);
		if (mr_store_order(store, &freeze, &copy, NULL, count_order, NULL) != 0)
			give_up("too many orders");
	}
	while (orders_done < MANY)
		usleep(100);
	begun = now_of(CLOCK_MONOTONIC) - begun;
	mr_store_count(store, &after);
	figure("order", MANY, "a_second", MANY / begun, "1/s");
	figure("order", MANY, "commits", (double)(after.commits - before.commits), "");
	mr_store_close(&store);
	clean(folder);
}

/* ---- behind ---- */

static void bench_behind(const char *folder, uint64_t n)
{
	struct mr_store *store = open_store(folder, n);
	char text[32];

	fill(store, n);
	for (uint64_t rate = 10; rate <= 10000 && rate <= n; rate *= 10) {
		struct mr_store_counts before, after;
		double sent, cpu = now_of(CLOCK_PROCESS_CPUTIME_ID);
		uint64_t changed;

		sync();
		sent = sent_to_disk(folder);
		mr_store_count(store, &before);
		for (int second = 0; second < 4; second++) {
			for (uint64_t i = 0; i < rate; i++)
				use_account(store, name_of(next_random() % n, text));
			usleep(1000000);
		}
		if (mr_store_flush(store) != 0)
			give_up("the records cannot be written");
		mr_store_count(store, &after);
		changed = after.written_records - before.written_records;
		sent = sent_to_disk(folder) - sent;
		figure("behind", rate, "disk_bytes_a_record", sent / (double)changed, "B");
		figure("behind", rate, "record_bytes", (double)(after.written_bytes - before.written_bytes) / (double)changed, "B");
		figure("behind", rate, "cpu_a_record", (now_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)changed * 1e6, "us");
	}
	mr_store_close(&store);
	clean(folder);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *folder = argc > 2 ? argv[2] : "";
	bool is_table = strcmp(what, "table") == 0;

	if (argc < 3)
		give_up("usage: store_bench table N... | start FOLDER N... | orders FOLDER | behind FOLDER N");
	if (!is_table && mkdir(folder, 0700) != 0)
		give_up("the folder exists, or cannot be made");
	if (strcmp(what, "orders") == 0)
		bench_orders(folder);
	for (int i = is_table ? 2 : 3; i < argc; i++) {
		uint64_t n = strtoull(argv[i], NULL, 10);

		if (n < 10)
			give_up("N is a number from 10 on");
		if (is_table)
			bench_table(n);
		else if (strcmp(what, "start") == 0)
			bench_start(folder, n);
		else if (strcmp(what, "behind") == 0)
			bench_behind(folder, n);
	}
	if (!is_table)
		rmdir(folder);
	return 0;
}
