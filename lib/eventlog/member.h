/*
 * Members of a parsed JSON object, with their types checked, for the reader of facts. The first fault is kept; after it
 * every call returns at once and leaves its result as it was, so a caller asks for all members and looks at err last.
 * Private to this room. Not thread-safe: a struct mr_member_reader belongs to one call.
 */
#ifndef MR_EVENTLOG_MEMBER_H
#define MR_EVENTLOG_MEMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "eventlog/factline.h"

struct mr_member_reader {
	struct mr_str line;
	struct mr_arena *arena;
	struct mr_fact_fault *fault;
	bool raw; /* characters up to U+00FF stand for single bytes */
	int err;  /* 0, MR_ERR_SYNTAX, MR_ERR_NOMEM */
};

/* A member's value and where it is: parent is the member that holds its object, NULL at the top. value is NULL when the
 * member is absent or null. */
struct mr_member {
	json_t *value;
	const char *parent;
	const char *name;
};

struct mr_member mr_member_of(const json_t *object, const char *parent, const char *name);
/* Sets the fault: the member's name, then what ("must be a string"). */
void mr_member_fault(struct mr_member_reader *reader, struct mr_member member, const char *what);

/* Each gives *value_r the value, or leaves it when the member is absent. Texts are copied to the arena. */
void mr_member_text(struct mr_member_reader *reader, struct mr_member member, struct mr_str *value_r);
void mr_member_bool(struct mr_member_reader *reader, struct mr_member member, bool *value_r);
void mr_member_int(struct mr_member_reader *reader, struct mr_member member, int64_t max, int64_t *value_r);
void mr_member_object(struct mr_member_reader *reader, struct mr_member member, const json_t **value_r);
/* An array; *count_r is its length. */
void mr_member_array(struct mr_member_reader *reader, struct mr_member member, const json_t **value_r, size_t *count_r);
/* A string value as text, by whatever name. */
void mr_member_string_value(struct mr_member_reader *reader, const json_t *value, struct mr_str *value_r);

#endif
