/*
 * "status" and "calibration": how the whole stands, for an operator who has just logged in.
 */
#include "core/hijack.h"
#include "engine/command.h"
#include "engine/state.h"
#include "engine/tally.h"
#include "model/vocabulary.h"

static const int64_t day_ms = INT64_C(86400000);

/* ---- What the records say ---- */

struct census {
	const struct mr_command *command;
	uint64_t accounts[MR_ACCOUNT_FROZEN + 1], blocked, would_block;
};

static bool count_account(void *context, const struct mr_account *account)
{
	struct census *census = context;

	if (account->standing.state <= MR_ACCOUNT_FROZEN)
		census->accounts[account->standing.state]++;
	return true;
}

static bool count_source(void *context, const struct mr_source *source)
{
	struct census *census = context;

	if (source->until_ms != 0 && census->command->state_ms >= source->until_ms)
		return true;
	census->blocked += source->state == MR_ACCOUNT_FROZEN;
	census->would_block += source->state == MR_ACCOUNT_WATCHED;
	return true;
}

static void put_uint(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value)));
}

static json_t *state_of(struct mr_command *c)
{
	const struct mr_state_policy *p = &c->policy->state;
	struct mr_store_counts counts;
	struct census census = { .command = c };
	char trouble[256];
	json_t *state = json_object();

	mr_store_count(c->engine->store, &counts);
	mr_store_accounts(c->engine->store, MR_ACCOUNT_WATCHED, count_account, &census);
	mr_store_sources(c->engine->store, true, count_source, &census);
	json_object_set_new(state, "directory", p->directory != NULL ? json_string(p->directory) : json_null());
	json_object_set_new(state, "degraded", json_boolean(counts.degraded));
	if (counts.degraded && mr_state_trouble(c->engine, trouble))
		json_object_set_new(state, "trouble", mr_command_room(trouble, sizeof(trouble)));
	put_uint(state, "accounts", counts.accounts);
	put_uint(state, "accounts_most", p->accounts);
	put_uint(state, "known", counts.known_accounts);
	put_uint(state, "unknown", counts.accounts - (counts.known_accounts < counts.accounts ? counts.known_accounts
											      : counts.accounts));
	put_uint(state, "watched", census.accounts[MR_ACCOUNT_WATCHED]);
	put_uint(state, "held", census.accounts[MR_ACCOUNT_HELD]);
	put_uint(state, "frozen", census.accounts[MR_ACCOUNT_FROZEN]);
	put_uint(state, "sources", counts.sources);
	put_uint(state, "sources_most", p->sources);
	put_uint(state, "blocked", census.blocked);
	put_uint(state, "would_block", census.would_block);
	put_uint(state, "evicted_accounts", counts.evicted_accounts);
	put_uint(state, "evicted_sources", counts.evicted_sources);
	put_uint(state, "refused_accounts", counts.refused_accounts);
	put_uint(state, "memory_bytes", counts.memory_bytes);
	json_object_set_new(state, "unwritten_ms", json_integer((json_int_t)counts.oldest_unwritten_ms));
	put_uint(state, "orders", counts.orders);
	return state;
}

/* ---- The last day ---- */

struct day {
	int64_t since_ms;
	uint64_t frozen, frozen_by_hand, held_by_hand, thawed, blocked, unblocked, expired;
};

static bool count_order(void *context, const struct mr_order *order)
{
	struct day *day = context;

	if (order->time_ms < day->since_ms)
		return false;
	switch ((enum mr_order_kind)order->kind) {
	case MR_ORDER_FREEZE:
		day->frozen++;
		day->frozen_by_hand += order->cause == MR_CAUSE_OPERATOR;
		break;
	case MR_ORDER_HOLD:
		day->held_by_hand++;
		break;
	case MR_ORDER_THAW:
		day->thawed++;
		day->expired += order->cause == MR_CAUSE_EXPIRY;
		break;
	case MR_ORDER_BLOCK:
		day->blocked++;
		break;
	case MR_ORDER_UNBLOCK:
		day->unblocked++;
		break;
	}
	return true;
}

static json_t *day_of(struct mr_command *c)
{
	struct day day = { .since_ms = c->state_ms - day_ms };
	uint64_t verdicts[MR_TALLY_VERDICTS];
	json_t *messages = json_object(), *object = json_object();

	mr_store_orders(c->engine->store, count_order, &day);
	mr_tally_sum(&c->engine->tally, c->state_ms, verdicts);
	for (unsigned i = 0; i < MR_TALLY_VERDICTS; i++)
		put_uint(messages, mr_verdict_text((enum mr_verdict)i), verdicts[i]);
	json_object_set_new(object, "messages", messages);
	put_uint(object, "frozen", day.frozen);
	put_uint(object, "frozen_by_hand", day.frozen_by_hand);
	put_uint(object, "held_by_hand", day.held_by_hand);
	put_uint(object, "thawed", day.thawed);
	put_uint(object, "expired", day.expired);
	put_uint(object, "blocked", day.blocked);
	put_uint(object, "unblocked", day.unblocked);
	return object;
}

static json_t *budget_of(struct mr_command *c, struct mr_budget *b, const struct mr_rate *rate)
{
	uint64_t used = 0;
	json_t *object = json_object();

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < b->count; i++)
		used += b->frozen_ms[i] > c->state_ms - rate->window_ms && b->frozen_ms[i] <= c->state_ms;
	pthread_mutex_unlock(&b->lock);
	put_uint(object, "used", used);
	json_object_set_new(object, "most",
			    rate->most < INT64_MAX ? json_integer((json_int_t)rate->most) : json_null());
	json_object_set_new(object, "window_seconds", json_integer((json_int_t)(rate->window_ms / 1000)));
	return object;
}

/* ---- Screening ---- */

static json_t *screen_of(struct mr_command *c)
{
	static const char *const words[MR_TALLY_LOGINS] = { [MR_TALLY_ASKED] = "asked", [MR_TALLY_REFUSED] = "refused",
							    [MR_TALLY_FAILED] = "failed",
							    [MR_TALLY_SUCCEEDED] = "succeeded",
							    [MR_TALLY_GUARDED] = "guarded" };
	const struct mr_screen_policy *screen = &c->policy->screen;
	uint64_t logins[MR_TALLY_LOGINS];
	json_t *object = json_object(), *counts = json_object();

	mr_tally_logins(&c->engine->tally, c->state_ms, logins);
	for (unsigned i = 0; i < MR_TALLY_LOGINS; i++)
		put_uint(counts, words[i], logins[i]);
	json_object_set_new(object, "mode", json_string(mr_mode_text(mr_policy_mode(c->policy, &screen->rule))));
	json_object_set_new(object, "at", json_string(screen->at == MR_SCREEN_AT_CONNECT ? "connect" : "mail"));
	json_object_set_new(object, "logins", counts);
	json_object_set_new(object, "budget", budget_of(c, &c->engine->block_budget, &screen->budget));
	return object;
}

/* ---- The knob ---- */

static json_t *thresholds_json(const struct mr_thresholds *t)
{
	json_t *object = json_object();

	json_object_set_new(object, "freeze", json_real((double)t->freeze));
	json_object_set_new(object, "hold", json_real((double)t->hold));
	json_object_set_new(object, "expected", json_real((double)t->expected));
	json_object_set_new(object, "low", json_real((double)t->low));
	json_object_set_new(object, "high", json_real((double)t->high));
	json_object_set_new(object, "calibrated", json_boolean(t->calibrated));
	json_object_set_new(object, "account_days", json_real(t->account_days));
	json_object_set_new(object, "account_days_wanted", json_real(t->account_days_wanted));
	json_object_set_new(object, "exceedances", json_integer(t->exceedances));
	return object;
}

static json_t *hijack_of(struct mr_command *c)
{
	static const char *const actions[] = { [MR_HIJACK_FREEZE] = "freeze", [MR_HIJACK_HOLD] = "hold",
					       [MR_HIJACK_ALERT] = "alert" };
	const struct mr_hijack_policy *hijack = &c->policy->hijack;
	struct mr_thresholds thresholds;
	json_t *object;

	mr_command_thresholds(c, &thresholds);
	object = thresholds_json(&thresholds);
	json_object_set_new(object, "mode", json_string(mr_mode_text(mr_policy_mode(c->policy, &hijack->rule))));
	json_object_set_new(object, "action", json_string(actions[hijack->action]));
	json_object_set_new(object, "holds", json_boolean(hijack->hold));
	json_object_set_new(object, "wanted", json_real(hijack->false_freezes));
	json_object_set_new(object, "fixed", json_boolean(hijack->threshold > 0));
	json_object_set_new(object, "calibrate", json_boolean(hijack->calibrate));
	return object;
}

void mr_command_status(struct mr_command *c)
{
	json_t *answer = c->answer;
	int64_t began = atomic_load(&c->engine->began_ms);

	json_object_set_new(answer, "version", json_string(mr_version()));
	json_object_set_new(answer, "time", mr_command_time(c, c->state_ms));
	json_object_set_new(answer, "started", began != 0 ? mr_command_time(c, began - c->behind_ms) : json_null());
	json_object_set_new(answer, "policy", mr_command_text(mr_str_of(c->policy->file)));
	json_object_set_new(answer, "generation", json_integer((json_int_t)c->policy->generation));
	json_object_set_new(answer, "mode", json_string(mr_mode_text(c->policy->mode)));
	json_object_set_new(answer, "clock_behind_ms", json_integer((json_int_t)c->behind_ms));
	json_object_set_new(answer, "state", state_of(c));
	json_object_set_new(answer, "budget", budget_of(c, &c->engine->budget, &c->policy->hijack.budget));
	json_object_set_new(answer, "hijack", hijack_of(c));
	json_object_set_new(answer, "screen", screen_of(c));
	json_object_set_new(answer, "day", day_of(c));
}

/* What other positions of the knob would do here. */
static json_t *positions_of(struct mr_command *c)
{
	static const double wanted[] = { 0.5, 1, 2, 5, 10, 20, 50 };
	struct mr_hijack_policy hijack = c->policy->hijack;
	json_t *list = json_array();

	hijack.threshold = 0;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct mr_site *site = mr_store_site_get(c->engine->store);
		struct mr_thresholds thresholds;
		json_t *object;

		hijack.false_freezes = wanted[i];
		mr_hijack_thresholds(&hijack, site, &thresholds);
		mr_store_site_done(c->engine->store, false);
		object = thresholds_json(&thresholds);
		json_object_set_new(object, "wanted", json_real(wanted[i]));
		json_array_append_new(list, object);
	}
	return list;
}

void mr_command_calibration(struct mr_command *c)
{
	json_object_set_new(c->answer, "hijack", hijack_of(c));
	json_object_set_new(c->answer, "positions", positions_of(c));
}
