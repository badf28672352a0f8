/* Texts that orders have in common. Private to the room. Thread-safe. */
#ifndef MR_ENGINE_ORDERWORDS_H
#define MR_ENGINE_ORDERWORDS_H

#include "base/str.h"
#include "model/vocabulary.h"

/* Copies text into a room of size bytes, with NULs behind it; control bytes become question marks. */
void mr_orderwords_put(char *room, size_t size, struct mr_str text);
/* "is frozen", "may send again", ...: what event says of an account, or of a source. */
const char *mr_orderwords_verb(enum mr_event_action event, bool source);

#endif
