/*
 * Makes the socket of the login feed. A unix socket is put in place like those of the milter and the control channel, with
 * mode 0660: who may use it is decided by the group of its folder and by the key.
 */
#include "loginfeed_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "say.h"

enum { BACKLOG = 4096 };

static int bind_private(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, saved;
	mode_t old;

	memcpy(address.sun_path, name, strlen(name) + 1);
	(void)unlink(name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	old = umask(0177);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0) {
		saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	(void)umask(old);
	return fd;
}

static int open_unix(const char *path, struct mr_socket_id *id_r)
{
	char name[108];
	int fd;

	if (mr_listener_probe(path) != 0 || mr_listener_private_name(path, "f", name) != 0)
		return -1;
	fd = bind_private(name);
	if (fd < 0) {
		mr_say(MR_SAY_ERROR, "the socket %s of the login feed cannot be opened: %s; does mailreeved's user own the "
		       "folder?", path, strerror(errno));
		return -1;
	}
	if (mr_listener_publish(name, path, 0660, "", id_r) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The address and the port of "inet:PORT@ADDRESS"; the policy's own check has seen to the form. */
static int read_address(const char *text, struct addrinfo **found_r)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	const char *port = strchr(text, ':'), *at = port != NULL ? strchr(port, '@') : NULL;
	char number[8], host[64];

	hints.ai_family = strncmp(text, "inet6:", 6) == 0 ? AF_INET6 : AF_INET;
	if (at == NULL || at - port > 6 || strlen(at + 1) >= sizeof(host))
		return -1;
	(void)snprintf(number, sizeof(number), "%.*s", (int)(at - port - 1), port + 1);
	(void)snprintf(host, sizeof(host), "%s", strcmp(at + 1, "localhost") != 0	? at + 1
						 : hints.ai_family == AF_INET6		? "::1"
											: "127.0.0.1");
	return getaddrinfo(host, number, &hints, found_r) == 0 ? 0 : -1;
}

static int bind_address(const struct addrinfo *address)
{
	const int yes = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), saved;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (address->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int mr_feedlisten_open(const char *listen, struct mr_socket_id *id_r)
{
	const char *path = mr_settings_unix_path(listen);
	struct addrinfo *address = NULL;
	int fd = -1;

	*id_r = (struct mr_socket_id){ 0 };
	if (path != NULL)
		return open_unix(path, id_r);
	if (read_address(listen, &address) != 0) {
		mr_say(MR_SAY_ERROR, "login_feed.listen is \"%s\", which is no address to listen on; write "
		       "inet:4001@127.0.0.1, inet6:4001@::1 or unix:/path", listen);
		return -1;
	}
	fd = bind_address(address);
	if (fd < 0)
		mr_say(MR_SAY_ERROR, "the login feed cannot listen on %s: %s; is another process listening there (ss -tlp "
		       "shows it)?", listen, strerror(errno));
	freeaddrinfo(address);
	return fd;
}
