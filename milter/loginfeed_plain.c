/*
 * Half of the time of a request went into building a tree of JSON that is thrown away at once. What Dovecot sends needs
 * none. This reader takes only what it is sure of (RFC 8259, a part of it); for the rest it says no and jansson reads. The
 * fuzz target holds the two against each other.
 */
#include "loginfeed_plain.h"

#include <string.h>

enum { DIGITS_MAX = 18 };

struct cursor {
	char *p, *end;
};

static void skip_space(struct cursor *at)
{
	while (at->p < at->end && (*at->p == ' ' || *at->p == '\t' || *at->p == '\n' || *at->p == '\r'))
		at->p++;
}

static bool take(struct cursor *at, char wanted)
{
	skip_space(at);
	if (at->p == at->end || *at->p != wanted)
		return false;
	at->p++;
	return true;
}

/* Behind the opening quote; leaves the closing one behind. */
static bool take_text(struct cursor *at, char **text_r, size_t *n_r)
{
	char *begin = at->p, *quote = memchr(begin, '"', (size_t)(at->end - begin));
	bool odd = false;

	if (quote == NULL)
		return false;
	for (const char *p = begin; p < quote; p++)
		odd |= *p < ' ' || *p == 0x7f || *p == '\\';
	*text_r = begin;
	*n_r = (size_t)(quote - begin);
	at->p = quote + 1;
	return !odd;
}

static bool take_word(struct cursor *at, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(at->end - at->p) < n || memcmp(at->p, word, n) != 0)
		return false;
	at->p += n;
	return true;
}

/* No leading zero, no sign: their meaning is the parser's. What follows has to be a comma or the end. */
static bool take_number(struct cursor *at, struct mr_feedmember *member)
{
	char *begin = at->p;

	while (at->p < at->end && *at->p >= '0' && *at->p <= '9')
		at->p++;
	member->text = begin;
	member->length = (size_t)(at->p - begin);
	return member->length > 0 && member->length <= DIGITS_MAX && (*begin != '0' || member->length == 1);
}

static bool take_value(struct cursor *at, struct mr_feedmember *member)
{
	skip_space(at);
	if (at->p == at->end)
		return false;
	if (*at->p == '"') {
		at->p++;
		member->kind = MR_FEED_TEXT;
		return take_text(at, &member->text, &member->length);
	}
	if (*at->p >= '0' && *at->p <= '9') {
		member->kind = MR_FEED_NUMBER;
		return take_number(at, member);
	}
	member->kind = *at->p == 't' ? MR_FEED_TRUE : *at->p == 'f' ? MR_FEED_FALSE : MR_FEED_NULL;
	return take_word(at, *at->p == 't' ? "true" : *at->p == 'f' ? "false" : "null");
}

static bool is_new(const struct mr_feedplain *plain, const struct mr_feedmember *member)
{
	for (size_t i = 0; i < plain->count; i++)
		if (plain->member[i].name_length == member->name_length &&
		    memcmp(plain->member[i].name, member->name, member->name_length) == 0)
			return false;
	return true;
}

bool mr_feedplain_read(char *body, size_t n, struct mr_feedplain *plain_r)
{
	struct cursor at = { .p = body, .end = body + n };

	plain_r->count = 0;
	if (!take(&at, '{'))
		return false;
	do {
		struct mr_feedmember *member = &plain_r->member[plain_r->count];
		char *name;

		if (plain_r->count == MR_FEED_MEMBERS_MAX || !take(&at, '"') || !take_text(&at, &name, &member->name_length))
			return false;
		member->name = name;
		if (!is_new(plain_r, member) || !take(&at, ':') || !take_value(&at, member))
			return false;
		plain_r->count++;
	} while (take(&at, ','));
	if (!take(&at, '}'))
		return false;
	skip_space(&at);
	return at.p == at.end;
}
