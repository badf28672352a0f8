/*
 * How the command line shows things to people: texts that cannot steer a terminal, times, numbers, colours, tables.
 * Not thread-safe: one process, one terminal.
 */
#ifndef MR_MILTER_CTL_PRINT_H
#define MR_MILTER_CTL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Whether the terminal's character set is UTF-8. */
bool mr_print_is_utf8(void);

enum mr_colour { MR_PLAIN, MR_BOLD, MR_RED, MR_YELLOW, MR_GREEN, MR_DIM };
/* The sequences for standard output; "" when it is no terminal or NO_COLOR is set. */
const char *mr_colour(enum mr_colour colour);
const char *mr_colour_end(void);
/* The colour of a state of an account. */
enum mr_colour mr_colour_of_state(const char *state);

/* Copies text to room: control characters and those that turn the direction of writing as \u00XX, and all that is not
 * ASCII so when the terminal is not UTF-8. Returns room. */
const char *mr_safe(const char *text, char *room, size_t size);
/* Prints text like that. NULL prints nothing. */
void mr_put(const char *text);
/* ---- Answers of the daemon ---- */

/* The text member, "" when there is none. */
const char *mr_text_of(const json_t *object, const char *name);
int64_t mr_int_of(const json_t *object, const char *name);
double mr_real_of(const json_t *object, const char *name);
/* One line of JSON, ASCII. 0 or -1. */
int mr_print_json(const json_t *value);

/* ---- Times ---- */

enum { MR_WHEN_MAX = 64 };
/* RFC 3339 UTC to seconds since 1970; -1: it is none. */
int64_t mr_when_read(const char *text);
/* "2026-11-22 03:15 (20 min ago)" in the local time; "-" for an empty text. */
const char *mr_when(const char *text, char room[MR_WHEN_MAX]);
/* The same for a whole day: "today", "2026-10-01 (52 d ago)". */
const char *mr_day(const char *text, char room[MR_WHEN_MAX]);
/* "20 min", "3 h", "5 d". */
const char *mr_span(int64_t seconds, char room[MR_WHEN_MAX]);
/* "90s", "2h30m", "7d", "1w" to seconds; -1: unreadable. */
int64_t mr_span_read(const char *text);
/* A span before now, or "2026-11-22", "2026-11-22T03:15": how many seconds ago that is. -1: unreadable or in the
 * future. */
int64_t mr_since_read(const char *text);

/* ---- Numbers ---- */

/* "1,234,567" */
const char *mr_number(int64_t value, char room[MR_WHEN_MAX]);
/* "35 MB" */
const char *mr_bytes(double value, char room[MR_WHEN_MAX]);

/* ---- Tables ---- */

struct mr_columns;
/* headings: NULL-ended. NULL: no memory. */
struct mr_columns *mr_columns_new(const char *const *headings);
/* The next cell, row by row. The text is copied and made safe. */
void mr_columns_cell(struct mr_columns *table, const char *text, enum mr_colour colour);
void mr_columns_print(const struct mr_columns *table);
void mr_columns_free(struct mr_columns **table);

#endif
