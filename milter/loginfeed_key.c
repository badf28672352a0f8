/*
 * Whether a client of the login feed shows a key that fits. What it shows is hashed with a secret of this process and the
 * hashes are compared, all of them each time: neither the length of a key nor its first bytes show in the time taken.
 */
#include "loginfeed_key.h"

#include <string.h>
#include <strings.h>

#include <sodium.h>

enum { BASIC_MAX = 2048 };

_Static_assert(MR_FEED_HASH == crypto_shorthash_siphashx24_BYTES, "a hash of 128 bits");
_Static_assert(MR_FEED_HASH == crypto_shorthash_siphashx24_KEYBYTES, "and a secret of as many");

int mr_feedkeys_init(struct mr_feedkeys *keys)
{
	if (sodium_init() < 0)
		return -1;
	randombytes_buf(keys, sizeof(*keys));
	return 0;
}

void mr_feedkeys_set(struct mr_feedkeys *keys, char *const key[MR_FEED_KEYS])
{
	for (size_t i = 0; i < MR_FEED_KEYS; i++) {
		if (key[i] == NULL || key[i][0] == '\0')
			randombytes_buf(keys->hash[i], MR_FEED_HASH);
		else
			(void)crypto_shorthash_siphashx24(keys->hash[i], (const unsigned char *)key[i], strlen(key[i]),
							  keys->secret);
	}
}

static bool fits(const struct mr_feedkeys *keys, const char *text, size_t n)
{
	unsigned char hash[MR_FEED_HASH];
	int found = 0;

	(void)crypto_shorthash_siphashx24(hash, (const unsigned char *)text, n, keys->secret);
	for (size_t i = 0; i < MR_FEED_KEYS; i++)
		found |= sodium_memcmp(hash, keys->hash[i], sizeof(hash)) == 0;
	return found != 0;
}

/* The user's name in front of the colon may be anything. */
static bool password_fits(const struct mr_feedkeys *keys, const char *encoded, size_t length)
{
	unsigned char decoded[BASIC_MAX];
	const unsigned char *colon;
	bool found = false;
	size_t n;

	if (sodium_base642bin(decoded, sizeof(decoded), encoded, length, NULL, &n, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	colon = memchr(decoded, ':', n);
	if (colon != NULL)
		found = fits(keys, (const char *)colon + 1, n - (size_t)(colon + 1 - decoded));
	sodium_memzero(decoded, sizeof(decoded));
	return found;
}

static size_t trimmed(const char *text)
{
	size_t n = strlen(text);

	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	return n;
}

bool mr_feedkeys_fit(const struct mr_feedkeys *keys, const char *api_key, const char *authorization)
{
	static const char scheme[] = "Basic ";
	bool found = false;

	if (api_key != NULL)
		found = fits(keys, api_key, trimmed(api_key));
	if (authorization != NULL && strncasecmp(authorization, scheme, sizeof(scheme) - 1) == 0) {
		authorization += sizeof(scheme) - 1;
		authorization += strspn(authorization, " ");
		found |= password_fits(keys, authorization, trimmed(authorization));
	}
	return found;
}
