/* See socket.h. Called by all commands that talk to the daemon. */
#include "socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mailreeve.h"

static char *path_of(const char *value)
{
	return strdup(strncmp(value, "unix:", 5) == 0 ? value + 5 : value);
}

/* A policy with errors may be the very reason to reload, so its line "control" is looked for as text. */
static char *control_by_text(const char *file)
{
	char line[1024], value[256];
	char *path = NULL;
	FILE *in = fopen(file, "re");

	while (in != NULL && path == NULL && fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, " control = \"%255[^\"]\"", value) == 1 ||
		    sscanf(line, " control : \"%255[^\"]\"", value) == 1)
			path = path_of(value);
	if (in != NULL)
		fclose(in);
	return path;
}

/* The socket that the policy names, else the usual one. */
static char *control_of(const char *file)
{
	struct mr_policy_text *text = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	const char *value = NULL;
	char *path = NULL;

	if (mr_policy_text_open(file, &text) == 0 &&
	    mr_policy_build(text, (int64_t)time(NULL) * 1000, NULL, &policy, &faults) == 0 &&
	    mr_policy_get_text(policy, "control", &value) == 0 && value != NULL)
		path = path_of(value);
	mr_faults_free(&faults);
	mr_policy_drop(&policy);
	mr_policy_text_free(&text);
	if (path == NULL)
		path = control_by_text(file);
	return path != NULL ? path : strdup(MR_CTL_SOCKET);
}

char *mr_socket_find(const char *given, const char *policy_file)
{
	return given != NULL ? path_of(given) : control_of(policy_file);
}
