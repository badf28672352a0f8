/*
 * The start of the daemon, up to the point where a worker can be forked. Called once, by the supervisor.
 */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "clock.h"
#include "policyfile.h"
#include "privileges.h"
#include "say.h"

/* Loads the policy and the settings in it. 0, or the exit status. */
static int load(const char *file, bool last_time, struct mr_start *start)
{
	struct mr_policy_text *text = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	int64_t now = mr_clock_ms();
	int err = mr_policyfile_load(file, now, &text, &policy, &faults);

	if (faults != NULL && (err != 0 || last_time))
		mr_say_faults(faults);
	if (err != 0 && faults == NULL)
		mr_say(MR_SAY_ERROR, "the policy %s cannot be read: %s", file, mr_err_text(err));
	mr_faults_free(&faults);
	if (err != 0)
		return 2;
	mr_settings_clear(&start->settings);
	err = mr_settings_read(policy, &start->settings);
	if (err == 0 && last_time) {
		start->policy_fd = mr_policyfile_save(text);
		start->checked_ms = now;
		err = start->policy_fd < 0 ? -1 : 0;
	}
	mr_policy_drop(&policy);
	mr_policy_text_free(&text);
	return err == 0 ? 0 : 1;
}

/* As root the policy is read twice: for the user to become, and as that user, who has to be able to read it again. */
static int load_and_drop(const char *file, struct mr_start *start)
{
	bool root = geteuid() == 0;
	int status = root ? load(file, false, start) : 0;

	if (status != 0)
		return status;
	if (root) {
		mr_privileges_files(&start->settings);
		if (mr_privileges_drop(&start->settings, file) != 0)
			return 1;
	}
	status = load(file, true, start);
	if (status == 2 && root && geteuid() != 0)
		mr_say(MR_SAY_ERROR, "the policy has to be usable for the user %s, so that a reload can work; give "
		       "that user's group the right to read it", start->settings.user);
	if (status == 0 && !root) {
		mr_privileges_files(&start->settings);
		(void)mr_privileges_drop(&start->settings, file);
	}
	return status;
}

/* The lock is never given back: it ends with the process, and with its worker. */
static int lock(const char *path)
{
	char name[128];
	int fd;

	if (path == NULL)
		return 0;
	(void)snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		mr_say(MR_SAY_ERROR, "the lock file %s cannot be opened: %s; create its folder, owned by the user that "
		       "mailreeved runs as", name, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	mr_say(MR_SAY_ERROR, "another mailreeved holds %s, so this one does not start; stop that one first, or name "
	       "other sockets in the policy", name);
	close(fd);
	return -1;
}

int mr_start(const char *policy_file, struct mr_start *start_r)
{
	int status;

	*start_r = (struct mr_start){ .policy_fd = -1 };
	status = load_and_drop(policy_file, start_r);
	if (status == 0 && lock(mr_settings_unix_path(start_r->settings.milter)) != 0)
		status = 1;
	if (status == 0 && lock(start_r->settings.control) != 0)
		status = 1;
	if (status != 0) {
		mr_settings_clear(&start_r->settings);
		if (start_r->policy_fd >= 0)
			close(start_r->policy_fd);
	}
	return status;
}
