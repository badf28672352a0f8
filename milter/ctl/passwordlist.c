/*
 * See passwordlist.h. Words lie one behind the other, with a table of hashes to find them. Called by both password commands.
 */
#include "passwordlist.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "passwordfile.h"
#include "passwordhash.h"

enum { FILES_MOST = 16 };
#define BYTES_MOST ((size_t)1 << 30)

struct mr_password_list {
	char *bytes;
	size_t bytes_n, bytes_room;
	uint32_t *begin, *rank;
	size_t n, room;
	uint32_t *table; /* indexes plus one; a power of two */
	size_t table_n;
	char *file[FILES_MOST];
	size_t first[FILES_MOST];
	size_t files;
};

struct mr_password_list *mr_password_list_new(void)
{
	return calloc(1, sizeof(struct mr_password_list));
}

void mr_password_list_free(struct mr_password_list **list)
{
	if (*list == NULL)
		return;
	for (size_t i = 0; i < (*list)->files; i++)
		free((*list)->file[i]);
	free((*list)->bytes);
	free((*list)->begin);
	free((*list)->rank);
	free((*list)->table);
	free(*list);
	*list = NULL;
}

static uint64_t hash_of(const char *text, size_t n)
{
	static const unsigned char key[crypto_shorthash_KEYBYTES] = "mailreeve words";
	uint64_t value = 0;

	(void)crypto_shorthash((unsigned char *)&value, (const unsigned char *)text, n, key);
	return value;
}

static size_t length_at(const struct mr_password_list *list, size_t i)
{
	size_t end = i + 1 < list->n ? list->begin[i + 1] : list->bytes_n;

	return end - list->begin[i] - 1;
}

/* The place of a text in the table, or the empty one for it. */
static size_t place_of(const struct mr_password_list *list, const char *text, size_t n)
{
	size_t at = (size_t)hash_of(text, n) & (list->table_n - 1);

	while (list->table[at] != 0) {
		size_t i = list->table[at] - 1;

		if (length_at(list, i) == n && memcmp(list->bytes + list->begin[i], text, n) == 0)
			break;
		at = (at + 1) & (list->table_n - 1);
	}
	return at;
}

static int make_table(struct mr_password_list *list, size_t size)
{
	uint32_t *table = calloc(size, sizeof(*table));

	if (table == NULL)
		return -1;
	free(list->table);
	list->table = table;
	list->table_n = size;
	for (size_t i = 0; i < list->n; i++)
		table[place_of(list, list->bytes + list->begin[i], length_at(list, i))] = (uint32_t)i + 1;
	return 0;
}

static int grow(uint32_t **numbers, size_t room)
{
	uint32_t *grown = realloc(*numbers, room * sizeof(*grown));

	if (grown == NULL)
		return -1;
	*numbers = grown;
	return 0;
}

static int make_room(struct mr_password_list *list, size_t n)
{
	if (list->bytes_n + n + 1 > list->bytes_room) {
		size_t room = list->bytes_room == 0 ? 1 << 19 : 2 * list->bytes_room;
		char *grown = room <= BYTES_MOST ? realloc(list->bytes, room) : NULL;

		if (grown == NULL)
			return -1;
		list->bytes = grown;
		list->bytes_room = room;
	}
	if (list->n == list->room) {
		size_t room = list->room == 0 ? 1 << 16 : 2 * list->room;

		if (grow(&list->begin, room) != 0 || grow(&list->rank, room) != 0)
			return -1;
		list->room = room;
	}
	return 2 * (list->n + 1) > list->table_n ? make_table(list, list->table_n == 0 ? 1 << 17 : 2 * list->table_n) : 0;
}

static int add(struct mr_password_list *list, const char *word, size_t n, size_t rank)
{
	size_t place;

	if (make_room(list, n) != 0)
		return -1;
	place = place_of(list, word, n);
	if (list->table[place] != 0)
		return 0;
	list->begin[list->n] = (uint32_t)list->bytes_n;
	list->rank[list->n] = (uint32_t)rank;
	memcpy(list->bytes + list->bytes_n, word, n);
	list->bytes[list->bytes_n + n] = '\0';
	list->bytes_n += n + 1;
	list->table[place] = (uint32_t)++list->n;
	return 0;
}

/* Returns -1 without memory. */
static int add_lines(struct mr_password_list *list, FILE *file, size_t most)
{
	char room[MR_PASSWORD_TRY_MAX + 2];
	size_t rank = 0;
	long n;

	while (rank < most && (n = mr_password_next_line(file, room, sizeof(room))) != -1) {
		if (n > 0 && room[n - 1] == '\r')
			room[--n] = '\0';
		if (n <= 0 || n > MR_PASSWORD_TRY_MAX || memchr(room, '\0', (size_t)n) != NULL ||
		    strncmp(room, "#!comment", 9) == 0)
			continue;
		if (add(list, room, (size_t)n, ++rank) != 0)
			return -1;
	}
	return 0;
}

int mr_password_list_add(struct mr_password_list *list, const char *command, const char *file, size_t most)
{
	const char *slash = strrchr(file, '/');
	FILE *opened;
	int err, broken;

	if (list->files == FILES_MOST) {
		fprintf(stderr, "%s: %s: at most %d lists at a time\n", command, file, FILES_MOST);
		return -1;
	}
	opened = mr_password_open(command, file);
	if (opened == NULL)
		return -1;
	list->first[list->files] = list->n;
	list->file[list->files] = strdup(slash != NULL ? slash + 1 : file);
	err = list->file[list->files] != NULL ? 0 : -1;
	list->files++;
	if (err == 0)
		err = add_lines(list, opened, most);
	broken = ferror(opened);
	(void)fclose(opened);
	if (err != 0)
		fprintf(stderr, "%s: %s: the list does not fit into memory; use less of it (--limit)\n", command, file);
	else if (broken)
		fprintf(stderr, "%s: %s: it cannot be read to its end\n", command, file);
	return err != 0 || broken ? -1 : 0;
}

size_t mr_password_list_count(const struct mr_password_list *list)
{
	return list->n;
}

const char *mr_password_list_at(const struct mr_password_list *list, size_t i, size_t *n_r)
{
	*n_r = length_at(list, i);
	return list->bytes + list->begin[i];
}

const char *mr_password_list_where(const struct mr_password_list *list, size_t i, size_t *rank_r)
{
	size_t file = list->files;

	while (file > 1 && list->first[file - 1] > i)
		file--;
	*rank_r = list->rank[i];
	return list->file[file - 1];
}

bool mr_password_list_find(const struct mr_password_list *list, const char *text, size_t n, size_t *i_r)
{
	size_t place;

	if (list->table_n == 0)
		return false;
	place = place_of(list, text, n);
	*i_r = list->table[place] - 1;
	return list->table[place] != 0;
}

void mr_password_list_mark(const struct mr_password_list *list, unsigned char mark_r[32])
{
	(void)crypto_generichash(mark_r, 32, (const unsigned char *)list->bytes, list->bytes_n, NULL, 0);
}
