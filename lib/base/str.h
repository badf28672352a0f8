/*
 * Slices of bytes: a pointer and a length, never owned, may hold any byte.
 * Thread-safe: nothing here keeps state.
 */
#ifndef MR_BASE_STR_H
#define MR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

/* A borrowed run of bytes. p is NULL when there is no value ("absent"), n is then 0;
 * an empty value has p != NULL and n == 0. Not necessarily ended by a NUL. */
struct mr_str {
	const char *p;
	size_t n;
};

#define MR_STR_ABSENT ((struct mr_str){ NULL, 0 })
/* A slice of a string literal. */
#define MR_STR(literal) ((struct mr_str){ (literal), sizeof(literal) - 1 })

/* A slice of a C string; NULL gives the absent slice. */
struct mr_str mr_str_of(const char *text);
/* Byte-wise equality; an absent slice equals only an absent slice. */
bool mr_str_equal(struct mr_str a, struct mr_str b);
/* Equality with the 26 ASCII letters folded; other bytes compare as they are. */
bool mr_str_equal_nocase(struct mr_str a, struct mr_str b);
bool mr_str_ends_with(struct mr_str s, struct mr_str end);
/* s without the leading and trailing bytes of white space (blank, tab, CR, LF). */
struct mr_str mr_str_trim(struct mr_str s);
/* The position of the first (last) byte c in s, or s.n. */
size_t mr_str_find(struct mr_str s, char c);
size_t mr_str_find_last(struct mr_str s, char c);
/* The part of s from start (inclusive) to end (exclusive); both are cut to s.n. */
struct mr_str mr_str_part(struct mr_str s, size_t start, size_t end);
/* Whether every byte is below 0x80. */
bool mr_str_is_ascii(struct mr_str s);
/* Whether s holds a byte below 0x20 or 0x7f. */
bool mr_str_has_control(struct mr_str s);
/* The ASCII letter c in lower case, any other byte as it is (no locale). */
char mr_ascii_lower(char c);

/* Glob match: '*' in pattern stands for any run of bytes, also none; no other byte is special.
 * ASCII letters match without regard to case. Linear in s.n * number of stars, never recursive. */
bool mr_str_glob(struct mr_str pattern, struct mr_str s);

#endif
