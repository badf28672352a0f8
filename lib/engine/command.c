/*
 * Reads a request of the control channel, finds its command and writes the answer. What each command does is in
 * command_*.c. Called by the daemon's control server and, when no daemon runs, by the command line.
 */
#include "engine/command.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/timetext.h"
#include "base/unicode.h"

enum { OPERATOR_MAX = 64 };

static const struct {
	const char *name;
	void (*run)(struct mr_command *c);
} commands[] = {
	{ "account", mr_command_account },
	{ "accounts", mr_command_accounts },
	{ "block", mr_command_give },
	{ "blocks", mr_command_blocks },
	{ "calibration", mr_command_calibration },
	{ "event", mr_command_event },
	{ "exemptions", mr_command_exemptions },
	{ "fact", mr_command_fact },
	{ "freeze", mr_command_give },
	{ "hold", mr_command_give },
	{ "mark", mr_command_mark },
	{ "names", mr_command_names },
	{ "orders", mr_command_orders },
	{ "source", mr_command_source },
	{ "status", mr_command_status },
	{ "thaw", mr_command_give },
	{ "unblock", mr_command_give },
};

/* ---- Requests ---- */

struct mr_str mr_command_member(const struct mr_command *c, const char *name)
{
	const json_t *value = json_object_get(c->request, name);

	if (!json_is_string(value))
		return MR_STR_ABSENT;
	return (struct mr_str){ json_string_value(value), json_string_length(value) };
}

int64_t mr_command_number(const struct mr_command *c, const char *name, int64_t most, int64_t fallback)
{
	const json_t *value = json_object_get(c->request, name);
	json_int_t number = json_integer_value(value);

	return json_is_integer(value) && number >= 0 && number <= most ? (int64_t)number : fallback;
}

bool mr_command_flag(const struct mr_command *c, const char *name, bool fallback)
{
	const json_t *value = json_object_get(c->request, name);

	return json_is_boolean(value) ? json_is_true(value) : fallback;
}

/* ---- Answers ---- */

void mr_command_fault(struct mr_command *c, const char *words)
{
	json_object_clear(c->answer);
	json_object_set_new(c->answer, "error", json_string(words));
}

json_t *mr_command_text(struct mr_str text)
{
	json_t *value;
	char *clean;

	if (text.p == NULL)
		return json_null();
	if (mr_utf8_is_valid(text))
		return json_stringn(text.p, text.n);
	clean = mr_strndup(text.p, text.n);
	if (clean == NULL)
		return NULL;
	for (size_t i = 0; i < text.n;) {
		size_t n = mr_utf8_sequence((struct mr_str){ clean + i, text.n - i });

		if (n == 0)
			clean[i] = '?';
		i += n == 0 ? 1 : n;
	}
	value = json_stringn(clean, text.n);
	mr_free(clean);
	return value;
}

json_t *mr_command_room(const char *text, size_t size)
{
	return mr_command_text((struct mr_str){ text, strnlen(text, size) });
}

json_t *mr_command_time(const struct mr_command *c, int64_t state_ms)
{
	char text[MR_TIME_TEXT_MAX];
	size_t n;

	if (state_ms == 0)
		return json_null();
	n = mr_time_format(state_ms + c->behind_ms, text);
	return json_stringn(text, n);
}

void mr_page_begin(struct mr_page *page, struct mr_command *c, const char *name)
{
	*page = (struct mr_page){ .command = c, .list = json_array() };
	page->skip = mr_command_number(c, "skip", INT64_MAX, 0);
	page->limit = mr_command_number(c, "limit", MR_COMMAND_PAGE_MOST, MR_COMMAND_PAGE_MOST);
	json_object_set_new(c->answer, name, page->list);
}

bool mr_page_wants(struct mr_page *page)
{
	int64_t number = page->seen++;

	if (number < page->skip || page->more)
		return false;
	if (number - page->skip >= page->limit) {
		page->more = true;
		page->seen--;
		return false;
	}
	return true;
}

bool mr_page_goes_on(const struct mr_page *page)
{
	return !page->more;
}

bool mr_page_add(struct mr_page *page, json_t *entry)
{
	size_t bytes = entry != NULL ? json_dumpb(entry, NULL, 0, JSON_COMPACT | JSON_ENSURE_ASCII) + 1 : 0;

	if (entry != NULL && page->bytes + bytes <= MR_COMMAND_PAGE_BYTES &&
	    json_array_append(page->list, entry) == 0) {
		json_decref(entry);
		page->bytes += bytes;
		return true;
	}
	json_decref(entry);
	page->more = true;
	page->seen--;
	return false;
}

void mr_page_end(struct mr_page *page)
{
	if (page->more)
		json_object_set_new(page->command->answer, "next", json_integer((json_int_t)page->seen));
}

/* ---- The whole ---- */

/* Who asks, and for whom: root says which user of sudo it is. */
static struct mr_str name_operator(const json_t *request, const char *operator_name, char room[OPERATOR_MAX])
{
	const char *person = json_string_value(json_object_get(request, "sudo_user"));
	size_t n = 0, max = OPERATOR_MAX - 1;

	for (const char *p = operator_name; p != NULL && *p != '\0' && n < max; p++)
		room[n++] = *p;
	if (person != NULL && person[0] != '\0' && n + 3 < max) {
		room[n++] = ' ';
		room[n++] = '(';
		for (const char *p = person; *p != '\0' && n + 1 < max; p++)
			room[n++] = *p > ' ' && *p < 0x7f ? *p : '?';
		room[n++] = ')';
	}
	return (struct mr_str){ room, n };
}

static bool run(struct mr_command *c)
{
	const char *name = json_string_value(json_object_get(c->request, "command"));

	for (size_t i = 0; name != NULL && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0) {
			commands[i].run(c);
			return true;
		}
	return false;
}

/* The answer as text; one that is too long for the channel becomes a fault. */
static char *dump(struct mr_command *c)
{
	const size_t flags = JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(8);
	char *text = json_dumps(c->answer, flags);

	if (text == NULL || strlen(text) < MR_CONTROL_LINE_MAX - 1)
		return text;
	mr_free(text);
	mr_command_fault(c, "the answer is too long; ask for less with \"limit\"");
	return json_dumps(c->answer, flags);
}

static int carry_out(struct mr_engine *engine, int64_t now_ms, const char *operator_name, const json_t *request,
		     char **answer_r)
{
	struct mr_command c = { .engine = engine, .policy = mr_engine_hold_policy(engine), .now_ms = now_ms,
				.request = request, .answer = json_object() };
	char person[OPERATOR_MAX];
	int err = MR_ERR_NOMEM;

	c.state_ms = mr_statetime_now(&engine->time, now_ms);
	c.behind_ms = now_ms - c.state_ms;
	c.operator_name = name_operator(request, operator_name, person);
	if (c.answer != NULL) {
		err = run(&c) ? MR_OK : MR_ERR_NOTFOUND;
		*answer_r = err == MR_OK ? dump(&c) : NULL;
		if (err == MR_OK && *answer_r == NULL)
			err = MR_ERR_NOMEM;
	}
	json_decref(c.answer);
	mr_policy_drop(&c.policy);
	return err;
}

int mr_engine_command(struct mr_engine *engine, int64_t now_ms, const char *operator_name, const char *request,
		      char **answer_r)
{
	json_t *read = json_loads(request, JSON_REJECT_DUPLICATES, NULL);
	int err;

	*answer_r = NULL;
	if (!json_is_object(read)) {
		json_decref(read);
		*answer_r = mr_strdup("{\"error\":\"the request is not a JSON object\"}");
		return *answer_r != NULL ? MR_OK : MR_ERR_NOMEM;
	}
	err = carry_out(engine, now_ms, operator_name, read, answer_r);
	json_decref(read);
	return err;
}
