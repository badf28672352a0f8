/*
 * The engine's own state: which policy is in force, the counters of ids and lines, and the two line sinks. It decides
 * nothing. Called by sessions, by the daemon and by replay.
 */
#include "engine/engine.h"

#include <sodium.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "core/hijack.h"
#include "engine/orders.h"
#include "engine/state.h"
#include "eventlog/line.h"

const char *mr_version(void)
{
	return "0.1.0";
}

/* Limits on bytes or on messages of one size. */
static bool counts_bytes(const struct mr_policy *policy)
{
	const uint32_t bytes = 1u << MR_METRIC_BYTES | 1u << MR_METRIC_SIMILAR;

	for (size_t i = 0; i < policy->rates.count; i++)
		if ((policy->rates.entries[i].metrics & bytes) != 0)
			return true;
	return false;
}

unsigned mr_engine_needs_of(const struct mr_policy *policy, bool facts_wanted)
{
	const struct mr_sender_policy *sender = &policy->sender;
	unsigned needs = facts_wanted ? MR_NEEDS_HEADERS : 0;

	if (policy->access.at == MR_ACCESS_AT_CONNECT &&
	    mr_policy_mode(policy, &policy->access.rule) == MR_MODE_ENFORCE)
		needs |= MR_NEEDS_CONNECT;
	if ((policy->screen.at == MR_SCREEN_AT_CONNECT || policy->screen.simultaneous > 0) &&
	    mr_policy_mode(policy, &policy->screen.rule) == MR_MODE_ENFORCE)
		needs |= MR_NEEDS_CONNECT;
	if ((sender->header_from || sender->header_sender) && mr_policy_mode(policy, &sender->rule) != MR_MODE_OFF)
		needs |= MR_NEEDS_HEADERS;
	for (size_t i = 0; i < policy->shield_count; i++)
		if (policy->shield[i].header_from && mr_policy_mode(policy, &policy->shield[i].rule) != MR_MODE_OFF)
			needs |= MR_NEEDS_HEADERS;
	if (mr_policy_mode(policy, &policy->hijack.rule) != MR_MODE_OFF &&
	    (policy->hijack.script_header != NULL || policy->hijack.spam_headers != NULL))
		needs |= MR_NEEDS_HEADERS;
	/* While it only observes, what the client declares has to do: the body costs the mail server more than all else. */
	if (mr_policy_mode(policy, &policy->hijack.rule) == MR_MODE_ENFORCE && policy->hijack.size_from_body)
		needs |= MR_NEEDS_BODY;
	if (counts_bytes(policy))
		needs |= MR_NEEDS_BODY;
	if (policy->limits.size > 0 && policy->limits.size_from_body &&
	    mr_policy_mode(policy, &policy->limits.rule) != MR_MODE_OFF)
		needs |= MR_NEEDS_BODY;
	return needs;
}

/* Without a state of the caller's the engine remembers in memory. */
static int open_store(struct mr_engine *engine, const struct mr_engine_options *options, const struct mr_policy *policy)
{
	struct mr_store_options store = { .accounts = policy->state.accounts, .sources = policy->state.sources,
					  .windows = policy->state.windows, .fixed_key = true };
	char why[256];

	if (options->state != NULL) {
		mr_state_link(options->state, engine);
		return MR_OK;
	}
	mr_statetime_begin(&engine->time, NULL, INT64_MIN);
	return mr_store_open(&store, why, &engine->store);
}

/* A new site expects what is usual elsewhere until it has seen its own mail. */
static void begin_site(struct mr_store *store)
{
	struct mr_site *site = mr_store_site_get(store);
	bool fresh = !(site->stranger[0].all > 0);

	if (fresh)
		mr_site_begin(site);
	mr_store_site_done(store, fresh);
}

static void put_in_force(struct mr_engine *engine, struct mr_policy *policy, uint64_t generation)
{
	policy->generation = generation;
	engine->policy = policy;
	atomic_store(&engine->needs, mr_engine_needs_of(policy, engine->fact != NULL && policy->log.facts != NULL));
	atomic_store(&engine->generation, generation);
}

int mr_engine_new(const struct mr_engine_options *options, struct mr_policy *policy, uint64_t generation,
		  struct mr_engine **engine_r)
{
	struct mr_engine *engine = mr_calloc(1, sizeof(*engine));

	*engine_r = NULL;
	if (engine == NULL || sodium_init() < 0) {
		mr_free(engine);
		mr_policy_drop(&policy);
		return MR_ERR_NOMEM;
	}
	for (size_t i = 0; i < MR_ENGINE_SPARE_LINES; i++)
		engine->spare_lines[i] = mr_calloc(1, MR_LINE_MAX); /* those that are missing are tried again when needed */
	pthread_mutex_init(&engine->lock, NULL);
	memcpy(engine->id_seed, options->id_seed, sizeof(engine->id_seed));
	engine->sequence = options->sequence != NULL ? options->sequence : &engine->own_sequence;
	engine->event = options->event;
	engine->event_context = options->event_context;
	engine->fact = options->fact;
	engine->fact_context = options->fact_context;
	engine->host = options->host != NULL ? mr_strdup(options->host) : NULL;
	engine->observer.host = mr_str_of(engine->host);
	engine->observer.version = mr_str_of(mr_version());
	engine->notice = options->notice;
	engine->notice_context = options->notice_context;
	pthread_mutex_init(&engine->budget.lock, NULL);
	pthread_mutex_init(&engine->block_budget.lock, NULL);
	pthread_mutex_init(&engine->crowd.lock, NULL);
	pthread_mutex_init(&engine->geo_lock, NULL);
	pthread_mutex_init(&engine->lends.lock, NULL);
	put_in_force(engine, policy, generation);
	if (open_store(engine, options, policy) != MR_OK) {
		mr_engine_free(&engine);
		return MR_ERR_NOMEM;
	}
	begin_site(engine->store);
	mr_orders_remember(engine);
	mr_state_greet(engine);
	*engine_r = engine;
	return MR_OK;
}

uint64_t mr_engine_set_policy(struct mr_engine *engine, struct mr_policy *policy)
{
	struct mr_policy *old;
	uint64_t generation;

	pthread_mutex_lock(&engine->lock);
	old = engine->policy;
	generation = old->generation + 1;
	put_in_force(engine, policy, generation);
	pthread_mutex_unlock(&engine->lock);
	mr_policy_drop(&old);
	return generation;
}

struct mr_policy *mr_engine_hold_policy(struct mr_engine *engine)
{
	struct mr_policy *policy;

	pthread_mutex_lock(&engine->lock);
	policy = mr_policy_hold(engine->policy);
	pthread_mutex_unlock(&engine->lock);
	return policy;
}

uint64_t mr_engine_generation(const struct mr_engine *engine)
{
	return atomic_load(&engine->generation);
}

unsigned mr_engine_needs(const struct mr_engine *engine)
{
	return atomic_load(&engine->needs);
}

void mr_engine_free(struct mr_engine **engine)
{
	if (*engine == NULL)
		return;
	/* First, since its thread may still write lines. */
	if ((*engine)->state != NULL)
		mr_state_free(&(*engine)->state);
	else
		mr_store_close(&(*engine)->store);
	mr_policy_drop(&(*engine)->policy);
	pthread_mutex_destroy(&(*engine)->budget.lock);
	pthread_mutex_destroy(&(*engine)->block_budget.lock);
	pthread_mutex_destroy(&(*engine)->crowd.lock);
	pthread_mutex_destroy(&(*engine)->geo_lock);
	mr_geo_free(&(*engine)->geo);
	pthread_mutex_destroy(&(*engine)->lends.lock);
	for (size_t i = 0; i < MR_ENGINE_SPARE_LINES; i++)
		mr_free((*engine)->spare_lines[i]);
	pthread_mutex_destroy(&(*engine)->lock);
	mr_free((*engine)->host);
	mr_free(*engine);
	*engine = NULL;
}

static char *borrow_line(struct mr_engine *engine)
{
	for (size_t i = 0; i < MR_ENGINE_SPARE_LINES; i++) {
		char *line = atomic_exchange(&engine->spare_lines[i], NULL);

		if (line != NULL)
			return line;
	}
	return mr_calloc(1, MR_LINE_MAX);
}

static void give_line_back(struct mr_engine *engine, char *line)
{
	for (size_t i = 0; i < MR_ENGINE_SPARE_LINES; i++) {
		char *none = NULL;

		if (atomic_compare_exchange_strong(&engine->spare_lines[i], &none, line))
			return;
	}
	mr_free(line);
}

static bool is_told(enum mr_event_action action)
{
	return mr_event_row(action)->kind[0] == 'a' || action == MR_EVENT_ACCOUNT_THAWED ||
	       action == MR_EVENT_SOURCE_UNBLOCKED;
}

static void write_line(struct mr_engine *engine, struct mr_event *event, const struct mr_policy *policy, char *line)
{
	size_t n;

	event->sequence = atomic_fetch_add(engine->sequence, 1) + 1;
	event->ruleset = mr_str_of(policy->file);
	event->generation = policy->generation;
	n = mr_line_write(event, &engine->observer, &policy->log, line);
	engine->event(engine->event_context, line, n);
	if (engine->notice != NULL && is_told(event->action))
		engine->notice(engine->notice_context, line, n);
}

/* When memory has run out a line is worth a deep stack. Not inlined, so that only then it is deep. */
__attribute__((noinline)) static void write_line_on_stack(struct mr_engine *engine, struct mr_event *event,
							  const struct mr_policy *policy)
{
	char line[MR_LINE_MAX];

	write_line(engine, event, policy, line);
}

void mr_engine_emit(struct mr_engine *engine, struct mr_event *event, const struct mr_policy *policy)
{
	char *line;

	if (engine->event == NULL)
		return;
	line = borrow_line(engine);
	if (line == NULL) {
		write_line_on_stack(engine, event, policy);
		return;
	}
	write_line(engine, event, policy, line);
	give_line_back(engine, line);
}

static enum mr_event_action action_of(enum mr_said what)
{
	switch (what) {
	case MR_SAID_STARTED:
		return MR_EVENT_STARTED;
	case MR_SAID_STOPPING:
		return MR_EVENT_STOPPING;
	case MR_SAID_POLICY_LOADED:
		return MR_EVENT_POLICY_LOADED;
	case MR_SAID_POLICY_REFUSED:
		return MR_EVENT_POLICY_REFUSED;
	case MR_SAID_DEGRADED:
		return MR_EVENT_DEGRADED;
	case MR_SAID_RECOVERED:
		return MR_EVENT_RECOVERED;
	case MR_SAID_ALERT:
		return MR_EVENT_ALERT;
	}
	return MR_EVENT_ALERT;
}

void mr_engine_say(struct mr_engine *engine, int64_t now_ms, enum mr_said what, const char *detail, uint64_t dropped)
{
	struct mr_policy *policy = mr_engine_hold_policy(engine);
	struct mr_event event = { .action = action_of(what), .time_ms = now_ms, .detail = mr_str_of(detail),
				  .message = mr_str_of(detail), .size = -1, .duration_ns = -1, .dropped = dropped };

	if (what == MR_SAID_STARTED)
		atomic_store(&engine->began_ms, now_ms);
	mr_engine_emit(engine, &event, policy);
	mr_policy_drop(&policy);
}
