/* The settings of the policy that the process itself needs, as a copy of its own. */
#ifndef MR_MILTER_SETTINGS_H
#define MR_MILTER_SETTINGS_H

#include <stdint.h>
#include <sys/types.h>

#include "loginfeed_set.h"
#include "mailreeve.h"
#include "noticeset.h"

struct mr_settings {
	char *milter;       /* "unix:/path", "inet:port@host", ... */
	char *milter_group; /* "" for none */
	mode_t milter_mode;
	char *control;      /* the path alone */
	char *user;         /* "mailreeve" when the policy names none */
	char *events;       /* as in log.events */
	char *facts;        /* a path, or "" */
	char *state;        /* the folder of the state, or "" */
	struct mr_noticeset *notices; /* NULL once somebody has taken it */
	struct mr_feedset feed;
	int64_t drain_ms;
	int64_t max_sessions; /* 0: as many as files allow */
};

/* MR_ERR_NOMEM (-1). */
int mr_settings_read(const struct mr_policy *policy, struct mr_settings *settings_r);
void mr_settings_clear(struct mr_settings *settings);
/* The path of a unix socket specification, NULL when it is not one. Borrowed. */
const char *mr_settings_unix_path(const char *specification);
/* Says in words what differs but takes effect at the next start only; returns how many such settings there are. */
unsigned mr_settings_say_postponed(const struct mr_settings *now, const struct mr_settings *wanted);

#endif
