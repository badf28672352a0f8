/*
 * Two forks and a new session, as daemons do; the first process stays until the outcome is known.
 */
#include "daemonise.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

static void wait_for_report(int fd, pid_t child)
{
	unsigned char status = 1;

	(void)waitpid(child, NULL, 0);
	if (read(fd, &status, 1) != 1)
		status = 1;
	_exit(status);
}

int mr_daemonise(void)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		mr_say(MR_SAY_ERROR, "mailreeved cannot go to the background: %s; try -f", strerror(errno));
		return -1;
	}
	if (pid > 0) {
		close(ends[1]);
		wait_for_report(ends[0], pid);
	}
	close(ends[0]);
	(void)setsid();
	pid = fork();
	if (pid != 0)
		_exit(pid < 0);
	(void)!chdir("/");
	return ends[1];
}

void mr_daemonise_report(int fd, int status)
{
	unsigned char byte = (unsigned char)status;

	(void)!write(fd, &byte, 1);
	close(fd);
}
