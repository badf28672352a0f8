/*
 * Tells of what the detector and the limits have done to an account, and puts it into the journal. What operators order is
 * in orders.c. Called by conduct.c.
 */
#include "engine/orders.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "core/explain.h"
#include "engine/orderwords.h"
#include "engine/pending.h"

/* With hashed addresses a sender's stands in mailreeve.account alone. */
static bool is_told(const struct mr_session *s)
{
	return !s->policy->log.hash_addresses || s->conduct.kind == MR_ACCOUNT_LOGIN ||
	       s->conduct.kind == MR_ACCOUNT_SOURCE;
}

static bool is_source(const struct mr_account *account)
{
	return account->kind == MR_ACCOUNT_SOURCE;
}

static enum mr_event_action action_of(const struct mr_account *account, const struct mr_decision *decision)
{
	switch ((enum mr_account_state)account->standing.state) {
	case MR_ACCOUNT_FROZEN:
		return is_source(account) ? MR_EVENT_SOURCE_BLOCKED : MR_EVENT_ACCOUNT_FROZEN;
	case MR_ACCOUNT_HELD:
		return MR_EVENT_ACCOUNT_HELD;
	case MR_ACCOUNT_WATCHED:
		return decision->would != 0 ? MR_EVENT_ALERT : MR_EVENT_ACCOUNT_WATCHED;
	case MR_ACCOUNT_NORMAL:
		break;
	}
	return is_source(account) ? MR_EVENT_SOURCE_UNBLOCKED : MR_EVENT_ACCOUNT_THAWED;
}

/* In observe mode. */
static const char *would_verb(enum mr_reason reason)
{
	return reason == MR_REASON_HIJACK_SUSPICION ? "would be held" : "would be frozen";
}

/* "account bob@example.com is frozen: evidence +15.5 of +13.0: recipients that ... +5.9, ..." */
static void say_evidence(struct mr_session *s, struct mr_buffer *b, const struct mr_decision *decision)
{
	const struct mr_conduct *c = &s->conduct;
	enum mr_reason reason = decision->would != 0 ? decision->would_reason : decision->reason;

	if (reason != MR_REASON_HIJACK_EVIDENCE && reason != MR_REASON_HIJACK_SUSPICION && reason != MR_REASON_NONE) {
		mr_buffer_text(b, ": ");
		mr_buffer_text(b, mr_reason_row(reason)->sentence);
		return;
	}
	if (!c->weighed)
		return;
	mr_buffer_text(b, ": evidence ");
	mr_explain_nats(b, c->evidence.total);
	mr_buffer_text(b, " of ");
	mr_explain_nats(b, c->thresholds.freeze);
	mr_buffer_text(b, ": ");
	mr_explain_channels(b, c->evidence.channel, 5);
}

static void say(struct mr_session *s, enum mr_event_action action, const struct mr_account *account,
		const struct mr_decision *decision, struct mr_buffer *b)
{
	mr_buffer_text(b, is_source(account) ? "source " : "account ");
	mr_buffer_str(b, is_told(s) ? s->conduct.name : MR_STR("(hashed)"));
	mr_buffer_byte(b, ' ');
	mr_buffer_text(b, action == MR_EVENT_ALERT ? would_verb(decision->would_reason)
						   : mr_orderwords_verb(action, is_source(account)));
	say_evidence(s, b, decision);
}

static struct mr_order order_of(struct mr_session *s, const struct mr_account *account,
				const struct mr_decision *decision)
{
	struct mr_order order = { .time_ms = s->conduct.now_ms, .until_ms = account->standing.until_ms,
				  .kind = MR_ORDER_FREEZE, .cause = account->standing.cause,
				  .rule = (uint16_t)mr_reason_row(decision->reason)->rule };

	memcpy(order.event_id, account->standing.event_id, sizeof(order.event_id));
	mr_orderwords_put(order.subject, sizeof(order.subject), s->conduct.name);
	mr_orderwords_put(order.reason, sizeof(order.reason), mr_str_of(mr_reason_row(decision->reason)->sentence));
	return order;
}

__attribute__((noinline)) void mr_orders_follow(struct mr_session *s, int64_t now_ms, const struct mr_account *account,
						const struct mr_decision *decision)
{
	enum mr_event_action action = action_of(account, decision);
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));
	struct mr_pending *pending;
	struct mr_order order;

	say(s, action, account, decision, &b);
	pending = mr_pending_of_session(s, now_ms, action, mr_buffer_view(&b), decision);
	if (account->standing.state != MR_ACCOUNT_FROZEN) {
		mr_pending_emit(pending, MR_OK);
		return;
	}
	order = order_of(s, account, decision);
	if (mr_store_order(s->engine->store, &order, account, NULL, mr_pending_emit, pending) != MR_OK)
		mr_pending_emit(pending, MR_ERR_IO);
}

void mr_orders_expired(struct mr_session *s, int64_t now_ms, const struct mr_account *account)
{
	struct mr_decision nothing = { .verdict = MR_ACCEPT };
	enum mr_event_action action = is_source(account) ? MR_EVENT_SOURCE_UNBLOCKED : MR_EVENT_ACCOUNT_THAWED;
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));
	struct mr_order order = order_of(s, account, &nothing);
	struct mr_pending *pending;

	mr_buffer_text(&b, is_source(account) ? "source " : "account ");
	mr_buffer_str(&b, s->conduct.name);
	mr_buffer_text(&b, is_source(account) ? " is no longer blocked" : " may send again");
	mr_buffer_text(&b, ": the time is over");
	order.kind = MR_ORDER_THAW;
	order.cause = MR_CAUSE_EXPIRY;
	mr_orderwords_put(order.reason, sizeof(order.reason), MR_STR("the time is over"));
	pending = mr_pending_of_session(s, now_ms, action, mr_buffer_view(&b), &nothing);
	if (mr_store_order(s->engine->store, &order, account, NULL, mr_pending_emit, pending) != MR_OK)
		mr_pending_emit(pending, MR_ERR_IO);
}
