/*
 * Runs a program of the administrator's: by its absolute path, without a shell, with nothing in its environment but
 * PATH, a text on its standard input, and a time limit. Not thread-safe: one thread.
 */
#ifndef MR_MILTER_HOOK_H
#define MR_MILTER_HOOK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_HOOKS_AT_ONCE = 4, MR_HOOK_POLLS = 3 * MR_HOOKS_AT_ONCE, MR_HOOK_WHY_MAX = 400 };

struct mr_hooks;

/* NULL when there is no memory. */
struct mr_hooks *mr_hooks_new(void);
/* Whether the program could be started. 0, or -1 with why_r: a sentence. */
int mr_hook_check(const char *path, char why_r[MR_HOOK_WHY_MAX]);
/* How many run. */
size_t mr_hooks_running(const struct mr_hooks *hooks);
/* Starts one; there must be fewer than MR_HOOKS_AT_ONCE. Takes over input (n bytes, from malloc) in any case. now_ms:
 * the steady clock. 0, or -1 with why_r: a few words. */
int mr_hooks_start(struct mr_hooks *hooks, const char *path, char *input, size_t n, int64_t now_ms, int64_t time_ms,
		   char why_r[MR_HOOK_WHY_MAX]);
/* What to wait for; returns how many were filled in. */
size_t mr_hooks_polls(const struct mr_hooks *hooks, struct pollfd polls_r[MR_HOOK_POLLS]);
/* When to serve them at the latest; INT64_MAX: when there is something to poll. */
int64_t mr_hooks_next(const struct mr_hooks *hooks, int64_t now_ms);
/* Moves texts, kills what has had its time with its process group, and takes leave of what has ended. failed is called
 * for each that did not end with status 0. */
void mr_hooks_serve(struct mr_hooks *hooks, int64_t now_ms, void (*failed)(void *context, const char *why),
		    void *context);
/* Kills all that run, when the process ends itself. */
void mr_hooks_kill(struct mr_hooks *hooks);

#endif
