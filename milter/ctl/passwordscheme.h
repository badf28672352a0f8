/* The digests that stored passwords are made with, for passwordhash.c and passwordscheme.c. */
#ifndef MR_MILTER_CTL_PASSWORDSCHEME_H
#define MR_MILTER_CTL_PASSWORDSCHEME_H

#include <stdbool.h>

#include <nettle/nettle-meta.h>

struct mr_password_digest {
	const char *scheme;
	const struct nettle_hash *hash;
	bool salted;
	bool hex;   /* rather than Base64, when the length does not tell */
	bool utf16; /* of the password in UTF-16 */
	const char *weak;
};

/* variant: as mr_password_hash_read gave it. */
const struct mr_password_digest *mr_password_digest_at(unsigned variant);

#endif
