/*
 * Values of an MMDB file, read with every bound checked. libmaxminddb checks most of these itself, depending on its
 * version; what it is given has passed here. Called by inspect.c.
 */
#include "geo/value.h"

/* Real files nest 4 or 5 deep, and a record has some hundred values. */
enum { DEPTH_MAX = 64, DIRECT_MAX = 4096 };

/* Reads n bytes (at most 4) as a number and steps over them. */
static bool take(const struct mr_values *values, uint32_t *at, unsigned n, uint32_t *number_r)
{
	uint32_t number = 0;

	if (*at > values->n || values->n - *at < n)
		return false;
	for (unsigned i = 0; i < n; i++)
		number = number << 8 | values->bytes[(*at)++];
	*number_r = number;
	return true;
}

static bool read_pointer(const struct mr_values *values, uint32_t head, struct mr_value *value)
{
	static const uint32_t bases[] = { 0, 2048, 526336, 0 };
	unsigned form = head >> 3 & 3;
	uint32_t low;

	if (!take(values, &value->body, form + 1, &low))
		return false;
	if (form < 3)
		low |= (head & 7) << (8 * (form + 1));
	if (low >= values->n || values->n - low <= bases[form])
		return false;
	value->size = low + bases[form];
	return true;
}

static bool read_size(const struct mr_values *values, uint32_t head, struct mr_value *value)
{
	static const uint32_t bases[] = { 29, 285, 65821 };
	uint32_t code = head & 31, more;

	value->size = code;
	if (code < 29)
		return true;
	if (!take(values, &value->body, code - 28, &more))
		return false;
	value->size = bases[code - 29] + more;
	return true;
}

/* Sizes of numbers are at most those of their type; false also for types that no record may have. */
static bool is_right_size(enum mr_value_type type, uint32_t size)
{
	switch (type) {
	case MR_VALUE_TEXT:
	case MR_VALUE_BYTES:
	case MR_VALUE_MAP:
	case MR_VALUE_ARRAY:
	case MR_VALUE_POINTER:
		return true;
	case MR_VALUE_DOUBLE:
		return size == 8;
	case MR_VALUE_FLOAT:
		return size == 4;
	case MR_VALUE_UINT16:
		return size <= 2;
	case MR_VALUE_UINT32:
	case MR_VALUE_INT32:
		return size <= 4;
	case MR_VALUE_UINT64:
		return size <= 8;
	case MR_VALUE_UINT128:
		return size <= 16;
	case MR_VALUE_BOOL:
		return size <= 1;
	}
	return false;
}

static bool has_bytes(const struct mr_value *value)
{
	return value->type != MR_VALUE_MAP && value->type != MR_VALUE_ARRAY && value->type != MR_VALUE_POINTER &&
	       value->type != MR_VALUE_BOOL;
}

bool mr_value_read(const struct mr_values *values, uint32_t at, struct mr_value *value_r)
{
	uint32_t head, type;

	*value_r = (struct mr_value){ .body = at };
	if (!take(values, &value_r->body, 1, &head))
		return false;
	type = head >> 5;
	if (type == MR_VALUE_POINTER) {
		value_r->type = MR_VALUE_POINTER;
		return read_pointer(values, head, value_r);
	}
	if (type == 0) {
		if (!take(values, &value_r->body, 1, &type))
			return false;
		type += 7;
		if (type == MR_VALUE_MAP)
			return false;
	}
	value_r->type = (enum mr_value_type)type;
	if (!read_size(values, head, value_r) || !is_right_size(value_r->type, value_r->size))
		return false;
	return !has_bytes(value_r) || values->n - value_r->body >= value_r->size;
}

bool mr_value_follow(const struct mr_values *values, uint32_t at, struct mr_value *value_r, uint32_t *next_r)
{
	if (!mr_value_read(values, at, value_r))
		return false;
	*next_r = value_r->body + (has_bytes(value_r) ? value_r->size : 0);
	if (value_r->type != MR_VALUE_POINTER)
		return true;
	return mr_value_read(values, value_r->size, value_r) && value_r->type != MR_VALUE_POINTER;
}

bool mr_value_skip(const struct mr_values *values, uint32_t *at)
{
	struct mr_value value;

	/* How many values are still to be stepped over: those in maps and arrays come on top. */
	for (uint64_t left = 1; left > 0; left--) {
		if (!mr_value_read(values, *at, &value))
			return false;
		*at = value.body + (has_bytes(&value) ? value.size : 0);
		if (value.type == MR_VALUE_MAP)
			left += 2 * (uint64_t)value.size;
		else if (value.type == MR_VALUE_ARRAY)
			left += value.size;
	}
	return true;
}

/* Whether the value at that offset was found to be all right before; notes that it is being looked at. */
static bool was_seen(struct mr_values *values, uint32_t at)
{
	unsigned char bit = (unsigned char)(1u << at % 8);
	bool seen;

	if (values->seen == NULL)
		return false;
	seen = (values->seen[at / 8] & bit) != 0;
	values->seen[at / 8] |= bit;
	return seen;
}

static bool check(struct mr_values *values, uint32_t at, unsigned depth, unsigned *direct, uint32_t *next_r);

/* What a pointer leads to is counted for itself: a look-up skips pointers without following them. */
static bool check_target(struct mr_values *values, uint32_t at, unsigned depth)
{
	unsigned direct = 0;
	uint32_t next;

	return was_seen(values, at) || check(values, at, depth, &direct, &next);
}

static bool check_members(struct mr_values *values, const struct mr_value *value, unsigned depth, unsigned *direct,
			  uint32_t *next)
{
	struct mr_value key;

	for (uint32_t i = 0; i < value->size; i++) {
		if (value->type == MR_VALUE_MAP &&
		    (!mr_value_follow(values, *next, &key, next) || key.type != MR_VALUE_TEXT))
			return false;
		if (!check(values, *next, depth, direct, next))
			return false;
	}
	return true;
}

static bool check(struct mr_values *values, uint32_t at, unsigned depth, unsigned *direct, uint32_t *next_r)
{
	struct mr_value value;

	if (depth >= DEPTH_MAX || values->budget == 0 || ++*direct > DIRECT_MAX || !mr_value_read(values, at, &value))
		return false;
	values->budget--;
	*next_r = value.body;
	if (value.type == MR_VALUE_MAP || value.type == MR_VALUE_ARRAY)
		return check_members(values, &value, depth + 1, direct, next_r);
	if (value.type != MR_VALUE_POINTER) {
		*next_r += has_bytes(&value) ? value.size : 0;
		return true;
	}
	at = value.size;
	return mr_value_read(values, at, &value) && value.type != MR_VALUE_POINTER &&
	       check_target(values, at, depth + 1);
}

bool mr_value_check(struct mr_values *values, uint32_t at)
{
	return at < values->n && check_target(values, at, 0);
}

bool mr_value_number(const struct mr_values *values, const struct mr_value *value, uint64_t *number_r)
{
	uint64_t number = 0;

	if ((value->type != MR_VALUE_UINT16 && value->type != MR_VALUE_UINT32 && value->type != MR_VALUE_UINT64) ||
	    value->size > 8)
		return false;
	for (uint32_t i = 0; i < value->size; i++)
		number = number << 8 | values->bytes[value->body + i];
	*number_r = number;
	return true;
}
