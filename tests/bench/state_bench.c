/*
 * What a verdict costs when accounts and sources are remembered: messages through the public interface of libmailreeve,
 * without sockets; event lines are made and counted, not written. Not a test of behaviour. Run by bench.py; prints a JSON
 * line a figure or a round.
 *   state_bench decide POLICY ACCOUNTS ROUNDS        CPU a message; memory of an account and of a source
 *   state_bench fill POLICY ACCOUNTS TIMES           fills the folder of the policy: TIMES messages of each account
 *   state_bench flood POLICY KNOWN SENDERS ADDRESSES strangers come, KNOWN accounts stay
 *   state_bench freeze POLICY FILE SECONDS           other messages while accounts are frozen, and while none are; one
 *                                                    freeze beside an append to FILE
 * The names and addresses are those that load.c plays. Time is made up, and passes so that an account sends once an hour.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mailreeve.h"

enum { MESSAGES = 50000, BATCH = 1000, HOUR_MS = 3600000 };

static const int64_t BEGIN_MS = 1790000000000;

struct bench {
	struct mr_engine *engine;
	double now_ms;             /* made up */
	atomic_ulong lines, frozen;
	uint64_t random;
};

/* Whose message, from where, to whom. */
struct letter {
	unsigned account;
	unsigned address;          /* IPv4, in host order */
	bool v6;                   /* the network 2001:db8::/32 with address behind it, a /64 */
	bool without_login;
	bool refusal_is_fine;
};

static double clock_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "state_bench: %s: %s\n", what, why);
	exit(1);
}

static double resident(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1)
		give_up("/proc/self/statm", "cannot be read");
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static uint64_t draw(struct bench *bench)
{
	bench->random ^= bench->random << 13;
	bench->random ^= bench->random >> 7;
	bench->random ^= bench->random << 17;
	return bench->random;
}

static void count_line(void *context, const char *line, size_t length)
{
	struct bench *bench = context;

	(void)length;
	atomic_fetch_add_explicit(&bench->lines, line[0] == '{', memory_order_relaxed);
}

/* Alerts and freezes come a second time this way: after they are on disk. */
static void count_notice(void *context, const char *line, size_t length)
{
	struct bench *bench = context;

	(void)length;
	if (strstr(line, "\"account-frozen\"") != NULL)
		atomic_fetch_add(&bench->frozen, 1);
}

static void open_bench(struct bench *bench, const char *file)
{
	struct mr_engine_options options = { .size = sizeof(options), .event = count_line, .event_context = bench,
					     .notice = count_notice, .notice_context = bench };
	struct mr_policy_text *text = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	char why[256];
	int err = mr_policy_text_open(file, &text);

	if (err == 0)
		err = mr_policy_build(text, BEGIN_MS, NULL, &policy, &faults);
	if (err != 0) {
		const struct mr_fault *fault = faults != NULL ? mr_faults_at(faults, 0) : NULL;

		give_up(file, fault != NULL ? fault->what : mr_err_text(err));
	}
	mr_faults_free(&faults);
	mr_policy_text_free(&text);
	bench->now_ms = (double)BEGIN_MS;
	bench->random = 88172645463325252u;
	if (mr_state_open(policy, false, BEGIN_MS, why, &options.state) != 0 || why[0] != '\0')
		give_up(file, why);
	err = mr_engine_new(&options, policy, 1, &bench->engine);
	if (err != 0)
		give_up(file, mr_err_text(err));
}

static void close_bench(struct bench *bench)
{
	mr_engine_free(&bench->engine);
}

static size_t write_address(const struct letter *letter, unsigned char bytes_r[16])
{
	unsigned a = letter->address;
	const unsigned char v6[16] = { 0x20, 0x01, 0x0d, 0xb8, (unsigned char)(a >> 24), (unsigned char)(a >> 16),
				       (unsigned char)(a >> 8), (unsigned char)a, [15] = 1 };
	const unsigned char v4[4] = { (unsigned char)(a >> 24), (unsigned char)(a >> 16), (unsigned char)(a >> 8),
				      (unsigned char)a };

	memcpy(bytes_r, letter->v6 ? v6 : v4, letter->v6 ? 16 : 4);
	return letter->v6 ? 16 : 4;
}

/* One session of one message. False: it was refused. */
static bool play(struct bench *bench, const struct letter *letter)
{
	unsigned char address[16];
	struct mr_connect_info info = { .size = sizeof(info), .address = address, .client_port = 40000,
					.client_name = "client.bench.example", .listener = "ORIGINATING",
					.server_name = "mx.bench.example", .server_address = "192.0.2.25", .server_port = 587 };
	const char *const parameters[] = { "SIZE=2048", NULL };
	struct mr_session *session = NULL;
	char login[64], path[80], friend[64];
	struct mr_reply reply;
	int64_t now = (int64_t)bench->now_ms;
	bool passed;

	info.address_length = write_address(letter, address);
	snprintf(login, sizeof(login), "user%06u@bench.example", letter->account);
	snprintf(path, sizeof(path), "<%s>", login);
	snprintf(friend, sizeof(friend), "friend%06u@example.net", letter->account);
	if (mr_session_new(bench->engine, 0, &session) != 0)
		give_up("mr_session_new", "failed");
	mr_session_connect(session, now, &info, &reply);
	mr_session_helo(session, now, "client.bench.example", "TLSv1.3", "TLS_AES_256_GCM_SHA384");
	mr_session_mail(session, now, path, parameters, letter->without_login ? NULL : login, NULL, &reply);
	if (reply.action == MR_CONTINUE) {
		mr_session_rcpt(session, now, friend, friend, "example.net", "smtp", &reply);
		mr_session_end_of_message(session, now, "4cZkX0000001", "<1@bench.example>", 2048, &reply);
	}
	passed = reply.action == MR_CONTINUE;
	if (!passed && !letter->refusal_is_fine)
		give_up("a message was refused or held", reply.text);
	mr_session_close(&session, now);
	return passed;
}

static unsigned own_address(unsigned account)
{
	return (20u << 24) + account;
}

/* Each account once, from addresses of its own or all from one. CPU ns a message. */
static double play_all(struct bench *bench, unsigned accounts, bool own)
{
	double begun = clock_of(CLOCK_THREAD_CPUTIME_ID);

	for (unsigned i = 0; i < accounts; i++) {
		const struct letter letter = { .account = i, .address = own ? own_address(i) : own_address(0) };

		play(bench, &letter);
		bench->now_ms += (double)HOUR_MS / accounts;
	}
	return (clock_of(CLOCK_THREAD_CPUTIME_ID) - begun) / accounts;
}

static double play_some(struct bench *bench, unsigned accounts, unsigned messages)
{
	double begun = clock_of(CLOCK_THREAD_CPUTIME_ID);

	for (unsigned i = 0; i < messages; i++) {
		unsigned account = (unsigned)(draw(bench) % accounts);
		const struct letter letter = { .account = account, .address = own_address(account) };

		play(bench, &letter);
		bench->now_ms += (double)HOUR_MS / accounts;
	}
	return (clock_of(CLOCK_THREAD_CPUTIME_ID) - begun) / messages;
}

static void print_status(struct bench *bench)
{
	char *answer = NULL;

	if (mr_engine_command(bench->engine, (int64_t)bench->now_ms, "bench", "{\"command\":\"status\"}", &answer) != 0)
		give_up("status", "failed");
	printf("{\"status\":%s}\n", answer);
	fflush(stdout);
	free(answer);
}

/* ---- decide ---- */

static int decide(const char *policy, unsigned accounts, unsigned rounds)
{
	struct bench bench = { .now_ms = 0 };
	double before, after_accounts, after_sources, first, second;

	open_bench(&bench, policy);
	play_some(&bench, 1, 1);
	before = resident();
	first = play_all(&bench, accounts, false);
	after_accounts = resident();
	second = play_all(&bench, accounts, true);
	after_sources = resident();
	printf("{\"accounts\":%u,\"new_ns\":%.0f,\"new_source_ns\":%.0f,\"bytes_per_account\":%.1f,\"bytes_per_source\":%.1f}\n",
	       accounts, first, second, (after_accounts - before) / accounts, (after_sources - after_accounts) / accounts);
	for (unsigned i = 0; i <= rounds; i++) {
		double ns = play_some(&bench, accounts, MESSAGES);

		if (i > 0)
			printf("{\"accounts\":%u,\"ns\":%.0f}\n", accounts, ns);
		fflush(stdout);
	}
	print_status(&bench);
	close_bench(&bench);
	return 0;
}

static int fill(const char *policy, unsigned accounts, unsigned times)
{
	struct bench bench = { .now_ms = 0 };
	struct timespec now;

	open_bench(&bench, policy);
	clock_gettime(CLOCK_REALTIME, &now);
	/* so that the last message was a while before the daemon's first */
	bench.now_ms = (double)now.tv_sec * 1000 - (times + 1.0) * HOUR_MS;
	for (unsigned i = 0; i < times; i++)
		play_all(&bench, accounts, true);
	print_status(&bench);
	close_bench(&bench);
	return 0;
}

/* ---- flood ---- */

/* known: accounts that have sent for days. Then so many senders without a login whom nobody ever saw, each from an
 * address of its own, then so many addresses more. */
static int flood(const char *policy, unsigned known, unsigned senders, unsigned addresses)
{
	struct bench bench = { .now_ms = 0 };
	double before, calm, ns = 0, begun;
	unsigned passed = 0;

	open_bench(&bench, policy);
	before = resident();
	for (unsigned day = 0; day < 5; day++) {
		play_all(&bench, known, true);
		bench.now_ms += 23.0 * HOUR_MS;
	}
	calm = play_some(&bench, known, MESSAGES);
	printf("{\"known\":%u,\"calm_ns\":%.0f,\"rss\":%.0f}\n", known, calm, resident() - before);
	print_status(&bench);
	for (unsigned i = 0; i < addresses; i += BATCH) {
		begun = clock_of(CLOCK_THREAD_CPUTIME_ID);
		for (unsigned k = i; k < i + BATCH; k++) {
			uint64_t random = draw(&bench);
			const struct letter letter = { .account = 10000000 + (i < senders ? k : (unsigned)(random % senders)),
						       .address = (unsigned)(random >> 32), .v6 = true, .without_login = true,
						       .refusal_is_fine = true };

			passed += play(&bench, &letter);
			bench.now_ms += 1;
		}
		ns += clock_of(CLOCK_THREAD_CPUTIME_ID) - begun;
		if ((i / BATCH) % (addresses / BATCH / 10) == addresses / BATCH / 10 - 1) {
			printf("{\"strangers\":%u,\"ns\":%.0f,\"known_ns\":%.0f,\"rss\":%.0f}\n", i + BATCH,
			       ns / (addresses / 10), play_some(&bench, known, MESSAGES), resident() - before);
			fflush(stdout);
			ns = 0;
		}
	}
	printf("{\"passed\":%u}\n", passed);
	print_status(&bench);
	close_bench(&bench);
	return 0;
}

/* ---- freeze ---- */

enum { FREEZES_A_SECOND = 1000, OTHERS_A_SECOND = 2000 };

struct freezer {
	struct bench *bench;
	unsigned next;
	atomic_bool on, stop;
	atomic_ulong ordered;
};

/* An account that sends more than the policy's ceiling: the second message freezes. When that was begun. */
static double freeze_next(struct freezer *freezer)
{
	const struct letter letter = { .account = 20000000 + freezer->next, .address = own_address(freezer->next),
				       .refusal_is_fine = true };
	double begun;

	freezer->next++;
	play(freezer->bench, &letter);
	begun = clock_of(CLOCK_MONOTONIC);
	play(freezer->bench, &letter);
	atomic_fetch_add(&freezer->ordered, 1);
	return begun;
}

/* As many a second as was asked for, evenly. */
static void *run_freezer(void *context)
{
	struct freezer *freezer = context;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!atomic_load(&freezer->stop)) {
		if (atomic_load(&freezer->on))
			(void)freeze_next(freezer);
		next.tv_nsec += 1000000000 / FREEZES_A_SECOND;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* Other messages for a second, 2,000 of them evenly; the p99 of their time in us. */
static double others(struct bench *bench, float *sample, double *p50_r)
{
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (unsigned i = 0; i < OTHERS_A_SECOND; i++) {
		unsigned account = (unsigned)(draw(bench) % 10000);
		const struct letter letter = { .account = account, .address = own_address(account) };
		double begun = clock_of(CLOCK_MONOTONIC);

		play(bench, &letter);
		sample[i] = (float)((clock_of(CLOCK_MONOTONIC) - begun) / 1000);
		next.tv_nsec += 1000000000 / OTHERS_A_SECOND;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		bench->now_ms += (double)HOUR_MS / 10000 * 4;
	}
	qsort(sample, OTHERS_A_SECOND, sizeof(*sample), by_size);
	*p50_r = (double)sample[OTHERS_A_SECOND / 2];
	return (double)sample[OTHERS_A_SECOND * 99 / 100];
}

/* The time from the start of the message that freezes until its line leaves, which is after the commit; and an append with
 * fdatasync of as many bytes, in turn. us. */
static void one_by_one(struct freezer *freezer, int fd, unsigned times)
{
	static char bytes[1600];

	for (unsigned i = 0; i < times; i++) {
		unsigned long frozen = atomic_load(&freezer->bench->frozen);
		double begun = clock_of(CLOCK_MONOTONIC), appended;

		if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes) || fdatasync(fd) != 0)
			give_up("append", "failed");
		appended = clock_of(CLOCK_MONOTONIC) - begun;
		begun = freeze_next(freezer);
		while (atomic_load(&freezer->bench->frozen) == frozen) {
			if (clock_of(CLOCK_MONOTONIC) - begun > 5e9)
				give_up("a freeze", "did not come");
			sched_yield();
		}
		printf("{\"append_us\":%.1f,\"freeze_us\":%.1f}\n", appended / 1000,
		       (clock_of(CLOCK_MONOTONIC) - begun) / 1000);
	}
}

static int freeze(const char *policy, const char *append_to, unsigned seconds)
{
	struct bench bench = { .now_ms = 0 }, mine;
	struct freezer freezer = { .bench = &bench };
	float *sample = calloc(OTHERS_A_SECOND, sizeof(*sample));
	int fd = open(append_to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	pthread_t thread;

	if (sample == NULL || fd < 0)
		give_up(append_to, "cannot be opened");
	open_bench(&bench, policy);
	play_all(&bench, 10000, true);
	one_by_one(&freezer, fd, 300);
	if (pthread_create(&thread, NULL, run_freezer, &freezer) != 0)
		give_up("thread", "none");
	mine.engine = bench.engine;
	mine.now_ms = bench.now_ms;
	mine.random = bench.random;
	for (unsigned i = 0; i < seconds * 2; i++) {
		unsigned long frozen = atomic_load(&bench.frozen);
		unsigned long ordered = atomic_load(&freezer.ordered);
		double p50, p99;

		atomic_store(&freezer.on, i % 2 == 1);
		p99 = others(&mine, sample, &p50);
		printf("{\"freezing\":%s,\"p50_us\":%.2f,\"p99_us\":%.2f,\"frozen\":%lu,\"ordered\":%lu}\n",
		       i % 2 == 1 ? "true" : "false", p50, p99, atomic_load(&bench.frozen) - frozen,
		       atomic_load(&freezer.ordered) - ordered);
		fflush(stdout);
	}
	atomic_store(&freezer.stop, true);
	pthread_join(thread, NULL);
	print_status(&bench);
	close_bench(&bench);
	free(sample);
	close(fd);
	return 0;
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 5 && strcmp(what, "decide") == 0)
		return decide(argv[2], number(argv[3]), number(argv[4]));
	if (argc == 5 && strcmp(what, "fill") == 0)
		return fill(argv[2], number(argv[3]), number(argv[4]));
	if (argc == 6 && strcmp(what, "flood") == 0)
		return flood(argv[2], number(argv[3]), number(argv[4]), number(argv[5]));
	if (argc == 5 && strcmp(what, "freeze") == 0)
		return freeze(argv[2], argv[3], number(argv[4]));
	give_up("usage", "decide POLICY ACCOUNTS ROUNDS | fill POLICY ACCOUNTS TIMES | flood POLICY KNOWN SENDERS ADDRESSES | "
			 "freeze POLICY FILE SECONDS");
}
