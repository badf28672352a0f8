/* Giving an order to the daemon, some names at a time, and saying what came of it. */
#ifndef MR_MILTER_CTL_GIVE_H
#define MR_MILTER_CTL_GIVE_H

#include <jansson.h>

#include "ask.h"

struct mr_give {
	const char *order;   /* "freeze", "hold", "thaw", "block", "unblock" */
	int64_t seconds;     /* 0: no end */
	const char *reason;  /* NULL: none */
	bool nothing_learned;
};

/* The arguments as an array of texts; NULL: one is no UTF-8, empty or too long, and it was said. */
json_t *mr_give_names(const char *command, char **names, int count);
/* names: an array of texts. Prints a line a name; as JSON one object. The exit status. */
int mr_give(struct mr_ask *ask, const struct mr_give *give, const json_t *names, bool as_json);

#endif
