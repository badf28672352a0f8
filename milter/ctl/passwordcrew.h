/* The threads of an audit: they share its units, show how far they are, and can be stopped by a signal. */
#ifndef MR_MILTER_CTL_PASSWORDCREW_H
#define MR_MILTER_CTL_PASSWORDCREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "passwordwork.h"

struct mr_password_progress {
	size_t unit;    /* all before it are done */
	double weight;  /* done, as mr_password_work_weight counts */
	uint64_t tries; /* computed */
	double seconds; /* of work, earlier runs too */
	bool complete;
};

struct mr_password_crew {
	unsigned threads; /* 1 and more */
	bool show;        /* progress on standard error, a terminal */
	/* Called about every half minute and at the end, never by two at a time. NULL: not. */
	void (*save)(void *context, const struct mr_password_progress *progress);
	void *context;
};

/* Works from progress->unit on until all is done or SIGINT, SIGTERM or SIGHUP comes, which do nothing else meanwhile.
 * 0, or -1 when no thread could be made, which was said. */
int mr_password_crew_run(const struct mr_password_crew *crew, const char *command, struct mr_password_work *work,
			 struct mr_password_progress *progress);

#endif
