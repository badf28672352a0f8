/* Folders, the user that mailreeved runs as, and how many files it may open. Before threads exist. */
#ifndef MR_MILTER_PRIVILEGES_H
#define MR_MILTER_PRIVILEGES_H

#include "settings.h"

/* Started as root: makes the folders and becomes the policy's user for good. When the policy names none, that is
 * "mailreeve", and root stays, with a warning, where there is no such user or it may not use the folders or the policy.
 * Otherwise does nothing. 0 or -1, said. */
int mr_privileges_drop(const struct mr_settings *settings, const char *policy_file);
/* Raises the number of files to what is allowed; says so when that is less than max_sessions needs. */
void mr_privileges_files(const struct mr_settings *settings);
/* How many sessions the open files allow, beside the login feed's connections: at most max_sessions, unless that is 0. */
unsigned long mr_privileges_sessions(const struct mr_settings *settings);

#endif
