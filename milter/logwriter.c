/*
 * Two blocks of memory that change places: callback threads fill one while the thread here writes the other. Under load
 * it comes every 20 ms, so that one write() takes many lines and no callback pays for a wake-up.
 */
#include "logwriter.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sinks.h"

enum { BLOCK_FIRST = 1 << 16, BLOCK_MAX = 1 << 22, TICK_MS = 20, RETRY_MS = 250, WHY_MAX = 160 };

struct block {
	char *bytes;
	size_t n, size;
};

struct mr_logwriter {
	struct mr_logwriter_options options;
	pthread_mutex_t lock;
	pthread_cond_t wake;     /* the thread waits here */
	pthread_cond_t progress; /* who flushes waits here */
	struct block fill;       /* under lock */
	uint64_t put, written;   /* bytes ever, under lock */
	uint64_t dropped;        /* lines, under lock */
	bool idle;               /* the thread waits without a limit, under lock */
	bool hurry, reopen;      /* under lock */
	struct mr_sink *next;    /* the sink to change to, under lock */
	bool discard;            /* the sink takes nothing on purpose, under lock */

	struct block batch;      /* these belong to the thread */
	size_t done;
	struct mr_sink *sink;
	bool broken;
};

static bool make_room(struct block *block, size_t length)
{
	size_t size = block->size > 0 ? block->size : BLOCK_FIRST;
	char *bytes;

	if (length > BLOCK_MAX - block->n)
		return false;
	while (size < block->n + length)
		size *= 2;
	if (size == block->size)
		return true;
	bytes = realloc(block->bytes, size);
	if (bytes == NULL)
		return false;
	block->bytes = bytes;
	block->size = size;
	return true;
}

void mr_logwriter_put(void *context, const char *line, size_t length)
{
	struct mr_logwriter *writer = context;
	bool wake = false;

	pthread_mutex_lock(&writer->lock);
	if (!writer->discard && !make_room(&writer->fill, length)) {
		writer->dropped++;
	} else if (!writer->discard) {
		memcpy(writer->fill.bytes + writer->fill.n, line, length);
		writer->fill.n += length;
		writer->put += length;
		wake = writer->idle;
		writer->idle = false;
	}
	pthread_mutex_unlock(&writer->lock);
	if (wake)
		pthread_cond_signal(&writer->wake);
}

/* Gives what is written back to those who count, and a big block back to the system. */
static void finish_batch(struct mr_logwriter *writer)
{
	pthread_mutex_lock(&writer->lock);
	writer->written += writer->batch.n;
	pthread_cond_broadcast(&writer->progress);
	pthread_mutex_unlock(&writer->lock);
	if (writer->batch.size > BLOCK_FIRST * 4) {
		free(writer->batch.bytes);
		writer->batch = (struct block){ 0 };
	}
	writer->batch.n = 0;
	writer->done = 0;
}

static void say_trouble(struct mr_logwriter *writer, const char *why)
{
	if (!writer->broken)
		writer->options.trouble(writer->options.context, mr_sink_name(writer->sink), why);
	writer->broken = true;
}

/* Carries an order to open again out. Opens at once, so that a fault is known before the next line. */
static void obey_reopen(struct mr_logwriter *writer)
{
	char why[WHY_MAX] = "";
	struct mr_sink *next;
	bool ordered;

	pthread_mutex_lock(&writer->lock);
	ordered = writer->reopen;
	next = writer->next;
	writer->reopen = false;
	writer->next = NULL;
	if (next != NULL)
		writer->discard = mr_sink_is_none(next);
	pthread_mutex_unlock(&writer->lock);
	if (!ordered)
		return;
	if (next == NULL) {
		mr_sink_turn_over(writer->sink);
	} else {
		mr_sink_free(&writer->sink);
		writer->sink = next;
	}
	if (mr_sink_open(writer->sink, why) != 0)
		say_trouble(writer, why);
}

/* Waits for lines and takes them. After a write it first lets a tick's worth of lines gather. */
static void take_lines(struct mr_logwriter *writer, bool gather)
{
	pthread_mutex_lock(&writer->lock);
	if (gather && !writer->hurry && !writer->reopen) {
		struct timespec until = mr_clock_steady_after(TICK_MS);

		while (!writer->hurry && !writer->reopen &&
		       pthread_cond_timedwait(&writer->wake, &writer->lock, &until) == 0)
			continue;
	}
	while (writer->fill.n == 0 && !writer->reopen) {
		writer->hurry = false;
		writer->idle = true;
		pthread_cond_wait(&writer->wake, &writer->lock);
	}
	writer->idle = false;
	if (writer->batch.n == 0) {
		struct block empty = writer->batch;

		writer->batch = writer->fill;
		writer->fill = empty;
	}
	pthread_mutex_unlock(&writer->lock);
}

static void wait_before_retry(struct mr_logwriter *writer)
{
	struct timespec until = mr_clock_steady_after(RETRY_MS);

	pthread_mutex_lock(&writer->lock);
	while (!writer->reopen && pthread_cond_timedwait(&writer->wake, &writer->lock, &until) == 0)
		continue;
	pthread_mutex_unlock(&writer->lock);
	obey_reopen(writer);
}

/* Waits until the line about it has room: it would be the next one to be lost. */
static void report_recovery(struct mr_logwriter *writer)
{
	uint64_t dropped;
	bool room;

	pthread_mutex_lock(&writer->lock);
	room = writer->fill.n <= BLOCK_MAX / 2;
	dropped = writer->dropped;
	if (room)
		writer->dropped = 0;
	pthread_mutex_unlock(&writer->lock);
	if (!room || (!writer->broken && dropped == 0))
		return;
	writer->broken = false;
	writer->options.recovered(writer->options.context, mr_sink_name(writer->sink), dropped);
}

static void write_batch(struct mr_logwriter *writer)
{
	while (writer->done < writer->batch.n) {
		char why[WHY_MAX] = "";
		size_t done;
		int err = mr_sink_write(writer->sink, writer->batch.bytes + writer->done,
					writer->batch.n - writer->done, &done, why);

		writer->done += done;
		if (err == 0)
			break;
		say_trouble(writer, why);
		wait_before_retry(writer);
	}
}

static void *run(void *argument)
{
	struct mr_logwriter *writer = argument;
	bool gather = false;

	for (;;) {
		take_lines(writer, gather);
		/* Before the lines: some of them may have come after the order. */
		obey_reopen(writer);
		gather = writer->batch.n > 0;
		if (!gather)
			continue;
		write_batch(writer);
		finish_batch(writer);
		report_recovery(writer);
	}
	return NULL;
}

static int start_thread(struct mr_logwriter *writer)
{
	pthread_condattr_t steady;
	pthread_t thread;
	int err;

	pthread_mutex_init(&writer->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->wake, &steady);
	pthread_cond_init(&writer->progress, &steady);
	pthread_condattr_destroy(&steady);
	err = pthread_create(&thread, NULL, run, writer);
	if (err == 0)
		pthread_detach(thread);
	return err;
}

int mr_logwriter_start(const struct mr_logwriter_options *options, struct mr_logwriter **writer_r)
{
	struct mr_logwriter *writer = calloc(1, sizeof(*writer));
	int err = ENOMEM;

	if (writer != NULL) {
		writer->options = *options;
		writer->sink = mr_sink_new(options->sink);
		writer->reopen = true;
		writer->discard = writer->sink != NULL && mr_sink_is_none(writer->sink);
		if (writer->sink != NULL)
			err = start_thread(writer);
	}
	if (err != 0) {
		if (writer != NULL)
			mr_sink_free(&writer->sink);
		free(writer);
		errno = err;
		return -1;
	}
	*writer_r = writer;
	return 0;
}

void mr_logwriter_reopen(struct mr_logwriter *writer, const char *sink)
{
	struct mr_sink *next = sink != NULL ? mr_sink_new(sink) : NULL;

	pthread_mutex_lock(&writer->lock);
	if (next != NULL)
		mr_sink_free(&writer->next);
	if (next != NULL)
		writer->next = next;
	writer->reopen = true;
	pthread_cond_signal(&writer->wake);
	pthread_mutex_unlock(&writer->lock);
}

bool mr_logwriter_flush(struct mr_logwriter *writer, int64_t timeout_ms)
{
	struct timespec until = mr_clock_steady_after(timeout_ms);
	uint64_t target;
	bool done;

	pthread_mutex_lock(&writer->lock);
	target = writer->put;
	while (writer->written < target) {
		writer->hurry = true;
		pthread_cond_signal(&writer->wake);
		if (pthread_cond_timedwait(&writer->progress, &writer->lock, &until) != 0)
			break;
	}
	done = writer->written >= target;
	writer->hurry = false;
	pthread_mutex_unlock(&writer->lock);
	return done;
}
