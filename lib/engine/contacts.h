/*
 * What a session shows screening: connections, refused recipients, lies, rubbish. Called by session.c; nothing here answers
 * the client. Private to the room and to replay/.
 */
#ifndef MR_ENGINE_CONTACTS_H
#define MR_ENGINE_CONTACTS_H

#include "engine/session.h"

/* A connection has come: where it is from, how many there are, and one more of its source. */
void mr_contacts_arrive(struct mr_session *session, int64_t now_ms);
/* It is gone. */
void mr_contacts_leave(struct mr_session *session);
/* Tells the subject how the source stands. */
void mr_contacts_look(struct mr_session *session, int64_t now_ms);
/* MAIL was given: lies of HELO, and what an inside address shows. */
void mr_contacts_mail(struct mr_session *session, int64_t now_ms);
/* A recipient was refused, for this reason. */
void mr_contacts_refused(struct mr_session *session, int64_t now_ms, const struct mr_recipient *recipient,
			 enum mr_reason reason);
/* Something that is no message. */
void mr_contacts_count(struct mr_session *session, int64_t now_ms, enum mr_contact contact);

#endif
