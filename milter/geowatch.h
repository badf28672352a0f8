/*
 * Keeps the engine's databases of places fresh: opens them at the start, and anew when a file was replaced or the
 * policy names others. A file that cannot be used changes nothing: what was in force stays, and mail goes on in any
 * case.
 */
#ifndef MR_MILTER_GEOWATCH_H
#define MR_MILTER_GEOWATCH_H

#include "mailreeve.h"

struct mr_geowatch;

/* Begins a thread of its own that opens what the policy in force names, and then looks at the files once a minute. Waits
 * until they are open, so that the first message is judged with them, but at most 5 s. What cannot be opened is said, and
 * is an event. -1 with errno: no thread, no memory. There is no end: it lives as long as the process. */
int mr_geowatch_start(struct mr_engine *engine, struct mr_geowatch **watch_r);
/* Another policy is in force: look at once, in the thread. */
void mr_geowatch_wake(struct mr_geowatch *watch);

#endif
