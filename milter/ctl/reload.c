/*
 * mailreeve reload: asks the daemon to read its policy again and prints what came of it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl.h"
#include "mailreeve.h"
#include "socket.h"

enum { EXIT_LOADED = 0, EXIT_WARNINGS = 1, EXIT_REFUSED = 2, EXIT_NO_DAEMON = 3, SILENCE_MS = 60000 };

static void help(void)
{
	printf("usage: mailreeve reload [-c POLICY] [-s SOCKET] [--json]\n"
	       "\n"
	       "Has the running mailreeved read its policy again, waits, and prints the result. A policy with\n"
	       "errors changes nothing.\n"
	       "\n"
	       "  -c, --policy POLICY  take the control socket's name from this policy\n"
	       "                       (default " MR_CTL_POLICY ")\n"
	       "  -s, --socket SOCKET  the control socket itself\n"
	       "      --json           print the daemon's answer as it came\n"
	       "\n"
	       "Exit status: 0 loaded, 1 loaded with warnings, 2 refused or wrong usage, 3 no daemon answers.\n");
}

static const char *text_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static void print_faults(const json_t *faults)
{
	size_t i;
	const json_t *fault;

	json_array_foreach(faults, i, fault) {
		const char *mark = strcmp(text_member(fault, "level"), "error") == 0 ? "" : "warning: ";
		const char *cure = text_member(fault, "cure");
		long long line = json_integer_value(json_object_get(fault, "line"));

		if (line > 0)
			printf("%s:%lld: %s%s%s%s\n", text_member(fault, "file"), line, mark,
			       text_member(fault, "what"), cure[0] != '\0' ? "; " : "", cure);
		else
			printf("%s: %s%s%s%s\n", text_member(fault, "file"), mark, text_member(fault, "what"),
			       cure[0] != '\0' ? "; " : "", cure);
	}
}

static int report(const char *answer, bool as_json)
{
	json_t *object = json_loads(answer, 0, NULL);
	long long generation = json_integer_value(json_object_get(object, "generation"));
	long long warnings = json_integer_value(json_object_get(object, "warnings"));
	long long errors = json_integer_value(json_object_get(object, "errors"));
	bool loaded = strcmp(text_member(object, "result"), "loaded") == 0;
	bool refused = strcmp(text_member(object, "result"), "refused") == 0;

	if (as_json)
		printf("%s\n", answer);
	else
		print_faults(json_object_get(object, "faults"));
	if (!loaded && !refused)
		fprintf(stderr, "mailreeve: the daemon did not reload: %s\n",
			json_object_get(object, "error") != NULL ? text_member(object, "error") : "its answer makes no "
									       "sense");
	else if (!as_json && loaded)
		printf("The policy is in force: generation %lld, %lld warnings.\n", generation, warnings);
	else if (!as_json)
		printf("The policy was not put in force: %lld errors, %lld warnings. Generation %lld stays.\n",
		       errors, warnings, generation);
	json_decref(object);
	if (refused)
		return EXIT_REFUSED;
	if (!loaded)
		return EXIT_NO_DAEMON;
	return warnings > 0 ? EXIT_WARNINGS : EXIT_LOADED;
}

static int reload(const char *socket, bool as_json)
{
	char *answer = NULL;
	int err = mr_control_call(socket, "{\"command\":\"reload\"}", SILENCE_MS, &answer);
	int status;

	if (err != 0) {
		fprintf(stderr, "mailreeve: no mailreeved answers at %s: %s; is it running (systemctl status "
			"mailreeved), and are "
			"you root or its user?\n", socket, strerror(errno));
		return EXIT_NO_DAEMON;
	}
	status = report(answer, as_json);
	free(answer);
	return status;
}

int mr_ctl_reload(int argc, char **argv)
{
	static const struct option longer[] = { { "policy", required_argument, NULL, 'c' },
						{ "socket", required_argument, NULL, 's' },
						{ "json", no_argument, NULL, 'j' },
						{ "help", no_argument, NULL, 'h' },
						{ NULL, 0, NULL, 0 } };
	const char *policy = MR_CTL_POLICY, *socket = NULL;
	bool as_json = false;
	char *found;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:s:h", longer, NULL)) != -1) {
		switch (c) {
		case 'c':
			policy = optarg;
			break;
		case 's':
			socket = optarg;
			break;
		case 'j':
			as_json = true;
			break;
		case 'h':
			help();
			return 0;
		default:
			return EXIT_REFUSED;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "mailreeve: reload takes no arguments; see mailreeve reload --help\n");
		return EXIT_REFUSED;
	}
	found = mr_socket_find(socket, policy);
	if (found == NULL)
		return EXIT_NO_DAEMON;
	status = reload(found, as_json);
	free(found);
	return status;
}
