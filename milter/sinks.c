/*
 * The ends of the event log. A line is never torn by us: what a full disk cuts off is taken back, or finished first.
 */
#include "sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "clock.h"

enum { WHY_MAX = 160, WRITE_MAX = 1 << 18, ENTRY_MAX = 1 << 15, READER_MS = 500 };

enum sink_kind { SINK_FILE, SINK_STDOUT, SINK_SYSLOG, SINK_JOURNAL, SINK_NONE };

struct mr_sink {
	enum sink_kind kind;
	char *name;
	int fd;        /* -1: not open */
	bool regular;
	bool by_libc;  /* syslog through syslog(3) */
	size_t torn;   /* bytes of the first line still to do that were written already */
};

static enum sink_kind kind_of(const char *specification)
{
	if (strcmp(specification, "stdout") == 0)
		return SINK_STDOUT;
	if (strcmp(specification, "syslog") == 0)
		return SINK_SYSLOG;
	if (strcmp(specification, "journal") == 0)
		return SINK_JOURNAL;
	return strcmp(specification, "none") == 0 ? SINK_NONE : SINK_FILE;
}

struct mr_sink *mr_sink_new(const char *specification)
{
	struct mr_sink *sink = calloc(1, sizeof(*sink));

	if (sink == NULL)
		return NULL;
	sink->kind = kind_of(specification);
	if (sink->kind == SINK_FILE && strncmp(specification, "file:", 5) == 0)
		specification += 5;
	sink->name = strdup(specification);
	sink->fd = -1;
	if (sink->name == NULL)
		mr_sink_free(&sink);
	return sink;
}

void mr_sink_close(struct mr_sink *sink)
{
	if (sink->fd > STDERR_FILENO)
		close(sink->fd);
	sink->fd = -1;
	sink->by_libc = false;
	sink->torn = 0;
}

void mr_sink_turn_over(struct mr_sink *sink)
{
	/* Whoever reads a FIFO still waits for the rest of a line. */
	if (sink->torn == 0 || sink->regular)
		mr_sink_close(sink);
}

void mr_sink_free(struct mr_sink **sink)
{
	if (*sink == NULL)
		return;
	mr_sink_close(*sink);
	free((*sink)->name);
	free(*sink);
	*sink = NULL;
}

const char *mr_sink_name(const struct mr_sink *sink)
{
	return sink->name;
}

bool mr_sink_is_none(const struct mr_sink *sink)
{
	return sink->kind == SINK_NONE;
}

/* Another process may have died in the middle of a line. */
static int begin_on_fresh_line(int fd, off_t size)
{
	char path[64], last = '\n';
	int reader;

	if (size == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader < 0)
		return 0;
	if (pread(reader, &last, 1, size - 1) != 1)
		last = '\n';
	close(reader);
	return last == '\n' || write(fd, "\n", 1) == 1 ? 0 : -1;
}

static const char *fault_of_file(const struct stat *st)
{
	if (!S_ISREG(st->st_mode) && !S_ISFIFO(st->st_mode))
		return "it is neither a file nor a FIFO";
	if (S_ISREG(st->st_mode) && st->st_nlink != 1)
		return "it has a second name (a hard link): remove that, or log elsewhere";
	return NULL;
}

static int open_file(struct mr_sink *sink, char why_r[WHY_MAX])
{
	struct stat st;
	const char *fault;
	int fd = open(sink->name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);

	if (fd < 0) {
		const char *words = errno == ELOOP ? "it is a symbolic link: name the file itself" :
				    errno == ENXIO ? "nobody reads the FIFO" : strerror(errno);

		(void)snprintf(why_r, WHY_MAX, "%s", words);
		return -1;
	}
	fault = fstat(fd, &st) != 0 ? strerror(errno) : fault_of_file(&st);
	if (fault == NULL && S_ISREG(st.st_mode) && begin_on_fresh_line(fd, st.st_size) != 0)
		fault = strerror(errno);
	if (fault != NULL) {
		(void)snprintf(why_r, WHY_MAX, "%s", fault);
		close(fd);
		return -1;
	}
	sink->fd = fd;
	sink->regular = S_ISREG(st.st_mode);
	sink->torn = 0;
	return 0;
}

/* A log that somebody deleted takes lines and keeps none. */
static void close_if_deleted(struct mr_sink *sink)
{
	struct stat st;

	if (sink->fd >= 0 && sink->regular && (fstat(sink->fd, &st) != 0 || st.st_nlink == 0))
		mr_sink_close(sink);
}

static size_t whole_lines(const char *lines, size_t n)
{
	const char *last = n > 0 ? memrchr(lines, '\n', n) : NULL;

	return last != NULL ? (size_t)(last - lines) + 1 : 0;
}

static size_t first_line(const char *lines, size_t n)
{
	const char *end = memchr(lines, '\n', n);

	return end != NULL ? (size_t)(end - lines) + 1 : n;
}

/* Takes the torn end of a regular file back, so that the file ends with a whole line whatever happens next. */
static void take_back(struct mr_sink *sink)
{
	struct stat st;

	if (sink->torn == 0 || !sink->regular || fstat(sink->fd, &st) != 0)
		return;
	if (st.st_size >= (off_t)sink->torn && ftruncate(sink->fd, st.st_size - (off_t)sink->torn) == 0)
		sink->torn = 0;
}

/* Lets the reader of a socket or a FIFO catch up: a few lines fill it. False when it did not. */
static bool wait_for_reader(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLOUT };
	int n;

	do
		n = poll(&end, 1, READER_MS);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static int cannot_write(struct mr_sink *sink, int error, char why_r[WHY_MAX])
{
	take_back(sink);
	if (error == EAGAIN) {
		(void)snprintf(why_r, WHY_MAX, "its reader does not keep up");
		return -1;
	}
	(void)snprintf(why_r, WHY_MAX, "%s", strerror(error));
	/* The pipe is gone with its reader; a file keeps its end where a torn line may wait. */
	if (error == EPIPE)
		mr_sink_close(sink);
	return -1;
}

static int write_descriptor(struct mr_sink *sink, const char *lines, size_t n, size_t *done_r, char why_r[WHY_MAX])
{
	size_t done = 0;

	while (done < n) {
		const char *from = lines + done;
		size_t left = n - done, want;
		ssize_t wrote;

		want = left <= WRITE_MAX ? left : whole_lines(from, WRITE_MAX);
		if (want == 0)
			want = first_line(from, left);
		wrote = write(sink->fd, from + sink->torn, want - sink->torn);
		if (wrote < 0 && (errno == EINTR || (errno == EAGAIN && wait_for_reader(sink->fd))))
			continue;
		if (wrote <= 0) {
			*done_r = done;
			return cannot_write(sink, wrote < 0 ? errno : EIO, why_r);
		}
		want = whole_lines(from, sink->torn + (size_t)wrote);
		sink->torn += (size_t)wrote - want;
		done += want;
	}
	*done_r = n;
	return 0;
}

/* ---- The sockets of syslog and of the journal: one line a datagram ---- */

static int open_socket(struct mr_sink *sink, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)memccpy(address.sun_path, path, '\0', sizeof(address.sun_path));
	sink->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return sink->fd >= 0 && connect(sink->fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -1;
}

static int open_journal(struct mr_sink *sink, char why_r[WHY_MAX])
{
	if (open_socket(sink, "/run/systemd/journal/socket") == 0)
		return 0;
	(void)snprintf(why_r, WHY_MAX, "the journal's socket cannot be reached: %s", strerror(errno));
	mr_sink_close(sink);
	return -1;
}

/* Not syslog(3): that drops lines without a word when nobody listens, and waits without end when nobody reads. It is
 * left for loggers that want a stream. */
static int open_syslog(struct mr_sink *sink, char why_r[WHY_MAX])
{
	int error;

	sink->by_libc = false;
	if (open_socket(sink, "/dev/log") == 0)
		return 0;
	error = errno;
	mr_sink_close(sink);
	sink->by_libc = error == EPROTOTYPE;
	if (sink->by_libc)
		return 0;
	(void)snprintf(why_r, WHY_MAX, "the socket of syslog, /dev/log, cannot be reached: %s", strerror(error));
	return -1;
}

/* The sentence for people inside a line, or the whole line. */
static size_t journal_entry(const char *line, size_t n, char *entry_r, size_t size)
{
	json_t *event = json_loadb(line, n, 0, NULL);
	const char *message = json_string_value(json_object_get(event, "message"));
	int length;

	if (message == NULL)
		message = "event";
	length = snprintf(entry_r, size, "MESSAGE=%s\nPRIORITY=6\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=mailreeved\n"
			  "MAILREEVE_EVENT=%.*s\n", message, (int)n, line);
	if (length > 0 && (size_t)length < size)
		for (size_t i = 0, end = strlen(message); i < end; i++)
			if ((unsigned char)message[i] < ' ' || message[i] == 0x7f)
				entry_r[strlen("MESSAGE=") + i] = '?'; /* a newline would begin another field */
	json_decref(event);
	return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

static size_t syslog_entry(const char *line, size_t n, char *entry_r, size_t size)
{
	time_t now = (time_t)(mr_clock_ms() / 1000);
	char stamp[32] = "";
	struct tm parts;
	int length;

	if (localtime_r(&now, &parts) == NULL || strftime(stamp, sizeof(stamp), "%b %e %T", &parts) == 0)
		stamp[0] = '\0';
	length = snprintf(entry_r, size, "<%d>%s mailreeved[%ld]: %.*s", LOG_MAIL | LOG_INFO, stamp, (long)getpid(),
			  (int)n, line);
	return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

/* 0; or an errno. */
static int send_datagram(int fd, const char *entry, size_t size)
{
	bool waited = false;

	while (send(fd, entry, size, MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if ((errno != EAGAIN && errno != ENOBUFS) || waited || !wait_for_reader(fd))
			return errno;
		waited = errno == ENOBUFS;
	}
	return 0;
}

static int cannot_send(struct mr_sink *sink, int error, char why_r[WHY_MAX])
{
	if (error == EAGAIN || error == ENOBUFS) {
		(void)snprintf(why_r, WHY_MAX, "its reader does not keep up");
		return -1;
	}
	(void)snprintf(why_r, WHY_MAX, "its socket says: %s", strerror(error));
	mr_sink_close(sink);
	return -1;
}

static int write_datagrams(struct mr_sink *sink, const char *lines, size_t n, size_t *done_r, char why_r[WHY_MAX])
{
	char entry[ENTRY_MAX];

	for (*done_r = 0; *done_r < n;) {
		const char *line = lines + *done_r;
		size_t length = first_line(line, n - *done_r), text = length > 0 ? length - 1 : 0, size;
		int error = 0;

		if (sink->by_libc) {
			syslog(LOG_MAIL | LOG_INFO, "%.*s", (int)text, line);
		} else {
			size = sink->kind == SINK_JOURNAL ? journal_entry(line, text, entry, sizeof(entry)) :
							    syslog_entry(line, text, entry, sizeof(entry));
			error = size > 0 ? send_datagram(sink->fd, entry, size) : 0;
		}
		if (error != 0)
			return cannot_send(sink, error, why_r);
		*done_r += length;
	}
	return 0;
}

int mr_sink_open(struct mr_sink *sink, char why_r[WHY_MAX])
{
	switch (sink->kind) {
	case SINK_FILE:
		close_if_deleted(sink);
		return sink->fd >= 0 ? 0 : open_file(sink, why_r);
	case SINK_STDOUT:
		sink->fd = STDOUT_FILENO;
		return 0;
	case SINK_JOURNAL:
		return sink->fd >= 0 ? 0 : open_journal(sink, why_r);
	case SINK_SYSLOG:
		return sink->fd >= 0 || sink->by_libc ? 0 : open_syslog(sink, why_r);
	case SINK_NONE:
		return 0;
	}
	return -1;
}

int mr_sink_write(struct mr_sink *sink, const char *lines, size_t n, size_t *done_r, char why_r[WHY_MAX])
{
	*done_r = 0;
	if (mr_sink_open(sink, why_r) != 0)
		return -1;
	switch (sink->kind) {
	case SINK_FILE:
	case SINK_STDOUT:
		return write_descriptor(sink, lines, n, done_r, why_r);
	case SINK_JOURNAL:
	case SINK_SYSLOG:
		return write_datagrams(sink, lines, n, done_r, why_r);
	case SINK_NONE:
		*done_r = n;
		return 0;
	}
	return -1;
}
