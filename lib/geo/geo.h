/*
 * Which country and network an address is in. An interface: files.c answers from MMDB files, table.c from a list
 * (tests, private networks). Thread-safe; a look-up does not wait and allocates nothing. mr_geo_hold() and
 * mr_geo_free() count references, see mailreeve.h.
 */
#ifndef MR_GEO_GEO_H
#define MR_GEO_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "mailreeve.h"

struct mr_geo_place {
	char country[3];             /* ISO 3166 code in capitals, "" when unknown */
	uint32_t asn;                /* 0: unknown */
	char as_name[64];            /* well-formed UTF-8 without control characters, cut to fit; "" when unknown */
	bool located;
	int16_t latitude, longitude; /* tenths of a degree */
};

/* All members are set; what is not known is as said above. geo: NULL knows nothing. */
void mr_geo_find(struct mr_geo *geo, const struct mr_ip *ip, struct mr_geo_place *place_r);

/* One line of a list. */
struct mr_geo_row {
	struct mr_prefix prefix;
	struct mr_geo_place place;
};

/* Places from a list, which is copied. The longest prefix that holds an address decides. Meant for tens of rows: a
 * look-up goes through them. MR_ERR_NOMEM. */
int mr_geo_table_new(const struct mr_geo_row *rows, size_t count, struct mr_geo **geo_r);

#endif
