/*
 * The state file of an audit that goes on later: how far it is, and at which candidates accounts were guessed. No
 * password, no hash and no login is in it; it is readable only for its owner all the same, since who has the list too
 * can tell a password from its place on it.
 */
#ifndef MR_MILTER_CTL_PASSWORDRESUME_H
#define MR_MILTER_CTL_PASSWORDRESUME_H

#include "passwordcrew.h"

/* The year of a state file, for candidates with years, and whether there is one. 0: none; -1: it was said what is wrong. */
int mr_password_resume_year(const char *command, const char *file);
/* Takes a state file over into the work and its progress. 0: done, or there is none. -1: it was said what is wrong. */
int mr_password_resume_read(const char *command, const char *file, struct mr_password_work *work,
			    struct mr_password_progress *progress_r);
/* Writes it anew, whole or not at all. 0, or -1, which was said. */
int mr_password_resume_write(const char *command, const char *file, struct mr_password_work *work,
			     const struct mr_password_progress *progress);

#endif
