/*
 * The talk between supervisor and worker: packets over a SOCK_SEQPACKET pair, made before the fork.
 * Each end is used by one thread.
 */
#ifndef MR_MILTER_CHANNEL_H
#define MR_MILTER_CHANNEL_H

#include <stdint.h>

enum mr_packet_kind {
	MR_ORDER_RELOAD = 1, /* read the policy again */
	MR_ORDER_REOPEN,     /* open the logs again */
	MR_ORDER_DRAIN,      /* end when no message is in progress */
	MR_ORDER_STOP,       /* end at once */
	MR_REPORT_READY,     /* mail is taken; device and inode are those of the public socket, 0 for none */
	MR_REPORT_GOOD,      /* a policy is in force; its text comes along as a descriptor, checked at time_ms */
	MR_REPORT_RELOADED   /* an order to reload was carried out, with or without success */
};

struct mr_packet {
	enum mr_packet_kind kind;
	int status;          /* of MR_REPORT_RELOADED: 0 loaded, 1 loaded with warnings, 2 refused */
	uint64_t generation;
	uint64_t device, inode;
	int64_t time_ms;
	int64_t drain_ms;    /* of the policy that MR_REPORT_GOOD is about */
};

/* ends_r[0] is the supervisor's. 0 or -1 with errno. */
int mr_channel_open(int ends_r[2]);
/* fd goes along unless it is -1; it stays the caller's. Waits at most a second. 0 or -1 with errno. */
int mr_channel_send(int end, const struct mr_packet *packet, int fd);
/* 1: there is a packet, and *fd_r is a descriptor for the caller to close or -1. 0: nothing is waiting. -1: the other
 * end is gone, or talks nonsense. */
int mr_channel_receive(int end, struct mr_packet *packet_r, int *fd_r);

#endif
