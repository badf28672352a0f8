/* Places from a list of prefixes. Not for large lists: a look-up goes through all of them. Called by tests. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "geo/kind.h"

struct table {
	struct mr_geo geo;
	size_t count;
	struct mr_geo_row rows[];
};

static void find(const struct mr_geo *geo, const struct mr_ip *ip, struct mr_geo_place *place)
{
	const struct table *table = (const struct table *)geo;
	const struct mr_geo_row *best = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct mr_geo_row *row = &table->rows[i];

		if (mr_prefix_contains(&row->prefix, ip) && (best == NULL || row->prefix.length > best->prefix.length))
			best = row;
	}
	if (best != NULL)
		*place = best->place;
}

static void end(struct mr_geo *geo)
{
	mr_free(geo);
}

int mr_geo_table_new(const struct mr_geo_row *rows, size_t count, struct mr_geo **geo_r)
{
	static const struct mr_geo_kind kind = { .find = find, .end = end };
	struct table *table = NULL;

	*geo_r = NULL;
	if (count < (SIZE_MAX - sizeof(*table)) / sizeof(*rows))
		table = mr_calloc(1, sizeof(*table) + count * sizeof(*rows));
	if (table == NULL)
		return MR_ERR_NOMEM;
	mr_geo_begin(&table->geo, &kind);
	table->count = count;
	if (count > 0)
		memcpy(table->rows, rows, count * sizeof(*rows));
	*geo_r = &table->geo;
	return MR_OK;
}
