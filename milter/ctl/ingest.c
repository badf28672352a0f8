/*
 * mailreeve ingest: reads logins out of the logs of mail servers and tells mailreeved of them. What a line means is the
 * library's business (mr_log_line_read); here they are read, counted and passed on.
 */
#include "ingest.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "ask.h"
#include "ctl.h"
#include "mailreeve.h"

/* Older logins are not told to the daemon, which counts what it is told as of now. */
#define OLD_MS INT64_C(3600000)

enum { CHUNK = 1 << 16, OUTPUT_BUFFER = 1 << 16 };

static const char help[] =
	"usage: mailreeve ingest [-c POLICY] [--format FORMAT] [--facts] [--follow [--state STATE]] [FILE | -]\n"
	"\n"
	"Reads the log of a mail server, and tells mailreeved which logins failed and which did not. It understands Postfix,\n"
	"Sendmail, Dovecot and Cyrus. The daemon counts what it is told as of now, so logins of more than an hour ago are\n"
	"passed over.\n"
	"\n"
	"  -F, --follow         go on when the file ends, also after it was renamed or emptied; without --state begin at\n"
	"                       its end\n"
	"  -S, --state STATE    remember in this file what was read, and go on there\n"
	"  -t, --format FORMAT  syslog, journal (of journalctl -o export) or auto, the default\n"
	"  -n, --facts          print the facts for mailreeve replay, tell the daemon nothing\n" MR_COMMON_HELP "\n"
	"With --json: the summary at the end as JSON.\n"
	"Exit status: 0 the input ended, or TERM or INT came, and all was told; 2 wrong usage, or the file cannot be read;\n"
	"3 mailreeved did not take all, or reading or printing failed.\n";

struct ingest {
	struct mr_common common;
	const char *path, *state;
	bool follow, facts;
	struct mr_ingest_source *source;
	struct mr_ingest_sink *sink;
	struct mr_ingest_cutter cutter;
	uint64_t logins, failures, old;
	bool failed;
};

/* ---- Signals ---- */

static volatile sig_atomic_t stopped;
static sigset_t while_waiting;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* TERM and INT come only while something waits, so that no fact is half told. */
static void take_signals(void)
{
	struct sigaction action = { .sa_handler = stop };
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ours, &while_waiting);
	sigdelset(&while_waiting, SIGTERM);
	sigdelset(&while_waiting, SIGINT);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
}

bool mr_ingest_is_stopped(void)
{
	return stopped != 0;
}

bool mr_ingest_wait(int fd, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct timespec span = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	if (stopped != 0)
		return false;
	return ppoll(&ready, 1, ms < 0 ? NULL : &span, &while_waiting) > 0;
}

int64_t mr_ingest_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Lines ---- */

/* Counts a fact; whether it is to be passed on. */
static bool count_fact(struct ingest *ingest, const char *text, uint64_t times)
{
	json_t *fact = json_loads(text, 0, NULL);
	bool success = json_is_true(json_object_get(fact, "success"));
	double ms = json_number_value(json_object_get(fact, "time")) * 1000;

	json_decref(fact);
	if (success)
		ingest->logins += times;
	else
		ingest->failures += times;
	if (ingest->facts || (double)(mr_ingest_now_ms() - OLD_MS) <= ms)
		return true;
	ingest->old += times;
	return false;
}

static bool take_line(void *context, const char *line, size_t n, int64_t time_ms)
{
	struct ingest *ingest = context;
	char *fact = NULL;
	int times = mr_log_line_read(line, n, time_ms > 0 ? time_ms : mr_ingest_source_clock(ingest->source), &fact);
	bool good = times >= 0;

	if (times < 0)
		fprintf(stderr, "mailreeve ingest: %s\n", mr_err_text(times));
	if (times > 0 && count_fact(ingest, fact, (uint64_t)times))
		for (int i = 0; i < times && good; i++)
			good = mr_ingest_sink_add(ingest->sink, fact, mr_ingest_source_is_endless(ingest->source));
	free(fact);
	ingest->failed |= !good;
	return good;
}

/* All that was read so far is told, and need not be read again. */
static bool tell(struct ingest *ingest, bool last)
{
	bool wait = !last && mr_ingest_source_is_endless(ingest->source);

	if (!mr_ingest_sink_flush(ingest->sink, wait)) {
		ingest->failed = true;
		return false;
	}
	mr_ingest_source_keep(ingest->source, ingest->cutter.held, last);
	return true;
}

/* One step. False: it is over. */
static bool advance(struct ingest *ingest, char *bytes)
{
	size_t n;

	switch (mr_ingest_source_read(ingest->source, bytes, CHUNK, &n)) {
	case MR_INGEST_BYTES_READ:
		return mr_ingest_cut(&ingest->cutter, bytes, n);
	case MR_INGEST_NOTHING_NOW:
		if (!tell(ingest, false))
			return false;
		mr_ingest_source_wait(ingest->source);
		return true;
	case MR_INGEST_NEXT_FILE:
		return mr_ingest_cut_end(&ingest->cutter);
	case MR_INGEST_EMPTIED:
		mr_ingest_cut_forget(&ingest->cutter);
		return true;
	case MR_INGEST_END:
		(void)mr_ingest_cut_end(&ingest->cutter);
		return false;
	case MR_INGEST_BROKEN:
		ingest->failed = true;
		return false;
	}
	return false;
}

static void read_all(struct ingest *ingest)
{
	static char bytes[CHUNK];

	while (!mr_ingest_is_stopped() && advance(ingest, bytes))
		(void)mr_ingest_wait(-1, 0);
	if (!ingest->failed)
		(void)tell(ingest, true);
}

/* ---- The end ---- */

static void summarise(const struct ingest *ingest)
{
	const struct mr_ingest_cutter *cutter = &ingest->cutter;
	size_t left = mr_ingest_sink_left(ingest->sink);
	uint64_t refused = mr_ingest_sink_refused(ingest->sink);
	FILE *out = ingest->common.json && !ingest->facts ? stdout : stderr;

	if (ingest->common.json) {
		fprintf(out, "{\"lines\":%llu,\"logins\":%llu,\"failures\":%llu,\"old\":%llu,\"too_long\":%llu,"
			"\"refused\":%llu,\"not_told\":%zu}\n", (unsigned long long)cutter->lines,
			(unsigned long long)ingest->logins, (unsigned long long)ingest->failures,
			(unsigned long long)ingest->old, (unsigned long long)cutter->too_long,
			(unsigned long long)refused, left);
		return;
	}
	fprintf(out, "mailreeve ingest: %llu lines: %llu logins, %llu failed logins", (unsigned long long)cutter->lines,
		(unsigned long long)ingest->logins, (unsigned long long)ingest->failures);
	if (ingest->old > 0)
		fprintf(out, "; %llu were over an hour old and not told", (unsigned long long)ingest->old);
	if (cutter->too_long > 0)
		fprintf(out, "; %llu lines were too long", (unsigned long long)cutter->too_long);
	if (refused > 0)
		fprintf(out, "; mailreeved refused %llu", (unsigned long long)refused);
	if (left > 0)
		fprintf(out, "; %zu could not be told", left);
	fputc('\n', out);
}

static int run(struct ingest *ingest)
{
	static char output[OUTPUT_BUFFER];
	char *socket = ingest->facts ? NULL : mr_socket_find(ingest->common.socket, ingest->common.policy);

	ingest->sink = ingest->facts || socket != NULL ? mr_ingest_sink_new(socket) : NULL;
	free(socket);
	if (ingest->sink == NULL) {
		fprintf(stderr, "mailreeve ingest: out of memory\n");
		return MR_EXIT_NO_STATE;
	}
	if (mr_ingest_source_open(ingest->path, ingest->follow, ingest->state, &ingest->source) != 0)
		return MR_EXIT_USAGE;
	/* Without it the C library looks at that file anew for each time that it works out. */
	(void)setenv("TZ", ":/etc/localtime", 0);
	if (ingest->facts)
		setvbuf(stdout, output, _IOFBF, sizeof(output));
	take_signals();
	read_all(ingest);
	summarise(ingest);
	if (fflush(stdout) != 0)
		ingest->failed = true;
	return ingest->failed || mr_ingest_sink_left(ingest->sink) > 0 ? MR_EXIT_NO_STATE : MR_EXIT_DONE;
}

static bool read_format(const char *text, enum mr_ingest_format *format_r)
{
	static const char *const names[] = { "auto", "syslog", "journal" };

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*format_r = (enum mr_ingest_format)i;
			return true;
		}
	}
	fprintf(stderr, "mailreeve ingest: the format is auto, syslog or journal\n");
	return false;
}

/* -1: go on, else the exit status. */
static int read_options(struct ingest *ingest, int argc, char **argv)
{
	static const struct option longer[] = { { "follow", no_argument, NULL, 'F' },
						{ "state", required_argument, NULL, 'S' },
						{ "format", required_argument, NULL, 't' },
						{ "facts", no_argument, NULL, 'n' },
						MR_COMMON_LONG };
	int c, status;

	while ((c = getopt_long(argc, argv, "FS:t:n" MR_COMMON_SHORT, longer, NULL)) != -1) {
		if (c == 'F')
			ingest->follow = true;
		else if (c == 'S')
			ingest->state = optarg;
		else if (c == 'n')
			ingest->facts = true;
		else if (c == 't' && !read_format(optarg, &ingest->cutter.format))
			return MR_EXIT_USAGE;
		else if (c != 't' && (status = mr_common_take(&ingest->common, c, optarg, help)) >= 0)
			return status;
	}
	if (argc - optind > 1) {
		fprintf(stderr, "mailreeve ingest: one file at a time; start it once for each\n");
		return MR_EXIT_USAGE;
	}
	if (optind < argc)
		ingest->path = argv[optind];
	if (ingest->follow ? strcmp(ingest->path, "-") == 0 : ingest->state != NULL) {
		fprintf(stderr, "mailreeve ingest: %s\n", ingest->follow ? "--follow wants a file"
									 : "--state is for --follow");
		return MR_EXIT_USAGE;
	}
	return -1;
}

int mr_ctl_ingest(int argc, char **argv)
{
	static struct ingest ingest;
	int status;

	ingest = (struct ingest){ .common = { .policy = MR_CTL_POLICY }, .path = "-",
				  .cutter = { .format = MR_INGEST_AUTO, .take = take_line, .context = &ingest } };
	status = read_options(&ingest, argc, argv);
	if (status < 0)
		status = run(&ingest);
	mr_ingest_source_close(&ingest.source);
	mr_ingest_sink_free(&ingest.sink);
	return status;
}
