/*
 * Whether a password is strong enough, and if not why: by zxcvbn, by lists of bad passwords, by the login and the domain,
 * and by its length. Not thread-safe only as far as zxcvbn is not; bounded for every input.
 */
#ifndef MR_MILTER_CTL_PASSWORDJUDGE_H
#define MR_MILTER_CTL_PASSWORDJUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "passwordlist.h"
#include "passwordvary.h"

/* Each is one reason; the first ones make a password weak by themselves, the others explain a low score. */
enum mr_password_reason {
	MR_PASSWORD_SHORT,
	MR_PASSWORD_LISTED,
	MR_PASSWORD_NEAR_LISTED, /* a listed one with little around it */
	MR_PASSWORD_HAS_LOGIN,
	MR_PASSWORD_HAS_DOMAIN,
	MR_PASSWORD_HAS_WORD, /* of the site */
	MR_PASSWORD_GUESSABLE, /* the score is too low */
	MR_PASSWORD_WALK,
	MR_PASSWORD_REPEATS,
	MR_PASSWORD_SEQUENCE,
	MR_PASSWORD_DATE,
	MR_PASSWORD_DICTIONARY,
	MR_PASSWORD_REASONS,
};

struct mr_password_rules {
	const struct mr_password_list *bad;
	const struct mr_password_list *site; /* may be NULL */
	struct mr_password_words own;        /* of the login; may be empty */
	int score;                           /* the least, 0 to 4 */
	size_t length;                       /* the least, in characters */
};

struct mr_password_verdict {
	bool weak;
	bool reason[MR_PASSWORD_REASONS];
	int score;          /* 0 to 4, as zxcvbn counts */
	double log_guesses; /* tries until it is found, decimal logarithm */
	const char *list;   /* of MR_PASSWORD_LISTED and MR_PASSWORD_NEAR_LISTED */
	size_t rank;
};

enum { MR_PASSWORD_JUDGED_MAX = 100, MR_PASSWORD_WHY_MAX = 900 };

/* text: n bytes without a NUL. zxcvbn gets its first MR_PASSWORD_JUDGED_MAX bytes. */
void mr_password_judge(const char *text, size_t n, const struct mr_password_rules *rules,
		       struct mr_password_verdict *verdict_r);
/* A sentence for people. Does not hold the password. */
const char *mr_password_why(const struct mr_password_verdict *verdict, const struct mr_password_rules *rules,
			    char room[MR_PASSWORD_WHY_MAX]);
/* A reason's id: "short". */
const char *mr_password_reason_id(enum mr_password_reason reason);

#endif
