/*
 * The login feed: Dovecot's auth policy over HTTP. Each open socket has one thread of libmicrohttpd's; that is one thread,
 * and two for a moment while login_feed.listen changes. The functions here are called by one thread.
 */
#ifndef MR_MILTER_LOGINFEED_H
#define MR_MILTER_LOGINFEED_H

#include <stdint.h>

#include "loginfeed_set.h"

struct mr_loginfeed;

/* A feed that is closed. NULL: no memory, or libsodium cannot work. */
struct mr_loginfeed *mr_loginfeed_new(struct mr_engine *engine);
/* Does from now on what set says: opens or closes the socket, or moves to another one; takes the keys and the bound of
 * connections. Connections of a socket that stays are kept. 0; -1, said: the socket cannot be had, and what was open
 * stays open; mr_loginfeed_tick() tries again. */
int mr_loginfeed_follow(struct mr_loginfeed *feed, const struct mr_feedset *set);
/* About once a second: ends what takes too long, and says what an administrator should know. now_ms: the steady clock. */
void mr_loginfeed_tick(struct mr_loginfeed *feed, int64_t now_ms);
/* Closes the socket, answers nobody any more, and removes a unix socket. Waits for the request that is being answered. */
void mr_loginfeed_stop(struct mr_loginfeed *feed);

#endif
