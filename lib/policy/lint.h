/* The rows of lint.def. Thread-safe: constants only. */
#ifndef MR_POLICY_LINT_H
#define MR_POLICY_LINT_H

#include <stddef.h>

struct mr_lint_row {
	const char *id;
	const char *words;
};

/* The i-th row, NULL behind the last. */
const struct mr_lint_row *mr_lint_row(size_t i);

#endif
