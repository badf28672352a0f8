/*
 * Fuzz target: sessions through lib/mailreeve.h, with hostile strings and in any order of events.
 *
 * An input is lines; the first letter of a line is the event, the rest its texts, with tabs between them. In a text the
 * bytes 0x1e and 0x1f stand for a newline and a tab. Events: P(olicy) C(onnect) H(elo) M(ail) R(cpt) F(ield of the header)
 * B(ody) E(nd of message) A(bort) S(topping) Q(uit, and a new session).
 *
 * What must hold: each transaction that began ends with exactly one verdict line; each line is one JSON object of at most
 * 8192 bytes and holds no control byte; a reply's code, enhanced code and action belong together and its text is plain.
 */
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "mailreeve.h"

enum { TEXTS = 8, POLICIES = 2, LINE_MAX_BYTES = 8192 };

static const char *const policies[POLICIES] = {
	"domains = [ \"victim.example\", \"xn--bcher-kva.example\" ]\n"
	"hostnames = [ \"mx.victim.example\" ]\nown_addresses = [ \"192.0.2.25\" ]\n"
	"accounts = \"file:accounts\"\nhelpdesk = [ \"postmaster@victim.example\" ]\n"
	"networks: { office: { addresses = [ \"198.18.0.0/24\", \"2001:db8:1::/48\" ] except = [ \"198.18.0.1\" ] } }\n"
	"access: { mode = \"enforce\" deny = [ \"203.0.113.0/24\" ] at = \"connect\" }\n"
	"relay: { mode = \"enforce\" networks = [ \"office\" ] }\n"
	"auth: { mode = \"enforce\" required_for = [ \"roles\", \"local-senders\" ] cannot_tell = \"tempfail\" }\n"
	"shield: ( { mode = \"enforce\" domains = [ \"@local\" ] networks = [ \"office\" ] header_from = true } )\n"
	"sender: { mode = \"enforce\" logins = \"file:senders\" header_from = true header_sender = true action = \"hold\" }\n"
	"exists: { mode = \"enforce\" }\nhelo: { mode = \"enforce\" }\n"
	"limits: { mode = \"enforce\" recipients = 5 size = \"1M\" }\n"
	"exemptions: ( { name = \"news\" login = \"news@victim.example\" rules = [ \"sender\", \"auth\" ] owner = \"me\"\n"
	"  reason = \"test\" expires = \"2030-01-01\" } )\n",
	"domains = [ \"victim.example\" ]\nmode = \"observe\"\nlog: { addresses = \"hashed\" key = \"file:key\" }\n",
};

static struct mr_engine *engines[POLICIES];
static uint64_t verdicts, expected;

struct play {
	struct mr_engine *engine;
	struct mr_session *session;
	bool open;       /* a transaction has begun and not ended */
	int64_t now_ms;
	char *text[TEXTS]; /* of the line in hand; NULL behind the last */
	size_t length[TEXTS];
};

static void take_line(void *context, const char *line, size_t length)
{
	json_error_t error;
	json_t *event;
	const char *action;

	(void)context;
	MUST(length > 1 && length <= LINE_MAX_BYTES && line[length - 1] == '\n');
	for (size_t i = 0; i + 1 < length; i++)
		MUST((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
	event = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (event == NULL)
		fprintf(stderr, "%s at %d: %.*s\n", error.text, error.position, (int)length, line);
	MUST(json_is_object(event));
	action = json_string_value(json_object_get(json_object_get(event, "event"), "action"));
	MUST(action != NULL);
	verdicts += strcmp(action, "verdict") == 0;
	json_decref(event);
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	MUST(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(name, 0600) == 0);
}

static struct mr_engine *make_engine(const char *text)
{
	struct mr_engine_options options = { .size = sizeof(options), .host = "mx.victim.example", .event = take_line };
	struct mr_policy_text *source = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	struct mr_engine *engine = NULL;
	int err;

	write_file("policy.conf", text);
	MUST(mr_policy_text_open("policy.conf", &source) == 0);
	err = mr_policy_build(source, 1790000000000, NULL, &policy, &faults);
	for (size_t i = 0; err != 0 && i < mr_faults_count(faults, MR_FAULT_ERROR); i++)
		fprintf(stderr, "policy: %s: %s\n", mr_faults_at(faults, i)->id, mr_faults_at(faults, i)->what);
	MUST(err == 0);
	mr_faults_free(&faults);
	mr_policy_text_free(&source);
	MUST(mr_engine_new(&options, policy, 1, &engine) == 0);
	return engine;
}

static void make_engines(void)
{
	char folder[] = "/tmp/mailreeve-fuzz-XXXXXX", before[4096];

	MUST(getcwd(before, sizeof(before)) != NULL && mkdtemp(folder) != NULL && chdir(folder) == 0);
	write_file("accounts", "alice@victim.example\nbob\npostmaster\n");
	write_file("senders", "alice@victim.example: alice@victim.example, sales@victim.example\nbob@victim.example: *@victim.example\n");
	write_file("key", "0123456789abcdef");
	for (size_t i = 0; i < POLICIES; i++)
		engines[i] = make_engine(policies[i]);
	MUST(unlink("accounts") == 0 && unlink("senders") == 0 && unlink("key") == 0 && unlink("policy.conf") == 0);
	MUST(chdir(before) == 0 && rmdir(folder) == 0);
}

static void check_reply(const struct mr_reply *reply)
{
	unsigned class = reply->action == MR_ANSWER_REJECT ? 5 : 4;

	MUST(memchr(reply->text, '\0', sizeof(reply->text)) != NULL);
	for (const char *c = reply->text; *c != '\0'; c++)
		MUST(*c >= ' ' && *c <= '~' && *c != '%');
	switch (reply->action) {
	case MR_CONTINUE:
	case MR_ANSWER_HOLD:
		MUST(reply->code == 0);
		return;
	case MR_ANSWER_TEMPFAIL:
	case MR_ANSWER_REJECT:
		MUST(reply->code / 100 == class && reply->enhanced[0] == (char)('0' + class) && reply->enhanced[1] == '.');
		MUST(reply->text[0] != '\0');
		return;
	}
	MUST(!"an action out of range");
}

static void transaction_ends(struct play *play)
{
	expected += play->open;
	play->open = false;
}

static void connect_event(struct play *play)
{
	struct mr_connect_info info = { .size = sizeof(info), .client_name = play->text[1], .listener = play->text[2],
					.server_name = play->text[3], .server_address = play->text[4],
					.client_port = 40000, .server_port = 25 };
	struct mr_reply reply;

	if (play->length[0] == 4 || play->length[0] == 16) {
		info.address = play->text[0];
		info.address_length = play->length[0];
	}
	info.local = play->text[5] != NULL;
	transaction_ends(play);
	mr_session_connect(play->session, play->now_ms, &info, &reply);
	check_reply(&reply);
}

static void mail_event(struct play *play)
{
	const char *parameters[] = { play->text[3], play->text[4], NULL };
	struct mr_reply reply;

	transaction_ends(play);
	mr_session_mail(play->session, play->now_ms, play->text[0] != NULL ? play->text[0] : "",
			play->text[3] != NULL ? parameters : NULL, play->text[1], play->text[2], &reply);
	check_reply(&reply);
	play->open = reply.action == MR_CONTINUE;
	expected += !play->open;
}

static void rcpt_event(struct play *play)
{
	struct mr_reply reply;

	mr_session_rcpt(play->session, play->now_ms, play->text[0] != NULL ? play->text[0] : "", play->text[1], play->text[2],
			play->text[3], &reply);
	check_reply(&reply);
	MUST(play->open || reply.action == MR_ANSWER_TEMPFAIL || reply.action == MR_ANSWER_REJECT);
}

static void end_event(struct play *play)
{
	struct mr_reply reply;

	mr_session_end_of_message(play->session, play->now_ms, play->text[0], play->text[1],
				  play->text[2] != NULL ? strtol(play->text[2], NULL, 10) : -1, &reply);
	check_reply(&reply);
	MUST(play->open || reply.action == MR_ANSWER_TEMPFAIL || reply.action == MR_ANSWER_REJECT);
	transaction_ends(play);
}

static void new_session(struct play *play)
{
	transaction_ends(play);
	mr_session_close(&play->session, play->now_ms);
	MUST(mr_session_new(play->engine, mr_engine_needs(play->engine), &play->session) == 0);
}

static void stopping_event(struct play *play)
{
	struct mr_reply reply;

	mr_session_mail_while_stopping(play->session, &reply);
	check_reply(&reply);
	MUST(reply.action == MR_ANSWER_TEMPFAIL);
}

static void play_event(struct play *play, char letter)
{
	switch (letter) {
	case 'P':
		play->engine = engines[play->text[0] != NULL && play->text[0][0] == '1'];
		new_session(play);
		break;
	case 'C':
		connect_event(play);
		break;
	case 'H':
		transaction_ends(play);
		mr_session_helo(play->session, play->now_ms, play->text[0], play->text[1], play->text[2]);
		break;
	case 'M':
		mail_event(play);
		break;
	case 'R':
		rcpt_event(play);
		break;
	case 'F':
		if (play->text[1] != NULL)
			mr_session_header(play->session, play->text[0], play->text[1]);
		break;
	case 'B':
		mr_session_body(play->session, play->length[0] * 1000);
		break;
	case 'E':
		end_event(play);
		break;
	case 'A':
		transaction_ends(play);
		mr_session_abort(play->session, play->now_ms);
		break;
	case 'S':
		stopping_event(play);
		break;
	case 'Q':
		new_session(play);
		break;
	default:
		break;
	}
}

/* Splits a line into texts with a NUL behind each, in room. */
static void split(struct play *play, const uint8_t *line, size_t n, char *room)
{
	size_t count = 0;

	memset(play->text, 0, sizeof(play->text));
	memset(play->length, 0, sizeof(play->length));
	while (n > 0 && count < TEXTS) {
		const uint8_t *tab = memchr(line, '\t', n);
		size_t length = tab != NULL ? (size_t)(tab - line) : n;

		for (size_t i = 0; i < length; i++)
			room[i] = line[i] == 0x1e ? '\n' : line[i] == 0x1f ? '\t' : (char)line[i];
		room[length] = '\0';
		play->text[count] = room;
		play->length[count++] = length;
		room += length + 1;
		line += tab != NULL ? length + 1 : length;
		n -= tab != NULL ? length + 1 : length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct play play = { .now_ms = 1790000000000 };
	char *room = malloc(size + TEXTS + 1);

	MUST(room != NULL);
	if (engines[0] == NULL)
		make_engines();
	verdicts = expected = 0;
	play.engine = engines[0];
	new_session(&play);
	while (size > 0) {
		const uint8_t *newline = memchr(data, '\n', size);
		size_t n = newline != NULL ? (size_t)(newline - data) : size;

		if (n > 0) {
			split(&play, data + 1, n - 1, room);
			play_event(&play, (char)data[0]);
			MUST(verdicts == expected);
		}
		play.now_ms += 7;
		n += newline != NULL;
		data += n;
		size -= n;
	}
	transaction_ends(&play);
	mr_session_close(&play.session, play.now_ms);
	MUST(verdicts == expected);
	free(room);
	return 0;
}
