/*
 * One incident of an account as one story: wrong passwords, the login that followed, what was sent then. From the account's
 * record and the event log. Not thread-safe.
 */
#ifndef MR_MILTER_CTL_STORY_H
#define MR_MILTER_CTL_STORY_H

#include <jansson.h>

/* Reads the event log that policy_file names, back to a day before the incident. answer: of the command "account" or
 * "event". NULL: there is nothing to tell. The caller's. */
json_t *mr_story_make(const char *policy_file, const char *login, const json_t *answer);
void mr_story_print(const json_t *story);

#endif
