/*
 * mailreeve explain: why a message or an account was treated so, in words. An event is looked for in the daemon's records
 * and in the event log, which is read here, so that it works without a daemon too.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "ctl.h"
#include "eventfile.h"
#include "print.h"
#include "story.h"
#include "words.h"

enum { LINES_MOST = 40, ID_LENGTH = 12 };

static const char help[] =
	"usage: mailreeve explain EVENT-ID | ACCOUNT\n"
	"\n"
	"Says in words why a message was refused or held, or how an account stands: which evidence, how much of the\n"
	"limit, what speaks for the owner, what would have had to be different, and what to do next; why a source was\n"
	"blocked or a login refused, and until when. Tells the story of an account: wrong passwords, the login that\n"
	"followed, what was sent then. The EVENT-ID is what the sender was shown, and event.id or mailreeve.transaction\n"
	"of a log line.\n"
	"\n" MR_COMMON_HELP "\n"
	"Exit status: 0 explained, 1 nothing is known of it, 2 wrong usage, 3 there is neither daemon nor state.\n";

/* ---- The event log ---- */

struct search {
	const char *id;
	size_t length;
	json_t *lines; /* newest first */
};

static bool is_id(const json_t *value, const char *id)
{
	return json_is_string(value) && strcmp(json_string_value(value), id) == 0;
}

static bool take_line(void *context, const char *line, size_t n)
{
	struct search *search = context;
	json_t *event;

	if (memmem(line, n, search->id, search->length) == NULL)
		return true;
	event = json_loadb(line, n, 0, NULL);
	if (is_id(json_object_get(json_object_get(event, "event"), "id"), search->id) ||
	    is_id(json_object_get(json_object_get(event, "mailreeve"), "transaction"), search->id))
		json_array_append(search->lines, event);
	json_decref(event);
	return json_array_size(search->lines) < LINES_MOST;
}

/* The lines of the event, the oldest first. */
static json_t *search_log(const struct mr_common *common, const char *id)
{
	struct search search = { .id = id, .length = strlen(id), .lines = json_array() };
	char *path = mr_eventfile_path(common->policy);
	json_t *sorted = json_array();

	if (path == NULL)
		fprintf(stderr, "mailreeve explain: the event log is no file, so only the records were looked at\n");
	else if (mr_eventfile_read(path, take_line, &search) != 0)
		fprintf(stderr, "mailreeve explain: %s: %s\n", path, strerror(errno));
	free(path);
	for (size_t i = json_array_size(search.lines); i > 0; i--)
		json_array_append(sorted, json_array_get(search.lines, i - 1));
	json_decref(search.lines);
	return sorted;
}

/* ---- Words ---- */

static const json_t *own(const json_t *line, const char *name)
{
	return json_object_get(json_object_get(line, "mailreeve"), name);
}

/* "login.messages.1h: 61 of 60" */
static void print_counters(const json_t *line)
{
	const json_t *limits = own(line, "limit"), *value;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)own(line, "counter"), name, value) {
		const json_t *limit = json_object_get(limits, name);

		if (limit == NULL)
			continue;
		printf("  ");
		mr_put(name);
		printf(": %lld of at most %lld\n", (long long)json_integer_value(value),
		       (long long)json_integer_value(limit));
	}
}

static void print_tried(const json_t *line)
{
	const json_t *list = own(line, "exemptions");

	if (json_array_size(list) == 0)
		return;
	printf("  exemptions tried: ");
	for (size_t i = 0; i < json_array_size(list); i++) {
		mr_put(i > 0 ? ", " : "");
		mr_put(json_string_value(json_array_get(list, i)));
	}
	putchar('\n');
}

static void print_until(int64_t until)
{
	time_t seconds = (time_t)until;
	char text[32], when[MR_WHEN_MAX];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) != NULL && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		printf("  it ends by itself: %s\n", mr_when(text, when));
}

/* with_evidence: unless it is told of the account below. */
static void print_line(const json_t *line, bool with_evidence)
{
	const json_t *evidence = own(line, "evidence"), *would = own(line, "would_reason");
	const char *sentence;
	char when[MR_WHEN_MAX];

	printf("%s%s%s\n  ", mr_colour(MR_BOLD), mr_when(mr_text_of(line, "@timestamp"), when), mr_colour_end());
	mr_put(mr_text_of(line, "message"));
	putchar('\n');
	sentence = mr_words_reason(mr_text_of(json_object_get(line, "mailreeve"), "reason"));
	if (sentence != NULL)
		printf("  why: %s (rule %s)\n", sentence, mr_text_of(json_object_get(line, "rule"), "id"));
	sentence = json_is_string(would) ? mr_words_reason(json_string_value(would)) : NULL;
	if (sentence != NULL)
		printf("  if the rule were enforced and not in observe mode: %s\n", sentence);
	print_counters(line);
	if (mr_int_of(json_object_get(line, "mailreeve"), "until") > 0)
		print_until(mr_int_of(json_object_get(line, "mailreeve"), "until"));
	print_tried(line);
	if (with_evidence && json_is_object(evidence) && mr_real_of(evidence, "limit") > 0)
		mr_words_evidence(evidence, mr_real_of(evidence, "limit"));
	if (json_is_true(own(line, "degraded")))
		printf("  the state was degraded then, so less was known than usual\n");
}

static void print_account(const json_t *answer)
{
	const json_t *row = json_object_get(answer, "account"), *now = json_object_get(answer, "now");
	bool then = json_object_get(row, "evidence") != NULL && strcmp(mr_text_of(row, "state"), "normal") != 0;

	mr_words_standing(row, json_object_get(answer, "orders"));
	if (strcmp(mr_text_of(answer, "mode"), "enforce") != 0)
		printf("The rule hijack is in mode %s: it refuses nothing.\n", mr_text_of(answer, "mode"));
	if (then) {
		mr_words_evidence(json_object_get(row, "evidence"), mr_real_of(row, "threshold"));
	} else {
		printf("What is left of evidence now:\n");
		mr_words_evidence(json_object_get(now, "evidence"), mr_real_of(now, "freeze"));
	}
	if (mr_text_of(row, "event_id")[0] != '\0')
		printf("The event that brought it there: %s\n", mr_text_of(row, "event_id"));
	mr_story_print(json_object_get(answer, "story"));
	if (json_object_get(answer, "story") != NULL)
		putchar('\n');
	mr_words_next(row);
}

/* ---- Screening ---- */

/* The source that an event or an order is about; "": none. */
static const char *source_of(const json_t *lines, const json_t *order)
{
	const json_t *line = json_array_get(lines, json_array_size(lines) - 1);
	const char *action = mr_text_of(json_object_get(line, "event"), "action"), *source;

	if (strcmp(action, "source-blocked") == 0 || strcmp(action, "alert") == 0) {
		source = mr_text_of(json_object_get(line, "mailreeve"), "prefix");
		return source[0] != '\0' || strcmp(action, "alert") == 0
			       ? source
			       : mr_text_of(json_object_get(line, "mailreeve"), "account");
	}
	return strcmp(mr_text_of(order, "order"), "block") == 0 ? mr_text_of(order, "subject") : "";
}

/* How the source stands now; nothing when it is no address. */
static void print_source(const json_t *answer)
{
	if (answer == NULL)
		return;
	printf("\n%sNow%s\n", mr_colour(MR_BOLD), mr_colour_end());
	mr_words_source(answer);
	mr_words_counters(json_object_get(answer, "counters"), NULL);
	mr_words_source_next(answer);
}

/* The login whose story an event line belongs to; "": none. */
static const char *login_of(const json_t *lines)
{
	const json_t *line = json_array_get(lines, json_array_size(lines) - 1);
	const char *action = mr_text_of(json_object_get(line, "event"), "action");
	bool guess = strcmp(mr_text_of(json_object_get(line, "mailreeve"), "reason"), "screen-guessed") == 0;

	return guess || strncmp(action, "login-", 6) == 0 ? mr_text_of(json_object_get(line, "user"), "name") : "";
}

static void print_order(const json_t *order)
{
	char when[MR_WHEN_MAX];

	printf("%s%s%s\n  %s of ", mr_colour(MR_BOLD), mr_when(mr_text_of(order, "time"), when), mr_colour_end(),
	       mr_text_of(order, "order"));
	mr_put(mr_text_of(order, "subject"));
	printf(", by ");
	mr_put(mr_text_of(order, "operator")[0] != '\0' ? mr_text_of(order, "operator") : mr_text_of(order, "rule"));
	printf("%s", mr_text_of(order, "reason")[0] != '\0' ? ": " : "");
	mr_put(mr_text_of(order, "reason"));
	putchar('\n');
}

/* ---- Finding ---- */

/* Twelve letters and digits, and for a line of its own "-1". */
static bool looks_like_event(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]))
		n++;
	if (n != ID_LENGTH)
		return false;
	return text[n] == '\0' || (text[n] == '-' && isdigit((unsigned char)text[n + 1]));
}

static bool has_account(const json_t *answer)
{
	return json_is_object(json_object_get(answer, "account"));
}

static void print_event(const json_t *answer, const json_t *lines)
{
	const json_t *order = json_object_get(answer, "order");
	size_t count = json_array_size(lines);

	for (size_t i = 0; i < count; i++)
		print_line(json_array_get(lines, i), !has_account(answer) && i + 1 == count);
	if (count == 0 && order != NULL)
		print_order(order);
	print_source(json_object_get(answer, "source"));
	if (has_account(answer)) {
		printf("\n");
		print_account(answer);
	} else {
		mr_story_print(json_object_get(answer, "story"));
	}
	if (count > 0 && json_object_get(answer, "source") == NULL && !has_account(answer))
		mr_words_screening_next(json_array_get(lines, count - 1));
}

/* Adds to answer how the source stands now that the event is about, and the story of its login. */
static void find_more(struct mr_ask *ask, const struct mr_common *common, json_t *answer, const json_t *lines)
{
	const char *source = source_of(lines, json_object_get(answer, "order")), *login = login_of(lines);
	json_t *account = NULL, *story;

	if (source[0] != '\0')
		json_object_set_new(answer, "source",
				    mr_ask(ask, json_pack("{s:s, s:s}", "command", "source", "address", source)));
	if (has_account(answer))
		login = mr_text_of(json_object_get(answer, "account"), "name");
	else if (login[0] != '\0')
		account = mr_ask(ask, json_pack("{s:s, s:s}", "command", "account", "name", login));
	story = mr_story_make(common->policy, login, account != NULL ? account : answer);
	if (story != NULL)
		json_object_set_new(answer, "story", story);
	json_decref(account);
}

static int explain_event(struct mr_ask *ask, const struct mr_common *common, const char *id)
{
	json_t *answer = mr_ask(ask, json_pack("{s:s, s:s}", "command", "event", "id", id)), *lines;
	int status = MR_EXIT_PART;

	if (answer == NULL)
		return MR_EXIT_NO_STATE;
	lines = search_log(common, id);
	if (has_account(answer) || json_object_get(answer, "order") != NULL || json_array_size(lines) > 0) {
		status = MR_EXIT_DONE;
		find_more(ask, common, answer, lines);
		json_object_set(answer, "lines", lines);
		if (common->json)
			(void)mr_print_json(answer);
		else
			print_event(answer, lines);
	}
	json_decref(lines);
	json_decref(answer);
	return status;
}

static int explain_account(struct mr_ask *ask, const struct mr_common *common, const char *name)
{
	json_t *answer = mr_ask(ask, json_pack("{s:s, s:s}", "command", "account", "name", name)), *story;
	int status = answer == NULL ? MR_EXIT_NO_STATE : has_account(answer) ? MR_EXIT_DONE : MR_EXIT_PART;

	if (status == MR_EXIT_DONE) {
		story = mr_story_make(common->policy, mr_text_of(json_object_get(answer, "account"), "name"), answer);
		if (story != NULL)
			json_object_set_new(answer, "story", story);
		if (common->json)
			(void)mr_print_json(answer);
		else
			print_account(answer);
	}
	json_decref(answer);
	return status;
}

static int explain(struct mr_ask *ask, const struct mr_common *common, const char *what)
{
	int status = MR_EXIT_PART;
	char room[600];

	if (looks_like_event(what))
		status = explain_event(ask, common, what);
	if (status == MR_EXIT_PART)
		status = explain_account(ask, common, what);
	if (status == MR_EXIT_PART)
		fprintf(stderr, "mailreeve explain: nothing is known of %s: no account has this name, and no event has this "
			"id in what is left of the event log\n", mr_safe(what, room, sizeof(room)));
	return status;
}

int mr_ctl_explain(int argc, char **argv)
{
	static const struct option longer[] = { MR_COMMON_LONG };
	struct mr_common common = { .policy = MR_CTL_POLICY };
	struct mr_ask *ask;
	int c, status;

	while ((c = getopt_long(argc, argv, MR_COMMON_SHORT, longer, NULL)) != -1)
		if ((status = mr_common_take(&common, c, optarg, help)) >= 0)
			return status;
	if (argc - optind != 1) {
		fprintf(stderr, "mailreeve explain: name one event or account; see mailreeve explain --help\n");
		return MR_EXIT_USAGE;
	}
	status = mr_ask_open(&common, false, &ask);
	if (status == MR_EXIT_DONE)
		status = explain(ask, &common, argv[optind]);
	mr_ask_close(&ask);
	return status;
}
