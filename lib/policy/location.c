/*
 * The groups geo and location: where the databases are, and the countries and autonomous systems that logins may come
 * from. Not the look-up (lib/geo) and not the judgement (core/location.c). Called by build.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/build.h"

enum { FIELD_DEPTH_MAX = 8, FIELD_PATHS_MAX = 4, AS_DIGITS_MAX = 10 };

/* ---- Countries and autonomous systems ---- */

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* "DE": two letters, in either case. 0: it is none. */
static uint16_t country_of(struct mr_str text)
{
	char first, second;

	if (text.n != 2)
		return 0;
	first = (char)(mr_ascii_lower(text.p[0]) - 'a' + 'A');
	second = (char)(mr_ascii_lower(text.p[1]) - 'a' + 'A');
	return is_upper(first) && is_upper(second) ? (uint16_t)((unsigned)first << 8 | (unsigned)second) : 0;
}

/* "AS3320", in either case. 0: it is none. */
static uint32_t asn_of(struct mr_str text)
{
	uint64_t number = 0;

	if (text.n < 3 || text.n > 2 + AS_DIGITS_MAX || mr_ascii_lower(text.p[0]) != 'a' ||
	    mr_ascii_lower(text.p[1]) != 's' || text.p[2] == '0')
		return 0;
	for (size_t i = 2; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		number = number * 10 + (uint64_t)(text.p[i] - '0');
	}
	return number <= UINT32_MAX ? (uint32_t)number : 0;
}

static void put_country(struct mr_builder *b, struct mr_territory *territory, uint16_t country)
{
	uint16_t *more = mr_realloc(territory->countries, territory->country_count + 1, sizeof(*more));

	if (!more) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	territory->countries = more;
	more[territory->country_count++] = country;
}

static void put_asn(struct mr_builder *b, struct mr_territory *territory, uint32_t asn)
{
	uint32_t *more = mr_realloc(territory->asns, territory->asn_count + 1, sizeof(*more));

	if (!more) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	territory->asns = more;
	more[territory->asn_count++] = asn;
}

static void put_place(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	uint16_t country = country_of(entry);
	uint32_t asn = asn_of(entry);

	if (mr_str_equal(entry, MR_STR("UK")))
		MR_FAULT(b, "bad-value", where, "\"UK\" is not the code of a country\nwrite \"GB\"");
	else if (country)
		put_country(b, context, country);
	else if (asn)
		put_asn(b, context, asn);
	else
		MR_FAULT(b, "bad-value", where,
			 "\"%s\" is neither a country nor an autonomous system\nwrite two letters of ISO 3166 such as \"DE\", "
			 "or a number such as \"AS64500\"",
			 mr_faults_show(b->faults, entry));
}

static int compare_countries(const void *a, const void *b)
{
	uint16_t one = *(const uint16_t *)a, other = *(const uint16_t *)b;

	return (one > other) - (one < other);
}

static int compare_asns(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

	return (one > other) - (one < other);
}

static void read_territory(struct mr_builder *b, const config_setting_t *list, struct mr_territory *territory)
{
	size_t n = 0;

	mr_list_each(b, list, put_place, territory);
	if (territory->country_count > 0)
		qsort(territory->countries, territory->country_count, sizeof(*territory->countries), compare_countries);
	if (territory->asn_count > 0)
		qsort(territory->asns, territory->asn_count, sizeof(*territory->asns), compare_asns);
	for (size_t i = 0; i < territory->country_count; i++) {
		if (n == 0 || territory->countries[n - 1] != territory->countries[i])
			territory->countries[n++] = territory->countries[i];
	}
	territory->country_count = n;
	n = 0;
	for (size_t i = 0; i < territory->asn_count; i++) {
		if (n == 0 || territory->asns[n - 1] != territory->asns[i])
			territory->asns[n++] = territory->asns[i];
	}
	territory->asn_count = n;
}

/* ---- geo ---- */

static void check_path(struct mr_builder *b, const config_setting_t *group, const char *full_name)
{
	struct mr_str path = mr_str_of(mr_read_text(group, full_name));
	struct mr_where where = mr_read_where(b, group, full_name);

	if (path.n > 0 && (path.n < 2 || path.p[0] != '/' || path.p[path.n - 1] == '/'))
		MR_FAULT(b, "bad-value", &where, "%s cannot be \"%s\"\nwrite a path from the root", full_name,
			 mr_faults_show(b->faults, path));
}

/* "country.iso_code": names of maps in maps, with dots between them. */
static bool is_path(struct mr_str path)
{
	unsigned depth = 0;

	for (; path.n > 0; depth++) {
		size_t dot = mr_str_find(path, '.');

		if (dot == 0 || dot + 1 == path.n)
			return false;
		for (size_t i = 0; i < dot; i++) {
			if (path.p[i] <= ' ' || path.p[i] > '~')
				return false;
		}
		path = mr_str_part(path, dot + 1, path.n);
	}
	return depth > 0 && depth <= FIELD_DEPTH_MAX;
}

/* One or several such, with blanks between them: the first that a file has is taken. */
static void check_field(struct mr_builder *b, const config_setting_t *group, const char *full_name)
{
	struct mr_str field = mr_str_of(mr_read_text(group, full_name)), rest = mr_str_trim(field);
	struct mr_where where = mr_read_where(b, group, full_name);
	unsigned paths = 0;
	bool good = true;

	for (; rest.n > 0 && good; paths++) {
		size_t blank = mr_str_find(rest, ' ');

		good = is_path(mr_str_part(rest, 0, blank));
		rest = mr_str_trim(mr_str_part(rest, blank, rest.n));
	}
	if (!good || paths > FIELD_PATHS_MAX || (field.n > 0 && paths == 0))
		MR_FAULT(b, "bad-value", &where,
			 "%s cannot be \"%s\"\nwrite the names of the record's maps with dots between them, such as "
			 "\"country.iso_code\"; at most %d names, and at most %d such places with blanks between them",
			 full_name, mr_faults_show(b->faults, field), (int)FIELD_DEPTH_MAX, (int)FIELD_PATHS_MAX);
}

static void build_geo(struct mr_builder *b)
{
	static const char *const paths[] = { "geo.country", "geo.asn" };
	static const char *const fields[] = { "geo.country_field", "geo.asn_field", "geo.as_name_field",
					      "geo.latitude_field", "geo.longitude_field" };
	const config_setting_t *group = mr_read_group(b, "geo");

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		check_path(b, group, paths[i]);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		check_field(b, group, fields[i]);
	read_territory(b, mr_read_setting(group, "geo.shared"), &b->policy->geo.shared);
}

/* ---- location ---- */

enum whom { FOR_LOGINS, FOR_DOMAINS, FOR_ALL };

static enum whom whom_of(const config_setting_t *group)
{
	if (mr_read_setting(group, "location.logins"))
		return FOR_LOGINS;
	return mr_read_setting(group, "location.domains") ? FOR_DOMAINS : FOR_ALL;
}

static void build_entry(struct mr_builder *b, const config_setting_t *group, struct mr_location_entry *entry)
{
	const config_setting_t *from = mr_read_setting(group, "location.logins_from"),
			       *not_from = mr_read_setting(group, "location.logins_not_from"),
			       *logins = mr_read_setting(group, "location.logins"),
			       *domains = mr_read_setting(group, "location.domains");
	struct mr_where where = mr_read_where(b, group, "location.domains");

	mr_rule_read(b, group, "location", &entry->rule);
	if (logins && domains)
		MR_FAULT(b, "conflict", &where,
			 "an entry of location has both logins and domains\nmake two entries of it: that for logins is asked "
			 "before that for domains");
	mr_list_patterns(b, logins, MR_PATTERN_LOGIN, &entry->logins);
	mr_list_domains(b, logins ? NULL : domains, &entry->domains);
	read_territory(b, from, &entry->from);
	read_territory(b, not_from, &entry->not_from);
	where = mr_read_where(b, group, "location.logins_from");
	if (from && config_setting_is_aggregate(from) && config_setting_length(from) == 0)
		MR_FAULT(b, "bad-value", &where,
			 "location.logins_from is empty, and that would mean everywhere\nname countries, or leave it out");
}

static void build_location(struct mr_builder *b)
{
	const config_setting_t *all = config_setting_get_member(b->root, "location");
	bool single = all && config_setting_is_group(all);
	int n = !all ? 0 : single ? 1 : config_setting_is_list(all) ? config_setting_length(all) : 0;
	struct mr_location_policy *location = &b->policy->location;

	location->entries = mr_calloc((size_t)n + 1, sizeof(*location->entries));
	b->location_places = mr_calloc((size_t)n + 1, sizeof(*b->location_places));
	if (!location->entries || !b->location_places) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	for (enum whom whom = FOR_LOGINS; whom <= FOR_ALL; whom++) {
		for (int i = 0; i < n && !b->err; i++) {
			const config_setting_t *group = single ? all : config_setting_get_elem(all, (unsigned)i);

			if (!config_setting_is_group(group) || whom_of(group) != whom)
				continue;
			b->location_places[location->count] = group;
			build_entry(b, group, &location->entries[location->count++]);
		}
	}
}

void mr_location_build(struct mr_builder *b)
{
	build_geo(b);
	if (!b->err)
		build_location(b);
}
