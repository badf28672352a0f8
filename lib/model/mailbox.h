/*
 * An SMTP address after reading: what core/address.c makes of a path (RFC 5321 4.1.2) and what the rules compare.
 * Plain data, borrowed bytes. Thread-safe.
 */
#ifndef MR_MODEL_MAILBOX_H
#define MR_MODEL_MAILBOX_H

#include <stdbool.h>

#include "base/ip.h"
#include "base/str.h"

enum mr_mailbox_kind {
	MR_MAILBOX_NULL,      /* "<>": the null reverse-path */
	MR_MAILBOX_LOCAL,     /* a local part alone: the mail server's own origin */
	MR_MAILBOX_DOMAIN,    /* local part and domain */
	MR_MAILBOX_LITERAL,   /* local part and address literal */
	MR_MAILBOX_MALFORMED, /* not readable: nobody can tell where it leads */
	MR_MAILBOX_CONTROL    /* holds NUL, CR, LF or another control byte */
};

struct mr_mailbox {
	enum mr_mailbox_kind kind;
	struct mr_str local;   /* dequoted, case as given; absent for NULL, MALFORMED, CONTROL */
	struct mr_str domain;  /* canonical (base/unicode.h); absent unless kind is DOMAIN */
	struct mr_str address; /* "local@domain" with the ASCII letters of the local part folded: the key for maps.
	                        * Absent for NULL, MALFORMED, CONTROL */
	struct mr_ip literal;  /* for LITERAL */
	bool routed;           /* the dequoted local part holds '@', '%' or '!', or a second '@' was outside quotes */
};

#endif
