/* The command line of mailreeved. */
#ifndef MR_MILTER_OPTIONS_H
#define MR_MILTER_OPTIONS_H

#include <stdbool.h>

enum mr_task { MR_TASK_SERVE, MR_TASK_TEST, MR_TASK_VERSION, MR_TASK_HELP };

struct mr_options {
	enum mr_task task;
	bool foreground;
	char *policy; /* absolute; the caller frees it */
};

/* 0, or -1 when the command line makes no sense; that has been said then. */
int mr_options_read(int argc, char **argv, struct mr_options *options_r);
void mr_options_help(void);
void mr_options_version(void);

#endif
