/* The rows of settings and lints as name and words. Called through mr_vocabulary by manuals, completion and tests. */
#include "policy/rows.h"

#include <string.h>

#include "policy/lint.h"
#include "policy/setting.h"

bool mr_policy_vocabulary(const char *kind, size_t i, const char **name_r, const char **words_r)
{
	if (strcmp(kind, "setting") == 0 && mr_setting_row(i) != NULL) {
		*name_r = mr_setting_row(i)->name;
		*words_r = mr_setting_row(i)->words;
		return true;
	}
	if (strcmp(kind, "lint") == 0 && mr_lint_row(i) != NULL) {
		*name_r = mr_lint_row(i)->id;
		*words_r = mr_lint_row(i)->words;
		return true;
	}
	return false;
}
