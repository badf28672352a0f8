/* The daemon's side of the control channel: a unix socket for root and the daemon's own user. One thread. */
#ifndef MR_MILTER_CTLSERVER_H
#define MR_MILTER_CTLSERVER_H

#include <poll.h>
#include <stdint.h>

#include "listener.h"
#include "watch.h"

enum { MR_CTL_CLIENTS = 16, MR_CTL_WATCHERS = 8, MR_CTL_POLLS = MR_CTL_CLIENTS + 2 };

struct mr_ctlserver;

/* Carries a command out; request is the whole line, operator_name the user at the other end. The answer is one line of
 * JSON without its newline, the server frees it. NULL: no such command. */
typedef char *mr_ctl_command(void *context, const char *command, const char *request, const char *operator_name);

/* watch: where the lines for the command "watch" come from; it lives longer. 0 or -1, said. */
int mr_ctlserver_open(const char *path, struct mr_watch *watch, mr_ctl_command *command, void *context,
		      struct mr_ctlserver **server_r);
/* Fills in what to wait for: MR_CTL_POLLS entries. */
void mr_ctlserver_polls(const struct mr_ctlserver *server, struct pollfd polls_r[MR_CTL_POLLS]);
/* Serves what is ready and drops who has been silent for 5 s. now_ms: the steady clock. */
void mr_ctlserver_serve(struct mr_ctlserver *server, const struct pollfd polls[MR_CTL_POLLS], int64_t now_ms);
/* Removes the socket if it is still ours. */
void mr_ctlserver_remove(const struct mr_ctlserver *server);

#endif
