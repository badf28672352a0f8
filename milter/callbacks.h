/* The xxfi_* table: what libmilter calls, turned into facts for the engine. */
#ifndef MR_MILTER_CALLBACKS_H
#define MR_MILTER_CALLBACKS_H

#include <stdbool.h>

#include "mailreeve.h"

/* Registers the table with libmilter; the engine is used from then on. Of more than max_sessions sessions at once,
 * those that came last are told at MAIL to come later. 0 or -1. Call once. */
int mr_callbacks_register(struct mr_engine *engine, unsigned long max_sessions);
/* From now on a new message is told to come later. quiet_fd, an eventfd, is written when no message is in progress. */
void mr_callbacks_stop(int quiet_fd);
/* Messages between MAIL and their end. */
unsigned long mr_callbacks_messages(void);
/* Callbacks that run now. */
unsigned long mr_callbacks_running(void);

#endif
