/*
 * Serves mailreeve(1): one line of JSON in, one line out. Commands are few and short, so they run one at a time. After
 * "watch" the event lines follow, as they are written.
 */
#include "ctlserver.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "say.h"

enum { IDLE_MS = 5000, OPERATOR_MAX = 40 };

struct client {
	int fd; /* -1: free */
	bool trusted;
	char operator_name[OPERATOR_MAX];
	struct mr_frame *frame;
	int64_t deadline_ms;
	struct mr_watcher *watcher; /* NULL: it does not look on */
};

struct mr_ctlserver {
	int fd;
	char *path;
	struct mr_socket_id id;
	struct mr_watch *watch;
	unsigned watchers;
	mr_ctl_command *command;
	void *context;
	struct client clients[MR_CTL_CLIENTS];
};

static int bind_private(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t old;
	int fd, err;

	memcpy(address.sun_path, name, strlen(name) + 1);
	(void)unlink(name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	old = umask(0177);
	err = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, MR_CTL_CLIENTS) == 0 ? 0 : -1;
	(void)umask(old);
	if (err == 0)
		return fd;
	close(fd);
	return -1;
}

static int open_socket(struct mr_ctlserver *server)
{
	char name[108];

	if (mr_listener_probe(server->path) != 0 || mr_listener_private_name(server->path, "c", name) != 0)
		return -1;
	server->fd = bind_private(name);
	if (server->fd < 0) {
		mr_say(MR_SAY_ERROR, "the control socket %s cannot be opened: %s; does mailreeved's user own the "
		       "folder?",
		       server->path, strerror(errno));
		return -1;
	}
	return mr_listener_publish(name, server->path, 0600, "", &server->id);
}

int mr_ctlserver_open(const char *path, struct mr_watch *watch, mr_ctl_command *command, void *context,
		      struct mr_ctlserver **server_r)
{
	struct mr_ctlserver *server = calloc(1, sizeof(*server));

	if (server == NULL || (server->path = strdup(path)) == NULL) {
		free(server);
		return -1;
	}
	server->watch = watch;
	server->command = command;
	server->context = context;
	server->fd = -1;
	for (size_t i = 0; i < MR_CTL_CLIENTS; i++)
		server->clients[i].fd = -1;
	if (open_socket(server) == 0) {
		*server_r = server;
		return 0;
	}
	if (server->fd >= 0)
		close(server->fd);
	free(server->path);
	free(server);
	return -1;
}

void mr_ctlserver_remove(const struct mr_ctlserver *server)
{
	mr_listener_remove(server->path, &server->id);
}

void mr_ctlserver_polls(const struct mr_ctlserver *server, struct pollfd polls_r[MR_CTL_POLLS])
{
	polls_r[0] = (struct pollfd){ .fd = server->fd, .events = POLLIN };
	polls_r[MR_CTL_CLIENTS + 1] = (struct pollfd){ .fd = mr_watch_fd(server->watch), .events = POLLIN };
	for (size_t i = 0; i < MR_CTL_CLIENTS; i++) {
		const struct client *client = &server->clients[i];
		bool more = client->watcher != NULL && mr_watcher_has_more(client->watcher);

		polls_r[i + 1] = (struct pollfd){ .fd = client->fd, .events = more ? POLLIN | POLLOUT : POLLIN };
	}
}

static void drop(struct mr_ctlserver *server, struct client *client)
{
	if (client->watcher != NULL) {
		mr_watcher_free(&client->watcher);
		mr_watch_set_watchers(server->watch, --server->watchers);
	}
	close(client->fd);
	client->fd = -1;
	mr_frame_free(&client->frame);
}

/* The answer fits the socket's memory; a client that does not read loses it. */
static void answer(int fd, const char *text)
{
	struct iovec parts[2] = { { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) },
				  { .iov_base = (char[]){ '\n' }, .iov_len = 1 } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	(void)!sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void name_user(uid_t uid, char name_r[OPERATOR_MAX])
{
	char room[4096];
	struct passwd entry, *found = NULL;

	if (uid == 0)
		(void)snprintf(name_r, OPERATOR_MAX, "root");
	else if (getpwuid_r(uid, &entry, room, sizeof(room), &found) == 0 && found != NULL)
		(void)snprintf(name_r, OPERATOR_MAX, "%s", found->pw_name);
	else
		(void)snprintf(name_r, OPERATOR_MAX, "uid %lu", (unsigned long)uid);
}

/* Only those who are trusted are looked up: the look-up may wait for a directory service. */
static bool is_trusted(int fd, char name_r[OPERATOR_MAX])
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	name_r[0] = '\0';
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || (peer.uid != 0 && peer.uid != geteuid()))
		return false;
	name_user(peer.uid, name_r);
	return true;
}

static struct client *free_client(struct mr_ctlserver *server)
{
	for (size_t i = 0; i < MR_CTL_CLIENTS; i++)
		if (server->clients[i].fd < 0)
			return &server->clients[i];
	return NULL;
}

static void welcome(struct mr_ctlserver *server, int64_t now_ms)
{
	struct client *client = free_client(server);
	int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (client == NULL) {
		answer(fd, "{\"error\":\"too many clients at once; try again\"}");
	} else if (mr_frame_new(&client->frame) == 0) {
		client->fd = fd;
		client->trusted = is_trusted(fd, client->operator_name);
		client->deadline_ms = now_ms + IDLE_MS;
		return;
	}
	close(fd);
}

/* From now on the client is sent event lines, and is not dropped for its silence. */
static void begin_watching(struct mr_ctlserver *server, struct client *client, const json_t *request)
{
	if (client->watcher != NULL)
		return;
	if (server->watchers >= MR_CTL_WATCHERS) {
		answer(client->fd, "{\"error\":\"too many look on already\"}");
		return;
	}
	client->watcher = mr_watcher_new(json_string_value(json_object_get(request, "account")),
					 json_string_value(json_object_get(request, "rule")));
	if (client->watcher == NULL) {
		answer(client->fd, "{\"error\":\"no memory\"}");
		return;
	}
	mr_watch_set_watchers(server->watch, ++server->watchers);
	answer(client->fd, "{\"result\":\"watching\"}");
}

static void obey(struct mr_ctlserver *server, struct client *client, const char *line, size_t n)
{
	json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	const char *command = json_string_value(json_object_get(request, "command"));
	char *text = NULL;

	if (!client->trusted) {
		answer(client->fd, "{\"error\":\"only root and the daemon's own user may do this\"}");
	} else if (command != NULL && strcmp(command, "watch") == 0) {
		begin_watching(server, client, request);
	} else {
		if (command != NULL)
			text = server->command(server->context, command, line, client->operator_name);
		answer(client->fd, text != NULL ? text : "{\"error\":\"there is no such command\"}");
	}
	free(text);
	json_decref(request);
}

static void serve_client(struct mr_ctlserver *server, struct client *client, int64_t now_ms)
{
	const char *line;
	size_t n;
	int got;

	while ((got = mr_frame_read(client->frame, client->fd, &line, &n)) == 1) {
		obey(server, client, line, n);
		client->deadline_ms = now_ms + IDLE_MS;
	}
	if (got < 0 || (client->watcher != NULL && !mr_watcher_send(client->watcher, client->fd)))
		drop(server, client);
}

static void give_lines(struct mr_ctlserver *server)
{
	const char *lines;
	uint64_t lost;
	size_t n = mr_watch_take(server->watch, &lines, &lost);

	for (size_t i = 0; i < MR_CTL_CLIENTS; i++) {
		struct client *client = &server->clients[i];

		if (client->fd < 0 || client->watcher == NULL)
			continue;
		mr_watcher_offer(client->watcher, lines, n, lost);
		if (!mr_watcher_send(client->watcher, client->fd))
			drop(server, client);
	}
}

void mr_ctlserver_serve(struct mr_ctlserver *server, const struct pollfd polls[MR_CTL_POLLS], int64_t now_ms)
{
	for (size_t i = 0; i < MR_CTL_CLIENTS; i++) {
		struct client *client = &server->clients[i];

		if (client->fd < 0 || client->fd != polls[i + 1].fd)
			continue;
		if (polls[i + 1].revents != 0)
			serve_client(server, client, now_ms);
		else if (now_ms >= client->deadline_ms && client->watcher == NULL)
			drop(server, client);
	}
	if (polls[MR_CTL_CLIENTS + 1].revents != 0)
		give_lines(server);
	if (polls[0].revents != 0)
		welcome(server, now_ms);
}
