/*
 * The limits of one setting, such as [ "20/1h", "60/1d" ], for every group that has any. Not whom they hold for.
 * Called by rates.c and screen.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "policy/build.h"

struct limit_list {
	const struct mr_setting_row *row;
	struct mr_rate *rates; /* MR_RATE_WINDOWS_MAX */
	size_t count;
};

void mr_window_text(int64_t window_ms, char out_r[MR_WINDOW_TEXT_MAX])
{
	static const struct {
		int64_t seconds;
		char letter;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t seconds = window_ms / 1000;
	size_t i = 0;

	while (seconds % units[i].seconds != 0)
		i++;
	snprintf(out_r, MR_WINDOW_TEXT_MAX, "%lld%c", (long long)(seconds / units[i].seconds), units[i].letter);
}

static bool has_window(const struct limit_list *list, int64_t window_ms)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->rates[i].window_ms == window_ms)
			return true;
	}
	return false;
}

/* One limit as it is written. What cannot be read was told by the check. */
static void put_limit(struct mr_builder *b, struct limit_list *list, struct mr_str text, const struct mr_where *where)
{
	int64_t most, window_ms;

	if (mr_limit_parse(list->row, text, &most, &window_ms) != MR_OK || most == INT64_MAX)
		return;
	if (has_window(list, window_ms))
		MR_FAULT(b, "duplicate-setting", where, "%s has two limits for the same time\nkeep the smaller one",
			 list->row->name);
	else if (list->count == MR_RATE_WINDOWS_MAX)
		MR_FAULT(b, "out-of-range", where, "%s has more than %d limits\nkeep those that matter", list->row->name,
			 (int)MR_RATE_WINDOWS_MAX);
	else
		list->rates[list->count++] = (struct mr_rate){ (uint64_t)most, window_ms };
}

static void put_element(struct mr_builder *b, struct limit_list *list, const config_setting_t *element, bool single)
{
	const char *text = config_setting_get_string(element);
	struct mr_where where = mr_tree_where(b->tree, element);

	if (!text)
		return;
	if (!single && strcmp(text, "unlimited") == 0)
		MR_FAULT(b, "conflict", &where, "%s is unlimited and limited at once\nkeep one", list->row->name);
	put_limit(b, list, mr_str_of(text), &where);
}

size_t mr_limits_read(struct mr_builder *b, const config_setting_t *group, const char *full_name,
		      struct mr_rate rates_r[MR_RATE_WINDOWS_MAX])
{
	struct limit_list list = { mr_setting_find(mr_str_of(full_name)), rates_r, 0 };
	const config_setting_t *setting = mr_read_setting(group, full_name);
	int count = setting && config_setting_is_aggregate(setting) ? config_setting_length(setting) : 0;
	struct mr_where where = mr_read_where(b, group, full_name);
	struct mr_str rest = mr_str_of(setting ? "" : list.row->fallback);

	if (setting && config_setting_is_scalar(setting))
		put_element(b, &list, setting, true);
	for (int i = 0; i < count; i++)
		put_element(b, &list, config_setting_get_elem(setting, (unsigned)i), count == 1);
	while (rest.n > 0) {
		size_t blank = mr_str_find(rest, ' ');

		put_limit(b, &list, mr_str_part(rest, 0, blank), &where);
		rest = mr_str_part(rest, blank + 1, rest.n);
	}
	return list.count;
}
