/*
 * Unicode where mail needs it: UTF-8 checks, NFC with case folding (libunistring), A-labels (libidn2,
 * UTS 46 non-transitional). Thread-safe; no locale is read.
 */
#ifndef MR_BASE_UNICODE_H
#define MR_BASE_UNICODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* The length of the well-formed UTF-8 sequence (RFC 3629) at the start of s, 0 when it is not one. */
size_t mr_utf8_sequence(struct mr_str s);
bool mr_utf8_is_valid(struct mr_str s);

/* Writes s in NFC, case-folded when fold is true, to out_r (size bytes, NUL-ended) and its length to *n_r.
 * ASCII takes a short path. MR_ERR_SYNTAX: not UTF-8. MR_ERR_FULL: out_r is too small. MR_ERR_NOMEM. */
int mr_unicode_fold(struct mr_str s, bool fold, char *out_r, size_t size, size_t *n_r);

/* The longest domain name as text, with its NUL (RFC 1035 2.3.4). */
enum { MR_DOMAIN_MAX = 256 };

/* The comparable form of a domain: ASCII lower case, A-labels, one trailing dot dropped.
 * MR_ERR_SYNTAX: an empty name or label, a label over 63 bytes, a byte that no host or domain name has
 * (letters, digits, '-', '_' and UTF-8 of IDNA are allowed), a name that is all digits in its last label.
 * MR_ERR_RANGE: too long. MR_ERR_NOMEM. */
int mr_domain_canonical(struct mr_str name, char out_r[MR_DOMAIN_MAX], size_t *n_r);

#endif
