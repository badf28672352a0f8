/* What the sources of places share: a count of references and their functions. Private to the room. */
#ifndef MR_GEO_KIND_H
#define MR_GEO_KIND_H

#include <stdatomic.h>

#include "geo/geo.h"

struct mr_geo_kind {
	/* *place has been cleared. */
	void (*find)(const struct mr_geo *geo, const struct mr_ip *ip, struct mr_geo_place *place);
	/* NULL: never stale. */
	bool (*is_stale)(const struct mr_geo *geo, const struct mr_policy *policy);
	/* Frees geo itself. */
	void (*end)(struct mr_geo *geo);
};

/* The first member of each source. Begins with one reference. */
struct mr_geo {
	const struct mr_geo_kind *kind;
	atomic_uint references;
};

void mr_geo_begin(struct mr_geo *geo, const struct mr_geo_kind *kind);

#endif
