/*
 * Containment: from evidence and limits to how an account stands and what happens to the message. PURE.
 *
 *   normal -> watched -> held -> frozen
 *
 * Watched and held by evidence follow the evidence down again by themselves. Frozen, and held by an order or a limit,
 * stay until somebody thaws the account or the time is over. Failed logins have no part in this.
 */
#ifndef MR_CORE_CONTAIN_H
#define MR_CORE_CONTAIN_H

#include "core/hijack.h"
#include "model/decision.h"

/* What the detector and the limits ask for, and what stands against it. */
struct mr_contain_case {
	const struct mr_hijack_policy *policy;
	enum mr_mode mode;             /* of the rule hijack, capped by the policy's */
	enum mr_hijack_says says;
	bool exempt;                   /* an exemption holds: counted, not acted on */
	bool budget_left;              /* one more account may be frozen automatically now */
	bool reaches_beyond;           /* some recipient is not one that a frozen account may write to */
	enum mr_verdict limit;         /* what a hard limit does to the message: accept, hold, tempfail, reject */
	enum mr_reason limit_reason;
	bool limit_freezes;            /* a hard limit whose action is freeze was passed */
};

struct mr_containment {
	enum mr_account_state state;   /* from now on */
	enum mr_account_cause cause;
	struct mr_decision decision;   /* for this message */
	bool over_budget;              /* it would have been frozen */
};

/* standing: how the account stands, after mr_contain_expire. */
void mr_contain(const struct mr_standing *standing, const struct mr_contain_case *the_case,
		struct mr_containment *containment_r);

/* Whether it is only evidence that brought the account where it is: then calm traffic brings it back. */
bool mr_contain_follows_evidence(const struct mr_standing *standing);
/* Ends what is over; true when that changed something: the account is thawed. */
bool mr_contain_expire(struct mr_standing *standing, int64_t now_ms);
/* Enters a state. event_id: of the message or order, may be "". Counts the incident. */
void mr_contain_enter(struct mr_standing *standing, enum mr_account_state state, enum mr_account_cause cause,
		      enum mr_reason reason, int64_t now_ms, int64_t until_ms, const char *event_id);
/* Keeps the evidence of the moment beside the state, for people. */
void mr_contain_note(struct mr_standing *standing, const struct mr_evidence *evidence, float threshold);

#endif
