/*
 * Every setting against its row: names, types, ranges. Not what settings mean together (rules.c and its neighbours,
 * lint.c). Called by build.c, once for a tree.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/unicode.h"
#include "policy/build.h"
#include "policy/scan.h"

enum { FULL_NAME_MAX = 256 };

static void check_group(struct mr_builder *b, const config_setting_t *group, struct mr_str prefix);

static bool is_string(const config_setting_t *setting)
{
	return config_setting_type(setting) == CONFIG_TYPE_STRING;
}

static bool is_sequence(const config_setting_t *setting)
{
	return config_setting_is_array(setting) || config_setting_is_list(setting);
}

static void wrong_type(struct mr_builder *b, const config_setting_t *setting, const char *name, const char *form)
{
	struct mr_where where = mr_tree_where(b->tree, setting);

	MR_FAULT(b, "wrong-type", &where, "%s has a value of the wrong type\nwrite %s", name, form);
}

static void wrong_value(struct mr_builder *b, const config_setting_t *setting, const char *name, const char *text,
			const char *form)
{
	struct mr_where where = mr_tree_where(b->tree, setting);

	MR_FAULT(b, "bad-value", &where, "%s cannot be \"%s\"\n%s", name, mr_faults_show(b->faults, mr_str_of(text)),
		 form);
}

/* "off|observe" as "off" or "observe". */
static void show_choices(const char *choices, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "write \"");

	for (; *choices && n + 8 < size; choices++) {
		if (*choices == '|')
			n += (size_t)snprintf(out + n, size - n, "\" or \"");
		else
			out[n++] = *choices;
	}
	snprintf(out + n, size - n, "\"");
}

static void check_word(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	char form[160];

	show_choices(row->unit, form, sizeof(form));
	if (!is_string(setting))
		wrong_type(b, setting, row->name, form + strlen("write "));
	else if (mr_choice_find(row->unit, mr_str_of(config_setting_get_string(setting))) < 0)
		wrong_value(b, setting, row->name, config_setting_get_string(setting),
			    strcmp(row->name, "relay.action") == 0 ? "write \"reject\" or \"tempfail\": a held relay "
								     "attempt would be relayed when it is released"
								   : form);
}

static void check_number(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	int type = config_setting_type(setting);
	int64_t value;
	struct mr_where where = mr_tree_where(b->tree, setting);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
		wrong_type(b, setting, row->name, "a whole number without quotes");
		return;
	}
	value = type == CONFIG_TYPE_INT ? config_setting_get_int(setting) : config_setting_get_int64(setting);
	if (value < row->least || value > row->most)
		MR_FAULT(b, "out-of-range", &where, "%s is %lld\nwrite a number from %lld to %lld", row->name,
			 (long long)value, (long long)row->least, (long long)row->most);
}

static void check_float(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	int type = config_setting_type(setting);
	double value = type == CONFIG_TYPE_FLOAT ? config_setting_get_float(setting) : config_setting_get_int(setting);
	struct mr_where where = mr_tree_where(b->tree, setting);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_FLOAT)
		wrong_type(b, setting, row->name, "a number without quotes");
	else if (value < (double)row->least || value > (double)row->most)
		MR_FAULT(b, "out-of-range", &where, "%s is %g\nwrite a number from %lld to %lld", row->name, value,
			 (long long)row->least, (long long)row->most);
}

/* A span, rate, size or date that is written as a string. */
static void check_measure(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	static const char *const forms[] = {
		[MR_SETTING_SIZE] = "write a size such as \"10M\" (K, M, G; bytes without a letter)",
		[MR_SETTING_TIME] = "write a time with its unit such as \"15m\" (ms, s, m, h, d, w)",
		[MR_SETTING_TIMES] = "write a time with its unit such as \"15m\" (ms, s, m, h, d, w)",
		[MR_SETTING_RATE] = "write a number and a time such as \"10/1h\"",
		[MR_SETTING_RATES] = "write a number and a time such as \"10/1h\"",
		[MR_SETTING_LIMITS] = "write a number and a time such as \"100/1h\", or \"unlimited\"",
		[MR_SETTING_DATE] = "write a day such as \"2027-06-30\"",
	};
	struct mr_where where = mr_tree_where(b->tree, setting);
	bool bytes = row->type == MR_SETTING_LIMITS && strcmp(row->unit, "bytes") == 0;
	const char *form = bytes ? "write a size and a time such as \"1G/1d\", or \"unlimited\"" : forms[row->type];
	int64_t value;
	int err;

	if (!is_string(setting)) {
		wrong_type(b, setting, row->name, form + strlen("write "));
		return;
	}
	err = mr_value_parse(row, mr_str_of(config_setting_get_string(setting)), &value);
	if (err == MR_ERR_RANGE && row->type == MR_SETTING_LIMITS)
		MR_FAULT(b, "out-of-range", &where,
			 "%s is out of range: \"%s\"\nwrite %lld to %lld %s, and a time of whole seconds up to 100d",
			 row->name, mr_faults_show(b->faults, mr_str_of(config_setting_get_string(setting))),
			 (long long)row->least, (long long)row->most, row->unit);
	else if (err == MR_ERR_RANGE)
		MR_FAULT(b, "out-of-range", &where, "%s is out of range: \"%s\"\nwrite a smaller value, or one above 0",
			 row->name, mr_faults_show(b->faults, mr_str_of(config_setting_get_string(setting))));
	else if (err)
		wrong_value(b, setting, row->name, config_setting_get_string(setting), form);
}

static void check_size(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	int type = config_setting_type(setting);

	if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)
		check_number(b, setting, row);
	else
		check_measure(b, setting, row);
}

static void check_text(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	struct mr_str text;
	struct mr_where where = mr_tree_where(b->tree, setting);

	if (!is_string(setting)) {
		wrong_type(b, setting, row->name, "text in quotes");
		return;
	}
	text = mr_str_of(config_setting_get_string(setting));
	if (mr_str_has_control(text) || !mr_utf8_is_valid(text))
		wrong_value(b, setting, row->name, text.p, "write plain text (UTF-8) without control characters");
	else if ((row->most > 0 && text.n > (size_t)row->most) || text.n < (size_t)row->least)
		MR_FAULT(b, "out-of-range", &where, "%s is %zu bytes long\nwrite %lld to %lld bytes", row->name, text.n,
			 (long long)row->least, (long long)row->most);
}

static void check_texts(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	if (is_string(setting))
		return;
	if (!is_sequence(setting)) {
		wrong_type(b, setting, row->name, "a list such as [ \"one\", \"two\" ]");
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);

		if (!is_string(element))
			wrong_type(b, element, row->name, "a list such as [ \"one\", \"two\" ], each in quotes");
	}
}

/* A list of numbers, or one of them. */
static void check_numbers(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	if (!is_sequence(setting)) {
		check_number(b, setting, row);
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++)
		check_number(b, config_setting_get_elem(setting, (unsigned)i), row);
}

/* A list of times or rates, or one of them. */
static void check_measures(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	if (!is_sequence(setting)) {
		check_measure(b, setting, row);
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++)
		check_measure(b, config_setting_get_elem(setting, (unsigned)i), row);
}

static void check_groups(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row)
{
	if (config_setting_is_group(setting)) {
		check_group(b, setting, mr_str_of(row->name));
		return;
	}
	if (!is_sequence(setting) || (config_setting_is_array(setting) && config_setting_length(setting) > 0)) {
		wrong_type(b, setting, row->name, "a list of groups such as ( { ... }, { ... } )");
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);

		if (config_setting_is_group(element))
			check_group(b, element, mr_str_of(row->name));
		else
			wrong_type(b, element, row->name, "a list of groups such as ( { ... }, { ... } )");
	}
}

static void check_setting(struct mr_builder *b, const config_setting_t *setting, const struct mr_setting_row *row,
			  struct mr_str full)
{
	switch (row->type) {
	case MR_SETTING_WORD:
		check_word(b, setting, row);
		break;
	case MR_SETTING_BOOL:
		if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
			wrong_type(b, setting, row->name, "true or false, without quotes");
		break;
	case MR_SETTING_NUMBER:
		check_number(b, setting, row);
		break;
	case MR_SETTING_FLOAT:
		check_float(b, setting, row);
		break;
	case MR_SETTING_SIZE:
		check_size(b, setting, row);
		break;
	case MR_SETTING_TIME:
	case MR_SETTING_RATE:
	case MR_SETTING_DATE:
		check_measure(b, setting, row);
		break;
	case MR_SETTING_TEXT:
		check_text(b, setting, row);
		break;
	case MR_SETTING_TEXTS:
		check_texts(b, setting, row);
		break;
	case MR_SETTING_NUMBERS:
		check_numbers(b, setting, row);
		break;
	case MR_SETTING_TIMES:
	case MR_SETTING_RATES:
	case MR_SETTING_LIMITS:
		check_measures(b, setting, row);
		break;
	case MR_SETTING_GROUP:
	case MR_SETTING_LATER:
		if (config_setting_is_group(setting))
			check_group(b, setting, full);
		else
			wrong_type(b, setting, row->name, "a group such as { name = value }");
		break;
	case MR_SETTING_GROUPS:
		check_groups(b, setting, row);
		break;
	}
}

/* Names that people try in relay, and that would rest on what the client claims. */
static bool is_claimed_sender(struct mr_str full)
{
	static const char *const names[] = { "senders",      "sender",        "sender_domains",  "local_senders",
					     "local_sender", "from",          "mail_from",       "local_users",
					     "users",        "domains",       "local_domains",   "sender_addresses",
					     "from_domains", "allow_senders", "trusted_senders", "envelope_senders",
					     "header_from" };

	if (full.n < 7 || memcmp(full.p, "relay.", 6) != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (mr_str_equal(mr_str_part(full, 6, full.n), mr_str_of(names[i])))
			return true;
	}
	return false;
}

static void unknown(struct mr_builder *b, const config_setting_t *setting, struct mr_str full)
{
	const char *nearest = mr_setting_nearest(full);
	const char *shown = mr_faults_show(b->faults, full);
	struct mr_where where = mr_tree_where(b->tree, setting);

	if (is_claimed_sender(full))
		MR_FAULT(b, "relay-by-claimed-sender", &where,
			 "there is no %s, and there will be none: everybody can claim any sender, so that would be an "
			 "open relay\n"
			 "name clients in relay.networks, or let people log in",
			 shown);
	else if (nearest)
		MR_FAULT(b, "unknown-setting", &where, "there is no setting %s\ndid you mean %s?", shown, nearest);
	else
		MR_FAULT(b, "unknown-setting", &where,
			 "there is no setting %s\ntake it out; mailreeve.conf(5) lists all of them", shown);
}

static void check_group(struct mr_builder *b, const config_setting_t *group, struct mr_str prefix)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(setting);
		char text[FULL_NAME_MAX];
		struct mr_str full = { text, 0 };
		const struct mr_setting_row *row;

		if (strncmp(name, MR_SCAN_AGAIN, strlen(MR_SCAN_AGAIN)) == 0)
			continue;
		full.n = (size_t)snprintf(text, sizeof(text), "%.*s%s%s", (int)prefix.n, prefix.p, prefix.n ? "." : "",
					  name);
		if (full.n >= sizeof(text))
			full.n = sizeof(text) - 1;
		row = mr_setting_find(full);
		if (row)
			check_setting(b, setting, row, full);
		else
			unknown(b, setting, full);
	}
}

void mr_check_tree(struct mr_builder *b)
{
	check_group(b, b->root, MR_STR(""));
}
