/*
 * The load on a login feed: Dovecot's requests over kept connections, or a crowd that drips bytes. Not part of Mailreeve.
 * Run by feed.py; prints one line of JSON.
 *
 *   feed_load [--connections N] [--seconds S] [--warm S] [--command allow|report] [--think MS] [--fresh] [--pid PID]...
 *             [--key KEY] PORT
 *   feed_load --drip N [--seconds S] PORT
 *
 * --think: how long each connection waits between an answer and its next request. --fresh: each request has a connection
 * of its own. --pid: a process of the server, whose CPU time is counted. --drip: N connections that send a byte of a
 * header every 100 ms, and come again when they are dropped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 512, REQUEST_MAX = 1024, CONNECTIONS_MAX = 4096, SAMPLES_MAX = 8000000, PIDS_MAX = 8, DRIP_US = 100000 };

struct connection {
	int fd; /* -1: none */
	int64_t sent_us, next_us;
	size_t n;
	bool waiting;
	char answer[1024];
};

struct options {
	int connections, drip, pids;
	double seconds, warm, think_ms;
	const char *command, *key;
	bool fresh;
	int pid[PIDS_MAX];
	uint16_t port;
};

static char requests[REQUESTS][REQUEST_MAX];
static uint32_t *samples;
static size_t sample_count;
static uint64_t answered, errors, connects, other_status;

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void make_requests(const struct options *options)
{
	bool report = strcmp(options->command, "report") == 0;

	for (int i = 0; i < REQUESTS; i++) {
		/* One login in ten has a wrong password, always the same one. */
		bool success = i % 10 != 0;
		char body[512], outcome[128] = "";
		int n;

		if (report)
			(void)snprintf(outcome, sizeof(outcome), "\"success\":%s,\"policy_reject\":false,", success ? "true" : "false");
		n = snprintf(body, sizeof(body), "{\"device_id\":\"\",\"login\":\"user%d@bench.example\",\"protocol\":\"imap\","
			     "\"pwhash\":\"0%03x\",\"remote\":\"198.51.%d.%d\",\"session_id\":\"nA3kbcdXyZ0K%04d\",%s\"tls\":true}",
			     i, (unsigned)i & 0xfff, 100 + i / 250, 1 + i % 250, i, outcome);
		(void)snprintf(requests[i], REQUEST_MAX, "POST /?command=%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nDate: Sun, 22 Nov 2026 "
			       "05:00:00 GMT\r\nUser-Agent: dovecot/auth-policy-client\r\nConnection: Keep-Alive\r\n"
			       "Content-Length: %d\r\nContent-Type: application/json\r\nX-API-Key: %s\r\n\r\n%s",
			       options->command, options->port, n, options->key, body);
	}
}

static int open_connection(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int yes = 1;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	connects++;
	return fd;
}

static int64_t cpu_us(const struct options *options)
{
	int64_t total = 0;

	for (int i = 0; i < options->pids; i++) {
		unsigned long user = 0, system = 0;
		char path[64];
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", options->pid[i]);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
			total += (int64_t)(user + system) * 1000000 / sysconf(_SC_CLK_TCK);
		fclose(file);
	}
	return total;
}

/* ---- The load ---- */

static void drop(struct connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
	connection->waiting = false;
}

static void send_request(struct connection *connection, const struct options *options, int64_t now)
{
	static unsigned turn;
	const char *request = requests[turn++ % REQUESTS];

	/* What opening costs belongs to a request that has a connection of its own. */
	if (connection->fd < 0) {
		connection->fd = open_connection(options->port);
		if (connection->fd < 0) {
			errors++;
			connection->next_us = now + 1000;
			return;
		}
		struct pollfd writable = { .fd = connection->fd, .events = POLLOUT };

		(void)poll(&writable, 1, 5000);
	}
	connection->sent_us = now;
	connection->n = 0;
	connection->waiting = true;
	if (send(connection->fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) {
		errors++;
		drop(connection);
	}
}

/* Whether the answer is whole. */
static bool is_whole(const struct connection *connection)
{
	const char *length = strstr(connection->answer, "Content-Length: "), *end = strstr(connection->answer, "\r\n\r\n");

	return length != NULL && end != NULL &&
	       connection->n >= (size_t)(end + 4 - connection->answer) + strtoul(length + 16, NULL, 10);
}

static void take_answer(struct connection *connection, const struct options *options, bool counts)
{
	ssize_t n = recv(connection->fd, connection->answer + connection->n, sizeof(connection->answer) - 1 - connection->n, 0);
	int64_t now = now_us();

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		/* A server may end a connection between two requests. */
		if (connection->waiting && ++errors < 4)
			fprintf(stderr, "feed_load: a connection ended %lld us after a request, %zu bytes of an answer were here\n",
				(long long)(now - connection->sent_us), connection->n);
		drop(connection);
		return;
	}
	connection->n += (size_t)n;
	connection->answer[connection->n] = '\0';
	if (!is_whole(connection))
		return;
	if (strncmp(connection->answer, "HTTP/1.1 200 ", 13) != 0)
		errors++;
	else if (strstr(connection->answer, "\"status\":0") == NULL)
		other_status++;
	if (counts) {
		answered++;
		if (sample_count < SAMPLES_MAX)
			samples[sample_count++] = (uint32_t)(now - connection->sent_us);
	}
	connection->waiting = false;
	connection->next_us = now + (int64_t)(options->think_ms * 1000);
	if (options->fresh || strstr(connection->answer, "Connection: close") != NULL)
		drop(connection);
}

static int patience_ms(const struct connection *connections, int count, int64_t now, int64_t end)
{
	int64_t next = end;

	for (int i = 0; i < count; i++)
		if (!connections[i].waiting && connections[i].next_us < next)
			next = connections[i].next_us;
	return next <= now ? 0 : (int)((next - now + 999) / 1000);
}

static void load(const struct options *options)
{
	static struct connection connections[CONNECTIONS_MAX];
	static struct pollfd polls[CONNECTIONS_MAX];
	int64_t begin = now_us(), counted = begin + (int64_t)(options->warm * 1e6);
	int64_t end = counted + (int64_t)(options->seconds * 1e6), now = begin, cpu = -1, cpu_begin = 0;

	for (int i = 0; i < options->connections; i++)
		connections[i] = (struct connection){ .fd = -1, .next_us = begin + (int64_t)(options->think_ms * 1000) * i /
											options->connections };
	while (now < end) {
		if (cpu < 0 && now >= counted)
			cpu_begin = cpu = cpu_us(options);
		for (int i = 0; i < options->connections; i++) {
			if (!connections[i].waiting && connections[i].next_us <= now)
				send_request(&connections[i], options, now_us());
			polls[i] = (struct pollfd){ .fd = connections[i].fd, .events = POLLIN };
		}
		if (poll(polls, (nfds_t)options->connections, patience_ms(connections, options->connections, now, end)) < 0)
			break;
		for (int i = 0; i < options->connections; i++)
			if (polls[i].revents != 0)
				take_answer(&connections[i], options, cpu >= 0);
		now = now_us();
	}
	cpu = cpu_us(options) - cpu_begin;
	printf("{\"seconds\":%.3f,\"requests\":%llu,\"errors\":%llu,\"refusals\":%llu,\"connects\":%llu,\"requests_per_second\":%.1f,"
	       "\"cpu_us_per_request\":%.3f", (double)(now - counted) / 1e6, (unsigned long long)answered,
	       (unsigned long long)errors, (unsigned long long)other_status, (unsigned long long)connects,
	       (double)answered * 1e6 / (double)(now - counted), answered > 0 ? (double)cpu / (double)answered : 0);
}

static int by_size(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

static double at(double share)
{
	return sample_count == 0 ? 0 : samples[(size_t)(share * (double)(sample_count - 1))] / 1000.0;
}

/* ---- The crowd ---- */

static void drip(const struct options *options)
{
	static const char bytes[] = "POST /?command=allow HTTP/1.1\r\nHost: x\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
	static struct pollfd polls[CONNECTIONS_MAX];
	static size_t sent[CONNECTIONS_MAX];
	int64_t end = now_us() + (int64_t)(options->seconds * 1e6), next = now_us(), now;
	uint64_t dropped = 0, bytes_sent = 0;
	char sink[256];

	for (int i = 0; i < options->drip; i++)
		polls[i].fd = -1;
	while ((now = now_us()) < end) {
		bool turn = now >= next;

		if (turn)
			next = now + DRIP_US;
		for (int i = 0; i < options->drip; i++) {
			if (polls[i].fd < 0) {
				polls[i] = (struct pollfd){ .fd = open_connection(options->port), .events = POLLIN };
				sent[i] = 0;
			} else if (turn && send(polls[i].fd, &bytes[sent[i] < sizeof(bytes) - 2 ? sent[i]++ : sizeof(bytes) - 2], 1,
						MSG_NOSIGNAL | MSG_DONTWAIT) == 1) {
				bytes_sent++;
			}
		}
		if (poll(polls, (nfds_t)options->drip, 20) < 0)
			break;
		for (int i = 0; i < options->drip; i++)
			if (polls[i].fd >= 0 && (polls[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0 &&
			    recv(polls[i].fd, sink, sizeof(sink), MSG_DONTWAIT) <= 0) {
				close(polls[i].fd);
				polls[i].fd = -1;
				dropped++;
			}
	}
	printf("{\"connects\":%llu,\"dropped\":%llu,\"bytes\":%llu}\n", (unsigned long long)connects, (unsigned long long)dropped,
	       (unsigned long long)bytes_sent);
}

static int usage(void)
{
	fputs("usage: feed_load [--connections N] [--seconds S] [--warm S] [--command allow|report] [--think MS] [--fresh] "
	      "[--pid PID]... [--key KEY] PORT\n       feed_load --drip N [--seconds S] PORT\n", stderr);
	return 2;
}

static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "connections", required_argument, NULL, 'c' }, { "seconds", required_argument, NULL, 's' },
		{ "warm", required_argument, NULL, 'w' },	 { "command", required_argument, NULL, 'C' },
		{ "think", required_argument, NULL, 't' },	 { "fresh", no_argument, NULL, 'f' },
		{ "pid", required_argument, NULL, 'p' },	 { "key", required_argument, NULL, 'k' },
		{ "drip", required_argument, NULL, 'd' },	 { NULL, 0, NULL, 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (letter) {
		case 'c':
			options->connections = (int)strtol(optarg, NULL, 10);
			break;
		case 's':
			options->seconds = strtod(optarg, NULL);
			break;
		case 'w':
			options->warm = strtod(optarg, NULL);
			break;
		case 'C':
			options->command = optarg;
			break;
		case 't':
			options->think_ms = strtod(optarg, NULL);
			break;
		case 'f':
			options->fresh = true;
			break;
		case 'p':
			if (options->pids < PIDS_MAX)
				options->pid[options->pids++] = (int)strtol(optarg, NULL, 10);
			break;
		case 'k':
			options->key = optarg;
			break;
		case 'd':
			options->drip = (int)strtol(optarg, NULL, 10);
			break;
		default:
			return -1;
		}
	}
	if (optind + 1 != argc)
		return -1;
	options->port = (uint16_t)strtoul(argv[optind], NULL, 10);
	return options->connections > 0 && options->connections <= CONNECTIONS_MAX && options->drip <= CONNECTIONS_MAX ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options options = { .connections = 16, .seconds = 4, .command = "allow", .key = "" };

	if (read_options(argc, argv, &options) != 0)
		return usage();
	if (options.drip > 0) {
		drip(&options);
		return 0;
	}
	samples = malloc(SAMPLES_MAX * sizeof(*samples));
	if (samples == NULL)
		return 1;
	make_requests(&options);
	load(&options);
	qsort(samples, sample_count, sizeof(*samples), by_size);
	printf(",\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n", at(0.5), at(0.99), at(1));
	free(samples);
	return 0;
}
