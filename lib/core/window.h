/*
 * Sliding windows: how much happened in the last hour, in memory of a fixed size that is the caller's. PURE.
 *
 * A window is cut into 32 pieces. What happened in a piece goes when the whole piece is older than the window, so that a
 * count is never too low, wherever the edges of the pieces lie; it reaches back at most 1/32 further than asked (up to
 * 32 ms more for rounding). Time that goes back counts as the latest time seen.
 *
 * Memory of zeros is an empty window. Memory of any other bytes does no harm: what it says is wrong at most until it
 * expires, and a window from a future that is further away than its own length is emptied.
 */
#ifndef MR_CORE_WINDOW_H
#define MR_CORE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/metric.h"

enum { MR_WINDOW_PIECES = 32 };

/* A window in memory: size bytes as mr_window_size says, aligned to 8. Borrowed. */
struct mr_window {
	void *memory;
	size_t size;
	enum mr_metric_form form;
	int64_t length_ms;
};

/* What one message brings. MR_FORM_COUNT, _BYTES: number is added. MR_FORM_ALIKE: number is the size in bytes.
 * MR_FORM_DISTINCT: items, ascending, none twice. */
struct mr_amount {
	uint64_t number;
	const uint32_t *items;
	size_t item_count;
};

/* Bytes that a window needs to count up to most. For DISTINCT and ALIKE it grows with most, in steps of four times, and
 * has room for more than most; such a window forgets the oldest when it is full. ALIKE counts exactly while no more than
 * twice most messages, of whatever size, fall into the window. */
size_t mr_window_size(enum mr_metric_form form, uint64_t most);
/* How long after the last change a window of this length may still hold something. */
int64_t mr_window_reach(int64_t length_ms);

/* What the window holds together with amount, which is not added. *new_r: what of it is amount's: for DISTINCT the items
 * that were not there. For ALIKE only messages like this one are counted: at most 1.2 % bigger or smaller. */
uint64_t mr_window_would(const struct mr_window *window, int64_t now_ms, const struct mr_amount *amount,
			 uint64_t *new_r);
/* Adds amount. Numbers saturate. */
void mr_window_add(const struct mr_window *window, int64_t now_ms, const struct mr_amount *amount);
/* Takes back what mr_window_add just added. Only for COUNT and BYTES: what a set of DISTINCT or ALIKE got stays in it. */
void mr_window_give_back(const struct mr_window *window, int64_t now_ms, const struct mr_amount *amount);

/* Counts something that was refused, apart from the rest. How many there were since there was none for the length of the
 * window: 1 is the first of a run. */
uint32_t mr_window_refuse(const struct mr_window *window, int64_t now_ms);
uint32_t mr_window_refused(const struct mr_window *window, int64_t now_ms);

#endif
