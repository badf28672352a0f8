/*
 * Reads the fields of a request's header that decide where it ends and who sends it. What another program could
 * understand otherwise is refused: behind such a request nobody knows where the next one begins.
 */
#include "loginfeed_head.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The bytes of a name: RFC 9110, 5.6.2. */
static bool is_token(const char *text, size_t n)
{
	static const bool allowed[256] = {
		['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true,
		['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true,
		['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true,
		['8'] = true, ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true,
		['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true, ['M'] = true, ['N'] = true,
		['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true,
		['W'] = true, ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true,
		['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true, ['k'] = true, ['l'] = true,
		['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true,
		['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
	};

	for (size_t i = 0; i < n; i++)
		if (!allowed[(unsigned char)text[i]])
			return false;
	return n > 0;
}

static void blame(struct mr_feedhead *head, enum mr_feedfault fault)
{
	if (head->fault == MR_FEED_GOOD)
		head->fault = fault;
}

/* Digits, and nothing but white space behind them. */
static void read_length(struct mr_feedhead *head, const char *value)
{
	size_t digits = strspn(value, "0123456789");
	uint64_t length = 0;

	if (head->has_length || digits == 0 || digits > 18 || value[digits + strspn(value + digits, " \t")] != '\0') {
		blame(head, MR_FEED_AMBIGUOUS);
		return;
	}
	for (size_t i = 0; i < digits; i++)
		length = length * 10 + (uint64_t)(value[i] - '0');
	head->has_length = true;
	head->length = length;
}

static void keep_once(struct mr_feedhead *head, const char **place, const char *value)
{
	if (*place != NULL)
		blame(head, MR_FEED_AMBIGUOUS);
	*place = value;
}

/* The fields that matter, told apart by their length first: most fields of a request are none of them. */
static void take_field(struct mr_feedhead *head, const char *name, size_t n, const char *value)
{
	if (n == 14 && strcasecmp(name, "content-length") == 0)
		read_length(head, value);
	else if (n == 17 && strcasecmp(name, "transfer-encoding") == 0)
		blame(head, MR_FEED_CODED);
	else if (n == 6 && strcasecmp(name, "expect") == 0 && strcasecmp(value, "100-continue") != 0)
		blame(head, MR_FEED_EXPECTS);
	else if (n == 9 && strcasecmp(name, "x-api-key") == 0)
		keep_once(head, &head->key, value);
	else if (n == 13 && strcasecmp(name, "authorization") == 0)
		keep_once(head, &head->authorization, value);
	else if (n == 4 && strcasecmp(name, "host") == 0) {
		if (head->has_host)
			blame(head, MR_FEED_AMBIGUOUS);
		head->has_host = true;
	}
}

void mr_feedhead_add(struct mr_feedhead *head, const char *name, size_t name_length, const char *value)
{
	if (value == NULL)
		value = "";
	if (++head->fields > MR_FEED_FIELDS_MAX)
		blame(head, MR_FEED_HEAD_LONG);
	/* A CR alone ends a line for some programs. */
	if (!is_token(name, name_length) || strchr(value, '\r') != NULL)
		blame(head, MR_FEED_AMBIGUOUS);
	else
		take_field(head, name, name_length, value);
}

enum mr_feedfault mr_feedhead_judge(const struct mr_feedhead *head, uint64_t size, bool needs_body)
{
	if (head->fault != MR_FEED_GOOD)
		return head->fault;
	if (size > MR_FEED_HEAD_MAX)
		return MR_FEED_HEAD_LONG;
	if (needs_body && !head->has_length)
		return MR_FEED_NO_LENGTH;
	return head->length > MR_FEED_BODY_MAX ? MR_FEED_BODY_LONG : MR_FEED_GOOD;
}
