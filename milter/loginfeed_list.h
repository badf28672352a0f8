/*
 * The connections of the login feed: how many there may be, how long each may take, and which one goes when there are too
 * many. Knows sockets, not HTTP. Times are those of the steady clock. Thread-safe, but for what is said of links.
 */
#ifndef MR_MILTER_LOGINFEED_LIST_H
#define MR_MILTER_LOGINFEED_LIST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MR_FEED_HEAD_MS = 5000,   /* for a header, and for a first request to come */
	MR_FEED_TOTAL_MS = 10000, /* for a request with its answer */
	MR_FEED_IDLE_MS = 15000   /* between two requests; Dovecot itself waits 10 s */
};

struct mr_feedlinks;

/* A connection; belongs to its owner, who looks at none of it. Its times are written by the thread that serves it, without
 * the lock, and read by others. */
struct mr_feedlink {
	struct mr_feedlink *before, *after;
	struct mr_feedlinks *in; /* NULL: it has been told to end */
	int fd;
	bool proven;
	_Atomic bool busy;
	int64_t begun_ms;
	_Atomic int64_t deadline_ms;
};

struct mr_feedlinks {
	struct mr_feedlink *first, *last; /* the first that came is the first here */
};

struct mr_feedlist {
	pthread_mutex_t mutex;
	struct mr_feedlinks strangers; /* no request with a fitting key has been finished */
	struct mr_feedlinks friends;
	size_t count, most;
	uint64_t evicted;              /* since the list was last asked */
};

void mr_feedlist_init(struct mr_feedlist *list, size_t most);
/* most: of connections at one time. Takes effect with the next one. */
void mr_feedlist_set_most(struct mr_feedlist *list, size_t most);
/* A new connection. When that is one too many, another is shut down: the oldest that never finished a request with a
 * fitting key, and only if there is none of these the one that has been silent for longest. */
void mr_feedlist_add(struct mr_feedlist *list, struct mr_feedlink *link, int fd, int64_t now_ms);
/* The first line of a request is here; then its whole header; then it is over: proven says that its key fitted. */
void mr_feedlink_begin(struct mr_feedlink *link, int64_t now_ms);
void mr_feedlink_go_on(struct mr_feedlink *link);
void mr_feedlist_finish(struct mr_feedlist *list, struct mr_feedlink *link, bool proven);
/* The connection's socket will be closed now. */
void mr_feedlist_remove(struct mr_feedlist *list, struct mr_feedlink *link);
/* Shuts down what has taken too long. */
void mr_feedlist_reap(struct mr_feedlist *list, int64_t now_ms);
/* How many had to go for others since the last call. */
uint64_t mr_feedlist_evicted(struct mr_feedlist *list);

#endif
