/*
 * Event lines for those who look on live (mailreeve watch): taken from the threads that write them, bounded, and given
 * to one thread. Whoever is slow loses lines, never delays mail.
 */
#ifndef MR_MILTER_WATCH_H
#define MR_MILTER_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- The way from the threads of mail ---- */

struct mr_watch;

/* 0 or -1 with errno. There is no end: it lives as long as the process. */
int mr_watch_new(struct mr_watch **watch_r);
/* An mr_line_function; context is the watch. Does nothing, and takes no lock, while nobody looks on. */
void mr_watch_put(void *watch, const char *line, size_t length);
/* Readable when there are lines. */
int mr_watch_fd(const struct mr_watch *watch);
/* How many look on. */
void mr_watch_set_watchers(struct mr_watch *watch, unsigned count);
/* Takes what has come: whole lines, borrowed until the next call; *lost_r: lines that found no room. One thread. */
size_t mr_watch_take(struct mr_watch *watch, const char **lines_r, uint64_t *lost_r);

/* ---- One who looks on ---- */

struct mr_watcher;

/* account, rule: only lines about them; NULL: all. NULL when there is no memory. */
struct mr_watcher *mr_watcher_new(const char *account, const char *rule);
void mr_watcher_free(struct mr_watcher **watcher);
/* Keeps what it wants of n bytes of whole lines, and counts lost ones. */
void mr_watcher_offer(struct mr_watcher *watcher, const char *lines, size_t n, uint64_t lost);
/* Sends what can be sent without waiting. False: the other end is gone. */
bool mr_watcher_send(struct mr_watcher *watcher, int fd);
/* Whether something waits to be sent. */
bool mr_watcher_has_more(const struct mr_watcher *watcher);

#endif
