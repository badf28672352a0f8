/*
 * mailreeve(1): a table of commands.
 */
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "mailreeve.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *words;
};

static const struct command commands[] = {
	{ "check", mr_ctl_check, "check a policy file and say what is wrong or risky in it" },
	{ "reload", mr_ctl_reload, "have the running mailreeved read its policy again, and print the result" },
	{ "replay", mr_ctl_replay, "play recorded facts under a policy and print the verdicts" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void help(FILE *out)
{
	fprintf(out, "usage: mailreeve COMMAND [OPTION...]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].words);
	fprintf(out, "\nmailreeve COMMAND --help tells more of one. See mailreeve(1).\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		help(stdout);
		return 0;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		printf("mailreeve %s\n", mr_version());
		return 0;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (name[0] != '\0')
		fprintf(stderr, "mailreeve: there is no command of the name %.64s\n\n", name);
	help(stderr);
	return 2;
}
