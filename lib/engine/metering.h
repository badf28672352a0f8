/*
 * Hard limits on a session: brings the message to core/rates.h and keeps its counters in the store. Private to the room.
 */
#ifndef MR_ENGINE_METERING_H
#define MR_ENGINE_METERING_H

#include "core/rates.h"
#include "model/account.h"

struct mr_session;

struct mr_metering {
	struct mr_rate_use *uses;      /* in the session's arena */
	size_t count, room;
	struct mr_str name;            /* whose key is key */
	struct mr_key key;
	const struct mr_rate_use *due; /* the one whose action is due, or NULL */
	struct mr_decision decision;
};

/* At MAIL: whether even one message to one recipient would be too much. Nothing is counted. */
void mr_metering_at_mail(struct mr_session *session, struct mr_decision *decision_r);
/* At the end: what the message's limits say, before it is counted. */
void mr_metering_look(struct mr_session *session, struct mr_metering *metering_r);
/* Counts it as sent, or apart as refused. False: others have filled a counter meanwhile, and nothing is counted: look
 * again. */
bool mr_metering_settle(struct mr_session *session, struct mr_metering *metering, bool sent);
/* Counters and limits for the event line. */
void mr_metering_show(struct mr_session *session, const struct mr_metering *metering);

#endif
