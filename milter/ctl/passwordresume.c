/* See passwordresume.h. Called by passwordaudit.c. */
#include "passwordresume.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

enum { VERSION = 1, STATE_MOST = 64 << 20 };

/* NULL: none, or *fault_r is set and was said. */
static json_t *load(const char *command, const char *file, bool *fault_r)
{
	int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	json_t *state = NULL;
	const char *why = NULL;

	*fault_r = false;
	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd < 0)
		why = strerror(errno);
	else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > STATE_MOST)
		why = "not a state file";
	else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		why = "others may write or read it: it is not taken";
	else if ((state = json_loadfd(fd, 0, NULL)) == NULL ||
		 json_integer_value(json_object_get(state, "mailreeve_audit")) != VERSION)
		why = "not a state file of an audit, or damaged; remove it to begin anew";
	if (fd >= 0)
		close(fd);
	if (why == NULL)
		return state;
	fprintf(stderr, "%s: %s: %s\n", command, file, why);
	json_decref(state);
	*fault_r = true;
	return NULL;
}

int mr_password_resume_year(const char *command, const char *file)
{
	bool fault;
	json_t *state = load(command, file, &fault);
	json_int_t year = json_integer_value(json_object_get(state, "year"));

	json_decref(state);
	if (fault)
		return -1;
	return year > 1970 && year < 9000 ? (int)year : 0;
}

static void write_mark(const struct mr_password_work *work, char hex_r[65])
{
	unsigned char mark[32];

	mr_password_work_mark(work, mark);
	(void)sodium_bin2hex(hex_r, 65, mark, sizeof(mark));
}

static bool take_found(const json_t *state, struct mr_password_work *work)
{
	const json_t *found = json_object_get(state, "found");
	size_t i;
	const json_t *pair;

	json_array_foreach(found, i, pair) {
		json_int_t line = json_integer_value(json_array_get(pair, 0));
		json_int_t position = json_integer_value(json_array_get(pair, 1));

		if (line < 1 || position < 0 || !mr_password_work_found(work, (size_t)line, (size_t)position))
			return false;
	}
	return json_is_array(found);
}

int mr_password_resume_read(const char *command, const char *file, struct mr_password_work *work,
			    struct mr_password_progress *progress_r)
{
	bool fault;
	json_t *state = load(command, file, &fault);
	const char *mark = json_string_value(json_object_get(state, "of"));
	json_int_t unit = json_integer_value(json_object_get(state, "unit"));
	char hex[65];
	int err = 0;

	if (state == NULL)
		return fault ? -1 : 0;
	write_mark(work, hex);
	if (mark == NULL || strcmp(mark, hex) != 0) {
		fprintf(stderr, "%s: %s: it belongs to another file of accounts, or to other lists or options; "
			"remove it to begin anew\n", command, file);
		err = -1;
	} else if (unit < 0 || (size_t)unit > mr_password_work_units(work) || !take_found(state, work)) {
		fprintf(stderr, "%s: %s: damaged; remove it to begin anew\n", command, file);
		err = -1;
	}
	if (err == 0) {
		progress_r->unit = (size_t)unit;
		progress_r->weight = json_number_value(json_object_get(state, "weight"));
		progress_r->tries = (uint64_t)json_integer_value(json_object_get(state, "tries"));
		progress_r->seconds = json_number_value(json_object_get(state, "seconds"));
	}
	json_decref(state);
	return err;
}

static json_t *make(struct mr_password_work *work, const struct mr_password_progress *progress)
{
	json_t *found = json_array();
	char hex[65];

	write_mark(work, hex);
	for (size_t i = 0; i < mr_password_work_accounts(work); i++) {
		const struct mr_password_account *account = mr_password_work_account(work, i);
		size_t at = atomic_load(&account->found);

		if (at > 0)
			json_array_append_new(found, json_pack("[I, I]", (json_int_t)account->line, (json_int_t)at - 1));
	}
	return json_pack("{s:i, s:s, s:i, s:I, s:f, s:I, s:f, s:o}", "mailreeve_audit", VERSION, "of", hex, "year",
			 mr_password_work_year(work), "unit", (json_int_t)progress->unit, "weight", progress->weight,
			 "tries", (json_int_t)progress->tries, "seconds", progress->seconds, "found", found);
}

int mr_password_resume_write(const char *command, const char *file, struct mr_password_work *work,
			     const struct mr_password_progress *progress)
{
	char draft[PATH_MAX];
	int n = snprintf(draft, sizeof(draft), "%s.new", file), fd = -1;
	json_t *state = make(work, progress);
	bool done;

	if (state != NULL && n > 0 && (size_t)n < sizeof(draft)) {
		(void)unlink(draft);
		fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	done = fd >= 0 && json_dumpfd(state, fd, JSON_COMPACT) == 0 && fsync(fd) == 0;
	if (fd >= 0)
		done = close(fd) == 0 && done;
	done = done && rename(draft, file) == 0;
	if (!done) {
		fprintf(stderr, "%s: %s: the state cannot be written: %s\n", command, file, strerror(errno));
		if (fd >= 0)
			(void)unlink(draft);
	}
	json_decref(state);
	return done ? 0 : -1;
}
