/*
 * Who is told of an event, and how: operators by a program and by mail, owners by mail. Not thread-safe: one thread.
 * now_ms: the steady clock.
 */
#ifndef MR_MILTER_TELLING_H
#define MR_MILTER_TELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "noticeset.h"

struct mr_telling;

struct mr_telling_calls {
	/* What could not be told, in one sentence; at most once a minute. */
	void (*say)(void *context, const char *sentence);
	/* The address of the owner of a login; 0, or another number when there is none. */
	int (*mailbox)(void *context, const char *login, char address_r[320]);
	/* The wall clock, for Date; a random number, for Message-ID. */
	int64_t (*wall_ms)(void);
	uint64_t (*unique)(void);
	void *context;
};

/* Once, before there are other threads that use libcurl. NULL when there is no memory. */
struct mr_telling *mr_telling_new(const struct mr_telling_calls *calls);
/* Other settings from now on; takes set over. What waits goes by the new ones. */
void mr_telling_follow(struct mr_telling *telling, struct mr_noticeset *set, int64_t now_ms);
/* Takes one event line, or counts it when there is no room. */
void mr_telling_take(struct mr_telling *telling, const char *line, size_t n, int64_t now_ms);
/* Counts lines that got lost before. */
void mr_telling_lost(struct mr_telling *telling, uint64_t count);
/* Waits until there is something to do, wake_fd can be read, or until_ms. */
void mr_telling_wait(struct mr_telling *telling, int wake_fd, int64_t now_ms, int64_t until_ms);
/* Does what can be done without waiting. */
void mr_telling_serve(struct mr_telling *telling, int64_t now_ms);
/* Whether something is on its way now. Mail whose host is away is not. */
bool mr_telling_busy(const struct mr_telling *telling, int64_t now_ms);
/* The end of the process: kills programs, and says what was not told. */
void mr_telling_end(struct mr_telling *telling, uint64_t lines_left);

#endif
