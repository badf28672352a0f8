/*
 * The client's side of the control channel: one question, one answer. Called by the command line.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "mailreeve.h"

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd;

	if (n >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, n + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int send_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return MR_ERR_IO;
		bytes += sent;
		n -= (size_t)sent;
	}
	return 0;
}

static int receive_line(int fd, int silence_ms, char **answer_r)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct mr_frame *frame;
	const char *line;
	size_t n;
	int err = mr_frame_new(&frame);

	while (err == 0) {
		int polled = poll(&ready, 1, silence_ms);

		if (polled < 0 && errno == EINTR)
			continue;
		if (polled == 0)
			errno = ETIMEDOUT;
		err = polled > 0 ? mr_frame_read(frame, fd, &line, &n) : MR_ERR_IO;
	}
	if (err == 1) {
		*answer_r = mr_strndup(line, n);
		err = *answer_r != NULL ? 0 : MR_ERR_NOMEM;
	}
	mr_frame_free(&frame);
	return err;
}

/* A daemon that refuses this user answers before it reads, so an answer may be there though sending failed. */
int mr_control_open(const char *path, const char *request, int *fd_r)
{
	int err;

	*fd_r = connect_to(path);
	if (*fd_r < 0)
		return MR_ERR_NOTFOUND;
	err = send_all(*fd_r, request, strlen(request));
	if (err == 0)
		err = send_all(*fd_r, "\n", 1);
	if (err == 0 || errno == EPIPE)
		return 0;
	close(*fd_r);
	*fd_r = -1;
	return err;
}

int mr_control_call(const char *path, const char *request, int silence_ms, char **answer_r)
{
	int fd, err;

	*answer_r = NULL;
	err = mr_control_open(path, request, &fd);
	if (err != 0)
		return err;
	err = receive_line(fd, silence_ms, answer_r);
	close(fd);
	return err;
}
