/*
 * mailreeve replay: plays recorded facts under a policy and prints the event lines. What it learns it forgets, unless
 * --state names a folder; the time of every verdict is what the facts say. The engine is in the library.
 */
#include "ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mailreeve.h"
#include "offline.h"

#define DEFAULT_POLICY MR_SYSCONFDIR "/mailreeve/mailreeve.conf"

enum { LINE_MAX_BYTES = 1 << 20, OUTPUT_BUFFER = 1 << 16, SYNTAX_ERROR = -2, EXIT_USAGE = 2, EXIT_UNREADABLE = 3 };

struct options {
	const char *policy;
	const char *state;
	const char *facts; /* "-": standard input */
};

/* One line of facts; the memory grows up to LINE_MAX_BYTES and serves the next line. */
struct line {
	char *p;
	size_t n;
	size_t size;
	bool too_long; /* the rest was passed over */
};

static const char usage[] =
	"usage: mailreeve replay [-c FILE | --policy FILE] [--state DIR] [FACTS | -]\n"
	"Plays facts, one JSON object a line, and prints the event lines that the daemon would write.\n"
	"  -c, --policy FILE  the policy (default " DEFAULT_POLICY ")\n"
	"  --state DIR        begin with the state in DIR and keep there what is learned; without it nothing is\n"
	"                     known at the beginning; no mailreeved may use DIR meanwhile\n"
	"Exit status: 0 all lines read; 2 usage or policy error; 3 a line could not be read.\n";

/* 0: go on. 1: help was printed. -1: wrong usage. */
static int read_options(int argc, char **argv, struct options *options_r)
{
	static const struct option table[] = {
		{ "policy", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options_r = (struct options){ .policy = DEFAULT_POLICY, .facts = "-" };
	optind = 1;
	while ((option = getopt_long(argc, argv, "c:h", table, NULL)) != -1) {
		if (option == 'c') {
			options_r->policy = optarg;
		} else if (option == 's') {
			options_r->state = optarg;
		} else if (option == 'h') {
			fputs(usage, stdout);
			return 1;
		} else {
			fputs(usage, stderr);
			return -1;
		}
	}
	if (argc - optind > 1) {
		fprintf(stderr, "mailreeve replay: one file of facts at a time; write \"-\" and pipe several\n%s",
			usage);
		return -1;
	}
	if (optind < argc)
		options_r->facts = argv[optind];
	return 0;
}

static void print_errors(const struct mr_faults *faults)
{
	const struct mr_fault *fault;

	for (size_t i = 0; (fault = mr_faults_at(faults, i)) != NULL; i++) {
		if (fault->level != MR_FAULT_ERROR)
			continue;
		if (fault->line > 0)
			fprintf(stderr, "%s:%u: %s; %s\n", fault->file, fault->line, fault->what, fault->cure);
		else
			fprintf(stderr, "%s: %s; %s\n", fault->file, fault->what, fault->cure);
	}
}

/* The wall clock tells the lint which exemptions have expired on the day of the replay; it decides nothing. */
static int load_policy(const char *file, struct mr_policy **policy_r)
{
	struct mr_policy_text *text = NULL;
	struct mr_faults *faults = NULL;
	int err = mr_policy_text_open(file, &text);

	*policy_r = NULL;
	if (err == 0)
		err = mr_policy_build(text, (int64_t)time(NULL) * 1000, NULL, policy_r, &faults);
	if (faults != NULL && err != 0)
		print_errors(faults);
	else if (err != 0)
		fprintf(stderr, "mailreeve replay: policy %s: %s\n", file, mr_err_text(err));
	mr_faults_free(&faults);
	mr_policy_text_free(&text);
	return err;
}

static void print_event(void *context, const char *line, size_t length)
{
	fwrite(line, 1, length, context);
}

/* One byte more for the line; what goes past the bound is counted out. 0, or -1 without memory. */
static int append(struct line *line, char c)
{
	if (line->n == LINE_MAX_BYTES) {
		line->too_long = true;
		return 0;
	}
	if (line->n == line->size) {
		size_t size = line->size == 0 ? 4096 : line->size * 2;
		char *grown = realloc(line->p, size);
		if (grown == NULL)
			return -1;
		line->p = grown;
		line->size = size;
	}
	line->p[line->n++] = c;
	return 0;
}

/* The next line without its newline. 1: there is one; 0: the end; -1: no memory. */
static int next_line(FILE *file, struct line *line)
{
	int c = getc_unlocked(file);

	line->n = 0;
	line->too_long = false;
	if (c == EOF)
		return 0;
	for (; c != EOF && c != '\n'; c = getc_unlocked(file)) {
		if (append(line, (char)c) != 0)
			return -1;
	}
	return 1;
}

static void report_line(const char *name, uint64_t number, unsigned column, const char *why)
{
	fflush(stdout);
	fprintf(stderr, "%s:%llu:%u: %s\n", name, (unsigned long long)number, column, why);
}

/* Plays all lines; the exit status. */
static int play(struct mr_replay *replay, FILE *file, const char *name)
{
	struct line line = { .p = NULL };
	int status = 0;
	int got;

	for (uint64_t number = 1; (got = next_line(file, &line)) > 0; number++) {
		unsigned column = LINE_MAX_BYTES;
		const char *why = "the line is longer than 1 MiB";
		int err = SYNTAX_ERROR;
		if (!line.too_long)
			err = mr_replay_line(replay, line.n == 0 ? "" : line.p, line.n, &column, &why);
		if (file == stdin)
			fflush(stdout); /* whoever pipes facts in may wait for the verdict */
		if (err == 0)
			continue;
		report_line(name, number, err == SYNTAX_ERROR ? column : 1,
			    err == SYNTAX_ERROR ? why : mr_err_text(err));
		status = EXIT_UNREADABLE;
	}
	if (got < 0 || ferror(file) != 0) {
		fprintf(stderr, "mailreeve replay: %s: %s\n", name, strerror(got < 0 ? ENOMEM : errno));
		status = EXIT_UNREADABLE;
	}
	free(line.p);
	return status;
}

static void report_backwards(const struct mr_replay *replay)
{
	uint64_t played;
	uint64_t backwards;

	mr_replay_counts(replay, &played, &backwards);
	if (backwards > 0)
		fprintf(stderr,
			"mailreeve replay: in %llu of %llu facts the time went back; the latest seen was taken\n",
			(unsigned long long)backwards, (unsigned long long)played);
}

static int play_file(struct mr_policy *policy, const char *state, FILE *file, const char *name)
{
	struct mr_replay *replay = NULL;
	char why[256];
	int err = mr_replay_open(policy, state, print_event, stdout, why, &replay);

	if (err != 0) {
		fprintf(stderr, "mailreeve replay: %s\n", why[0] != '\0' ? why : mr_err_text(err));
		return why[0] != '\0' ? EXIT_USAGE : EXIT_UNREADABLE;
	}
	if (why[0] != '\0')
		fprintf(stderr, "mailreeve replay: %s\n", why);
	int status = play(replay, file, name);
	report_backwards(replay);
	mr_replay_free(&replay);
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		fprintf(stderr, "mailreeve replay: standard output: %s\n", strerror(errno));
		status = EXIT_UNREADABLE;
	}
	return status;
}

int mr_ctl_replay(int argc, char **argv)
{
	static char output[OUTPUT_BUFFER];
	struct options options;
	struct mr_policy *policy = NULL;
	int done = read_options(argc, argv, &options);

	if (done != 0)
		return done > 0 ? 0 : EXIT_USAGE;
	bool standard_input = strcmp(options.facts, "-") == 0;
	FILE *file = standard_input ? stdin : fopen(options.facts, "re");
	if (file == NULL) {
		fprintf(stderr, "mailreeve replay: %s: %s\n", options.facts, strerror(errno));
		return EXIT_USAGE;
	}
	int status = EXIT_USAGE;
	if (load_policy(options.policy, &policy) == 0 &&
	    (options.state == NULL || mr_offline_become_owner(options.state) == 0)) {
		setvbuf(stdout, output, _IOFBF, sizeof(output));
		status = play_file(policy, options.state, file, standard_input ? "-" : options.facts);
		policy = NULL;
	}
	mr_policy_drop(&policy);
	if (!standard_input)
		fclose(file);
	return status;
}
