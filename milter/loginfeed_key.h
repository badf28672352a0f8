/*
 * The keys of the login feed. They are kept as keyed hashes only, and compared in a time that tells nothing of them. One
 * thread at a time.
 */
#ifndef MR_MILTER_LOGINFEED_KEY_H
#define MR_MILTER_LOGINFEED_KEY_H

#include <stdbool.h>
#include <stddef.h>

enum { MR_FEED_KEYS = 2, MR_FEED_HASH = 16 };

struct mr_feedkeys {
	unsigned char secret[MR_FEED_HASH];
	unsigned char hash[MR_FEED_KEYS][MR_FEED_HASH];
};

/* No key fits. 0, or -1: libsodium cannot work. */
int mr_feedkeys_init(struct mr_feedkeys *keys);
/* From now on these fit, and no others. NULL or "": none. */
void mr_feedkeys_set(struct mr_feedkeys *keys, char *const key[MR_FEED_KEYS]);
/* Whether the request's key fits: api_key is what X-API-Key says, authorization what Authorization says ("Basic ...",
 * whose password is the key, RFC 7617); either may be NULL. */
bool mr_feedkeys_fit(const struct mr_feedkeys *keys, const char *api_key, const char *authorization);

#endif
