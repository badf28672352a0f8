/*
 * mailreeve watch: what mailreeved decides, as it decides it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "ctl.h"
#include "mailreeve.h"
#include "print.h"

static const char help[] =
	"usage: mailreeve watch [--account NAME] [--rule RULE]\n"
	"\n"
	"Prints a short line for each decision, until it is interrupted. Whoever reads too slowly loses lines, and is\n"
	"told how many.\n"
	"\n"
	"  -a, --account NAME   only about this login, source or client address\n"
	"  -R, --rule RULE      only decided by this rule, or what it would have decided\n" MR_COMMON_HELP "\n"
	"With --json: the event lines themselves, see mailreeve-events(5).\n"
	"Exit status: 0 the daemon ended, 1 it refused, 2 wrong usage, 3 no daemon answers.\n";

struct options {
	struct mr_common common;
	const char *account, *rule;
};

static const char *text_at(const json_t *event, const char *object, const char *name)
{
	return mr_text_of(json_object_get(event, object), name);
}

/* The first text of a list, and how many there are. */
static const char *first_of(const json_t *event, const char *part, size_t *count_r)
{
	const json_t *list = json_object_get(json_object_get(json_object_get(event, "email"), part), "address");

	*count_r = json_array_size(list);
	if (json_is_string(list)) {
		*count_r = 1;
		return json_string_value(list);
	}
	return *count_r > 0 ? json_string_value(json_array_get(list, 0)) : "-";
}

static enum mr_colour colour_of(const char *verdict)
{
	if (strcmp(verdict, "reject") == 0 || strcmp(verdict, "account-frozen") == 0 ||
	    strcmp(verdict, "source-blocked") == 0)
		return MR_RED;
	return strcmp(verdict, "accept") == 0 ? MR_GREEN : MR_YELLOW;
}

/* "14:03:11" in the local time. */
static void print_clock(const json_t *event)
{
	time_t seconds = (time_t)mr_when_read(mr_text_of(event, "@timestamp"));
	char text[16] = "--:--:--";
	struct tm tm;

	if (localtime_r(&seconds, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%H:%M:%S", &tm);
	printf("%s ", text);
}

static void print_who(const json_t *event)
{
	const char *login = text_at(event, "user", "name"), *from;
	size_t count, recipients;

	mr_put(login[0] != '\0' ? login : "-");
	putchar(' ');
	mr_put(text_at(event, "source", "ip"));
	from = text_at(json_object_get(event, "email"), "sender", "address");
	printf(" <");
	mr_put(from);
	printf("> to ");
	mr_put(first_of(event, "to", &count));
	recipients = (size_t)mr_int_of(json_object_get(json_object_get(event, "mailreeve"), "rcpt"), "count");
	if (recipients > 1)
		printf(" and %zu more", recipients - 1);
}

/* A verdict by its parts; anything else by its own sentence. */
static void print_event(const json_t *event)
{
	const char *action = text_at(event, "event", "action"), *reason;
	const char *word = strcmp(action, "verdict") == 0 ? text_at(event, "mailreeve", "verdict") : action;

	print_clock(event);
	printf("%s%-8.40s%s ", mr_colour(colour_of(word)), word, mr_colour_end());
	if (strcmp(action, "verdict") != 0) {
		mr_put(mr_text_of(event, "message"));
	} else {
		print_who(event);
		reason = text_at(event, "mailreeve", "reason");
		printf("%s%s", reason[0] != '\0' ? " " : "", reason);
		reason = text_at(event, "mailreeve", "would_reason");
		printf("%s%s%s", reason[0] != '\0' ? " (would: " : "", reason, reason[0] != '\0' ? ")" : "");
	}
	putchar('\n');
}

/* False: the daemon does not let us look on. */
static bool take_line(const struct options *o, const char *line, size_t n)
{
	json_t *event = json_loadb(line, n, 0, NULL);
	const json_t *error = json_object_get(event, "error"), *lost = json_object_get(event, "lost");
	bool plain = json_object_get(event, "event") != NULL;
	char room[256];

	if (json_is_string(error) && !plain)
		fprintf(stderr, "mailreeve watch: %s\n", mr_safe(json_string_value(error), room, sizeof(room)));
	else if (o->common.json && (plain || lost != NULL))
		printf("%.*s\n", (int)n, line);
	else if (lost != NULL && !plain)
		printf("(%lld lines were lost)\n", (long long)json_integer_value(lost));
	else if (plain)
		print_event(event);
	fflush(stdout);
	json_decref(event);
	return !json_is_string(error) || plain;
}

static int look_on(const struct options *o, int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct mr_frame *frame;
	int status = MR_EXIT_DONE, got = 0;
	const char *line;
	size_t n;

	if (mr_frame_new(&frame) != 0)
		return MR_EXIT_NO_STATE;
	while (got >= 0 && status == MR_EXIT_DONE && !ferror(stdout)) {
		if (poll(&ready, 1, -1) < 0 && errno != EINTR)
			break;
		while (status == MR_EXIT_DONE && (got = mr_frame_read(frame, fd, &line, &n)) == 1)
			if (!take_line(o, line, n))
				status = MR_EXIT_PART;
	}
	mr_frame_free(&frame);
	return status;
}

static int watch(const struct options *o)
{
	char *path = mr_socket_find(o->common.socket, o->common.policy);
	json_t *request = json_pack("{s:s, s:s*, s:s*}", "command", "watch", "account", o->account, "rule", o->rule);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	int fd = -1, status = MR_EXIT_NO_STATE;

	if (path == NULL || text == NULL)
		fprintf(stderr, "mailreeve watch: out of memory, or a name that is not UTF-8\n");
	else if (mr_control_open(path, text, &fd) != 0)
		fprintf(stderr, "mailreeve watch: no mailreeved answers at %s: %s; is it running, and are you root or its "
			"user?\n", path, strerror(errno));
	else
		status = look_on(o, fd);
	if (fd >= 0)
		close(fd);
	json_decref(request);
	free(text);
	free(path);
	return status;
}

int mr_ctl_watch(int argc, char **argv)
{
	static const struct option longer[] = { { "account", required_argument, NULL, 'a' },
						{ "rule", required_argument, NULL, 'R' },
						MR_COMMON_LONG };
	struct options o = { .common = { .policy = MR_CTL_POLICY } };
	int c, status;

	while ((c = getopt_long(argc, argv, "a:R:" MR_COMMON_SHORT, longer, NULL)) != -1) {
		if (c == 'a')
			o.account = optarg;
		else if (c == 'R')
			o.rule = optarg;
		else if ((status = mr_common_take(&o.common, c, optarg, help)) >= 0)
			return status;
	}
	if (optind < argc) {
		fprintf(stderr, "mailreeve watch: it takes no arguments; see mailreeve watch --help\n");
		return MR_EXIT_USAGE;
	}
	return watch(&o);
}
