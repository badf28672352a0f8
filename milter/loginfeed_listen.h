/* The socket that Dovecot connects to. Not thread-safe. */
#ifndef MR_MILTER_LOGINFEED_LISTEN_H
#define MR_MILTER_LOGINFEED_LISTEN_H

#include "listener.h"

/* Opens what login_feed.listen names: "inet:PORT@ADDRESS", "inet6:PORT@ADDRESS", "unix:PATH". *id_r is all 0 for TCP. The
 * socket listens and never waits; -1, said. */
int mr_feedlisten_open(const char *listen, struct mr_socket_id *id_r);

#endif
