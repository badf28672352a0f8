/* The process that was started: owns the signals and keeps a worker running. */
#ifndef MR_MILTER_SUPERVISOR_H
#define MR_MILTER_SUPERVISOR_H

#include "options.h"

/* Blocks all signals but those that a fault of the program raises; first thing in main(), before anything starts a
 * thread. */
void mr_supervisor_block_signals(void);
/* Runs until TERM or INT. Returns the exit status: 0 after an order, 1 could not run, 2 policy. */
int mr_supervisor_run(const struct mr_options *options);

#endif
