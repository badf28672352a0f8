/*
 * The rule location: where logins may come from; and how far two places are apart. Not where an address is: that is
 * geo's. The rule is called by decide.c, the rest by the engine and history.c. PURE.
 */
#include "core/location.h"

/* ---- Territories ---- */

static bool has_country(const struct mr_territory *territory, uint16_t country)
{
	size_t begin = 0, end = territory->country_count;

	while (country != 0 && begin < end) {
		size_t middle = begin + (end - begin) / 2;

		if (territory->countries[middle] == country)
			return true;
		if (territory->countries[middle] < country)
			begin = middle + 1;
		else
			end = middle;
	}
	return false;
}

static bool has_asn(const struct mr_territory *territory, uint32_t asn)
{
	size_t begin = 0, end = territory->asn_count;

	while (asn != 0 && begin < end) {
		size_t middle = begin + (end - begin) / 2;

		if (territory->asns[middle] == asn)
			return true;
		if (territory->asns[middle] < asn)
			begin = middle + 1;
		else
			end = middle;
	}
	return false;
}

bool mr_territory_has(const struct mr_territory *territory, uint16_t country, uint32_t asn)
{
	return has_country(territory, country) || has_asn(territory, asn);
}

/* As mr_territory_has; an unknown country or network might be one that the territory names. */
static enum mr_answer ask_territory(const struct mr_territory *territory, uint16_t country, uint32_t asn)
{
	if (mr_territory_has(territory, country, asn))
		return MR_YES;
	if ((territory->country_count > 0 && country == 0) || (territory->asn_count > 0 && asn == 0))
		return MR_CANNOT_TELL;
	return MR_NO;
}

/* ---- The rule ---- */

enum level { HOLDS_NOT, HOLDS_FOR_ALL, HOLDS_FOR_DOMAIN, HOLDS_FOR_LOGIN };

static enum level level_of(const struct mr_location_entry *entry, struct mr_str login)
{
	struct mr_str domain = mr_str_part(login, mr_str_find_last(login, '@') + 1, login.n);

	if (entry->logins != NULL)
		return mr_patternset_has(entry->logins, login) ? HOLDS_FOR_LOGIN : HOLDS_NOT;
	if (entry->domains != NULL)
		return mr_domainset_has(entry->domains, domain) ? HOLDS_FOR_DOMAIN : HOLDS_NOT;
	return HOLDS_FOR_ALL;
}

const struct mr_location_entry *mr_location_entry(const struct mr_policy *policy, struct mr_str login)
{
	const struct mr_location_entry *best = NULL;
	enum level best_level = HOLDS_NOT;

	for (size_t i = 0; login.p != NULL && i < policy->location.count; i++) {
		enum level level = level_of(&policy->location.entries[i], login);

		if (level > best_level) {
			best = &policy->location.entries[i];
			best_level = level;
		}
	}
	return best;
}

struct mr_finding mr_location_judge(const struct mr_location_entry *entry, uint16_t country, uint32_t asn)
{
	enum mr_answer outside = ask_territory(&entry->not_from, country, asn), inside = MR_YES;

	if (entry->from.country_count + entry->from.asn_count > 0)
		inside = ask_territory(&entry->from, country, asn);
	if (outside == MR_YES || inside == MR_NO)
		return MR_FOUND(MR_REASON_LOCATION_COUNTRY);
	if (outside == MR_CANNOT_TELL || inside == MR_CANNOT_TELL)
		return MR_FOUND_UNCLEAR(MR_REASON_LOCATION_UNKNOWN);
	return MR_FOUND_NOTHING;
}

static bool is_at_home(const struct mr_subject *subject)
{
	const struct mr_connection *connection = subject->connection;

	return connection->local || connection->client_ip.family == MR_IP_UNKNOWN ||
	       mr_ip_is_private(&connection->client_ip) ||
	       mr_prefixset_has(subject->policy->hijack.own_networks, &connection->client_ip);
}

/* Two letters, in any case; 0 for anything else. */
static uint16_t country_of(struct mr_str text)
{
	uint16_t country = 0;

	if (text.n != 2)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		char c = mr_ascii_lower(text.p[i]);

		if (c < 'a' || c > 'z')
			return 0;
		country = (uint16_t)(country << 8 | (c - 'a' + 'A'));
	}
	return country;
}

struct mr_finding mr_location_find(const struct mr_subject *subject, const struct mr_location_entry **entry_r)
{
	int64_t asn = subject->connection->asn;

	*entry_r = NULL;
	if (subject->login.p == NULL || subject->login_unreadable || is_at_home(subject))
		return MR_FOUND_NOTHING;
	*entry_r = mr_location_entry(subject->policy, subject->login);
	if (*entry_r == NULL)
		return MR_FOUND_NOTHING;
	return mr_location_judge(*entry_r, country_of(subject->connection->country),
				 asn > 0 && asn <= UINT32_MAX ? (uint32_t)asn : 0);
}

/* ---- Distance ---- */

#define PI 3.14159265358979323846
#define EARTH_KM 6371.0 /* the sphere is within 0.6 % of the ellipsoid */

/* Sine of up to a half turn either way, as its power series. */
static double sine(double x)
{
	double term = x, sum = x;

	for (int k = 2; k < 30; k += 2) {
		term *= -x * x / (double)(k * (k + 1));
		sum += term;
	}
	return sum;
}

/* Newton's way to the root of a number from 0 to 1: from above, so that it never overshoots. */
static double root(double x)
{
	double y = 1.0;

	for (int i = 0; i < 40 && x > 0.0; i++)
		y = 0.5 * (y + x / y);
	return x > 0.0 ? y : 0.0;
}

/* The angle whose sine is x, from 0 to 1; above 1/2 by the half angle, as the series is slow there. */
static double arc_sine(double x)
{
	double term = x, sum = x;

	if (x > 0.5)
		return PI / 2.0 - 2.0 * arc_sine(root((1.0 - x) / 2.0));
	for (int k = 1; k < 40; k += 2) {
		term *= x * x * (double)k / (double)(k + 1);
		sum += term / (double)(k + 2);
	}
	return sum;
}

static double radians(int tenths)
{
	return tenths * (PI / 1800.0);
}

static int within(int x, int least, int most)
{
	return x < least ? least : x > most ? most : x;
}

/* The haversine formula; the cosine of a latitude is the sine of what is left to the pole. */
double mr_location_distance(int latitude_a, int longitude_a, int latitude_b, int longitude_b)
{
	int a = within(latitude_a, -900, 900), b = within(latitude_b, -900, 900);
	int apart = (longitude_a % 3600 - longitude_b % 3600) % 3600;
	double up = sine(radians(a - b) / 2.0), along = sine(radians(apart) / 2.0), square;

	square = up * up + sine(radians(900 - a)) * sine(radians(900 - b)) * along * along;
	return 2.0 * EARTH_KM * arc_sine(root(square > 1.0 ? 1.0 : square));
}
