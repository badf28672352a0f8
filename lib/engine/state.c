/*
 * Opens the durable memory for an engine, keeps the engine's clock, and ends what is over. Called by the daemon and the
 * command line through mailreeve.h.
 */
#include "engine/state.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/orders.h"

enum { SWEEP_MS = 30000, RECORD_BYTES = 1024, SOURCE_BYTES = 256, SENTENCE_MAX = 256 };

#define CLOCK_NOTE MR_STR("clock")

struct mr_state {
	struct mr_store *store;
	_Atomic(struct mr_engine *) engine; /* whom the store's news are told to */
	char first[SENTENCE_MAX];           /* what was told before there was one */
	pthread_mutex_t lock;               /* for trouble */
	char trouble[SENTENCE_MAX];         /* why it is degraded, as it was last told; "": it is not */
	bool in_memory;                     /* though the policy wants a folder */
	int64_t wall_ms;
};

static enum mr_said said_of(enum mr_store_news news)
{
	switch (news) {
	case MR_STORE_DEGRADED:
		return MR_SAID_DEGRADED;
	case MR_STORE_RECOVERED:
		return MR_SAID_RECOVERED;
	case MR_STORE_EVICTED:
		break;
	}
	return MR_SAID_ALERT;
}

static void tell(void *context, enum mr_store_news news, const char *sentence)
{
	struct mr_state *state = context;
	struct mr_engine *engine = atomic_load(&state->engine);

	if (news != MR_STORE_EVICTED) {
		pthread_mutex_lock(&state->lock);
		(void)snprintf(state->trouble, sizeof(state->trouble), "%s", news == MR_STORE_DEGRADED ? sentence : "");
		pthread_mutex_unlock(&state->lock);
	}
	if (engine != NULL)
		mr_engine_say(engine, mr_statetime_wall(&engine->time), said_of(news), sentence, 0);
	else if (news == MR_STORE_DEGRADED)
		(void)snprintf(state->first, sizeof(state->first), "%s", sentence);
}

bool mr_state_trouble(struct mr_engine *engine, char sentence_r[256])
{
	struct mr_state *state = engine->state;

	sentence_r[0] = '\0';
	if (state == NULL)
		return false;
	pthread_mutex_lock(&state->lock);
	memcpy(sentence_r, state->trouble, SENTENCE_MAX);
	pthread_mutex_unlock(&state->lock);
	return sentence_r[0] != '\0';
}

static struct mr_store_options options_of(const struct mr_policy *policy, struct mr_state *state)
{
	const struct mr_state_policy *p = &policy->state;

	return (struct mr_store_options){ .accounts = p->accounts, .sources = p->sources, .windows = p->windows,
					  .tell = tell, .tell_context = state };
}

static int open_in_memory(const struct mr_policy *policy, struct mr_state *state)
{
	struct mr_store_options options = options_of(policy, state);
	char why[256];

	return mr_store_open(&options, why, &state->store);
}

static int open_on_disk(const struct mr_policy *policy, bool read_only, char why_r[256], struct mr_state *state)
{
	const struct mr_state_policy *p = &policy->state;
	struct mr_store_options options = options_of(policy, state);
	uint64_t capacity = p->accounts * RECORD_BYTES + p->sources * SOURCE_BYTES + p->windows;
	int err;

	options.read_only = read_only;
	err = mr_lmdb_open(p->directory, read_only, capacity, why_r, &options.durable);
	return err == MR_OK ? mr_store_open(&options, why_r, &state->store) : err;
}

static int open_store(const struct mr_policy *policy, bool read_only, char why_r[256], struct mr_state *state)
{
	const struct mr_state_policy *p = &policy->state;
	char why[200];
	int err;

	if (p->directory == NULL || strcmp(p->directory, "none") == 0)
		return open_in_memory(policy, state);
	err = open_on_disk(policy, read_only, why_r, state);
	if (err == MR_OK || p->directory_named || read_only) {
		if (err == MR_OK)
			why_r[0] = '\0';
		return err;
	}
	(void)snprintf(why, sizeof(why), "%.*s", (int)sizeof(why) - 1, why_r);
	(void)snprintf(why_r, 256, "what is learned is forgotten at a restart: %.190s", why);
	return open_in_memory(policy, state);
}

static struct mr_state *new_state(int64_t wall_ms)
{
	struct mr_state *state = mr_calloc(1, sizeof(*state));

	if (state != NULL) {
		state->wall_ms = wall_ms;
		pthread_mutex_init(&state->lock, NULL);
	}
	return state;
}

int mr_state_open(const struct mr_policy *policy, bool read_only, int64_t wall_ms, char why_r[256],
		  struct mr_state **state_r)
{
	struct mr_state *state = new_state(wall_ms);
	int err = state != NULL ? MR_OK : MR_ERR_NOMEM;

	*state_r = NULL;
	why_r[0] = '\0';
	if (err == MR_OK)
		err = open_store(policy, read_only, why_r, state);
	if (err != MR_OK) {
		mr_free(state);
		return err;
	}
	*state_r = state;
	return MR_OK;
}

int mr_state_begin(const struct mr_policy *policy, int64_t wall_ms, const char *degraded, struct mr_state **state_r)
{
	struct mr_state *state = new_state(wall_ms);
	int err = state != NULL ? MR_OK : MR_ERR_NOMEM;

	*state_r = NULL;
	if (err == MR_OK)
		err = open_in_memory(policy, state);
	if (err != MR_OK) {
		mr_free(state);
		return err;
	}
	(void)snprintf(state->first, sizeof(state->first), "%s", degraded);
	state->in_memory = true;
	*state_r = state;
	return MR_OK;
}

void mr_state_free(struct mr_state **state)
{
	if (*state == NULL)
		return;
	mr_store_close(&(*state)->store);
	mr_free(*state);
	*state = NULL;
}

void mr_state_link(struct mr_state *state, struct mr_engine *engine)
{
	struct mr_statetime_note note;
	size_t n = 0;
	bool noted = mr_store_note_get(state->store, CLOCK_NOTE, &note, sizeof(note), &n) == MR_OK && n == sizeof(note);

	engine->state = state;
	engine->store = state->store;
	mr_statetime_begin(&engine->time, noted ? &note : NULL, state->wall_ms);
}

void mr_state_greet(struct mr_engine *engine)
{
	struct mr_state *state = engine->state;

	if (state == NULL)
		return;
	atomic_store(&state->engine, engine);
	if (state->first[0] != '\0')
		mr_engine_say(engine, state->wall_ms, MR_SAID_DEGRADED, state->first, 0);
}

bool mr_state_degraded(const struct mr_engine *engine)
{
	return (engine->state != NULL && engine->state->in_memory) || mr_store_degraded(engine->store);
}

/* ---- Once a second ---- */

static void say_step(struct mr_engine *engine, int64_t wall_ms, int64_t stepped_ms)
{
	char sentence[SENTENCE_MAX];

	(void)snprintf(sentence, sizeof(sentence),
		       "the clock was set by %+lld s; windows, freezes and blocks go on by the steady clock and follow "
		       "slowly; if the clock is wrong now, correct it",
		       (long long)(stepped_ms / 1000));
	mr_engine_say(engine, wall_ms, MR_SAID_ALERT, sentence, 0);
}

void mr_engine_tick(struct mr_engine *engine, int64_t wall_ms, int64_t steady_ms)
{
	struct mr_statetime_note note;
	int64_t stepped;

	mr_statetime_tick(&engine->time, wall_ms, steady_ms, &stepped);
	if (stepped != 0)
		say_step(engine, wall_ms, stepped);
	note.state_ms = mr_statetime_now(&engine->time, wall_ms);
	note.wall_ms = wall_ms;
	if (note.state_ms - engine->swept_ms < SWEEP_MS && engine->swept_ms <= note.state_ms)
		return;
	engine->swept_ms = note.state_ms;
	(void)mr_store_note_set(engine->store, CLOCK_NOTE, &note, sizeof(note));
	mr_orders_sweep(engine, wall_ms);
}

int mr_engine_flush(struct mr_engine *engine)
{
	return mr_store_flush(engine->store);
}
