/*
 * Where logins may come from. PURE. What is not known is not foreign: the entry's cannot_tell says what happens then.
 */
#ifndef MR_CORE_LOCATION_H
#define MR_CORE_LOCATION_H

#include "core/rules.h"

/* The entry that holds for login (canonical), NULL: none. */
const struct mr_location_entry *mr_location_entry(const struct mr_policy *policy, struct mr_str login);
/* Whether login may come from there. country 0, asn 0: unknown. */
struct mr_finding mr_location_judge(const struct mr_location_entry *entry, uint16_t country, uint32_t asn);
/* The rule for a session that logged in; *entry_r: whose settings hold. A client without an address, or of the
 * policy's own or a private network, is at home everywhere. */
struct mr_finding mr_location_find(const struct mr_subject *subject, const struct mr_location_entry **entry_r);

bool mr_territory_has(const struct mr_territory *territory, uint16_t country, uint32_t asn);

/* Kilometres between two places in tenths of a degree, within 1 %. */
double mr_location_distance(int latitude_a, int longitude_a, int latitude_b, int longitude_b);

#endif
