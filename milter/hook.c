/*
 * Child processes of the notices' thread. posix_spawn(), since fork() would copy the page tables of a worker with a big
 * state. Each child leads a process group of its own, which ends with it: it is killed before its leader is waited for,
 * while its number cannot belong to anybody else.
 */
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* OUTPUT_MAX: what a program may say before nobody listens any more; SHOWN_MAX: of it, in the event line. */
enum { OUTPUT_MAX = 65536, SHOWN_MAX = 200, READ_MAX = 16384, BLIND_MS = 100 };

struct run {
	pid_t pid;     /* 0: free */
	int pid_fd;    /* -1 on a system without: then it is looked at every BLIND_MS */
	int in, out;   /* our ends; -1 when closed */
	char *input;
	size_t n, done;
	int64_t until_ms;
	bool late;
	size_t said;   /* bytes of output */
	char shown[SHOWN_MAX + 1];
};

struct mr_hooks {
	struct run runs[MR_HOOKS_AT_ONCE];
	size_t running;
};

struct mr_hooks *mr_hooks_new(void)
{
	return calloc(1, sizeof(struct mr_hooks));
}

size_t mr_hooks_running(const struct mr_hooks *hooks)
{
	return hooks->running;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* Whoever could write the file could act as the daemon's user. */
int mr_hook_check(const char *path, char why_r[MR_HOOK_WHY_MAX])
{
	struct stat st;

	if (stat(path, &st) != 0)
		(void)snprintf(why_r, MR_HOOK_WHY_MAX, "notices.hook cannot run: %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		(void)snprintf(why_r, MR_HOOK_WHY_MAX, "notices.hook cannot run: %s is not a file", path);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		(void)snprintf(why_r, MR_HOOK_WHY_MAX, "notices.hook does not run: %s belongs neither to root nor to "
			       "mailreeved's user; chown it", path);
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		(void)snprintf(why_r, MR_HOOK_WHY_MAX, "notices.hook does not run: %s can be written by its group or by "
			       "others; chmod go-w", path);
	else if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0)
		(void)snprintf(why_r, MR_HOOK_WHY_MAX, "notices.hook cannot run: %s: %s; chmod it, and look at its "
			       "folders", path, strerror(errno));
	else
		return 0;
	return -1;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int err;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	err = posix_spawnattr_setsigdefault(attributes, &all);
	if (err == 0)
		err = posix_spawnattr_setsigmask(attributes, &none);
	if (err == 0)
		err = posix_spawnattr_setpgroup(attributes, 0);
	if (err == 0)
		err = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
						       POSIX_SPAWN_SETPGROUP);
	return err;
}

/* Nothing of ours is passed on: libmilter's connections do not close by themselves. */
static int set_files(posix_spawn_file_actions_t *actions, int in, int out)
{
	int err = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);

	if (err == 0)
		err = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(actions, out, STDERR_FILENO);
	if (err == 0)
		err = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	if (err == 0)
		err = posix_spawn_file_actions_addchdir_np(actions, "/");
	return err;
}

static int spawn(const char *path, int in, int out, pid_t *pid_r)
{
	char name[] = "mailreeve-notice", place[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *arguments[] = { name, NULL }, *environment[] = { place, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int err = posix_spawn_file_actions_init(&actions);

	if (err != 0)
		return err;
	err = posix_spawnattr_init(&attributes);
	if (err == 0) {
		err = set_attributes(&attributes);
		if (err == 0)
			err = set_files(&actions, in, out);
		if (err == 0)
			err = posix_spawn(pid_r, path, &actions, &attributes, arguments, environment);
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return err;
}

/* Pipes whose numbers are none of 0, 1, 2, which the child gets. Ours do not wait. */
static int make_pipes(int in_r[2], int out_r[2])
{
	in_r[0] = in_r[1] = out_r[0] = out_r[1] = -1;
	if (pipe2(in_r, O_CLOEXEC) == 0 && pipe2(out_r, O_CLOEXEC) == 0) {
		int ours[] = { in_r[1], out_r[0] };
		bool high = in_r[0] > STDERR_FILENO && in_r[1] > STDERR_FILENO && out_r[0] > STDERR_FILENO &&
			    out_r[1] > STDERR_FILENO;

		for (size_t i = 0; i < 2; i++)
			high = high && fcntl(ours[i], F_SETFL, O_NONBLOCK) == 0;
		if (high)
			return 0;
		errno = EMFILE;
	}
	for (size_t i = 0; i < 2; i++) {
		close_end(&in_r[i]);
		close_end(&out_r[i]);
	}
	return -1;
}

static struct run *free_place(struct mr_hooks *hooks)
{
	for (size_t i = 0; i < MR_HOOKS_AT_ONCE; i++)
		if (hooks->runs[i].pid == 0)
			return &hooks->runs[i];
	return NULL;
}

int mr_hooks_start(struct mr_hooks *hooks, const char *path, char *input, size_t n, int64_t now_ms, int64_t time_ms,
		   char why_r[MR_HOOK_WHY_MAX])
{
	struct run *run = free_place(hooks);
	int in[2], out[2], err;
	pid_t pid = 0;

	why_r[0] = '\0';
	if (run == NULL || mr_hook_check(path, why_r) != 0 || make_pipes(in, out) != 0) {
		if (why_r[0] == '\0')
			(void)snprintf(why_r, MR_HOOK_WHY_MAX, "%s cannot be started: %s", path, strerror(errno));
		free(input);
		return -1;
	}
	err = spawn(path, in[0], out[1], &pid);
	close_end(&in[0]);
	close_end(&out[1]);
	if (err != 0) {
		close_end(&in[1]);
		close_end(&out[0]);
		free(input);
		(void)snprintf(why_r, MR_HOOK_WHY_MAX, "%s cannot be started: %s", path, strerror(err));
		return -1;
	}
	*run = (struct run){ .pid = pid, .in = in[1], .out = out[0], .input = input, .n = n,
			     .until_ms = now_ms + time_ms };
	run->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	hooks->running++;
	return 0;
}

size_t mr_hooks_polls(const struct mr_hooks *hooks, struct pollfd polls_r[MR_HOOK_POLLS])
{
	size_t n = 0;

	for (size_t i = 0; i < MR_HOOKS_AT_ONCE; i++) {
		const struct run *run = &hooks->runs[i];

		if (run->pid == 0)
			continue;
		if (run->pid_fd >= 0)
			polls_r[n++] = (struct pollfd){ .fd = run->pid_fd, .events = POLLIN };
		if (run->in >= 0)
			polls_r[n++] = (struct pollfd){ .fd = run->in, .events = POLLOUT };
		if (run->out >= 0)
			polls_r[n++] = (struct pollfd){ .fd = run->out, .events = POLLIN };
	}
	return n;
}

int64_t mr_hooks_next(const struct mr_hooks *hooks, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < MR_HOOKS_AT_ONCE; i++) {
		const struct run *run = &hooks->runs[i];
		int64_t look = run->pid_fd >= 0 ? run->until_ms : now_ms + BLIND_MS;

		if (run->pid != 0 && look < next)
			next = look;
	}
	return next;
}

/* A program that does not want to read is no fault: it may know enough. */
static void feed(struct run *run)
{
	ssize_t n;

	if (run->in < 0)
		return;
	n = write(run->in, run->input + run->done, run->n - run->done);
	if (n > 0)
		run->done += (size_t)n;
	if (run->done == run->n || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&run->in);
}

static void keep(struct run *run, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && run->said + i < SHOWN_MAX; i++) {
		char c = bytes[i];

		run->shown[run->said + i] = c == '\n' ? ' ' : c >= ' ' && c <= '~' ? c : '?';
	}
	run->said += n;
}

static void listen_to(struct run *run)
{
	char bytes[READ_MAX];
	ssize_t n;

	if (run->out < 0)
		return;
	n = read(run->out, bytes, sizeof(bytes));
	if (n > 0)
		keep(run, bytes, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || run->said > OUTPUT_MAX)
		close_end(&run->out);
}

static void say_end(const struct run *run, const siginfo_t *end, char why_r[MR_HOOK_WHY_MAX])
{
	const char *colon = run->said > 0 ? ", and said: " : "";

	if (run->late)
		(void)snprintf(why_r, MR_HOOK_WHY_MAX, "it was killed since its time was over%s%s", colon, run->shown);
	else if (end->si_code == CLD_EXITED)
		(void)snprintf(why_r, MR_HOOK_WHY_MAX, "it ended with status %d%s%s", end->si_status, colon, run->shown);
	else
		(void)snprintf(why_r, MR_HOOK_WHY_MAX, "it ended by signal %d%s%s", end->si_status, colon, run->shown);
}

static void clear(struct mr_hooks *hooks, struct run *run)
{
	(void)kill(-run->pid, SIGKILL);
	(void)waitpid(run->pid, NULL, 0);
	close_end(&run->in);
	close_end(&run->out);
	close_end(&run->pid_fd);
	free(run->input);
	*run = (struct run){ 0 };
	hooks->running--;
}

static void serve(struct mr_hooks *hooks, struct run *run, int64_t now_ms,
		  void (*failed)(void *context, const char *why), void *context)
{
	siginfo_t end = { 0 };
	char why[MR_HOOK_WHY_MAX];

	feed(run);
	listen_to(run);
	if (now_ms >= run->until_ms && !run->late) {
		run->late = true;
		run->until_ms = INT64_MAX;
		(void)kill(-run->pid, SIGKILL);
	}
	/* Not taken leave of yet: as long as it is there, its number and its group's are its own. */
	if (waitid(P_PID, (id_t)run->pid, &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid == 0)
		return;
	listen_to(run);
	if (run->late || end.si_code != CLD_EXITED || end.si_status != 0) {
		say_end(run, &end, why);
		failed(context, why);
	}
	clear(hooks, run);
}

void mr_hooks_serve(struct mr_hooks *hooks, int64_t now_ms, void (*failed)(void *context, const char *why),
		    void *context)
{
	for (size_t i = 0; i < MR_HOOKS_AT_ONCE; i++)
		if (hooks->runs[i].pid != 0)
			serve(hooks, &hooks->runs[i], now_ms, failed, context);
}

void mr_hooks_kill(struct mr_hooks *hooks)
{
	for (size_t i = 0; i < MR_HOOKS_AT_ONCE; i++)
		if (hooks->runs[i].pid != 0)
			(void)kill(-hooks->runs[i].pid, SIGKILL);
}
