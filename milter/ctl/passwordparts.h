/* What passwordwork.c and passwordaccounts.c know of the work and nobody else. */
#ifndef MR_MILTER_CTL_PASSWORDPARTS_H
#define MR_MILTER_CTL_PASSWORDPARTS_H

#include "passwordwork.h"

enum mr_password_stage {
	MR_PASSWORD_HEAD,    /* the first of the list */
	MR_PASSWORD_OWN,     /* variations of login, name and domain */
	MR_PASSWORD_STOCK,   /* variations of words that many use */
	MR_PASSWORD_CAPITAL, /* the first of the list with a capital letter */
	MR_PASSWORD_REST,
	MR_PASSWORD_STAGES,
};

struct mr_password_group {
	size_t begin, end; /* in order */
	_Atomic size_t live;
};

struct mr_password_work {
	struct mr_password_account **accounts; /* as in the file */
	size_t n, room, faults;
	unsigned char file_mark[32];
	struct mr_password_account **order; /* those that can be tried, by salt and digest */
	struct mr_password_group *groups;
	size_t groups_n;
	const struct mr_password_list *list;
	struct mr_password_words *stock;
	int year;
	size_t stage[MR_PASSWORD_STAGES + 1]; /* the first position of each, and their number */
	double weight;
};

#endif
