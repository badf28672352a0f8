/*
 * mailreeve show: reads its options and finds what is to be shown.
 */
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "print.h"

enum { LIMIT = 100, LIMIT_MOST = 10000, LIMIT_OF_FORMATS = 10000000 };

static const char help[] =
	"usage: mailreeve show accounts [--state normal|watched|held|frozen] [--limit N]\n"
	"       mailreeve show account NAME\n"
	"       mailreeve show blocks [--would] [--format nft|ipset|cidr] [--limit N]\n"
	"       mailreeve show source ADDRESS|NETWORK\n"
	"       mailreeve show exemptions | calibration\n"
	"       mailreeve show orders [--since TIME] [--limit N]\n"
	"\n"
	"  accounts      who is known, and how they stand\n"
	"  account NAME  one account: state, evidence, chart of 30 days, habits, networks, logins\n"
	"  blocks        sources that may not send: since when, until when, why, by whom\n"
	"  source ADDR   one address or network: blocks, offences, what is counted against it now\n"
	"  orders        the journal of freezes, thaws and blocks, newest first\n"
	"  exemptions    the policy's exemptions, and when each was last used\n"
	"  calibration   what the knob hijack.false_freezes does on this site\n"
	"\n"
	"  -S, --since TIME     only of this time: 2h, 3d, 2026-11-22T03:00\n"
	"  -t, --state STATE    only accounts in this state\n"
	"  -l, --limit N        at most so many (default 100, at most 10000)\n"
	"  -w, --would          with blocks: also those that screening would block, were it not told to observe\n"
	"  -F, --format FORM    with blocks: all of them, to be piped into nft -f -, ipset restore or a file (cidr)\n"
	"      --names PREFIX   with accounts: only names that begin so, one a line, for completion\n" MR_COMMON_HELP
	"\n"
	"Exit status: 0 shown, 1 there is no such account, 2 wrong usage, 3 there is neither daemon nor state.\n";

static int take(struct mr_show *show, int c)
{
	char *end;

	switch (c) {
	case 'S':
		show->since = mr_since_read(optarg);
		if (show->since > 0)
			return -1;
		fprintf(stderr, "mailreeve show: write a time as 2h, 3d or 2026-11-22T03:00, in the past\n");
		return MR_EXIT_USAGE;
	case 't':
		show->state = optarg;
		if (strcmp(optarg, "normal") == 0 || strcmp(optarg, "watched") == 0 || strcmp(optarg, "held") == 0 ||
		    strcmp(optarg, "frozen") == 0)
			return -1;
		fprintf(stderr, "mailreeve show: a state is normal, watched, held or frozen\n");
		return MR_EXIT_USAGE;
	case 'l':
		show->limit = strtol(optarg, &end, 10);
		if (*optarg != '\0' && *end == '\0' && show->limit > 0 && show->limit <= LIMIT_MOST)
			return -1;
		fprintf(stderr, "mailreeve show: a limit is a number from 1 to %d\n", LIMIT_MOST);
		return MR_EXIT_USAGE;
	case 'w':
		show->would = true;
		return -1;
	case 'F':
		show->format = optarg;
		if (strcmp(optarg, "nft") == 0 || strcmp(optarg, "ipset") == 0 || strcmp(optarg, "cidr") == 0)
			return -1;
		fprintf(stderr, "mailreeve show: a format is nft, ipset or cidr\n");
		return MR_EXIT_USAGE;
	case 'N':
		show->names = optarg;
		return -1;
	default:
		return mr_common_take(&show->common, c, optarg, help);
	}
}

/* What takes no name of its own, and what does. */
static const struct {
	const char *name;
	int (*run)(struct mr_ask *ask, const struct mr_show *show);
	int (*run_one)(struct mr_ask *ask, const struct mr_show *show, const char *name);
} things[] = {
	{ "account", NULL, mr_show_account },         { "accounts", mr_show_accounts, NULL },
	{ "blocks", mr_show_blocks, NULL },           { "calibration", mr_show_calibration, NULL },
	{ "exemptions", mr_show_exemptions, NULL },   { "orders", mr_show_orders, NULL },
	{ "source", NULL, mr_show_source },
};

static int show_it(const struct mr_show *show, size_t thing, const char *name)
{
	struct mr_ask *ask;
	int status = mr_ask_open(&show->common, false, &ask);

	if (status != MR_EXIT_DONE)
		return status;
	status = name != NULL ? things[thing].run_one(ask, show, name) : things[thing].run(ask, show);
	mr_ask_close(&ask);
	return status;
}

static int find(const struct mr_show *show, const char *what, const char *name)
{
	bool blocks = strcmp(what, "blocks") == 0;

	if ((show->format != NULL || show->would) && !blocks) {
		fprintf(stderr, "mailreeve show: --format and --would go with blocks\n");
		return MR_EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++)
		if (strcmp(things[i].name, what) == 0 && (name == NULL) == (things[i].run != NULL))
			return show_it(show, i, name);
	fprintf(stderr, "mailreeve show: name one of: accounts, account NAME, blocks, source ADDRESS, orders, exemptions, "
		"calibration\n");
	return MR_EXIT_USAGE;
}

int mr_ctl_show(int argc, char **argv)
{
	static const struct option longer[] = { { "since", required_argument, NULL, 'S' },
						{ "state", required_argument, NULL, 't' },
						{ "limit", required_argument, NULL, 'l' },
						{ "names", required_argument, NULL, 'N' },
						{ "format", required_argument, NULL, 'F' },
						{ "would", no_argument, NULL, 'w' },
						MR_COMMON_LONG };
	struct mr_show show = { .common = { .policy = MR_CTL_POLICY }, .limit = 0 };
	int c, status;

	while ((c = getopt_long(argc, argv, "S:t:l:F:w" MR_COMMON_SHORT, longer, NULL)) != -1)
		if ((status = take(&show, c)) >= 0)
			return status;
	if (show.limit == 0)
		show.limit = show.format != NULL ? LIMIT_OF_FORMATS : LIMIT;
	if (argc - optind < 1 || argc - optind > 2) {
		fprintf(stderr, "mailreeve show: show what? See mailreeve show --help\n");
		return MR_EXIT_USAGE;
	}
	return find(&show, argv[optind], argc - optind > 1 ? argv[optind + 1] : NULL);
}
