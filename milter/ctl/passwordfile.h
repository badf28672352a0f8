/*
 * Files of accounts and their stored passwords: Dovecot's passwd-file, and what looks like /etc/passwd or /etc/shadow.
 */
#ifndef MR_MILTER_CTL_PASSWORDFILE_H
#define MR_MILTER_CTL_PASSWORDFILE_H

#include <stddef.h>
#include <stdio.h>

enum {
	MR_PASSWORD_LINE_MAX = 8192, /* bytes of a line */
	MR_PASSWORD_LOGIN_MAX = 320,
};

/* A line; all parts point into it, and none ends with a NUL. */
struct mr_password_line {
	const char *login, *stored, *name; /* name: of the person, may be empty */
	size_t login_n, stored_n, name_n;
};

enum mr_password_line_kind { MR_PASSWORD_LINE_NONE, MR_PASSWORD_LINE_ACCOUNT, MR_PASSWORD_LINE_FAULT };

/* Reads n bytes without the line's end. Nothing: an empty line, a comment. *fault_r: a constant, of a fault. */
enum mr_password_line_kind mr_password_line_read(const char *text, size_t n, struct mr_password_line *line_r,
						 const char **fault_r);

/* Opens a file for reading, only itself and only a regular one: no symbolic link, no device. "-" is not special. Says
 * why it cannot. NULL then. */
FILE *mr_password_open(const char *command, const char *file);

/* The next line without its end, as a text in room; the number of its bytes, which may hold NULs. -1: no more, or an
 * error, see ferror. -2: the line is too long, and was passed over. */
long mr_password_next_line(FILE *file, char *room, size_t size);

#endif
