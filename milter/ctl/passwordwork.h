/*
 * The work of an audit: which candidate is tried on which accounts, in which order, and what was found. It is cut into
 * units, numbered so that the likeliest candidates come first for all accounts. A unit is one candidate and one group;
 * a group is the accounts whose stored passwords have the same salt, so that one try serves them all.
 *
 * Filled by one thread; then mr_password_work_do may be called by many at a time, each with other units and its own room.
 */
#ifndef MR_MILTER_CTL_PASSWORDWORK_H
#define MR_MILTER_CTL_PASSWORDWORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "passwordhash.h"
#include "passwordlist.h"
#include "passwordvary.h"

struct mr_password_account {
	char *login;
	size_t line;
	struct mr_password_hash hash;
	struct mr_password_words words;
	_Atomic size_t found;  /* the candidate's position plus one; 0: none */
	_Atomic bool damaged;  /* no candidate can ever fit */
};

struct mr_password_work;

struct mr_password_work *mr_password_work_new(void);
void mr_password_work_free(struct mr_password_work **work);

/* Reads a file of accounts. domain: of logins without one, or NULL. Faulty lines are said, as command, and counted.
 * 0 or -1, which was said. */
int mr_password_work_read(struct mr_password_work *work, const char *command, const char *file, const char *domain);
size_t mr_password_work_faults(const struct mr_password_work *work);
size_t mr_password_work_accounts(const struct mr_password_work *work);
struct mr_password_account *mr_password_work_account(struct mr_password_work *work, size_t i);

/* Ends the filling. list stays the caller's and must live as long. year: of today, for candidates with years. only_lists:
 * no variations, just the words of the list. 0, or -1 without memory. */
int mr_password_work_plan(struct mr_password_work *work, const struct mr_password_list *list, int year, bool only_lists);
/* 32 bytes that change with the accounts, the list and the year. */
void mr_password_work_mark(const struct mr_password_work *work, unsigned char mark_r[32]);
int mr_password_work_year(const struct mr_password_work *work);

size_t mr_password_work_units(const struct mr_password_work *work);
/* All units together. */
double mr_password_work_weight(const struct mr_password_work *work);

/* Does a unit. stop: ends it early. *weight_r: its share of the whole. Returns the tries that were computed. */
uint64_t mr_password_work_do(struct mr_password_work *work, size_t unit, struct mr_password_room *room,
			     const _Atomic bool *stop, double *weight_r);
/* Takes over what an earlier run found. false: there is no such account or position. */
bool mr_password_work_found(struct mr_password_work *work, size_t line, size_t position);

/* How the candidate of a position was come by. Constants and texts of the list. */
struct mr_password_how {
	const char *list; /* NULL: not from a list */
	size_t rank;
	const char *source; /* "the login"; "" for a list */
	const char *form, *ending; /* may be "" */
};
void mr_password_work_how(const struct mr_password_work *work, const struct mr_password_account *account,
			  size_t position, struct mr_password_how *how_r);

#endif
