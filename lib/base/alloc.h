/* The one door to malloc, so that tests can starve it. Thread-safe. */
#ifndef MR_BASE_ALLOC_H
#define MR_BASE_ALLOC_H

#include <stddef.h>

/* Zeroed memory for count things of size bytes; NULL when there is none or count * size overflows. */
void *mr_calloc(size_t count, size_t size);
/* As realloc; the old block stays valid when NULL comes back. count * size must not overflow, else NULL. */
void *mr_realloc(void *block, size_t count, size_t size);
/* A copy of n bytes with a NUL behind them; NULL when there is no memory. */
char *mr_strndup(const char *text, size_t n);
char *mr_strdup(const char *text);
void mr_free(void *block);

/* For tests: the n-th allocation from now fails, and every one after it; 0 switches it off. */
void mr_alloc_starve(long nth);

#endif
