/*
 * The reading of a policy's files: each once, whole, and only when nobody else could have written it or was writing it.
 * Not the meaning of their text. Called by text.c and list.c; saving and restoring by programs that pass a policy on.
 */
#include "policy/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum { FILES_MAX = 4096, NAME_BYTES_MAX = 4096 };

static const char magic[8] = "MRTEXT1\n";

struct mr_policy_text {
	char *main;
	struct mr_source *files;
	size_t count;
	size_t total;  /* bytes of all files */
	bool restored; /* nothing is read from disk any more */
};

static int add_file(struct mr_policy_text *text, struct mr_str path, char *bytes, size_t n)
{
	struct mr_source *files;
	char *name;

	if (text->count >= FILES_MAX)
		return MR_ERR_FULL;
	files = mr_realloc(text->files, text->count + 1, sizeof(*files));
	if (!files)
		return MR_ERR_NOMEM;
	text->files = files;
	name = mr_strndup(path.p, path.n);
	if (!name)
		return MR_ERR_NOMEM;
	files[text->count] = (struct mr_source){ name, (unsigned)text->count, { bytes, n } };
	text->count++;
	text->total += n;
	return MR_OK;
}

int mr_policy_text_open(const char *file, struct mr_policy_text **text_r)
{
	struct mr_policy_text *text = mr_calloc(1, sizeof(*text));

	*text_r = NULL;
	if (text)
		text->main = mr_strdup(file);
	if (!text || !text->main) {
		mr_policy_text_free(&text);
		return MR_ERR_NOMEM;
	}
	*text_r = text;
	return MR_OK;
}

void mr_policy_text_free(struct mr_policy_text **text)
{
	struct mr_policy_text *gone = *text;

	if (!gone)
		return;
	for (size_t i = 0; i < gone->count; i++) {
		mr_free((char *)gone->files[i].path);
		mr_free((char *)gone->files[i].bytes.p);
	}
	mr_free(gone->files);
	mr_free(gone->main);
	mr_free(gone);
	*text = NULL;
}

const char *mr_source_main(const struct mr_policy_text *text)
{
	return text->main;
}

void mr_source_tell(struct mr_faults *faults, const struct mr_where *where, struct mr_str path,
		    const struct mr_source_fault *fault)
{
	mr_faults_add(faults, MR_FAULT_ERROR, fault->id, where, "the file %s %s%s%s\n%s", mr_faults_show(faults, path),
		      fault->what, *fault->detail ? ": " : "", fault->detail, fault->cure);
}

int mr_source_resolve(const char *base, struct mr_str path, char *out_r, size_t size)
{
	const char *slash = strrchr(base, '/');
	size_t folder = slash && path.n > 0 && path.p[0] != '/' ? (size_t)(slash - base) + 1 : 0;

	if (path.n == 0 || mr_str_has_control(path))
		return MR_ERR_SYNTAX;
	for (struct mr_str rest = path; rest.n > 0;) {
		size_t end = mr_str_find(rest, '/');

		if (mr_str_equal(mr_str_part(rest, 0, end), MR_STR("..")))
			return MR_ERR_REFUSED;
		rest = mr_str_part(rest, end + 1, rest.n);
	}
	if (folder + path.n >= size)
		return MR_ERR_RANGE;
	memcpy(out_r, base, folder);
	memcpy(out_r + folder, path.p, path.n);
	out_r[folder + path.n] = '\0';
	return MR_OK;
}

static int refuse(struct mr_source_fault *fault, const char *id, const char *what, const char *cure, const char *detail)
{
	*fault = (struct mr_source_fault){ id, what, cure, detail };
	return MR_ERR_REFUSED;
}

/* Says why the file could not be opened. */
static int refuse_open(struct mr_source_fault *fault, int number)
{
	if (number == ELOOP)
		return refuse(fault, "unsafe-file", "is a symbolic link", "name the file itself", "");
	if (number == ENOENT)
		return refuse(fault, "unreadable-file", "does not exist", "create it or correct the name", "");
	if (number == EACCES)
		return refuse(fault, "unreadable-file", "may not be read by this user",
			      "run as root, or give its group the right to read it", "");
	return refuse(fault, "unreadable-file", "cannot be opened", "see what the system says", strerror(number));
}

static int check_status(const struct stat *status, enum mr_source_kind kind, struct mr_source_fault *fault)
{
	if (!S_ISREG(status->st_mode))
		return refuse(fault, "unsafe-file", "is not a regular file", "name a plain file", "");
	if (status->st_uid != 0 && status->st_uid != geteuid())
		return refuse(fault, "unsafe-file", "belongs to another user",
			      "chown it to root, or to the user that Mailreeve runs as", "");
	if (status->st_mode & S_IWOTH)
		return refuse(fault, "unsafe-file", "can be written by everybody", "chmod go-w it", "");
	if (status->st_mode & S_IWGRP)
		return refuse(fault, "unsafe-file", "can be written by its group", "chmod g-w it", "");
	if (kind == MR_SOURCE_SECRET && (status->st_mode & S_IROTH))
		return refuse(fault, "unsafe-file", "is a key and can be read by everybody", "chmod o-r it", "");
	if (status->st_size > MR_SOURCE_MAX)
		return refuse(fault, "unsafe-file", "is larger than 64 MiB", "split it or drop what is not needed", "");
	return MR_OK;
}

static bool same_status(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Reads up to size bytes; returns how many there were, or -1. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, bytes + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

/* Reads the open file: *bytes_r is the caller's. */
static int read_file(int fd, enum mr_source_kind kind, char **bytes_r, size_t *n_r, struct mr_source_fault *fault)
{
	struct stat before, after;
	ssize_t n;
	int err;

	if (fstat(fd, &before) != 0)
		return refuse_open(fault, errno);
	err = check_status(&before, kind, fault);
	if (err)
		return err;
	*bytes_r = mr_calloc((size_t)before.st_size + 2, 1);
	if (!*bytes_r)
		return MR_ERR_NOMEM;
	n = read_all(fd, *bytes_r, (size_t)before.st_size + 1);
	if (n < 0 || fstat(fd, &after) != 0) {
		err = refuse_open(fault, errno);
	} else if (n != before.st_size || !same_status(&before, &after)) {
		err = refuse(fault, "changed-while-read", "changed while it was read", "run the command again", "");
	}
	if (err) {
		mr_free(*bytes_r);
		*bytes_r = NULL;
		return err;
	}
	(*bytes_r)[n] = '\0';
	*n_r = (size_t)n;
	return MR_OK;
}

static int load(struct mr_policy_text *text, const char *path, enum mr_source_kind kind, struct mr_source_fault *fault)
{
	char *bytes = NULL;
	size_t n = 0;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err;

	if (fd < 0)
		return refuse_open(fault, errno);
	err = read_file(fd, kind, &bytes, &n, fault);
	close(fd);
	if (err)
		return err;
	if (n > MR_SOURCES_MAX - text->total)
		err = refuse(fault, "unsafe-file", "makes the policy larger than 128 MiB", "drop what is not needed",
			     "");
	else
		err = add_file(text, mr_str_of(path), bytes, n);
	if (err == MR_ERR_FULL)
		err = refuse(fault, "unreadable-file", "is one file too many (4096)", "put lists together", "");
	if (err)
		mr_free(bytes);
	return err;
}

/* Hands a file out that is in memory. */
static int give(const struct mr_source *file, enum mr_source_kind kind, struct mr_source *source_r,
		struct mr_source_fault *fault)
{
	if (kind == MR_SOURCE_TEXT && memchr(file->bytes.p, '\0', file->bytes.n))
		return refuse(fault, "unreadable-file", "holds NUL bytes, so it is not text", "name a text file", "");
	*source_r = *file;
	return MR_OK;
}

int mr_source_get(struct mr_policy_text *text, struct mr_str path, enum mr_source_kind kind, struct mr_source *source_r,
		  struct mr_source_fault *fault_r)
{
	char name[NAME_BYTES_MAX];
	int err;

	for (size_t i = 0; i < text->count; i++) {
		if (mr_str_equal(path, mr_str_of(text->files[i].path)))
			return give(&text->files[i], kind, source_r, fault_r);
	}
	if (path.n >= sizeof(name))
		return refuse(fault_r, "unreadable-file", "has too long a name", "use a shorter one", "");
	if (text->restored)
		return refuse(fault_r, "unreadable-file", "does not exist", "create it or correct the name", "");
	memcpy(name, path.p, path.n);
	name[path.n] = '\0';
	err = load(text, name, kind, fault_r);
	return err ? err : give(&text->files[text->count - 1], kind, source_r, fault_r);
}

int mr_policy_text_from_memory(const char *file, struct mr_str bytes, struct mr_policy_text **text_r)
{
	int err = mr_policy_text_open(file, text_r);
	char *copy = err ? NULL : mr_strndup(bytes.p, bytes.n);

	if (err == MR_OK)
		err = copy ? add_file(*text_r, mr_str_of(file), copy, bytes.n) : MR_ERR_NOMEM;
	if (err) {
		mr_free(copy);
		mr_policy_text_free(text_r);
		return err;
	}
	(*text_r)->restored = true;
	return MR_OK;
}

static int write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return MR_ERR_IO;
		p += done;
		n -= (size_t)done;
	}
	return MR_OK;
}

/* A length and that many bytes. */
static int write_block(int fd, struct mr_str block)
{
	uint64_t n = block.n;
	int err = write_all(fd, &n, sizeof(n));

	return err ? err : write_all(fd, block.p, block.n);
}

int mr_policy_text_save(const struct mr_policy_text *text, int fd)
{
	int err = write_all(fd, magic, sizeof(magic));

	if (err == MR_OK)
		err = write_block(fd, mr_str_of(text->main));
	for (size_t i = 0; err == MR_OK && i < text->count; i++) {
		err = write_block(fd, mr_str_of(text->files[i].path));
		if (err == MR_OK)
			err = write_block(fd, text->files[i].bytes);
	}
	return err;
}

/* Reads a block of at most limit bytes; *block_r has a NUL behind it and is the caller's. MR_ERR_NOTFOUND: the end. */
static int read_block(int fd, size_t limit, struct mr_str *block_r)
{
	uint64_t n;
	char *bytes;
	ssize_t got = read_all(fd, (char *)&n, sizeof(n));

	if (got == 0)
		return MR_ERR_NOTFOUND;
	if (got != (ssize_t)sizeof(n) || n > limit)
		return MR_ERR_SYNTAX;
	bytes = mr_calloc((size_t)n + 1, 1);
	if (!bytes)
		return MR_ERR_NOMEM;
	if (read_all(fd, bytes, (size_t)n) != (ssize_t)n) {
		mr_free(bytes);
		return MR_ERR_SYNTAX;
	}
	*block_r = (struct mr_str){ bytes, (size_t)n };
	return MR_OK;
}

static int restore_file(int fd, struct mr_policy_text *text)
{
	struct mr_str path = MR_STR_ABSENT, bytes = MR_STR_ABSENT;
	int err = read_block(fd, NAME_BYTES_MAX, &path);

	if (err == MR_OK) {
		err = read_block(fd, MR_SOURCES_MAX - text->total, &bytes);
		if (err == MR_ERR_NOTFOUND)
			err = MR_ERR_SYNTAX;
	}
	if (err == MR_OK)
		err = add_file(text, path, (char *)bytes.p, bytes.n);
	if (err)
		mr_free((char *)bytes.p);
	mr_free((char *)path.p);
	return err;
}

int mr_policy_text_restore(int fd, struct mr_policy_text **text_r)
{
	char begin[sizeof(magic)];
	struct mr_str name = MR_STR_ABSENT;
	int err;

	*text_r = NULL;
	if (lseek(fd, 0, SEEK_SET) < 0 && errno != ESPIPE)
		return MR_ERR_IO;
	if (read_all(fd, begin, sizeof(begin)) != (ssize_t)sizeof(begin) || memcmp(begin, magic, sizeof(magic)) != 0)
		return MR_ERR_SYNTAX;
	err = read_block(fd, NAME_BYTES_MAX, &name);
	if (err == MR_ERR_NOTFOUND)
		err = MR_ERR_SYNTAX;
	if (err == MR_OK)
		err = mr_policy_text_open(name.p, text_r);
	mr_free((char *)name.p);
	while (err == MR_OK)
		err = restore_file(fd, *text_r);
	if (err != MR_ERR_NOTFOUND) {
		mr_policy_text_free(text_r);
		return err;
	}
	(*text_r)->restored = true;
	return MR_OK;
}
