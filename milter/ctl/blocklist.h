/*
 * Blocked sources as a list that packet filters read. Prefixes that lie in another one of the list are left out, since a
 * set of intervals cannot hold both. Not thread-safe.
 */
#ifndef MR_MILTER_CTL_BLOCKLIST_H
#define MR_MILTER_CTL_BLOCKLIST_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* Writes rows, each with "source" ("203.0.113.0/24") and "until" (RFC 3339 or null), in format "nft", "ipset" or "cidr".
 * now: Unix time, from which times left are counted. A row that cannot be read is passed over. Returns 0, or -1: no memory
 * or no such format. */
int mr_blocklist_print(FILE *out, const char *format, const json_t *rows, int64_t now);

#endif
