/*
 * The login feed as the worker sees it: it follows the policy, is looked after once a second, and is stopped. What it
 * answers is in loginfeed_serve.c.
 */
#include "loginfeed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "loginfeed_listen.h"
#include "loginfeed_serve.h"
#include "say.h"

enum { AGAIN_MS = 10000, SAY_MS = 60000 };

struct mr_loginfeed {
	struct mr_feedserve serve;
	struct MHD_Daemon *daemon; /* NULL: closed */
	char *listen;              /* where it is open */
	struct mr_socket_id socket;
	char *wanted;              /* where it should be */
	int64_t again_ms;          /* when to try again for it */
	int64_t said_ms;
	uint64_t evicted;          /* not said yet */
};

struct mr_loginfeed *mr_loginfeed_new(struct mr_engine *engine)
{
	struct mr_loginfeed *feed = calloc(1, sizeof(*feed));

	if (feed == NULL)
		return NULL;
	feed->said_ms = -SAY_MS;
	feed->serve.engine = engine;
	feed->serve.answers = mr_feedanswers_new();
	feed->listen = strdup("");
	feed->wanted = strdup("");
	mr_feedlist_init(&feed->serve.list, 0);
	if (feed->serve.answers != NULL && feed->listen != NULL && feed->wanted != NULL &&
	    pthread_mutex_init(&feed->serve.mutex, NULL) == 0 && mr_feedkeys_init(&feed->serve.keys) == 0)
		return feed;
	mr_feedanswers_free(&feed->serve.answers);
	free(feed->listen);
	free(feed->wanted);
	free(feed);
	return NULL;
}

static void close_socket(struct mr_loginfeed *feed)
{
	if (feed->daemon == NULL)
		return;
	MHD_stop_daemon(feed->daemon);
	mr_listener_remove(mr_settings_unix_path(feed->listen), &feed->socket);
	feed->daemon = NULL;
}

/* Opens the socket that is wanted, and only then closes the other one. */
static int open_socket(struct mr_loginfeed *feed)
{
	struct mr_socket_id socket;
	int fd = mr_feedlisten_open(feed->wanted, &socket);
	char *listen = fd >= 0 ? strdup(feed->wanted) : NULL;
	struct MHD_Daemon *daemon = fd >= 0 ? mr_feedserve_start(&feed->serve, fd) : NULL;

	if (daemon == NULL || listen == NULL) {
		if (fd >= 0)
			mr_say(MR_SAY_ERROR, "the login feed cannot be started on %s: %s", feed->wanted, strerror(errno));
		if (daemon != NULL)
			MHD_stop_daemon(daemon);
		free(listen);
		return -1;
	}
	close_socket(feed);
	free(feed->listen);
	feed->listen = listen;
	feed->daemon = daemon;
	feed->socket = socket;
	return 0;
}

static bool is_where_it_should_be(const struct mr_loginfeed *feed)
{
	return feed->wanted[0] == '\0' ? feed->daemon == NULL
				       : feed->daemon != NULL && strcmp(feed->listen, feed->wanted) == 0;
}

static int move(struct mr_loginfeed *feed)
{
	if (is_where_it_should_be(feed))
		return 0;
	if (feed->wanted[0] != '\0')
		return open_socket(feed);
	close_socket(feed);
	return 0;
}

int mr_loginfeed_follow(struct mr_loginfeed *feed, const struct mr_feedset *set)
{
	char *wanted = strdup(set->listen);

	if (wanted == NULL)
		return -1;
	free(feed->wanted);
	feed->wanted = wanted;
	pthread_mutex_lock(&feed->serve.mutex);
	mr_feedkeys_set(&feed->serve.keys, set->keys);
	pthread_mutex_unlock(&feed->serve.mutex);
	mr_feedlist_set_most(&feed->serve.list, (size_t)set->connections);
	feed->again_ms = mr_clock_steady_ms() + AGAIN_MS;
	return move(feed);
}

/* At most once a minute, whatever strangers do. */
static void say_troubles(struct mr_loginfeed *feed, int64_t now_ms)
{
	unsigned long refused;

	feed->evicted += mr_feedlist_evicted(&feed->serve.list);
	if (now_ms - feed->said_ms < SAY_MS)
		return;
	refused = atomic_exchange(&feed->serve.refused, 0);
	if (refused > 0)
		mr_say(MR_SAY_WARNING, "the login feed has refused %lu requests that showed no key of login_feed.keys; if they "
		       "are Dovecot's, its logins go unscreened: compare auth_policy_server_api_header with the key", refused);
	if (feed->evicted > 0)
		mr_say(MR_SAY_WARNING, "the login feed has ended %llu connections to make room for new ones; if nobody attacks "
		       "it, raise login_feed.connections", (unsigned long long)feed->evicted);
	if (refused > 0 || feed->evicted > 0)
		feed->said_ms = now_ms;
	feed->evicted = 0;
}

void mr_loginfeed_tick(struct mr_loginfeed *feed, int64_t now_ms)
{
	mr_feedlist_reap(&feed->serve.list, now_ms);
	say_troubles(feed, now_ms);
	if (now_ms < feed->again_ms || is_where_it_should_be(feed))
		return;
	feed->again_ms = now_ms + AGAIN_MS;
	if (move(feed) == 0)
		mr_say(MR_SAY_NOTICE, "the login feed is open on %s", feed->listen);
}

void mr_loginfeed_stop(struct mr_loginfeed *feed)
{
	close_socket(feed);
}
