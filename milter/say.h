/* What the daemon says to people: to standard error, or to syslog once it is in the background. Thread-safe. */
#ifndef MR_MILTER_SAY_H
#define MR_MILTER_SAY_H

#include "mailreeve.h"

enum mr_say_level { MR_SAY_ERROR, MR_SAY_WARNING, MR_SAY_NOTICE };

/* From now on to syslog (facility mail); standard input, output and error become /dev/null. */
void mr_say_go_to_background(void);
/* One sentence or two; a newline is added, control bytes become '?'. Cut at 2 KiB. */
void mr_say(enum mr_say_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Each fault of the policy: "file:line: what; cure". */
void mr_say_faults(const struct mr_faults *faults);
/* One fault in that form. Returns what snprintf() does. */
int mr_say_fault_text(const struct mr_fault *fault, char *text_r, size_t size);

#endif
