/*
 * Reads SMTP paths (RFC 5321 4.1.2, 4.1.3) the way that is safe for deciding where mail goes. PURE.
 * Thread-safe: keeps nothing.
 */
#ifndef MR_CORE_ADDRESS_H
#define MR_CORE_ADDRESS_H

#include "base/arena.h"
#include "base/str.h"
#include "model/mailbox.h"

/* A longer path is taken as malformed: no mail server passes one on. Bytes. */
enum { MR_PATH_MAX = 8192 };

/* Reads a path ("" is the null path, as "<>" is): with or without angle brackets, with ESMTP parameters behind the
 * closing bracket, with one source route, quoted, escaped, with an address literal. Never fails: what cannot be read is
 * of kind MR_MAILBOX_MALFORMED or MR_MAILBOX_CONTROL. When arena is full the mailbox is malformed too. Linear in the
 * length. All slices live in arena. */
void mr_address_read(struct mr_str path, struct mr_arena *arena, struct mr_mailbox *mailbox_r);

/* The address key of mailbox without its "+part" (RFC 5233); the key itself when it has none. The copy lives in arena;
 * absent when the key is absent or arena is full. */
struct mr_str mr_address_without_plus(const struct mr_mailbox *mailbox, struct mr_arena *arena);

#endif
