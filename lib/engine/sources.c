/*
 * Sources that screening blocks: the ladder, who is spared, what is told, and who is blocked now. Counting is screening.c's.
 * Called by it, by logins.c and by contacts.c.
 */
#include "engine/screening.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "engine/orders.h"
#include "engine/orderwords.h"
#include "engine/pending.h"
#include "engine/sending.h"

/* ---- Blocking ---- */

/* Why a source that passed a limit is not blocked, or that it is. */
enum outcome { ALREADY, SHARED, NO_BUDGET, WOULD, BLOCKED };

static bool is_blocked(const struct mr_source *source, int64_t now_ms)
{
	return source->state != MR_ACCOUNT_NORMAL && (source->until_ms == 0 || now_ms < source->until_ms);
}

static struct mr_source *get_source(const struct mr_visitor *v, unsigned length)
{
	const struct mr_ip *ip = &v->connection->client_ip;
	struct mr_source *source;
	struct mr_key key;
	bool fresh;

	mr_sending_prefix_key(v->engine, ip, length, &key);
	source = mr_store_source_get(v->engine->store, &key, v->state_ms, true, &fresh);
	if (source != NULL && fresh) {
		source->first_ms = source->last_ms = v->state_ms;
		source->prefix = (uint8_t)mr_sending_prefix(ip, length, source->address);
	}
	return source;
}

static void enter_block(const struct mr_visitor *v, struct mr_source *source, enum mr_reason reason, bool enforced,
			const char *event_id)
{
	const struct mr_screen_policy *screen = &v->policy->screen;
	unsigned before = mr_screen_offences(screen, source, v->state_ms);

	if (source->state == MR_ACCOUNT_NORMAL && source->prefix <= 128)
		atomic_fetch_add(&v->engine->blocks[source->prefix], 1u);
	source->state = enforced ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_WATCHED;
	source->cause = MR_CAUSE_LIMIT;
	source->reason = (uint16_t)reason;
	source->offences = (uint8_t)(before < UINT8_MAX ? before + 1 : before);
	source->since_ms = v->state_ms;
	source->until_ms = v->state_ms + mr_screen_block_time(screen, before);
	memcpy(source->event_id, event_id, sizeof(source->event_id));
}

/* The source's turn, its record locked: nothing here waits. */
static enum outcome judge_source(const struct mr_visitor *v, unsigned length, enum mr_reason reason,
				 const char *event_id, struct mr_source *copy_r)
{
	const struct mr_screen_policy *screen = &v->policy->screen;
	bool enforced = mr_policy_mode(v->policy, &screen->rule) == MR_MODE_ENFORCE;
	struct mr_source *source = get_source(v, length);
	enum outcome outcome = enforced ? BLOCKED : WOULD;

	if (source == NULL)
		return ALREADY;
	if (is_blocked(source, v->state_ms) && (source->state == MR_ACCOUNT_FROZEN || !enforced))
		outcome = ALREADY;
	else if (screen->shared_logins > 0 && mr_screen_good_logins(source) >= screen->shared_logins)
		outcome = SHARED;
	else if (!mr_orders_budget(&v->engine->block_budget, &screen->budget, v->state_ms, false))
		outcome = NO_BUDGET;
	else
		enter_block(v, source, reason, enforced, event_id);
	if (outcome == BLOCKED)
		(void)mr_orders_budget(&v->engine->block_budget, &screen->budget, v->state_ms, true);
	*copy_r = *source;
	mr_store_source_done(v->engine->store, source, outcome >= WOULD);
	return outcome;
}

/* "source 198.51.100.7 is blocked: ..." */
static void say_block(struct mr_buffer *b, struct mr_str prefix, const struct mr_source *source, bool would,
		      const struct mr_screening *found)
{
	mr_buffer_text(b, "source ");
	mr_buffer_str(b, prefix);
	mr_buffer_text(b, would ? " would be blocked for " : " is blocked for ");
	mr_buffer_uint(b, (uint64_t)((source->until_ms - source->since_ms) / 60000));
	mr_buffer_text(b, " minutes, offence ");
	mr_buffer_uint(b, source->offences);
	mr_screening_say_limit(b, found);
}

static void commit_block(const struct mr_visitor *v, struct mr_str prefix, enum mr_reason reason,
			 const struct mr_source *source, const struct mr_event *event)
{
	struct mr_order order = { .time_ms = v->state_ms, .until_ms = source->until_ms, .kind = MR_ORDER_BLOCK,
				  .cause = MR_CAUSE_LIMIT, .rule = MR_RULE_SCREEN };
	struct mr_pending *pending = mr_pending_of_event(v->engine, v->policy, event);

	memcpy(order.event_id, source->event_id, sizeof(order.event_id));
	mr_orderwords_put(order.subject, sizeof(order.subject), prefix);
	mr_orderwords_put(order.reason, sizeof(order.reason), mr_str_of(mr_reason_row(reason)->sentence));
	if (mr_store_order(v->engine->store, &order, NULL, source, mr_pending_emit, pending) != MR_OK)
		mr_pending_emit(pending, MR_ERR_IO);
}

static void tell_block(const struct mr_visitor *v, struct mr_str prefix, const struct mr_screening *found,
		       const struct mr_source *source, bool would, struct mr_event *event)
{
	enum mr_reason reason = mr_signal_row(found->limit->signal)->reason;
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));

	say_block(&b, prefix, source, would, found);
	event->action = would ? MR_EVENT_ALERT : MR_EVENT_SOURCE_BLOCKED;
	event->message = mr_buffer_view(&b);
	event->prefix = prefix;
	event->account = prefix;
	event->until_ms = source->until_ms;
	if (would) {
		event->decision.would = MR_RULE_BIT(MR_RULE_SCREEN);
		event->decision.would_reason = reason;
		event->detail = mr_str_of(mr_reason_row(reason)->sentence);
		event->mode = MR_MODE_OBSERVE;
		mr_engine_emit(v->engine, event, v->policy);
		return;
	}
	event->decision.reason = reason;
	event->mode = MR_MODE_ENFORCE;
	commit_block(v, prefix, reason, source, event);
}

/* Once in the time that the budget is for. */
static bool is_budget_news(const struct mr_visitor *v)
{
	int64_t told = atomic_load(&v->engine->block_budget_told_ms);

	return (told == 0 || v->state_ms - told >= v->policy->screen.budget.window_ms) &&
	       atomic_compare_exchange_strong(&v->engine->block_budget_told_ms, &told, v->state_ms);
}

void mr_screening_source_passed(const struct mr_visitor *v, unsigned length, const struct mr_screening *found)
{
	enum mr_reason reason = mr_signal_row(found->limit->signal)->reason;
	struct mr_decision nothing = { .verdict = MR_ACCEPT };
	struct mr_event event = mr_screening_event(v, MR_EVENT_SOURCE_BLOCKED, MR_STR_ABSENT, &nothing, found);
	struct mr_source source;
	struct mr_prefix prefix;
	char text[MR_PREFIX_TEXT_MAX];
	struct mr_str shown;
	enum outcome outcome = judge_source(v, length, reason, event.id, &source);

	if (outcome == ALREADY)
		return;
	mr_sending_prefix_of(&source, &prefix);
	shown = (struct mr_str){ text, mr_prefix_format(&prefix, text) };
	switch (outcome) {
	case ALREADY:
		break;
	case SHARED:
		if (found->first)
			mr_screening_alert(v, MR_REASON_SCREEN_SHARED, "source ", shown,
			      " is not blocked, since many logins use it well: a web mail host or an office behind one "
			      "address; look who it is", found);
		break;
	case NO_BUDGET:
		if (is_budget_news(v))
			mr_screening_alert(v, MR_REASON_SCREEN_BUDGET, "source ", shown,
			      " would be blocked, but the block budget is used up (screen.budget); block it by hand or "
			      "raise the budget", found);
		break;
	case WOULD:
	case BLOCKED:
		tell_block(v, shown, found, &source, outcome == WOULD, &event);
		break;
	}
}

/* ---- Good use ---- */

static void welcome(const struct mr_visitor *v, unsigned length)
{
	struct mr_source *source = get_source(v, length);
	unsigned before;

	if (source == NULL)
		return;
	before = mr_screen_good_logins(source);
	mr_screen_add_good_login(source, mr_habit_hash(v->login));
	source->last_ms = v->state_ms;
	mr_store_source_done(v->engine->store, source, mr_screen_good_logins(source) != before);
}

void mr_screening_welcome(const struct mr_visitor *v)
{
	const struct mr_screen_policy *screen = &v->policy->screen;
	const struct mr_ip *ip = &v->connection->client_ip;
	const uint8_t *wide = ip->family == MR_IP_V4 ? screen->wide_ipv4 : screen->wide_ipv6;

	if (ip->family == MR_IP_UNKNOWN || mr_ip_is_loopback(ip) || v->login.n == 0)
		return;
	welcome(v, mr_screening_length(screen, ip));
	for (size_t i = 0; i < MR_SCREEN_WIDE_MAX && wide[i] > 0; i++)
		welcome(v, wide[i]);
}

/* ---- Who is blocked ---- */

static enum mr_source_block block_of(const struct mr_source *source, int64_t state_ms)
{
	if (!is_blocked(source, state_ms))
		return MR_SOURCE_FREE;
	if (source->state == MR_ACCOUNT_WATCHED)
		return MR_SOURCE_WATCHED;
	return source->cause == MR_CAUSE_OPERATOR ? MR_SOURCE_ORDERED : MR_SOURCE_SCREENED;
}

static enum mr_source_block look_at(struct mr_engine *engine, const struct mr_ip *ip, unsigned length,
				    int64_t state_ms, struct mr_source *source_r)
{
	struct mr_source *source;
	enum mr_source_block found;
	struct mr_key key;
	bool fresh;

	mr_sending_prefix_key(engine, ip, length, &key);
	source = mr_store_source_get(engine->store, &key, state_ms, false, &fresh);
	if (source == NULL)
		return MR_SOURCE_FREE;
	*source_r = *source;
	found = block_of(source, state_ms);
	mr_store_source_done(engine->store, source, false);
	return found;
}

enum mr_source_block mr_screening_block(struct mr_engine *engine, const struct mr_ip *ip, int64_t state_ms,
					struct mr_source *source_r)
{
	unsigned first = ip->family == MR_IP_V4 ? 96 : 0;
	enum mr_source_block hardest = MR_SOURCE_FREE;

	*source_r = (struct mr_source){ .prefix = 0 };
	if (ip->family == MR_IP_UNKNOWN)
		return MR_SOURCE_FREE;
	for (unsigned bits = first; bits <= 128; bits++) {
		struct mr_source source;
		enum mr_source_block found;

		if (atomic_load_explicit(&engine->blocks[bits], memory_order_relaxed) == 0)
			continue;
		found = look_at(engine, ip, bits - first, state_ms, &source);
		if (found > hardest) {
			hardest = found;
			*source_r = source;
		}
	}
	return hardest;
}
