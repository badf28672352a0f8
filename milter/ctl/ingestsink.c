/*
 * Where the facts of "mailreeve ingest" go: to the daemon over the control channel, many in one request, or to standard
 * output. Facts wait in memory for one request; when there is no more room for them, nothing more is read until the
 * daemon has taken them.
 */
#include "ingest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "mailreeve.h"

static const char request_begin[] = "{\"command\":\"fact\",\"facts\":[", request_end[] = "]}";

enum { FACTS_MOST = 200, REQUEST_MOST = 60000, SILENCE_MS = 20000, AGAIN_MS = 250, TRIES = 20 };

struct mr_ingest_sink {
	char *socket; /* NULL: standard output */
	size_t count, n;
	uint64_t refused;
	bool away_said;
	char request[REQUEST_MOST + sizeof(request_end)];
};

struct mr_ingest_sink *mr_ingest_sink_new(const char *socket)
{
	struct mr_ingest_sink *sink = calloc(1, sizeof(*sink));

	if (sink != NULL && socket != NULL && (sink->socket = strdup(socket)) == NULL) {
		free(sink);
		sink = NULL;
	}
	return sink;
}

void mr_ingest_sink_free(struct mr_ingest_sink **sink)
{
	if (*sink != NULL)
		free((*sink)->socket);
	free(*sink);
	*sink = NULL;
}

size_t mr_ingest_sink_left(const struct mr_ingest_sink *sink)
{
	return sink->count;
}

uint64_t mr_ingest_sink_refused(const struct mr_ingest_sink *sink)
{
	return sink->refused;
}

static void put(struct mr_ingest_sink *sink, const char *text, size_t n)
{
	memcpy(sink->request + sink->n, text, n);
	sink->n += n;
}

enum outcome { TAKEN, AWAY, FORBIDDEN };

/* A daemon that has no place for one more client says so, and may have one later. */
static enum outcome judge(struct mr_ingest_sink *sink, const char *text)
{
	json_t *answer = json_loads(text, 0, NULL);
	const json_t *taken = json_object_get(answer, "taken");
	const char *error = json_string_value(json_object_get(answer, "error"));
	enum outcome outcome = TAKEN;

	if (json_is_integer(taken) && (uint64_t)json_integer_value(taken) <= sink->count) {
		sink->refused += sink->count - (uint64_t)json_integer_value(taken);
	} else if (error != NULL && strncmp(error, "too many clients", 16) == 0) {
		errno = EBUSY;
		outcome = AWAY;
	} else if (error != NULL && strncmp(error, "only root", 9) == 0) {
		outcome = FORBIDDEN;
	} else {
		sink->refused += sink->count;
	}
	json_decref(answer);
	return outcome;
}

static enum outcome send_request(struct mr_ingest_sink *sink)
{
	char *answer = NULL;
	enum outcome outcome = AWAY;

	memcpy(sink->request + sink->n, request_end, sizeof(request_end));
	if (mr_control_call(sink->socket, sink->request, SILENCE_MS, &answer) == 0)
		outcome = judge(sink, answer);
	else if (errno == EACCES || errno == EPERM)
		outcome = FORBIDDEN;
	free(answer);
	return outcome;
}

static bool flush_to_daemon(struct mr_ingest_sink *sink, bool wait)
{
	enum outcome outcome;

	for (int tries = 1; (outcome = send_request(sink)) == AWAY; tries++) {
		if (!sink->away_said)
			fprintf(stderr, "mailreeve ingest: no mailreeved answers at %s: %s; %s\n", sink->socket,
				strerror(errno), "trying again");
		sink->away_said = true;
		if (!wait && tries >= TRIES)
			break;
		(void)mr_ingest_wait(-1, AGAIN_MS);
		if (mr_ingest_is_stopped())
			break;
	}
	if (outcome == FORBIDDEN)
		fprintf(stderr, "mailreeve ingest: mailreeved at %s takes facts only from root and from its own user\n",
			sink->socket);
	if (outcome != TAKEN)
		return false;
	if (sink->away_said)
		fprintf(stderr, "mailreeve ingest: mailreeved answers again\n");
	sink->away_said = false;
	sink->count = sink->n = 0;
	return true;
}

bool mr_ingest_sink_flush(struct mr_ingest_sink *sink, bool wait)
{
	if (sink->socket == NULL) {
		if (fflush(stdout) == 0 && ferror(stdout) == 0)
			return true;
		fprintf(stderr, "mailreeve ingest: standard output: %s\n", strerror(errno));
		return false;
	}
	return sink->count == 0 || flush_to_daemon(sink, wait);
}

bool mr_ingest_sink_add(struct mr_ingest_sink *sink, const char *fact, bool wait)
{
	size_t n = strlen(fact);

	if (sink->socket == NULL)
		return fwrite(fact, 1, n, stdout) == n && putchar('\n') != EOF;
	if ((sink->count == FACTS_MOST || sink->n + n + 1 > REQUEST_MOST) && !mr_ingest_sink_flush(sink, wait))
		return false;
	if (sink->count == 0)
		put(sink, request_begin, sizeof(request_begin) - 1);
	else
		put(sink, ",", 1);
	put(sink, fact, n);
	sink->count++;
	return true;
}
