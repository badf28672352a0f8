/*
 * One MMDB file, read through libmaxminddb: values at fixed paths only. Private to the room. Look-ups are thread-safe,
 * allocate nothing and do not wait.
 */
#ifndef MR_GEO_MMDB_H
#define MR_GEO_MMDB_H

#include "geo/copy.h"
#include "geo/geo.h"

/* What can be asked of a file. */
enum mr_geo_field {
	MR_GEO_COUNTRY,
	MR_GEO_LATITUDE,
	MR_GEO_LONGITUDE,
	MR_GEO_ASN,
	MR_GEO_AS_NAME,
	MR_GEO_FIELDS
};

/* The setting that names the places of a field in a record: names with dots between them, several such paths with
 * blanks or commas between them; the first that a record has something usable at counts. fallback: when it is unset. */
const char *mr_geo_field_setting(enum mr_geo_field field);
const char *mr_geo_field_fallback(enum mr_geo_field field);

struct mr_mmdb;

/* Which fields a file is asked for: texts as above by enum mr_geo_field; NULL: not asked for. The first that is not
 * NULL has to be in the file, the others may be. */
struct mr_mmdb_wants {
	const char *paths[MR_GEO_FIELDS];
};

/* Opens a sealed memory file (which stays the caller's to close), checks all of it, and looks up samples. MR_ERR_NOMEM,
 * MR_ERR_REFUSED, MR_ERR_IO: cause_r is "what is wrong; what to do", to stand behind the path. */
int mr_mmdb_open(int fd, const struct mr_mmdb_wants *wants, char cause_r[MR_GEO_CAUSE_MAX], struct mr_mmdb **db_r);
void mr_mmdb_free(struct mr_mmdb **db);
/* Sets those members of *place that it knows. */
void mr_mmdb_find(const struct mr_mmdb *db, const struct mr_ip *ip, struct mr_geo_place *place);
/* "GeoLite2-Country of 2026-06-17", printable ASCII. Returns what snprintf() does. */
int mr_mmdb_describe(const struct mr_mmdb *db, char *text_r, size_t size);

#endif
