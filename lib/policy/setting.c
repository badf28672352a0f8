/*
 * The table of settings, found by name, and the reading of sizes, rates and limits. Not the checking of a policy (check.c).
 * Called by check.c, read.c and the vocabulary.
 */
#include "policy/setting.h"

#include "base/error.h"
#include "base/timetext.h"

static const struct mr_setting_row rows[] = {
#define MR_SETTING(name, type, unit, least, most, fallback, words) \
	{ name, MR_SETTING_##type, unit, least, most, fallback, words },
#include "policy/setting.def"
#undef MR_SETTING
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]), NAME_MAX_EDIT = 40 };

const struct mr_setting_row *mr_setting_row(size_t i)
{
	return i < ROW_COUNT ? &rows[i] : NULL;
}

/* Whether the name of a row, in which "*" stands for one part, is name. */
static bool matches(struct mr_str row, struct mr_str name)
{
	size_t dot, name_dot;

	if (mr_str_find(row, '*') == row.n)
		return mr_str_equal(row, name);
	dot = mr_str_find(row, '.');
	name_dot = mr_str_find(name, '.');
	if (name_dot == name.n || !mr_str_equal(mr_str_part(row, 0, dot), mr_str_part(name, 0, name_dot)))
		return false;
	row = mr_str_part(row, dot + 2, row.n);
	name = mr_str_part(name, name_dot + 1, name.n);
	return mr_str_equal(row, mr_str_part(name, mr_str_find(name, '.'), name.n));
}

const struct mr_setting_row *mr_setting_find(struct mr_str name)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (name.n > 0 && rows[i].name[0] == name.p[0] && matches(mr_str_of(rows[i].name), name))
			return &rows[i];
	}
	return NULL;
}

size_t mr_edit_distance(struct mr_str a, struct mr_str b, size_t limit)
{
	size_t row[NAME_MAX_EDIT + 1];

	if (a.n > NAME_MAX_EDIT || b.n > NAME_MAX_EDIT)
		return limit + 1;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t change = corner + (mr_ascii_lower(a.p[i - 1]) != mr_ascii_lower(b.p[j - 1]));

			corner = row[j];
			row[j] = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			if (change < row[j])
				row[j] = change;
		}
	}
	return row[b.n] > limit ? limit + 1 : row[b.n];
}

const char *mr_setting_nearest(struct mr_str name)
{
	size_t at = mr_str_find_last(name, '.');
	struct mr_str group = at < name.n ? mr_str_part(name, 0, at) : MR_STR("");
	struct mr_str leaf = at < name.n ? mr_str_part(name, at + 1, name.n) : name;
	size_t best = leaf.n > 6 ? 3 : leaf.n > 3 ? 2 : 1;
	const char *found = NULL;

	for (size_t i = 0; i < ROW_COUNT; i++) {
		struct mr_str row = mr_str_of(rows[i].name);
		size_t dot = mr_str_find_last(row, '.');
		struct mr_str row_leaf = dot < row.n ? mr_str_part(row, dot + 1, row.n) : row;
		struct mr_str row_group = dot < row.n ? mr_str_part(row, 0, dot) : MR_STR("");
		size_t distance;

		if (row_leaf.p[0] == '*' || !(mr_str_equal(row_group, group) || (group.n && matches(row_group, group))))
			continue;
		distance = mr_edit_distance(leaf, row_leaf, best);
		if (distance < best || (distance == best && !found)) {
			best = distance;
			found = row_leaf.p;
		}
	}
	return found;
}

int mr_choice_find(const char *choices, struct mr_str word)
{
	struct mr_str rest = mr_str_of(choices);

	for (int i = 0; rest.n > 0; i++) {
		size_t bar = mr_str_find(rest, '|');

		if (mr_str_equal(mr_str_part(rest, 0, bar), word))
			return i;
		rest = mr_str_part(rest, bar + 1, rest.n);
	}
	return -1;
}

/* Reads the digits at the start of *text and moves behind them. */
static int take_number(struct mr_str *text, int64_t *value_r)
{
	size_t i = 0;

	*value_r = 0;
	for (; i < text->n && text->p[i] >= '0' && text->p[i] <= '9'; i++) {
		if (*value_r > (INT64_MAX - 9) / 10)
			return MR_ERR_RANGE;
		*value_r = *value_r * 10 + (text->p[i] - '0');
	}
	if (i == 0)
		return MR_ERR_SYNTAX;
	*text = mr_str_part(*text, i, text->n);
	return MR_OK;
}

int mr_size_parse(struct mr_str text, int64_t *bytes_r)
{
	int shift;
	int err = take_number(&text, bytes_r);

	if (err)
		return err;
	if (text.n == 0)
		return MR_OK;
	switch (mr_ascii_lower(text.p[0])) {
	case 'k':
		shift = 10;
		break;
	case 'm':
		shift = 20;
		break;
	case 'g':
		shift = 30;
		break;
	case 't':
		shift = 40;
		break;
	default:
		return MR_ERR_SYNTAX;
	}
	if (text.n > 1)
		return MR_ERR_SYNTAX;
	if (*bytes_r > INT64_MAX >> shift)
		return MR_ERR_RANGE;
	*bytes_r <<= shift;
	return MR_OK;
}

int mr_rate_parse(struct mr_str text, int64_t *count_r, int64_t *span_ms_r)
{
	int err = take_number(&text, count_r);

	*span_ms_r = 0;
	if (err)
		return err;
	if (text.n < 2 || text.p[0] != '/')
		return MR_ERR_SYNTAX;
	err = mr_time_parse_span(mr_str_part(text, 1, text.n), span_ms_r);
	if (err)
		return err;
	return *span_ms_r > 0 && *count_r > 0 ? MR_OK : MR_ERR_RANGE;
}

int mr_limit_parse(const struct mr_setting_row *row, struct mr_str text, int64_t *count_r, int64_t *span_ms_r)
{
	const int64_t span_most = INT64_C(100) * 86400 * 1000;
	size_t slash = mr_str_find(text, '/');
	bool bytes = mr_str_equal(mr_str_of(row->unit), MR_STR("bytes"));
	int err;

	*count_r = INT64_MAX;
	*span_ms_r = 0;
	if (mr_str_equal(text, MR_STR("unlimited")))
		return MR_OK;
	if (!bytes) {
		err = mr_rate_parse(text, count_r, span_ms_r);
	} else {
		err = mr_size_parse(mr_str_part(text, 0, slash), count_r);
		if (err == MR_OK)
			err = slash < text.n ? mr_time_parse_span(mr_str_part(text, slash + 1, text.n), span_ms_r)
					     : MR_ERR_SYNTAX;
	}
	if (err)
		return err;
	if (*count_r < row->least || *count_r > row->most || *span_ms_r < 1000 || *span_ms_r > span_most ||
	    *span_ms_r % 1000 != 0)
		return MR_ERR_RANGE;
	return MR_OK;
}
