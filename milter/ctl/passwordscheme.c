/*
 * Reads stored passwords, see mr_password_hash_read in passwordhash.h: scheme, salt, digest, and what is weak about it.
 * Costs are bounded, so that no line of a file can make one try last for minutes or take all memory.
 */
#include "passwordscheme.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "passwordhash.h"

enum {
	DIGEST_MOST = 64,
	ROUNDS_MOST = 10000000,
	BCRYPT_MOST = 17,
	MEMORY_MOST_KIB = 1 << 20, /* of one try */
};

#define BROKEN "the scheme is unsalted and fast: who gets a copy of the file reads nearly all passwords within hours"
#define FAST "the scheme is a fast hash: who gets a copy of the file tries thousands of millions of passwords a second"
#define READABLE "the password is stored readable"
#define OLD "the scheme is obsolete and fast"
#define CHEAP "its cost is set too low"

/* nettle_md5 and its like are not constants for a linker of shared libraries, their addresses are. */
static const struct mr_password_digest digests[] = {
	{ "PLAIN-MD4", &nettle_md4, false, true, false, BROKEN },
	{ "PLAIN-MD5", &nettle_md5, false, true, false, BROKEN },
	{ "LDAP-MD5", &nettle_md5, false, false, false, BROKEN },
	{ "SMD5", &nettle_md5, true, false, false, FAST },
	{ "SHA", &nettle_sha1, false, false, false, BROKEN },
	{ "SHA1", &nettle_sha1, false, false, false, BROKEN },
	{ "SSHA", &nettle_sha1, true, false, false, FAST },
	{ "SHA256", &nettle_sha256, false, false, false, BROKEN },
	{ "SSHA256", &nettle_sha256, true, false, false, FAST },
	{ "SHA512", &nettle_sha512, false, false, false, BROKEN },
	{ "SSHA512", &nettle_sha512, true, false, false, FAST },
	{ "NTLM", &nettle_md4, false, true, true, BROKEN },
};

enum { DIGESTS = sizeof(digests) / sizeof(digests[0]) };

const struct mr_password_digest *mr_password_digest_at(unsigned variant)
{
	return &digests[variant < DIGESTS ? variant : 0];
}

static int untried(struct mr_password_hash *hash, const char *fault)
{
	hash->kind = MR_PASSWORD_UNTRIED;
	hash->fault = fault;
	return 0;
}

static int keep(unsigned char **place, size_t *n_r, const void *bytes, size_t n)
{
	*place = malloc(n + 1);
	if (*place == NULL)
		return -1;
	if (n > 0)
		memcpy(*place, bytes, n);
	(*place)[n] = '\0';
	*n_r = n;
	return 0;
}

static int keep_both(struct mr_password_hash *hash, const void *setting, size_t setting_n, const void *digest,
		     size_t digest_n)
{
	return keep(&hash->setting, &hash->setting_n, setting, setting_n) != 0 ||
		       keep(&hash->digest, &hash->digest_n, digest, digest_n) != 0 ?
		       -1 :
		       0;
}

/* ---- Encodings ---- */

enum encoding { AS_USUAL, BASE64, HEX };

/* Bytes, or -1. */
static long decode(const char *text, size_t n, bool hex, unsigned char *room, size_t size)
{
	size_t made = 0;
	const char *end = NULL;
	int variant = n > 0 && text[n - 1] == '=' ? sodium_base64_VARIANT_ORIGINAL
						  : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;

	if (hex && n % 2 != 0)
		return -1;
	if (hex ? sodium_hex2bin(room, size, text, n, NULL, &made, &end) != 0
		: sodium_base642bin(room, size, text, n, NULL, &made, &end, variant) != 0)
		return -1;
	return end == text + n ? (long)made : -1;
}

/* A decimal number of at most most at *at, which moves behind it. -1: none. */
static long number(const char **at, long most)
{
	long value = 0;
	const char *p = *at;

	if (!isdigit((unsigned char)*p))
		return -1;
	for (; isdigit((unsigned char)*p); p++) {
		value = value * 10 + (*p - '0');
		if (value > most)
			return -1;
	}
	*at = p;
	return value;
}

/* ---- Schemes ---- */

static int read_digest(unsigned variant, enum encoding encoding, const char *text, size_t n,
		       struct mr_password_hash *hash)
{
	const struct mr_password_digest *digest = &digests[variant];
	unsigned char bytes[MR_PASSWORD_STORED_MAX];
	size_t size = digest->hash->digest_size;
	bool hex = encoding == HEX || (encoding == AS_USUAL && (digest->salted ? digest->hex : n == 2 * size));
	long made = decode(text, n, hex, bytes, sizeof(bytes));
	int err;

	if (made < (long)size || (!digest->salted && made != (long)size))
		return untried(hash, "the hash is damaged: it has not the length of its scheme");
	hash->kind = MR_PASSWORD_DIGEST;
	/* Two names of one digest are tried together. */
	for (hash->variant = variant; hash->variant > 0; hash->variant--) {
		const struct mr_password_digest *before = &digests[hash->variant - 1];

		if (before->hash != digest->hash || before->salted != digest->salted || before->utf16 != digest->utf16)
			break;
	}
	hash->weak = digest->weak;
	err = keep_both(hash, bytes + size, (size_t)made - size, bytes, size);
	sodium_memzero(bytes, sizeof(bytes));
	return err;
}

static int read_plain(enum encoding encoding, const char *text, size_t n, struct mr_password_hash *hash)
{
	unsigned char bytes[MR_PASSWORD_STORED_MAX];
	long made;
	int err;

	hash->kind = MR_PASSWORD_PLAIN;
	hash->weak = READABLE;
	if (encoding == AS_USUAL)
		return keep_both(hash, "", 0, text, n);
	made = decode(text, n, encoding == HEX, bytes, sizeof(bytes));
	if (made < 0)
		return untried(hash, "the password is not encoded as its scheme says");
	err = keep_both(hash, "", 0, bytes, (size_t)made);
	sodium_memzero(bytes, sizeof(bytes));
	return err;
}

static int read_argon2(const char *text, size_t n, struct mr_password_hash *hash)
{
	const char *at = strstr(text, "$m=");
	long memory, times, lanes;

	hash->weak = NULL;
	if (at == NULL || n >= crypto_pwhash_STRBYTES)
		return untried(hash, "the hash is damaged: it has no settings of Argon2");
	at += 3;
	memory = number(&at, MEMORY_MOST_KIB);
	if (memory < 0 || strncmp(at, ",t=", 3) != 0)
		return untried(hash, "one try would take more than 1 GiB of memory");
	at += 3;
	times = number(&at, 100);
	if (times < 0 || strncmp(at, ",p=", 3) != 0)
		return untried(hash, "one try would take minutes");
	at += 3;
	lanes = number(&at, 64);
	if (lanes < 0)
		return untried(hash, "it wants more than 64 lanes");
	if (strncmp(text, "$argon2id$", 10) != 0 && strncmp(text, "$argon2i$", 9) != 0)
		return untried(hash, "this kind of Argon2 is not known here");
	if (memory < 12288 && memory * times < 19456)
		hash->weak = CHEAP " (Argon2 wants at least 19 MiB)";
	hash->kind = MR_PASSWORD_ARGON2;
	return keep_both(hash, text, n, "", 0);
}

/* Dovecot's: $1$salt$rounds$40 hexadecimal digits */
static int read_pbkdf2(const char *text, size_t n, struct mr_password_hash *hash)
{
	const char *salt = text + 3, *end, *at;
	unsigned char key[DIGEST_MOST];
	long rounds;

	(void)n;
	if (strncmp(text, "$1$", 3) != 0 || (end = strchr(salt, '$')) == NULL)
		return untried(hash, "the hash is damaged: $1$salt$rounds$key is wanted");
	at = end + 1;
	rounds = number(&at, ROUNDS_MOST);
	if (rounds < 1 || *at != '$')
		return untried(hash, "one try would take minutes, or the rounds cannot be read");
	if (decode(at + 1, strlen(at + 1), true, key, sizeof(key)) != 20)
		return untried(hash, "the hash is damaged: its key has not the length of its scheme");
	hash->kind = MR_PASSWORD_PBKDF2;
	hash->rounds = (unsigned)rounds;
	hash->weak = rounds < 100000 ? CHEAP " (PBKDF2 wants 100,000 rounds and more)" : NULL;
	return keep_both(hash, salt, (size_t)(end - salt), key, 20);
}

/* rounds,salt,StoredKey,ServerKey; all but the first in Base64 */
static int read_scram(size_t size, const char *text, struct mr_password_hash *hash)
{
	unsigned char salt[MR_PASSWORD_STORED_MAX], key[DIGEST_MOST];
	const char *at = text, *end;
	long rounds = number(&at, ROUNDS_MOST), n;

	if (rounds < 1 || *at++ != ',' || (end = strchr(at, ',')) == NULL)
		return untried(hash, "the hash is damaged: rounds,salt,key,key is wanted");
	n = decode(at, (size_t)(end - at), false, salt, sizeof(salt));
	at = end + 1;
	end = strchr(at, ',');
	if (n < 0 || end == NULL || decode(at, (size_t)(end - at), false, key, sizeof(key)) != (long)size)
		return untried(hash, "the hash is damaged: its key has not the length of its scheme");
	hash->kind = MR_PASSWORD_SCRAM;
	hash->rounds = (unsigned)rounds;
	hash->weak = rounds < 100000 ? CHEAP " (SCRAM wants 100,000 rounds and more)" : NULL;
	return keep_both(hash, salt, (size_t)n, key, size);
}

/* ---- crypt(3) ---- */

static int digit64(char c)
{
	static const char digits64[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *at = c != '\0' ? strchr(digits64, c) : NULL;

	return at != NULL ? (int)(at - digits64) : -1;
}

/* $7$ log2(N), r and p as 1, 5 and 5 digits of base 64, the least first. */
static const char *scrypt_fault(const char *text)
{
	uint64_t value[2] = { 0, 0 };
	int cost = digit64(text[3]);

	if (cost < 1 || strlen(text) < 15)
		return "the hash is damaged: it has no settings of scrypt";
	for (int i = 0; i < 10; i++) {
		int digit = digit64(text[4 + i]);

		if (digit < 0)
			return "the hash is damaged: it has no settings of scrypt";
		value[i / 5] |= (uint64_t)digit << (6 * (i % 5));
	}
	if (cost > 24 || value[0] > 64 || value[1] > 64 || (value[0] << cost) / 8 > MEMORY_MOST_KIB)
		return "one try would take more than 1 GiB of memory";
	return NULL;
}

/* $y$ flavour, log2(N)-1, r-1: a digit each as long as they are small. Rarer settings are not tried. */
static const char *yescrypt_fault(const char *settings)
{
	const char *end = strchr(settings, '$');
	int cost, block;

	if (end == NULL || end - settings < 2 || end - settings > 3)
		return "its cost settings are unusual, so that one try might take all memory";
	cost = digit64(settings[1]);
	block = end - settings > 2 ? digit64(settings[2]) : 0;
	if (digit64(settings[0]) < 0 || digit64(settings[0]) > 47 || cost < 0 || cost > 23 || block < 0 || block > 47)
		return "its cost settings are unusual, so that one try might take all memory";
	if (((uint64_t)(block + 1) << (cost + 1)) / 8 > MEMORY_MOST_KIB)
		return "one try would take more than 1 GiB of memory";
	return NULL;
}

/* The rounds of $5$, $6$, $sha1$ and $md5; none: usual. -1: too many. */
static long rounds_of(const char *text, long usual)
{
	const char *at = strstr(text, "rounds=");

	if (at == NULL)
		return usual;
	at += 7;
	return number(&at, ROUNDS_MOST);
}

#define TOO_LONG "one try would take minutes, or its cost cannot be read"

static const char *sha_crypt(const char *text, struct mr_password_hash *hash)
{
	long rounds = rounds_of(text, 5000);

	hash->weak = rounds < 5000 ? CHEAP " (5,000 rounds are the least)" : NULL;
	return rounds < 1 ? TOO_LONG : NULL;
}

static const char *bcrypt(const char *text, struct mr_password_hash *hash)
{
	const char *at = text + 4;
	long cost = strlen(text) == 60 ? number(&at, BCRYPT_MOST) : -1;

	hash->weak = cost < 10 ? CHEAP " (bcrypt wants a cost of 10 and more)" : NULL;
	return cost < 4 ? "one try would take minutes, or the hash is damaged" : NULL;
}

/* What is wrong with a text for crypt(3), NULL: nothing. *setting_r: its first bytes that are salt and cost. */
static const char *crypt_fault(const char *text, size_t n, struct mr_password_hash *hash, size_t *setting_r)
{
	const char *last = strrchr(text, '$');

	*setting_r = last != NULL ? (size_t)(last - text) + 1 : 0;
	if (text[0] == '$' && text[1] == '2' && n > 7) {
		*setting_r = n < 29 ? n : 29;
		return bcrypt(text, hash);
	}
	if (strncmp(text, "$5$", 3) == 0 || strncmp(text, "$6$", 3) == 0)
		return sha_crypt(text, hash);
	if (strncmp(text, "$y$", 3) == 0)
		return yescrypt_fault(text + 3);
	if (strncmp(text, "$gy$", 4) == 0)
		return yescrypt_fault(text + 4);
	if (strncmp(text, "$7$", 3) == 0)
		return scrypt_fault(text);
	hash->weak = OLD;
	if (strncmp(text, "$1$", 3) == 0 || strncmp(text, "$3$", 3) == 0)
		return NULL;
	if (strncmp(text, "$md5", 4) == 0)
		return rounds_of(text, 0) < 0 ? TOO_LONG : NULL;
	if (strncmp(text, "$sha1$", 6) == 0) {
		const char *at = text + 6;

		return number(&at, ROUNDS_MOST) < 1 ? TOO_LONG : NULL;
	}
	if (strncmp(text, "$apr1$", 6) == 0)
		return "Apache's MD5 scheme is not known here; it is obsolete and fast";
	if (text[0] == '_' && n == 20) {
		*setting_r = 9;
		return NULL;
	}
	hash->weak = "the scheme is obsolete: only the first 8 characters of a password count";
	*setting_r = 2;
	for (size_t i = 0; i < n; i++)
		if (digit64(text[i]) < 0)
			n = 0;
	return n == 13 ? NULL : "no scheme is known that looks so";
}

static void name_crypt(const char *text, struct mr_password_hash *hash)
{
	const char *end = text[0] == '$' ? strpbrk(text + 1, "$,") : NULL;

	if (end != NULL && end - text < 8)
		(void)snprintf(hash->scheme, sizeof(hash->scheme), "crypt %.*s$", (int)(end - text), text);
	else
		(void)snprintf(hash->scheme, sizeof(hash->scheme), "crypt %s", text[0] == '_' ? "BSDi" : "DES");
}

static int read_crypt(const char *text, size_t n, struct mr_password_hash *hash)
{
	size_t setting_n;
	const char *fault = crypt_fault(text, n, hash, &setting_n);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] > '~')
			fault = "no scheme is known that looks so";
	if (fault != NULL) {
		hash->weak = NULL;
		return untried(hash, fault);
	}
	hash->kind = MR_PASSWORD_CRYPT;
	return keep_both(hash, text, setting_n, text, n);
}

/* ---- The whole ---- */

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static int read_named(const char *name, enum encoding encoding, const char *text, size_t n,
		      struct mr_password_hash *hash)
{
	static const char *const crypts[] = { "CRYPT",	      "MD5",	      "MD5-CRYPT", "SHA256-CRYPT",
					      "SHA512-CRYPT", "BLF-CRYPT",    "DES-CRYPT", NULL };
	static const char *const plains[] = { "PLAIN", "CLEAR", "CLEARTEXT", NULL };
	static const char *const argons[] = { "ARGON2I", "ARGON2ID", "ARGON2", NULL };
	static const char *const weak_ones[] = { "CRAM-MD5", "HMAC-MD5", "DIGEST-MD5", "LANMAN", "RPA", "OTP", "SKEY",
						 NULL };

	if (is_one_of(name, plains))
		return read_plain(encoding, text, n, hash);
	if (is_one_of(name, crypts)) {
		if (strncmp(text, "$argon2", 7) == 0)
			return read_argon2(text, n, hash);
		if (strcmp(name, "CRYPT") == 0)
			name_crypt(text, hash);
		return read_crypt(text, n, hash);
	}
	if (is_one_of(name, argons))
		return read_argon2(text, n, hash);
	if (strcmp(name, "PBKDF2") == 0)
		return read_pbkdf2(text, n, hash);
	if (strcmp(name, "SCRAM-SHA-1") == 0)
		return read_scram(20, text, hash);
	if (strcmp(name, "SCRAM-SHA-256") == 0)
		return read_scram(32, text, hash);
	for (unsigned i = 0; i < DIGESTS; i++)
		if (strcmp(name, digests[i].scheme) == 0)
			return read_digest(i, encoding, text, n, hash);
	if (is_one_of(name, weak_ones)) {
		hash->weak = OLD;
		return untried(hash, "the scheme is weak, and not one that is tried here");
	}
	return untried(hash, "the scheme is not known here");
}

/* "{NAME.b64}": the name in capitals, and the encoding. 0, or -1 when it is no such thing. */
static int take_braces(const char *text, size_t n, char *name_r, size_t size, enum encoding *encoding_r,
		       size_t *behind_r)
{
	const char *end = memchr(text, '}', n);
	char *dot;

	*encoding_r = AS_USUAL;
	if (end == NULL || (size_t)(end - text) > size || end == text + 1)
		return -1;
	for (const char *p = text + 1; p < end; p++) {
		if (!isalnum((unsigned char)*p) && strchr("-._", *p) == NULL)
			return -1;
		name_r[p - text - 1] = (char)toupper((unsigned char)*p);
	}
	name_r[end - text - 1] = '\0';
	*behind_r = (size_t)(end - text) + 1;
	dot = strchr(name_r, '.');
	if (dot == NULL)
		return 0;
	*dot = '\0';
	*encoding_r = strcmp(dot + 1, "HEX") == 0 ? HEX : BASE64;
	return strcmp(dot + 1, "HEX") == 0 || strcmp(dot + 1, "B64") == 0 || strcmp(dot + 1, "BASE64") == 0 ? 0 : -1;
}

static int read_text(const char *text, size_t n, struct mr_password_hash *hash)
{
	enum encoding encoding;
	size_t behind;

	if (n == 0)
		return untried(hash, "the password is empty: some programs then ask for none; set one, or lock the account");
	if (text[0] == '!' || text[0] == '*' || (n == 1 && text[0] == 'x')) {
		hash->kind = MR_PASSWORD_LOCKED;
		return 0;
	}
	if (text[0] != '{') {
		name_crypt(text, hash);
		return strncmp(text, "$argon2", 7) == 0 ? read_argon2(text, n, hash) : read_crypt(text, n, hash);
	}
	if (take_braces(text, n, hash->scheme, sizeof(hash->scheme), &encoding, &behind) != 0) {
		(void)snprintf(hash->scheme, sizeof(hash->scheme), "unknown");
		return untried(hash, "the scheme in braces is not known here");
	}
	return read_named(hash->scheme, encoding, text + behind, n - behind, hash);
}

int mr_password_hash_read(const char *text, size_t n, struct mr_password_hash *hash_r)
{
	char room[MR_PASSWORD_STORED_MAX + 1];
	int err;

	*hash_r = (struct mr_password_hash){ .kind = MR_PASSWORD_UNTRIED };
	if (n > MR_PASSWORD_STORED_MAX || memchr(text, '\0', n) != NULL)
		return untried(hash_r, "it is longer than 511 bytes, or holds a NUL byte");
	memcpy(room, text, n);
	room[n] = '\0';
	err = read_text(room, n, hash_r);
	sodium_memzero(room, sizeof(room));
	if (err != 0)
		mr_password_hash_clear(hash_r);
	return err;
}
