/*
 * The common face of all sources of places: references, and who answers. Called by the engine, and by programs through
 * mailreeve.h.
 */
#include <string.h>

#include "geo/files.h"
#include "geo/kind.h"

void mr_geo_begin(struct mr_geo *geo, const struct mr_geo_kind *kind)
{
	geo->kind = kind;
	atomic_init(&geo->references, 1);
}

void mr_geo_find(struct mr_geo *geo, const struct mr_ip *ip, struct mr_geo_place *place_r)
{
	memset(place_r, 0, sizeof(*place_r));
	if (geo != NULL && ip->family != MR_IP_UNKNOWN)
		geo->kind->find(geo, ip, place_r);
}

bool mr_geo_is_stale(const struct mr_geo *geo, const struct mr_policy *policy)
{
	if (geo == NULL)
		return mr_geo_files_named(policy);
	return geo->kind->is_stale != NULL && geo->kind->is_stale(geo, policy);
}

struct mr_geo *mr_geo_hold(struct mr_geo *geo)
{
	if (geo != NULL)
		atomic_fetch_add_explicit(&geo->references, 1, memory_order_relaxed);
	return geo;
}

void mr_geo_free(struct mr_geo **geo)
{
	if (*geo != NULL && atomic_fetch_sub_explicit(&(*geo)->references, 1, memory_order_acq_rel) == 1)
		(*geo)->kind->end(*geo);
	*geo = NULL;
}
