/*
 * kill -9 at random moments: a process freezes and thaws accounts in two threads while a third changes others, and says of
 * every order when it begins and when it was acknowledged. It is killed; what it left is opened and compared. What was
 * acknowledged must be there, with all that was learned before it; what was only begun may be there or not.
 *
 * kill_store [TIMES [SEED]], 50 times by default. Ends with 0 when nothing was lost.
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

enum { NAMES = 40, THREADS = 2, KILL_WITHIN_US = 40000 };

struct said {
	uint32_t name, sequence;
	uint8_t frozen, acknowledged;
};

/* What one name must be. begun: newer than sequence, so it may hold. */
struct expected {
	uint32_t sequence, begun;
	bool frozen, begun_frozen;
};

static char folder[] = "/tmp/mr-kill.XXXXXX";
static int say_to;
static struct mr_store *store;
static uint32_t first_sequence;
static uint64_t acknowledged;

static void give_up(const char *what)
{
	fprintf(stderr, "kill_store: %s\n", what);
	exit(1);
}

static struct mr_store *open_store(void)
{
	struct mr_store_options options = { .accounts = 2000, .sources = 100, .windows = 1 << 16 };
	struct mr_store *opened;
	char why[256];

	if (mr_lmdb_open(folder, false, 1 << 20, why, &options.durable) != 0 || mr_store_open(&options, why, &opened) != 0)
		give_up(why);
	return opened;
}

static struct mr_account *hold(struct mr_store *in, const char *what, uint32_t number, bool create)
{
	struct mr_key key;
	char name[32];
	int n = snprintf(name, sizeof(name), "%s%u", what, number);

	mr_store_key(in, MR_KEY_ACCOUNT, 0, (struct mr_str){ name, (size_t)n }, &key);
	return mr_store_account_get(in, &key, MR_ACCOUNT_LOGIN, (struct mr_str){ name, (size_t)n }, 1, create, NULL);
}

static void say(struct said said)
{
	/* less than PIPE_BUF, so it comes whole or not at all */
	if (write(say_to, &said, sizeof(said)) != sizeof(said))
		_exit(3);
}

static void *order_on(void *context)
{
	unsigned thread = *(unsigned *)context, random = thread + first_sequence;
	struct said said = { .sequence = first_sequence };

	for (;;) {
		struct mr_order order = { .cause = MR_CAUSE_OPERATOR };
		struct mr_account *account, copy;

		random = random * 1103515245u + 12345u;
		said.name = (random >> 8) % (NAMES / THREADS) * THREADS + thread;
		said.frozen = (random >> 20) % 2;
		said.sequence++;
		said.acknowledged = 0;
		say(said);
		account = hold(store, "name", said.name, true);
		account->known = 1;
		account->first_ms = said.sequence;
		account->standing.state = said.frozen ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL;
		copy = *account;
		mr_store_account_done(store, account, true);
		order.kind = said.frozen ? MR_ORDER_FREEZE : MR_ORDER_THAW;
		snprintf(order.subject, sizeof(order.subject), "name%u", said.name);
		if (mr_store_order_wait(store, &order, &copy, NULL) != 0)
			_exit(4);
		said.acknowledged = 1;
		say(said);
	}
	return NULL;
}

static void *change_others(void *context)
{
	unsigned random = first_sequence;

	(void)context;
	for (;;) {
		struct mr_account *account;

		random = random * 1103515245u + 12345u;
		account = hold(store, "name", (random >> 8) % NAMES, false);
		if (account != NULL) {
			account->last_ms++;
			mr_store_account_done(store, account, true);
		}
		account = hold(store, "other", (random >> 8) % 3000, true);
		account->last_ms++;
		mr_store_account_done(store, account, true);
		if (random % 64 == 0)
			mr_store_flush(store);
	}
	return NULL;
}

static void be_killed(void)
{
	unsigned numbers[THREADS];
	pthread_t thread;

	store = open_store();
	for (unsigned i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&thread, NULL, order_on, &numbers[i]) != 0)
			_exit(5);
	}
	change_others(NULL);
}

/* Reads what the child said until it is gone; kills it some time after its first words. */
static uint32_t listen_and_kill(pid_t child, int from, struct expected *expected)
{
	struct timespec wait = { 0, (long)(random() % KILL_WITHIN_US) * 1000 };
	struct said said;
	uint32_t last = first_sequence;
	bool killed = false;

	while (read(from, &said, sizeof(said)) == sizeof(said)) {
		struct expected *e = &expected[said.name];

		if (!killed) {
			nanosleep(&wait, NULL);
			kill(child, SIGKILL);
			killed = true;
		}
		last = said.sequence > last ? said.sequence : last;
		if (said.acknowledged) {
			e->sequence = said.sequence;
			e->frozen = said.frozen;
			acknowledged++;
		} else {
			e->begun = said.sequence;
			e->begun_frozen = said.frozen;
		}
	}
	if (!killed)
		kill(child, SIGKILL);
	return last;
}

static unsigned compare(struct expected *expected)
{
	struct mr_store *left = open_store();
	unsigned wrong = mr_store_degraded(left);

	for (uint32_t i = 0; i < NAMES; i++) {
		struct expected *e = &expected[i];
		struct mr_account *account = hold(left, "name", i, false);
		uint32_t sequence = account == NULL ? 0 : (uint32_t)account->first_ms;
		bool frozen = account != NULL && account->standing.state == MR_ACCOUNT_FROZEN, right;

		if (account != NULL)
			mr_store_account_done(left, account, false);
		right = (sequence == e->sequence && frozen == e->frozen) ||
			(e->begun > e->sequence && sequence == e->begun && frozen == e->begun_frozen);
		if (!right) {
			fprintf(stderr, "name%u: order %u is %s, acknowledged was %u, %s; begun %u\n", i, sequence,
				frozen ? "frozen" : "thawed", e->sequence, e->frozen ? "frozen" : "thawed", e->begun);
			wrong++;
		}
		/* What was only begun and is there has happened. */
		*e = (struct expected){ .sequence = sequence, .frozen = frozen };
	}
	mr_store_close(&left);
	return wrong;
}

static void remove_folder(void)
{
	DIR *all = opendir(folder);
	struct dirent *entry;

	while (all != NULL && (entry = readdir(all)) != NULL)
		unlinkat(dirfd(all), entry->d_name, 0);
	if (all != NULL)
		closedir(all);
	rmdir(folder);
}

int main(int argc, char **argv)
{
	long times = argc > 1 ? strtol(argv[1], NULL, 10) : 50;
	struct expected expected[NAMES] = { 0 };
	unsigned wrong = 0;

	srandom(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1);
	if (mkdtemp(folder) == NULL)
		give_up("no folder in /tmp");
	for (long i = 0; i < times && wrong == 0; i++) {
		int ends[2];
		pid_t child;

		if (pipe(ends) != 0 || (child = fork()) < 0)
			give_up("no process");
		if (child == 0) {
			close(ends[0]);
			say_to = ends[1];
			be_killed();
			_exit(0);
		}
		close(ends[1]);
		first_sequence = listen_and_kill(child, ends[0], expected);
		close(ends[0]);
		waitpid(child, NULL, 0);
		wrong += compare(expected);
	}
	printf("%ld kills, %llu orders acknowledged, %u lost or undone\n", times, (unsigned long long)acknowledged, wrong);
	if (wrong == 0)
		remove_folder();
	return wrong != 0;
}
