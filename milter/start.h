/* What comes before the first worker: the policy, the user to become, the locks. Before threads exist. */
#ifndef MR_MILTER_START_H
#define MR_MILTER_START_H

#include <stdint.h>

#include "settings.h"

struct mr_start {
	struct mr_settings settings;
	int policy_fd;      /* the text of the policy that was checked */
	int64_t checked_ms; /* when */
};

/* Reads the policy, becomes its user, reads it again as that user, and takes the locks, which end with the process and
 * its children. All faults are said. Returns the exit status: 0 go on, 1 it cannot run, 2 the policy has faults;
 * start_r is filled in with 0 only. */
int mr_start(const char *policy_file, struct mr_start *start_r);

#endif
