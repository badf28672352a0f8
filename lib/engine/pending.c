/* See pending.h. Called by orders.c and by the store's thread. */
#include "engine/pending.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/lines.h"

enum { ARENA_MAX = 64 << 10, COUNTERS_MAX = 8 };

struct mr_pending {
	struct mr_engine *engine;
	struct mr_policy *policy;
	struct mr_arena *arena;
	struct mr_connection connection;
	struct mr_event_evidence evidence;
	struct mr_event_counter counters[COUNTERS_MAX];
	struct mr_event event;
};

static void copy_connection(struct mr_pending *p, const struct mr_connection *from)
{
	struct mr_connection *c = &p->connection;

	*c = *from;
	c->client_name = mr_arena_copy(p->arena, from->client_name);
	c->country = mr_arena_copy(p->arena, from->country);
	c->listener = mr_arena_copy(p->arena, from->listener);
	c->helo = mr_arena_copy(p->arena, from->helo);
	c->server_name = mr_arena_copy(p->arena, from->server_name);
	c->tls_version = mr_arena_copy(p->arena, from->tls_version);
	c->tls_cipher = mr_arena_copy(p->arena, from->tls_cipher);
	c->as_name = mr_arena_copy(p->arena, from->as_name);
}

/* Names of counters belong to the policy, which is held. */
static void copy_counters(struct mr_pending *p, const struct mr_event *from)
{
	size_t n = from->counter_count < COUNTERS_MAX ? from->counter_count : COUNTERS_MAX;

	for (size_t i = 0; i < n; i++)
		p->counters[i] = from->counters[i];
	p->event.counters = p->counters;
	p->event.counter_count = n;
}

static void copy_event(struct mr_pending *p, const struct mr_event *from)
{
	struct mr_event *e = &p->event;

	*e = *from;
	if (from->connection != NULL) {
		copy_connection(p, from->connection);
		e->connection = &p->connection;
	}
	copy_counters(p, from);
	e->protocol = mr_arena_copy(p->arena, from->protocol);
	e->prefix = mr_arena_copy(p->arena, from->prefix);
	e->as_name = mr_arena_copy(p->arena, from->as_name);
	e->detail = mr_arena_copy(p->arena, from->detail);
	e->fact_id = mr_arena_copy(p->arena, from->fact_id);
	e->message = mr_arena_copy(p->arena, from->message);
	e->login = mr_arena_copy(p->arena, from->login);
	e->account = mr_arena_copy(p->arena, from->account);
	e->sender = mr_arena_copy(p->arena, from->sender);
	e->queue_id = mr_arena_copy(p->arena, from->queue_id);
	if (from->evidence != NULL) {
		p->evidence = *from->evidence;
		e->evidence = &p->evidence;
	}
}

struct mr_pending *mr_pending_of_event(struct mr_engine *engine, struct mr_policy *policy,
				       const struct mr_event *event)
{
	struct mr_pending *p = mr_calloc(1, sizeof(*p));

	if (p != NULL)
		p->arena = mr_arena_new_small(ARENA_MAX);
	if (p == NULL || p->arena == NULL) {
		struct mr_event now = *event;

		mr_engine_emit(engine, &now, policy);
		mr_free(p);
		return NULL;
	}
	p->engine = engine;
	p->policy = mr_policy_hold(policy);
	copy_event(p, event);
	return p;
}

struct mr_pending *mr_pending_of_session(struct mr_session *s, int64_t now_ms, enum mr_event_action action,
					 struct mr_str words, const struct mr_decision *decision)
{
	struct mr_event event = mr_lines_account(s, now_ms, action, words, decision);

	return mr_pending_of_event(s->engine, s->policy, &event);
}

void mr_pending_emit(void *pending, int err)
{
	struct mr_pending *p = pending;

	if (p == NULL)
		return;
	if (err != 0) {
		p->event.degraded = true;
		p->event.detail = MR_STR("in force, but not on disk: a restart would forget it; look at the state folder");
	}
	mr_engine_emit(p->engine, &p->event, p->policy);
	mr_policy_drop(&p->policy);
	mr_arena_free(&p->arena);
	mr_free(p);
}
