/*
 * Policies from disk and from memory files. The memory file lets a restarted worker go on with the last good policy,
 * whatever is on disk by then.
 */
#include "policyfile.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int mr_policyfile_load(const char *file, int64_t now_ms, struct mr_policy_text **text_r, struct mr_policy **policy_r,
		       struct mr_faults **faults_r)
{
	struct mr_policy_text *text = NULL;
	int err;

	*policy_r = NULL;
	*faults_r = NULL;
	err = mr_policy_text_open(file, &text);
	if (err == 0)
		err = mr_policy_build(text, now_ms, NULL, policy_r, faults_r);
	if (err == 0 && text_r != NULL)
		*text_r = text;
	else
		mr_policy_text_free(&text);
	return err;
}

int mr_policyfile_save(const struct mr_policy_text *text)
{
	int fd = memfd_create("mailreeve-policy", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (mr_policy_text_save(text, fd) != 0) {
		close(fd);
		errno = EIO;
		return -1;
	}
	return fd;
}

int mr_policyfile_restore(int fd, int64_t checked_ms, struct mr_policy **policy_r, struct mr_faults **faults_r)
{
	struct mr_policy_text *text = NULL;
	int err;

	*policy_r = NULL;
	*faults_r = NULL;
	if (lseek(fd, 0, SEEK_SET) != 0)
		return -6;
	err = mr_policy_text_restore(fd, &text);
	if (err == 0)
		err = mr_policy_build(text, checked_ms, NULL, policy_r, faults_r);
	mr_policy_text_free(&text);
	return err;
}
