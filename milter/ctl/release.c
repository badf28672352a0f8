/*
 * mailreeve release: the mail of an account that was held by mistake goes on. It thaws the account, and finds its held
 * messages in the event log, since neither mail server keeps the login with a message so that it can be asked for.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "eventfile.h"
#include "give.h"
#include "print.h"

#define POSTSUPER "/usr/sbin/postsuper"

enum { IDS_MOST = 10000, IDS_AT_ONCE = 50, DAYS = 14 };

struct options {
	struct mr_common common;
	struct mr_give give;
	bool run;
};

static const char help[] =
	"usage: mailreeve release [--run] [--reason TEXT] NAME\n"
	"\n"
	"For an account whose mail is held and is harmless: thaws the account, which teaches that its mailing was\n"
	"harmless, and lists its held messages with the command that lets them go.\n"
	"\n"
	"      --run            let them go: runs " POSTSUPER " -H (Postfix)\n"
	"  -r, --reason TEXT    why, for the log and for colleagues\n" MR_COMMON_HELP "\n"
	"Exit status: 0 done, 1 there is no such account, or postsuper failed, 2 wrong usage, 3 there is neither daemon\n"
	"nor state, 4 in force but not on disk.\n";

/* ---- The held messages ---- */

struct search {
	const char *name;
	char since[40]; /* RFC 3339: older lines do not count */
	json_t *ids;    /* newest first */
};

static bool is_text(const json_t *value, const char *text)
{
	return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* Queue ids end up in a command: nothing but letters and digits passes. */
static bool is_queue_id(const char *text)
{
	size_t n = strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

	return n > 0 && n < 64 && text[n] == '\0';
}

static bool take_line(void *context, const char *line, size_t n)
{
	struct search *search = context;
	const char *id, *time_text;
	json_t *event, *own;
	bool goes_on = true;

	if (memmem(line, n, "\"hold\"", 6) == NULL)
		return true;
	event = json_loadb(line, n, 0, NULL);
	own = json_object_get(event, "mailreeve");
	id = mr_text_of(json_object_get(event, "email"), "local_id");
	time_text = mr_text_of(event, "@timestamp");
	if (time_text[0] != '\0' && strcmp(time_text, search->since) < 0)
		goes_on = false;
	else if (is_text(json_object_get(own, "verdict"), "hold") &&
		 is_text(json_object_get(json_object_get(event, "event"), "action"), "verdict") &&
		 (is_text(json_object_get(json_object_get(event, "user"), "name"), search->name) ||
		  is_text(json_object_get(own, "account"), search->name)) &&
		 is_queue_id(id))
		json_array_append_new(search->ids, json_string(id));
	json_decref(event);
	return goes_on && json_array_size(search->ids) < IDS_MOST;
}

/* Mail that was held before the last thaw has been let go or deleted then. */
static void find_since(const json_t *answer, struct search *search)
{
	const json_t *orders = json_object_get(answer, "orders"), *order;
	time_t early = time(NULL) - DAYS * 86400;
	struct tm tm;
	size_t i;

	if (gmtime_r(&early, &tm) == NULL ||
	    strftime(search->since, sizeof(search->since), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		search->since[0] = '\0';
	json_array_foreach(orders, i, order)
		if (strcmp(mr_text_of(order, "order"), "thaw") == 0) {
			if (strcmp(mr_text_of(order, "time"), search->since) > 0)
				(void)snprintf(search->since, sizeof(search->since), "%.39s",
					       mr_text_of(order, "time"));
			return;
		}
}

static json_t *find_held(const struct mr_common *common, const json_t *answer, const char *name)
{
	struct search search = { .name = name, .ids = json_array() };
	char *path = mr_eventfile_path(common->policy);

	find_since(answer, &search);
	if (path == NULL)
		fprintf(stderr, "mailreeve release: the event log is no file, so the held messages are not known; look for "
			"them with mailq\n");
	else if (mr_eventfile_is_hashed(common->policy))
		fprintf(stderr, "mailreeve release: log.addresses is hashed, so the held messages cannot be told apart; look "
			"for them with mailq\n");
	else if (mr_eventfile_read(path, take_line, &search) != 0)
		fprintf(stderr, "mailreeve release: %s: %s\n", path, strerror(errno));
	free(path);
	return search.ids;
}

/* ---- Letting them go ---- */

static int run_postsuper(char **argv)
{
	char *environment[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, (char[]){ "LC_ALL=C" }, NULL };
	int status = 0, err;
	pid_t child;

	err = posix_spawn(&child, POSTSUPER, NULL, NULL, argv, environment);
	if (err != 0) {
		fprintf(stderr, "mailreeve release: %s: %s\n", POSTSUPER, strerror(err));
		return -1;
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int let_go(const json_t *ids)
{
	char command[] = POSTSUPER, option[] = "-H", room[IDS_AT_ONCE][64];
	char *argv[2 * IDS_AT_ONCE + 2];
	int err = 0;

	for (size_t from = 0; from < json_array_size(ids); from += IDS_AT_ONCE) {
		size_t n = 0;

		argv[n++] = command;
		for (size_t i = 0; i < IDS_AT_ONCE && from + i < json_array_size(ids); i++) {
			(void)snprintf(room[i], sizeof(room[i]), "%s",
				       json_string_value(json_array_get(ids, from + i)));
			argv[n++] = option;
			argv[n++] = room[i];
		}
		argv[n] = NULL;
		err |= run_postsuper(argv);
	}
	return err;
}

static void print_commands(const json_t *ids)
{
	bool postfix = access(POSTSUPER, F_OK) == 0;

	if (json_array_size(ids) == 0) {
		printf("No held message of it is in the event log.\n");
		return;
	}
	printf("%zu held message%s. To let %s go:\n", json_array_size(ids), json_array_size(ids) == 1 ? "" : "s",
	       json_array_size(ids) == 1 ? "it" : "them");
	for (size_t i = 0; i < json_array_size(ids); i++)
		printf(postfix ? "  postsuper -H %s\n" : "  sendmail -qQ -qI%s -Q\n",
		       json_string_value(json_array_get(ids, i)));
}

/* ---- The command ---- */

static int release_known(struct mr_ask *ask, const struct options *o, const json_t *answer)
{
	const char *name = mr_text_of(json_object_get(answer, "account"), "name");
	json_t *ids = find_held(&o->common, answer, name), *names = json_pack("[s]", name), *object;
	int status = mr_give(ask, &o->give, names, o->common.json);

	if (o->common.json) {
		object = json_pack("{s:s, s:O}", "name", name, "held", ids);
		(void)mr_print_json(object);
		json_decref(object);
	} else if (!o->run) {
		print_commands(ids);
	}
	if (o->run && json_array_size(ids) > 0 && let_go(ids) != 0 && status == MR_EXIT_DONE)
		status = MR_EXIT_PART;
	else if (o->run && !o->common.json)
		printf("%zu messages were let go.\n", json_array_size(ids));
	json_decref(names);
	json_decref(ids);
	return status;
}

static int release(const struct options *o, const char *name)
{
	struct mr_ask *ask;
	json_t *answer;
	char room[600];
	int status = mr_ask_open(&o->common, true, &ask);

	if (status != MR_EXIT_DONE)
		return status;
	answer = mr_ask(ask, json_pack("{s:s, s:s}", "command", "account", "name", name));
	if (answer == NULL) {
		status = MR_EXIT_NO_STATE;
	} else if (!json_is_object(json_object_get(answer, "account"))) {
		fprintf(stderr, "mailreeve release: %s is not known\n", mr_safe(name, room, sizeof(room)));
		status = MR_EXIT_PART;
	} else {
		status = release_known(ask, o, answer);
	}
	json_decref(answer);
	mr_ask_close(&ask);
	return status;
}

int mr_ctl_release(int argc, char **argv)
{
	static const struct option longer[] = { { "run", no_argument, NULL, 'X' },
						{ "reason", required_argument, NULL, 'r' },
						MR_COMMON_LONG };
	struct options o = { .common = { .policy = MR_CTL_POLICY }, .give = { .order = "thaw" } };
	int c, status;

	while ((c = getopt_long(argc, argv, "r:" MR_COMMON_SHORT, longer, NULL)) != -1) {
		if (c == 'X')
			o.run = true;
		else if (c == 'r')
			o.give.reason = optarg;
		else if ((status = mr_common_take(&o.common, c, optarg, help)) >= 0)
			return status;
	}
	if (argc - optind != 1 || (o.give.reason != NULL && strlen(o.give.reason) > 127)) {
		fprintf(stderr, "mailreeve release: name one account; a reason has at most 127 bytes\n");
		return MR_EXIT_USAGE;
	}
	return release(&o, argv[optind]);
}
