/* Places from the MMDB files that a policy names. Private to the room. */
#ifndef MR_GEO_FILES_H
#define MR_GEO_FILES_H

#include "geo/geo.h"

/* Whether policy names any. */
bool mr_geo_files_named(const struct mr_policy *policy);

#endif
