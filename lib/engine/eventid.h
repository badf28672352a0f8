/* Ids of transactions and events: 12 letters and digits that a person can read over the telephone. Thread-safe. */
#ifndef MR_ENGINE_EVENTID_H
#define MR_ENGINE_EVENTID_H

#include <stddef.h>
#include <stdint.h>

#include "model/event.h"

/* Writes an id made from seed (16 bytes), the time and a counter; the same input gives the same id. Its length is 12. */
void mr_eventid_make(const unsigned char seed[16], int64_t time_ms, uint64_t counter, char id_r[MR_EVENT_ID_MAX]);
/* Writes "id-n": the n-th line of a transaction. */
void mr_eventid_part(const char *id, uint64_t n, char id_r[MR_EVENT_ID_MAX]);

#endif
