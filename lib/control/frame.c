/*
 * Framing of the control channel: one line of JSON each way, at most MR_CONTROL_LINE_MAX bytes with its newline.
 * Not the commands themselves: those are the daemon's. Called by the daemon for each client, and by client.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/error.h"
#include "mailreeve.h"

struct mr_frame {
	size_t n;    /* bytes held */
	size_t used; /* bytes at the front that were handed out as a line */
	char bytes[MR_CONTROL_LINE_MAX];
};

int mr_frame_new(struct mr_frame **frame_r)
{
	*frame_r = mr_calloc(1, sizeof(**frame_r));
	return *frame_r != NULL ? 0 : MR_ERR_NOMEM;
}

void mr_frame_free(struct mr_frame **frame)
{
	mr_free(*frame);
	*frame = NULL;
}

/* Hands the first line out, without its newline and ended by a NUL. */
static bool take_line(struct mr_frame *frame, const char **line_r, size_t *n_r)
{
	char *end = memchr(frame->bytes, '\n', frame->n);

	if (end == NULL)
		return false;
	*end = '\0';
	*line_r = frame->bytes;
	*n_r = (size_t)(end - frame->bytes);
	frame->used = *n_r + 1;
	return true;
}

int mr_frame_read(struct mr_frame *frame, int fd, const char **line_r, size_t *n_r)
{
	ssize_t n;

	memmove(frame->bytes, frame->bytes + frame->used, frame->n - frame->used);
	frame->n -= frame->used;
	frame->used = 0;
	if (take_line(frame, line_r, n_r))
		return 1;
	if (frame->n == sizeof(frame->bytes))
		return MR_ERR_FULL;
	do
		n = recv(fd, frame->bytes + frame->n, sizeof(frame->bytes) - frame->n, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n <= 0)
		return MR_ERR_IO;
	frame->n += (size_t)n;
	return take_line(frame, line_r, n_r) ? 1 : 0;
}
