/*
 * Decides how an account stands after a message. Holds no number of its own: the evidence, its thresholds and the policy
 * come from the caller. Called by the engine.
 */
#include "core/contain.h"

#include <string.h>

/* What comes back within a day is the same incident, and is not told again. */
static const int64_t INCIDENT_MS = INT64_C(86400) * 1000;

bool mr_contain_follows_evidence(const struct mr_standing *standing)
{
	bool by_evidence = standing->cause == MR_CAUSE_NONE || standing->cause == MR_CAUSE_EVIDENCE;

	/* A thaw and an expiry leave their cause behind, and protect from nothing that comes later. */
	return standing->state <= MR_ACCOUNT_WATCHED ||
	       (standing->state == MR_ACCOUNT_HELD && by_evidence && standing->until_ms == 0);
}

bool mr_contain_expire(struct mr_standing *standing, int64_t now_ms)
{
	if (standing->until_ms == 0 || now_ms < standing->until_ms)
		return false;
	mr_contain_enter(standing, MR_ACCOUNT_NORMAL, MR_CAUSE_EXPIRY, MR_REASON_NONE, now_ms, 0, "");
	return true;
}

static void copy_id(char id_r[MR_STANDING_ID_MAX], const char *id)
{
	size_t n = strnlen(id, MR_STANDING_ID_MAX - 1);

	memset(id_r, 0, MR_STANDING_ID_MAX);
	memcpy(id_r, id, n);
}

void mr_contain_enter(struct mr_standing *standing, enum mr_account_state state, enum mr_account_cause cause,
		      enum mr_reason reason, int64_t now_ms, int64_t until_ms, const char *event_id)
{
	bool worse = state > MR_ACCOUNT_WATCHED && state > standing->state;

	if (standing->state == MR_ACCOUNT_NORMAL && now_ms - standing->since_ms > INCIDENT_MS)
		standing->noticed = 0;
	if (worse && standing->incidents < UINT16_MAX)
		standing->incidents++;
	standing->state = (uint8_t)state;
	standing->cause = (uint8_t)cause;
	standing->reason = (uint16_t)reason;
	standing->since_ms = now_ms;
	standing->until_ms = until_ms;
	standing->external_only = 0;
	copy_id(standing->event_id, event_id);
}

static int16_t hundredths(float nats)
{
	if (nats > 327.0f)
		return INT16_MAX;
	if (nats < -327.0f)
		return -INT16_MAX;
	return (int16_t)(nats * 100.0f + (nats < 0 ? -0.5f : 0.5f));
}

void mr_contain_note(struct mr_standing *standing, const struct mr_evidence *evidence, float threshold)
{
	for (size_t i = 0; i < MR_CHANNEL_COUNT; i++)
		standing->evidence[i] = hundredths(evidence->channel[i]);
	standing->threshold = hundredths(threshold);
}

static void hold_message(struct mr_containment *r)
{
	r->state = MR_ACCOUNT_HELD;
	r->decision.verdict = MR_HOLD;
	r->decision.reason = MR_REASON_HIJACK_SUSPICION;
}

/* What the message gets, and the state, when the evidence is past the threshold. */
static void past_threshold(const struct mr_contain_case *c, struct mr_containment *r)
{
	switch (c->policy->action) {
	case MR_HIJACK_FREEZE:
		if (!c->budget_left) {
			r->over_budget = true;
			return;
		}
		r->state = MR_ACCOUNT_FROZEN;
		r->decision.verdict = MR_REJECT;
		r->decision.reason = MR_REASON_HIJACK_EVIDENCE;
		return;
	case MR_HIJACK_HOLD:
		hold_message(r);
		return;
	case MR_HIJACK_ALERT:
		return;
	}
}

/* The state and the verdict that the evidence alone asks for under the policy's action. */
static void follow_evidence(const struct mr_contain_case *c, struct mr_containment *r)
{
	switch (c->says) {
	case MR_HIJACK_CALM:
		r->state = MR_ACCOUNT_NORMAL;
		r->cause = MR_CAUSE_NONE;
		return;
	case MR_HIJACK_WATCHES:
		r->state = MR_ACCOUNT_WATCHED;
		return;
	case MR_HIJACK_HOLDS:
		r->state = MR_ACCOUNT_WATCHED;
		if (c->policy->hold && c->policy->action != MR_HIJACK_ALERT)
			hold_message(r);
		return;
	case MR_HIJACK_FREEZES:
		r->state = MR_ACCOUNT_WATCHED;
		past_threshold(c, r);
		return;
	}
}

/* Observe and exemptions: what would have been stays on paper. */
static void only_note(const struct mr_contain_case *c, struct mr_containment *r)
{
	if (r->state > MR_ACCOUNT_WATCHED)
		r->state = MR_ACCOUNT_WATCHED;
	if (r->decision.verdict != MR_ACCEPT && !c->exempt && c->reaches_beyond) {
		r->decision.would = MR_RULE_BIT(MR_RULE_HIJACK);
		r->decision.would_reason = r->decision.reason;
	}
	r->decision.verdict = MR_ACCEPT;
	r->decision.reason = MR_REASON_NONE;
	r->over_budget = false;
}

static void take_limit(const struct mr_contain_case *c, struct mr_containment *r)
{
	if (c->limit > r->decision.verdict) {
		r->decision.verdict = c->limit;
		r->decision.reason = c->limit_reason;
	}
	if (!c->limit_freezes || r->state == MR_ACCOUNT_FROZEN)
		return;
	if (!c->budget_left) {
		r->over_budget = true;
		return;
	}
	r->state = MR_ACCOUNT_FROZEN;
	r->cause = MR_CAUSE_LIMIT;
	r->decision.verdict = MR_REJECT;
	r->decision.reason = c->limit_reason;
}

/* An account that was held or frozen before this message, by more than evidence. */
static void follow_standing(const struct mr_standing *standing, const struct mr_contain_case *c,
			    struct mr_containment *r)
{
	r->state = (enum mr_account_state)standing->state;
	r->cause = (enum mr_account_cause)standing->cause;
	if (!c->reaches_beyond)
		return;
	if (standing->state == MR_ACCOUNT_FROZEN) {
		r->decision.verdict = MR_REJECT;
		r->decision.reason = MR_REASON_ACCOUNT_FROZEN;
	} else if (standing->state == MR_ACCOUNT_HELD) {
		r->decision.verdict = MR_HOLD;
		r->decision.reason = MR_REASON_ACCOUNT_HELD;
	}
}

void mr_contain(const struct mr_standing *standing, const struct mr_contain_case *c, struct mr_containment *r)
{
	*r = (struct mr_containment){ .cause = MR_CAUSE_EVIDENCE, .decision = { .verdict = MR_ACCEPT } };
	if (standing->state == MR_ACCOUNT_FROZEN) {
		follow_standing(standing, c, r);
		return;
	}
	follow_evidence(c, r);
	if (c->mode != MR_MODE_ENFORCE || c->exempt)
		only_note(c, r);
	if (!c->reaches_beyond) {
		r->decision.verdict = MR_ACCEPT;
		r->decision.reason = MR_REASON_NONE;
	}
	if (!mr_contain_follows_evidence(standing) && r->state < MR_ACCOUNT_FROZEN)
		follow_standing(standing, c, r);
	take_limit(c, r);
}
