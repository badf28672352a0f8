/*
 * See passwordcrew.h. Each thread takes as many units as last some milliseconds, whatever a try costs. The main thread
 * only waits, shows and saves. Called by passwordaudit.c.
 */
#include "passwordcrew.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "print.h"

enum { SAVE_SECONDS = 30, BATCH_MOST = 4096 };
#define BATCH_SECONDS 0.005

struct crew;

struct worker {
	struct crew *crew;
	pthread_t thread;
	struct mr_password_room *room;
	size_t at; /* the first unit that may be undone; SIZE_MAX: none */
};

struct crew {
	struct mr_password_work *work;
	size_t units;
	pthread_mutex_t lock; /* of all below, and of the workers' at */
	size_t next;
	double weight;
	uint64_t tries;
	unsigned working;
	_Atomic bool stop;
	pthread_t main;
	struct worker *workers;
	unsigned count;
};

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The next batch of units: from *begin_r, and how many. 0: none is left. */
static size_t take(struct worker *worker, size_t wanted, double weight, uint64_t tries, size_t *begin_r)
{
	struct crew *crew = worker->crew;
	size_t n;

	(void)pthread_mutex_lock(&crew->lock);
	crew->weight += weight;
	crew->tries += tries;
	n = crew->units - crew->next < wanted ? crew->units - crew->next : wanted;
	if (atomic_load(&crew->stop))
		n = 0;
	*begin_r = crew->next;
	crew->next += n;
	worker->at = n > 0 ? *begin_r : SIZE_MAX;
	(void)pthread_mutex_unlock(&crew->lock);
	return n;
}

/* The units from begin on. Returns how many were done before the order to stop. */
static size_t work_on(struct worker *worker, size_t begin, size_t n, double *weight_r, uint64_t *tries_r)
{
	struct crew *crew = worker->crew;

	*weight_r = 0;
	*tries_r = 0;
	for (size_t i = 0; i < n; i++) {
		double weight;

		if (atomic_load_explicit(&crew->stop, memory_order_relaxed))
			return i;
		*tries_r += mr_password_work_do(crew->work, begin + i, worker->room, &crew->stop, &weight);
		if (atomic_load_explicit(&crew->stop, memory_order_relaxed))
			return i;
		*weight_r += weight;
	}
	return n;
}

static void *run(void *context)
{
	struct worker *worker = context;
	struct crew *crew = worker->crew;
	size_t wanted = 1, begin, n, done;
	uint64_t tries = 0;
	double weight = 0;

	while ((n = take(worker, wanted, weight, tries, &begin)) > 0) {
		double started = now(), lasted;

		done = work_on(worker, begin, n, &weight, &tries);
		lasted = now() - started;
		if (done < n) {
			(void)pthread_mutex_lock(&crew->lock);
			crew->weight += weight;
			crew->tries += tries;
			worker->at = begin + done;
			(void)pthread_mutex_unlock(&crew->lock);
			break;
		}
		if (lasted < BATCH_SECONDS && wanted < BATCH_MOST)
			wanted *= 2;
		else if (lasted > 4 * BATCH_SECONDS && wanted > 1)
			wanted /= 2;
	}
	(void)pthread_mutex_lock(&crew->lock);
	crew->working--;
	(void)pthread_mutex_unlock(&crew->lock);
	(void)pthread_kill(crew->main, SIGUSR1);
	return NULL;
}

/* How far all are. Returns whether any still works. */
static bool look(struct crew *crew, const struct mr_password_progress *before, double started,
		 struct mr_password_progress *progress_r)
{
	bool working;

	(void)pthread_mutex_lock(&crew->lock);
	progress_r->unit = crew->next;
	for (unsigned i = 0; i < crew->count; i++)
		if (crew->workers[i].at < progress_r->unit)
			progress_r->unit = crew->workers[i].at;
	progress_r->weight = before->weight + crew->weight;
	progress_r->tries = before->tries + crew->tries;
	working = crew->working > 0;
	(void)pthread_mutex_unlock(&crew->lock);
	progress_r->seconds = before->seconds + now() - started;
	progress_r->complete = !working && progress_r->unit >= crew->units;
	return working;
}

static void show(const struct crew *crew, const struct mr_password_progress *before,
		 const struct mr_password_progress *progress, size_t found)
{
	double all = mr_password_work_weight(crew->work), made = progress->weight - before->weight;
	double seconds = progress->seconds - before->seconds;
	double left = made > 0 ? (all - progress->weight) / made * seconds : -1;
	char number[MR_WHEN_MAX], guessed[MR_WHEN_MAX], rate[MR_WHEN_MAX], span[MR_WHEN_MAX];

	fprintf(stderr, "\r%3.0f %%, %s tries, %s a second, %s guessed, %s left\033[K",
		all > 0 ? 100 * progress->weight / all : 100, mr_number((int64_t)progress->tries, number),
		mr_number((int64_t)(seconds > 0 ? (double)(progress->tries - before->tries) / seconds : 0), rate),
		mr_number((int64_t)found, guessed),
		left < 0 || seconds < 2 ? "unknown" : mr_span((int64_t)left, span));
	(void)fflush(stderr);
}

static size_t count_found(struct mr_password_work *work)
{
	size_t n = 0;

	for (size_t i = 0; i < mr_password_work_accounts(work); i++)
		n += atomic_load_explicit(&mr_password_work_account(work, i)->found, memory_order_relaxed) != 0;
	return n;
}

/* Until all is done, or a signal came and the last unit is done. */
static void wait_for_all(struct crew *crew, const struct mr_password_crew *how, const sigset_t *signals, double started,
			 struct mr_password_progress *progress)
{
	const struct timespec second = { 1, 0 };
	struct mr_password_progress before = *progress;
	double saved = started;

	while (look(crew, &before, started, progress)) {
		int signal = sigtimedwait(signals, NULL, &second);

		if (signal > 0 && signal != SIGUSR1)
			atomic_store(&crew->stop, true);
		if (how->show)
			show(crew, &before, progress, count_found(crew->work));
		if (how->save != NULL && now() - saved >= SAVE_SECONDS) {
			how->save(how->context, progress);
			saved = now();
		}
	}
	if (how->show)
		fputs("\r\033[K", stderr);
}

static unsigned start(struct crew *crew, unsigned threads)
{
	for (unsigned i = 0; i < threads; i++) {
		struct worker *worker = &crew->workers[i];

		*worker = (struct worker){ .crew = crew, .room = mr_password_room_new(), .at = SIZE_MAX };
		(void)pthread_mutex_lock(&crew->lock);
		crew->working++;
		(void)pthread_mutex_unlock(&crew->lock);
		if (worker->room == NULL || pthread_create(&worker->thread, NULL, run, worker) != 0) {
			mr_password_room_free(&worker->room);
			(void)pthread_mutex_lock(&crew->lock);
			crew->working--;
			(void)pthread_mutex_unlock(&crew->lock);
			break;
		}
		(void)pthread_mutex_lock(&crew->lock);
		crew->count++;
		(void)pthread_mutex_unlock(&crew->lock);
	}
	return crew->count;
}

int mr_password_crew_run(const struct mr_password_crew *how, const char *command, struct mr_password_work *work,
			 struct mr_password_progress *progress)
{
	struct crew crew = { .work = work, .units = mr_password_work_units(work), .next = progress->unit };
	sigset_t signals, usual;
	double started = now();

	crew.workers = calloc(how->threads, sizeof(*crew.workers));
	if (crew.workers == NULL || pthread_mutex_init(&crew.lock, NULL) != 0) {
		free(crew.workers);
		fprintf(stderr, "%s: out of memory\n", command);
		return -1;
	}
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &signals, &usual);
	crew.main = pthread_self();
	if (start(&crew, how->threads) > 0)
		wait_for_all(&crew, how, &signals, started, progress);
	else
		fprintf(stderr, "%s: no thread could be started\n", command);
	for (unsigned i = 0; i < crew.count; i++) {
		(void)pthread_join(crew.workers[i].thread, NULL);
		mr_password_room_free(&crew.workers[i].room);
	}
	while (sigtimedwait(&signals, NULL, &(struct timespec){ 0, 0 }) > 0)
		;
	(void)pthread_sigmask(SIG_SETMASK, &usual, NULL);
	(void)pthread_mutex_destroy(&crew.lock);
	free(crew.workers);
	return crew.count > 0 ? 0 : -1;
}
