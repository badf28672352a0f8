/* The event lines and facts of a session. Private to the room. */
#ifndef MR_ENGINE_LINES_H
#define MR_ENGINE_LINES_H

#include "engine/session.h"

/* The verdict line of the transaction, and its fact. unfinished: the client left before the end of the message. */
void mr_lines_verdict(struct mr_session *session, int64_t now_ms, enum mr_stage stage, bool unfinished);
/* One refused recipient; id is what the client is shown. */
void mr_lines_refused(struct mr_session *session, int64_t now_ms, const struct mr_recipient *recipient,
		      const struct mr_decision *decision, const char *id);
/* The connection was refused at CONNECT. */
void mr_lines_connect_refused(struct mr_session *session, int64_t now_ms);
/* The mail server took a recipient that the policy calls relay. */
void mr_lines_open_relay(struct mr_session *session, int64_t now_ms, const struct mr_recipient *recipient,
			 const struct mr_decision *decision);

#endif
