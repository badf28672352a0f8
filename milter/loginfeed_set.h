/* The group login_feed of a policy, as a copy of its own. */
#ifndef MR_MILTER_LOGINFEED_SET_H
#define MR_MILTER_LOGINFEED_SET_H

#include <stdint.h>

#include "mailreeve.h"

struct mr_feedset {
	char *listen;        /* "inet:4001@127.0.0.1", "unix:/path"; "": no feed */
	char *keys[2];       /* "": none */
	int64_t connections; /* most at one time */
};

/* -1: no memory, nothing has to be cleared. */
int mr_feedset_read(const struct mr_policy *policy, struct mr_feedset *set_r);
void mr_feedset_clear(struct mr_feedset *set);

#endif
