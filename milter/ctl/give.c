/* See give.h. Called by order.c, thaw.c and release.c. */
#include "give.h"

#include <stdio.h>
#include <string.h>

#include "print.h"

enum { NAMES_AT_ONCE = 20, NAME_MOST = 255 };

json_t *mr_give_names(const char *command, char **names, int count)
{
	json_t *list = json_array();

	for (int i = 0; i < count; i++) {
		size_t n = strlen(names[i]);

		if (n > 0 && n <= NAME_MOST && json_array_append_new(list, json_string(names[i])) == 0)
			continue;
		fprintf(stderr, "mailreeve %s: a name is UTF-8 of 1 to %d bytes\n", command, NAME_MOST);
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *request_of(const struct mr_give *give, const json_t *names, size_t from)
{
	json_t *some = json_array(), *request;

	for (size_t i = from; i < json_array_size(names) && i < from + NAMES_AT_ONCE; i++)
		json_array_append(some, json_array_get(names, i));
	request = json_pack("{s:s, s:o}", "command", give->order, "names", some);
	if (give->seconds > 0)
		json_object_set_new(request, "seconds", json_integer(give->seconds));
	if (give->reason != NULL)
		json_object_set_new(request, "reason", json_string(give->reason));
	if (give->nothing_learned)
		json_object_set_new(request, "learn", json_false());
	return request;
}

static const char *done_word(const char *order)
{
	if (strcmp(order, "freeze") == 0)
		return "frozen";
	if (strcmp(order, "hold") == 0)
		return "held: its mail is accepted and waits";
	if (strcmp(order, "thaw") == 0)
		return "thawed: it may send again";
	return strcmp(order, "block") == 0 ? "blocked" : "unblocked";
}

static void say_time(const struct mr_give *give)
{
	char span[MR_WHEN_MAX];

	if (give->seconds > 0)
		printf(" for %s", mr_span(give->seconds, span));
}

/* How it stood before, when that is news. */
static void say_before(const struct mr_give *give, const json_t *row)
{
	const char *before = mr_text_of(row, "before");
	bool source = strcmp(give->order, "block") == 0 || strcmp(give->order, "unblock") == 0;

	if (strcmp(before, "normal") != 0)
		printf(" (it was %s)", source && strcmp(before, "frozen") == 0 ? "blocked" : before);
	if (json_is_true(json_object_get(row, "forgiven")))
		printf("; one offence is forgiven, %lld left", (long long)mr_int_of(row, "offences"));
	else if (strcmp(give->order, "unblock") == 0 && mr_int_of(row, "offences") > 0)
		printf("; its %lld offences are kept", (long long)mr_int_of(row, "offences"));
}

/* The exit status that one result deserves. */
static int say(const struct mr_give *give, const json_t *row, bool quiet)
{
	const char *result = mr_text_of(row, "result");
	bool done = strcmp(result, "done") == 0, on_disk = strcmp(result, "not-on-disk") != 0;

	if (quiet)
		return done ? MR_EXIT_DONE : on_disk ? MR_EXIT_PART : MR_EXIT_NOT_ON_DISK;
	mr_put(mr_text_of(row, "name"));
	if (done || !on_disk) {
		printf(": %s", done_word(give->order));
		say_time(give);
		say_before(give, row);
		if (!on_disk)
			printf("; in force, but NOT ON DISK: a restart of mailreeved would forget it; see mailreeve status");
		putchar('\n');
		return done ? MR_EXIT_DONE : MR_EXIT_NOT_ON_DISK;
	}
	if (strcmp(result, "unknown") == 0)
		printf(": there is nothing to undo: mailreeve does not know it; is it written right?\n");
	else if (strcmp(result, "unreadable") == 0)
		printf(": this is neither a login nor an address or network (a network's host bits must be 0)\n");
	else if (strcmp(result, "full") == 0)
		printf(": not done: the memory of accounts is full; raise state.accounts or state.sources\n");
	else
		printf(": not done (%s)\n", result);
	return MR_EXIT_PART;
}

int mr_give(struct mr_ask *ask, const struct mr_give *give, const json_t *names, bool as_json)
{
	json_t *all = json_array(), *row;
	int status = MR_EXIT_DONE;
	size_t i;

	for (size_t from = 0; from < json_array_size(names); from += NAMES_AT_ONCE) {
		json_t *answer = mr_ask(ask, request_of(give, names, from));

		if (answer == NULL) {
			status = MR_EXIT_NO_STATE;
			break;
		}
		json_array_foreach(json_object_get(answer, "results"), i, row) {
			int one = say(give, row, as_json);

			status = one > status ? one : status;
			json_array_append(all, row);
		}
		json_decref(answer);
	}
	if (as_json) {
		json_t *object = json_pack("{s:O}", "results", all);

		(void)mr_print_json(object);
		json_decref(object);
	}
	json_decref(all);
	return status;
}
