/* What "mailreeve show" shows, a file each. Each prints and returns the exit status. */
#ifndef MR_MILTER_CTL_SHOW_H
#define MR_MILTER_CTL_SHOW_H

#include "ask.h"

struct mr_show {
	struct mr_common common;
	const char *state;   /* NULL: all */
	const char *names;   /* for completion: names that begin so; NULL: no */
	int64_t since;       /* seconds ago; 0: any time */
	int64_t limit;
	const char *format;  /* of blocks: "nft", "ipset" or "cidr"; NULL: a table */
	bool would;          /* also what would be blocked */
};

/* The section of show account that is about logins. NULL: nothing. */
void mr_show_logins(const json_t *logins);
int mr_show_account(struct mr_ask *ask, const struct mr_show *show, const char *name);
int mr_show_accounts(struct mr_ask *ask, const struct mr_show *show);
int mr_show_blocks(struct mr_ask *ask, const struct mr_show *show);
int mr_show_calibration(struct mr_ask *ask, const struct mr_show *show);
int mr_show_exemptions(struct mr_ask *ask, const struct mr_show *show);
int mr_show_source(struct mr_ask *ask, const struct mr_show *show, const char *address);
int mr_show_orders(struct mr_ask *ask, const struct mr_show *show);

#endif
