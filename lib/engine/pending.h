/*
 * An event line that waits until its order is on disk: a line in the log is a promise. Private to the room.
 */
#ifndef MR_ENGINE_PENDING_H
#define MR_ENGINE_PENDING_H

#include "engine/session.h"

struct mr_pending;

/* The line about the session's account, with copies of all that it says. NULL when there is no memory: then it was
 * written at once. */
struct mr_pending *mr_pending_of_session(struct mr_session *session, int64_t now_ms, enum mr_event_action action,
					 struct mr_str words, const struct mr_decision *decision);
/* The same for any event. */
struct mr_pending *mr_pending_of_event(struct mr_engine *engine, struct mr_policy *policy,
				       const struct mr_event *event);
/* Writes the line and frees it; the form of mr_store_done. err: the order is not on disk, and the line says so. */
void mr_pending_emit(void *pending, int err);

#endif
