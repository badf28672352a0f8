/*
 * A writer into memory of a fixed size. A piece that does not fit whole is left out, and so is all that
 * follows: the reader never sees half a piece. Writes no NUL. The event log and the reply texts call it.
 */
#include "base/buffer.h"

#include <string.h>

/* The decimal digits of UINT64_MAX. */
enum { DIGITS_MAX = 20 };

struct mr_buffer
mr_buffer_over(char *memory, size_t size)
{
	return (struct mr_buffer){ .p = memory, .n = 0, .size = size, .overflow = false };
}

static void
put(struct mr_buffer *b, const char *bytes, size_t n)
{
	if (b->overflow)
		return;
	if (n > b->size - b->n) {
		b->overflow = true;
		return;
	}
	if (n > 0)
		memcpy(b->p + b->n, bytes, n);
	b->n += n;
}

void
mr_buffer_byte(struct mr_buffer *b, char c)
{
	put(b, &c, 1);
}

void
mr_buffer_str(struct mr_buffer *b, struct mr_str s)
{
	put(b, s.p, s.n);
}

void
mr_buffer_text(struct mr_buffer *b, const char *text)
{
	put(b, text, strlen(text));
}

/* Sign and digits go in as one piece, so that a number is there whole or not at all. */
static void
put_number(struct mr_buffer *b, uint64_t value, bool negative)
{
	char text[DIGITS_MAX + 1];
	size_t start = sizeof(text);

	do {
		text[--start] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	if (negative)
		text[--start] = '-';
	put(b, text + start, sizeof(text) - start);
}

void
mr_buffer_int(struct mr_buffer *b, int64_t value)
{
	put_number(b, value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value, value < 0);
}

void
mr_buffer_uint(struct mr_buffer *b, uint64_t value)
{
	put_number(b, value, false);
}

struct mr_str
mr_buffer_view(const struct mr_buffer *b)
{
	return (struct mr_str){ b->p, b->n };
}
