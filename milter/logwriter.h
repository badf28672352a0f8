/*
 * The way of lines out of the reply path: callback threads leave them in bounded memory, one thread writes them.
 * Thread-safe but for start.
 */
#ifndef MR_MILTER_LOGWRITER_H
#define MR_MILTER_LOGWRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_logwriter;

struct mr_logwriter_options {
	const char *sink; /* see sinks.h */
	/* From the writer's thread. trouble: once when it begins; recovered: when it is over, with the lines lost. */
	void (*trouble)(void *context, const char *sink, const char *why);
	void (*recovered)(void *context, const char *sink, uint64_t dropped);
	void *context;
};

/* Starts the thread. 0 or -1 with errno. There is no end: a process that ends flushes and goes. */
int mr_logwriter_start(const struct mr_logwriter_options *options, struct mr_logwriter **writer_r);
/* An mr_line_function; context is the writer. Never blocks on a sink: without room the line is dropped and counted. */
void mr_logwriter_put(void *writer, const char *line, size_t length);
/* Opens the sink again, or another one when sink is not NULL. */
void mr_logwriter_reopen(struct mr_logwriter *writer, const char *sink);
/* Waits until all that was put before is written; false when that took longer than timeout_ms. */
bool mr_logwriter_flush(struct mr_logwriter *writer, int64_t timeout_ms);

#endif
