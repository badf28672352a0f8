/*
 * Scalar settings by their full name: kept while a policy is built, asked for by programs. Not what the core reads.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/scalars.h"

/* Whether the row is one setting, and not one of each group in a list, or of a later version. */
static bool is_single(struct mr_str name)
{
	size_t dot = mr_str_find(name, '.');
	const struct mr_setting_row *group = dot < name.n ? mr_setting_find(mr_str_part(name, 0, dot)) : NULL;

	return dot == name.n || (group && group->type == MR_SETTING_GROUP && mr_str_find(name, '*') == name.n);
}

static int put_text(struct mr_scalar *scalar, const char *text)
{
	scalar->type = MR_SCALAR_TEXT;
	scalar->text = text ? mr_strdup(text) : NULL;
	return text && !scalar->text ? MR_ERR_NOMEM : MR_OK;
}

static int fill(const config_setting_t *group, const struct mr_setting_row *row, struct mr_scalar *scalar)
{
	switch (row->type) {
	case MR_SETTING_WORD:
	case MR_SETTING_TEXT:
	case MR_SETTING_DATE:
		return put_text(scalar, mr_read_text(group, row->name));
	case MR_SETTING_BOOL:
		scalar->type = MR_SCALAR_BOOL;
		scalar->number = mr_read_bool(group, row->name);
		return MR_OK;
	case MR_SETTING_NUMBER:
	case MR_SETTING_SIZE:
	case MR_SETTING_TIME:
		scalar->type = MR_SCALAR_NUMBER;
		scalar->number = mr_read_number(group, row->name);
		return MR_OK;
	case MR_SETTING_FLOAT:
	case MR_SETTING_RATE:
	case MR_SETTING_TEXTS:
	case MR_SETTING_NUMBERS:
	case MR_SETTING_TIMES:
	case MR_SETTING_RATES:
	case MR_SETTING_LIMITS:
	case MR_SETTING_GROUP:
	case MR_SETTING_GROUPS:
	case MR_SETTING_LATER:
		break;
	}
	return MR_ERR_NOTFOUND;
}

static void keep(struct mr_builder *b, const struct mr_setting_row *row)
{
	struct mr_str name = mr_str_of(row->name);
	size_t dot = mr_str_find(name, '.');
	char group_name[32];
	const config_setting_t *group = b->root;
	struct mr_scalar *scalar = mr_calloc(1, sizeof(*scalar));
	int err = scalar ? MR_OK : MR_ERR_NOMEM;

	if (dot < name.n && dot < sizeof(group_name)) {
		memcpy(group_name, name.p, dot);
		group_name[dot] = '\0';
		group = mr_read_group(b, group_name);
	}
	if (err == MR_OK)
		err = fill(group, row, scalar);
	if (err == MR_OK)
		err = mr_strmap_set(b->policy->scalars, name, scalar, NULL);
	if (err && scalar) {
		mr_free(scalar->text);
		mr_free(scalar);
	}
	if (err == MR_ERR_NOMEM)
		b->err = err;
}

void mr_scalars_build(struct mr_builder *b)
{
	const struct mr_setting_row *row;

	b->policy->scalars = mr_strmap_new(b->policy->hash_key);
	if (!b->policy->scalars)
		b->err = MR_ERR_NOMEM;
	for (size_t i = 0; !b->err && (row = mr_setting_row(i)) != NULL; i++) {
		if (is_single(mr_str_of(row->name)))
			keep(b, row);
	}
}

const char *mr_policy_file(const struct mr_policy *policy)
{
	return policy->file;
}

int mr_policy_get_text(const struct mr_policy *policy, const char *name, const char **value_r)
{
	const struct mr_scalar *scalar = mr_strmap_get(policy->scalars, mr_str_of(name));

	*value_r = NULL;
	if (!scalar || scalar->type != MR_SCALAR_TEXT)
		return MR_ERR_NOTFOUND;
	*value_r = scalar->text;
	return MR_OK;
}

int mr_policy_get_number(const struct mr_policy *policy, const char *name, int64_t *value_r)
{
	const struct mr_scalar *scalar = mr_strmap_get(policy->scalars, mr_str_of(name));

	*value_r = 0;
	if (!scalar || scalar->type == MR_SCALAR_TEXT)
		return MR_ERR_NOTFOUND;
	*value_r = scalar->number;
	return MR_OK;
}
