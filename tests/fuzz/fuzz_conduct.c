/*
 * Fuzz target: sequences of facts against accounts with a memory. An input is records of 8 bytes, each a message, a login
 * or an order: what happened, who, from where, to how many and whom, size, time since the one before.
 *
 * What must hold: state never grows past its bound; no refusal, hold or delay without a reason; an account that is
 * frozen sends nothing until it is thawed, and no wrong password freezes one; every block of screening has an end; the
 * facts that the live run recorded give the same verdicts, refused logins, guards and blocks when they are replayed.
 */
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_policy_text.h"
#include "mailreeve.h"

enum { RECORD = 8, MESSAGES_MAX = 2000, FACTS_MAX = 4 << 20, ACCOUNTS = 16, STATE_ACCOUNTS_MOST = 1000 };

static const char policy_text[] =
	"domains = [ \"victim.example\" ]\nhelpdesk = [ \"postmaster@victim.example\" ]\n"
	"relay: { mode = \"enforce\" networks = [ \"198.51.100.0/24\" ] }\n"
	"hijack: { mode = \"enforce\" spam_headers = [ \"X-Spam: yes\" ] freeze_budget = \"unlimited\" recipients = [ \"400/1h\" ] }\n"
	"screen: { mode = \"enforce\" login_failures = \"6/1h\" pair_failures = \"3/1h\" guard_sources = \"4/1d\" guard_failures = \"8/1h\"\n"
	" connections = \"30/10m\" unknown_recipients = \"40/1h\" relay_attempts = \"9/1h\" resets = \"9/1h\" shared_logins = 3 simultaneous = 0 }\n"
	"limits: { rates: ( { name = \"all\" per = \"login\" messages = [ \"100/1h\" ] mode = \"enforce\" action = \"tempfail\" } ) }\n"
	"state: { directory = \"none\" accounts = 1000 sources = 1000 windows = \"1M\" }\n"
	"log: { events = \"none\" facts = \"/nowhere/facts\" }\n";

/* What became of the messages and logins of one run. */
struct run {
	size_t count;
	struct {
		char verdict[16], reason[40];
	} messages[MESSAGES_MAX];
};

static struct run live, again;
static char *facts;
static size_t facts_length;
static bool frozen[ACCOUNTS];

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

/* "user3@victim.example" is account 3. */
static void note_frozen(const json_t *event, bool is)
{
	const char *name = text_of(json_object_get(event, "user"), "name");

	if (strncmp(name, "user", 4) == 0 && name[4] >= 'a' && name[4] < 'a' + ACCOUNTS)
		frozen[name[4] - 'a'] = is;
}

/* A line that replay has to write as well. That an operator's order found nothing to do is told, but it is no fact. */
static bool is_compared(const char *action)
{
	return strcmp(action, "verdict") == 0 || strcmp(action, "login-refused") == 0 ||
	       strcmp(action, "login-guarded") == 0 || strcmp(action, "source-blocked") == 0;
}

static void take_line(void *context, const char *line, size_t length)
{
	struct run *run = context;
	json_t *event = json_loadb(line, length, 0, NULL), *own = json_object_get(event, "mailreeve");
	const char *action = text_of(json_object_get(event, "event"), "action");

	MUST(event != NULL);
	if (strcmp(action, "account-frozen") == 0)
		note_frozen(event, true);
	if (strcmp(action, "source-blocked") == 0 && strncmp(text_of(own, "reason"), "screen-", 7) == 0)
		MUST(json_object_get(own, "until") != NULL);
	if (strcmp(action, "login-refused") == 0)
		MUST(text_of(own, "reason")[0] != '\0');
	if (strcmp(action, "account-thawed") == 0 || strcmp(action, "account-held") == 0)
		note_frozen(event, false); /* an operator may lessen a freeze to a hold */
	if (is_compared(action) && run->count < MESSAGES_MAX) {
		bool is_verdict = strcmp(action, "verdict") == 0;
		const char *verdict = is_verdict ? text_of(own, "verdict") : action, *reason = text_of(own, "reason");

		MUST(!is_verdict || strcmp(verdict, "accept") == 0 || reason[0] != '\0');
		(void)snprintf(run->messages[run->count].verdict, sizeof(run->messages[0].verdict), "%s", verdict);
		(void)snprintf(run->messages[run->count++].reason, sizeof(run->messages[0].reason), "%s", reason);
	}
	json_decref(event);
}

static void take_fact(void *context, const char *line, size_t length)
{
	(void)context;
	MUST(facts_length + length <= FACTS_MAX);
	memcpy(facts + facts_length, line, length);
	facts_length += length;
}

/* Asked and told as Dovecot does. */
static void try_login(struct mr_engine *engine, const uint8_t *r, int64_t now)
{
	static const char *const types[] = { NULL, "credentials", "account", "internal" };
	char login[64], address[32], password[8];
	struct mr_login_info info = { .size = sizeof(info), .login = login, .address = address, .protocol = r[1] & 1 ? "imap" : "smtp",
				      .pwhash = password, .fail_type = types[r[1] >> 1 & 3], .success = r[1] % 5 == 0 };
	struct mr_login_answer answer;

	(void)snprintf(login, sizeof(login), "user%c@victim.example", 'a' + r[2] % ACCOUNTS);
	if (r[4] & 2) /* from where messages come, too */
		(void)snprintf(address, sizeof(address), "%s198.51.%u.%u", r[4] & 1 ? "::ffff:" : "", r[3] & 3, r[3]);
	else
		(void)snprintf(address, sizeof(address), "%s203.0.%u.%u", r[4] & 1 ? "::ffff:" : "", r[3] & 3, r[3] >> 2);
	(void)snprintf(password, sizeof(password), "%.*x", r[5] & 1 ? 4 : 0, r[6]);
	mr_engine_login_allow(engine, now, &info, &answer);
	MUST(answer.status >= -1 && answer.status <= 20);
	MUST(answer.status >= 0 || answer.text[0] != '\0');
	if (answer.status < 0) {
		info.success = false;
		info.policy_reject = true;
	}
	mr_engine_login_report(engine, now, &info);
}

static void give_order(struct mr_engine *engine, const uint8_t *r, int64_t now)
{
	static const char *const orders[] = { "freeze", "thaw", "hold", "thaw" };
	char request[160], *answer = NULL;

	if (r[1] & 4)
		(void)snprintf(request, sizeof(request), "{\"command\":\"%s\",\"names\":[\"198.51.%u.%u\"],\"seconds\":%u}",
			       r[1] & 1 ? "unblock" : "block", r[3] & 3, r[3], r[4] * 60);
	else
		(void)snprintf(request, sizeof(request),
			       "{\"command\":\"%s\",\"names\":[\"user%c@victim.example\"],\"reason\":\"fuzz\"}", orders[r[1] & 3],
			       'a' + r[2] % ACCOUNTS);
	MUST(mr_engine_command(engine, now, "fuzz", request, &answer) == 0 && answer != NULL);
	free(answer);
}

/* Whether the message reached its end and was accepted or held. */
static bool send_message(struct mr_session *session, const uint8_t *r, int64_t now)
{
	char from[64], to[64];
	struct mr_reply reply;
	unsigned recipients = r[4] % 8 == 7 ? 60 : 1 + r[4] % 4, taken = 0;

	(void)snprintf(from, sizeof(from), "<user%c@%s>", 'a' + r[2] % ACCOUNTS, r[1] & 16 ? "elsewhere.example" : "victim.example");
	(void)snprintf(to, sizeof(to), "user%c@victim.example", 'a' + r[2] % ACCOUNTS);
	mr_session_mail(session, now, from, NULL, r[1] & 8 ? NULL : to, "Q1", &reply);
	if (reply.action != MR_CONTINUE)
		return false;
	for (unsigned i = 0; i < recipients; i++) {
		(void)snprintf(to, sizeof(to), "<r%u@%s>", (unsigned)(r[5] & 31) * 64 + i, r[5] & 64 ? "victim.example" : "away.example");
		mr_session_rcpt(session, now, to, r[5] & 128 ? "x" : NULL, r[5] & 128 ? "5.1.1" : NULL,
				r[5] & 128 ? "error" : NULL, &reply);
		taken += reply.action == MR_CONTINUE && !(r[5] & 128);
	}
	if (taken == 0)
		return false;
	if (r[1] & 32)
		mr_session_header(session, "X-Spam", r[1] & 64 ? "Yes, 12" : "no");
	if (r[1] & 128)
		return false; /* it goes away */
	mr_session_end_of_message(session, now, "Q1", NULL, 500 + (r[6] & 15) * 1000, &reply);
	return reply.action == MR_CONTINUE || reply.action == MR_ANSWER_HOLD;
}

static void play_message(struct mr_engine *engine, const uint8_t *r, int64_t now)
{
	unsigned char address[4] = { 198, 51, (unsigned char)(r[1] & 8 ? 100 : r[3] & 3), r[3] };
	struct mr_connect_info info = { .size = sizeof(info), .address = address, .address_length = 4, .client_name = "c" };
	bool was_frozen = !(r[1] & 8) && frozen[r[2] % ACCOUNTS], sent;
	struct mr_session *session;
	struct mr_reply reply;

	MUST(mr_session_new(engine, MR_NEEDS_HEADERS, &session) == 0);
	mr_session_connect(session, now, &info, &reply);
	mr_session_helo(session, now, r[3] & 4 ? "one.example" : "two.example", NULL, NULL);
	sent = send_message(session, r, now);
	MUST(!(was_frozen && sent));
	mr_session_close(&session, now);
}

static void check_bounds(struct mr_engine *engine, int64_t now)
{
	char *answer = NULL;
	json_t *status;

	MUST(mr_engine_command(engine, now, "fuzz", "{\"command\":\"status\"}", &answer) == 0 && answer != NULL);
	status = json_loads(answer, 0, NULL);
	MUST(json_integer_value(json_object_get(json_object_get(status, "state"), "accounts")) <= STATE_ACCOUNTS_MOST);
	json_decref(status);
	free(answer);
}

static void run_live(const uint8_t *data, size_t size)
{
	struct mr_engine_options options = { .size = sizeof(options), .event = take_line, .event_context = &live,
					     .fact = take_fact };
	struct mr_engine *engine = NULL;
	int64_t now = 1790000000000;

	MUST(mr_engine_new(&options, fuzz_policy(policy_text), 1, &engine) == 0);
	for (; size >= RECORD && live.count < MESSAGES_MAX; data += RECORD, size -= RECORD) {
		now += (int64_t)data[7] * data[7] * (data[0] > 250 ? -100000 : 1000);
		if (data[0] > 240)
			give_order(engine, data, now);
		else if (data[0] > 160)
			try_login(engine, data, now);
		else
			play_message(engine, data, now);
	}
	check_bounds(engine, now);
	mr_engine_free(&engine);
}

static void run_again(void)
{
	struct mr_replay *replay = NULL;
	const char *why;
	unsigned column;
	size_t at = 0;

	MUST(mr_replay_new(fuzz_policy(policy_text), take_line, &again, &replay) == 0);
	while (at < facts_length) {
		const char *end = memchr(facts + at, '\n', facts_length - at);
		size_t n = (size_t)(end - (facts + at)) + 1;

		MUST(end != NULL && mr_replay_line(replay, facts + at, n, &column, &why) == 0);
		at += n;
	}
	mr_replay_free(&replay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (facts == NULL)
		facts = malloc(FACTS_MAX);
	MUST(facts != NULL);
	memset(&live, 0, sizeof(live));
	memset(&again, 0, sizeof(again));
	memset(frozen, 0, sizeof(frozen));
	facts_length = 0;
	run_live(data, size);
	memset(frozen, 0, sizeof(frozen));
	run_again();
	MUST(live.count == again.count);
	for (size_t i = 0; i < live.count; i++) {
		if (strcmp(live.messages[i].verdict, again.messages[i].verdict) != 0)
			fprintf(stderr, "message %zu: live %s (%s), replayed %s (%s)\n", i, live.messages[i].verdict,
				live.messages[i].reason, again.messages[i].verdict, again.messages[i].reason);
		MUST(strcmp(live.messages[i].verdict, again.messages[i].verdict) == 0);
		MUST(strcmp(live.messages[i].reason, again.messages[i].reason) == 0);
	}
	return 0;
}
