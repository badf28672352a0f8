/*
 * Values of settings, read from the tree. What is wrong was told by check.c: here it counts as absent.
 * Called by all builders of this room.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/timetext.h"
#include "policy/build.h"

const config_setting_t *mr_read_group(const struct mr_builder *b, const char *name)
{
	const config_setting_t *group = config_setting_get_member(b->root, name);

	return group && config_setting_is_group(group) ? group : NULL;
}

const config_setting_t *mr_read_setting(const config_setting_t *group, const char *full_name)
{
	const char *dot = strrchr(full_name, '.');

	return group ? config_setting_get_member(group, dot ? dot + 1 : full_name) : NULL;
}

struct mr_where mr_read_where(const struct mr_builder *b, const config_setting_t *group, const char *full_name)
{
	const config_setting_t *setting = mr_read_setting(group, full_name);

	return mr_tree_where(b->tree, setting ? setting : group == b->root ? NULL : group);
}

int mr_value_parse(const struct mr_setting_row *row, struct mr_str text, int64_t *value_r)
{
	int64_t count = 0;
	int err = MR_OK;

	*value_r = 0;
	switch (row->type) {
	case MR_SETTING_WORD:
		*value_r = mr_choice_find(row->unit, text);
		return *value_r < 0 ? MR_ERR_SYNTAX : MR_OK;
	case MR_SETTING_BOOL:
		*value_r = mr_str_equal(text, MR_STR("true"));
		return MR_OK;
	case MR_SETTING_NUMBER:
	case MR_SETTING_NUMBERS:
		for (size_t i = 0; i < text.n; i++)
			*value_r = *value_r * 10 + (text.p[i] - '0');
		return MR_OK;
	case MR_SETTING_SIZE:
		err = mr_size_parse(text, value_r);
		break;
	case MR_SETTING_TIME:
		if (row->least <= 0 && mr_str_equal(text, MR_STR("0")))
			return MR_OK; /* none is none in every unit */
		err = mr_time_parse_span(text, value_r);
		break;
	case MR_SETTING_TIMES:
		err = mr_time_parse_span(text, value_r);
		break;
	case MR_SETTING_RATE:
	case MR_SETTING_RATES:
		if (mr_str_equal(text, MR_STR("unlimited")))
			return MR_OK;
		return mr_rate_parse(text, &count, value_r);
	case MR_SETTING_LIMITS:
		return mr_limit_parse(row, text, &count, value_r);
	case MR_SETTING_DATE:
		return mr_time_parse_date(text, value_r);
	case MR_SETTING_FLOAT:
	case MR_SETTING_TEXT:
	case MR_SETTING_TEXTS:
	case MR_SETTING_GROUP:
	case MR_SETTING_GROUPS:
	case MR_SETTING_LATER:
		return MR_OK;
	}
	if (err == MR_OK && row->most > 0 && (*value_r < row->least || *value_r > row->most))
		err = MR_ERR_RANGE;
	return err;
}

/* The row, which every caller in this room names rightly. */
static const struct mr_setting_row *row_of(const char *full_name)
{
	return mr_setting_find(mr_str_of(full_name));
}

bool mr_read_bool(const config_setting_t *group, const char *full_name)
{
	const config_setting_t *setting = mr_read_setting(group, full_name);

	if (setting && config_setting_type(setting) == CONFIG_TYPE_BOOL)
		return config_setting_get_bool(setting);
	return strcmp(row_of(full_name)->fallback, "true") == 0;
}

static int64_t number_default(const struct mr_setting_row *row)
{
	int64_t value = 0;

	if (*row->fallback)
		mr_value_parse(row, mr_str_of(row->fallback), &value);
	return value;
}

/* The value of one setting or element that is a number or is written as text; false: it was found wrong. */
static bool take_number(const struct mr_setting_row *row, const config_setting_t *setting, int64_t *value_r)
{
	int type = setting ? config_setting_type(setting) : CONFIG_TYPE_NONE;
	bool plain = row->type == MR_SETTING_NUMBER || row->type == MR_SETTING_NUMBERS;

	if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64) {
		*value_r = type == CONFIG_TYPE_INT ? config_setting_get_int(setting) : config_setting_get_int64(setting);
		return (plain || row->type == MR_SETTING_SIZE) && *value_r >= row->least && *value_r <= row->most;
	}
	return type == CONFIG_TYPE_STRING && !plain &&
	       mr_value_parse(row, mr_str_of(config_setting_get_string(setting)), value_r) == MR_OK;
}

int64_t mr_read_number(const config_setting_t *group, const char *full_name)
{
	const struct mr_setting_row *row = row_of(full_name);
	int64_t value;

	return take_number(row, mr_read_setting(group, full_name), &value) ? value : number_default(row);
}

size_t mr_read_numbers(struct mr_builder *b, const config_setting_t *group, const char *full_name, size_t most,
		       int64_t *values_r, struct mr_where *where_r)
{
	const struct mr_setting_row *row = row_of(full_name);
	const config_setting_t *setting = mr_read_setting(group, full_name);
	bool list = setting && config_setting_is_aggregate(setting);
	int count = list ? config_setting_length(setting) : setting ? 1 : 0;
	struct mr_str rest = mr_str_of(setting ? "" : row->fallback);
	size_t n = 0;

	for (; rest.n > 0 && n < most; n++) {
		size_t blank = mr_str_find(rest, ' ');

		(void)mr_value_parse(row, mr_str_part(rest, 0, blank), &values_r[n]);
		where_r[n] = mr_read_where(b, group, full_name);
		rest = mr_str_part(rest, blank + 1, rest.n);
	}
	for (int i = 0; i < count; i++) {
		const config_setting_t *element = list ? config_setting_get_elem(setting, (unsigned)i) : setting;
		struct mr_where where = mr_tree_where(b->tree, element);
		int64_t value;

		if (!take_number(row, element, &value))
			continue;
		if (n == most) {
			MR_FAULT(b, "out-of-range", &where, "%s has more than %zu values\nkeep those that matter", row->name,
				 most);
			break;
		}
		values_r[n] = value;
		where_r[n++] = where;
	}
	return n;
}

void mr_read_rate(const config_setting_t *group, const char *full_name, struct mr_rate *rate_r)
{
	const struct mr_setting_row *row = row_of(full_name);
	const config_setting_t *setting = mr_read_setting(group, full_name);
	const char *text = setting ? config_setting_get_string(setting) : NULL;
	int64_t most, window;

	*rate_r = (struct mr_rate){ .most = UINT64_MAX, .window_ms = 60000 };
	if (text && strcmp(text, "unlimited") == 0)
		return;
	if (!text || mr_rate_parse(mr_str_of(text), &most, &window) != MR_OK)
		(void)mr_rate_parse(mr_str_of(row->fallback), &most, &window);
	*rate_r = (struct mr_rate){ .most = (uint64_t)most, .window_ms = window };
}

const char *mr_read_text(const config_setting_t *group, const char *full_name)
{
	const config_setting_t *setting = mr_read_setting(group, full_name);
	const char *text = setting ? config_setting_get_string(setting) : NULL;

	if (!text)
		text = row_of(full_name)->fallback;
	return *text ? text : NULL;
}

unsigned mr_read_word(const config_setting_t *group, const char *full_name)
{
	const struct mr_setting_row *row = row_of(full_name);
	const config_setting_t *setting = mr_read_setting(group, full_name);
	const char *text = setting ? config_setting_get_string(setting) : NULL;
	int at = text ? mr_choice_find(row->unit, mr_str_of(text)) : -1;

	return (unsigned)(at >= 0 ? at : mr_choice_find(row->unit, mr_str_of(row->fallback)));
}

void mr_read_copy(struct mr_builder *b, const config_setting_t *group, const char *full_name, char **text_r)
{
	const char *text = mr_read_text(group, full_name);

	*text_r = text ? mr_strdup(text) : NULL;
	if (text && !*text_r)
		b->err = MR_ERR_NOMEM;
}
