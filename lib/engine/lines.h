/* The event lines and facts of a session. Private to the room. */
#ifndef MR_ENGINE_LINES_H
#define MR_ENGINE_LINES_H

#include "core/rates.h"
#include "engine/session.h"

/* The verdict line of the transaction, and its fact. unfinished: the client left before the end of the message. */
void mr_lines_verdict(struct mr_session *session, int64_t now_ms, enum mr_stage stage, bool unfinished);
/* One refused recipient; id is what the client is shown. */
void mr_lines_refused(struct mr_session *session, int64_t now_ms, const struct mr_recipient *recipient,
		      const struct mr_decision *decision, const char *id);
/* The connection was refused at CONNECT. */
void mr_lines_connect_refused(struct mr_session *session, int64_t now_ms);
/* The event of a change of the account's standing; its slices are the session's. */
struct mr_event mr_lines_account(const struct mr_session *session, int64_t now_ms, enum mr_event_action action,
				 struct mr_str words, const struct mr_decision *decision);
/* A limit whose action is an alert was passed. */
void mr_lines_limit(struct mr_session *session, int64_t now_ms, const struct mr_rate_use *use);
/* The evidence would freeze the account, but the budget is used up. */
void mr_lines_over_budget(struct mr_session *session, int64_t now_ms);
/* The mail server took a recipient that the policy calls relay. */
void mr_lines_open_relay(struct mr_session *session, int64_t now_ms, const struct mr_recipient *recipient,
			 const struct mr_decision *decision);

/* The mode that a line shows for a decision. */
enum mr_mode mr_lines_mode(const struct mr_decision *decision);
void mr_lines_new_id(struct mr_engine *engine, int64_t now_ms, char id_r[MR_EVENT_ID_MAX]);
/* Notes that an exemption was used, about once a minute. */
void mr_lines_note_exemption(struct mr_engine *engine, struct mr_str name, int64_t state_ms);
/* When an exemption was last used, state time; within a minute. False: never, as far as is known. */
bool mr_lines_exemption_used(struct mr_engine *engine, struct mr_str name, int64_t *used_ms_r);

#endif
