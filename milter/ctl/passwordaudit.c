/*
 * mailreeve passwords audit: tries bad passwords against stored ones. The work is passwordwork.c, its threads
 * passwordcrew.c, what is printed passwordreport.c.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "password.h"
#include "passwordcrew.h"
#include "passwordreport.h"
#include "passwordresume.h"

#define COMMAND "mailreeve passwords audit"

enum { THREADS_MOST = 256, REFUSALS_MOST = 10 };

struct options {
	struct mr_common common;
	struct mr_password_lists lists;
	const char *file, *resume, *domain;
	unsigned threads;
	bool mark, only_lists;
};

static const char help[] =
	"usage: mailreeve passwords audit [OPTION...] FILE\n"
	"\n"
	"Tries common passwords, and what people make of login, name and domain, against the stored passwords of a file:\n"
	"Dovecot's passwd-file, or lines as in /etc/shadow. Prints accounts and how they were guessed, never a password.\n"
	"\n"
	"  -l, --list FILE      further bad passwords, one a line; may be given again\n"
	"  -C, --common FILE    the list of common passwords, instead of " MR_PASSWORD_COMMON "\n"
	"  -L, --limit N        only the first N words of each list\n"
	"  -o, --only-lists     no variations of login, name and domain, only what is on the lists\n"
	"  -d, --domain DOMAIN  the domain of logins without one\n"
	"  -t, --threads N      threads (default: as many as there are cores)\n"
	"  -R, --resume FILE    keep the state there, and go on from it; it is removed when all is done\n"
	"  -m, --mark           tell mailreeved which accounts have weak passwords, for its detector\n"
	MR_COMMON_HELP
	"\n"
	"Exit status: 0 none was guessed, 1 one was, or a line or account could not be tried, 2 usage or an unreadable\n"
	"file, 3 mailreeved could not be told, 4 ended early by a signal.\n";

/* ---- Options ---- */

static unsigned cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* -1: taken, or an exit status. */
static int take(struct options *options, int c, const char *argument)
{
	long n;

	switch (c) {
	case 'l':
		return mr_password_lists_take(&options->lists, COMMAND, argument) ? -1 : MR_PASSWORDS_FAULT;
	case 'C':
		options->lists.common = argument;
		return -1;
	case 'd':
		options->domain = argument;
		return -1;
	case 'R':
		options->resume = argument;
		return -1;
	case 'm':
		options->mark = true;
		return -1;
	case 'o':
		options->only_lists = true;
		return -1;
	case 'L':
	case 't':
		n = mr_password_number(argument, 1, c == 't' ? THREADS_MOST : 1000000000);
		if (n < 0) {
			fprintf(stderr, COMMAND ": %.32s: a number is wanted%s\n", argument,
				c == 't' ? ", at most 256" : "");
			return MR_PASSWORDS_FAULT;
		}
		if (c == 't')
			options->threads = (unsigned)n;
		else
			options->lists.most = (size_t)n;
		return -1;
	default:
		return mr_common_take(&options->common, c, argument, help);
	}
}

/* -1: go on, or an exit status. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = { { "list", required_argument, NULL, 'l' },
					       { "limit", required_argument, NULL, 'L' },
					       { "domain", required_argument, NULL, 'd' },
					       { "threads", required_argument, NULL, 't' },
					       { "resume", required_argument, NULL, 'R' },
					       { "common", required_argument, NULL, 'C' },
					       { "mark", no_argument, NULL, 'm' },
					       { "only-lists", no_argument, NULL, 'o' },
					       MR_COMMON_LONG };
	int c, status;

	*options = (struct options){ .common = { .policy = MR_CTL_POLICY },
				     .lists = { .most = SIZE_MAX },
				     .threads = cores() };
	while ((c = getopt_long(argc, argv, "l:L:d:t:R:C:mo" MR_COMMON_SHORT, known, NULL)) != -1) {
		status = take(options, c, optarg);
		if (status >= 0)
			return status;
	}
	if (argc - optind != 1) {
		fprintf(stderr, COMMAND ": name one file of accounts. Try the option --help.\n");
		return MR_PASSWORDS_FAULT;
	}
	options->file = argv[optind];
	return -1;
}

/* ---- The daemon ---- */

/* Weak ones are told always, the others only when all was tried. 0 or -1, which was said. */
static int mark(const struct options *options, struct mr_password_work *work, bool complete)
{
	struct mr_ask *ask;
	int refused = 0;

	if (mr_ask_open(&options->common, true, &ask) != MR_EXIT_DONE)
		return -1;
	for (size_t i = 0; refused < REFUSALS_MOST && i < mr_password_work_accounts(work); i++) {
		const struct mr_password_account *account = mr_password_work_account(work, i);
		enum mr_password_result result = mr_password_result_of(account);
		bool weak = result == MR_PASSWORD_GUESSED;
		json_t *answer;

		if (!weak && !(complete && result == MR_PASSWORD_NOT_GUESSED))
			continue;
		answer = mr_ask(ask, json_pack("{s:s, s:o, s:b}", "command", "mark", "account",
					       mr_password_login(account), "weak_password", (int)weak));
		if (answer == NULL)
			refused++;
		json_decref(answer);
	}
	mr_ask_close(&ask);
	if (refused > 0)
		fprintf(stderr, COMMAND ": the marks are not complete: run the audit again with --mark\n");
	return refused > 0 ? -1 : 0;
}

/* ---- The audit ---- */

struct saving {
	const char *file;
	struct mr_password_work *work;
};

static void save(void *context, const struct mr_password_progress *progress)
{
	const struct saving *saving = context;

	(void)mr_password_resume_write(COMMAND, saving->file, saving->work, progress);
}

static int this_year(void)
{
	time_t now = time(NULL);
	struct tm day;

	return localtime_r(&now, &day) != NULL ? day.tm_year + 1900 : 2026;
}

static int work_all(const struct options *options, struct mr_password_work *work, struct mr_password_progress *progress)
{
	struct saving saving = { options->resume, work };
	struct mr_password_crew crew = {
		.threads = options->threads,
		.show = isatty(STDERR_FILENO),
		.save = options->resume != NULL ? save : NULL,
		.context = &saving,
	};

	if (mr_password_crew_run(&crew, COMMAND, work, progress) != 0)
		return -1;
	if (options->resume == NULL)
		return 0;
	if (!progress->complete)
		return mr_password_resume_write(COMMAND, options->resume, work, progress);
	if (unlink(options->resume) != 0 && errno != ENOENT)
		fprintf(stderr, COMMAND ": %s: cannot be removed: %s\n", options->resume, strerror(errno));
	return 0;
}

static int report(const struct options *options, struct mr_password_work *work,
		  const struct mr_password_progress *progress)
{
	bool weak = mr_password_count(work, MR_PASSWORD_GUESSED) > 0 ||
		    mr_password_count(work, MR_PASSWORD_NO_TRIAL) > 0 || mr_password_work_faults(work) > 0;

	if (options->common.json)
		mr_password_report_json(work, progress);
	else
		mr_password_report(work, options->file, progress);
	if (fflush(stdout) != 0) {
		fprintf(stderr, COMMAND ": the output cannot be written: %s\n", strerror(errno));
		return MR_PASSWORDS_FAULT;
	}
	if (options->mark && mark(options, work, progress->complete) != 0)
		return MR_PASSWORDS_UNTOLD;
	if (!progress->complete)
		return MR_PASSWORDS_PART;
	return weak ? MR_PASSWORDS_WEAK : MR_PASSWORDS_GOOD;
}

static int audit(const struct options *options, const struct mr_password_list *list, struct mr_password_work *work)
{
	struct mr_password_progress progress = { 0 };
	int year = options->resume != NULL ? mr_password_resume_year(COMMAND, options->resume) : 0;

	if (year < 0 || mr_password_work_read(work, COMMAND, options->file, options->domain) != 0)
		return MR_PASSWORDS_FAULT;
	if (mr_password_work_plan(work, list, year > 0 ? year : this_year(), options->only_lists) != 0) {
		fprintf(stderr, COMMAND ": out of memory\n");
		return MR_PASSWORDS_FAULT;
	}
	if (options->resume != NULL && mr_password_resume_read(COMMAND, options->resume, work, &progress) != 0)
		return MR_PASSWORDS_FAULT;
	if (work_all(options, work, &progress) != 0)
		return MR_PASSWORDS_FAULT;
	return report(options, work, &progress);
}

int mr_password_audit(int argc, char **argv)
{
	struct options options;
	struct mr_password_list *list;
	struct mr_password_work *work;
	int status = read_options(argc, argv, &options);

	if (status >= 0)
		return status;
	list = mr_password_lists_read(&options.lists, COMMAND);
	work = list != NULL ? mr_password_work_new() : NULL;
	status = work != NULL ? audit(&options, list, work) : MR_PASSWORDS_FAULT;
	mr_password_work_free(&work);
	mr_password_list_free(&list);
	return status;
}
