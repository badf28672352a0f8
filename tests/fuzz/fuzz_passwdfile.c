/*
 * Fuzz target: files of stored passwords, milter/ctl/passwordfile.h, passwordhash.h and passwordvary.h. Each line is read as
 * the audit reads it, variations of its login are tried where that is quick, and the same line gives the same again.
 */
#include <string.h>

#include "../../milter/ctl/passwordfile.h"
#include "../../milter/ctl/passwordhash.h"
#include "../../milter/ctl/passwordvary.h"
#include "fuzz.h"

enum { LINES_MOST = 64, STEP = 97 };

static bool is_quick(const struct mr_password_hash *hash)
{
	return hash->kind == MR_PASSWORD_PLAIN || hash->kind == MR_PASSWORD_DIGEST ||
	       ((hash->kind == MR_PASSWORD_PBKDF2 || hash->kind == MR_PASSWORD_SCRAM) && hash->rounds < 100);
}

static void check_hash(const struct mr_password_hash *hash)
{
	MUST(memchr(hash->scheme, '\0', sizeof(hash->scheme)) != NULL);
	MUST((hash->fault != NULL) == (hash->kind == MR_PASSWORD_UNTRIED));
	MUST(hash->setting_n <= MR_PASSWORD_STORED_MAX && hash->digest_n <= MR_PASSWORD_STORED_MAX);
	MUST(mr_password_hash_order(hash, hash) == 0);
	if (hash->kind == MR_PASSWORD_CRYPT || hash->kind == MR_PASSWORD_ARGON2)
		MUST(hash->setting != NULL && hash->setting_n > 0);
	if (hash->kind == MR_PASSWORD_CRYPT)
		MUST(hash->setting_n <= hash->digest_n && memcmp(hash->setting, hash->digest, hash->setting_n) == 0);
	MUST(hash->kind != MR_PASSWORD_PBKDF2 || (hash->digest_n == 20 && hash->rounds > 0));
}

static void try_words(const struct mr_password_words *words, const struct mr_password_hash *hash)
{
	struct mr_password_room *room = mr_password_room_new();
	char candidate[MR_PASSWORD_TRY_MAX];
	const unsigned char *digest;
	size_t count = mr_password_vary_count(words), n, digest_n;

	MUST(room != NULL && words->n <= MR_PASSWORD_WORDS_MOST);
	for (size_t i = 0; i < count; i += STEP) {
		const char *source, *form, *ending;

		mr_password_vary_how(words, i, &source, &form, &ending);
		MUST(source != NULL && form != NULL && ending != NULL);
		if (!mr_password_vary(words, i, 2026, candidate, sizeof(candidate), &n))
			continue;
		MUST(n > 0 && n <= sizeof(candidate) && memchr(candidate, '\0', n) == NULL);
		if (is_quick(hash) && mr_password_try(hash, candidate, n, room, &digest, &digest_n) == MR_PASSWORD_MADE)
			MUST(digest != NULL && (hash->kind == MR_PASSWORD_PLAIN || digest_n == hash->digest_n));
	}
	mr_password_room_free(&room);
	MUST(room == NULL);
}

static void check_account(const struct mr_password_line *line)
{
	struct mr_password_hash hash, again;
	struct mr_password_words words;

	MUST(line->login_n > 0 && line->login_n <= MR_PASSWORD_LOGIN_MAX);
	MUST(memchr(line->login, ':', line->login_n) == NULL && memchr(line->stored, ':', line->stored_n) == NULL);
	MUST(mr_password_hash_read(line->stored, line->stored_n, &hash) == 0);
	MUST(mr_password_hash_read(line->stored, line->stored_n, &again) == 0);
	MUST(mr_password_hash_order(&hash, &again) == 0 && hash.weak == again.weak && hash.fault == again.fault);
	check_hash(&hash);
	mr_password_words_of(line->login, line->login_n, line->name, line->name_n, "example.com", &words);
	try_words(&words, &hash);
	mr_password_hash_clear(&hash);
	mr_password_hash_clear(&again);
	MUST(hash.setting == NULL && hash.digest == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char room[MR_PASSWORD_LINE_MAX + 1];
	FILE *file = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	struct mr_password_line line;
	const char *fault;
	long n;

	if (file == NULL)
		return 0;
	for (int i = 0; i < LINES_MOST && (n = mr_password_next_line(file, room, sizeof(room))) != -1; i++) {
		if (n < 0)
			continue;
		MUST(room[n] == '\0' && memchr(room, '\n', (size_t)n) == NULL);
		switch (mr_password_line_read(room, (size_t)n, &line, &fault)) {
		case MR_PASSWORD_LINE_NONE:
			MUST(fault == NULL);
			break;
		case MR_PASSWORD_LINE_FAULT:
			MUST(fault != NULL);
			break;
		case MR_PASSWORD_LINE_ACCOUNT:
			check_account(&line);
			break;
		}
	}
	fclose(file);
	return 0;
}
