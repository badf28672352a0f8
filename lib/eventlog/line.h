/*
 * An event as one line of JSON (mailreeve-events(5)), by a bounded writer of its own: it is on the message path.
 * Thread-safe: keeps nothing.
 */
#ifndef MR_EVENTLOG_LINE_H
#define MR_EVENTLOG_LINE_H

#include <stddef.h>

#include "model/event.h"
#include "model/policy.h"

/* The longest line, with its newline. */
enum { MR_LINE_MAX = 8192 };

/* Writes event as one line that ends with a newline and is always one valid JSON object; what does not fit is cut and
 * mailreeve.truncated is set. log: whether addresses are hashed; NULL: plain. Returns the length. */
size_t mr_line_write(const struct mr_event *event, const struct mr_observer *observer, const struct mr_log_policy *log,
		     char line_r[MR_LINE_MAX]);

#endif
