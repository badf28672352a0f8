/* The process that runs libmilter, the control channel and the log. A child of the supervisor. */
#ifndef MR_MILTER_WORKER_H
#define MR_MILTER_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

/* Outlives every worker, so that numbers go on and lost lines show as a gap. */
struct mr_shared {
	_Atomic uint64_t sequence;   /* of event lines */
	_Atomic uint64_t generation; /* of the last policy that was put in force */
};

struct mr_worker_options {
	const char *policy_file;
	int policy_fd;        /* the text of the last good policy */
	int64_t checked_ms;   /* when that was checked */
	int channel;          /* the worker's end */
	struct mr_shared *shared;
	bool background;      /* messages go to syslog once mail is taken */
};

/* Runs until it is told to stop. Ends the process: 0 after an order, 1 when it could not start or go on. */
noreturn void mr_worker_run(const struct mr_worker_options *options);

#endif
