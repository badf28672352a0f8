/* What the lint asks of the host: looked up, or read from a file. */
#ifndef MR_MILTER_CTL_HOSTVIEW_H
#define MR_MILTER_CTL_HOSTVIEW_H

#include "mailreeve.h"

/* Adds this host's addresses, its default gateways, and whether something listens on a port of the web. What cannot be
 * found out is left out. */
void mr_hostview_look(struct mr_host *host);
/* Reads lines "address A", "gateway A" and "web yes" or "web no"; '#' begins a comment. Returns 0; -1: errno says why
 * the file cannot be read; else the number of the first line that cannot be understood. */
int mr_hostview_read(struct mr_host *host, const char *file);

#endif
