/* The settings of the daemon and its log. */
#ifndef MR_POLICY_DAEMON_H
#define MR_POLICY_DAEMON_H

struct mr_builder;

/* Checks sockets, user and log, and fills policy->log. */
void mr_daemon_build(struct mr_builder *b);

#endif
