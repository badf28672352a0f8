/*
 * The text of a policy with its includes put in and its comments taken out, and where each of its lines came from.
 */
#ifndef MR_POLICY_TEXT_H
#define MR_POLICY_TEXT_H

#include "policy/faults.h"
#include "policy/source.h"

/* Lines from first on are those of a file from line on. */
struct mr_text_span {
	unsigned first;
	struct mr_where where;
};

struct mr_text {
	char *bytes; /* n bytes, a NUL behind them */
	size_t n, room;
	unsigned line; /* the last one, from 1 */
	struct mr_text_span *spans;
	size_t span_count;
};

/* Reads the policy file and what it includes. Faults are added to faults; what could be read is in *text_r even then.
 * MR_ERR_REFUSED: the policy file itself could not be read. MR_ERR_NOMEM. */
int mr_text_expand(struct mr_policy_text *files, struct mr_faults *faults, struct mr_text *text_r);
void mr_text_free(struct mr_text *text);
/* Where line (from 1) of the text came from. */
struct mr_where mr_text_where(const struct mr_text *text, unsigned line);

#endif
