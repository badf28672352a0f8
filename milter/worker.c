/*
 * The worker: builds the engine from the last good policy, has libmilter serve it in threads of its own, and stays with
 * the orders of the supervisor and the control channel. It ends by _exit(): libmilter's threads may still be inside a
 * callback, so nothing of theirs is taken down.
 */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "callbacks.h"
#include "channel.h"
#include "clock.h"
#include "ctlserver.h"
#include "geowatch.h"
#include "listener.h"
#include "loginfeed.h"
#include "logwriter.h"
#include "notices.h"
#include "policyfile.h"
#include "privileges.h"
#include "reload.h"
#include "say.h"
#include "watch.h"

enum { FLUSH_MS = 2000, NOTICES_MS = 2000, CALLBACKS_MS = 1000, POLL_MS = 1000, QUIET_MS = 5 };

struct worker {
	const struct mr_worker_options *options;
	struct mr_settings settings; /* of the start */
	struct mr_engine *engine;
	_Atomic(struct mr_engine *) reporter; /* the same for the threads of the logs, once it is there */
	struct mr_logwriter *events, *facts; /* facts may be NULL */
	struct mr_notices *notices;
	char *events_sink;                   /* where events go now */
	struct mr_ctlserver *control;
	struct mr_watch *watch;
	struct mr_geowatch *geowatch;
	struct mr_loginfeed *feed;
	struct mr_socket_id socket;
	int ended_fd; /* eventfd: libmilter ended by itself */
	int quiet_fd; /* eventfd: no message is in progress */
	bool stopping;
	int64_t deadline_ms;
	int64_t ticked_ms;
};

/* ---- The log's troubles ---- */

struct log_context {
	struct worker *worker;
	bool is_event_log;
};

static void on_trouble(void *context, const char *sink, const char *why)
{
	const struct log_context *log = context;
	struct mr_engine *engine = atomic_load(&log->worker->reporter);
	char detail[300];

	(void)snprintf(detail, sizeof(detail), "the log %s cannot be written: %s", sink, why);
	mr_say(MR_SAY_ERROR, "%s; mail goes on, lines are kept in memory and dropped when that is full; make room or "
	       "correct the log settings", detail);
	/* The event log can tell of the other one, not of itself. */
	if (!log->is_event_log && engine != NULL)
		mr_engine_say(engine, mr_clock_ms(), MR_SAID_DEGRADED, detail, 0);
}

static void on_recovery(void *context, const char *sink, uint64_t dropped)
{
	const struct log_context *log = context;
	struct mr_engine *engine = atomic_load(&log->worker->reporter);
	char detail[300];

	(void)snprintf(detail, sizeof(detail), "the log %s is written again, %llu lines were lost", sink,
		       (unsigned long long)dropped);
	mr_say(MR_SAY_NOTICE, "%s", detail);
	if (engine != NULL)
		mr_engine_say(engine, mr_clock_ms(), MR_SAID_RECOVERED, detail, dropped);
}

static int start_log(struct worker *worker, const char *sink, bool is_event_log, struct mr_logwriter **writer_r)
{
	static struct log_context contexts[2]; /* the threads outlive every frame */
	struct mr_logwriter_options options = { .sink = sink, .trouble = on_trouble, .recovered = on_recovery,
						.context = &contexts[is_event_log] };

	contexts[is_event_log] = (struct log_context){ .worker = worker, .is_event_log = is_event_log };
	return mr_logwriter_start(&options, writer_r);
}

static int start_logs(struct worker *worker)
{
	if (start_log(worker, worker->settings.events, true, &worker->events) != 0)
		return -1;
	worker->events_sink = strdup(worker->settings.events);
	if (worker->settings.facts[0] != '\0' && start_log(worker, worker->settings.facts, false, &worker->facts) != 0)
		return -1;
	return worker->events_sink != NULL ? 0 : -1;
}

/* Every event line goes to the log, and to those who look on. */
static void put_event(void *context, const char *line, size_t length)
{
	struct worker *worker = context;

	mr_logwriter_put(worker->events, line, length);
	mr_watch_put(worker->watch, line, length);
}

/* ---- Notices ---- */

/* Takes the settings over. */
static void follow_notices(struct worker *worker, struct mr_settings *settings)
{
	mr_notices_follow(worker->notices, settings->notices);
	settings->notices = NULL;
}

/* ---- The login feed ---- */

/* At the first start a socket that cannot be had is the administrator's to mend, as with the others. Later it is tried
 * again and again, and mail goes on. */
static int start_feed(struct worker *worker)
{
	bool first = mr_engine_generation(worker->engine) == 1;

	worker->feed = mr_loginfeed_new(worker->engine);
	if (worker->feed == NULL) {
		mr_say(MR_SAY_ERROR, "mailreeved cannot start: no memory for the login feed");
		return -1;
	}
	return mr_loginfeed_follow(worker->feed, &worker->settings.feed) != 0 && first ? -1 : 0;
}

/* ---- Start ---- */

/* At the first start a state that cannot be opened is the administrator's to mend. A worker that comes back for one that
 * died takes mail in any case. */
static int open_state(const struct mr_policy *policy, bool first, struct mr_state **state_r)
{
	char why[256];

	if (mr_state_open(policy, false, mr_clock_ms(), why, state_r) == 0) {
		if (why[0] != '\0')
			mr_say(MR_SAY_WARNING, "%s", why);
		return 0;
	}
	mr_say(MR_SAY_ERROR, "%s", why);
	return first ? -1 : mr_state_begin(policy, mr_clock_ms(), why, state_r);
}

static int start_engine(struct worker *worker, struct mr_policy *policy)
{
	struct mr_shared *shared = worker->options->shared;
	uint64_t generation = atomic_load(&shared->generation) + 1;
	char host[256] = "";
	struct mr_engine_options options = { .size = sizeof(options), .sequence = &shared->sequence,
					     .event = put_event, .event_context = worker };

	if (gethostname(host, sizeof(host) - 1) == 0)
		options.host = host;
	if (getrandom(options.id_seed, sizeof(options.id_seed), 0) != (ssize_t)sizeof(options.id_seed))
		return -1;
	if (worker->facts != NULL) {
		options.fact = mr_logwriter_put;
		options.fact_context = worker->facts;
	}
	options.notice = mr_notices_put;
	options.notice_context = worker->notices;
	if (open_state(policy, generation == 1, &options.state) != 0) {
		mr_policy_drop(&policy);
		return -1;
	}
	atomic_store(&shared->generation, generation);
	if (mr_engine_new(&options, policy, generation, &worker->engine) != 0)
		return -1;
	/* Before any message: a clock that was set while nothing ran must not reach the state. */
	mr_engine_tick(worker->engine, mr_clock_ms(), mr_clock_boot_ms());
	atomic_store(&worker->reporter, worker->engine);
	return mr_notices_start(worker->notices, worker->engine);
}

static int load_last_good(struct worker *worker, struct mr_policy **policy_r)
{
	struct mr_faults *faults = NULL;
	int err = mr_policyfile_restore(worker->options->policy_fd, worker->options->checked_ms, policy_r, &faults);

	mr_faults_free(&faults);
	close(worker->options->policy_fd);
	if (err == 0)
		err = mr_settings_read(*policy_r, &worker->settings);
	if (err != 0)
		mr_say(MR_SAY_ERROR, "the policy that was checked cannot be put in force: %s", mr_err_text(err));
	return err;
}

static char *on_command(void *context, const char *command, const char *request, const char *operator_name);

static int start(struct worker *worker)
{
	struct mr_policy *policy = NULL;

	worker->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->quiet_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->ended_fd < 0 || worker->quiet_fd < 0 || load_last_good(worker, &policy) != 0)
		return -1;
	if (mr_watch_new(&worker->watch) != 0 || start_logs(worker) != 0) {
		mr_say(MR_SAY_ERROR, "mailreeved cannot start: %s", strerror(errno));
		return -1;
	}
	worker->notices = mr_notices_new();
	if (worker->notices == NULL) {
		mr_say(MR_SAY_ERROR, "mailreeved cannot start: %s", strerror(ENOMEM));
		return -1;
	}
	follow_notices(worker, &worker->settings);
	if (start_engine(worker, policy) != 0)
		return -1;
	if (mr_geowatch_start(worker->engine, &worker->geowatch) != 0) {
		mr_say(MR_SAY_ERROR, "mailreeved cannot start: %s", strerror(errno));
		return -1;
	}
	if (mr_callbacks_register(worker->engine, mr_privileges_sessions(&worker->settings)) != 0) {
		mr_say(MR_SAY_ERROR, "libmilter refused to start");
		return -1;
	}
	if (mr_ctlserver_open(worker->settings.control, worker->watch, on_command, worker, &worker->control) != 0)
		return -1;
	if (start_feed(worker) != 0)
		return -1;
	return mr_listener_open(&worker->settings, &worker->socket);
}

static void *serve_mail(void *argument)
{
	const struct worker *worker = argument;
	uint64_t one = 1;

	(void)mr_listener_run();
	(void)!write(worker->ended_fd, &one, sizeof(one));
	return NULL;
}

static int start_serving(struct worker *worker)
{
	struct mr_packet ready = { .kind = MR_REPORT_READY, .device = worker->socket.device,
				   .inode = worker->socket.inode };
	char library[32], detail[200];
	pthread_t thread;

	ready.generation = mr_engine_generation(worker->engine);
	if (pthread_create(&thread, NULL, serve_mail, worker) != 0)
		return -1;
	pthread_detach(thread);
	mr_listener_library(library, sizeof(library));
	(void)snprintf(detail, sizeof(detail), "mailreeved %s, libmilter %s, policy generation %llu", mr_version(),
		       library, (unsigned long long)ready.generation);
	mr_engine_say(worker->engine, mr_clock_ms(), MR_SAID_STARTED, detail, 0);
	if (worker->options->background)
		mr_say_go_to_background();
	return mr_channel_send(worker->options->channel, &ready, -1);
}

/* ---- Orders ---- */

/* The log's own setting takes effect at once. */
static void follow_log(struct worker *worker, const struct mr_settings *settings)
{
	char *sink;

	if (strcmp(worker->events_sink, settings->events) == 0 || (sink = strdup(settings->events)) == NULL)
		return;
	free(worker->events_sink);
	worker->events_sink = sink;
	mr_logwriter_reopen(worker->events, sink);
}

static void reload(struct worker *worker, struct mr_reload *result_r)
{
	struct mr_packet good = { .kind = MR_REPORT_GOOD };

	mr_reload_run(worker->engine, worker->options->policy_file, &worker->settings, result_r);
	if (result_r->status == MR_RELOAD_REFUSED)
		return;
	atomic_store(&worker->options->shared->generation, result_r->generation);
	follow_log(worker, &result_r->settings);
	follow_notices(worker, &result_r->settings);
	(void)mr_loginfeed_follow(worker->feed, &result_r->settings.feed);
	mr_geowatch_wake(worker->geowatch);
	worker->settings.drain_ms = result_r->settings.drain_ms;
	good.generation = result_r->generation;
	good.time_ms = result_r->checked_ms;
	good.drain_ms = result_r->settings.drain_ms;
	if (result_r->text_fd < 0 || mr_channel_send(worker->options->channel, &good, result_r->text_fd) != 0)
		mr_say(MR_SAY_WARNING, "the text of the new policy could not be kept (%s); should the worker die, it "
		       "comes back with the policy before", strerror(errno));
}

static void reload_by_order(struct worker *worker)
{
	struct mr_packet report = { .kind = MR_REPORT_RELOADED };
	struct mr_reload result;

	reload(worker, &result);
	report.status = (int)result.status;
	report.generation = result.generation;
	mr_reload_clear(&result);
	(void)mr_channel_send(worker->options->channel, &report, -1);
}

static char *on_command(void *context, const char *command, const char *request, const char *operator_name)
{
	struct worker *worker = context;
	struct mr_reload result;
	char *answer = NULL;

	if (strcmp(command, "reload") != 0) {
		(void)mr_engine_command(worker->engine, mr_clock_ms(), operator_name, request, &answer);
		return answer;
	}
	reload(worker, &result);
	answer = mr_reload_json(&result);
	mr_reload_clear(&result);
	return answer;
}

static noreturn void end(struct worker *worker, int status)
{
	int64_t until = mr_clock_steady_ms() + CALLBACKS_MS;

	while (mr_callbacks_running() > 0 && mr_clock_steady_ms() < until)
		(void)poll(NULL, 0, 5);
	mr_loginfeed_stop(worker->feed);
	mr_notices_stop(worker->notices, NOTICES_MS);
	(void)mr_logwriter_flush(worker->events, FLUSH_MS);
	if (worker->facts != NULL)
		(void)mr_logwriter_flush(worker->facts, FLUSH_MS);
	(void)mr_engine_flush(worker->engine);
	mr_ctlserver_remove(worker->control);
	_exit(status);
}

static void begin_to_stop(struct worker *worker, const char *detail)
{
	if (worker->stopping)
		return;
	worker->stopping = true;
	worker->deadline_ms = mr_clock_steady_ms() + worker->settings.drain_ms;
	mr_callbacks_stop(worker->quiet_fd);
	mr_engine_say(worker->engine, mr_clock_ms(), MR_SAID_STOPPING, detail, 0);
}

static void obey(struct worker *worker, const struct mr_packet *order)
{
	switch (order->kind) {
	case MR_ORDER_RELOAD:
		reload_by_order(worker);
		return;
	case MR_ORDER_REOPEN:
		mr_logwriter_reopen(worker->events, NULL);
		if (worker->facts != NULL)
			mr_logwriter_reopen(worker->facts, NULL);
		return;
	case MR_ORDER_DRAIN:
		begin_to_stop(worker, "messages in progress may end");
		return;
	case MR_ORDER_STOP:
		begin_to_stop(worker, "at once");
		end(worker, 0);
	case MR_REPORT_READY:
	case MR_REPORT_GOOD:
	case MR_REPORT_RELOADED:
		return;
	}
}

static void take_orders(struct worker *worker)
{
	struct mr_packet order;
	int fd, got;

	while ((got = mr_channel_receive(worker->options->channel, &order, &fd)) == 1) {
		if (fd >= 0)
			close(fd);
		obey(worker, &order);
	}
	if (got == 0)
		return;
	/* Without a supervisor nobody could stop this process in good order, and the next start needs its sockets. */
	mr_say(MR_SAY_ERROR, "the supervisor is gone, so the worker ends; start mailreeved again");
	begin_to_stop(worker, "the supervisor is gone");
	end(worker, 1);
}

/* While no callback runs, every MAIL from before the order has been counted. */
static void look_for_the_end(struct worker *worker)
{
	bool quiet = mr_callbacks_running() == 0 && mr_callbacks_messages() == 0;

	if (worker->stopping && (quiet || mr_clock_steady_ms() >= worker->deadline_ms))
		end(worker, 0);
}

static int patience(const struct worker *worker)
{
	int64_t left = worker->stopping ? worker->deadline_ms - mr_clock_steady_ms() : POLL_MS;

	/* Only callbacks are waited for, and they take microseconds. */
	if (worker->stopping && mr_callbacks_messages() == 0 && left > QUIET_MS)
		left = QUIET_MS;
	return left < 0 ? 0 : left < POLL_MS ? (int)left : POLL_MS;
}

/* The state's own clock goes by the steady one, which counts while the machine sleeps. */
static void tick(struct worker *worker)
{
	int64_t steady = mr_clock_steady_ms();

	if (steady - worker->ticked_ms < POLL_MS / 2)
		return;
	worker->ticked_ms = steady;
	mr_engine_tick(worker->engine, mr_clock_ms(), mr_clock_boot_ms());
	mr_loginfeed_tick(worker->feed, steady);
}

static noreturn void serve(struct worker *worker)
{
	enum { CHANNEL, ENDED, QUIET, CONTROL };
	struct pollfd polls[CONTROL + MR_CTL_POLLS] = {
		[CHANNEL] = { .fd = worker->options->channel, .events = POLLIN },
		[ENDED] = { .fd = worker->ended_fd, .events = POLLIN },
		[QUIET] = { .fd = worker->quiet_fd, .events = POLLIN },
	};

	for (;;) {
		mr_ctlserver_polls(worker->control, polls + CONTROL);
		if (poll(polls, sizeof(polls) / sizeof(polls[0]), patience(worker)) < 0 && errno != EINTR)
			end(worker, 1);
		if (polls[CHANNEL].revents != 0)
			take_orders(worker);
		if (polls[ENDED].revents != 0) {
			mr_say(MR_SAY_ERROR, "libmilter gave up, as it does when it cannot take connections for long; "
			       "the worker is "
			       "started again. Its own messages are in syslog");
			end(worker, 1);
		}
		mr_ctlserver_serve(worker->control, polls + CONTROL, mr_clock_steady_ms());
		tick(worker);
		look_for_the_end(worker);
	}
}

noreturn void mr_worker_run(const struct mr_worker_options *options)
{
	static struct worker worker; /* threads outlive every frame */

	worker.options = options;
	if (start(&worker) != 0 || start_serving(&worker) != 0)
		_exit(1);
	serve(&worker);
}
