/*
 * The thread that opens databases of places. Not on the message path: opening reads files and takes from milliseconds
 * to seconds. Called by the worker.
 */
#include "geowatch.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "say.h"

enum { LOOK_MS = 60000, START_MS = 5000 };

/* Why it looks: by itself it is patient with a file that is just being written. */
enum reason { AT_START, BY_ORDER, BY_ITSELF };

struct mr_geowatch {
	struct mr_engine *engine;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool wanted;           /* under lock: somebody wants a look now */
	bool began;            /* under lock: the first look is over */

	struct mr_geo *geo;    /* the rest is the thread's: what is in force, may be NULL */
	struct mr_geo *before; /* kept until the next look, so that no message that still holds it has to free it */
	bool complete;         /* all that its policy named was opened */
	unsigned refused;      /* times in a row */
	char told[256];        /* the trouble that people know of; "" for none */
};

static void put_in_force(struct mr_geowatch *watch, struct mr_geo *geo, bool complete)
{
	mr_geo_free(&watch->before);
	watch->before = watch->geo;
	watch->geo = mr_geo_hold(geo);
	watch->complete = complete;
	mr_engine_set_geo(watch->engine, geo);
}

static void recovered(struct mr_geowatch *watch, const char *detail)
{
	watch->refused = 0;
	if (watch->told[0] != '\0')
		mr_engine_say(watch->engine, mr_clock_ms(), MR_SAID_RECOVERED, detail, 0);
	watch->told[0] = '\0';
}

static void opened(struct mr_geowatch *watch, struct mr_geo *geo, const char *why)
{
	const char *detail = why[0] != '\0' ? why : "addresses are not looked up in databases of places any more";

	put_in_force(watch, geo, true);
	mr_say(MR_SAY_NOTICE, "%s", detail);
	recovered(watch, detail);
}

/* geo: what could be opened nevertheless, or NULL. */
static void refused(struct mr_geowatch *watch, struct mr_geo *geo, const char *why, enum reason reason)
{
	char detail[400];
	const char *meanwhile;

	if (geo != NULL && !watch->complete)
		put_in_force(watch, geo, false);
	else
		mr_geo_free(&geo);
	watch->refused++;
	if ((reason == BY_ITSELF && watch->refused < 2) || strcmp(watch->told, why) == 0)
		return;
	meanwhile = watch->geo == NULL ? "until then places are unknown"
		    : watch->complete  ? "until then those opened before are used"
				       : "until then only the other database is used";
	(void)snprintf(watch->told, sizeof(watch->told), "%s", why);
	(void)snprintf(detail, sizeof(detail), "%s; %s, and mail goes on", why, meanwhile);
	mr_say(MR_SAY_WARNING, "%s", detail);
	mr_engine_say(watch->engine, mr_clock_ms(), MR_SAID_DEGRADED, detail, 0);
}

static void look(struct mr_geowatch *watch, enum reason reason)
{
	struct mr_policy *policy = mr_engine_hold_policy(watch->engine);
	struct mr_geo *geo = NULL;
	char why[256];

	mr_geo_free(&watch->before);
	if (mr_geo_is_stale(watch->geo, policy)) {
		if (mr_geo_open(policy, why, &geo) == 0)
			opened(watch, geo, why);
		else
			refused(watch, geo, why, reason);
	} else if (watch->told[0] != '\0') {
		/* The file before is back, or the policy asks for none any more. */
		recovered(watch, "the databases of places are again those that the policy names");
	} else {
		watch->refused = 0;
	}
	mr_policy_drop(&policy);
}

static enum reason wait_for_a_reason(struct mr_geowatch *watch)
{
	struct timespec until = mr_clock_steady_after(LOOK_MS);
	enum reason reason;
	int err = 0;

	pthread_mutex_lock(&watch->lock);
	while (!watch->wanted && err != ETIMEDOUT)
		err = pthread_cond_timedwait(&watch->woken, &watch->lock, &until);
	reason = watch->wanted ? BY_ORDER : BY_ITSELF;
	watch->wanted = false;
	pthread_mutex_unlock(&watch->lock);
	return reason;
}

static void *run(void *argument)
{
	struct mr_geowatch *watch = argument;

	look(watch, AT_START);
	pthread_mutex_lock(&watch->lock);
	watch->began = true;
	pthread_cond_broadcast(&watch->woken);
	pthread_mutex_unlock(&watch->lock);
	for (;;)
		look(watch, wait_for_a_reason(watch));
	return NULL;
}

/* A disk that does not answer must not keep mail from being taken. */
static void await_first_look(struct mr_geowatch *watch)
{
	struct timespec until = mr_clock_steady_after(START_MS);
	bool began;
	int err = 0;

	pthread_mutex_lock(&watch->lock);
	while (!watch->began && err != ETIMEDOUT)
		err = pthread_cond_timedwait(&watch->woken, &watch->lock, &until);
	began = watch->began;
	pthread_mutex_unlock(&watch->lock);
	if (!began)
		mr_say(MR_SAY_WARNING, "the databases of places (geo.country, geo.asn) have not been read after %d s; mail is "
		       "taken without them until they are", START_MS / 1000);
}

int mr_geowatch_start(struct mr_engine *engine, struct mr_geowatch **watch_r)
{
	struct mr_geowatch *watch = calloc(1, sizeof(*watch));
	pthread_condattr_t steady;
	pthread_t thread;

	*watch_r = watch;
	if (watch == NULL)
		return -1;
	watch->engine = engine;
	pthread_mutex_init(&watch->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&watch->woken, &steady);
	pthread_condattr_destroy(&steady);
	errno = pthread_create(&thread, NULL, run, watch);
	if (errno != 0)
		return -1;
	pthread_detach(thread);
	await_first_look(watch);
	return 0;
}

void mr_geowatch_wake(struct mr_geowatch *watch)
{
	pthread_mutex_lock(&watch->lock);
	watch->wanted = true;
	pthread_cond_broadcast(&watch->woken);
	pthread_mutex_unlock(&watch->lock);
}
