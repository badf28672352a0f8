/*
 * Packets between supervisor and worker.
 */
#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

union control_space {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int mr_channel_open(int ends_r[2])
{
	struct timeval second = { .tv_sec = 1 };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_r) != 0)
		return -1;
	(void)setsockopt(ends_r[0], SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	(void)setsockopt(ends_r[1], SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	return 0;
}

int mr_channel_send(int end, const struct mr_packet *packet, int fd)
{
	struct mr_packet copy = *packet;
	struct iovec part = { .iov_base = &copy, .iov_len = sizeof(copy) };
	union control_space control = { { 0 } };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	do
		n = sendmsg(end, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(copy) ? 0 : -1;
}

int mr_channel_receive(int end, struct mr_packet *packet_r, int *fd_r)
{
	struct iovec part = { .iov_base = packet_r, .iov_len = sizeof(*packet_r) };
	union control_space control;
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header;
	ssize_t n;

	*fd_r = -1;
	do
		n = recvmsg(end, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd_r, CMSG_DATA(header), sizeof(*fd_r));
	if (n == (ssize_t)sizeof(*packet_r))
		return 1;
	if (*fd_r >= 0)
		close(*fd_r);
	*fd_r = -1;
	return -1;
}
