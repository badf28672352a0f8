/*
 * Which country and network an address is in. An interface: mmdb.c answers from files, table.c from a list (tests, private
 * networks). Thread-safe; a look-up does not wait and allocates nothing.
 */
#ifndef MR_GEO_GEO_H
#define MR_GEO_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"

struct mr_geo_place {
	char country[3];             /* ISO 3166 code, "" when unknown */
	uint32_t asn;                /* 0: unknown */
	char as_name[64];            /* "" when unknown */
	bool located;
	int16_t latitude, longitude; /* tenths of a degree */
};

struct mr_geo;

/* All members are set; what is not known is as said above. */
void mr_geo_find(struct mr_geo *geo, const struct mr_ip *ip, struct mr_geo_place *place_r);
/* One more reference, and one less; the last one frees. mr_geo_free() gives a reference back too. */
struct mr_geo *mr_geo_hold(struct mr_geo *geo);

#endif
