/*
 * Fuzz target: a request to the login feed, from its header and body to the engine's answer. An input is a request as it
 * comes over HTTP: the first line, fields, an empty line, the body; without an empty line it is a body.
 *
 * What must hold: the reader for plain bodies and the parser understand the same; every text that is passed on is UTF-8 and
 * ends where it should; a header that is called good keeps the bounds; the engine's answer is a status that Dovecot knows
 * with printable words.
 */
#include <jansson.h>
#include <string.h>

#include "../../milter/loginfeed_head.h"
#include "../../milter/loginfeed_key.h"
#include "../../milter/loginfeed_request.h"
#include "../../milter/loginfeed_words.h"
#include "fuzz.h"
#include "fuzz_policy_text.h"
#include "mailreeve.h"

enum { STATUS_MOST = 3600 };

static const char policy_text[] =
	"domains = [ \"victim.example\" ]\nmode = \"enforce\"\nlogin: { default_domain = \"victim.example\" }\n"
	"state: { directory = \"none\"  accounts = 1000  sources = 1000  windows = \"1M\" }\n"
	"screen: { mode = \"enforce\" }\n";

static struct mr_engine *engine;
static int64_t now = 1790000000000;

static void check_line(void *context, const char *line, size_t length)
{
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);

	(void)context;
	MUST(json_is_object(object));
	json_decref(object);
}

/* Made once: what one input leaves behind is there for the next, as in a daemon. */
static void start_engine(void)
{
	struct mr_engine_options options = { .size = sizeof(options), .event = check_line };

	if (engine == NULL)
		MUST(mr_engine_new(&options, fuzz_policy(policy_text), 1, &engine) == 0);
	now += 250;
}

/* ---- The header ---- */

static void check_words(const char *target)
{
	static const char *const methods[] = { "GET", "POST", "HEAD", "" };
	enum mr_feedword word = mr_feedwords_read(target);

	(void)mr_feedwords_are_printable(target);
	MUST(word <= MR_FEED_UNKNOWN);
	MUST(word == MR_FEED_UNKNOWN || strstr(target, "command=") != NULL);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		MUST(!mr_feedwords_go_with(word, methods[i]) || i == 1 || (i == 0 && word == MR_FEED_PING));
}

static void check_keys(const struct mr_feedhead *head)
{
	static char first[] = "the-first-key", second[] = "the-second-key";
	static char *const keys[MR_FEED_KEYS] = { first, second };
	static struct mr_feedkeys known;
	static bool ready;
	bool fits;

	if (!ready) {
		MUST(mr_feedkeys_init(&known) == 0);
		mr_feedkeys_set(&known, keys);
		ready = true;
	}
	fits = mr_feedkeys_fit(&known, head->key, head->authorization);
	MUST(!fits || head->authorization != NULL || strncmp(head->key, "the-", 4) == 0);
	MUST(!mr_feedkeys_fit(&known, NULL, NULL));
	MUST(mr_feedkeys_fit(&known, second, NULL));
}

/* Cuts a line off; both it and what remains end with a NUL. NULL: there is none. */
static char *cut_line(char **rest)
{
	char *line = *rest, *end = line != NULL ? strchr(line, '\n') : NULL;

	if (end == NULL)
		return NULL;
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	*rest = end + 1;
	return line;
}

/* Returns the place of the body. */
static char *check_head(char *text)
{
	struct mr_feedhead head = { 0 };
	char *line = cut_line(&text), *value;
	enum mr_feedfault fault;

	MUST(line != NULL);
	check_words(line);
	while ((line = cut_line(&text)) != NULL && *line != '\0') {
		value = strchr(line, ':');
		if (value == NULL)
			continue;
		*value++ = '\0';
		mr_feedhead_add(&head, line, strlen(line), value + strspn(value, " \t"));
	}
	fault = mr_feedhead_judge(&head, 100, true);
	if (fault == MR_FEED_GOOD)
		MUST(head.has_length && head.length <= MR_FEED_BODY_MAX && head.fields <= MR_FEED_FIELDS_MAX);
	MUST(mr_feedhead_judge(&head, MR_FEED_HEAD_MAX + 1, true) != MR_FEED_GOOD);
	check_keys(&head);
	return text;
}

/* ---- The body ---- */

static void check_same(const char *one, const char *other)
{
	json_t *text;

	MUST((one == NULL) == (other == NULL));
	if (one == NULL)
		return;
	MUST(strcmp(one, other) == 0);
	text = json_string(one);
	MUST(text != NULL);
	json_decref(text);
}

static void ask_engine(const struct mr_login_info *info)
{
	struct mr_login_answer answer;

	start_engine();
	mr_engine_login_allow(engine, now, info, &answer);
	MUST(answer.status >= -1 && answer.status <= STATUS_MOST);
	MUST(memchr(answer.text, '\0', sizeof(answer.text)) != NULL);
	for (const char *p = answer.text; *p != '\0'; p++)
		MUST(*p >= ' ' && *p < 0x7f);
	mr_engine_login_report(engine, now, info);
}

static void check_body(const char *body, size_t n)
{
	struct mr_feedrequest quick, parsed;
	const char *why_quick = NULL, *why_parsed = NULL;
	char *copy = malloc(n + 1); /* so that what is read behind the end is seen */
	int err;

	MUST(copy != NULL);
	copy = realloc(copy, n > 0 ? n : 1);
	memcpy(copy, body, n);
	err = mr_feedrequest_parse(body, n, &parsed, &why_parsed);
	MUST(mr_feedrequest_read(copy, n, &quick, &why_quick) == err);
	if (err == 0) {
		check_same(parsed.info.login, quick.info.login);
		check_same(parsed.info.address, quick.info.address);
		check_same(parsed.info.protocol, quick.info.protocol);
		check_same(parsed.info.pwhash, quick.info.pwhash);
		check_same(parsed.info.fail_type, quick.info.fail_type);
		MUST(parsed.info.success == quick.info.success && parsed.info.policy_reject == quick.info.policy_reject);
		ask_engine(&quick.info);
		mr_feedrequest_clear(&parsed);
		mr_feedrequest_clear(&quick);
	} else {
		MUST(why_parsed != NULL && why_quick != NULL && *why_quick != '\0');
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size > 16384)
		return 0;
	text = malloc(size + 1);
	MUST(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (strstr(text, "\n\n") != NULL || strstr(text, "\n\r\n") != NULL) {
		char *body = check_head(text);

		check_body(body, size - (size_t)(body - text));
	} else {
		check_body(text, size);
	}
	free(text);
	return 0;
}
