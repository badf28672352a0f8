/*
 * The requests of the login feed: from libmicrohttpd's calls to the engine and back. Called by the threads of
 * libmicrohttpd.
 */
#ifndef MR_MILTER_LOGINFEED_SERVE_H
#define MR_MILTER_LOGINFEED_SERVE_H

#include <pthread.h>
#include <stdatomic.h>

#include <microhttpd.h>

#include "loginfeed_answer.h"
#include "loginfeed_key.h"
#include "loginfeed_list.h"
#include "mailreeve.h"

/* What all connections share. */
struct mr_feedserve {
	struct mr_engine *engine;
	struct mr_feedanswers *answers;
	struct mr_feedlist list;
	pthread_mutex_t mutex; /* of keys */
	struct mr_feedkeys keys;
	_Atomic unsigned long refused; /* requests without a key that fits */
};

/* Starts to serve the socket fd, which is taken over in any case. NULL: it cannot, with errno. */
struct MHD_Daemon *mr_feedserve_start(struct mr_feedserve *serve, int fd);

#endif
