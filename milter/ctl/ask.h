/*
 * How the commands ask: the running daemon, or, when none runs, the stored state itself. And the options that all of them
 * have.
 */
#ifndef MR_MILTER_CTL_ASK_H
#define MR_MILTER_CTL_ASK_H

#include <getopt.h>
#include <stdbool.h>

#include <jansson.h>

#include "socket.h"

/* Exit statuses, as mailreeve(1) lists them. */
enum { MR_EXIT_DONE = 0, MR_EXIT_PART = 1, MR_EXIT_USAGE = 2, MR_EXIT_NO_STATE = 3, MR_EXIT_NOT_ON_DISK = 4 };

/* ---- Options that all commands have ---- */

struct mr_common {
	const char *policy; /* file */
	const char *socket; /* NULL: as the policy says */
	bool json;
};

#define MR_COMMON_SHORT "c:s:jh"
/* clang-format off */
#define MR_COMMON_LONG \
	{ "policy", required_argument, NULL, 'c' }, { "socket", required_argument, NULL, 's' }, \
	{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
/* clang-format on */
#define MR_COMMON_HELP                                                                                        \
	"  -c, --policy POLICY  the policy, which names the control socket and the state\n"                   \
	"                       (default " MR_CTL_POLICY ")\n"                                                \
	"  -s, --socket SOCKET  the control socket itself\n"                                                  \
	"  -j, --json           JSON instead of text\n"                                                       \
	"  -h, --help           this text\n"

/* -1: taken, go on. 0 or MR_EXIT_USAGE: the command ends with this status; help or a hint was printed. */
int mr_common_take(struct mr_common *common, int option, const char *argument, const char *help);

/* ---- Asking ---- */

struct mr_ask;

/* write: orders may be given. Says why when it fails. 0 or an exit status. */
int mr_ask_open(const struct mr_common *common, bool write, struct mr_ask **ask_r);
void mr_ask_close(struct mr_ask **ask);
/* Whether the stored state answers, not the daemon. */
bool mr_ask_is_offline(const struct mr_ask *ask);
/* The path of the daemon's socket. Borrowed. */
const char *mr_ask_socket(const struct mr_ask *ask);
/* Sends request, which it takes over. The answer is the caller's; NULL: an error, and it was said. */
json_t *mr_ask(struct mr_ask *ask, json_t *request);
/* Asks for all pages of a list: the elements of the member name, at most most of them. NULL: said. */
json_t *mr_ask_list(struct mr_ask *ask, json_t *request, const char *name, size_t most);

#endif
