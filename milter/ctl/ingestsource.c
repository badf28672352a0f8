/*
 * Where "mailreeve ingest" reads from: standard input, a file to its end, or a file that it follows through rotation
 * by rename and by truncation. It looks at the disk once a second, and at once where inotify(7) tells of a change.
 */
#include "ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 1000, STATE_TEXT = 128 };

struct mr_ingest_source {
	char *path, *rotated;   /* rotated: path.1 */
	char *state, *state_new;
	int fd;                 /* -1: not there yet */
	int notify;             /* inotify of the folder, -1: none */
	bool follow, ended;
	dev_t device;
	ino_t inode;
	uint64_t offset;        /* bytes of this file that were read */
	uint64_t kept;          /* the place that the state names */
	int64_t kept_ms;
	int64_t replaced_ms;    /* since when path names another file; 0: it does not */
	int64_t written_ms;     /* st_mtime of a file that is only read to its end */
	bool waiting_said;
};

static bool is_same_file(const struct mr_ingest_source *source, const struct stat *status)
{
	return source->device == status->st_dev && source->inode == status->st_ino;
}

/* ---- The place that is kept ---- */

static bool read_state(const struct mr_ingest_source *source, dev_t *device_r, ino_t *inode_r, uint64_t *offset_r)
{
	uintmax_t device, inode, offset;
	FILE *file = fopen(source->state, "re");
	bool good;

	if (file == NULL)
		return false;
	good = fscanf(file, "device %ju inode %ju offset %ju", &device, &inode, &offset) == 3;
	fclose(file);
	if (!good)
		return false;
	*device_r = (dev_t)device;
	*inode_r = (ino_t)inode;
	*offset_r = offset;
	return true;
}

/* A file of its own that takes the old one's name: a crash leaves one of the two. */
static int write_state(const struct mr_ingest_source *source, uint64_t offset)
{
	char text[STATE_TEXT];
	int n = snprintf(text, sizeof(text), "device %ju inode %ju offset %ju\n", (uintmax_t)source->device,
			 (uintmax_t)source->inode, (uintmax_t)offset);
	int fd = open(source->state_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool good = fd >= 0 && write(fd, text, (size_t)n) == n;

	if (fd >= 0 && close(fd) != 0)
		good = false;
	return good && rename(source->state_new, source->state) == 0 ? 0 : -1;
}

void mr_ingest_source_keep(struct mr_ingest_source *source, uint64_t held, bool now)
{
	uint64_t offset = source->offset - held;
	int64_t now_ms = mr_ingest_now_ms();

	if (source->state == NULL || source->fd < 0 || offset == source->kept ||
	    (!now && now_ms - source->kept_ms < LOOK_MS && now_ms >= source->kept_ms))
		return;
	if (write_state(source, offset) != 0)
		fprintf(stderr, "mailreeve ingest: %s: %s; after a restart lines may be read twice\n", source->state,
			strerror(errno));
	source->kept = offset;
	source->kept_ms = now_ms;
}

/* ---- Opening ---- */

/* 0, or -1 with errno. */
static int open_file(struct mr_ingest_source *source, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
		close(fd);
		errno = EISDIR;
		return -1;
	}
	if (source->fd >= 0)
		close(source->fd);
	source->fd = fd;
	source->device = status.st_dev;
	source->inode = status.st_ino;
	source->offset = 0;
	source->kept = UINT64_MAX;
	source->replaced_ms = 0;
	source->written_ms = S_ISREG(status.st_mode) ? (int64_t)status.st_mtime * 1000 : 0;
	return 0;
}

static void go_to(struct mr_ingest_source *source, uint64_t offset)
{
	if (lseek(source->fd, (off_t)offset, SEEK_SET) >= 0)
		source->offset = offset;
}

/* Where to begin in a file that is followed: at the place that is kept, be it in the file that path.1 now names; at the
 * beginning when a state is given that knows no such place; else at the end, like tail(1). */
static void find_place(struct mr_ingest_source *source)
{
	struct stat status;
	dev_t device;
	ino_t inode;
	uint64_t offset;

	if (source->state == NULL) {
		if (fstat(source->fd, &status) == 0)
			go_to(source, (uint64_t)status.st_size);
		return;
	}
	if (!read_state(source, &device, &inode, &offset))
		return;
	if ((device != source->device || inode != source->inode) && stat(source->rotated, &status) == 0 &&
	    status.st_dev == device && status.st_ino == inode)
		(void)open_file(source, source->rotated);
	if (device == source->device && inode == source->inode && fstat(source->fd, &status) == 0 &&
	    (uint64_t)status.st_size >= offset)
		go_to(source, offset);
}

static char *join(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	char *text = malloc(n + m + 1);

	if (text != NULL) {
		memcpy(text, a, n);
		memcpy(text + n, b, m + 1);
	}
	return text;
}

/* inotify only makes it faster, so what fails here is not said. */
static void watch_folder(struct mr_ingest_source *source)
{
	char *slash = strrchr(source->path, '/');
	char *folder = slash != NULL ? strndup(source->path, (size_t)(slash - source->path) + 1) : strdup("./");

	source->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (source->notify >= 0 && (folder == NULL || inotify_add_watch(source->notify, folder,
									  IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)) {
		close(source->notify);
		source->notify = -1;
	}
	free(folder);
}

static int begin(struct mr_ingest_source *source)
{
	struct stat status;

	if (strcmp(source->path, "-") == 0) {
		source->fd = STDIN_FILENO;
		if (fstat(source->fd, &status) == 0 && S_ISREG(status.st_mode))
			source->written_ms = (int64_t)status.st_mtime * 1000;
		return 0;
	}
	if (open_file(source, source->path) == 0) {
		if (source->follow)
			find_place(source);
	} else if (!source->follow || errno != ENOENT) {
		fprintf(stderr, "mailreeve ingest: %s: %s\n", source->path, strerror(errno));
		return -1;
	}
	if (source->follow)
		watch_folder(source);
	return 0;
}

int mr_ingest_source_open(const char *path, bool follow, const char *state, struct mr_ingest_source **source_r)
{
	struct mr_ingest_source *source = calloc(1, sizeof(*source));

	*source_r = NULL;
	if (source == NULL)
		return -1;
	source->fd = source->notify = -1;
	source->follow = follow;
	source->path = strdup(path);
	source->rotated = join(path, ".1");
	source->state = state != NULL ? strdup(state) : NULL;
	source->state_new = state != NULL ? join(state, ".new") : NULL;
	if (source->path == NULL || source->rotated == NULL ||
	    (state != NULL && (source->state == NULL || source->state_new == NULL)))
		fprintf(stderr, "mailreeve ingest: out of memory\n");
	else if (begin(source) == 0)
		*source_r = source;
	if (*source_r == NULL)
		mr_ingest_source_close(&source);
	return *source_r != NULL ? 0 : -1;
}

/* ---- Reading ---- */

/* At the end of a file that is followed: whether there is another to go on with. Who rotates a log creates the new file
 * first and then tells the writer, so the old one is left when the new one has bytes, or after a second. */
static enum mr_ingest_got look_for_next(struct mr_ingest_source *source)
{
	struct stat status, own;

	if (stat(source->path, &status) != 0)
		return MR_INGEST_NOTHING_NOW;
	if (is_same_file(source, &status)) {
		source->replaced_ms = 0;
		if (fstat(source->fd, &own) != 0 || (uint64_t)own.st_size >= source->offset)
			return MR_INGEST_NOTHING_NOW;
		go_to(source, 0);
		source->kept = UINT64_MAX;
		return MR_INGEST_EMPTIED;
	}
	int64_t now_ms = mr_ingest_now_ms();
	if (source->replaced_ms == 0)
		source->replaced_ms = now_ms;
	if (status.st_size == 0 && now_ms - source->replaced_ms < LOOK_MS && now_ms >= source->replaced_ms)
		return MR_INGEST_NOTHING_NOW;
	return open_file(source, source->path) == 0 ? MR_INGEST_NEXT_FILE : MR_INGEST_NOTHING_NOW;
}

static enum mr_ingest_got wait_for_file(struct mr_ingest_source *source)
{
	if (open_file(source, source->path) == 0)
		return MR_INGEST_NEXT_FILE;
	if (!source->waiting_said)
		fprintf(stderr, "mailreeve ingest: %s: %s; it is waited for\n", source->path, strerror(errno));
	source->waiting_said = true;
	return MR_INGEST_NOTHING_NOW;
}

enum mr_ingest_got mr_ingest_source_read(struct mr_ingest_source *source, char *bytes, size_t size, size_t *n_r)
{
	struct pollfd ready = { .fd = source->fd, .events = POLLIN };
	ssize_t n;

	*n_r = 0;
	if (source->fd < 0)
		return wait_for_file(source);
	if (!source->follow && poll(&ready, 1, 0) == 0)
		return MR_INGEST_NOTHING_NOW;
	n = read(source->fd, bytes, size);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return MR_INGEST_NOTHING_NOW;
	if (n < 0) {
		fprintf(stderr, "mailreeve ingest: %s: %s\n", source->path, strerror(errno));
		return MR_INGEST_BROKEN;
	}
	if (n == 0)
		return source->follow ? look_for_next(source) : MR_INGEST_END;
	source->offset += (uint64_t)n;
	*n_r = (size_t)n;
	return MR_INGEST_BYTES_READ;
}

void mr_ingest_source_wait(struct mr_ingest_source *source)
{
	char events[4096];

	if (!source->follow) {
		(void)mr_ingest_wait(source->fd, -1);
		return;
	}
	/* What happened is seen on the disk; the events only wake. */
	if (mr_ingest_wait(source->notify, LOOK_MS))
		while (read(source->notify, events, sizeof(events)) > 0)
			;
}

int64_t mr_ingest_source_clock(const struct mr_ingest_source *source)
{
	int64_t now_ms = mr_ingest_now_ms();

	if (source->follow || source->written_ms == 0 || source->written_ms > now_ms)
		return now_ms;
	return source->written_ms;
}

bool mr_ingest_source_is_endless(const struct mr_ingest_source *source)
{
	return source->follow || source->written_ms == 0;
}

void mr_ingest_source_close(struct mr_ingest_source **source)
{
	struct mr_ingest_source *s = *source;

	if (s == NULL)
		return;
	if (s->fd > STDIN_FILENO)
		close(s->fd);
	if (s->notify >= 0)
		close(s->notify);
	free(s->path);
	free(s->rotated);
	free(s->state);
	free(s->state_new);
	free(s);
	*source = NULL;
}
