/*
 * A writer into memory of a fixed size: what does not fit is dropped and remembered.
 * Not thread-safe. Owns nothing.
 */
#ifndef MR_BASE_BUFFER_H
#define MR_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct mr_buffer {
	char *p;
	size_t n;      /* bytes written */
	size_t size;   /* bytes that fit */
	bool overflow; /* something did not fit; from then on nothing more is written */
};

/* A buffer over size bytes at memory. */
struct mr_buffer mr_buffer_over(char *memory, size_t size);
void mr_buffer_byte(struct mr_buffer *b, char c);
void mr_buffer_str(struct mr_buffer *b, struct mr_str s);
void mr_buffer_text(struct mr_buffer *b, const char *text);
/* A decimal number. */
void mr_buffer_int(struct mr_buffer *b, int64_t value);
void mr_buffer_uint(struct mr_buffer *b, uint64_t value);
/* What was written so far. */
struct mr_str mr_buffer_view(const struct mr_buffer *b);

#endif
