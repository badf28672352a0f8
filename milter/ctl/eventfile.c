/* See eventfile.h. Called by explain.c and release.c. */
#include "eventfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mailreeve.h"

enum { BLOCK = 1 << 20, LINE_MOST = 1 << 16 };

static const off_t most = (off_t)256 << 20;

static struct mr_policy *load(const char *file)
{
	struct mr_policy_text *text = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;

	if (mr_policy_text_open(file, &text) == 0)
		(void)mr_policy_build(text, (int64_t)time(NULL) * 1000, NULL, &policy, &faults);
	mr_faults_free(&faults);
	mr_policy_text_free(&text);
	return policy;
}

static char *setting(const char *policy_file, const char *name)
{
	struct mr_policy *policy = load(policy_file);
	const char *value = NULL;
	char *copy = NULL;

	if (policy != NULL && mr_policy_get_text(policy, name, &value) == 0 && value != NULL)
		copy = strdup(value);
	mr_policy_drop(&policy);
	return copy;
}

char *mr_eventfile_path(const char *policy_file)
{
	char *sink = setting(policy_file, "log.events");

	if (sink != NULL && sink[0] == '/')
		return sink;
	free(sink);
	return NULL;
}

bool mr_eventfile_is_hashed(const char *policy_file)
{
	char *word = setting(policy_file, "log.addresses");
	bool hashed = word != NULL && strcmp(word, "hashed") == 0;

	free(word);
	return hashed;
}

/* Reads all of n bytes at position; fewer when the file was cut meanwhile. */
static size_t read_at(int fd, char *room, size_t n, off_t position)
{
	size_t got = 0;

	while (got < n) {
		ssize_t some = pread(fd, room + got, n - got, position + (off_t)got);

		if (some < 0 && errno == EINTR)
			continue;
		if (some <= 0)
			break;
		got += (size_t)some;
	}
	return got;
}

/* Hands out the whole lines of room[0..n) from the last to the first. *rest_r: the bytes at the front that may belong to
 * a longer line. */
static bool hand_out(const char *room, size_t n, bool is_start, size_t *rest_r, mr_eventfile_take *take, void *context)
{
	size_t end = n;

	while (end > 0) {
		size_t from = end;
		const char *newline;

		/* The line that ends before end: room[end - 1] is its newline, or the end of the file. */
		if (room[end - 1] == '\n')
			from--;
		newline = from > 0 ? memrchr(room, '\n', from) : NULL;
		if (newline == NULL && !is_start)
			break;
		size_t begin = newline != NULL ? (size_t)(newline - room) + 1 : 0;
		if (from > begin && !take(context, room + begin, from - begin))
			return false;
		end = begin;
	}
	*rest_r = end;
	return true;
}

static bool read_backwards(int fd, off_t size, char *room, mr_eventfile_take *take, void *context)
{
	off_t position = size, last = size > most ? size - most : 0;
	size_t rest = 0;

	while (position > last) {
		size_t n = position - last < BLOCK ? (size_t)(position - last) : BLOCK;

		/* A line without an end would fill the room. */
		if (rest > LINE_MOST)
			rest = 0;
		memmove(room + n, room, rest);
		position -= (off_t)n;
		if (read_at(fd, room, n, position) < n)
			return true;
		if (!hand_out(room, n + rest, position == 0, &rest, take, context))
			return false;
	}
	return true;
}

static int read_file(const char *path, mr_eventfile_take *take, void *context, bool *goes_on_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *room = fd >= 0 ? malloc(BLOCK + LINE_MOST) : NULL;
	struct stat file;
	int err = -1;

	if (room != NULL && fstat(fd, &file) == 0) {
		err = 0;
		if (S_ISREG(file.st_mode))
			*goes_on_r = read_backwards(fd, file.st_size, room, take, context);
	}
	free(room);
	if (fd >= 0)
		close(fd);
	return err;
}

int mr_eventfile_read(const char *path, mr_eventfile_take *take, void *context)
{
	char older[4096];
	bool goes_on = true;
	int err = read_file(path, take, context, &goes_on);

	if (err == 0 && goes_on && snprintf(older, sizeof(older), "%s.1", path) < (int)sizeof(older))
		(void)read_file(older, take, context, &goes_on);
	return err;
}
