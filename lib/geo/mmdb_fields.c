/*
 * The fields of MMDB files. Makers of databases differ: "country.iso_code" or "country_code" for the country, a number
 * or "AS64500" for the system; so each field has a list of places, and takes what it can. Called by mmdb.c and
 * files.c.
 */
#include "geo/mmdb_fields.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "base/unicode.h"

/* ---- The places of fields ---- */

/* Cuts paths->text at *at: the next part, NULL when there is none. *ends_path_r: it is the last one of its path. */
static const char *next_part(char **at, bool *ends_path_r)
{
	char *part = *at, *end = part + strcspn(part, "., \t");
	char *next = end + strspn(end, ", \t");

	*ends_path_r = *end != '.';
	if (end == part)
		return NULL;
	*at = *end == '.' ? end + 1 : next;
	*end = '\0';
	return part;
}

int mr_geo_paths_read(const char *text, struct mr_geo_paths *paths_r)
{
	size_t parts = 0;
	char *at;

	memset(paths_r, 0, sizeof(*paths_r));
	if (strlen(text) >= sizeof(paths_r->text))
		return MR_ERR_SYNTAX;
	memcpy(paths_r->text, text, strlen(text) + 1);
	at = paths_r->text + strspn(paths_r->text, ", \t");
	while (*at != '\0' || parts > 0) {
		bool ends_path;
		const char *part = next_part(&at, &ends_path);

		if (part == NULL || parts == MR_GEO_PARTS_MAX || paths_r->count == MR_GEO_PATHS_MAX) {
			memset(paths_r, 0, sizeof(*paths_r));
			return MR_ERR_SYNTAX;
		}
		paths_r->parts[paths_r->count][parts++] = part;
		if (ends_path) {
			paths_r->count++;
			parts = 0;
		}
	}
	return paths_r->count > 0 ? MR_OK : MR_ERR_SYNTAX;
}

void mr_geo_paths_keep(struct mr_geo_paths *paths, unsigned keep)
{
	size_t kept = 0;

	for (size_t i = 0; i < paths->count; i++) {
		if (keep & 1u << i)
			memmove(paths->parts[kept++], paths->parts[i], sizeof(paths->parts[i]));
	}
	paths->count = kept;
}

/* ---- What values mean ---- */

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Two letters that makers of databases write where they do not know a country. */
static bool is_no_country(const char code[3])
{
	static const char names[][3] = { "ZZ", "XX", "EU", "AP" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(code, names[i]) == 0)
			return true;
	}
	return false;
}

static enum mr_geo_taken take_country(const MMDB_entry_data_s *value, struct mr_geo_place *place)
{
	char code[3] = "";

	if (value->type != MMDB_DATA_TYPE_UTF8_STRING)
		return MR_GEO_WRONG_TYPE;
	if (value->data_size != 2 || !is_letter(value->utf8_string[0]) || !is_letter(value->utf8_string[1]))
		return MR_GEO_UNUSABLE;
	for (int i = 0; i < 2; i++)
		code[i] = (char)(value->utf8_string[i] & ~0x20);
	if (is_no_country(code))
		return MR_GEO_UNUSABLE;
	memcpy(place->country, code, sizeof(code));
	return MR_GEO_USED;
}

static enum mr_geo_taken take_degrees(const MMDB_entry_data_s *value, double most, int16_t *tenths_r)
{
	double degrees;

	if (value->type == MMDB_DATA_TYPE_DOUBLE)
		degrees = value->double_value;
	else if (value->type == MMDB_DATA_TYPE_FLOAT)
		degrees = (double)value->float_value;
	else
		return MR_GEO_WRONG_TYPE;
	if (!(degrees >= -most && degrees <= most)) /* a NaN is refused as well */
		return MR_GEO_UNUSABLE;
	*tenths_r = (int16_t)(degrees * 10 + (degrees < 0 ? -0.5 : 0.5));
	return MR_GEO_USED;
}

/* "64500" or "AS64500"; 0 when it is neither. */
static uint64_t read_asn(struct mr_str text)
{
	uint64_t asn = 0;

	if (mr_str_equal_nocase(mr_str_part(text, 0, 2), MR_STR("AS")))
		text = mr_str_part(text, 2, text.n);
	if (text.n > 10)
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		asn = asn * 10 + (uint64_t)(text.p[i] - '0');
	}
	return asn;
}

static enum mr_geo_taken take_asn(const MMDB_entry_data_s *value, struct mr_geo_place *place)
{
	uint64_t asn;

	if (value->type == MMDB_DATA_TYPE_UINT32)
		asn = value->uint32;
	else if (value->type == MMDB_DATA_TYPE_UINT16)
		asn = value->uint16;
	else if (value->type == MMDB_DATA_TYPE_UINT64)
		asn = value->uint64;
	else if (value->type == MMDB_DATA_TYPE_INT32)
		asn = value->int32 > 0 ? (uint64_t)value->int32 : 0;
	else if (value->type == MMDB_DATA_TYPE_UTF8_STRING)
		asn = read_asn((struct mr_str){ value->utf8_string, value->data_size });
	else
		return MR_GEO_WRONG_TYPE;
	if (asn == 0 || asn > UINT32_MAX)
		return MR_GEO_UNUSABLE;
	place->asn = (uint32_t)asn;
	return MR_GEO_USED;
}

/* Whole characters only, as many as fit; what is no character, or controls something, becomes '?'. */
static enum mr_geo_taken take_as_name(const MMDB_entry_data_s *value, struct mr_geo_place *place)
{
	struct mr_str text = { value->utf8_string, value->data_size };
	size_t n = 0, at = 0, room = sizeof(place->as_name) - 1;

	if (value->type != MMDB_DATA_TYPE_UTF8_STRING)
		return MR_GEO_WRONG_TYPE;
	while (at < text.n && n < room) {
		unsigned char c = (unsigned char)text.p[at];
		size_t length = c < 0x80 ? 1 : mr_utf8_sequence(mr_str_part(text, at, text.n));

		if (length > room - n)
			break;
		if (length == 0 || c < 0x20 || c == 0x7f)
			place->as_name[n] = '?';
		else
			memcpy(place->as_name + n, text.p + at, length);
		length = length == 0 ? 1 : length;
		n += length;
		at += length;
	}
	place->as_name[n] = '\0';
	return n > 0 ? MR_GEO_USED : MR_GEO_UNUSABLE;
}

enum mr_geo_taken mr_geo_take(enum mr_geo_field field, const MMDB_entry_data_s *value, struct mr_geo_place *place)
{
	switch (field) {
	case MR_GEO_COUNTRY:
		return take_country(value, place);
	case MR_GEO_LATITUDE:
		return take_degrees(value, 90, &place->latitude);
	case MR_GEO_LONGITUDE:
		return take_degrees(value, 180, &place->longitude);
	case MR_GEO_ASN:
		return take_asn(value, place);
	case MR_GEO_AS_NAME:
		return take_as_name(value, place);
	case MR_GEO_FIELDS:
		break;
	}
	return MR_GEO_UNUSABLE;
}

/* ---- The table of fields ---- */

static const struct {
	const char *setting, *fallback, *type;
} rows[MR_GEO_FIELDS] = {
	[MR_GEO_COUNTRY] = { "geo.country_field", "country.iso_code country_code", "a text" },
	[MR_GEO_LATITUDE] = { "geo.latitude_field", "location.latitude", "a number with a fraction" },
	[MR_GEO_LONGITUDE] = { "geo.longitude_field", "location.longitude", "a number with a fraction" },
	[MR_GEO_ASN] = { "geo.asn_field", "autonomous_system_number asn", "a number or a text" },
	[MR_GEO_AS_NAME] = { "geo.as_name_field", "autonomous_system_organization as_name", "a text" },
};

const char *mr_geo_field_setting(enum mr_geo_field field)
{
	return rows[field].setting;
}

const char *mr_geo_field_fallback(enum mr_geo_field field)
{
	return rows[field].fallback;
}

const char *mr_geo_field_type(enum mr_geo_field field)
{
	return rows[field].type;
}
