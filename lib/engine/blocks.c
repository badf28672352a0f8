/*
 * What is in force by time or place: the budget of automatic freezes, blocked prefixes, and the end of what is over.
 * Called by conduct.c and state.c.
 */
#include "engine/orders.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/orderwords.h"
#include "engine/sending.h"

/* ---- The budget of automatic freezes ---- */

bool mr_orders_budget(struct mr_budget *b, const struct mr_rate *rate, int64_t now_ms, bool take)
{
	uint64_t used = 0;

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < b->count; i++)
		used += b->frozen_ms[i] > now_ms - rate->window_ms && b->frozen_ms[i] <= now_ms;
	if (take) {
		b->frozen_ms[b->next] = now_ms;
		b->next = (b->next + 1) % MR_ENGINE_BUDGET_MAX;
		if (b->count < MR_ENGINE_BUDGET_MAX)
			b->count++;
	}
	pthread_mutex_unlock(&b->lock);
	/* What lies further back than the memory is not known, so more than it holds is never given. */
	return used < rate->most && (used < MR_ENGINE_BUDGET_MAX || rate->most == UINT64_MAX);
}

static void remember(struct mr_budget *b, int64_t time_ms)
{
	if (b->count == MR_ENGINE_BUDGET_MAX)
		return;
	b->frozen_ms[b->count++] = time_ms;
	b->next = b->count % MR_ENGINE_BUDGET_MAX;
}

static bool remember_order(void *context, const struct mr_order *order)
{
	struct mr_engine *engine = context;

	if (order->cause == MR_CAUSE_OPERATOR)
		return true;
	if (order->kind == MR_ORDER_FREEZE)
		remember(&engine->budget, order->time_ms);
	else if (order->kind == MR_ORDER_BLOCK)
		remember(&engine->block_budget, order->time_ms);
	return engine->budget.count < MR_ENGINE_BUDGET_MAX || engine->block_budget.count < MR_ENGINE_BUDGET_MAX;
}

static bool remember_block(void *context, const struct mr_source *source)
{
	struct mr_engine *engine = context;

	if (source->prefix <= 128)
		atomic_fetch_add(&engine->blocks[source->prefix], 1);
	return true;
}

void mr_orders_remember(struct mr_engine *engine)
{
	mr_store_orders(engine->store, remember_order, engine);
	mr_store_sources(engine->store, true, remember_block, engine);
}

/* ---- What is over ---- */

enum { SWEEP_MAX = 64 };

/* Names whose time is over; those that find no room are taken at the next sweep. */
struct sweep {
	int64_t now_ms;
	size_t count;
	struct {
		bool source, watched;
		char name[MR_ORDER_SUBJECT_MAX];
	} over[SWEEP_MAX];
};

static bool sweep_account(void *context, const struct mr_account *account)
{
	struct sweep *sweep = context;

	if (account->standing.until_ms != 0 && sweep->now_ms >= account->standing.until_ms && !account->name_cut) {
		sweep->over[sweep->count].source = false;
		mr_orderwords_put(sweep->over[sweep->count++].name, MR_ORDER_SUBJECT_MAX,
		    (struct mr_str){ account->name, strnlen(account->name, sizeof(account->name)) });
	}
	return sweep->count < SWEEP_MAX;
}

static bool sweep_source(void *context, const struct mr_source *source)
{
	struct sweep *sweep = context;
	struct mr_prefix prefix;
	char text[MR_PREFIX_TEXT_MAX];
	size_t n;

	if (source->until_ms == 0 || sweep->now_ms < source->until_ms)
		return true;
	sweep->over[sweep->count].watched = source->state == MR_ACCOUNT_WATCHED;
	mr_sending_prefix_of(source, &prefix);
	n = mr_prefix_format(&prefix, text);
	sweep->over[sweep->count].source = true;
	mr_orderwords_put(sweep->over[sweep->count++].name, MR_ORDER_SUBJECT_MAX, (struct mr_str){ text, n });
	return sweep->count < SWEEP_MAX;
}

/* It was never blocked, so there is nothing to tell. */
static void forget_watched(struct mr_engine *engine, int64_t now_ms, struct mr_str name)
{
	struct mr_source *source;
	struct mr_prefix prefix;
	struct mr_key key;
	const char *why;
	bool fresh;

	if (mr_prefix_parse(name, &prefix, &why) != MR_OK)
		return;
	mr_sending_prefix_key(engine, &prefix.ip, prefix.length, &key);
	source = mr_store_source_get(engine->store, &key, now_ms, false, &fresh);
	if (source == NULL)
		return;
	if (source->state == MR_ACCOUNT_WATCHED && now_ms >= source->until_ms) {
		source->state = MR_ACCOUNT_NORMAL;
		if (source->prefix <= 128)
			atomic_fetch_sub(&engine->blocks[source->prefix], 1u);
	}
	mr_store_source_done(engine->store, source, true);
}

static void end_one(struct mr_engine *engine, int64_t now_ms, bool source, struct mr_str name)
{
	struct mr_order_request request = { .kind = source ? MR_ORDER_UNBLOCK : MR_ORDER_THAW, .subject = name,
					    .operator_name = MR_STR(MR_ORDER_BY_TIME),
					    .reason = MR_STR("the time is over"), .nothing_learned = true, .when_over = true };
	struct mr_order_result result;

	(void)mr_orders_give(engine, now_ms, &request, &result);
}

void mr_orders_sweep(struct mr_engine *engine, int64_t now_ms)
{
	struct sweep *sweep = mr_calloc(1, sizeof(*sweep));

	if (sweep == NULL)
		return;
	sweep->now_ms = mr_statetime_now(&engine->time, now_ms);
	mr_store_accounts(engine->store, MR_ACCOUNT_HELD, sweep_account, sweep);
	if (sweep->count < SWEEP_MAX)
		mr_store_sources(engine->store, true, sweep_source, sweep);
	for (size_t i = 0; i < sweep->count; i++) {
		struct mr_str name = mr_str_of(sweep->over[i].name);

		if (sweep->over[i].source && sweep->over[i].watched)
			forget_watched(engine, sweep->now_ms, name);
		else
			end_one(engine, now_ms, sweep->over[i].source, name);
	}
	mr_free(sweep);
}
