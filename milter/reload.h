/* Reading the policy again, in the worker's control thread. */
#ifndef MR_MILTER_RELOAD_H
#define MR_MILTER_RELOAD_H

#include <stdint.h>

#include "mailreeve.h"
#include "settings.h"

enum mr_reload_status { MR_RELOAD_DONE = 0, MR_RELOAD_WARNINGS = 1, MR_RELOAD_REFUSED = 2 };

struct mr_reload {
	enum mr_reload_status status;
	uint64_t generation;          /* the one in force afterwards */
	int text_fd;                  /* the text of the new policy, -1 when it was refused or could not be kept */
	int64_t checked_ms;
	struct mr_settings settings;  /* of the new policy; empty when it was refused */
	struct mr_faults *faults;     /* may be NULL */
};

/* Reads and checks file, puts it in force when it has no error, and writes the event. Says every fault. current: what
 * was in force at the start, for the settings that wait for the next one. */
void mr_reload_run(struct mr_engine *engine, const char *file, const struct mr_settings *current,
		   struct mr_reload *reload_r);
/* As one line of JSON, at most 60 KiB, for the control channel; the caller frees it. NULL when there is no memory. */
char *mr_reload_json(const struct mr_reload *reload);
void mr_reload_clear(struct mr_reload *reload);

#endif
