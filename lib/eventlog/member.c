/*
 * Members of a JSON object with their types checked. It knows JSON and arenas, not what a fact is: factline.c asks.
 */
#include "eventlog/member.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

struct mr_member mr_member_of(const json_t *object, const char *parent, const char *name)
{
	json_t *value = json_object_get(object, name);

	return (struct mr_member){ json_is_null(value) ? NULL : value, parent, name };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The position of the quote that ends the string which begins at start, or line.n. */
static size_t string_end(struct mr_str line, size_t start)
{
	for (size_t i = start + 1; i < line.n; i++) {
		if (line.p[i] == '\\')
			i++;
		else if (line.p[i] == '"')
			return i;
	}
	return line.n;
}

/* Whether a colon follows, so that the string before at is the name of a member. */
static bool is_name_end(struct mr_str line, size_t at)
{
	while (at < line.n && is_blank(line.p[at]))
		at++;
	return at < line.n && line.p[at] == ':';
}

/* The position of the member name at depth, from start on; line.n when it is not written plainly. */
static size_t find_name(struct mr_str line, size_t start, unsigned depth, const char *name)
{
	unsigned open = start == 0 ? 0 : depth - 1;

	for (size_t i = start; i < line.n; i++) {
		char c = line.p[i];
		if (c == '{' || c == '[') {
			open++;
		} else if (c == '}' || c == ']') {
			open--;
		} else if (c == '"') {
			size_t end = string_end(line, i);
			struct mr_str text = mr_str_part(line, i + 1, end);
			if (open == depth && is_name_end(line, end + 1) && mr_str_equal(text, mr_str_of(name)))
				return i;
			i = end;
		}
	}
	return line.n;
}

/* The column of a member in the line: of its parent when it cannot be found, 1 when that cannot be found either. */
static unsigned column_of(struct mr_str line, struct mr_member member)
{
	const char *outer = member.parent == NULL ? member.name : member.parent;
	size_t at = find_name(line, 0, 1, outer);

	if (at == line.n)
		return 1;
	if (member.parent != NULL) {
		size_t behind = string_end(line, at) + 1;
		size_t inner = find_name(line, behind, 2, member.name);
		at = inner < line.n ? inner : at;
	}
	return (unsigned)at + 1;
}

void mr_member_fault(struct mr_member_reader *reader, struct mr_member member, const char *what)
{
	if (reader->err != 0)
		return;
	struct mr_buffer why = mr_buffer_over(reader->fault->why, sizeof(reader->fault->why) - 1);
	reader->err = MR_ERR_SYNTAX;
	reader->fault->column = column_of(reader->line, member);
	if (member.parent != NULL) {
		mr_buffer_text(&why, member.parent);
		mr_buffer_byte(&why, '.');
	}
	mr_buffer_text(&why, member.name);
	mr_buffer_byte(&why, ' ');
	mr_buffer_text(&why, what);
	reader->fault->why[why.n] = '\0';
}

/* Turns U+0080..U+00FF back into the bytes that they stand for; in place, the text gets shorter. Returns its length. */
static size_t to_bytes(char *text, size_t n)
{
	size_t to = 0;

	for (size_t from = 0; from < n; from++) {
		unsigned char c = (unsigned char)text[from];
		if ((c == 0xc2 || c == 0xc3) && from + 1 < n) {
			from++;
			c = (unsigned char)((c & 0x03u) << 6 | ((unsigned char)text[from] & 0x3fu));
		}
		text[to++] = (char)c;
	}
	return to;
}

void mr_member_string_value(struct mr_member_reader *reader, const json_t *value, struct mr_str *value_r)
{
	size_t n = json_string_length(value);

	if (reader->err != 0)
		return;
	char *copy = mr_arena_alloc(reader->arena, n + 1);
	if (copy == NULL) {
		reader->err = MR_ERR_NOMEM;
		return;
	}
	memcpy(copy, json_string_value(value), n);
	if (reader->raw)
		n = to_bytes(copy, n);
	*value_r = (struct mr_str){ copy, n };
}

void mr_member_text(struct mr_member_reader *reader, struct mr_member member, struct mr_str *value_r)
{
	if (reader->err != 0 || member.value == NULL)
		return;
	if (!json_is_string(member.value))
		mr_member_fault(reader, member, "must be a string");
	else
		mr_member_string_value(reader, member.value, value_r);
}

void mr_member_bool(struct mr_member_reader *reader, struct mr_member member, bool *value_r)
{
	if (reader->err != 0 || member.value == NULL)
		return;
	if (!json_is_boolean(member.value))
		mr_member_fault(reader, member, "must be true or false");
	else
		*value_r = json_is_true(member.value);
}

void mr_member_int(struct mr_member_reader *reader, struct mr_member member, int64_t max, int64_t *value_r)
{
	if (reader->err != 0 || member.value == NULL)
		return;
	if (!json_is_integer(member.value))
		mr_member_fault(reader, member, "must be a whole number");
	else if (json_integer_value(member.value) < 0)
		mr_member_fault(reader, member, "must not be negative");
	else if (json_integer_value(member.value) > max)
		mr_member_fault(reader, member, "is too large");
	else
		*value_r = json_integer_value(member.value);
}

void mr_member_object(struct mr_member_reader *reader, struct mr_member member, const json_t **value_r)
{
	if (reader->err != 0 || member.value == NULL)
		return;
	if (!json_is_object(member.value))
		mr_member_fault(reader, member, "must be an object");
	else
		*value_r = member.value;
}

void mr_member_array(struct mr_member_reader *reader, struct mr_member member, const json_t **value_r, size_t *count_r)
{
	if (reader->err != 0 || member.value == NULL)
		return;
	if (!json_is_array(member.value)) {
		mr_member_fault(reader, member, "must be an array");
		return;
	}
	*value_r = member.value;
	*count_r = json_array_size(member.value);
}
