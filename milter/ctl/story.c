/* See story.h. Called by explain.c. */
#include "story.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "eventfile.h"
#include "print.h"

enum { LINES_MOST = 5000, EVENTS_MOST = 12, DAY = 86400, STAMP = 24, STAMP_AT = 15, ADDRESSES_MOST = 512 };

/* ---- Reading ---- */

struct reading {
	const char *login;
	size_t length;
	int64_t from;   /* Unix time: what is older is not told */
	json_t *lines;  /* newest first */
};

/* Every line begins with {"@timestamp":"...". */
static int64_t time_of(const char *line, size_t n)
{
	char stamp[STAMP + 1];

	if (n < STAMP_AT + STAMP)
		return -1;
	memcpy(stamp, line + STAMP_AT, STAMP);
	stamp[STAMP] = '\0';
	return mr_when_read(stamp);
}

static bool take_line(void *context, const char *line, size_t n)
{
	struct reading *reading = context;
	int64_t time = time_of(line, n);
	json_t *event;

	if (time >= 0 && time < reading->from)
		return false;
	if (memmem(line, n, reading->login, reading->length) == NULL)
		return true;
	event = json_loadb(line, n, 0, NULL);
	if (strcmp(mr_text_of(json_object_get(event, "user"), "name"), reading->login) == 0)
		json_array_append(reading->lines, event);
	json_decref(event);
	return json_array_size(reading->lines) < LINES_MOST;
}

/* ---- What kind of line ---- */

static const char *action_of(const json_t *line)
{
	return mr_text_of(json_object_get(line, "event"), "action");
}

static const char *reason_of(const json_t *line)
{
	return mr_text_of(json_object_get(line, "mailreeve"), "reason");
}

static const char *address_of(const json_t *line)
{
	return mr_text_of(json_object_get(line, "source"), "ip");
}

static bool is_guess(const json_t *line)
{
	return strcmp(reason_of(line), "screen-guessed") == 0;
}

static bool is_told(const json_t *line)
{
	return is_guess(line) || strcmp(action_of(line), "login-guarded") == 0 ||
	       strncmp(action_of(line), "account-", 8) == 0;
}

/* Whether two addresses are in one /24 or /48, as guesses are counted. */
static bool are_neighbours(const char *one, const char *other)
{
	unsigned char a[16], b[16];
	int family = strchr(one, ':') != NULL ? AF_INET6 : AF_INET;

	if (inet_pton(family, one, a) != 1 || inet_pton(family, other, b) != 1)
		return false;
	return memcmp(a, b, family == AF_INET ? 3 : 6) == 0;
}

/* ---- Making ---- */

static void count(json_t *story, const char *name, int64_t more)
{
	json_object_set_new(story, name, json_integer((json_int_t)mr_int_of(story, name) + more));
}

/* *first* and *last* of a kind of line. */
static void note_time(json_t *story, const char *first, const char *last, const json_t *line)
{
	if (json_object_get(story, first) == NULL)
		json_object_set_new(story, first, json_string(mr_text_of(line, "@timestamp")));
	json_object_set_new(story, last, json_string(mr_text_of(line, "@timestamp")));
}

static void add_guess(json_t *story, const json_t *line)
{
	const json_t *counter = json_object_get(json_object_get(line, "mailreeve"), "counter");

	json_object_set_new(story, "failures", json_integer((json_int_t)mr_int_of(counter, "guessed")));
	json_object_set_new(story, "login_time", json_string(mr_text_of(line, "@timestamp")));
	json_object_set_new(story, "source", json_string(address_of(line)));
	json_object_set_new(story, "protocol", json_string(mr_text_of(json_object_get(line, "network"), "protocol")));
}

/* A message after the login; before it they are the owner's. */
static void add_message(json_t *story, const json_t *line)
{
	const json_t *rcpt = json_object_get(json_object_get(line, "mailreeve"), "rcpt");
	bool accepted = strcmp(mr_text_of(json_object_get(line, "mailreeve"), "verdict"), "accept") == 0;
	const char *source = mr_text_of(story, "source");

	if (json_object_get(story, "failures") == NULL)
		return;
	if (source[0] != '\0' && !are_neighbours(source, address_of(line))) {
		count(story, "elsewhere", 1);
		return;
	}
	count(story, "messages", 1);
	count(story, accepted ? "accepted" : "refused", 1);
	count(story, "recipients", mr_int_of(rcpt, "count"));
	note_time(story, "first_message", "last_message", line);
}

static void add_refusal(json_t *story, json_t *addresses, const json_t *line)
{
	count(story, "logins_refused", 1);
	if (json_object_size(addresses) < ADDRESSES_MOST)
		json_object_set_new(addresses, address_of(line), json_true());
	note_time(story, "first_refused", "last_refused", line);
}

/* Without the evidence, which is told elsewhere. */
static json_t *short_message(const char *message)
{
	const char *evidence = strstr(message, ": evidence ");

	return evidence != NULL ? json_stringn(message, (size_t)(evidence - message)) : json_string(message);
}

static void add_event(json_t *events, const json_t *line)
{
	json_t *event = json_object();

	json_object_set_new(event, "time", json_string(mr_text_of(line, "@timestamp")));
	json_object_set_new(event, "action", json_string(action_of(line)));
	json_object_set_new(event, "event_id", json_string(mr_text_of(json_object_get(line, "event"), "id")));
	json_object_set_new(event, "message", short_message(mr_text_of(line, "message")));
	json_array_append_new(events, event);
	if (json_array_size(events) > EVENTS_MOST)
		json_array_remove(events, 0);
}

/* When the log has lost the line of the guess, the record still knows of it. */
static void begin(json_t *story, const json_t *lines, const json_t *guess)
{
	for (size_t i = 0; i < json_array_size(lines); i++)
		if (is_guess(json_array_get(lines, i)))
			return;
	if (guess == NULL)
		return;
	json_object_set_new(story, "failures", json_integer((json_int_t)mr_int_of(guess, "failures")));
	json_object_set_new(story, "login_time", json_string(mr_text_of(guess, "time")));
}

static void tell(json_t *story, const json_t *lines, const json_t *guess)
{
	json_t *events = json_array(), *addresses = json_object();
	int64_t from = mr_when_read(mr_text_of(guess, "time"));

	begin(story, lines, guess);
	for (size_t i = json_array_size(lines); i > 0; i--) {
		const json_t *line = json_array_get(lines, i - 1);
		bool in_time = mr_text_of(story, "source")[0] != '\0' ||
			       mr_when_read(mr_text_of(line, "@timestamp")) >= from;

		if (is_guess(line) && json_object_get(story, "source") == NULL)
			add_guess(story, line);
		if (is_told(line))
			add_event(events, line);
		else if (strcmp(action_of(line), "login-refused") == 0)
			add_refusal(story, addresses, line);
		else if (strcmp(action_of(line), "verdict") == 0 && in_time)
			add_message(story, line);
	}
	if (json_object_size(addresses) > 0)
		json_object_set_new(story, "addresses_refused", json_integer((json_int_t)json_object_size(addresses)));
	json_object_set_new(story, "events", events);
	json_decref(addresses);
}

/* The moment that the story is about. */
static int64_t moment_of(const json_t *answer)
{
	const json_t *guess = json_object_get(json_object_get(answer, "logins"), "guess");
	const json_t *account = json_object_get(answer, "account");
	int64_t moment = mr_when_read(mr_text_of(guess, "time"));

	if (moment < 0 && strcmp(mr_text_of(account, "state"), "normal") != 0)
		moment = mr_when_read(mr_text_of(account, "since"));
	return moment < 0 ? (int64_t)time(NULL) : moment;
}

json_t *mr_story_make(const char *policy_file, const char *login, const json_t *answer)
{
	struct reading reading = { .login = login, .length = strlen(login), .from = moment_of(answer) - DAY };
	char *path = mr_eventfile_path(policy_file);
	json_t *story;

	if (reading.length == 0) {
		free(path);
		return NULL;
	}
	story = json_object();
	reading.lines = json_array();
	json_object_set_new(story, "login", json_string(login));
	if (path != NULL)
		(void)mr_eventfile_read(path, take_line, &reading);
	free(path);
	tell(story, reading.lines, json_object_get(json_object_get(answer, "logins"), "guess"));
	json_decref(reading.lines);
	if (json_object_get(story, "failures") == NULL && json_object_get(story, "logins_refused") == NULL &&
	    json_array_size(json_object_get(story, "events")) == 0) {
		json_decref(story);
		story = NULL;
	}
	return story;
}

/* ---- Telling ---- */

/* "2026-11-22 05:10" */
static const char *minute(const char *text, char room[MR_WHEN_MAX])
{
	time_t seconds = (time_t)mr_when_read(text);
	struct tm tm;

	if (seconds < 0 || localtime_r(&seconds, &tm) == NULL || strftime(room, MR_WHEN_MAX, "%Y-%m-%d %H:%M", &tm) == 0)
		return "-";
	return room;
}

static void print_span(const json_t *story, const char *first, const char *last)
{
	char room[MR_WHEN_MAX], other[MR_WHEN_MAX];
	const char *begin_text = minute(mr_text_of(story, first), room), *end = minute(mr_text_of(story, last), other);

	if (strcmp(begin_text, end) == 0)
		printf("at %s", begin_text);
	else
		printf("between %s and %s", begin_text, end);
}

static void print_messages(const json_t *story)
{
	char n[4][MR_WHEN_MAX];
	int64_t messages = mr_int_of(story, "messages");

	if (messages == 0) {
		printf(", and no message from there since.\n");
		return;
	}
	printf(",\n  then %s message%s%s to %s recipients ", mr_number(messages, n[0]), messages == 1 ? "" : "s",
	       mr_text_of(story, "source")[0] != '\0' ? " from there" : "",
	       mr_number(mr_int_of(story, "recipients"), n[1]));
	print_span(story, "first_message", "last_message");
	printf(": %s accepted, %s not.\n", mr_number(mr_int_of(story, "accepted"), n[2]),
	       mr_number(mr_int_of(story, "refused"), n[3]));
}

static void print_guess(const json_t *story)
{
	const char *source = mr_text_of(story, "source"), *protocol = mr_text_of(story, "protocol");
	char room[MR_WHEN_MAX];

	printf("  %lld different wrong passwords for ", (long long)mr_int_of(story, "failures"));
	mr_put(mr_text_of(story, "login"));
	if (source[0] != '\0') {
		printf(" from ");
		mr_put(source);
		printf(" or its neighbours");
	}
	printf(", then a login at %s", minute(mr_text_of(story, "login_time"), room));
	if (protocol[0] != '\0') {
		printf(" by ");
		mr_put(protocol);
	}
	print_messages(story);
	if (mr_int_of(story, "elsewhere") > 0)
		printf("  Messages from elsewhere in that time: %lld.\n", (long long)mr_int_of(story, "elsewhere"));
}

static void print_refusals(const json_t *story)
{
	char room[MR_WHEN_MAX];

	if (mr_int_of(story, "logins_refused") == 0)
		return;
	printf("  At least %s login%s refused, from %lld address%s, ", mr_number(mr_int_of(story, "logins_refused"), room),
	       mr_int_of(story, "logins_refused") == 1 ? " was" : "s were", (long long)mr_int_of(story, "addresses_refused"),
	       mr_int_of(story, "addresses_refused") == 1 ? "" : "es");
	print_span(story, "first_refused", "last_refused");
	printf(".\n");
}

void mr_story_print(const json_t *story)
{
	const json_t *event;
	char room[MR_WHEN_MAX];
	size_t i;

	if (story == NULL)
		return;
	printf("\n%sThe story%s\n", mr_colour(MR_BOLD), mr_colour_end());
	if (json_object_get(story, "failures") != NULL)
		print_guess(story);
	print_refusals(story);
	json_array_foreach(json_object_get(story, "events"), i, event) {
		printf("  %s  ", minute(mr_text_of(event, "time"), room));
		mr_put(mr_text_of(event, "message"));
		if (mr_text_of(event, "event_id")[0] != '\0') {
			printf(" (event ");
			mr_put(mr_text_of(event, "event_id"));
			printf(")");
		}
		putchar('\n');
	}
}
