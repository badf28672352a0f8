/*
 * Reads what Dovecot or a client of weakforced says of a login. Members may be missing, booleans may be texts, texts may
 * be numbers: programs of some years differ. Who calls: loginfeed.c, and the fuzz target.
 */
#include "loginfeed_request.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "loginfeed_plain.h"

enum { DEPTH_MAX = 16 };

/* ---- Bytes ---- */

/* The length of the UTF-8 sequence (RFC 3629) at p, of which n bytes are there; 0: none. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
	size_t more = p[0] < 0x80 ? 0 : p[0] < 0xc2 ? 4 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : p[0] < 0xf5 ? 3 : 4;

	if (more > 3 || more >= n)
		return 0;
	for (size_t i = 1; i <= more; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return more + 1;
}

static bool is_utf8(const char *text, size_t n)
{
	for (size_t i = 0, step; i < n; i += step)
		if ((step = utf8_length((const unsigned char *)text + i, n - i)) == 0)
			return false;
	return true;
}

/* Every byte that is no UTF-8 becomes the character with its number. NULL: no memory. */
static char *to_utf8(const char *text, size_t n, size_t *n_r)
{
	char *clean = malloc(2 * n + 1);
	size_t used = 0;

	for (size_t i = 0, step; clean != NULL && i < n; i += step) {
		unsigned char byte = (unsigned char)text[i];

		step = utf8_length((const unsigned char *)text + i, n - i);
		if (step > 0) {
			memcpy(clean + used, text + i, step);
			used += step;
			continue;
		}
		clean[used++] = (char)(0xc0 | byte >> 6);
		clean[used++] = (char)(0x80 | (byte & 0x3f));
		step = 1;
	}
	*n_r = used;
	return clean;
}

/* The parser calls itself for each level, so the levels are counted before it sees them. */
static bool is_too_deep(const char *text, size_t n)
{
	bool quoted = false;
	unsigned depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (quoted) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				quoted = false;
		} else if (text[i] == '"') {
			quoted = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > DEPTH_MAX)
				return true;
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static json_t *parse(const char *body, size_t n, const char **why_r)
{
	json_t *object = NULL;
	char *clean = NULL;
	bool memory = true;

	if (is_too_deep(body, n)) {
		*why_r = "the JSON has too many levels";
		return NULL;
	}
	if (is_utf8(body, n)) {
		object = json_loadb(body, n, JSON_REJECT_DUPLICATES, NULL);
	} else if ((clean = to_utf8(body, n, &n)) != NULL) {
		object = json_loadb(clean, n, JSON_REJECT_DUPLICATES, NULL);
	} else {
		memory = false;
	}
	free(clean);
	if (json_is_object(object))
		return object;
	json_decref(object);
	*why_r = memory ? "the body is not one JSON object" : "no memory";
	return NULL;
}

/* ---- Members ---- */

/* One member of the object, from either reader. */
struct value {
	enum mr_feedkind kind;
	const char *text; /* of a text, and the digits of a number */
	bool is_zero;
};

enum member { LOGIN, REMOTE, IP, PROTOCOL, PWHASH, FAIL_TYPE, SUCCESS, POLICY_REJECT, MEMBERS };

#define NAME(text) { text, sizeof(text) - 1 }

static const struct {
	const char *text;
	size_t length;
} names[MEMBERS] = {
	[LOGIN] = NAME("login"),	 [REMOTE] = NAME("remote"),	  [IP] = NAME("ip") /* so in weakforced's getDBStats */,
	[PROTOCOL] = NAME("protocol"),	 [PWHASH] = NAME("pwhash"),	  [FAIL_TYPE] = NAME("fail_type"),
	[SUCCESS] = NAME("success"),	 [POLICY_REJECT] = NAME("policy_reject"),
};

/* A text, or a number as its digits; NULL is "not told". */
static int as_text(const struct value *value, const char **text_r)
{
	switch (value->kind) {
	case MR_FEED_TEXT:
	case MR_FEED_NUMBER:
		*text_r = value->text;
		return 0;
	case MR_FEED_NULL:
		return 0;
	case MR_FEED_TRUE:
	case MR_FEED_FALSE:
		return -1;
	}
	return -1;
}

static int word_as_bool(const char *text, bool *value_r)
{
	static const char *const yes[] = { "true", "yes", "y", "1", "on" };
	static const char *const no[] = { "false", "no", "n", "0", "off", "" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcasecmp(text, yes[i]) == 0) {
			*value_r = true;
			return 0;
		}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcasecmp(text, no[i]) == 0) {
			*value_r = false;
			return 0;
		}
	return -1;
}

/* *value_r stays as it is when nothing is told. */
static int as_bool(const struct value *value, bool *value_r)
{
	switch (value->kind) {
	case MR_FEED_TRUE:
	case MR_FEED_FALSE:
		*value_r = value->kind == MR_FEED_TRUE;
		return 0;
	case MR_FEED_NUMBER:
		*value_r = !value->is_zero;
		return 0;
	case MR_FEED_TEXT:
		return word_as_bool(value->text, value_r);
	case MR_FEED_NULL:
		return 0;
	}
	return -1;
}

/* What Dovecot does not know it sends as "". */
static void drop_empty(const char **text)
{
	if (*text != NULL && **text == '\0')
		*text = NULL;
}

/* 0, or what is wrong. values: NULL for what is not told. */
static const char *use(const struct value values[MEMBERS], struct mr_login_info *info)
{
	const char *ip = NULL;

	if (as_text(&values[LOGIN], &info->login) != 0 || as_text(&values[REMOTE], &info->address) != 0 ||
	    as_text(&values[IP], &ip) != 0 || as_text(&values[PROTOCOL], &info->protocol) != 0 ||
	    as_text(&values[PWHASH], &info->pwhash) != 0 || as_text(&values[FAIL_TYPE], &info->fail_type) != 0)
		return "login, remote, protocol, pwhash and fail_type have to be texts";
	/* A report without success: Dovecot 2.4 says by fail_type what came of it. */
	info->success = info->fail_type != NULL && info->fail_type[0] == '\0';
	if (as_bool(&values[SUCCESS], &info->success) != 0 || as_bool(&values[POLICY_REJECT], &info->policy_reject) != 0)
		return "success and policy_reject have to be true or false";
	if (info->address == NULL)
		info->address = ip;
	drop_empty(&info->address);
	drop_empty(&info->protocol);
	drop_empty(&info->pwhash);
	drop_empty(&info->fail_type);
	return NULL;
}

static void clear_values(struct value values[MEMBERS])
{
	for (size_t i = 0; i < MEMBERS; i++)
		values[i] = (struct value){ .kind = MR_FEED_NULL };
}

/* ---- The two readers ---- */

static enum member member_of(const struct mr_feedmember *member)
{
	for (int i = 0; i < MEMBERS; i++)
		if (names[i].length == member->name_length && memcmp(names[i].text, member->name, names[i].length) == 0)
			return (enum member)i;
	return MEMBERS;
}

static void use_plain(struct mr_feedplain *plain, struct value values[MEMBERS])
{
	for (size_t i = 0; i < plain->count; i++) {
		struct mr_feedmember *member = &plain->member[i];
		enum member which = member_of(member);

		if (which == MEMBERS)
			continue;
		values[which].kind = member->kind;
		if (member->kind != MR_FEED_TEXT && member->kind != MR_FEED_NUMBER)
			continue;
		/* Behind a text stands its quote, behind a number a comma, white space or a brace: all have been read. */
		member->text[member->length] = '\0';
		values[which].text = member->text;
		values[which].is_zero = member->length == 1 && member->text[0] == '0';
	}
}

static int use_json(const json_t *object, struct mr_feedrequest *request, struct value values[MEMBERS])
{
	for (size_t i = 0; i < MEMBERS; i++) {
		const json_t *member = json_object_get(object, names[i].text);

		if (json_is_string(member)) {
			values[i].kind = MR_FEED_TEXT;
			values[i].text = json_string_value(member);
		} else if (json_is_integer(member)) {
			values[i].kind = MR_FEED_NUMBER;
			values[i].text = request->numbers[i];
			values[i].is_zero = json_integer_value(member) == 0;
			(void)snprintf(request->numbers[i], MR_FEED_NUMBER_MAX, "%" JSON_INTEGER_FORMAT,
				       json_integer_value(member));
		} else if (json_is_boolean(member)) {
			values[i].kind = json_is_true(member) ? MR_FEED_TRUE : MR_FEED_FALSE;
		} else if (member != NULL && !json_is_null(member)) {
			return -1;
		}
	}
	return 0;
}

int mr_feedrequest_parse(const char *body, size_t n, struct mr_feedrequest *request_r, const char **why_r)
{
	struct value values[MEMBERS];

	request_r->info = (struct mr_login_info){ .size = sizeof(request_r->info) };
	request_r->json = parse(body, n, why_r);
	if (request_r->json == NULL)
		return -1;
	clear_values(values);
	*why_r = use_json(request_r->json, request_r, values) != 0 ? "a member that has to be a text is something else"
								     : use(values, &request_r->info);
	if (*why_r == NULL)
		return 0;
	mr_feedrequest_clear(request_r);
	return -1;
}

int mr_feedrequest_read(char *body, size_t n, struct mr_feedrequest *request_r, const char **why_r)
{
	struct value values[MEMBERS];
	struct mr_feedplain plain;

	if (!mr_feedplain_read(body, n, &plain))
		return mr_feedrequest_parse(body, n, request_r, why_r);
	request_r->json = NULL;
	request_r->info = (struct mr_login_info){ .size = sizeof(request_r->info) };
	clear_values(values);
	use_plain(&plain, values);
	*why_r = use(values, &request_r->info);
	return *why_r == NULL ? 0 : -1;
}

void mr_feedrequest_clear(struct mr_feedrequest *request)
{
	json_decref(request->json);
	request->json = NULL;
}
