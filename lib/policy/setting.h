/*
 * The rows of setting.def, and how the values of their types are read. Thread-safe: constants only.
 */
#ifndef MR_POLICY_SETTING_H
#define MR_POLICY_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum mr_setting_type {
	MR_SETTING_WORD, /* one of the choices */
	MR_SETTING_BOOL,
	MR_SETTING_NUMBER,
	MR_SETTING_FLOAT,
	MR_SETTING_SIZE, /* "100M": bytes, K M G T are powers of 1024 */
	MR_SETTING_TIME, /* "15m" */
	MR_SETTING_RATE, /* "10/1h" */
	MR_SETTING_DATE, /* "2027-06-30" */
	MR_SETTING_TEXT,
	MR_SETTING_TEXTS, /* one string or an array of strings; "file:PATH" stands for the lines of a file */
	MR_SETTING_NUMBERS, /* one number or a list of them */
	MR_SETTING_TIMES,
	MR_SETTING_RATES,
	MR_SETTING_LIMITS, /* "100/1h", "1G/1d" when the unit is bytes, "unlimited"; one or several */
	MR_SETTING_GROUP,
	MR_SETTING_GROUPS, /* a list of groups, or one group */
	MR_SETTING_LATER   /* a group that a later version will use */
};

struct mr_setting_row {
	const char *name;
	enum mr_setting_type type;
	const char *unit;
	int64_t least, most;
	const char *fallback; /* the default, "" for none */
	const char *words;
};

/* The i-th row, NULL behind the last. */
const struct mr_setting_row *mr_setting_row(size_t i);
/* The row of a full name; what stands below "networks." may have any name. NULL: there is none. */
const struct mr_setting_row *mr_setting_find(struct mr_str name);
/* The known name in the same group as name that is written most alike, NULL when none is near. Only the part behind
 * the last dot is returned. */
const char *mr_setting_nearest(struct mr_str name);
/* How many letters must change to make b of a, at most limit + 1. */
size_t mr_edit_distance(struct mr_str a, struct mr_str b, size_t limit);

/* The position of word in choices ("a|b|c"), -1 when it is none of them. */
int mr_choice_find(const char *choices, struct mr_str word);

/* "100M", "1048576". MR_ERR_SYNTAX, MR_ERR_RANGE. */
int mr_size_parse(struct mr_str text, int64_t *bytes_r);
/* One value of a row of LIMITS: the row's least and most hold for the number, and the time is in whole seconds, at most
 * 100 days. INT64_MAX and 0 for "unlimited". MR_ERR_SYNTAX, MR_ERR_RANGE. */
int mr_limit_parse(const struct mr_setting_row *row, struct mr_str text, int64_t *count_r, int64_t *span_ms_r);
/* "10/1h": MR_ERR_SYNTAX, MR_ERR_RANGE. */
int mr_rate_parse(struct mr_str text, int64_t *count_r, int64_t *span_ms_r);

#endif
