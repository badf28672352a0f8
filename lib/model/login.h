/*
 * The comparable form of a login name, as the policy wants it: what maps are keyed with and what the core looks up.
 * Thread-safe.
 */
#ifndef MR_MODEL_LOGIN_H
#define MR_MODEL_LOGIN_H

#include <stddef.h>

#include "base/str.h"
#include "model/policy.h"

/* Room that is enough for every login that a mail server passes on, with the NUL. */
enum { MR_LOGIN_MAX = 1024 };

/* Writes the canonical form of login to out_r (size bytes, NUL-ended) and its length to *n_r: Unicode NFC, letters
 * folded and the part behind '+' dropped as policy says, the default domain appended when there is no '@', the domain
 * canonical (base/unicode.h) where it can be, else folded as it is.
 * MR_ERR_NOTFOUND: nothing but white space, nobody logged in. MR_ERR_SYNTAX: control bytes, not UTF-8.
 * MR_ERR_FULL: longer than size. MR_ERR_NOMEM. */
int mr_login_canonical(const struct mr_login_policy *policy, struct mr_str login, char *out_r, size_t size,
		       size_t *n_r);

#endif
