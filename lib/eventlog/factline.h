/*
 * Facts from and to JSON lines (mailreeve(1), replay). Thread-safe: keeps nothing.
 */
#ifndef MR_EVENTLOG_FACTLINE_H
#define MR_EVENTLOG_FACTLINE_H

#include <stddef.h>

#include "base/arena.h"
#include "model/fact.h"

/* The longest line of facts that is read or written. */
enum { MR_FACT_LINE_MAX = 1 << 20 };

/* Where and why a line could not be read. */
struct mr_fact_fault {
	unsigned column; /* bytes, from 1 */
	char why[128];
};

/* Reads one line. Everything in *fact_r lives in arena. MR_ERR_SYNTAX with *fault_r; MR_ERR_NOMEM. */
int mr_fact_read(struct mr_str line, struct mr_arena *arena, struct mr_fact *fact_r, struct mr_fact_fault *fault_r);

/* Writes a fact as one line with its newline; bytes that are not UTF-8 become \u00XX and "raw" is set.
 * *n_r is the length. MR_ERR_FULL: size is too small. */
int mr_fact_write(const struct mr_fact *fact, char *line_r, size_t size, size_t *n_r);

#endif
