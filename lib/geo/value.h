/*
 * The values of an MMDB file (MaxMind DB file format 2.0, "Data section"): what libmaxminddb will be asked to read,
 * checked beforehand byte by byte. Nothing is decoded for use but small numbers. Thread-safe: no state of its own.
 */
#ifndef MR_GEO_VALUE_H
#define MR_GEO_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mr_value_type {
	MR_VALUE_POINTER = 1,
	MR_VALUE_TEXT,
	MR_VALUE_DOUBLE,
	MR_VALUE_BYTES,
	MR_VALUE_UINT16,
	MR_VALUE_UINT32,
	MR_VALUE_MAP,
	MR_VALUE_INT32,
	MR_VALUE_UINT64,
	MR_VALUE_UINT128,
	MR_VALUE_ARRAY,
	MR_VALUE_BOOL = 14,
	MR_VALUE_FLOAT
};

/* A run of values that point to each other by their offset in it. At most 2^30 bytes. */
struct mr_values {
	const unsigned char *bytes;
	uint32_t n;
	unsigned char *seen; /* a bit for each byte: a value that begins there is all right; NULL: not remembered */
	uint64_t budget;     /* how many values may still be read */
};

/* What a value begins with. */
struct mr_value {
	enum mr_value_type type;
	uint32_t size; /* bytes of text, bytes and numbers; members of a map or array; 0 or 1 of a bool; target of a pointer */
	uint32_t body; /* offset behind the head */
};

/* False: it leaves the run, or there is no such type. */
bool mr_value_read(const struct mr_values *values, uint32_t at, struct mr_value *value_r);
/* The same through at most one pointer; *next_r is behind the value, or behind the pointer. Maps and arrays: behind
 * the head. */
bool mr_value_follow(const struct mr_values *values, uint32_t at, struct mr_value *value_r, uint32_t *next_r);
/* Steps over a value that has been checked, with all that it holds; pointers are not followed. */
bool mr_value_skip(const struct mr_values *values, uint32_t *at);
/* Whether the value at that offset, and all that it holds or points to, is well formed, not too deep and not too
 * much. */
bool mr_value_check(struct mr_values *values, uint32_t at);
/* A number without sign of at most 64 bits; false when the value is none. */
bool mr_value_number(const struct mr_values *values, const struct mr_value *value, uint64_t *number_r);

#endif
