/* The tokens of libconfig's syntax, without comments. Not thread-safe. */
#ifndef MR_POLICY_TOKEN_H
#define MR_POLICY_TOKEN_H

#include <stdbool.h>

#include "base/str.h"

enum mr_token_kind {
	MR_TOKEN_END,
	MR_TOKEN_STRING,
	MR_TOKEN_INT,
	MR_TOKEN_FLOAT,
	MR_TOKEN_BOOL,
	MR_TOKEN_WORD, /* a name, or a value that lacks its quotes */
	MR_TOKEN_MARK, /* a bracket, or one of = : , ; */
	MR_TOKEN_STRAY /* bytes that mean nothing */
};

struct mr_token {
	enum mr_token_kind kind;
	struct mr_str text; /* with its quotes; borrowed */
	unsigned line;
	bool unclosed; /* a string without its second quote */
};

/* A text that is being read. */
struct mr_token_reader {
	struct mr_str text;
	size_t at;
	unsigned line; /* from 1 */
};

struct mr_token mr_token_next(struct mr_token_reader *reader);
/* Whether "=" or ":" comes next on this line. */
bool mr_token_assign_follows(const struct mr_token_reader *reader);
/* Whether word can be the name of a setting. */
bool mr_token_is_name(struct mr_str word);
/* Whether word is an integer that begins with a zero that it does not need. */
bool mr_token_has_leading_zero(struct mr_str word);

/* The longest name of a setting. */
enum { MR_TOKEN_NAME_MAX = 100 };

#endif
