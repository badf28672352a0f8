/*
 * See passwordwork.h: the accounts of an audit, read from a file and wiped at the end. Called by passwordaudit.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "passwordfile.h"
#include "passwordparts.h"

enum { FAULTS_SAID = 20 };

struct mr_password_work *mr_password_work_new(void)
{
	return calloc(1, sizeof(struct mr_password_work));
}

static void free_account(struct mr_password_account *account)
{
	mr_password_hash_clear(&account->hash);
	free(account->login);
	free(account);
}

void mr_password_work_free(struct mr_password_work **work)
{
	if (*work == NULL)
		return;
	for (size_t i = 0; i < (*work)->n; i++)
		free_account((*work)->accounts[i]);
	free((*work)->accounts);
	free((*work)->order);
	free((*work)->groups);
	free((*work)->stock);
	free(*work);
	*work = NULL;
}

static int make_room(struct mr_password_work *work)
{
	size_t room = work->room == 0 ? 1024 : 2 * work->room;
	struct mr_password_account **grown;

	if (work->n < work->room)
		return 0;
	grown = realloc(work->accounts, room * sizeof(struct mr_password_account *));
	if (grown == NULL)
		return -1;
	work->accounts = grown;
	work->room = room;
	return 0;
}

static int add(struct mr_password_work *work, const struct mr_password_line *line, size_t number, const char *domain)
{
	struct mr_password_account *account = calloc(1, sizeof(*account));

	if (account == NULL || make_room(work) != 0) {
		free(account);
		return -1;
	}
	account->line = number;
	account->login = strndup(line->login, line->login_n);
	if (account->login == NULL || mr_password_hash_read(line->stored, line->stored_n, &account->hash) != 0) {
		free_account(account);
		return -1;
	}
	mr_password_words_of(line->login, line->login_n, line->name, line->name_n, domain, &account->words);
	work->accounts[work->n++] = account;
	return 0;
}

static void fault(struct mr_password_work *work, const char *command, const char *file, size_t number, const char *why)
{
	if (work->faults++ < FAULTS_SAID)
		fprintf(stderr, "%s: %s:%zu: %s; the line is passed over\n", command, file, number, why);
}

static int read_lines(struct mr_password_work *work, const char *command, const char *name, FILE *file,
		      const char *domain)
{
	char room[MR_PASSWORD_LINE_MAX + 1];
	crypto_generichash_state state;
	struct mr_password_line line;
	const char *why;
	size_t number = 0;
	int err = 0;
	long n;

	(void)crypto_generichash_init(&state, NULL, 0, sizeof(work->file_mark));
	while (err == 0 && (n = mr_password_next_line(file, room, sizeof(room))) != -1) {
		number++;
		if (n < 0) {
			fault(work, command, name, number, "longer than 8192 bytes");
			continue;
		}
		(void)crypto_generichash_update(&state, (unsigned char *)room, (size_t)n + 1);
		switch (mr_password_line_read(room, (size_t)n, &line, &why)) {
		case MR_PASSWORD_LINE_NONE:
			break;
		case MR_PASSWORD_LINE_ACCOUNT:
			err = add(work, &line, number, domain);
			break;
		case MR_PASSWORD_LINE_FAULT:
			fault(work, command, name, number, why);
			break;
		}
	}
	if (domain != NULL)
		(void)crypto_generichash_update(&state, (const unsigned char *)domain, strlen(domain));
	(void)crypto_generichash_final(&state, work->file_mark, sizeof(work->file_mark));
	sodium_memzero(room, sizeof(room));
	return err;
}

int mr_password_work_read(struct mr_password_work *work, const char *command, const char *file, const char *domain)
{
	FILE *opened = mr_password_open(command, file);
	int err, broken;

	if (opened == NULL)
		return -1;
	err = read_lines(work, command, file, opened, domain);
	broken = ferror(opened);
	(void)fclose(opened);
	if (work->faults > FAULTS_SAID)
		fprintf(stderr, "%s: %s: %zu more lines are passed over\n", command, file, work->faults - FAULTS_SAID);
	if (err != 0)
		fprintf(stderr, "%s: %s: out of memory\n", command, file);
	else if (broken)
		fprintf(stderr, "%s: %s: it cannot be read to its end\n", command, file);
	return err != 0 || broken ? -1 : 0;
}

size_t mr_password_work_faults(const struct mr_password_work *work)
{
	return work->faults;
}

size_t mr_password_work_accounts(const struct mr_password_work *work)
{
	return work->n;
}

struct mr_password_account *mr_password_work_account(struct mr_password_work *work, size_t i)
{
	return work->accounts[i];
}
