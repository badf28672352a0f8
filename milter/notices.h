/*
 * The way of alerts to people: whoever has an event line leaves it in bounded memory, one thread tells. Mail never waits
 * for it. Thread-safe but for new and start.
 */
#ifndef MR_MILTER_NOTICES_H
#define MR_MILTER_NOTICES_H

#include <stddef.h>
#include <stdint.h>

#include "mailreeve.h"
#include "noticeset.h"

struct mr_notices;

/* A queue without a thread; events that come before the start wait in it. NULL when there is no memory. */
struct mr_notices *mr_notices_new(void);
/* An mr_line_function; context is the mr_notices. */
void mr_notices_put(void *notices, const char *line, size_t length);
/* Starts the thread. What it has to say goes to engine, which must outlive it. 0 or -1 with errno. */
int mr_notices_start(struct mr_notices *notices, struct mr_engine *engine);
/* Other settings from now on; takes the set over. Before the start, too. NULL: nothing changes. */
void mr_notices_follow(struct mr_notices *notices, struct mr_noticeset *set);
/* The end of the process: tells what is on its way, for at most timeout_ms, and says how much is left. */
void mr_notices_stop(struct mr_notices *notices, int64_t timeout_ms);

#endif
