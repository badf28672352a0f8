/*
 * One stored password: what scheme it is of, what is weak about that, and whether a candidate is the password.
 * Known are the schemes of libxcrypt, and those of Dovecot in braces, with ".b64" and ".hex" behind the name.
 *
 * Thread-safe as long as each thread has its own room.
 */
#ifndef MR_MILTER_CTL_PASSWORDHASH_H
#define MR_MILTER_CTL_PASSWORDHASH_H

#include <stdbool.h>
#include <stddef.h>

enum {
	MR_PASSWORD_STORED_MAX = 511, /* bytes of a stored password */
	MR_PASSWORD_TRY_MAX = 128,    /* bytes of a candidate */
};

enum mr_password_kind {
	MR_PASSWORD_UNTRIED, /* cannot be tried; fault says why */
	MR_PASSWORD_LOCKED,  /* nobody can log in with a password */
	MR_PASSWORD_PLAIN,
	MR_PASSWORD_DIGEST,
	MR_PASSWORD_CRYPT,
	MR_PASSWORD_ARGON2,
	MR_PASSWORD_PBKDF2,
	MR_PASSWORD_SCRAM,
};

/* Stored passwords with the same kind, variant and setting have the same digest for the same password. */
struct mr_password_hash {
	enum mr_password_kind kind;
	unsigned variant;      /* which digest */
	unsigned rounds;       /* of PBKDF2 and SCRAM */
	const char *weak;      /* what is weak about the scheme; NULL: nothing. A constant. */
	const char *fault;     /* of MR_PASSWORD_UNTRIED. A constant. */
	char scheme[24];       /* for people */
	unsigned char *setting; /* the salt, or what libxcrypt takes for it; ends with a NUL that does not count */
	size_t setting_n;
	unsigned char *digest;
	size_t digest_n;
};

/* Reads what stands in a file for the password, n bytes without a NUL. Every text gives a hash: one that makes no sense
 * is MR_PASSWORD_UNTRIED. 0; -1: no memory. mr_password_hash_clear wipes and frees what it points to. */
int mr_password_hash_read(const char *text, size_t n, struct mr_password_hash *hash_r);
void mr_password_hash_clear(struct mr_password_hash *hash);
/* Orders by kind, variant, rounds and setting: 0 where one try serves both. */
int mr_password_hash_order(const struct mr_password_hash *a, const struct mr_password_hash *b);

/* What a thread needs to try. Holds secrets; freeing wipes it. NULL: no memory. */
struct mr_password_room;
struct mr_password_room *mr_password_room_new(void);
void mr_password_room_free(struct mr_password_room **room);

enum mr_password_outcome {
	MR_PASSWORD_MADE,    /* *digest_r is to be compared */
	MR_PASSWORD_NOT_IT,  /* cannot be the password */
	MR_PASSWORD_DAMAGED, /* the setting is none: no candidate will ever fit */
};

/* The digest of a candidate of at most MR_PASSWORD_TRY_MAX bytes without a NUL under the setting of like. It is in the
 * room until the next try. Of Argon2 the digest is empty, and made only for the password itself. */
enum mr_password_outcome mr_password_try(const struct mr_password_hash *like, const char *candidate, size_t n,
					 struct mr_password_room *room, const unsigned char **digest_r, size_t *n_r);

#endif
