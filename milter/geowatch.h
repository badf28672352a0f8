/*
 * Keeps the engine's databases of places fresh: opens them at the start, and anew when a file was replaced or the policy
 * names others. A file that cannot be used changes nothing: what was in force stays, and mail goes on in any case.
 */
#ifndef MR_MILTER_GEOWATCH_H
#define MR_MILTER_GEOWATCH_H

#include "mailreeve.h"

struct mr_geowatch;

/* Opens what the policy in force names before it returns, so that the first message is judged with it; then a thread of its
 * own looks at the files once a minute. Says, and writes as events, what it could not open. -1 with errno: no thread, no
 * memory. There is no end: it lives as long as the process. */
int mr_geowatch_start(struct mr_engine *engine, struct mr_geowatch **watch_r);
/* Another policy is in force: look at once, in the thread. */
void mr_geowatch_wake(struct mr_geowatch *watch);

#endif
