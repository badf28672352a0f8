/*
 * One request after the other: header, key, body, engine, answer. A request that is refused for its key, its command or
 * its method is read to its end before it is answered, so that the answer arrives; one that could mean two things is
 * answered at once. Both end the connection. No call into the engine waits for anything.
 */
#include "loginfeed_serve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "loginfeed_head.h"
#include "loginfeed_request.h"
#include "loginfeed_words.h"

enum {
	POOL = 8192,        /* of libmicrohttpd, for each connection: header and answer; it is cleared for each request */
	SMALL = 1024,       /* bodies up to this need no memory of their own */
	KEEP_ALIVE = 1000,  /* requests of one connection */
	SILENCE_S = 60,     /* the list ends what takes too long; this is libmicrohttpd's own net under it */
	CONNECTIONS = 20480 /* far above what the list lets live */
};

struct client {
	struct mr_feedlink link;
	unsigned requests;
	/* Of the request that is being read. */
	enum mr_feedword word;
	enum mr_feedanswer answer; /* MR_FEED_ANSWERS: the body decides */
	bool clean;                /* its target could be read */
	bool has_head, proven;
	size_t length, used;
	char *body;
	char small[SMALL];
};

/* ---- The header ---- */

static enum MHD_Result take_field(void *context, enum MHD_ValueKind kind, const char *name, size_t name_length,
				  const char *value, size_t value_length)
{
	(void)kind;
	(void)value_length;
	mr_feedhead_add(context, name, name_length, value);
	return MHD_YES;
}

static uint64_t head_size(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return info != NULL ? info->header_size : 0;
}

static bool key_fits(struct mr_feedserve *serve, const struct mr_feedhead *head)
{
	bool fits;

	pthread_mutex_lock(&serve->mutex);
	fits = mr_feedkeys_fit(&serve->keys, head->key, head->authorization);
	pthread_mutex_unlock(&serve->mutex);
	if (!fits)
		atomic_fetch_add(&serve->refused, 1);
	return fits;
}

/* Faults after which nobody knows where the request ends. MR_FEED_ANSWERS: none. */
static enum mr_feedanswer answer_to_fault(enum mr_feedfault fault)
{
	switch (fault) {
	case MR_FEED_GOOD:
		return MR_FEED_ANSWERS;
	case MR_FEED_AMBIGUOUS:
		return MR_FEED_ANSWER_AMBIGUOUS;
	case MR_FEED_HEAD_LONG:
		return MR_FEED_ANSWER_HEAD_LONG;
	case MR_FEED_CODED:
	case MR_FEED_NO_LENGTH:
		return MR_FEED_ANSWER_LENGTH;
	case MR_FEED_BODY_LONG:
		return MR_FEED_ANSWER_BODY_LONG;
	case MR_FEED_EXPECTS:
		return MR_FEED_ANSWER_EXPECT;
	}
	return MR_FEED_ANSWER_AMBIGUOUS;
}

/* What can be said without the body; MR_FEED_ANSWERS: nothing yet. The key goes first: strangers learn nothing else. */
static enum mr_feedanswer answer_to_head(struct mr_feedserve *serve, struct client *client,
					 const struct mr_feedhead *head, const char *method)
{
	client->proven = key_fits(serve, head);
	if (!client->proven)
		return MR_FEED_ANSWER_UNAUTHORIZED;
	if (client->word == MR_FEED_UNKNOWN)
		return MR_FEED_ANSWER_UNKNOWN;
	if (!mr_feedwords_go_with(client->word, method))
		return MR_FEED_ANSWER_METHOD;
	if (client->word == MR_FEED_PING)
		return MR_FEED_ANSWER_PONG;
	return client->word == MR_FEED_RESET ? MR_FEED_ANSWER_RESET : MR_FEED_ANSWERS;
}

static enum MHD_Result take_head(struct mr_feedserve *serve, struct client *client, struct MHD_Connection *connection,
				 const char *method, const char *version)
{
	bool is_post = strcmp(method, "POST") == 0, is_1_1 = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
	struct mr_feedhead head = { 0 };
	enum mr_feedanswer fault;

	client->has_head = true;
	(void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_field, &head);
	fault = answer_to_fault(mr_feedhead_judge(&head, head_size(connection), is_post));
	if (!is_1_1 && strcmp(version, MHD_HTTP_VERSION_1_0) != 0)
		fault = MR_FEED_ANSWER_VERSION;
	else if (!client->clean || (is_1_1 && !head.has_host))
		fault = MR_FEED_ANSWER_AMBIGUOUS;
	if (fault != MR_FEED_ANSWERS)
		return mr_feedanswers_give(serve->answers, connection, fault, true);
	mr_feedlink_go_on(&client->link);
	client->answer = answer_to_head(serve, client, &head, method);
	if (client->answer != MR_FEED_ANSWERS)
		return MHD_YES;
	client->length = (size_t)head.length;
	client->body = client->length <= SMALL ? client->small : malloc(client->length);
	return client->body != NULL ? MHD_YES : MHD_NO;
}

/* ---- The body ---- */

static void take_body(struct client *client, const char *data, size_t n)
{
	if (client->body == NULL)
		return;
	if (n > client->length - client->used)
		n = client->length - client->used;
	memcpy(client->body + client->used, data, n);
	client->used += n;
}

static enum MHD_Result ask(struct mr_feedserve *serve, struct client *client, struct MHD_Connection *connection,
			   const struct mr_login_info *info, bool last)
{
	struct mr_login_answer answer = { .status = 0 };
	bool stats = client->word == MR_FEED_STATS;

	if (client->word == MR_FEED_REPORT)
		mr_engine_login_report(serve->engine, mr_clock_ms(), info);
	else
		mr_engine_login_allow(serve->engine, mr_clock_ms(), info, &answer);
	if (answer.status == 0 && answer.text[0] == '\0' && !stats)
		return mr_feedanswers_give(serve->answers, connection, MR_FEED_ANSWER_YES, last);
	return mr_feedanswer_give(connection, MHD_HTTP_OK, answer.status, answer.text, stats, last);
}

static enum MHD_Result finish(struct mr_feedserve *serve, struct client *client, struct MHD_Connection *connection,
			      const char *method)
{
	/* What follows a GET could belong to it. */
	bool last = client->requests >= KEEP_ALIVE || strcmp(method, "POST") != 0;
	struct mr_feedrequest request;
	enum MHD_Result result;
	const char *why;

	if (client->answer != MR_FEED_ANSWERS)
		return mr_feedanswers_give(serve->answers, connection, client->answer, last);
	if (mr_feedrequest_read(client->body, client->used, &request, &why) != 0)
		return mr_feedanswer_give(connection, MHD_HTTP_BAD_REQUEST, 0, why, false, true);
	result = ask(serve, client, connection, &request.info, last);
	mr_feedrequest_clear(&request);
	return result;
}

/* ---- What libmicrohttpd calls ---- */

static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* The first line of a request, before anything of it is decoded. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
	struct client *client = client_of(connection);

	(void)context;
	if (client == NULL)
		return NULL;
	client->requests++;
	client->has_head = client->proven = false;
	client->clean = mr_feedwords_are_printable(target);
	client->word = mr_feedwords_read(target);
	client->answer = MR_FEED_ANSWERS;
	client->length = client->used = 0;
	mr_feedlink_begin(&client->link, mr_clock_steady_ms());
	return client;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *size, void **request)
{
	struct mr_feedserve *serve = context;
	struct client *client = *request;

	(void)url;
	if (client == NULL)
		return MHD_NO;
	if (!client->has_head)
		return take_head(serve, client, connection, method, version);
	if (*size == 0)
		return finish(serve, client, connection, method);
	take_body(client, data, *size);
	*size = 0;
	return MHD_YES;
}

static void drop_body(struct client *client)
{
	if (client->body != client->small)
		free(client->body);
	client->body = NULL;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
			 enum MHD_RequestTerminationCode how)
{
	struct mr_feedserve *serve = context;
	struct client *client = *request;

	(void)connection;
	if (client == NULL)
		return;
	drop_body(client);
	mr_feedlist_finish(&serve->list, &client->link, client->proven && how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	*request = NULL;
}

static void begin_connection(struct mr_feedserve *serve, struct MHD_Connection *connection, void **place)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *client = info != NULL ? malloc(sizeof(*client)) : NULL;

	*place = client;
	if (client == NULL)
		return;
	memset(client, 0, offsetof(struct client, small));
	mr_feedlist_add(&serve->list, &client->link, info->connect_fd, mr_clock_steady_ms());
}

static void on_connection(void *context, struct MHD_Connection *connection, void **place,
			  enum MHD_ConnectionNotificationCode what)
{
	struct mr_feedserve *serve = context;
	struct client *client = *place;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		begin_connection(serve, connection, place);
	} else if (client != NULL) {
		mr_feedlist_remove(&serve->list, &client->link);
		drop_body(client);
		free(client);
		*place = NULL;
	}
}

struct MHD_Daemon *mr_feedserve_start(struct mr_feedserve *serve, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, serve,
				MHD_OPTION_LISTEN_SOCKET, fd,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_S,
				MHD_OPTION_URI_LOG_CALLBACK, on_target, serve,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, serve,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, serve,
				MHD_OPTION_END);
}
