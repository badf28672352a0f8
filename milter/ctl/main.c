/*
 * mailreeve(1): a table of commands.
 */
#include <locale.h>
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
	{ "status", mr_ctl_status, "how mailreeved, its memory and its detector stand" },
	{ "show", mr_ctl_show, "accounts, blocks, orders, exemptions, calibration" },
	{ "explain", mr_ctl_explain, "say in words why a message or an account was treated so" },
	{ "watch", mr_ctl_watch, "show decisions as they are made" },
	{ "freeze", mr_ctl_freeze, "accounts may not send any more" },
	{ "hold", mr_ctl_hold, "mail of accounts waits in the hold queue" },
	{ "thaw", mr_ctl_thaw, "accounts may send again" },
	{ "release", mr_ctl_release, "thaw an account and let its held mail go" },
	{ "block", mr_ctl_block, "sources may not send any more" },
	{ "unblock", mr_ctl_unblock, "sources may send again" },
	{ "check", mr_ctl_check, "check a policy file and say what is wrong or risky in it" },
	{ "reload", mr_ctl_reload, "have the running mailreeved read its policy again, and print the result" },
	{ "ingest", mr_ctl_ingest, "read logins out of the logs of mail servers" },
	{ "passwords", mr_ctl_passwords, "check passwords, and audit stored ones for weak ones" },
	{ "replay", mr_ctl_replay, "play recorded facts under a policy and print the verdicts" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void help(FILE *out)
{
	fprintf(out, "usage: mailreeve COMMAND [OPTION...]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].words);
	fprintf(out, "\nmailreeve COMMAND --help tells more of one. See mailreeve(1).\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	(void)setlocale(LC_CTYPE, "");
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
