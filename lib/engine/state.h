/* The opened memory of a site, on its way into an engine. Private to the room. */
#ifndef MR_ENGINE_STATE_H
#define MR_ENGINE_STATE_H

#include "engine/engine.h"

/* Gives the store of state to the engine and begins state time where the last run left it. The engine owns state. */
void mr_state_link(struct mr_state *state, struct mr_engine *engine);
/* From now on the store's news are event lines; what was told before is told now. */
void mr_state_greet(struct mr_engine *engine);
/* Whether what is decided now could be forgotten: the mark "degraded" of event lines. */
bool mr_state_degraded(const struct mr_engine *engine);

/* Why the state is degraded, as it was last told. False: nothing was told. */
bool mr_state_trouble(struct mr_engine *engine, char sentence_r[256]);

#endif
