/*
 * What people make of their login, their name, their domain and of words such as "summer": candidates, the likeliest first.
 * Each position is one candidate or none; the same position gives the same candidate in the same year. Pure.
 */
#ifndef MR_MILTER_CTL_PASSWORDVARY_H
#define MR_MILTER_CTL_PASSWORDVARY_H

#include <stdbool.h>
#include <stddef.h>

enum mr_password_source {
	MR_PASSWORD_OF_LOGIN,
	MR_PASSWORD_OF_PART, /* of the login */
	MR_PASSWORD_OF_NAME,
	MR_PASSWORD_OF_DOMAIN,
	MR_PASSWORD_OF_STOCK, /* seasons, greetings */
};

enum { MR_PASSWORD_WORDS_MOST = 10, MR_PASSWORD_WORD_MAX = 64, MR_PASSWORD_WORDS_ROOM = 240 };

/* Base words of one account, small letters. */
struct mr_password_words {
	unsigned char n;
	unsigned char source[MR_PASSWORD_WORDS_MOST];
	unsigned char begin[MR_PASSWORD_WORDS_MOST + 1];
	char text[MR_PASSWORD_WORDS_ROOM];
};

/* Of a login and a person's name, which need no NUL; domain: a text for logins without one, or NULL. */
void mr_password_words_of(const char *login, size_t login_n, const char *name, size_t name_n, const char *domain,
			  struct mr_password_words *words_r);
/* Adds a word of n bytes when there is room, it has 3 bytes or more, and it is new. */
void mr_password_words_add(struct mr_password_words *words, enum mr_password_source source, const char *word, size_t n);

/* Words that belong to no account, in several sets. */
size_t mr_password_stock_sets(void);
void mr_password_stock(size_t set, struct mr_password_words *words_r);

/* Positions there are for words. */
size_t mr_password_vary_count(const struct mr_password_words *words);
/* The candidate at a position, at most size bytes and no NUL. false: there is none, or another position has it. */
bool mr_password_vary(const struct mr_password_words *words, size_t position, int year, char *room, size_t size,
		      size_t *n_r);
/* How the candidate at a position was made, constants: "login", "capital letter" (or ""), "a year" (or ""). */
void mr_password_vary_how(const struct mr_password_words *words, size_t position, const char **source_r,
			  const char **form_r, const char **ending_r);

#endif
