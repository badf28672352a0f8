/*
 * The queue and the thread of the notices. What is done with a line is told by telling.c.
 */
#include "notices.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"
#include "say.h"
#include "telling.h"

enum { QUEUE_FIRST = 1000, GRACE_MS = 200 };

struct line {
	struct line *next;
	size_t n;
	char text[];
};

struct mr_notices {
	pthread_mutex_t lock;
	pthread_cond_t end;        /* who stops waits here */
	struct line *first, *last; /* these are under lock */
	size_t waiting, most;
	uint64_t lost;
	bool wanted;               /* the policy tells somebody */
	bool stopping, stopped;
	int64_t stop_ms;
	struct mr_noticeset *next; /* settings that the thread has not seen */

	int wake_fd;
	struct mr_engine *engine;
	struct mr_telling *telling; /* the thread's */
	atomic_bool running;
};

static _Thread_local bool is_teller;

static void wake(const struct mr_notices *notices)
{
	uint64_t one = 1;

	(void)!write(notices->wake_fd, &one, sizeof(one));
}

/* ---- What the thread says ---- */

static void on_say(void *context, const char *sentence)
{
	struct mr_notices *notices = context;

	mr_say(MR_SAY_WARNING, "%s", sentence);
	mr_engine_say(notices->engine, mr_clock_ms(), MR_SAID_ALERT, sentence, 0);
}

static int find_mailbox(void *context, const char *login, char address_r[320])
{
	struct mr_notices *notices = context;

	return mr_engine_mailbox(notices->engine, login, address_r);
}

static uint64_t unique(void)
{
	uint64_t number = 0;

	(void)!getrandom(&number, sizeof(number), GRND_NONBLOCK);
	return number;
}

struct mr_notices *mr_notices_new(void)
{
	struct mr_notices *notices = calloc(1, sizeof(*notices));
	struct mr_telling_calls calls = { .say = on_say, .mailbox = find_mailbox, .wall_ms = mr_clock_ms,
					  .unique = unique, .context = notices };
	pthread_condattr_t steady;

	if (notices == NULL)
		return NULL;
	notices->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	notices->telling = mr_telling_new(&calls);
	if (notices->wake_fd < 0 || notices->telling == NULL) {
		free(notices); /* the process does not start without it */
		return NULL;
	}
	notices->most = QUEUE_FIRST;
	pthread_mutex_init(&notices->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&notices->end, &steady);
	pthread_condattr_destroy(&steady);
	return notices;
}

/* ---- The queue ---- */

void mr_notices_put(void *context, const char *text, size_t n)
{
	struct mr_notices *notices = context;
	struct line *line = NULL;
	bool first = false;

	/* What the thread says of itself nobody is told of: that would not end. */
	if (is_teller)
		return;
	pthread_mutex_lock(&notices->lock);
	if (notices->wanted && !notices->stopped) {
		if (notices->waiting < notices->most)
			line = malloc(sizeof(*line) + n);
		if (line != NULL) {
			*line = (struct line){ .n = n };
			memcpy(line->text, text, n);
			first = notices->first == NULL;
			if (first)
				notices->first = line;
			else
				notices->last->next = line;
			notices->last = line;
			notices->waiting++;
		} else {
			notices->lost++;
		}
	}
	pthread_mutex_unlock(&notices->lock);
	if (first)
		wake(notices);
}

void mr_notices_follow(struct mr_notices *notices, struct mr_noticeset *set)
{
	struct mr_noticeset *unseen;

	if (set == NULL)
		return;
	pthread_mutex_lock(&notices->lock);
	unseen = notices->next;
	notices->next = set;
	notices->most = set->queue;
	notices->wanted = set->hook != NULL || set->mail != NULL;
	pthread_mutex_unlock(&notices->lock);
	mr_noticeset_free(&unseen);
	wake(notices);
}

/* ---- The thread ---- */

/* What others have left: lines, settings, the order to stop. */
struct taken {
	struct line *lines;
	uint64_t lost;
	struct mr_noticeset *set;
	bool stopping;
	int64_t stop_ms;
};

static struct taken take(struct mr_notices *notices)
{
	struct taken taken;
	uint64_t count;

	(void)!read(notices->wake_fd, &count, sizeof(count));
	pthread_mutex_lock(&notices->lock);
	taken = (struct taken){ .lines = notices->first, .lost = notices->lost, .set = notices->next,
				.stopping = notices->stopping, .stop_ms = notices->stop_ms };
	notices->first = notices->last = NULL;
	notices->waiting = 0;
	notices->lost = 0;
	notices->next = NULL;
	pthread_mutex_unlock(&notices->lock);
	return taken;
}

static void hand_over(struct mr_notices *notices, struct taken *taken, int64_t now_ms)
{
	if (taken->set != NULL)
		mr_telling_follow(notices->telling, taken->set, now_ms);
	mr_telling_lost(notices->telling, taken->lost);
	while (taken->lines != NULL) {
		struct line *line = taken->lines;

		taken->lines = line->next;
		mr_telling_take(notices->telling, line->text, line->n, now_ms);
		free(line);
	}
}

static bool is_over(struct mr_notices *notices, const struct taken *taken, int64_t now_ms)
{
	bool empty;

	if (!taken->stopping)
		return false;
	pthread_mutex_lock(&notices->lock);
	empty = notices->first == NULL;
	pthread_mutex_unlock(&notices->lock);
	return now_ms >= taken->stop_ms || (empty && !mr_telling_busy(notices->telling, now_ms));
}

static void end(struct mr_notices *notices)
{
	struct taken rest = take(notices);
	uint64_t left = rest.lost;

	for (const struct line *line = rest.lines; line != NULL; line = line->next)
		left++;
	mr_telling_end(notices->telling, left);
	pthread_mutex_lock(&notices->lock);
	notices->stopped = true;
	pthread_cond_broadcast(&notices->end);
	pthread_mutex_unlock(&notices->lock);
}

static void *run(void *argument)
{
	struct mr_notices *notices = argument;

	is_teller = true;
	for (;;) {
		struct taken taken = take(notices);
		int64_t now_ms = mr_clock_steady_ms();

		hand_over(notices, &taken, now_ms);
		mr_telling_serve(notices->telling, now_ms);
		if (is_over(notices, &taken, now_ms))
			break;
		mr_telling_wait(notices->telling, notices->wake_fd, now_ms,
				taken.stopping ? taken.stop_ms : INT64_MAX);
	}
	end(notices);
	return NULL;
}

int mr_notices_start(struct mr_notices *notices, struct mr_engine *engine)
{
	pthread_t thread;
	int err;

	notices->engine = engine;
	err = pthread_create(&thread, NULL, run, notices);
	if (err != 0) {
		errno = err;
		return -1;
	}
	pthread_detach(thread);
	atomic_store(&notices->running, true);
	return 0;
}

void mr_notices_stop(struct mr_notices *notices, int64_t timeout_ms)
{
	struct timespec until = mr_clock_steady_after(timeout_ms + GRACE_MS);

	if (!atomic_load(&notices->running))
		return;
	pthread_mutex_lock(&notices->lock);
	notices->stopping = true;
	notices->stop_ms = mr_clock_steady_ms() + timeout_ms;
	pthread_mutex_unlock(&notices->lock);
	wake(notices);
	pthread_mutex_lock(&notices->lock);
	while (!notices->stopped && pthread_cond_timedwait(&notices->end, &notices->lock, &until) == 0)
		continue;
	pthread_mutex_unlock(&notices->lock);
}
