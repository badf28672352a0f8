/* The rows of lint.def. Thread-safe: constants only. */
#ifndef MR_POLICY_LINT_H
#define MR_POLICY_LINT_H

#include <stddef.h>

enum mr_lint {
#define MR_LINT(name, id, words) MR_LINT_##name,
#include "policy/lint.def"
#undef MR_LINT
	MR_LINT_COUNT
};

struct mr_lint_row {
	const char *id;
	const char *words;
};

/* The i-th row, NULL behind the last. */
const struct mr_lint_row *mr_lint_row(size_t i);

/* Adds a warning; format as in mr_faults_add. */
#define MR_WARN(b, lint, where, ...) \
	mr_faults_add((b)->faults, MR_FAULT_WARNING, mr_lint_row(lint)->id, where, __VA_ARGS__)

struct mr_builder;

/* The part of mr_lint_run that looks at networks, domains and own addresses. */
void mr_lint_trust(struct mr_builder *b);
/* The part of it that looks at limits.rates and the ceilings of hijack. */
void mr_lint_rates(struct mr_builder *b);
/* The parts of it that look at screen and login_feed, and at geo and location. */
void mr_lint_screen(struct mr_builder *b);
void mr_lint_location(struct mr_builder *b);

#endif
