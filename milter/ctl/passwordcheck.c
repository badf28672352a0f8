/*
 * mailreeve passwords check: reads candidates and says which are weak and why. For people at a terminal and for programs
 * that change passwords. What weak means is in passwordjudge.c.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "password.h"
#include "passwordfile.h"
#include "passwordjudge.h"
#include "print.h"

#define COMMAND "mailreeve passwords check"

enum { CANDIDATE_MAX = 1024, USUAL_SCORE = 3, USUAL_LENGTH = 8, LENGTH_MOST = 256 };

struct options {
	struct mr_password_lists lists;
	const char *words, *login, *file; /* file: NULL: one password, "-": standard input */
	int score;
	size_t length;
	bool json;
};

static const char help[] =
	"usage: mailreeve passwords check [OPTION...] [FILE|-]\n"
	"\n"
	"Says whether passwords are strong enough, and if not why. Never prints them. Reads one password from a prompt or\n"
	"the one line of standard input; with FILE or - one a line.\n"
	"\n"
	"  -l, --list FILE    further bad passwords, one a line; may be given again\n"
	"  -C, --common FILE  the list of common passwords, instead of " MR_PASSWORD_COMMON "\n"
	"  -w, --words FILE   words that no password may hold, one a line: names of the company, of products, of the town\n"
	"  -u, --login LOGIN  whose password it is: it may not hold the login, nor words of its domain\n"
	"  -S, --score N      the least score of zxcvbn, 0 to 4 (default 3)\n"
	"  -n, --length N     the least number of characters (default 8)\n"
	"  -j, --json         JSON instead of text\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: 0 all are strong enough, 1 one is weak, 2 usage, or nothing could be read.\n";

/* ---- Options ---- */

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
	case 'w':
		options->words = argument;
		return -1;
	case 'u':
		options->login = argument;
		return -1;
	case 'j':
		options->json = true;
		return -1;
	case 'S':
	case 'n':
		n = mr_password_number(argument, 0, c == 'S' ? 4 : LENGTH_MOST);
		if (n < 0) {
			fprintf(stderr, COMMAND ": %.32s: a number from 0 to %d is wanted\n", argument,
				c == 'S' ? 4 : (int)LENGTH_MOST);
			return MR_PASSWORDS_FAULT;
		}
		if (c == 'S')
			options->score = (int)n;
		else
			options->length = (size_t)n;
		return -1;
	case 'h':
		fputs(help, stdout);
		return MR_PASSWORDS_GOOD;
	default:
		fputs("Try the option --help.\n", stderr);
		return MR_PASSWORDS_FAULT;
	}
}

/* -1: go on, or an exit status. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = { { "list", required_argument, NULL, 'l' },
					       { "common", required_argument, NULL, 'C' },
					       { "words", required_argument, NULL, 'w' },
					       { "login", required_argument, NULL, 'u' },
					       { "score", required_argument, NULL, 'S' },
					       { "length", required_argument, NULL, 'n' },
					       { "json", no_argument, NULL, 'j' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	int c, status;

	*options = (struct options){ .lists = { .most = SIZE_MAX }, .score = USUAL_SCORE, .length = USUAL_LENGTH };
	while ((c = getopt_long(argc, argv, "l:C:w:u:S:n:jh", known, NULL)) != -1) {
		status = take(options, c, optarg);
		if (status >= 0)
			return status;
	}
	if (argc - optind > 1) {
		fprintf(stderr, COMMAND ": one file at a time; passwords are never arguments, everybody can read those\n");
		return MR_PASSWORDS_FAULT;
	}
	options->file = optind < argc ? argv[optind] : NULL;
	return -1;
}

/* ---- Judging ---- */

static void print_json(const struct mr_password_verdict *verdict, size_t line, const char *why)
{
	json_t *reasons = json_array(), *object;
	char room[2 * MR_PASSWORD_WHY_MAX];

	for (int i = 0; i < MR_PASSWORD_REASONS; i++)
		if (verdict->reason[i])
			json_array_append_new(reasons, json_string(mr_password_reason_id((enum mr_password_reason)i)));
	object = json_pack("{s:I, s:b, s:i, s:f, s:o, s:s}", "line", (json_int_t)line, "weak", (int)verdict->weak, "score",
			   verdict->score, "guesses_log10", verdict->log_guesses, "reasons", reasons, "why",
			   mr_safe(why, room, sizeof(room)));
	(void)mr_print_json(object);
	json_decref(object);
}

/* line 0: the only one. Returns whether it is weak. */
static bool judge(const struct options *options, const struct mr_password_rules *rules, const char *text, size_t n,
		  size_t line)
{
	struct mr_password_verdict verdict;
	char why[MR_PASSWORD_WHY_MAX];

	mr_password_judge(text, n, rules, &verdict);
	(void)mr_password_why(&verdict, rules, why);
	if (options->json) {
		print_json(&verdict, line > 0 ? line : 1, why);
		return verdict.weak;
	}
	if (line > 0)
		printf("line %zu: ", line);
	printf("%s%s%s: ", mr_colour(verdict.weak ? MR_RED : MR_GREEN), verdict.weak ? "weak" : "strong enough",
	       mr_colour_end());
	mr_put(why);
	putchar('\n');
	return verdict.weak;
}

static int judge_lines(const struct options *options, const struct mr_password_rules *rules, FILE *file)
{
	char room[CANDIDATE_MAX + 2];
	const char *name = strcmp(options->file, "-") == 0 ? "standard input" : options->file;
	int status = MR_PASSWORDS_GOOD;
	size_t line = 0;
	long n;

	while ((n = mr_password_next_line(file, room, sizeof(room))) != -1) {
		line++;
		if (n > 0 && room[n - 1] == '\r')
			n--;
		if (n < 0 || n > CANDIDATE_MAX || memchr(room, '\0', (size_t)n) != NULL) {
			fprintf(stderr, COMMAND ": %s:%zu: longer than %d bytes, or with a NUL byte: not judged\n", name, line,
				CANDIDATE_MAX);
			status = MR_PASSWORDS_FAULT;
			continue;
		}
		if (judge(options, rules, room, (size_t)n, line) && status == MR_PASSWORDS_GOOD)
			status = MR_PASSWORDS_WEAK;
	}
	sodium_memzero(room, sizeof(room));
	if (line == 0 || ferror(file)) {
		fprintf(stderr, COMMAND ": %s: %s\n", name, line == 0 ? "no password came" : "it cannot be read to its end");
		return MR_PASSWORDS_FAULT;
	}
	return status;
}

/* One line of standard input; from a terminal without its echo, and without its signals, so that the echo comes back.
 * Its bytes, or negative as mr_password_next_line. */
static long read_one(char *room, size_t size)
{
	struct termios usual, quiet;
	bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &usual) == 0;
	long n;

	(void)setvbuf(stdin, NULL, _IONBF, 0);
	if (!terminal)
		return mr_password_next_line(stdin, room, size);
	quiet = usual;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	fputs("Password: ", stderr);
	(void)fflush(stderr);
	n = mr_password_next_line(stdin, room, size);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &usual);
	fputc('\n', stderr);
	return n;
}

static int judge_one(const struct options *options, const struct mr_password_rules *rules)
{
	char room[CANDIDATE_MAX + 2];
	const char *fault = NULL;
	int status = MR_PASSWORDS_FAULT;
	long n = read_one(room, sizeof(room));

	if (n > 0 && room[n - 1] == '\r')
		n--;
	if (n == -1)
		fault = "no password came";
	else if (n < 0 || n > CANDIDATE_MAX)
		fault = "the password is longer than 1024 bytes";
	else if (memchr(room, '\0', (size_t)n) != NULL)
		fault = "the password holds a NUL byte";
	else if (memchr(room, '\003', (size_t)n) != NULL)
		fault = "ended";
	else if (!isatty(STDIN_FILENO) && getc(stdin) != EOF)
		fault = "more than one line came; to judge a list, name the file, or - for standard input";
	if (fault == NULL)
		status = judge(options, rules, room, (size_t)n, 0) ? MR_PASSWORDS_WEAK : MR_PASSWORDS_GOOD;
	else
		fprintf(stderr, COMMAND ": %s\n", fault);
	sodium_memzero(room, sizeof(room));
	return status;
}

static int judge_all(const struct options *options, const struct mr_password_rules *rules)
{
	FILE *file;
	int status;

	if (options->file == NULL)
		return judge_one(options, rules);
	if (strcmp(options->file, "-") == 0)
		return judge_lines(options, rules, stdin);
	file = mr_password_open(COMMAND, options->file);
	if (file == NULL)
		return MR_PASSWORDS_FAULT;
	status = judge_lines(options, rules, file);
	(void)fclose(file);
	return status;
}

/* The words that no password may hold. 0, or -1, which was said. */
static int read_words(const struct options *options, struct mr_password_list **words_r)
{
	*words_r = NULL;
	if (options->words == NULL)
		return 0;
	*words_r = mr_password_list_new();
	if (*words_r != NULL)
		return mr_password_list_add(*words_r, COMMAND, options->words, SIZE_MAX);
	fprintf(stderr, COMMAND ": out of memory\n");
	return -1;
}

int mr_password_check(int argc, char **argv)
{
	struct options options;
	struct mr_password_list *bad, *site = NULL;
	struct mr_password_rules rules = { 0 };
	int status = read_options(argc, argv, &options);

	if (status >= 0)
		return status;
	bad = mr_password_lists_read(&options.lists, COMMAND);
	status = MR_PASSWORDS_FAULT;
	if (bad != NULL && read_words(&options, &site) == 0) {
		rules = (struct mr_password_rules){ .bad = bad, .site = site, .score = options.score,
						    .length = options.length };
		if (options.login != NULL)
			mr_password_words_of(options.login, strlen(options.login), "", 0, NULL, &rules.own);
		status = judge_all(&options, &rules);
	}
	mr_password_list_free(&bad);
	mr_password_list_free(&site);
	if (fflush(stdout) != 0) {
		fprintf(stderr, COMMAND ": the output cannot be written: %s\n", strerror(errno));
		return MR_PASSWORDS_FAULT;
	}
	return status;
}
