/*
 * Changes of standing: automatic freezes and what operators order. Each is in force at once, is put into the store's
 * journal, and its event line is written when it is on disk. Private to the room, to control commands and to replay.
 */
#ifndef MR_ENGINE_ORDERS_H
#define MR_ENGINE_ORDERS_H

#include "engine/engine.h"
#include "engine/session.h"

/* Who ends what is over by its time. */
#define MR_ORDER_BY_TIME "mailreeved"

/* What somebody orders. */
struct mr_order_request {
	enum mr_order_kind kind;
	struct mr_str subject;         /* a login; an address or prefix to block, unblock, or freeze as a source */
	struct mr_str operator_name;
	struct mr_str reason;
	int64_t time_ms;               /* 0: no end */
	bool nothing_learned;          /* a thaw after a real theft: the evidence goes, and nothing is learned from it */
	bool when_over;                /* a thaw or unblock of what is over by its time, and of nothing else; MR_ERR_STATE: it
	                                * is not, somebody may have ordered anew */
	struct mr_str fact_id;
	bool fact_id_is_number;
};

struct mr_order_result {
	char name[MR_ORDER_SUBJECT_MAX]; /* the subject in canonical form */
	enum mr_account_state before;
	uint64_t number;               /* in the journal */
	char event_id[MR_EVENT_ID_MAX];
	bool forgiven;                 /* an unblock took one offence of the source back */
	unsigned offences;             /* of the source, after the order */
};

/* Carries an order out and waits until it is on disk. MR_ERR_SYNTAX: the subject cannot be read. MR_ERR_NOTFOUND: a thaw
 * or unblock of what was never seen (the line is written all the same). MR_ERR_IO: it is in force, but not on disk.
 * MR_ERR_FULL: no room for another record. */
int mr_orders_give(struct mr_engine *engine, int64_t now_ms, const struct mr_order_request *request,
		   struct mr_order_result *result_r);

/* The detector or a limit has changed how the session's account stands; account is a copy of the record after that. */
void mr_orders_follow(struct mr_session *session, int64_t now_ms, const struct mr_account *account,
		      const struct mr_decision *decision);

/* A freeze or hold of the session's account has ended by its time. */
void mr_orders_expired(struct mr_session *session, int64_t now_ms, const struct mr_account *account);

/* Whether one more account may be frozen, or source blocked, automatically; take: and it is. */
bool mr_orders_budget(struct mr_budget *budget, const struct mr_rate *rate, int64_t now_ms, bool take);
/* Ends blocks and freezes whose time is over. */
void mr_orders_sweep(struct mr_engine *engine, int64_t now_ms);
/* What the journal says of automatic freezes, after a start. */
void mr_orders_remember(struct mr_engine *engine);
#endif
