/* Replies to the mail server: code, enhanced code, one generic line with an event id. Thread-safe. Private to the room. */
#ifndef MR_ENGINE_ANSWER_H
#define MR_ENGINE_ANSWER_H

#include "mailreeve.h"
#include "model/decision.h"

/* Go on. */
void mr_answer_nothing(struct mr_reply *reply_r);
/* A refusal or "try again later"; accept and hold are answered with "go on". id: "" for none.
 * contact: whom a frozen user should ask, or NULL. */
void mr_answer_decision(struct mr_reply *reply_r, const struct mr_decision *decision, const char *contact,
			const char *id);
/* Accept into the hold queue; the text is what the queue shows. */
void mr_answer_hold(struct mr_reply *reply_r, const struct mr_decision *decision, const char *id);
/* Something of ours went wrong, or events came out of order: try again later. */
void mr_answer_internal(struct mr_reply *reply_r);

#endif
