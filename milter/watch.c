/*
 * See watch.h. The control server calls all but mr_watch_put.
 */
#include "watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

enum { ROOM = 256 << 10, WATCHER_ROOM = 256 << 10, LOST_LINE = 64 };

struct mr_watch {
	_Atomic unsigned watchers;
	int fd;
	pthread_mutex_t lock; /* held for a copy of one line, or an exchange of pointers */
	char *filling;
	size_t n;
	uint64_t lost;
	bool woken;
	char *taken;          /* the taker's */
};

int mr_watch_new(struct mr_watch **watch_r)
{
	struct mr_watch *watch = calloc(1, sizeof(*watch));

	*watch_r = NULL;
	if (watch == NULL)
		return -1;
	watch->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	watch->filling = malloc(ROOM);
	watch->taken = malloc(ROOM);
	if (watch->fd < 0 || watch->filling == NULL || watch->taken == NULL) {
		if (watch->fd >= 0)
			close(watch->fd);
		free(watch->filling);
		free(watch->taken);
		free(watch);
		return -1;
	}
	pthread_mutex_init(&watch->lock, NULL);
	*watch_r = watch;
	return 0;
}

void mr_watch_put(void *context, const char *line, size_t length)
{
	struct mr_watch *watch = context;
	uint64_t one = 1;
	bool wake;

	if (atomic_load_explicit(&watch->watchers, memory_order_relaxed) == 0)
		return;
	pthread_mutex_lock(&watch->lock);
	if (length <= ROOM - watch->n) {
		memcpy(watch->filling + watch->n, line, length);
		watch->n += length;
	} else {
		watch->lost++;
	}
	wake = !watch->woken;
	watch->woken = true;
	pthread_mutex_unlock(&watch->lock);
	if (wake)
		(void)!write(watch->fd, &one, sizeof(one));
}

int mr_watch_fd(const struct mr_watch *watch)
{
	return watch->fd;
}

void mr_watch_set_watchers(struct mr_watch *watch, unsigned count)
{
	atomic_store(&watch->watchers, count);
}

size_t mr_watch_take(struct mr_watch *watch, const char **lines_r, uint64_t *lost_r)
{
	uint64_t count;
	char *full;
	size_t n;

	(void)!read(watch->fd, &count, sizeof(count));
	pthread_mutex_lock(&watch->lock);
	full = watch->filling;
	watch->filling = watch->taken;
	watch->taken = full;
	n = watch->n;
	*lost_r = watch->lost;
	watch->n = 0;
	watch->lost = 0;
	watch->woken = false;
	pthread_mutex_unlock(&watch->lock);
	*lines_r = full;
	return n;
}

/* ---- One who looks on ---- */

struct mr_watcher {
	char *account, *rule; /* NULL: all */
	char *out;
	size_t n, sent;
	uint64_t lost;        /* not told yet */
};

struct mr_watcher *mr_watcher_new(const char *account, const char *rule)
{
	struct mr_watcher *watcher = calloc(1, sizeof(*watcher));

	if (watcher == NULL)
		return NULL;
	watcher->out = malloc(WATCHER_ROOM);
	watcher->account = account != NULL ? strdup(account) : NULL;
	watcher->rule = rule != NULL ? strdup(rule) : NULL;
	if (watcher->out == NULL || (account != NULL && watcher->account == NULL) ||
	    (rule != NULL && watcher->rule == NULL))
		mr_watcher_free(&watcher);
	return watcher;
}

void mr_watcher_free(struct mr_watcher **watcher)
{
	if (*watcher == NULL)
		return;
	free((*watcher)->out);
	free((*watcher)->account);
	free((*watcher)->rule);
	free(*watcher);
	*watcher = NULL;
}

static const json_t *at(const json_t *event, const char *object, const char *name)
{
	return json_object_get(json_object_get(event, object), name);
}

static bool is_text(const json_t *value, const char *text)
{
	return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static bool names_rule(const json_t *event, const char *rule)
{
	const json_t *would = at(event, "mailreeve", "would"), *one;
	size_t i;

	if (is_text(at(event, "rule", "id"), rule))
		return true;
	json_array_foreach(would, i, one)
		if (is_text(one, rule))
			return true;
	return false;
}

static bool wants(const struct mr_watcher *watcher, const char *line, size_t n)
{
	json_t *event;
	bool wanted;

	if (watcher->account == NULL && watcher->rule == NULL)
		return true;
	event = json_loadb(line, n, 0, NULL);
	wanted = watcher->account == NULL || is_text(at(event, "user", "name"), watcher->account) ||
		 is_text(at(event, "mailreeve", "account"), watcher->account) ||
		 is_text(at(event, "source", "ip"), watcher->account);
	if (wanted && watcher->rule != NULL)
		wanted = names_rule(event, watcher->rule);
	json_decref(event);
	return wanted;
}

/* What was sent makes room. */
static void pack(struct mr_watcher *watcher)
{
	memmove(watcher->out, watcher->out + watcher->sent, watcher->n - watcher->sent);
	watcher->n -= watcher->sent;
	watcher->sent = 0;
}

/* {"lost":N}, once there is room for it. */
static void tell_lost(struct mr_watcher *watcher)
{
	char line[LOST_LINE];
	int n = snprintf(line, sizeof(line), "{\"lost\":%llu}\n", (unsigned long long)watcher->lost);

	if (watcher->lost == 0 || n <= 0 || (size_t)n > WATCHER_ROOM - watcher->n)
		return;
	memcpy(watcher->out + watcher->n, line, (size_t)n);
	watcher->n += (size_t)n;
	watcher->lost = 0;
}

void mr_watcher_offer(struct mr_watcher *watcher, const char *lines, size_t n, uint64_t lost)
{
	pack(watcher);
	tell_lost(watcher);
	for (const char *line = lines, *end = lines + n; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((stop != NULL ? stop + 1 : end) - line);

		if (wants(watcher, line, length)) {
			if (watcher->lost == 0 && watcher->n + length + LOST_LINE <= WATCHER_ROOM) {
				memcpy(watcher->out + watcher->n, line, length);
				watcher->n += length;
			} else {
				watcher->lost++;
			}
		}
		line += length;
	}
	watcher->lost += lost;
	tell_lost(watcher);
}

bool mr_watcher_send(struct mr_watcher *watcher, int fd)
{
	while (watcher->sent < watcher->n) {
		ssize_t n = send(fd, watcher->out + watcher->sent, watcher->n - watcher->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		watcher->sent += (size_t)n;
	}
	pack(watcher);
	tell_lost(watcher);
	return true;
}

bool mr_watcher_has_more(const struct mr_watcher *watcher)
{
	return watcher->sent < watcher->n;
}
