/* Countries and networks from MaxMind database files. */
#include "geo/geo.h"

#include <string.h>

#include "mailreeve.h"

int mr_geo_open(const struct mr_policy *policy, char why_r[256], struct mr_geo **geo_r)
{
	(void)policy;
	why_r[0] = '\0';
	*geo_r = NULL;
	return 0;
}

bool mr_geo_is_stale(const struct mr_geo *geo, const struct mr_policy *policy)
{
	(void)geo;
	(void)policy;
	return false;
}

void mr_geo_free(struct mr_geo **geo)
{
	*geo = NULL;
}

void mr_geo_find(struct mr_geo *geo, const struct mr_ip *ip, struct mr_geo_place *place_r)
{
	(void)geo;
	(void)ip;
	memset(place_r, 0, sizeof(*place_r));
}

struct mr_geo *mr_geo_hold(struct mr_geo *geo)
{
	return geo;
}
