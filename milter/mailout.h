/*
 * Our own mail on its way to the submission host (RFC 6409, RFC 5321): one at a time, tried again with growing pauses.
 * Not thread-safe: one thread.
 */
#ifndef MR_MILTER_MAILOUT_H
#define MR_MILTER_MAILOUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "noticeset.h"

enum { MR_MAILOUT_WHY_MAX = 300 };

struct mr_mailout;

/* What has become of a mail. why: a few words, also from the other host. */
struct mr_mailout_calls {
	void (*later)(void *context, const char *to, const char *why); /* it is tried again */
	void (*failed)(void *context, const char *to, const char *why); /* it is given up */
	void *context;
};

/* Once, before there are other threads that use libcurl. NULL when that cannot be had. */
struct mr_mailout *mr_mailout_new(const struct mr_mailout_calls *calls);
/* Another host, login or limit; a pause ends. The set must live until the next call. Without a host what waits is
 * dropped: returns how many. */
size_t mr_mailout_follow(struct mr_mailout *out, const struct mr_noticeset *set, int64_t now_ms);
/* Puts a mail (n bytes of malloc(), taken over in any case) into the queue. -1: the queue is full. now_ms: steady. */
int mr_mailout_put(struct mr_mailout *out, const char *to, char *mail, size_t n, int64_t now_ms);
/* Mails that wait, with the one that is being sent. */
size_t mr_mailout_waiting(const struct mr_mailout *out);
/* Whether there is something to do now: neither empty nor in a pause. */
bool mr_mailout_busy(const struct mr_mailout *out, int64_t now_ms);
/* When the pause ends; INT64_MAX: there is nothing to wait for. */
int64_t mr_mailout_next(const struct mr_mailout *out);
/* Waits for the mail in progress and for the polls, at most timeout_ms. */
void mr_mailout_wait(struct mr_mailout *out, const struct pollfd *polls, size_t count, int timeout_ms);
/* Goes on with what can be done without waiting. */
void mr_mailout_serve(struct mr_mailout *out, int64_t now_ms);

#endif
