/*
 * One connection and its transactions, in slices: what the public mr_session_* and replay are made of.
 * One thread at a time. Private to the room and to replay/.
 */
#ifndef MR_ENGINE_SESSION_H
#define MR_ENGINE_SESSION_H

#include "core/decide.h"
#include "engine/conduct.h"
#include "engine/engine.h"

enum {
	MR_SESSION_ARENA_MAX = 4 << 20,  /* bytes that one transaction may use */
	MR_SESSION_HEADERS_MAX = 16,     /* From and Sender fields that are kept, each */
	MR_SESSION_LINES_MAX = 20        /* lines about single recipients in one transaction */
};

struct mr_session {
	struct mr_engine *engine;
	struct mr_policy *policy;
	unsigned granted;
	struct mr_arena *arena;        /* emptied when a transaction begins */

	struct mr_connection connection; /* its slices point into the buffers below */
	char client_name[256], listener[128], server_name[256], helo[512], tls_version[16], tls_cipher[64], country[8];
	char as_name[64];
	bool refused_at_connect;
	bool played;                   /* from a fact about a message, which tells of no connection */
	bool crowd;                    /* counted among the connections of its source, under: */
	uint64_t crowd_key;
	unsigned crowd_size;
	bool lied;                     /* in HELO, and counted */
	struct mr_decision connect_decision;
	char connection_id[MR_EVENT_ID_MAX];

	bool open;                     /* a transaction has begun and its verdict line is still owed */
	struct mr_subject subject;
	struct mr_message message;
	struct mr_recipient *rcpt;     /* the recipients, for the fact */
	size_t rcpt_room;
	struct mr_str header_from[MR_SESSION_HEADERS_MAX + 1], header_sender[MR_SESSION_HEADERS_MAX + 1];
	uint64_t counted_size;
	int64_t began_ms;
	struct mr_decision decision;   /* of the whole message so far */
	struct mr_decision refusal;    /* the hardest of the refused recipients */
	struct mr_rcpt_summary summary;
	bool to_ours, to_others;       /* which kinds of recipient were accepted */
	bool alerted;
	uint64_t lines;                /* lines about single recipients so far */
	char transaction[MR_EVENT_ID_MAX];
	struct mr_conduct conduct;

	bool spam_told, spam;          /* in replay: what headers told, from the fact */
	struct mr_str script;
	struct mr_str fact_id;         /* of the fact that is played */
	bool fact_id_is_number;
};

/* connection: slices are copied and cut to what the buffers hold. */
void mr_session_take_connection(struct mr_session *session, int64_t now_ms, const struct mr_connection *connection,
				struct mr_reply *reply_r);
void mr_session_take_helo(struct mr_session *session, struct mr_str helo, struct mr_str tls_version,
			  struct mr_str tls_cipher);
void mr_session_take_mail(struct mr_session *session, int64_t now_ms, struct mr_str path, int64_t declared_size,
			  struct mr_str login, struct mr_str queue_id, struct mr_reply *reply_r);
void mr_session_take_rcpt(struct mr_session *session, int64_t now_ms, const struct mr_recipient *recipient,
			  struct mr_reply *reply_r);
/* A From or Sender field; anything else is only counted. */
void mr_session_take_header(struct mr_session *session, struct mr_str name, struct mr_str value);
void mr_session_take_end(struct mr_session *session, int64_t now_ms, struct mr_str queue_id, struct mr_str message_id,
			 int64_t size, struct mr_reply *reply_r);

#endif
