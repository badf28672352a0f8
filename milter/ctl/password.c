/*
 * mailreeve passwords: which of the two commands is meant, what both share, and that this process leaves no secret
 * behind: no core dump, no other process looks into it, and freed memory is overwritten, also that of the libraries.
 */
#include "password.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <sodium.h>

#include "ctl.h"

enum { FREED_BYTE = 0x5a };

bool mr_password_lists_take(struct mr_password_lists *lists, const char *command, const char *file)
{
	if (lists->own_n == MR_PASSWORD_LISTS_MOST) {
		fprintf(stderr, "%s: at most %d lists of your own\n", command, MR_PASSWORD_LISTS_MOST);
		return false;
	}
	lists->own[lists->own_n++] = file;
	return true;
}

struct mr_password_list *mr_password_lists_read(const struct mr_password_lists *lists, const char *command)
{
	struct mr_password_list *list = mr_password_list_new();
	const char *common = lists->common != NULL ? lists->common : MR_PASSWORD_COMMON;
	int err = list == NULL ? -1 : mr_password_list_add(list, command, common, lists->most);

	if (list == NULL)
		fprintf(stderr, "%s: out of memory\n", command);
	else if (err != 0 && lists->common == NULL)
		fprintf(stderr, "%s: the list of common passwords is part of Mailreeve; where it is not installed, name it "
			"with --common\n", command);
	for (size_t i = 0; err == 0 && i < lists->own_n; i++)
		err = mr_password_list_add(list, command, lists->own[i], lists->most);
	if (err != 0)
		mr_password_list_free(&list);
	return list;
}

long mr_password_number(const char *text, long least, long most)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && value >= least && value <= most ? value : -1;
}

static void keep_secrets(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)mallopt(M_PERTURB, FREED_BYTE);
}

int mr_ctl_passwords(int argc, char **argv)
{
	static const char usage[] =
		"usage: mailreeve passwords check [OPTION...] [FILE|-]   are these passwords strong enough?\n"
		"       mailreeve passwords audit [OPTION...] FILE       which accounts of a file have weak ones?\n"
		"\n"
		"mailreeve passwords check --help and mailreeve passwords audit --help tell more.\n";
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0) {
		fputs(usage, stdout);
		return MR_PASSWORDS_GOOD;
	}
	keep_secrets();
	if (sodium_init() < 0) {
		fprintf(stderr, "mailreeve passwords: libsodium does not start\n");
		return MR_PASSWORDS_FAULT;
	}
	if (strcmp(what, "check") == 0)
		return mr_password_check(argc - 1, argv + 1);
	if (strcmp(what, "audit") == 0)
		return mr_password_audit(argc - 1, argv + 1);
	fputs(usage, stderr);
	return MR_PASSWORDS_FAULT;
}
