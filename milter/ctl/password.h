/* What the commands mailreeve passwords check and mailreeve passwords audit share. */
#ifndef MR_MILTER_CTL_PASSWORD_H
#define MR_MILTER_CTL_PASSWORD_H

#include "passwordlist.h"

/* The list that ships. */
#define MR_PASSWORD_COMMON MR_DATADIR "/mailreeve/passwords.txt"

/* Exit statuses. */
enum { MR_PASSWORDS_GOOD = 0, MR_PASSWORDS_WEAK = 1, MR_PASSWORDS_FAULT = 2, MR_PASSWORDS_UNTOLD = 3, MR_PASSWORDS_PART = 4 };

enum { MR_PASSWORD_LISTS_MOST = 15 };

/* Which lists to read, in the order of the command line. */
struct mr_password_lists {
	const char *common; /* NULL: the one that ships */
	const char *own[MR_PASSWORD_LISTS_MOST];
	size_t own_n;
	size_t most; /* words of each */
};

/* false: too many, which was said. */
bool mr_password_lists_take(struct mr_password_lists *lists, const char *command, const char *file);
/* The list of all, or NULL, which was said. */
struct mr_password_list *mr_password_lists_read(const struct mr_password_lists *lists, const char *command);

/* A decimal number from least to most; -1: it is none. */
long mr_password_number(const char *text, long least, long most);

int mr_password_check(int argc, char **argv);
int mr_password_audit(int argc, char **argv);

#endif
