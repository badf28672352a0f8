/*
 * mailreeve freeze, hold, block, unblock: orders that only need names.
 */
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "give.h"
#include "print.h"

enum { REASON_MOST = 127 };

struct options {
	struct mr_common common;
	struct mr_give give;
};

static const char freeze_help[] =
	"usage: mailreeve freeze [--for TIME] [--reason TEXT] NAME...\n"
	"\n"
	"From now on the accounts may not send: refused at MAIL, and at the end of messages that are on their way.\n"
	"Mail to the helpdesk addresses passes. A NAME is a login; or an address, for mail that nobody logs in for.\n"
	"The order is on disk when the command ends.\n"
	"\n"
	"  -f, --for TIME       it ends by itself after this time (90m, 2h, 7d)\n"
	"  -r, --reason TEXT    why, for the log and for colleagues\n" MR_COMMON_HELP;
static const char hold_help[] =
	"usage: mailreeve hold [--for TIME] [--reason TEXT] NAME...\n"
	"\n"
	"From now on mail of these accounts is accepted and waits in the mail server's hold queue, until\n"
	"mailreeve release or thaw.\n"
	"\n"
	"  -f, --for TIME       it ends by itself after this time (90m, 2h, 7d)\n"
	"  -r, --reason TEXT    why, for the log and for colleagues\n" MR_COMMON_HELP;
static const char block_help[] =
	"usage: mailreeve block [--time TIME] [--reason TEXT] ADDRESS|NETWORK...\n"
	"\n"
	"From now on nobody sends or logs in from there. A network is written 203.0.113.0/24 or 2001:db8::/32.\n"
	"\n"
	"  -f, --time TIME      it ends by itself after this time (90m, 2h, 7d); --for is the same\n"
	"  -r, --reason TEXT    why, for the log and for colleagues\n" MR_COMMON_HELP;
static const char unblock_help[] =
	"usage: mailreeve unblock [--reason TEXT] ADDRESS|NETWORK...\n"
	"\n"
	"Lifts blocks, written as mailreeve show blocks lists them: those by operators, and those by screening. Of the\n"
	"offences, by which the next block would be longer, one is forgiven. Also thaws the address as an account of its\n"
	"own.\n"
	"\n"
	"  -r, --reason TEXT    why, for the log and for colleagues\n" MR_COMMON_HELP;

/* -1: go on. */
static int read_options(int argc, char **argv, struct options *o, const char *help)
{
	static const struct option longer[] = { { "for", required_argument, NULL, 'f' },
						{ "time", required_argument, NULL, 'f' },
						{ "reason", required_argument, NULL, 'r' },
						MR_COMMON_LONG };
	int c, status;

	while ((c = getopt_long(argc, argv, "f:r:" MR_COMMON_SHORT, longer, NULL)) != -1) {
		if (c == 'r') {
			o->give.reason = optarg;
		} else if (c == 'f') {
			o->give.seconds = mr_span_read(optarg);
			if (o->give.seconds <= 0 || o->give.seconds > INT64_C(10) * 365 * 86400) {
				fprintf(stderr, "mailreeve %s: write a time as 90m, 2h or 7d, at most ten years\n",
					o->give.order);
				return MR_EXIT_USAGE;
			}
		} else if ((status = mr_common_take(&o->common, c, optarg, help)) >= 0) {
			return status;
		}
	}
	if (o->give.reason != NULL && strlen(o->give.reason) > REASON_MOST) {
		fprintf(stderr, "mailreeve %s: a reason has at most %d bytes\n", o->give.order, REASON_MOST);
		return MR_EXIT_USAGE;
	}
	if (optind == argc) {
		fprintf(stderr, "mailreeve %s: name one or more; see mailreeve %s --help\n", o->give.order,
			o->give.order);
		return MR_EXIT_USAGE;
	}
	return -1;
}

static int order(int argc, char **argv, const char *name, const char *help)
{
	struct options o = { .common = { .policy = MR_CTL_POLICY }, .give = { .order = name } };
	int status = read_options(argc, argv, &o, help);
	struct mr_ask *ask;
	json_t *names;

	if (status >= 0)
		return status;
	names = mr_give_names(name, argv + optind, argc - optind);
	if (names == NULL)
		return MR_EXIT_USAGE;
	status = mr_ask_open(&o.common, true, &ask);
	if (status == MR_EXIT_DONE)
		status = mr_give(ask, &o.give, names, o.common.json);
	json_decref(names);
	mr_ask_close(&ask);
	return status;
}

int mr_ctl_freeze(int argc, char **argv)
{
	return order(argc, argv, "freeze", freeze_help);
}

int mr_ctl_hold(int argc, char **argv)
{
	return order(argc, argv, "hold", hold_help);
}

int mr_ctl_block(int argc, char **argv)
{
	return order(argc, argv, "block", block_help);
}

int mr_ctl_unblock(int argc, char **argv)
{
	return order(argc, argv, "unblock", unblock_help);
}
