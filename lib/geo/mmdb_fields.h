/* Where a place's members are in the records of an MMDB file, and what the values mean. Private to mmdb*.c. */
#ifndef MR_GEO_MMDB_FIELDS_H
#define MR_GEO_MMDB_FIELDS_H

#include <maxminddb.h>

#include "geo/mmdb.h"

enum { MR_GEO_PATHS_MAX = 4, MR_GEO_PARTS_MAX = 8 };

/* The paths at which one field may be, each ended by NULL, as MMDB_aget_value() wants them. */
struct mr_geo_paths {
	char text[256];
	size_t count;
	const char *parts[MR_GEO_PATHS_MAX][MR_GEO_PARTS_MAX + 1];
};

enum mr_geo_taken {
	MR_GEO_USED,
	MR_GEO_UNUSABLE,  /* of the right type, but it says nothing: an empty text, country ZZ, AS 0 */
	MR_GEO_WRONG_TYPE
};

/* MR_ERR_SYNTAX: too long, too many, or an empty name; paths_r is then empty. */
int mr_geo_paths_read(const char *text, struct mr_geo_paths *paths_r);
/* Takes paths away that are not in keep (a bit each). */
void mr_geo_paths_keep(struct mr_geo_paths *paths, unsigned keep);
/* Puts a value into the member of *place that it is of. */
enum mr_geo_taken mr_geo_take(enum mr_geo_field field, const MMDB_entry_data_s *value, struct mr_geo_place *place);
/* "a text", "a number", ... that the field has to be. */
const char *mr_geo_field_type(enum mr_geo_field field);

#endif
