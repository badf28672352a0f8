/*
 * The conduct of an account: who sends, how the account stands, and at the end of a message what its sending says
 * about it. Enriches a session with state, asks the core, keeps what came of it. Private to the room.
 */
#ifndef MR_ENGINE_CONDUCT_H
#define MR_ENGINE_CONDUCT_H

#include "core/contain.h"
#include "core/rules.h"
#include "model/event.h"
#include "store/store.h"

struct mr_session;

enum { MR_CONDUCT_COUNTERS = 8, MR_CONDUCT_OURS = 16 };

/* Of one transaction. */
struct mr_conduct {
	bool known;                    /* there is an account to judge */
	enum mr_account_kind kind;
	struct mr_str name;
	struct mr_key key;
	int64_t now_ms;                /* state time of the verdict */
	struct mr_sent_to *to;         /* all recipients, the refused ones too */
	size_t to_count, to_room;
	struct mr_str ours[MR_CONDUCT_OURS]; /* the first accepted recipients of our own domains */
	size_t ours_count;
	bool beyond;                   /* one was accepted that a frozen account may not write to */
	bool spam_told, spam;
	struct mr_str script;          /* value of the script header */
	bool weighed;
	struct mr_evidence evidence;
	struct mr_thresholds thresholds;
	struct mr_event_evidence shown;
	struct mr_event_counter counters[MR_CONDUCT_COUNTERS];
	size_t counter_count;
};

/* After mr_subject_mail: whose message it is, and how the account and the source stand; told to the subject. */
void mr_conduct_begin(struct mr_session *session, int64_t now_ms);
/* One recipient; destination: NULL for one that the mail server refused. */
void mr_conduct_recipient(struct mr_session *session, const struct mr_recipient *recipient,
			  const struct mr_destination *destination, bool refused);
/* A header field that names a script, or another filter's verdict. */
void mr_conduct_header(struct mr_session *session, struct mr_str name, struct mr_str value);
/* The end of the message: weighs it, learns, contains. The decision is the account's part. Writes the lines of freezes
 * and the like. delivered: some recipient was accepted and the message is whole. */
void mr_conduct_end(struct mr_session *session, int64_t now_ms, bool delivered, struct mr_decision *decision_r);

#endif
