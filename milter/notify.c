/*
 * The readiness protocol of systemd: one datagram to the socket that NOTIFY_SOCKET names, a path or, with '@', a name
 * in the abstract space.
 */
#include "notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"

void mr_notify(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = name != NULL ? strlen(name) : 0;
	int fd;

	if (length < 2 || length >= sizeof(address.sun_path) || (name[0] != '/' && name[0] != '@'))
		return;
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	/* A service manager that does not listen is no reason to stop. */
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(fd);
}

void mr_notify_reloading(void)
{
	char state[96];

	(void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld000\nSTATUS=Reading the policy again.",
		       (long long)mr_clock_steady_ms());
	mr_notify(state);
}
