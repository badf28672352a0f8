/*
 * Keeps the connections of the login feed within bounds. libmicrohttpd ends those that are silent; a client that sends a
 * byte now and then is never silent, so the time of each is kept here. Ending means shutdown(2): the thread that serves
 * the socket sees its end and closes it.
 *
 * All clients have the address 127.0.0.1, so no address can have a share of its own. What tells Dovecot from the others
 * is a finished request with a fitting key.
 */
#include "loginfeed_list.h"

#include <sys/socket.h>

void mr_feedlist_init(struct mr_feedlist *list, size_t most)
{
	*list = (struct mr_feedlist){ .most = most };
	(void)pthread_mutex_init(&list->mutex, NULL);
}

void mr_feedlist_set_most(struct mr_feedlist *list, size_t most)
{
	pthread_mutex_lock(&list->mutex);
	list->most = most;
	pthread_mutex_unlock(&list->mutex);
}

static void append(struct mr_feedlinks *links, struct mr_feedlink *link)
{
	link->in = links;
	link->after = NULL;
	link->before = links->last;
	if (links->last != NULL)
		links->last->after = link;
	else
		links->first = link;
	links->last = link;
}

static void unlink_it(struct mr_feedlink *link)
{
	struct mr_feedlinks *links = link->in;

	if (link->before != NULL)
		link->before->after = link->after;
	else
		links->first = link->after;
	if (link->after != NULL)
		link->after->before = link->before;
	else
		links->last = link->before;
	link->in = NULL;
}

/* It stays open until its thread has seen it, but counts no more. */
static void end(struct mr_feedlist *list, struct mr_feedlink *link)
{
	unlink_it(link);
	list->count--;
	(void)shutdown(link->fd, SHUT_RDWR);
}

/* The one that has been silent for longest: its time is over first. */
static struct mr_feedlink *most_silent(const struct mr_feedlinks *links)
{
	struct mr_feedlink *found = links->first;

	for (struct mr_feedlink *link = links->first; link != NULL; link = link->after)
		if (found->busy ? !link->busy : !link->busy && link->deadline_ms < found->deadline_ms)
			found = link;
	return found;
}

static void make_room(struct mr_feedlist *list)
{
	struct mr_feedlink *victim = list->strangers.first;

	if (victim == NULL)
		victim = most_silent(&list->friends);
	if (victim == NULL)
		return;
	end(list, victim);
	list->evicted++;
}

void mr_feedlist_add(struct mr_feedlist *list, struct mr_feedlink *link, int fd, int64_t now_ms)
{
	*link = (struct mr_feedlink){ .fd = fd, .begun_ms = now_ms, .deadline_ms = now_ms + MR_FEED_HEAD_MS };
	pthread_mutex_lock(&list->mutex);
	while (list->count > 0 && list->count >= list->most)
		make_room(list);
	append(&list->strangers, link);
	list->count++;
	pthread_mutex_unlock(&list->mutex);
}

void mr_feedlink_begin(struct mr_feedlink *link, int64_t now_ms)
{
	/* The first request of a connection has begun with the connection. */
	if (link->proven) {
		link->begun_ms = now_ms;
		atomic_store_explicit(&link->deadline_ms, now_ms + MR_FEED_HEAD_MS, memory_order_relaxed);
	}
	atomic_store_explicit(&link->busy, true, memory_order_relaxed);
}

void mr_feedlink_go_on(struct mr_feedlink *link)
{
	atomic_store_explicit(&link->deadline_ms, link->begun_ms + MR_FEED_TOTAL_MS, memory_order_relaxed);
}

static void befriend(struct mr_feedlist *list, struct mr_feedlink *link)
{
	pthread_mutex_lock(&list->mutex);
	if (link->in != NULL) {
		unlink_it(link);
		append(&list->friends, link);
	}
	pthread_mutex_unlock(&list->mutex);
}

void mr_feedlist_finish(struct mr_feedlist *list, struct mr_feedlink *link, bool proven)
{
	atomic_store_explicit(&link->busy, false, memory_order_relaxed);
	if (!proven)
		return;
	/* Its answer took no time that matters here. */
	atomic_store_explicit(&link->deadline_ms, link->begun_ms + MR_FEED_IDLE_MS, memory_order_relaxed);
	if (!link->proven)
		befriend(list, link);
	link->proven = true;
}

void mr_feedlist_remove(struct mr_feedlist *list, struct mr_feedlink *link)
{
	pthread_mutex_lock(&list->mutex);
	if (link->in != NULL) {
		unlink_it(link);
		list->count--;
	}
	pthread_mutex_unlock(&list->mutex);
}

static void reap_links(struct mr_feedlist *list, struct mr_feedlinks *links, int64_t now_ms)
{
	for (struct mr_feedlink *link = links->first, *next; link != NULL; link = next) {
		next = link->after;
		if (now_ms >= link->deadline_ms)
			end(list, link);
	}
}

void mr_feedlist_reap(struct mr_feedlist *list, int64_t now_ms)
{
	pthread_mutex_lock(&list->mutex);
	reap_links(list, &list->strangers, now_ms);
	reap_links(list, &list->friends, now_ms);
	pthread_mutex_unlock(&list->mutex);
}

uint64_t mr_feedlist_evicted(struct mr_feedlist *list)
{
	uint64_t evicted;

	pthread_mutex_lock(&list->mutex);
	evicted = list->evicted;
	list->evicted = 0;
	pthread_mutex_unlock(&list->mutex);
	return evicted;
}
