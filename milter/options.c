/*
 * Reads the command line; prints help and version.
 */
#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "config.h"
#include "listener.h"
#include "mailreeve.h"

#define DEFAULT_POLICY MR_SYSCONFDIR "/mailreeve/mailreeve.conf"

void mr_options_help(void)
{
	printf("usage: mailreeved [-c POLICY] [-f] [-t] [-V]\n"
	       "\n"
	       "Keeps a mail server from being used to send spam: a milter for Postfix and Sendmail.\n"
	       "\n"
	       "  -c POLICY  the policy file (default " DEFAULT_POLICY ")\n"
	       "  -f         stay in the foreground, messages to standard error\n"
	       "  -t         check the policy and exit: 0 it can be used, 2 it has errors\n"
	       "  -V         version and features\n"
	       "  -h         this help\n"
	       "\n"
	       "Signals: HUP reloads the policy, USR1 opens the log again, TERM ends when the messages in\n"
	       "progress are done, INT ends at once. See mailreeved(8) and mailreeve.conf(5).\n");
}

void mr_options_version(void)
{
	char milter[32];

	mr_listener_library(milter, sizeof(milter));
	printf("mailreeved %s\n", mr_version());
	printf("%s\n", MR_FEATURES);
	printf("libmilter %s, jansson %s\n", milter, jansson_version_str());
}

/* The daemon changes its folder, so the name has to hold from everywhere. Symbolic links stay: the policy reader
 * judges them. */
static char *absolute(const char *file)
{
	char folder[PATH_MAX];
	char *path = NULL;

	if (file[0] == '/')
		return strdup(file);
	if (getcwd(folder, sizeof(folder)) == NULL || asprintf(&path, "%s/%s", folder, file) < 0)
		return NULL;
	return path;
}

static int complain(const char *what)
{
	fprintf(stderr, "mailreeved: %s; see mailreeved -h\n", what);
	return -1;
}

int mr_options_read(int argc, char **argv, struct mr_options *options_r)
{
	static const struct option longer[] = { { "help", no_argument, NULL, 'h' },
						{ "version", no_argument, NULL, 'V' },
						{ NULL, 0, NULL, 0 } };
	const char *policy = DEFAULT_POLICY;
	int c;

	*options_r = (struct mr_options){ .task = MR_TASK_SERVE };
	while ((c = getopt_long(argc, argv, "c:ftVh", longer, NULL)) != -1) {
		switch (c) {
		case 'c':
			policy = optarg;
			break;
		case 'f':
			options_r->foreground = true;
			break;
		case 't':
			options_r->task = MR_TASK_TEST;
			break;
		case 'V':
			options_r->task = MR_TASK_VERSION;
			break;
		case 'h':
			options_r->task = MR_TASK_HELP;
			break;
		default:
			return complain("the command line cannot be understood");
		}
	}
	if (optind < argc)
		return complain("arguments that do not belong here; the policy file is named with -c");
	options_r->policy = absolute(policy);
	return options_r->policy != NULL ? 0 : complain("the current folder has no name");
}
