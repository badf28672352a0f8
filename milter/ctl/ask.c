/* See ask.h. Called by every command that looks at the state or changes it. */
#include "ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailreeve.h"
#include "offline.h"
#include "print.h"

enum { SILENCE_MS = 60000, NO_LISTENER = -4, REQUEST_MOST = 60000 };

struct mr_ask {
	char *socket;
	bool write;
	struct mr_offline *offline; /* NULL: the daemon is asked */
};

int mr_common_take(struct mr_common *common, int option, const char *argument, const char *help)
{
	switch (option) {
	case 'c':
		common->policy = argument;
		return -1;
	case 's':
		common->socket = argument;
		return -1;
	case 'j':
		common->json = true;
		return -1;
	case 'h':
		fputs(help, stdout);
		return MR_EXIT_DONE;
	default:
		fputs("Try the option --help.\n", stderr);
		return MR_EXIT_USAGE;
	}
}

/* Whether somebody listens. A test of its own: an order must not be sent twice. */
static int find_listener(struct mr_ask *ask, const struct mr_common *common)
{
	char *answer = NULL;
	int err = mr_control_call(ask->socket, "{\"command\":\"exemptions\",\"limit\":0}", SILENCE_MS, &answer);

	free(answer);
	if (err == 0)
		return MR_EXIT_DONE;
	if (err == NO_LISTENER && (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR))
		return mr_offline_open(common->policy, ask->write, &ask->offline) == 0 ? MR_EXIT_DONE
										        : MR_EXIT_NO_STATE;
	fprintf(stderr, "mailreeve: no answer from mailreeved at %s: %s%s\n", ask->socket, strerror(errno),
		errno == EACCES ? "; only root and the daemon's own user may ask" : "; is it stuck? See its log");
	return MR_EXIT_NO_STATE;
}

int mr_ask_open(const struct mr_common *common, bool write, struct mr_ask **ask_r)
{
	struct mr_ask *ask = calloc(1, sizeof(*ask));
	int status;

	*ask_r = NULL;
	if (ask == NULL || (ask->socket = mr_socket_find(common->socket, common->policy)) == NULL) {
		free(ask);
		fprintf(stderr, "mailreeve: out of memory\n");
		return MR_EXIT_NO_STATE;
	}
	ask->write = write;
	status = find_listener(ask, common);
	if (status != MR_EXIT_DONE)
		mr_ask_close(&ask);
	*ask_r = ask;
	return status;
}

void mr_ask_close(struct mr_ask **ask)
{
	if (*ask == NULL)
		return;
	mr_offline_close(&(*ask)->offline);
	free((*ask)->socket);
	free(*ask);
	*ask = NULL;
}

bool mr_ask_is_offline(const struct mr_ask *ask)
{
	return ask->offline != NULL;
}

const char *mr_ask_socket(const struct mr_ask *ask)
{
	return ask->socket;
}

static char *call(struct mr_ask *ask, const char *request)
{
	char *answer = NULL;

	if (ask->offline != NULL) {
		answer = mr_offline_ask(ask->offline, request);
		if (answer == NULL)
			fprintf(stderr, "mailreeve: out of memory\n");
	} else if (mr_control_call(ask->socket, request, SILENCE_MS, &answer) != 0) {
		fprintf(stderr, "mailreeve: mailreeved at %s did not answer: %s; whether it did what was asked is in "
			"mailreeve show orders\n", ask->socket, strerror(errno));
	}
	return answer;
}

json_t *mr_ask(struct mr_ask *ask, json_t *request)
{
	const char *person = getenv("SUDO_USER");
	char *text, *line;
	json_t *answer = NULL;
	char room[512];

	if (person != NULL && getuid() == 0)
		json_object_set_new(request, "sudo_user", json_string(person));
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	line = text != NULL && strlen(text) < REQUEST_MOST ? call(ask, text) : NULL;
	if (text == NULL || strlen(text) >= REQUEST_MOST)
		fprintf(stderr, "mailreeve: the request is too long, or not UTF-8\n");
	free(text);
	if (line == NULL)
		return NULL;
	answer = json_loads(line, 0, NULL);
	free(line);
	if (json_is_object(answer) && json_object_get(answer, "error") == NULL)
		return answer;
	fprintf(stderr, "mailreeve: %s\n",
		json_is_object(answer) ? mr_safe(mr_text_of(answer, "error"), room, sizeof(room))
				       : "the answer makes no sense");
	json_decref(answer);
	return NULL;
}

json_t *mr_ask_list(struct mr_ask *ask, json_t *request, const char *name, size_t most)
{
	json_t *all = json_array();
	int64_t skip = 0;

	while (all != NULL && json_array_size(all) < most) {
		json_t *page = json_copy(request), *answer;
		size_t left = most - json_array_size(all);

		json_object_set_new(page, "skip", json_integer(skip));
		json_object_set_new(page, "limit", json_integer(left < 500 ? (json_int_t)left : 500));
		answer = mr_ask(ask, page);
		if (answer == NULL) {
			json_decref(all);
			all = NULL;
			break;
		}
		json_array_extend(all, json_object_get(answer, name));
		if (json_object_get(answer, "next") == NULL || mr_int_of(answer, "next") <= skip) {
			json_decref(answer);
			break;
		}
		skip = mr_int_of(answer, "next");
		json_decref(answer);
	}
	json_decref(request);
	return all;
}
