/* What an audit found, for people and as JSON. Never a password. */
#ifndef MR_MILTER_CTL_PASSWORDREPORT_H
#define MR_MILTER_CTL_PASSWORDREPORT_H

#include <jansson.h>

#include "passwordcrew.h"

enum mr_password_result {
	MR_PASSWORD_GUESSED,
	MR_PASSWORD_NOT_GUESSED,
	MR_PASSWORD_SHUT,     /* nobody can log in with a password */
	MR_PASSWORD_NO_TRIAL, /* it cannot be tried */
};

enum mr_password_result mr_password_result_of(const struct mr_password_account *account);
/* A login as JSON: escaped when it is not UTF-8. */
json_t *mr_password_login(const struct mr_password_account *account);

/* Prints the result for each account, the weak schemes, and a summary. file: the accounts'. */
void mr_password_report(struct mr_password_work *work, const char *file, const struct mr_password_progress *progress);
/* The same as JSON: an object a line for each account, and one with the summary. */
void mr_password_report_json(struct mr_password_work *work, const struct mr_password_progress *progress);

/* How many accounts have a result. */
size_t mr_password_count(struct mr_password_work *work, enum mr_password_result result);

#endif
