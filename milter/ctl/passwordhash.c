/*
 * See passwordhash.h: trying candidates. The reader of stored passwords is passwordscheme.c. Called by the audit's threads.
 * libxcrypt does what crypt(3) knows, libsodium Argon2, Nettle the plain digests and PBKDF2.
 */
#include "passwordhash.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <crypt.h>
#include <nettle/hmac.h>
#include <nettle/md4.h>
#include <nettle/nettle-meta.h>
#include <nettle/pbkdf2.h>
#include <sodium.h>

#include "passwordscheme.h"

union context {
	struct md4_ctx md4;
	struct md5_ctx md5;
	struct sha1_ctx sha1;
	struct sha256_ctx sha256;
	struct sha512_ctx sha512;
};

struct mr_password_room {
	struct crypt_data crypt;
	union context context;
	char candidate[MR_PASSWORD_TRY_MAX + 1];
	unsigned char wide[2 * MR_PASSWORD_TRY_MAX];
	unsigned char digest[CRYPT_OUTPUT_SIZE];
};

struct mr_password_room *mr_password_room_new(void)
{
	return calloc(1, sizeof(struct mr_password_room));
}

void mr_password_room_free(struct mr_password_room **room)
{
	if (*room == NULL)
		return;
	sodium_memzero(*room, sizeof(**room));
	free(*room);
	*room = NULL;
}

void mr_password_hash_clear(struct mr_password_hash *hash)
{
	if (hash->setting != NULL)
		sodium_memzero(hash->setting, hash->setting_n);
	if (hash->digest != NULL)
		sodium_memzero(hash->digest, hash->digest_n);
	free(hash->setting);
	free(hash->digest);
	*hash = (struct mr_password_hash){ 0 };
}

int mr_password_hash_order(const struct mr_password_hash *a, const struct mr_password_hash *b)
{
	int by_setting;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->variant != b->variant)
		return a->variant < b->variant ? -1 : 1;
	if (a->rounds != b->rounds)
		return a->rounds < b->rounds ? -1 : 1;
	if (a->setting_n != b->setting_n)
		return a->setting_n < b->setting_n ? -1 : 1;
	by_setting = a->setting_n > 0 ? memcmp(a->setting, b->setting, a->setting_n) : 0;
	return by_setting;
}

/* NT hashes are of UTF-16. Of a candidate that is not ASCII none is made. */
static size_t widen(const char *candidate, size_t n, unsigned char *wide_r)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)candidate[i] >= 0x80)
			return 0;
		wide_r[2 * i] = (unsigned char)candidate[i];
		wide_r[2 * i + 1] = 0;
	}
	return 2 * n;
}

static enum mr_password_outcome try_digest(const struct mr_password_hash *like, const char *candidate, size_t n,
					   struct mr_password_room *room, size_t *n_r)
{
	const struct mr_password_digest *digest = mr_password_digest_at(like->variant);
	const unsigned char *bytes = (const unsigned char *)candidate;

	if (digest->utf16) {
		n = widen(candidate, n, room->wide);
		bytes = room->wide;
		if (n == 0)
			return MR_PASSWORD_NOT_IT;
	}
	digest->hash->init(&room->context);
	digest->hash->update(&room->context, n, bytes);
	digest->hash->update(&room->context, like->setting_n, like->setting);
	digest->hash->digest(&room->context, digest->hash->digest_size, room->digest);
	*n_r = digest->hash->digest_size;
	return MR_PASSWORD_MADE;
}

static enum mr_password_outcome try_crypt(const struct mr_password_hash *like, const char *candidate, size_t n,
					  struct mr_password_room *room, size_t *n_r)
{
	const char *made;

	memcpy(room->candidate, candidate, n);
	room->candidate[n] = '\0';
	made = crypt_rn(room->candidate, (const char *)like->digest, &room->crypt, (int)sizeof(room->crypt));
	if (made == NULL || made[0] == '*' || strlen(made) != like->digest_n)
		return MR_PASSWORD_DAMAGED;
	memcpy(room->digest, made, like->digest_n);
	*n_r = like->digest_n;
	return MR_PASSWORD_MADE;
}

/* RFC 5802: StoredKey = H(HMAC(Hi(password, salt, rounds), "Client Key")). */
static void scram(const struct mr_password_hash *like, const char *candidate, size_t n, unsigned char *key_r)
{
	static const char client[] = "Client Key";
	const uint8_t *password = (const uint8_t *)candidate, *text = (const uint8_t *)client;
	uint8_t salted[SHA256_DIGEST_SIZE];

	if (like->digest_n == SHA1_DIGEST_SIZE) {
		struct hmac_sha1_ctx hmac;
		struct sha1_ctx sha;

		pbkdf2_hmac_sha1(n, password, like->rounds, like->setting_n, like->setting, SHA1_DIGEST_SIZE, salted);
		hmac_sha1_set_key(&hmac, SHA1_DIGEST_SIZE, salted);
		hmac_sha1_update(&hmac, sizeof(client) - 1, text);
		hmac_sha1_digest(&hmac, SHA1_DIGEST_SIZE, key_r);
		sha1_init(&sha);
		sha1_update(&sha, SHA1_DIGEST_SIZE, key_r);
		sha1_digest(&sha, SHA1_DIGEST_SIZE, key_r);
		sodium_memzero(&hmac, sizeof(hmac));
	} else {
		struct hmac_sha256_ctx hmac;
		struct sha256_ctx sha;

		pbkdf2_hmac_sha256(n, password, like->rounds, like->setting_n, like->setting, SHA256_DIGEST_SIZE,
				   salted);
		hmac_sha256_set_key(&hmac, SHA256_DIGEST_SIZE, salted);
		hmac_sha256_update(&hmac, sizeof(client) - 1, text);
		hmac_sha256_digest(&hmac, SHA256_DIGEST_SIZE, key_r);
		sha256_init(&sha);
		sha256_update(&sha, SHA256_DIGEST_SIZE, key_r);
		sha256_digest(&sha, SHA256_DIGEST_SIZE, key_r);
		sodium_memzero(&hmac, sizeof(hmac));
	}
	sodium_memzero(salted, sizeof(salted));
}

enum mr_password_outcome mr_password_try(const struct mr_password_hash *like, const char *candidate, size_t n,
					 struct mr_password_room *room, const unsigned char **digest_r, size_t *n_r)
{
	*digest_r = room->digest;
	*n_r = 0;
	switch (like->kind) {
	case MR_PASSWORD_UNTRIED:
	case MR_PASSWORD_LOCKED:
		return MR_PASSWORD_NOT_IT;
	case MR_PASSWORD_PLAIN:
		*digest_r = (const unsigned char *)candidate;
		*n_r = n;
		return MR_PASSWORD_MADE;
	case MR_PASSWORD_DIGEST:
		return try_digest(like, candidate, n, room, n_r);
	case MR_PASSWORD_CRYPT:
		return try_crypt(like, candidate, n, room, n_r);
	case MR_PASSWORD_ARGON2:
		return crypto_pwhash_str_verify((const char *)like->setting, candidate, n) == 0 ? MR_PASSWORD_MADE
											      : MR_PASSWORD_NOT_IT;
	case MR_PASSWORD_PBKDF2:
		pbkdf2_hmac_sha1(n, (const uint8_t *)candidate, like->rounds, like->setting_n, like->setting,
				 SHA1_DIGEST_SIZE, room->digest);
		*n_r = SHA1_DIGEST_SIZE;
		return MR_PASSWORD_MADE;
	case MR_PASSWORD_SCRAM:
		scram(like, candidate, n, room->digest);
		*n_r = like->digest_n;
		return MR_PASSWORD_MADE;
	}
	return MR_PASSWORD_NOT_IT;
}
