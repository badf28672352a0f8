/*
 * mailreeve thaw: accounts may send again, one by one or all that a bad policy froze.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "give.h"
#include "mailreeve.h"
#include "print.h"

enum { ALL_MOST = 100000, ACCOUNT_SHOWN = 20 };

struct options {
	struct mr_common common;
	struct mr_give give;
	const char *rule;
	int64_t since; /* seconds ago; 0: any time */
	bool all, yes, dry_run;
};

static const char help[] =
	"usage: mailreeve thaw [--stolen] [--reason TEXT] NAME...\n"
	"       mailreeve thaw --all [--rule RULE] [--since TIME] [--dry-run | --yes]\n"
	"\n"
	"The accounts may send again. Their history stays, and what they were frozen or held for is forgotten and\n"
	"taken as harmless, so that they are not frozen again for the same.\n"
	"\n"
	"  -a, --all            every account that was frozen or held automatically; asks first on a terminal\n"
	"  -R, --rule RULE      of them only those by this rule: hijack, rates; or account: those by operators\n"
	"  -S, --since TIME     of them only those of this time: 2h, 3d, 2026-11-22T03:00\n"
	"  -n, --dry-run        only list them\n"
	"  -y, --yes            do not ask\n"
	"      --stolen         the account really was stolen, and is its owner's again: nothing is learned from it\n"
	"  -r, --reason TEXT    why, for the log and for colleagues\n" MR_COMMON_HELP;

static bool is_rule(const char *name)
{
	const char *known, *words;

	for (size_t i = 0; mr_vocabulary("rule", i, &known, &words); i++)
		if (strcmp(known, name) == 0)
			return true;
	return false;
}

static int take(struct options *o, int c)
{
	switch (c) {
	case 'a':
		o->all = true;
		return -1;
	case 'R':
		o->rule = optarg;
		if (is_rule(optarg))
			return -1;
		fprintf(stderr, "mailreeve thaw: there is no rule \"%s\"; accounts are frozen by hijack, rates and account\n",
			optarg);
		return MR_EXIT_USAGE;
	case 'S':
		o->since = mr_since_read(optarg);
		if (o->since > 0)
			return -1;
		fprintf(stderr, "mailreeve thaw: write a time as 2h, 3d or 2026-11-22T03:00, in the past\n");
		return MR_EXIT_USAGE;
	case 'n':
		o->dry_run = true;
		return -1;
	case 'y':
		o->yes = true;
		return -1;
	case 'T':
		o->give.nothing_learned = true;
		return -1;
	case 'r':
		o->give.reason = optarg;
		return -1;
	default:
		return mr_common_take(&o->common, c, optarg, help);
	}
}

static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option longer[] = { { "all", no_argument, NULL, 'a' },
						{ "rule", required_argument, NULL, 'R' },
						{ "since", required_argument, NULL, 'S' },
						{ "dry-run", no_argument, NULL, 'n' },
						{ "yes", no_argument, NULL, 'y' },
						{ "stolen", no_argument, NULL, 'T' },
						{ "reason", required_argument, NULL, 'r' },
						MR_COMMON_LONG };
	int c, status;

	while ((c = getopt_long(argc, argv, "aR:S:nyr:" MR_COMMON_SHORT, longer, NULL)) != -1)
		if ((status = take(o, c)) >= 0)
			return status;
	if (o->give.reason != NULL && strlen(o->give.reason) > 127) {
		fprintf(stderr, "mailreeve thaw: a reason has at most 127 bytes\n");
		return MR_EXIT_USAGE;
	}
	if (o->all != (optind == argc) || (!o->all && (o->rule != NULL || o->since > 0 || o->dry_run))) {
		fprintf(stderr, "mailreeve thaw: either names, or --all, which --rule, --since and --dry-run go with\n");
		return MR_EXIT_USAGE;
	}
	return -1;
}

/* ---- All ---- */

static json_t *find_all(struct mr_ask *ask, const struct options *o)
{
	json_t *request = json_pack("{s:s, s:s}", "command", "accounts", "at_least", "held");

	if (o->rule != NULL)
		json_object_set_new(request, "rule", json_string(o->rule));
	else
		json_object_set_new(request, "automatic", json_true());
	if (o->since > 0)
		json_object_set_new(request, "since_seconds", json_integer(o->since));
	return mr_ask_list(ask, request, "accounts", ALL_MOST);
}

static void list(const json_t *accounts, size_t most)
{
	static const char *const headings[] = { "ACCOUNT", "STATE", "SINCE", "RULE", NULL };
	struct mr_columns *table = mr_columns_new(headings);
	char when[MR_WHEN_MAX];

	for (size_t i = 0; table != NULL && i < json_array_size(accounts) && i < most; i++) {
		const json_t *row = json_array_get(accounts, i);
		const char *state = mr_text_of(row, "state");

		mr_columns_cell(table, mr_text_of(row, "name"), MR_PLAIN);
		mr_columns_cell(table, state, mr_colour_of_state(state));
		mr_columns_cell(table, mr_when(mr_text_of(row, "since"), when), MR_PLAIN);
		mr_columns_cell(table, mr_text_of(row, "rule"), MR_PLAIN);
	}
	if (table != NULL)
		mr_columns_print(table);
	mr_columns_free(&table);
	if (json_array_size(accounts) > most)
		printf("... and %zu more\n", json_array_size(accounts) - most);
}

static bool confirmed(const json_t *accounts)
{
	char answer[16];

	list(accounts, ACCOUNT_SHOWN);
	printf("Thaw %zu account%s? [y/N] ", json_array_size(accounts), json_array_size(accounts) == 1 ? "" : "s");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

/* An account whose name is longer than its record holds, and that is in no order, cannot be named. */
static json_t *names_of(const json_t *accounts)
{
	json_t *names = json_array();
	const json_t *row;
	size_t i, cut = 0;

	json_array_foreach(accounts, i, row) {
		if (json_object_get(row, "name_cut") != NULL)
			cut++;
		else
			json_array_append(names, json_object_get(row, "name"));
	}
	if (cut > 0)
		fprintf(stderr, "mailreeve thaw: %zu accounts have names of more than 48 bytes; thaw them by name\n", cut);
	return names;
}

static int thaw_all(struct mr_ask *ask, const struct options *o)
{
	json_t *accounts = find_all(ask, o), *names;
	int status = MR_EXIT_DONE;

	if (accounts == NULL)
		return MR_EXIT_NO_STATE;
	if (o->dry_run && o->common.json) {
		(void)mr_print_json(accounts);
	} else if (json_array_size(accounts) == 0) {
		if (o->common.json)
			printf("{\"results\":[]}\n");
		else
			printf("There is no such account.\n");
	} else if (o->dry_run) {
		list(accounts, SIZE_MAX);
	} else if (!o->yes && !isatty(STDIN_FILENO)) {
		fprintf(stderr, "mailreeve thaw: %zu accounts; nobody can be asked here, so say --yes\n",
			json_array_size(accounts));
		status = MR_EXIT_USAGE;
	} else if (!o->yes && !confirmed(accounts)) {
		printf("Nothing was changed.\n");
		status = MR_EXIT_PART;
	} else {
		names = names_of(accounts);
		status = mr_give(ask, &o->give, names, o->common.json);
		if (json_array_size(names) < json_array_size(accounts) && status == MR_EXIT_DONE)
			status = MR_EXIT_PART;
		json_decref(names);
	}
	json_decref(accounts);
	return status;
}

int mr_ctl_thaw(int argc, char **argv)
{
	struct options o = { .common = { .policy = MR_CTL_POLICY }, .give = { .order = "thaw" } };
	int status = read_options(argc, argv, &o);
	struct mr_ask *ask;
	json_t *names;

	if (status >= 0)
		return status;
	names = mr_give_names("thaw", argv + optind, argc - optind);
	if (names == NULL)
		return MR_EXIT_USAGE;
	status = mr_ask_open(&o.common, !o.dry_run, &ask);
	if (status == MR_EXIT_DONE)
		status = o.all ? thaw_all(ask, &o) : mr_give(ask, &o.give, names, o.common.json);
	json_decref(names);
	mr_ask_close(&ask);
	return status;
}
