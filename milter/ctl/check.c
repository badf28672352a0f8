/*
 * mailreeve check: reads a policy as the daemon does and says what is wrong with it. The checks are in the library.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "hostview.h"
#include "mailreeve.h"

enum { STATUS_CLEAN, STATUS_WARNINGS, STATUS_ERRORS };

struct options {
	const char *file;
	const char *host_facts; /* NULL: ask this host */
	bool json;
};

static void help(FILE *out)
{
	fprintf(out,
		"usage: mailreeve check [--json] [--host-facts FILE] [FILE]\n"
		"\n"
		"Reads a policy (default %s/mailreeve/mailreeve.conf) as mailreeved does, and prints what is wrong or "
		"risky in it.\n"
		"Nothing is changed.\n"
		"\n"
		"  -c, --policy FILE       the policy, as well\n"
		"  -j, --json              one JSON object a line instead of text\n"
		"  -H, --host-facts FILE   what to know of the host, instead of asking it: lines \"address A\", "
		"\"gateway A\", \"web yes\"\n"
		"\n"
		"Exit status: 0 clean, 1 warnings, 2 errors.\n",
		MR_SYSCONFDIR);
}

/* Returns -1 to go on, else the exit status. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = { { "policy", required_argument, NULL, 'c' },
					       { "json", no_argument, NULL, 'j' },
					       { "host-facts", required_argument, NULL, 'H' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	int c;

	*options = (struct options){ .file = MR_SYSCONFDIR "/mailreeve/mailreeve.conf" };
	while ((c = getopt_long(argc, argv, "c:jH:h", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->file = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'H':
			options->host_facts = optarg;
			break;
		case 'h':
			help(stdout);
			return STATUS_CLEAN;
		default:
			help(stderr);
			return STATUS_ERRORS;
		}
	}
	if (argc - optind > 1) {
		fprintf(stderr, "mailreeve check: one policy at a time\n");
		return STATUS_ERRORS;
	}
	if (optind < argc)
		options->file = argv[optind];
	return -1;
}

/* Fills host; says why when it cannot. */
static int view_host(const struct options *options, struct mr_host *host)
{
	int line;

	if (!options->host_facts) {
		mr_hostview_look(host);
		return 0;
	}
	line = mr_hostview_read(host, options->host_facts);
	if (line < 0)
		fprintf(stderr, "mailreeve check: %s: %s\n", options->host_facts, strerror(errno));
	if (line > 0)
		fprintf(stderr,
			"mailreeve check: %s:%d: write \"address A\", \"gateway A\", \"web yes\" or \"web no\"\n",
			options->host_facts, line);
	return line;
}

/* The name of a file may be any bytes, JSON is UTF-8. */
static json_t *file_name(const char *name)
{
	json_t *text = json_string(name);

	return text ? text : json_string("(not UTF-8)");
}

static void print_json(const struct mr_fault *fault)
{
	json_t *object =
		json_pack("{s:s, s:s, s:o, s:i, s:s, s:s}", "level",
			  fault->level == MR_FAULT_ERROR ? "error" : "warning", "id", fault->id, "file",
			  file_name(fault->file), "line", (int)fault->line, "what", fault->what, "cure", fault->cure);

	if (object && json_dumpf(object, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	json_decref(object);
}

static void print_text(const struct mr_fault *fault, bool colour)
{
	bool error = fault->level == MR_FAULT_ERROR;

	if (fault->line > 0)
		printf("%s:%u: ", fault->file, fault->line);
	else
		printf("%s: ", fault->file);
	printf("%s%s%s: ", colour ? (error ? "\033[31m" : "\033[33m") : "", error ? "error" : "warning",
	       colour ? "\033[0m" : "");
	printf("%s%s%s [%s]\n", fault->what, *fault->cure ? "; " : "", fault->cure, fault->id);
}

static void print_end(const char *file, size_t errors, size_t warnings)
{
	if (errors + warnings == 0)
		printf("%s: no faults\n", file);
	else
		printf("%s: %zu error%s, %zu warning%s%s\n", file, errors, errors == 1 ? "" : "s", warnings,
		       warnings == 1 ? "" : "s",
		       errors ? "; mailreeved would not load it" : "; mailreeved would load it");
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}

static void print_fault(const struct options *options, const struct mr_fault *fault)
{
	if (options->json)
		print_json(fault);
	else
		print_text(fault, wants_colour());
}

/* Tries the databases of places, which the daemon could do without. Only on the host itself: elsewhere they may be missing
 * rightly. Returns how many warnings that makes. */
static size_t check_places(const struct options *options, const struct mr_policy *policy)
{
	struct mr_fault fault = { .level = MR_FAULT_WARNING, .id = "geo-unusable", .file = options->file, .cure = "" };
	struct mr_geo *geo = NULL;
	char why[256];

	if (policy == NULL || options->host_facts != NULL || mr_geo_open(policy, why, &geo) == 0) {
		mr_geo_free(&geo);
		return 0;
	}
	mr_geo_free(&geo);
	fault.what = why;
	print_fault(options, &fault);
	return 1;
}

static int report(const struct options *options, const struct mr_faults *faults, const struct mr_policy *policy)
{
	size_t errors = mr_faults_count(faults, MR_FAULT_ERROR);
	size_t warnings = mr_faults_count(faults, MR_FAULT_WARNING) - errors;
	const struct mr_fault *fault;

	for (size_t i = 0; (fault = mr_faults_at(faults, i)) != NULL; i++)
		print_fault(options, fault);
	warnings += check_places(options, policy);
	if (!options->json)
		print_end(options->file, errors, warnings);
	return errors ? STATUS_ERRORS : warnings ? STATUS_WARNINGS : STATUS_CLEAN;
}

static int check(const struct options *options, const struct mr_host *host)
{
	struct mr_policy_text *text = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	int err = mr_policy_text_open(options->file, &text);
	int status = STATUS_ERRORS;

	if (err == 0)
		err = mr_policy_build(text, (int64_t)time(NULL) * 1000, host, &policy, &faults);
	if (faults)
		status = report(options, faults, policy);
	else
		fprintf(stderr, "mailreeve check: %s: %s\n", options->file, mr_err_text(err));
	mr_policy_drop(&policy);
	mr_faults_free(&faults);
	mr_policy_text_free(&text);
	return status;
}

int mr_ctl_check(int argc, char **argv)
{
	struct options options;
	struct mr_host *host;
	int status = read_options(argc, argv, &options);

	if (status >= 0)
		return status;
	host = mr_host_new();
	if (!host) {
		fprintf(stderr, "mailreeve check: out of memory\n");
		return STATUS_ERRORS;
	}
	status = view_host(&options, host) == 0 ? check(&options, host) : STATUS_ERRORS;
	mr_host_free(&host);
	if (fflush(stdout) != 0) {
		fprintf(stderr, "mailreeve check: the output cannot be written: %s\n", strerror(errno));
		return STATUS_ERRORS;
	}
	return status;
}
