/*
 * The load of the benchmark: N SMTP sessions at once, as a mail server shows them to a filter over a unix socket, one
 * message each. Not a test of behaviour. Run by bench.py; prints one JSON object.
 *
 * Two ways: a closed loop, where each connection begins its next session at once; and --think, where each step waits
 * an exponential time first, so that many sessions are open and few are busy. With --idle the sessions stop after HELO
 * and stay until standard input ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <libmilter/mfdef.h>

#include "session.h"

enum { PIDS = 8, EVENTS = 256 };

struct connection {
	int fd;
	bool thinking;        /* the next step waits for wake */
	bool thought;         /* it has waited */
	double wake;          /* seconds of the monotonic clock */
	double asked;         /* when the step was written that waits for an answer */
	double waited;        /* for answers, since MAIL was written */
	size_t in_n;
	unsigned char in[MR_WIRE_IN];
	struct mr_bench_session session;
};

struct load {
	const char *path;
	struct mr_bench_plan plan;
	unsigned connections;
	double warm, seconds, think;
	bool idle;
	pid_t pids[PIDS];
	unsigned pid_count;

	int epoll;
	struct connection *all;
	unsigned serial;
	uint64_t random;
	double now, measure_from, measure_until;
	uint64_t messages, refused, errors, parked;
	char first_error[160];
	float *latency;
	size_t latency_n, latency_room;
};

static double clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void give_up(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* User and system time of one process, with its ended threads, in seconds; 0 when it is gone. */
static double process_seconds(pid_t pid)
{
	char name[64], line[1024], *after;
	unsigned long user = 0, system_time = 0;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%ld/stat", (long)pid);
	file = fopen(name, "r");
	if (file == NULL)
		return 0;
	if (fgets(line, sizeof(line), file) != NULL && (after = strrchr(line, ')')) != NULL)
		(void)sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system_time);
	fclose(file);
	return (double)(user + system_time) / (double)sysconf(_SC_CLK_TCK);
}

static double server_seconds(const struct load *load)
{
	double sum = 0;

	for (unsigned i = 0; i < load->pid_count; i++)
		sum += process_seconds(load->pids[i]);
	return sum;
}

/* Uniform in (0, 1]; xorshift64*. */
static double uniform(struct load *load)
{
	load->random ^= load->random >> 12;
	load->random ^= load->random << 25;
	load->random ^= load->random >> 27;
	return ((double)(load->random * 2685821657736338717ull >> 11) + 1) / 9007199254740992.0;
}

static void note_error(struct load *load, const char *what, const struct connection *c)
{
	if (load->errors++ == 0)
		snprintf(load->first_error, sizeof(load->first_error), "%s before step %d", what, (int)c->session.step);
}

static void open_session(struct load *load, struct connection *c)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	strncpy(address.sun_path, load->path, sizeof(address.sun_path) - 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		give_up("socket");
	/* blocking here: a full backlog then waits instead of failing, as Postfix does */
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		give_up(load->path);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
		give_up("epoll_ctl");
	c->waited = 0;
	c->in_n = 0;
	c->thinking = c->thought = false;
	mr_bench_session_begin(&c->session, &load->plan, load->serial++);
}

static void flush(struct load *load, struct connection *c)
{
	struct mr_wire_out *out = &c->session.out;

	while (out->sent < out->n) {
		ssize_t n = send(c->fd, out->bytes + out->sent, out->n - out->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };

			epoll_ctl(load->epoll, EPOLL_CTL_MOD, c->fd, &event);
			return;
		}
		if (n < 0)
			break; /* the reading side will meet the end of the connection */
		out->sent += (size_t)n;
	}
	out->n = out->sent = 0;
}

static void restart(struct load *load, struct connection *c)
{
	close(c->fd);
	open_session(load, c);
}

/* Steps that an SMTP client takes, and so can be slow at; the others follow at once. */
static bool is_slow_step(const struct mr_bench_session *session)
{
	return session->step == MR_STEP_CONNECT || session->step == MR_STEP_HELO || session->step == MR_STEP_MAIL ||
	       session->step == MR_STEP_RCPT || session->step == MR_STEP_DATA || session->step == MR_STEP_EOM ||
	       session->step == MR_STEP_QUIT;
}

/* Writes steps until one waits for an answer or for time; begins the next session after the last. */
static void go_on(struct load *load, struct connection *c)
{
	struct mr_bench_session *session = &c->session;

	for (;;) {
		if (load->idle && session->step == MR_STEP_MAIL) {
			flush(load, c);
			load->parked++;
			return;
		}
		if (session->step == MR_STEP_END) {
			flush(load, c);
			restart(load, c);
			continue;
		}
		if (load->think > 0 && is_slow_step(session) && !c->thought) {
			c->thinking = true;
			c->wake = load->now - load->think * log(uniform(load));
			return;
		}
		c->thought = false;
		if (session->step == MR_STEP_MAIL)
			c->waited = 0;
		mr_bench_session_write(session, &load->plan);
		if (session->answer) {
			c->asked = clock_now();
			flush(load, c);
			return;
		}
	}
}

static void count_message(struct load *load, const struct connection *c, bool passed)
{
	double now = clock_now();

	if (now < load->measure_from || now >= load->measure_until)
		return;
	load->messages++;
	load->refused += !passed;
	if (load->latency_n == load->latency_room) {
		load->latency_room = load->latency_room == 0 ? 65536 : load->latency_room * 2;
		load->latency = realloc(load->latency, load->latency_room * sizeof(float));
		if (load->latency == NULL)
			give_up("memory");
	}
	load->latency[load->latency_n++] = (float)c->waited;
}

/* False: the session is over. */
static bool take_answer(struct load *load, struct connection *c, char command, const unsigned char *payload, size_t n)
{
	struct mr_bench_session *session = &c->session;

	c->waited += clock_now() - c->asked;
	switch (command) {
	case SMFIR_PROGRESS:
	case SMFIR_QUARANTINE:
		return true;
	case SMFIC_OPTNEG:
		if (session->step == MR_STEP_CONNECT && mr_wire_agree(payload, n, &session->agreed))
			break;
		note_error(load, "bad negotiation", c);
		return false;
	case SMFIR_CONTINUE:
	case SMFIR_ACCEPT:
		break;
	case SMFIR_REJECT:
	case SMFIR_TEMPFAIL:
	case SMFIR_REPLYCODE:
		count_message(load, c, false);
		return false;
	default:
		note_error(load, "unknown answer", c);
		return false;
	}
	if (session->step == MR_STEP_QUIT) /* this was the answer at end of message */
		count_message(load, c, true);
	session->answer = false;
	return true;
}

static void take_input(struct load *load, struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n, 0);
	const unsigned char *payload;
	size_t used, length;
	char command;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		note_error(load, n == 0 ? "the filter closed the connection" : strerror(errno), c);
		restart(load, c);
		go_on(load, c);
		return;
	}
	c->in_n += (size_t)n;
	while ((used = mr_wire_packet(c->in, c->in_n, &command, &payload, &length)) > 0) {
		if (!take_answer(load, c, command, payload, length)) {
			restart(load, c);
			go_on(load, c);
			return;
		}
		c->in_n -= used;
		memmove(c->in, c->in + used, c->in_n);
	}
	if (!c->session.answer && !c->thinking)
		go_on(load, c);
}

/* Lets the sessions go on whose time has come; returns ms until the next one, at most most. */
static int wake_sessions(struct load *load, double most)
{
	double next = load->now + most;

	for (unsigned i = 0; i < load->connections; i++) {
		struct connection *c = &load->all[i];

		if (!c->thinking)
			continue;
		if (c->wake <= load->now) {
			c->thinking = false;
			c->thought = true;
			go_on(load, c);
		}
		if (c->thinking && c->wake < next)
			next = c->wake;
	}
	return (int)ceil((next - load->now) * 1000);
}

static void run_until(struct load *load, double end)
{
	struct epoll_event events[EVENTS];

	while ((load->now = clock_now()) < end && !(load->idle && load->parked == load->connections)) {
		int most = load->think > 0 ? wake_sessions(load, end - load->now) : (int)ceil((end - load->now) * 1000);
		int n = epoll_wait(load->epoll, events, EVENTS, most);

		if (n < 0 && errno != EINTR)
			give_up("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if ((events[i].events & EPOLLOUT) != 0) {
				struct epoll_event only_in = { .events = EPOLLIN, .data.ptr = c };

				epoll_ctl(load->epoll, EPOLL_CTL_MOD, c->fd, &only_in);
				flush(load, c);
			}
			if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
				take_input(load, c);
		}
	}
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double quantile_ms(struct load *load, double q)
{
	return load->latency_n == 0 ? 0 : (double)load->latency[(size_t)(q * (double)(load->latency_n - 1))] * 1000;
}

static void report(struct load *load, double seconds, double cpu)
{
	qsort(load->latency, load->latency_n, sizeof(float), by_size);
	printf("{\"messages\":%llu,\"refused\":%llu,\"errors\":%llu,\"first_error\":\"%s\",\"seconds\":%.3f,"
	       "\"messages_per_second\":%.2f,\"cpu_seconds\":%.3f,\"cpu_us_per_message\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
	       (unsigned long long)load->messages, (unsigned long long)load->refused, (unsigned long long)load->errors,
	       load->first_error, seconds, (double)load->messages / seconds, cpu,
	       load->messages == 0 ? 0 : cpu * 1e6 / (double)load->messages, quantile_ms(load, 0.5),
	       quantile_ms(load, 0.99));
}

static void usage(void)
{
	fputs("usage: load [--connections N] [--warm S] [--seconds S] [--think S] [--accounts N] [--body BYTES]\n"
	      "            [--strangers PERCENT] [--zipf 1] [--pid PID]... [--idle] SOCKET\n"
	      "Plays N sessions at once to the filter that listens on the unix socket and prints one JSON object:\n"
	      "messages and server CPU (of the given processes) in the measured time; latency: the time that a message waits for answers, from MAIL to end of message.\n",
	      stderr);
	exit(2);
}

static void read_options(struct load *load, int argc, char **argv)
{
	static const struct option options[] = {
		{ "connections", 1, NULL, 'n' }, { "warm", 1, NULL, 'w' }, { "seconds", 1, NULL, 's' },
		{ "think", 1, NULL, 't' }, { "accounts", 1, NULL, 'a' }, { "body", 1, NULL, 'b' },
		{ "strangers", 1, NULL, 'x' }, { "pid", 1, NULL, 'p' }, { "idle", 0, NULL, 'i' }, { "zipf", 1, NULL, 'z' }, { NULL, 0, NULL, 0 }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		double number = optarg != NULL ? strtod(optarg, NULL) : 0;

		if (option == 'n')
			load->connections = (unsigned)number;
		else if (option == 'w')
			load->warm = number;
		else if (option == 's')
			load->seconds = number;
		else if (option == 't')
			load->think = number;
		else if (option == 'a')
			load->plan.accounts = (unsigned)number;
		else if (option == 'b')
			load->plan.body = (unsigned)number;
		else if (option == 'x')
			load->plan.strangers = (unsigned)number;
		else if (option == 'p' && load->pid_count < PIDS)
			load->pids[load->pid_count++] = (pid_t)number;
		else if (option == 'z')
			load->plan.zipf = number > 0;
		else if (option == 'i')
			load->idle = true;
		else
			usage();
	}
	if (optind + 1 != argc || load->connections == 0 || load->plan.accounts == 0 || load->seconds <= 0 ||
	    load->plan.body > MR_WIRE_OUT / 2)
		usage();
	load->path = argv[optind];
}

static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int main(int argc, char **argv)
{
	struct load load = { .connections = 16, .warm = 1, .seconds = 5, .random = 88172645463325252ull,
			     .plan = { .accounts = 100000, .body = 2048 } };
	double cpu;

	read_options(&load, argc, argv);
	raise_file_limit();
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.all = calloc(load.connections, sizeof(*load.all));
	if (load.epoll < 0 || load.all == NULL)
		give_up("start");
	load.now = clock_now();
	load.measure_from = load.now + load.warm;
	load.measure_until = load.measure_from + load.seconds;
	for (unsigned i = 0; i < load.connections; i++) {
		open_session(&load, &load.all[i]);
		go_on(&load, &load.all[i]);
	}
	if (load.idle) {
		run_until(&load, load.measure_until);
		printf("{\"idle\":%llu,\"errors\":%llu}\n", (unsigned long long)load.parked, (unsigned long long)load.errors);
		fflush(stdout);
		while (getchar() != EOF)
			;
		return load.parked == load.connections ? 0 : 1;
	}
	run_until(&load, load.measure_from);
	cpu = server_seconds(&load);
	load.measure_from = clock_now();
	run_until(&load, load.measure_until);
	cpu = server_seconds(&load) - cpu;
	report(&load, clock_now() - load.measure_from, cpu);
	return load.errors == 0 ? 0 : 1;
}
