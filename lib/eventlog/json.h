/*
 * Writing JSON text into memory of a fixed size, for the two writers of this room. Only what an event line and a fact
 * need: objects, strings, numbers, arrays of strings. Whatever bytes a string holds, what is written is valid UTF-8,
 * holds no control byte, no line separator and no bidirectional control, and reads back as JSON.
 * Thread-safe: a struct mr_json belongs to one thread.
 */
#ifndef MR_EVENTLOG_JSON_H
#define MR_EVENTLOG_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

struct mr_json {
	char *p;
	size_t n;
	size_t size;
	bool comma;    /* the next member or element needs a comma before it */
	bool overflow; /* something did not fit; what was written is of no use */
	bool cut;      /* a string was cut to its max */
};

/* What the bytes of a string are. */
enum mr_json_bytes {
	MR_JSON_TEXT, /* UTF-8; a byte that is not becomes \u00XX */
	MR_JSON_RAW   /* bytes: each one above 0x7f becomes \u00XX */
};

/* The longest form that one byte of a string can take. */
enum { MR_JSON_ESCAPE_MAX = 6 };

struct mr_json mr_json_over(char *memory, size_t size);

static inline void mr_json_put(struct mr_json *out, const char *bytes, size_t n)
{
	if (n > out->size - out->n) {
		out->overflow = true;
		return;
	}
	memcpy(out->p + out->n, bytes, n);
	out->n += n;
}

/* A string literal, as it is. */
#define MR_JSON_PUT(out, literal) mr_json_put((out), (literal), sizeof(literal) - 1)

/* A comma where one is due. */
static inline void mr_json_separate(struct mr_json *out)
{
	if (out->comma)
		mr_json_put(out, ",", 1);
	out->comma = true;
}

/* The name of a member, and what follows it as far as it is constant: MR_JSON_MEMBER(out, "\"ip\":"). */
#define MR_JSON_MEMBER(out, literal) (mr_json_separate(out), MR_JSON_PUT(out, literal))

/* The inside of a string, in at most max bytes; what does not fit is left out, whole characters, and ->cut is set. */
void mr_json_escape(struct mr_json *out, struct mr_str s, size_t max, enum mr_json_bytes bytes);
/* The same in quotes. */
void mr_json_string(struct mr_json *out, struct mr_str s, size_t max, enum mr_json_bytes bytes);
void mr_json_int(struct mr_json *out, int64_t value);
/* Above INT64_MAX it writes INT64_MAX: most readers, and the type long of ECS, have no more. */
void mr_json_uint(struct mr_json *out, uint64_t value);
/* Whether text is a number as JSON writes it (RFC 8259 6), of at most 64 bytes. */
bool mr_json_is_number(struct mr_str text);

/* Where an object or array began, so that an empty one can be taken back. */
struct mr_json_mark {
	size_t n;
	bool comma;
};

static inline struct mr_json_mark mr_json_mark(const struct mr_json *out)
{
	return (struct mr_json_mark){ out->n, out->comma };
}

static inline void mr_json_take_back(struct mr_json *out, struct mr_json_mark mark)
{
	out->n = mark.n;
	out->comma = mark.comma;
}

/* Opens an object or array: MR_JSON_OPEN(out, "\"source\":{"). */
#define MR_JSON_OPEN(out, literal) (MR_JSON_MEMBER(out, literal), (void)((out)->comma = false))

/* Ends what was opened after mark with '}' or ']'; when nothing was put into it, it vanishes. */
static inline void mr_json_close(struct mr_json *out, struct mr_json_mark mark, char end)
{
	if (!out->comma) {
		mr_json_take_back(out, mark);
		return;
	}
	mr_json_put(out, &end, 1);
}

#endif
