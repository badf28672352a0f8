/*
 * Where lines go: a file, standard output, syslog or the journal. One thread at a time.
 */
#ifndef MR_MILTER_SINKS_H
#define MR_MILTER_SINKS_H

#include <stdbool.h>
#include <stddef.h>

struct mr_sink;

/* specification: "stdout", "syslog", "journal", "none" or the path of a file. NULL when there is no memory. Nothing is
 * opened yet. */
struct mr_sink *mr_sink_new(const char *specification);
void mr_sink_free(struct mr_sink **sink);
const char *mr_sink_name(const struct mr_sink *sink);
/* Whether lines are thrown away on purpose. */
bool mr_sink_is_none(const struct mr_sink *sink);
/* Opens what is not open. 0; or -1 with the words in why_r. */
int mr_sink_open(struct mr_sink *sink, char why_r[160]);
/* Writes n bytes, whole lines with their newlines. *done_r says how many bytes, always whole lines, are done; the
 * caller comes again with the others, beginning with the first line that is not done. 0; or -1 when the sink is broken
 * or full for now: why_r has the words. Opens first what is not open. Never waits
 * longer than half a second for a reader, but for standard output and a syslog that wants a stream. */
int mr_sink_write(struct mr_sink *sink, const char *lines, size_t n, size_t *done_r, char why_r[160]);
/* Closes; the next write opens again. */
void mr_sink_close(struct mr_sink *sink);
/* The same, but for a FIFO that has taken a part of a line. */
void mr_sink_turn_over(struct mr_sink *sink);

#endif
