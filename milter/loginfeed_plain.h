/*
 * The JSON that Dovecot writes, read without building anything: one object of plain texts, numbers and words. Thread-safe.
 */
#ifndef MR_MILTER_LOGINFEED_PLAIN_H
#define MR_MILTER_LOGINFEED_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

enum { MR_FEED_MEMBERS_MAX = 24 };

enum mr_feedkind { MR_FEED_TEXT, MR_FEED_NUMBER, MR_FEED_TRUE, MR_FEED_FALSE, MR_FEED_NULL };

struct mr_feedmember {
	const char *name; /* not ended by a NUL */
	size_t name_length;
	enum mr_feedkind kind;
	char *text;       /* of MR_FEED_TEXT and MR_FEED_NUMBER */
	size_t length;
};

struct mr_feedplain {
	struct mr_feedmember member[MR_FEED_MEMBERS_MAX];
	size_t count;
};

/* Whether the n bytes are such an object: printable ASCII without escapes, whole numbers, no levels, each name once.
 * Then *plain_r points into them. Anything else is for the parser, which also says what is wrong with it. */
bool mr_feedplain_read(char *body, size_t n, struct mr_feedplain *plain_r);

#endif
