/*
 * Fuzz target: the line of the control channel, from the socket to the answer. An input is what a client sends; a policy
 * of two exemptions and a few accounts that have sent mail are there already.
 *
 * What must hold: every line is answered or is no known command; an answer is one JSON object of printable ASCII that fits
 * the channel; nothing that was refused changes how anybody stands; orders stay within the room of accounts.
 */
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_policy_text.h"
#include "mailreeve.h"

enum { NOT_FOUND = -4, ACCOUNTS_MOST = 1000 };

static const char policy_text[] =
	"domains = [ \"victim.example\" ]\nmode = \"enforce\"\nlogin: { default_domain = \"victim.example\" }\n"
	"state: { directory = \"none\"  accounts = 1000  sources = 1000  windows = \"1M\" }\n"
	"hijack: { mode = \"enforce\" }\n"
	"exemptions: ( { name = \"news\" login = \"news@victim.example\" rules = [ \"hijack\" ] owner = \"me\" reason = \"x\" },\n"
	"  { name = \"old\" login = \"old@victim.example\" rules = [ \"rates\" ] owner = \"me\" reason = \"x\" expires = \"2026-01-01\" } )\n";

static void drop_line(void *context, const char *line, size_t length)
{
	(void)context;
	MUST(length > 1 && line[length - 1] == '\n');
	for (size_t i = 0; i + 1 < length; i++)
		MUST((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
}

static void send_mail(struct mr_engine *engine, const char *login, int64_t now)
{
	const unsigned char address[4] = { 203, 0, 113, 9 };
	struct mr_connect_info info = { .size = sizeof(info), .address = address, .address_length = 4,
					.listener = "submission" };
	struct mr_session *session;
	struct mr_reply reply;

	MUST(mr_session_new(engine, mr_engine_needs(engine), &session) == 0);
	mr_session_connect(session, now, &info, &reply);
	mr_session_helo(session, now, "client.example", NULL, NULL);
	mr_session_mail(session, now, "<me@victim.example>", NULL, login, "Q1", &reply);
	mr_session_rcpt(session, now, "<you@away.example>", NULL, NULL, NULL, &reply);
	mr_session_end_of_message(session, now, "Q1", NULL, 2000, &reply);
	mr_session_close(&session, now);
}

static json_t *check_answer(const char *answer)
{
	json_t *object = json_loads(answer, JSON_REJECT_DUPLICATES, NULL);

	MUST(strlen(answer) < MR_CONTROL_LINE_MAX);
	for (const char *p = answer; *p != '\0'; p++)
		MUST(*p >= ' ' && *p < 0x7f);
	MUST(json_is_object(object));
	return object;
}

/* How many accounts stand otherwise than normal, and blocks. */
static json_int_t changed(struct mr_engine *engine, int64_t now)
{
	char *text = NULL;
	json_t *answer, *state;
	json_int_t sum;

	MUST(mr_engine_command(engine, now, "fuzz", "{\"command\":\"status\"}", &text) == 0);
	answer = check_answer(text);
	state = json_object_get(answer, "state");
	MUST(json_integer_value(json_object_get(state, "accounts")) <= ACCOUNTS_MOST);
	sum = json_integer_value(json_object_get(state, "frozen")) + json_integer_value(json_object_get(state, "held")) +
	      json_integer_value(json_object_get(state, "blocked"));
	json_decref(answer);
	free(text);
	return sum;
}

static void ask(struct mr_engine *engine, const char *line, int64_t now)
{
	json_int_t before = changed(engine, now);
	char *text = NULL;
	int err = mr_engine_command(engine, now, "fuzz", line, &text);
	json_t *answer;

	MUST(err == 0 || err == NOT_FOUND);
	MUST((err == 0) == (text != NULL));
	if (err != 0) {
		MUST(changed(engine, now) == before);
		return;
	}
	answer = check_answer(text);
	if (json_object_get(answer, "results") == NULL)
		MUST(changed(engine, now) == before);
	json_decref(answer);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mr_engine_options options = { .size = sizeof(options), .event = drop_line };
	struct mr_engine *engine;
	struct mr_frame *frame;
	int64_t now = 1790000000000;
	const char *line;
	int ends[2], got;
	size_t n;

	if (size > 16384)
		return 0;
	MUST(mr_engine_new(&options, fuzz_policy(policy_text), 1, &engine) == 0);
	send_mail(engine, "alice", now);
	send_mail(engine, "b\xc3\xbc" "cher@victim.example", now + 1);
	send_mail(engine, "a.very.long.name.that.does.not.fit.the.room.of.a.record@victim.example", now + 2);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && mr_frame_new(&frame) == 0);
	MUST(write(ends[1], data, size) == (ssize_t)size && shutdown(ends[1], SHUT_WR) == 0);
	while ((got = mr_frame_read(frame, ends[0], &line, &n)) >= 0) {
		if (got == 0)
			continue; /* a part of a line; the end of it all comes next */
		MUST(line[n] == '\0' && memchr(line, '\n', n) == NULL);
		ask(engine, line, now += 1000);
	}
	mr_frame_free(&frame);
	close(ends[0]);
	close(ends[1]);
	mr_engine_free(&engine);
	return 0;
}
