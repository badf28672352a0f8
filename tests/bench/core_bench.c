/*
 * How long a verdict takes, and how that grows with the policy: sessions of one message through the public interface
 * of libmailreeve, with header From, without sockets and without writing the line anywhere.
 * Run by bench.py: core_bench ROUNDS ENTRIES POLICY [ENTRIES POLICY]... prints a JSON line a round.
 * The names are those of policies.py, write_entries().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mailreeve.h"

enum { SIZES = 8, MESSAGES = 50000 };

struct size {
	unsigned entries;
	struct mr_engine *engine;
	double load_ms;
	uint64_t lines;
};

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "core_bench: %s: %s\n", what, why);
	exit(1);
}

static void count_line(void *context, const char *line, size_t length)
{
	struct size *size = context;

	(void)length;
	size->lines += line[0] == '{';
}

static void load_policy(struct size *size, const char *file)
{
	struct mr_engine_options options = { .size = sizeof(options), .event = count_line, .event_context = size };
	struct mr_policy_text *text = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	const struct mr_fault *fault;
	double begun = cpu_now();
	int err = mr_policy_text_open(file, &text);

	if (err == 0)
		err = mr_policy_build(text, 1790000000000, NULL, &policy, &faults);
	if (err != 0) {
		fault = faults != NULL ? mr_faults_at(faults, 0) : NULL;
		give_up(file, fault != NULL ? fault->what : mr_err_text(err));
	}
	size->load_ms = (cpu_now() - begun) / 1e6;
	mr_faults_free(&faults);
	mr_policy_text_free(&text);
	err = mr_engine_new(&options, policy, 1, &size->engine);
	if (err != 0)
		give_up(file, mr_err_text(err));
}

/* One session whose login, sender, network and domain are the i-th entries of the policy. */
static void play(struct size *size, unsigned i)
{
	unsigned char address[4] = { 10, (unsigned char)(i >> 16), (unsigned char)(i >> 8), (unsigned char)i };
	struct mr_connect_info info = { .size = sizeof(info), .address = address, .address_length = 4, .client_port = 40000,
					.client_name = "client.example.net", .listener = "smtp",
					.server_name = "mx.bench.example", .server_address = "192.0.2.25", .server_port = 587 };
	char login[64], path[80];
	const char *const parameters[] = { "SIZE=2048", NULL };
	struct mr_session *session = NULL;
	struct mr_reply reply;
	int64_t now = 1790000000000;

	snprintf(login, sizeof(login), "user%06u@d%06u.example", i, i);
	snprintf(path, sizeof(path), "<%s>", login);
	if (mr_session_new(size->engine, MR_NEEDS_HEADERS, &session) != 0)
		give_up("mr_session_new", "failed");
	mr_session_connect(session, now, &info, &reply);
	mr_session_helo(session, now, "client.example.net", "TLSv1.3", "TLS_AES_256_GCM_SHA384");
	mr_session_mail(session, now, path, parameters, login, NULL, &reply);
	mr_session_rcpt(session, now, "<friend@example.net>", "friend@example.net", "example.net", "smtp", &reply);
	if (reply.action != MR_CONTINUE)
		give_up("a recipient was refused", reply.text);
	mr_session_header(session, "From", path);
	mr_session_end_of_message(session, now, "4cZkX0000001", "<1@bench.example>", 2048, &reply);
	if (reply.action != MR_CONTINUE)
		give_up("a message was refused", reply.text);
	mr_session_close(&session, now);
}

static double measure(struct size *size, unsigned seed)
{
	uint64_t lines = size->lines;
	double begun = cpu_now();

	for (unsigned k = 0; k < MESSAGES; k++)
		play(size, (unsigned)(((uint64_t)(k + seed) * 2654435761u >> 7) % size->entries));
	if (size->lines - lines < MESSAGES)
		give_up("event lines", "fewer than messages");
	return (cpu_now() - begun) / MESSAGES;
}

static void print_numbers(const char *name, const struct size *sizes, size_t n, const double *numbers)
{
	printf("\"%s\":{", name);
	for (size_t s = 0; s < n; s++)
		printf("%s\"%u\":%.1f", s > 0 ? "," : "", sizes[s].entries, numbers[s]);
	printf("}");
}

int main(int argc, char **argv)
{
	struct size sizes[SIZES] = { { 0 } };
	double ns[SIZES], load_ms[SIZES];
	size_t n = 0;
	long rounds;

	if (argc < 4 || argc % 2 != 0 || argc > 2 + 2 * SIZES)
		give_up("usage", "core_bench ROUNDS ENTRIES POLICY [ENTRIES POLICY]...");
	rounds = strtol(argv[1], NULL, 10);
	for (int i = 2; i < argc; i += 2, n++) {
		sizes[n].entries = (unsigned)strtoul(argv[i], NULL, 10);
		load_policy(&sizes[n], argv[i + 1]);
		load_ms[n] = sizes[n].load_ms;
		measure(&sizes[n], 0);
	}
	for (long round = 0; round < rounds; round++) {
		for (size_t k = 0; k < n; k++) {
			size_t s = (k + (size_t)round) % n;

			ns[s] = measure(&sizes[s], (unsigned)round * MESSAGES);
		}
		printf("{");
		print_numbers("ns", sizes, n, ns);
		printf(",");
		print_numbers("load_ms", sizes, n, load_ms);
		printf("}\n");
	}
	for (size_t s = 0; s < n; s++)
		mr_engine_free(&sizes[s].engine);
	return 0;
}
