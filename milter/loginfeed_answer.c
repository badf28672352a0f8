/*
 * Writes the answers of the login feed. Everything but 200 leaves Dovecot without an answer: then it does what its own
 * auth_policy_reject_on_fail says. So a request that cannot be understood gets no "let in" from here.
 */
#include "loginfeed_answer.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

struct mr_feedanswers {
	struct MHD_Response *ready[MR_FEED_ANSWERS][2]; /* [1]: with Connection: close */
};

static const struct {
	unsigned code;
	const char *text;
	const char *field, *value; /* one more header field, or NULL */
} fixed[MR_FEED_ANSWERS] = {
	[MR_FEED_ANSWER_YES] = { 200, "{\"status\":0,\"msg\":\"\"}", NULL, NULL },
	[MR_FEED_ANSWER_PONG] = { 200, "{\"status\":\"ok\"}", NULL, NULL },
	[MR_FEED_ANSWER_AMBIGUOUS] = { 400, "{\"status\":0,\"msg\":\"the request is no clear HTTP\"}", NULL, NULL },
	[MR_FEED_ANSWER_UNAUTHORIZED] = { 401, "{\"status\":0,\"msg\":\"Unauthorized\"}", "WWW-Authenticate",
					  "Basic realm=\"login feed\"" },
	[MR_FEED_ANSWER_UNKNOWN] = { 404, "{\"status\":0,\"msg\":\"no such command; known are allow, report, getDBStats and "
				     "ping\"}", NULL, NULL },
	[MR_FEED_ANSWER_METHOD] = { 405, "{\"status\":0,\"msg\":\"use POST\"}", "Allow", "POST" },
	[MR_FEED_ANSWER_LENGTH] = { 411, "{\"status\":0,\"msg\":\"Content-Length is needed, and no Transfer-Encoding\"}", NULL,
				    NULL },
	[MR_FEED_ANSWER_BODY_LONG] = { 413, "{\"status\":0,\"msg\":\"the body is longer than 64 KiB\"}", NULL, NULL },
	[MR_FEED_ANSWER_EXPECT] = { 417, "{\"status\":0,\"msg\":\"only 100-continue can be expected\"}", NULL, NULL },
	[MR_FEED_ANSWER_HEAD_LONG] = { 431, "{\"status\":0,\"msg\":\"the header is longer than 4 KiB or 64 fields\"}", NULL,
				       NULL },
	[MR_FEED_ANSWER_VERSION] = { 505, "{\"status\":0,\"msg\":\"HTTP/1.1 or HTTP/1.0 is needed\"}", NULL, NULL },
	[MR_FEED_ANSWER_RESET] = { 501, "{\"status\":0,\"msg\":\"reset is for the operator: mailreeve unblock\"}", NULL, NULL },
};

/* mode: MHD_RESPMEM_PERSISTENT, or MHD_RESPMEM_MUST_FREE: then text is taken over in any case. */
static struct MHD_Response *make(const char *text, enum MHD_ResponseMemoryMode mode, bool last)
{
	void *bytes = (void *)(uintptr_t)text; /* the library changes nothing in them */
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), bytes, mode);

	if (response == NULL) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(bytes);
		return NULL;
	}
	if (MHD_add_response_header(response, "Content-Type", "application/json") == MHD_YES &&
	    (!last || MHD_add_response_header(response, "Connection", "close") == MHD_YES))
		return response;
	MHD_destroy_response(response);
	return NULL;
}

static bool make_fixed(struct mr_feedanswers *answers, enum mr_feedanswer which)
{
	for (int last = 0; last < 2; last++) {
		struct MHD_Response *response = make(fixed[which].text, MHD_RESPMEM_PERSISTENT, last != 0);

		answers->ready[which][last] = response;
		if (response == NULL)
			return false;
		if (fixed[which].field != NULL &&
		    MHD_add_response_header(response, fixed[which].field, fixed[which].value) != MHD_YES)
			return false;
	}
	return true;
}

struct mr_feedanswers *mr_feedanswers_new(void)
{
	struct mr_feedanswers *answers = calloc(1, sizeof(*answers));

	for (int i = 0; answers != NULL && i < MR_FEED_ANSWERS; i++)
		if (!make_fixed(answers, (enum mr_feedanswer)i))
			mr_feedanswers_free(&answers);
	return answers;
}

void mr_feedanswers_free(struct mr_feedanswers **answers)
{
	if (*answers == NULL)
		return;
	for (int i = 0; i < MR_FEED_ANSWERS; i++)
		for (int last = 0; last < 2; last++)
			if ((*answers)->ready[i][last] != NULL)
				MHD_destroy_response((*answers)->ready[i][last]);
	free(*answers);
	*answers = NULL;
}

enum MHD_Result mr_feedanswers_give(const struct mr_feedanswers *answers, struct MHD_Connection *connection,
				    enum mr_feedanswer which, bool last)
{
	last = last || fixed[which].code != 200;
	return MHD_queue_response(connection, fixed[which].code, answers->ready[which][last]);
}

static char *words(int status, const char *text, bool stats)
{
	json_t *object = json_pack("{s:i, s:s}", "status", status, "msg", text);
	char *line;

	/* Words that are no UTF-8 cannot be sent; the number can. */
	if (object == NULL)
		object = json_pack("{s:i, s:s}", "status", status, "msg", "");
	if (stats && object != NULL) {
		(void)json_object_set_new(object, "blacklisted", json_boolean(status < 0));
		(void)json_object_set_new(object, "stats", json_object());
	}
	line = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return line;
}

enum MHD_Result mr_feedanswer_give(struct MHD_Connection *connection, unsigned code, int status, const char *text,
				   bool stats, bool last)
{
	char *line = words(status, text, stats);
	struct MHD_Response *response = line != NULL ? make(line, MHD_RESPMEM_MUST_FREE, last || code != 200) : NULL;
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	result = MHD_queue_response(connection, code, response);
	MHD_destroy_response(response);
	return result;
}
