/*
 * Reads the addresses out of header fields From and Sender (RFC 5322 3.4, 3.6.2; RFC 6532). PURE. Thread-safe.
 */
#ifndef MR_CORE_HEADER_H
#define MR_CORE_HEADER_H

#include "base/arena.h"
#include "base/str.h"
#include "model/mailbox.h"

/* More addresses than this in one field make it unreadable. */
enum { MR_HEADER_ADDRESSES_MAX = 64 };

/* The mailboxes of a mailbox-list or address-list: names, comments and groups are stepped over; only what is an address
 * counts, so a name that looks like one does not. boxes_r has room for MR_HEADER_ADDRESSES_MAX; *n_r may be 0 (an empty
 * group). MR_ERR_SYNTAX: some part cannot be read; *n_r then counts those that could. */
int mr_header_addresses(struct mr_str value, struct mr_arena *arena, struct mr_mailbox *boxes_r, size_t *n_r);

#endif
