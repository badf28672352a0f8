/* The rows of the policy's tables, for manuals, completion and tests. Thread-safe: constants only. */
#ifndef MR_POLICY_ROWS_H
#define MR_POLICY_ROWS_H

#include <stdbool.h>
#include <stddef.h>

/* kind: "setting" or "lint". The i-th row; false behind the last or for another kind. */
bool mr_policy_vocabulary(const char *kind, size_t i, const char **name_r, const char **words_r);

#endif
