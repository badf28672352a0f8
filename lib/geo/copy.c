/*
 * A file copied into a sealed memory file: whatever happens to the file afterwards, a reader that maps the copy never
 * gets SIGBUS and never waits for a disk. Called by files.c.
 */
#include "geo/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum { PIECE = 256 << 10 };

static struct mr_geo_identity identity_of(const struct stat *status)
{
	return (struct mr_geo_identity){ .device = (uint64_t)status->st_dev, .inode = (uint64_t)status->st_ino,
					 .size = (int64_t)status->st_size, .modified = status->st_mtim };
}

static bool is_same(const struct mr_geo_identity *a, const struct mr_geo_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

bool mr_geo_was_replaced(const char *path, const struct mr_geo_identity *identity)
{
	struct mr_geo_identity now;
	struct stat status;

	if (stat(path, &status) != 0)
		return true;
	now = identity_of(&status);
	return !is_same(&now, identity);
}

static int say(char cause_r[MR_GEO_CAUSE_MAX], int err, const char *cause)
{
	(void)snprintf(cause_r, MR_GEO_CAUSE_MAX, "%s", cause);
	return err;
}

static int say_errno(char cause_r[MR_GEO_CAUSE_MAX], const char *what)
{
	int number = errno;
	const char *cure = "try it with cat";

	if (number == ENOENT || number == ENOTDIR)
		cure = "put a database there, or correct the path in the policy";
	else if (number == EACCES || number == EPERM)
		cure = "let mailreeved's user read it and enter its folders";
	else if (number == ENOMEM || number == ENOSPC || number == EFBIG)
		cure = "give the process more memory, or take a smaller database";
	(void)snprintf(cause_r, MR_GEO_CAUSE_MAX, "%s: %s; %s", what, strerror(number), cure);
	return number == ENOMEM ? MR_ERR_NOMEM : MR_ERR_IO;
}

/* 0, or MR_ERR_* with the cause. */
static int check_kind(const struct stat *status, size_t most, char cause_r[MR_GEO_CAUSE_MAX])
{
	if (!S_ISREG(status->st_mode))
		return say(cause_r, MR_ERR_REFUSED, "is not a plain file; name the .mmdb file itself");
	if (status->st_size == 0)
		return say(cause_r, MR_ERR_REFUSED, "is empty; fetch it anew");
	if ((uint64_t)status->st_size > most)
		return say(cause_r, MR_ERR_REFUSED, "is larger than 1 GiB; take a smaller database");
	return MR_OK;
}

static int put_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, bytes, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		bytes += put;
		n -= (size_t)put;
	}
	return 0;
}

/* Until the end of the file, but not more than size + 1 bytes: then it is growing. */
static int copy_bytes(int from, int to, int64_t size, char cause_r[MR_GEO_CAUSE_MAX])
{
	char *piece = mr_calloc(1, PIECE);
	int64_t copied = 0;
	ssize_t got = 0;
	int err = MR_OK;

	if (piece == NULL)
		return say(cause_r, MR_ERR_NOMEM, "there is no memory for it; give the process more");
	while (err == MR_OK && copied <= size && (got = read(from, piece, PIECE)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err = say_errno(cause_r, "cannot be read");
		else if (put_all(to, piece, (size_t)got) != 0)
			err = say_errno(cause_r, "cannot be copied into memory");
		copied += got;
	}
	mr_free(piece);
	return err;
}

static int copy_open(int from, size_t most, int to, struct mr_geo_identity *identity_r, char cause_r[MR_GEO_CAUSE_MAX])
{
	struct mr_geo_identity after;
	struct stat status;
	int err;

	if (fstat(from, &status) != 0)
		return say_errno(cause_r, "cannot be looked at");
	err = check_kind(&status, most, cause_r);
	if (err != MR_OK)
		return err;
	*identity_r = identity_of(&status);
	err = copy_bytes(from, to, identity_r->size, cause_r);
	if (err != MR_OK)
		return err;
	if (fstat(from, &status) != 0)
		return say_errno(cause_r, "cannot be looked at");
	after = identity_of(&status);
	if (!is_same(&after, identity_r) || lseek(to, 0, SEEK_END) != identity_r->size)
		return say(cause_r, MR_ERR_REFUSED, "changed while it was read; write a new file beside it and rename that");
	if (fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		return say_errno(cause_r, "its copy cannot be sealed");
	return MR_OK;
}

int mr_geo_copy(const char *path, size_t most, int *fd_r, struct mr_geo_identity *identity_r,
		char cause_r[MR_GEO_CAUSE_MAX])
{
	/* O_NONBLOCK: a named pipe without a writer must not keep us. */
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), to, err;

	*fd_r = -1;
	cause_r[0] = '\0';
	if (from < 0)
		return say_errno(cause_r, "cannot be opened");
	to = memfd_create("mailreeve-geo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (to < 0)
		err = say_errno(cause_r, "there is no memory file to be had");
	else
		err = copy_open(from, most, to, identity_r, cause_r);
	close(from);
	if (err == MR_OK)
		*fd_r = to;
	else if (to >= 0)
		close(to);
	return err;
}
