/*
 * Opens the folder of the state and looks at who owns it, as nothing in it may be somebody else's. Called by lmdb*.c.
 * Sentences name the path, the cause and the cure, as an administrator reads them at the start of the daemon.
 */
#include "store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum { LOCK_TRIES = 20, LOCK_PAUSE_MS = 100, ASIDE_MOST = 1000 };

static const char lock_name[] = "lock";

static int refuse_open(const char *path, char why_r[MR_WHY_MAX])
{
	switch (errno) {
	case ENOENT:
		snprintf(why_r, MR_WHY_MAX, "%.100s: there is no such folder; make it: install -d -o mailreeve -m 0750 %.80s", path, path);
		return MR_ERR_NOTFOUND;
	case ENOTDIR:
		snprintf(why_r, MR_WHY_MAX, "%.150s: is not a folder; name a folder in state.directory", path);
		return MR_ERR_REFUSED;
	case ELOOP:
		snprintf(why_r, MR_WHY_MAX, "%.100s: is a symbolic link; name the folder itself in state.directory", path);
		return MR_ERR_REFUSED;
	case EACCES:
		snprintf(why_r, MR_WHY_MAX, "%.100s: may not be opened by user %u; give the folder to the user that mailreeved runs as",
			 path, (unsigned)geteuid());
		return MR_ERR_REFUSED;
	default:
		snprintf(why_r, MR_WHY_MAX, "%.150s: cannot be opened: %s", path, strerror(errno));
		return MR_ERR_IO;
	}
}

static int check_folder(const struct mr_folder *folder, bool read_only, char why_r[MR_WHY_MAX])
{
	bool root_reads = read_only && geteuid() == 0;
	struct stat status;

	if (fstat(folder->fd, &status) != 0)
		return refuse_open(folder->path, why_r);
	if (status.st_uid != geteuid() && !root_reads) {
		snprintf(why_r, MR_WHY_MAX, "%.80s: belongs to user %u and not to user %u, who runs this; chown it, or run this as its owner",
			 folder->path, (unsigned)status.st_uid, (unsigned)geteuid());
		return MR_ERR_REFUSED;
	}
	if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.100s: others than its owner may write there (mode %04o); run: chmod go-w %.80s",
			 folder->path, (unsigned)status.st_mode & 07777, folder->path);
		return MR_ERR_REFUSED;
	}
	return 0;
}

static void write_pid(int lock)
{
	char pid[24];
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

	/* Only for the sentence that a second process gets. */
	if (ftruncate(lock, 0) != 0 || pwrite(lock, pid, (size_t)n, 0) != n)
		return;
}

static int refuse_lock(const struct mr_folder *folder, char why_r[MR_WHY_MAX])
{
	char pid[24];
	ssize_t n = pread(folder->lock, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	snprintf(why_r, MR_WHY_MAX, "%.100s: another process has the state open%s%s; only one may: is mailreeved running already?",
		 folder->path, pid[0] != '\0' ? ", number " : "", pid);
	return MR_ERR_STATE;
}

/* A reader holds the lock for a moment only, so it is worth a short wait. */
static int take_lock(struct mr_folder *folder, bool read_only, char why_r[MR_WHY_MAX])
{
	int flags = read_only ? O_RDONLY : O_RDWR | O_CREAT;

	folder->lock = openat(folder->fd, lock_name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (folder->lock < 0 && read_only && errno == ENOENT)
		return 0;
	if (folder->lock < 0) {
		snprintf(why_r, MR_WHY_MAX, "%.100s/%s: cannot be opened: %s; is the disk full or read-only, or the file somebody else's?",
			 folder->path, lock_name, strerror(errno));
		return MR_ERR_IO;
	}
	for (int i = 0; flock(folder->lock, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0; i++) {
		if (i == LOCK_TRIES || (errno != EWOULDBLOCK && errno != EINTR))
			return refuse_lock(folder, why_r);
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	if (!read_only)
		write_pid(folder->lock);
	return 0;
}

int mr_folder_open(const char *path, bool read_only, char why_r[MR_WHY_MAX], struct mr_folder *folder_r)
{
	size_t n = strlen(path);
	int err;

	folder_r->fd = folder_r->lock = -1;
	if (n == 0 || n >= sizeof(folder_r->path)) {
		snprintf(why_r, MR_WHY_MAX, "the path of the folder for the state is %s", n == 0 ? "empty" : "too long");
		return MR_ERR_RANGE;
	}
	memcpy(folder_r->path, path, n + 1);
	folder_r->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (folder_r->fd < 0) {
		struct stat status;

		int cause = errno;

		/* O_DIRECTORY hides that it is a link. */
		if (cause == ENOTDIR && lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
			cause = ELOOP;
		errno = cause;
		return refuse_open(path, why_r);
	}
	err = check_folder(folder_r, read_only, why_r);
	if (err == 0)
		err = take_lock(folder_r, read_only, why_r);
	if (err != 0)
		mr_folder_close(folder_r);
	return err;
}

void mr_folder_close(struct mr_folder *folder)
{
	if (folder->lock >= 0)
		close(folder->lock);
	if (folder->fd >= 0)
		close(folder->fd);
	folder->fd = folder->lock = -1;
}

int mr_folder_file(const struct mr_folder *folder, const char *name, char why_r[MR_WHY_MAX], int *fd_r)
{
	struct stat status;
	int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*fd_r = -1;
	if (fd < 0 && errno == ENOENT)
		return MR_ERR_NOTFOUND;
	if (fd < 0 || fstat(fd, &status) != 0) {
		int cause = errno;

		snprintf(why_r, MR_WHY_MAX, "%.100s/%s: %s", folder->path, name,
			 cause == ELOOP ? "is a symbolic link, which is not followed; put the file itself there" : strerror(cause));
		if (fd >= 0)
			close(fd);
		return cause == ELOOP || cause == EACCES ? MR_ERR_REFUSED : MR_ERR_IO;
	}
	if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || (status.st_uid != geteuid() && geteuid() != 0) ||
	    (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		snprintf(why_r, MR_WHY_MAX, "%.80s/%s: must be a plain file with one name that only user %u may write (it is user %u's, mode %04o)",
			 folder->path, name, (unsigned)geteuid(), (unsigned)status.st_uid, (unsigned)status.st_mode & 07777);
		close(fd);
		return MR_ERR_REFUSED;
	}
	*fd_r = fd;
	return 0;
}

int mr_folder_set_aside(const struct mr_folder *folder, const char *name, char aside_r[64])
{
	for (int i = 1; i <= ASIDE_MOST; i++) {
		snprintf(aside_r, 64, "%.40s.damaged-%d", name, i);
		if (renameat2(folder->fd, name, folder->fd, aside_r, RENAME_NOREPLACE) == 0)
			return mr_folder_sync(folder);
		if (errno != EEXIST)
			return MR_ERR_IO;
	}
	return MR_ERR_IO;
}

int mr_folder_sync(const struct mr_folder *folder)
{
	return fsync(folder->fd) == 0 ? 0 : MR_ERR_IO;
}
