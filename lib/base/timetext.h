/* Time as text. Time is milliseconds since 1970-01-01T00:00:00Z, int64_t. Thread-safe, no locale, no zone. */
#ifndef MR_BASE_TIMETEXT_H
#define MR_BASE_TIMETEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { MR_TIME_TEXT_MAX = 32 };

/* RFC 3339, UTC, milliseconds: "2026-11-21T22:51:07.042Z". Years outside 0001..9999 are cut to the nearest.
 * Returns the length. */
size_t mr_time_format(int64_t ms, char text_r[MR_TIME_TEXT_MAX]);
/* Reads "2026-11-21" (the end of that day, UTC: the last ms) or "2026-11-21T22:51:07Z". MR_ERR_SYNTAX. */
int mr_time_parse_date(struct mr_str text, int64_t *ms_r);
/* Reads "15m", "2h30m", "500ms", "7d" (units ms s m h d w) into ms. MR_ERR_SYNTAX (also for a missing unit),
 * MR_ERR_RANGE. */
int mr_time_parse_span(struct mr_str text, int64_t *ms_r);

#endif
