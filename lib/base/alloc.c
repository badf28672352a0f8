/*
 * The one door to malloc. It adds overflow checks and a switch by which tests make memory run out; it is
 * not a pool and keeps no statistics. All rooms call it.
 */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* How many allocations are left, this one included, until they fail; 1 means fail now and from now on; 0 is off. */
static atomic_long starve_countdown;

static bool
is_starved(void)
{
	long left = atomic_load_explicit(&starve_countdown, memory_order_relaxed);

	while (left > 1) {
		if (atomic_compare_exchange_weak(&starve_countdown, &left, left - 1))
			return false;
	}
	return left == 1;
}

static bool
overflows(size_t count, size_t size)
{
	return size != 0 && count > SIZE_MAX / size;
}

void
mr_alloc_starve(long nth)
{
	atomic_store(&starve_countdown, nth > 0 ? nth : 0);
}

/* NULL always means failure here, so nothing is asked as one byte. */
void *
mr_calloc(size_t count, size_t size)
{
	if (overflows(count, size) || is_starved())
		return NULL;
	if (count == 0 || size == 0)
		return calloc(1, 1);
	return calloc(count, size);
}

void *
mr_realloc(void *block, size_t count, size_t size)
{
	if (overflows(count, size) || is_starved())
		return NULL;
	size_t bytes = count * size;
	return realloc(block, bytes == 0 ? 1 : bytes);
}

char *
mr_strndup(const char *text, size_t n)
{
	if (n == SIZE_MAX)
		return NULL;
	char *copy = mr_realloc(NULL, n + 1, 1);
	if (copy == NULL)
		return NULL;
	if (n > 0)
		memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *
mr_strdup(const char *text)
{
	return mr_strndup(text, strlen(text));
}

void
mr_free(void *block)
{
	free(block);
}
