/* The event log, read from its end. */
#ifndef MR_MILTER_CTL_EVENTFILE_H
#define MR_MILTER_CTL_EVENTFILE_H

#include <stdbool.h>
#include <stddef.h>

/* One line without its newline. False: stop. */
typedef bool mr_eventfile_take(void *context, const char *line, size_t n);

/* The path of the event log that the policy names; NULL: it is no file, or the policy cannot be read. free() it. */
char *mr_eventfile_path(const char *policy_file);
/* Whether the log keeps addresses and logins as hashes. */
bool mr_eventfile_is_hashed(const char *policy_file);
/* Calls take for lines from the last to the first, in path and then in path.1, at most 256 MiB of each. -1 with errno:
 * path cannot be read. */
int mr_eventfile_read(const char *path, mr_eventfile_take *take, void *context);

#endif
