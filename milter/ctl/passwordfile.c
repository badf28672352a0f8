/*
 * See passwordfile.h. Called by both password commands. What the stored password is worth: passwordscheme.c.
 */
#include "passwordfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The next part of a line up to a colon. Moves *at behind it. */
static const char *part(const char **at, const char *end, size_t *n_r)
{
	const char *begin = *at, *colon = begin < end ? memchr(begin, ':', (size_t)(end - begin)) : NULL;
	const char *stop = colon != NULL ? colon : end;

	*n_r = (size_t)(stop - begin);
	*at = colon != NULL ? colon + 1 : end;
	return begin;
}

static bool has_control(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return true;
	return false;
}

/* The person's name is the fifth part, up to a comma; the number there in a shadow file has no letters. */
static void read_name(const char *at, const char *end, struct mr_password_line *line)
{
	size_t n;
	const char *comma;

	(void)part(&at, end, &n);
	(void)part(&at, end, &n);
	line->name = part(&at, end, &line->name_n);
	comma = line->name_n > 0 ? memchr(line->name, ',', line->name_n) : NULL;
	if (comma != NULL)
		line->name_n = (size_t)(comma - line->name);
}

enum mr_password_line_kind mr_password_line_read(const char *text, size_t n, struct mr_password_line *line_r,
						 const char **fault_r)
{
	const char *at = text, *end = text + n;

	*line_r = (struct mr_password_line){ 0 };
	*fault_r = NULL;
	if (n == 0 || text[0] == '#' || (n == 1 && text[0] == '\r'))
		return MR_PASSWORD_LINE_NONE;
	if (end[-1] == '\r')
		end--;
	line_r->login = part(&at, end, &line_r->login_n);
	if (line_r->login + line_r->login_n == end)
		*fault_r = "no colon: user:password is wanted";
	else if (memchr(text, '\0', n) != NULL)
		*fault_r = "it holds a NUL byte";
	else if (line_r->login_n == 0)
		*fault_r = "the login is empty";
	else if (line_r->login_n > MR_PASSWORD_LOGIN_MAX)
		*fault_r = "the login is longer than 320 bytes";
	else if (has_control(line_r->login, line_r->login_n))
		*fault_r = "the login holds a control character";
	if (*fault_r != NULL)
		return MR_PASSWORD_LINE_FAULT;
	line_r->stored = part(&at, end, &line_r->stored_n);
	read_name(at, end, line_r);
	return MR_PASSWORD_LINE_ACCOUNT;
}

FILE *mr_password_open(const char *command, const char *file)
{
	int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	FILE *opened = NULL;

	if (fd < 0) {
		fprintf(stderr, "%s: %s: %s\n", command, file,
			errno == ELOOP ? "it is a symbolic link; name the file itself" : strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		opened = fdopen(fd, "r");
	else
		fprintf(stderr, "%s: %s: not a file\n", command, file);
	if (opened == NULL)
		close(fd);
	return opened;
}

long mr_password_next_line(FILE *file, char *room, size_t size)
{
	size_t n = 0;
	bool too_long = false;
	int c;

	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		if (n + 1 < size)
			room[n++] = (char)c;
		else
			too_long = true;
	}
	room[n] = '\0';
	if (too_long)
		return -2;
	return c == EOF && n == 0 ? -1 : (long)n;
}
