/* Where clients are: asks the geo databases, and makes of it what logins teach. Private to the room. */
#ifndef MR_ENGINE_PLACES_H
#define MR_ENGINE_PLACES_H

#include "core/history.h"
#include "engine/screening.h"
#include "geo/geo.h"

/* Fills in country, asn, as_name and the place on the map of connection, where they are not told; slices point into
 * *place_r. */
void mr_places_find(struct mr_engine *engine, struct mr_connection *connection, struct mr_geo_place *place_r);
/* What a good login, or an accepted message, of the visitor teaches. failures_before is 0. */
void mr_places_use(const struct mr_visitor *visitor, struct mr_history_use *use_r);

#endif
