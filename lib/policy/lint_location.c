/*
 * The part of the lint that looks at places: location without databases, and entries that can never do anything.
 * Called by lint.c.
 */
#include "policy/build.h"
#include "policy/lint.h"

static void never(struct mr_builder *b, const config_setting_t *group, const char *full_name, const char *what,
		  const char *cure)
{
	struct mr_where where = mr_read_where(b, group, full_name);

	MR_WARN(b, MR_LINT_NEVER, &where, "%s\n%s", what, cure);
}

static bool holds_for_all(const struct mr_location_entry *entry)
{
	return !entry->logins && !entry->domains;
}

static bool overlap(const struct mr_territory *a, const struct mr_territory *b)
{
	for (size_t i = 0; i < a->country_count; i++) {
		for (size_t j = 0; j < b->country_count; j++) {
			if (a->countries[i] == b->countries[j])
				return true;
		}
	}
	for (size_t i = 0; i < a->asn_count; i++) {
		for (size_t j = 0; j < b->asn_count; j++) {
			if (a->asns[i] == b->asns[j])
				return true;
		}
	}
	return false;
}

static void lint_entry(struct mr_builder *b, const struct mr_location_entry *entry, const config_setting_t *group)
{
	const struct mr_location_entry *first = b->policy->location.entries;
	const struct mr_territory *from = &entry->from, *not_from = &entry->not_from;

	if (!mr_read_setting(group, "location.logins_from") && not_from->country_count + not_from->asn_count == 0)
		never(b, group, "location", "this entry of location names no country or network, so it never says no",
		      "set logins_from = [ \"DE\" ], for example");
	if ((entry->logins && mr_patternset_is_empty(entry->logins)) ||
	    (entry->domains && mr_domainset_is_empty(entry->domains)))
		never(b, group, "location", "this entry of location holds for nobody: its list is empty",
		      "fill the list, or leave it out to mean all");
	for (const struct mr_location_entry *other = first; other < entry; other++) {
		if (holds_for_all(entry) && holds_for_all(other)) {
			never(b, group, "location", "an entry of location before this one holds for all logins already",
			      "join the two, or say whom each holds for");
			break;
		}
	}
	if (overlap(from, not_from))
		never(b, group, "location.logins_not_from",
		      "location allows and refuses the same country or network, so that logins from it are refused",
		      "take it out of one of the lists");
}

static void lint_places(struct mr_builder *b, const struct mr_location_entry *entry, const config_setting_t *group)
{
	const config_setting_t *geo = mr_read_group(b, "geo");
	bool no_country = !mr_read_text(geo, "geo.country") && entry->from.country_count + entry->not_from.country_count > 0;
	bool no_asn = !mr_read_text(geo, "geo.asn") && entry->from.asn_count + entry->not_from.asn_count > 0;
	struct mr_where where =
		mr_read_where(b, group,
			      mr_read_setting(group, "location.logins_from") ? "location.logins_from" : "location.logins_not_from");

	if (no_country || no_asn)
		MR_WARN(b, MR_LINT_NO_PLACES, &where, "location names %s, and no database knows them%s\nset %s",
			no_country ? "countries" : "autonomous systems",
			entry->rule.cannot_tell == MR_ACCEPT
				? ": logins from everywhere pass"
				: ": with this cannot_tell no login passes",
			no_country ? "geo.country = \"/var/lib/GeoIP/country.mmdb\"" : "geo.asn = \"/var/lib/GeoIP/asn.mmdb\"");
}

void mr_lint_location(struct mr_builder *b)
{
	const struct mr_location_policy *location = &b->policy->location;
	const struct mr_territory *shared = &b->policy->geo.shared;
	const config_setting_t *geo = mr_read_group(b, "geo");
	struct mr_where where = mr_read_where(b, geo, "geo.shared");

	for (size_t i = 0; i < location->count; i++) {
		if (mr_policy_mode(b->policy, &location->entries[i].rule) == MR_MODE_OFF)
			continue;
		lint_entry(b, &location->entries[i], b->location_places[i]);
		lint_places(b, &location->entries[i], b->location_places[i]);
	}
	if ((shared->asn_count > 0 && !mr_read_text(geo, "geo.asn")) ||
	    (shared->country_count > 0 && !mr_read_text(geo, "geo.country")))
		MR_WARN(b, MR_LINT_NO_PLACES, &where,
			"geo.shared names %s, and no database knows them\nset %s, or take them out",
			shared->asn_count > 0 && !mr_read_text(geo, "geo.asn") ? "autonomous systems" : "countries",
			shared->asn_count > 0 && !mr_read_text(geo, "geo.asn") ? "geo.asn" : "geo.country");
}
