/* The stored state of a daemon that does not run, in this process. */
#ifndef MR_MILTER_CTL_OFFLINE_H
#define MR_MILTER_CTL_OFFLINE_H

#include <stdbool.h>

struct mr_offline;

/* Opens what the policy names. As root it becomes the owner of the state's folder for good, so that no file there changes
 * hands. Says what is wrong. 0 or -1. */
int mr_offline_open(const char *policy_file, bool write, struct mr_offline **offline_r);
/* As root, becomes the owner of the folder for good. Says what is wrong. 0 or -1. */
int mr_offline_become_owner(const char *directory);
void mr_offline_close(struct mr_offline **offline);
/* One line of JSON in, one out; free() it. NULL: no such command, or no memory. */
char *mr_offline_ask(struct mr_offline *offline, const char *request);

#endif
