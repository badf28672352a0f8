/*
 * The supervisor. libmilter takes HUP, TERM and INT for "stop", so it runs in a child, and the process that
 * administrators and service managers know takes the signals and turns them into orders. It looks at no mail, and at no
 * policy but to start.
 */
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "daemonise.h"
#include "listener.h"
#include "notify.h"
#include "say.h"
#include "start.h"
#include "worker.h"

enum { SHORT_LIFE_MS = 5000, BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 5000, KILL_AFTER_MS = 6000 };

struct supervisor {
	const struct mr_options *options;
	struct mr_settings settings;
	struct mr_worker_options worker; /* what the next worker gets; channel is filled in for each */
	int background_fd;               /* where the first process waits for the outcome, -1 in the foreground */
	int signal_fd;

	pid_t pid;       /* of the worker, 0 for none */
	int channel;     /* -1 for none */
	bool ready;      /* the worker takes mail */
	bool ever_ready;
	int64_t born_ms, restart_ms, kill_ms; /* steady clock; kill_ms 0: never */
	unsigned short_lives;
	bool reload_wanted, reload_ordered;
	bool stopping;
	struct mr_socket_id socket;
};

void mr_supervisor_block_signals(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };
	sigset_t signals;

	sigfillset(&signals);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&signals, faults[i]);
	(void)sigprocmask(SIG_SETMASK, &signals, NULL);
}

/* ---- Start ---- */

static int open_signals(struct supervisor *supervisor)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGUSR1);
	sigaddset(&ours, SIGCHLD);
	supervisor->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	return supervisor->signal_fd < 0 ? -1 : 0;
}

static int prepare(struct supervisor *supervisor)
{
	struct mr_shared *shared;
	struct mr_start start;
	int status = mr_start(supervisor->options->policy, &start);

	if (status != 0)
		return status;
	supervisor->settings = start.settings;
	supervisor->worker.policy_fd = start.policy_fd;
	supervisor->worker.checked_ms = start.checked_ms;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || open_signals(supervisor) != 0) {
		mr_say(MR_SAY_ERROR, "mailreeved cannot start: %s", strerror(errno));
		return 1;
	}
	supervisor->worker.shared = shared;
	return 0;
}

/* ---- The worker's life ---- */

static void be_worker(struct supervisor *supervisor, int end)
{
	close(supervisor->channel);
	close(supervisor->signal_fd);
	if (supervisor->background_fd >= 0)
		close(supervisor->background_fd);
	/* So that a signal from the terminal reaches the supervisor alone. */
	(void)setpgid(0, 0);
	supervisor->worker.channel = end;
	mr_worker_run(&supervisor->worker);
}

static int start_worker(struct supervisor *supervisor)
{
	int ends[2];
	pid_t pid;

	supervisor->restart_ms = 0;
	if (mr_channel_open(ends) != 0)
		return -1;
	supervisor->channel = ends[0];
	supervisor->ready = false;
	supervisor->reload_ordered = false;
	supervisor->born_ms = mr_clock_steady_ms();
	pid = fork();
	if (pid == 0)
		be_worker(supervisor, ends[1]);
	close(ends[1]);
	if (pid > 0) {
		supervisor->pid = pid;
		return 0;
	}
	close(ends[0]);
	supervisor->channel = -1;
	return -1;
}

/* At once the first time; a worker that keeps dying young waits longer and longer. */
static void plan_restart(struct supervisor *supervisor, int64_t now)
{
	int64_t delay = 0;

	if (now - supervisor->born_ms >= SHORT_LIFE_MS)
		supervisor->short_lives = 0;
	if (supervisor->short_lives > 0)
		delay = supervisor->short_lives > 6 ? BACKOFF_MAX_MS :
						      (int64_t)BACKOFF_FIRST_MS << (supervisor->short_lives - 1);
	supervisor->short_lives++;
	supervisor->restart_ms = now + (delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS);
}

static void say_death(int status, int64_t wait_ms)
{
	if (WIFSIGNALED(status))
		mr_say(MR_SAY_ERROR, "the worker was killed by signal %d (%s); mail is deferred until the next one is "
		       "up, in %lld "
		       "ms", WTERMSIG(status), strsignal(WTERMSIG(status)), (long long)wait_ms);
	else
		mr_say(MR_SAY_ERROR, "the worker ended with status %d without an order; mail is deferred until the "
		       "next one is up, "
		       "in %lld ms", WEXITSTATUS(status), (long long)wait_ms);
	mr_notify("STATUS=The worker died and is started again; mail is deferred meanwhile.");
}

static void bury(struct supervisor *supervisor)
{
	int64_t now = mr_clock_steady_ms();
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != supervisor->pid)
			continue;
		supervisor->pid = 0;
		if (supervisor->channel >= 0)
			close(supervisor->channel);
		supervisor->channel = -1;
		supervisor->ready = false;
		if (supervisor->stopping || !supervisor->ever_ready)
			continue;
		plan_restart(supervisor, now);
		say_death(status, supervisor->restart_ms - now);
	}
}

/* ---- Orders and reports ---- */

static void order(struct supervisor *supervisor, enum mr_packet_kind kind)
{
	struct mr_packet packet = { .kind = kind };

	/* A worker that takes no order is about to be buried. */
	if (supervisor->channel >= 0)
		(void)mr_channel_send(supervisor->channel, &packet, -1);
}

/* Never more than one order to reload is under way: signals that come meanwhile make one more. */
static void reload_if_wanted(struct supervisor *supervisor)
{
	if (!supervisor->reload_wanted || supervisor->reload_ordered || !supervisor->ready || supervisor->stopping)
		return;
	supervisor->reload_wanted = false;
	supervisor->reload_ordered = true;
	mr_notify_reloading();
	order(supervisor, MR_ORDER_RELOAD);
}

static void stop(struct supervisor *supervisor, bool at_once)
{
	int64_t patience = KILL_AFTER_MS + (at_once ? 0 : supervisor->settings.drain_ms);

	if (!supervisor->stopping)
		mr_notify(at_once ? "STOPPING=1\nSTATUS=Ending at once." :
				    "STOPPING=1\nSTATUS=Waiting for the messages in progress.");
	else if (!at_once)
		return;
	supervisor->stopping = true;
	supervisor->kill_ms = mr_clock_steady_ms() + patience;
	order(supervisor, at_once ? MR_ORDER_STOP : MR_ORDER_DRAIN);
}

static void take_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo signal;

	while (read(supervisor->signal_fd, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
		switch (signal.ssi_signo) {
		case SIGHUP:
			supervisor->reload_wanted = true;
			break;
		case SIGUSR1:
			order(supervisor, MR_ORDER_REOPEN);
			break;
		case SIGTERM:
			stop(supervisor, false);
			break;
		case SIGINT:
			stop(supervisor, true);
			break;
		case SIGCHLD:
			bury(supervisor);
			break;
		}
	}
	reload_if_wanted(supervisor);
}

static void on_ready(struct supervisor *supervisor, const struct mr_packet *report)
{
	char state[128];

	supervisor->ready = true;
	supervisor->socket = (struct mr_socket_id){ .device = report->device, .inode = report->inode };
	(void)snprintf(state, sizeof(state), "READY=1\nMAINPID=%ld\nSTATUS=Takes mail, policy generation %llu.",
		       (long)getpid(), (unsigned long long)report->generation);
	mr_notify(state);
	if (supervisor->ever_ready)
		mr_say(MR_SAY_NOTICE, "the worker is up again, policy generation %llu",
		       (unsigned long long)report->generation);
	if (!supervisor->ever_ready && supervisor->background_fd >= 0) {
		mr_daemonise_report(supervisor->background_fd, 0);
		supervisor->background_fd = -1;
		supervisor->worker.background = false;
		mr_say_go_to_background();
	}
	supervisor->ever_ready = true;
	if (supervisor->stopping)
		order(supervisor, MR_ORDER_DRAIN);
}

static void on_reloaded(struct supervisor *supervisor, const struct mr_packet *report)
{
	char state[160];

	supervisor->reload_ordered = false;
	(void)snprintf(state, sizeof(state), "READY=1\nSTATUS=Takes mail, policy generation %llu%s.",
		       (unsigned long long)report->generation,
		       report->status == 2 ? "; the last reload was refused, see the log" : "");
	mr_notify(state);
}

static void on_good_policy(struct supervisor *supervisor, const struct mr_packet *report, int fd)
{
	char state[96];

	if (fd < 0)
		return;
	close(supervisor->worker.policy_fd);
	supervisor->worker.policy_fd = fd;
	supervisor->worker.checked_ms = report->time_ms;
	supervisor->settings.drain_ms = report->drain_ms;
	(void)snprintf(state, sizeof(state), "STATUS=Takes mail, policy generation %llu.",
		       (unsigned long long)report->generation);
	mr_notify(state);
}

static void take_report(struct supervisor *supervisor, const struct mr_packet *report, int fd)
{
	switch (report->kind) {
	case MR_REPORT_READY:
		on_ready(supervisor, report);
		break;
	case MR_REPORT_GOOD:
		on_good_policy(supervisor, report, fd);
		return;
	case MR_REPORT_RELOADED:
		on_reloaded(supervisor, report);
		break;
	case MR_ORDER_RELOAD:
	case MR_ORDER_REOPEN:
	case MR_ORDER_DRAIN:
	case MR_ORDER_STOP:
		break;
	}
	if (fd >= 0)
		close(fd);
}

static void take_reports(struct supervisor *supervisor)
{
	struct mr_packet report;
	int fd, got = 0;

	while (supervisor->channel >= 0 && (got = mr_channel_receive(supervisor->channel, &report, &fd)) == 1)
		take_report(supervisor, &report, fd);
	if (got < 0) {
		/* Its death comes as a signal; until then there is nothing to hear. */
		close(supervisor->channel);
		supervisor->channel = -1;
	}
	reload_if_wanted(supervisor);
}

/* ---- The loop ---- */

static int64_t next_moment(const struct supervisor *supervisor)
{
	int64_t moment = supervisor->kill_ms > 0 && supervisor->pid > 0 ? supervisor->kill_ms : INT64_MAX;

	if (supervisor->pid == 0 && supervisor->restart_ms > 0 && supervisor->restart_ms < moment)
		moment = supervisor->restart_ms;
	return moment;
}

static void wait_for_something(struct supervisor *supervisor)
{
	struct pollfd polls[2] = { { .fd = supervisor->signal_fd, .events = POLLIN },
				   { .fd = supervisor->channel, .events = POLLIN } };
	int64_t left = next_moment(supervisor) - mr_clock_steady_ms();
	int timeout = left > 3600000 ? -1 : left < 0 ? 0 : (int)left;

	if (poll(polls, 2, timeout) <= 0)
		return;
	if (polls[1].revents != 0)
		take_reports(supervisor);
	if (polls[0].revents != 0)
		take_signals(supervisor);
}

static void kill_if_late(struct supervisor *supervisor, int64_t now)
{
	if (supervisor->pid == 0 || supervisor->kill_ms == 0 || now < supervisor->kill_ms)
		return;
	mr_say(MR_SAY_ERROR, "the worker did not end in time and is killed; the last log lines may be lost");
	(void)kill(supervisor->pid, SIGKILL);
	supervisor->kill_ms = 0;
}

static void restart_if_due(struct supervisor *supervisor, int64_t now)
{
	if (supervisor->pid != 0 || supervisor->restart_ms == 0 || now < supervisor->restart_ms)
		return;
	if (start_worker(supervisor) == 0)
		return;
	plan_restart(supervisor, now);
	mr_say(MR_SAY_ERROR, "the worker cannot be started: %s; it is tried again", strerror(errno));
}

/* Returns the exit status. */
static int supervise(struct supervisor *supervisor)
{
	if (start_worker(supervisor) != 0) {
		mr_say(MR_SAY_ERROR, "the worker cannot be started: %s", strerror(errno));
		return 1;
	}
	for (;;) {
		wait_for_something(supervisor);
		if (supervisor->pid == 0 && (supervisor->stopping || !supervisor->ever_ready))
			break;
		kill_if_late(supervisor, mr_clock_steady_ms());
		restart_if_due(supervisor, mr_clock_steady_ms());
	}
	mr_listener_remove(mr_settings_unix_path(supervisor->settings.milter), &supervisor->socket);
	/* A worker that could not start has said why. */
	return supervisor->stopping ? 0 : 1;
}

int mr_supervisor_run(const struct mr_options *options)
{
	struct supervisor supervisor = { .options = options, .background_fd = -1, .channel = -1,
					 .worker = { .policy_file = options->policy, .policy_fd = -1 } };
	int status;

	if (!options->foreground) {
		supervisor.background_fd = mr_daemonise();
		if (supervisor.background_fd < 0)
			return 1;
		supervisor.worker.background = true;
	}
	status = prepare(&supervisor);
	if (status == 0)
		status = supervise(&supervisor);
	if (supervisor.background_fd >= 0)
		mr_daemonise_report(supervisor.background_fd, status);
	mr_settings_clear(&supervisor.settings);
	return status;
}
