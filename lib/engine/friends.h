/*
 * Who wrote to an account first: an answer to them is no mail to a stranger. A small filter for each account that has
 * sent before, kept with the counters of limits. A sender address is only a claim: the filter holds a few hundred names,
 * so that forged ones cannot make the whole world known. Private to the room.
 */
#ifndef MR_ENGINE_FRIENDS_H
#define MR_ENGINE_FRIENDS_H

#include "engine/conduct.h"

/* A message from outside was delivered to accounts of ours: they know its sender now. */
void mr_friends_note(struct mr_session *session, const struct mr_conduct *conduct);
/* Marks the recipients that wrote to the account first; and when the message is internal, its recipients know the
 * account. */
void mr_friends_mark(struct mr_session *session, struct mr_conduct *conduct);

#endif
