/*
 * Lists of bad passwords, one a line, the most common first. Several files make one list without doubles. Lines that begin
 * with "#!comment" are passed over, as John the Ripper does. Read-only once filled: then safe for threads.
 */
#ifndef MR_MILTER_CTL_PASSWORDLIST_H
#define MR_MILTER_CTL_PASSWORDLIST_H

#include <stdbool.h>
#include <stddef.h>

struct mr_password_list;

struct mr_password_list *mr_password_list_new(void);
/* Adds at most most words of a file. Says what is wrong with it, as command. 0 or -1. */
int mr_password_list_add(struct mr_password_list *list, const char *command, const char *file, size_t most);
void mr_password_list_free(struct mr_password_list **list);

size_t mr_password_list_count(const struct mr_password_list *list);
/* A word; ends with a NUL that *n_r does not count. */
const char *mr_password_list_at(const struct mr_password_list *list, size_t i, size_t *n_r);
/* In which file a word stands, without folders, and the how manieth it is there, from 1. */
const char *mr_password_list_where(const struct mr_password_list *list, size_t i, size_t *rank_r);
/* Whether a text is on the list, and where. */
bool mr_password_list_find(const struct mr_password_list *list, const char *text, size_t n, size_t *i_r);
/* 32 bytes that change with the list's words. */
void mr_password_list_mark(const struct mr_password_list *list, unsigned char mark_r[32]);

#endif
