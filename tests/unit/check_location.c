/* Tests of lib/core/location.c: which entry holds, what is allowed, who is at home, and distances. */
#include "core/location.h"

#include <math.h>

#include "scene.h"

enum { DE = 'D' << 8 | 'E', FR = 'F' << 8 | 'R', RU = 'R' << 8 | 'U', CN = 'C' << 8 | 'N', US = 'U' << 8 | 'S' };
enum { TELEKOM = 3320, ORANGE = 3215, ELSEWHERE = 64496 };

static const struct mr_location_entry *entry;

/* One more entry of the list "location". Valid until the next call. */
static struct mr_location_entry *add_location(void)
{
	struct mr_location_policy *location = &scene.policy->location;

	location->entries = mr_realloc(location->entries, location->count + 1, sizeof(*location->entries));
	ck_assert_ptr_nonnull(location->entries);
	location->entries[location->count] = (struct mr_location_entry){
		.rule = { .mode = MR_MODE_ENFORCE, .action = MR_REJECT } };
	return &location->entries[location->count++];
}

static void add_country(struct mr_territory *territory, uint16_t country)
{
	territory->countries = mr_realloc(territory->countries, territory->country_count + 1, sizeof(uint16_t));
	ck_assert_ptr_nonnull(territory->countries);
	ck_assert(territory->country_count == 0 || territory->countries[territory->country_count - 1] < country);
	territory->countries[territory->country_count++] = country;
}

static void add_asn(struct mr_territory *territory, uint32_t asn)
{
	territory->asns = mr_realloc(territory->asns, territory->asn_count + 1, sizeof(uint32_t));
	ck_assert_ptr_nonnull(territory->asns);
	ck_assert(territory->asn_count == 0 || territory->asns[territory->asn_count - 1] < asn);
	territory->asns[territory->asn_count++] = asn;
}

/* What the rule finds for alice@example.com or another login, from where the scene's connection is. */
static struct mr_finding find_for(const char *login, const char *country, int64_t asn)
{
	mr_subject_connect(&scene.subject, scene.policy, &scene.connection, scene.arena, scene.now_ms);
	mr_subject_mail(&scene.subject, scene.now_ms, mr_str_of(login), mr_str_of("<alice@example.com>"), -1);
	scene.connection.country = mr_str_of(country);
	scene.connection.asn = asn;
	return mr_location_find(&scene.subject, &entry);
}

static struct mr_finding find(const char *country, int64_t asn)
{
	return find_for("alice@example.com", country, asn);
}

#define EXPECT_FOUND(finding_, answer_, reason_)                                                                       \
	do {                                                                                                           \
		struct mr_finding f_ = (finding_);                                                                     \
		ck_assert_msg(f_.answer == (answer_) && f_.reason == MR_REASON_##reason_, "%s: %d %s", #finding_,      \
			      f_.answer, mr_reason_row(f_.reason)->id);                                                \
	} while (0)

/* ---- Territories ---- */

START_TEST(a_territory_has_what_it_lists)
{
	struct mr_territory territory = { .countries = NULL };

	ck_assert(!mr_territory_has(&territory, DE, TELEKOM));
	for (int i = 0; i < 26; i += 2)
		add_country(&territory, (uint16_t)('A' << 8 | ('A' + i)));
	for (uint32_t i = 1; i <= 51; i += 2)
		add_asn(&territory, i * 1000);
	for (int i = 0; i < 26; i++)
		ck_assert_int_eq(mr_territory_has(&territory, (uint16_t)('A' << 8 | ('A' + i)), 0), i % 2 == 0);
	for (uint32_t i = 1; i <= 52; i++)
		ck_assert_int_eq(mr_territory_has(&territory, 0, i * 1000), i % 2 == 1);
	ck_assert(mr_territory_has(&territory, DE, 1000));
	ck_assert(!mr_territory_has(&territory, 0, 0));
	mr_free(territory.countries);
	mr_free(territory.asns);
}
END_TEST

/* ---- What is allowed ---- */

START_TEST(only_listed_countries_may_log_in)
{
	set_scene();
	struct mr_location_entry *e = add_location();
	add_country(&e->from, DE);
	add_country(&e->from, FR);
	EXPECT_FOUND(find("DE", -1), MR_NO, NONE);
	EXPECT_FOUND(find("fr", -1), MR_NO, NONE);
	EXPECT_FOUND(find("RU", -1), MR_YES, LOCATION_COUNTRY);
	EXPECT_FOUND(find("RU", TELEKOM), MR_YES, LOCATION_COUNTRY);
	ck_assert_ptr_eq(entry, &scene.policy->location.entries[0]);
	clear_scene();
}
END_TEST

START_TEST(what_is_unknown_is_not_foreign)
{
	set_scene();
	struct mr_location_entry *e = add_location();
	add_country(&e->from, DE);
	EXPECT_FOUND(find(NULL, -1), MR_CANNOT_TELL, LOCATION_UNKNOWN);
	EXPECT_FOUND(find("", TELEKOM), MR_CANNOT_TELL, LOCATION_UNKNOWN);
	EXPECT_FOUND(find("Germany", 0), MR_CANNOT_TELL, LOCATION_UNKNOWN);
	EXPECT_FOUND(find("1!", 0), MR_CANNOT_TELL, LOCATION_UNKNOWN);
	ck_assert_ptr_nonnull(entry);
	clear_scene();
}
END_TEST

START_TEST(a_network_is_an_alternative_to_a_country)
{
	set_scene();
	struct mr_location_entry *e = add_location();
	add_country(&e->from, DE);
	add_asn(&e->from, ORANGE);
	EXPECT_FOUND(find("FR", ORANGE), MR_NO, NONE);
	EXPECT_FOUND(find(NULL, ORANGE), MR_NO, NONE);
	EXPECT_FOUND(find("DE", -1), MR_NO, NONE);
	EXPECT_FOUND(find("FR", ELSEWHERE), MR_YES, LOCATION_COUNTRY);
	EXPECT_FOUND(find("FR", -1), MR_CANNOT_TELL, LOCATION_UNKNOWN);
	EXPECT_FOUND(find(NULL, ELSEWHERE), MR_CANNOT_TELL, LOCATION_UNKNOWN);
	EXPECT_FOUND(find("FR", INT64_C(1) << 32 | ORANGE), MR_CANNOT_TELL, LOCATION_UNKNOWN);
	clear_scene();
}
END_TEST

START_TEST(forbidden_wins_over_allowed)
{
	set_scene();
	struct mr_location_entry *e = add_location();
	add_country(&e->from, DE);
	add_asn(&e->not_from, ELSEWHERE);
	EXPECT_FOUND(find("DE", TELEKOM), MR_NO, NONE);
	EXPECT_FOUND(find("DE", ELSEWHERE), MR_YES, LOCATION_COUNTRY);
	EXPECT_FOUND(find(NULL, ELSEWHERE), MR_YES, LOCATION_COUNTRY);
	EXPECT_FOUND(find("RU", -1), MR_YES, LOCATION_COUNTRY);
	EXPECT_FOUND(find("DE", -1), MR_CANNOT_TELL, LOCATION_UNKNOWN);
	clear_scene();
}
END_TEST

START_TEST(only_forbidden_countries_leave_the_rest_open)
{
	set_scene();
	struct mr_location_entry *e = add_location();
	add_country(&e->not_from, CN);
	add_country(&e->not_from, RU);
	EXPECT_FOUND(find("US", -1), MR_NO, NONE);
	EXPECT_FOUND(find("CN", -1), MR_YES, LOCATION_COUNTRY);
	EXPECT_FOUND(find("RU", TELEKOM), MR_YES, LOCATION_COUNTRY);
	EXPECT_FOUND(find(NULL, TELEKOM), MR_CANNOT_TELL, LOCATION_UNKNOWN);
	clear_scene();
}
END_TEST

START_TEST(an_entry_without_territories_allows_everything)
{
	set_scene();
	add_location();
	EXPECT_FOUND(find("RU", ELSEWHERE), MR_NO, NONE);
	EXPECT_FOUND(find(NULL, -1), MR_NO, NONE);
	ck_assert_ptr_nonnull(entry);
	clear_scene();
}
END_TEST

/* ---- Which entry holds ---- */

START_TEST(logins_come_before_domains_and_these_before_the_rest)
{
	set_scene();
	add_country(&add_location()->from, DE);
	struct mr_location_entry *e = add_location();
	e->domains = domains_of("example.org .sub.example.org");
	add_country(&e->from, FR);
	e = add_location();
	e->logins = patterns_of("travel-*@example.org boss");
	add_country(&e->not_from, RU);
	e = add_location();
	e->logins = patterns_of("travel-1@example.org");
	const struct mr_location_entry *entries = scene.policy->location.entries;

	ck_assert_ptr_eq(mr_location_entry(scene.policy, MR_STR("alice@example.com")), &entries[0]);
	ck_assert_ptr_eq(mr_location_entry(scene.policy, MR_STR("bob@example.org")), &entries[1]);
	ck_assert_ptr_eq(mr_location_entry(scene.policy, MR_STR("bob@x.sub.example.org")), &entries[1]);
	ck_assert_ptr_eq(mr_location_entry(scene.policy, MR_STR("travel-7@example.org")), &entries[2]);
	ck_assert_ptr_eq(mr_location_entry(scene.policy, MR_STR("travel-1@example.org")), &entries[2]);
	ck_assert_ptr_eq(mr_location_entry(scene.policy, MR_STR("boss")), &entries[2]);
	ck_assert_ptr_eq(mr_location_entry(scene.policy, MR_STR("clerk")), &entries[0]);
	ck_assert_ptr_null(mr_location_entry(scene.policy, MR_STR_ABSENT));
	EXPECT_FOUND(find_for("bob@example.org", "DE", -1), MR_YES, LOCATION_COUNTRY);
	EXPECT_FOUND(find_for("travel-7@example.org", "US", -1), MR_NO, NONE);
	clear_scene();
}
END_TEST

START_TEST(no_entry_no_rule)
{
	set_scene();
	EXPECT_FOUND(find("RU", -1), MR_NO, NONE);
	ck_assert_ptr_null(entry);
	add_location()->domains = domains_of("example.org");
	add_country(&scene.policy->location.entries[0].from, DE);
	EXPECT_FOUND(find("RU", -1), MR_NO, NONE);
	ck_assert_ptr_null(entry);
	clear_scene();
}
END_TEST

/* ---- Who is asked ---- */

START_TEST(mail_without_a_login_is_not_asked)
{
	set_scene();
	add_country(&add_location()->from, DE);
	EXPECT_FOUND(find_for(NULL, "RU", -1), MR_NO, NONE);
	EXPECT_FOUND(find_for("", "RU", -1), MR_NO, NONE);
	EXPECT_FOUND(find_for("bad\001name", "RU", -1), MR_NO, NONE);
	EXPECT_FOUND(find("RU", -1), MR_YES, LOCATION_COUNTRY);
	clear_scene();
}
END_TEST

START_TEST(at_home_everything_is_allowed)
{
	static const struct {
		const char *ip;
		enum mr_answer answer;
	} rows[] = {
		{ "10.1.2.3", MR_NO }, { "192.168.7.7", MR_NO }, { "172.20.0.1", MR_NO }, { "127.0.0.1", MR_NO },
		{ "::1", MR_NO }, { "fd00::7", MR_NO }, { "fe80::1", MR_NO }, { "198.51.100.77", MR_NO },
		{ NULL, MR_NO }, { "198.51.101.77", MR_YES }, { "203.0.113.9", MR_YES }, { "2001:db8::1", MR_YES },
	};

	set_scene();
	add_country(&add_location()->from, DE);
	scene.policy->hijack.own_networks = networks_of("198.51.100.0/24");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		from_client(rows[i].ip);
		struct mr_finding finding = find("RU", ELSEWHERE);
		ck_assert_msg(finding.answer == rows[i].answer, "%s", rows[i].ip);
	}
	scene.connection.local = true;
	EXPECT_FOUND(find("RU", ELSEWHERE), MR_NO, NONE);
	clear_scene();
}
END_TEST

/* ---- Distances ---- */

static double exact(int latitude_a, int longitude_a, int latitude_b, int longitude_b)
{
	const double turn = 4.0 * atan(1.0) / 1800.0;
	double up = sin((latitude_a - latitude_b) * turn / 2.0), along = sin((longitude_a - longitude_b) * turn / 2.0);
	double square = up * up + cos(latitude_a * turn) * cos(latitude_b * turn) * along * along;

	return 2.0 * 6371.0 * asin(sqrt(square > 1.0 ? 1.0 : square));
}

START_TEST(distances_are_as_the_library_of_mathematics_has_them)
{
	for (int a = -900; a <= 900; a += 60)
		for (int b = -900; b <= 900; b += 75)
			for (int apart = -3600; apart <= 3600; apart += 45) {
				double km = mr_location_distance(a, apart / 2, b, apart / 2 - apart);
				double want = exact(a, apart / 2, b, apart / 2 - apart);

				ck_assert_msg(fabs(km - want) <= 0.001 + want * 1e-6, "%d %d %d: %f, not %f", a, b,
					      apart, km, want);
			}
}
END_TEST

START_TEST(known_cities_are_as_far_as_they_are)
{
	static const struct {
		int a[2], b[2];
		double km;
	} rows[] = {
		{ { 525, 134 }, { 489, 24 }, 878.0 },     /* Berlin, Paris */
		{ { 515, -1 }, { 407, -740 }, 5570.0 },   /* London, New York */
		{ { -339, 1512 }, { 357, 1397 }, 7826.0 }, /* Sydney, Tokyo */
		{ { -346, -584 }, { -369, 1748 }, 10340.0 }, /* Buenos Aires, Auckland: over the edge of the map */
		{ { 0, 0 }, { 0, 1800 }, 20015.0 },
		{ { 900, 0 }, { -900, 1234 }, 20015.0 },
		{ { 525, 134 }, { 525, 134 }, 0.0 },
		{ { 525, 134 }, { 525, 135 }, 6.77 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double km = mr_location_distance(rows[i].a[0], rows[i].a[1], rows[i].b[0], rows[i].b[1]);
		double back = mr_location_distance(rows[i].b[0], rows[i].b[1], rows[i].a[0], rows[i].a[1]);

		ck_assert_msg(fabs(km - rows[i].km) <= rows[i].km * 0.01 + 1e-6, "row %zu: %f", i, km);
		ck_assert_double_eq_tol(km, back, 1e-6);
	}
}
END_TEST

START_TEST(places_off_the_map_have_finite_distances)
{
	static const int odd[] = { INT16_MIN, -5000, -901, 0, 901, 5000, INT16_MAX, 2147483647, -2147483647 - 1 };
	const int n = sizeof(odd) / sizeof(odd[0]);

	for (int i = 0; i < n * n * n * n; i++) {
		double km = mr_location_distance(odd[i % n], odd[i / n % n], odd[i / n / n % n], odd[i / n / n / n]);

		ck_assert(km >= 0.0 && km <= 20040.0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("location");
	TCase *tests = tcase_create("location");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_territory_has_what_it_lists);
	tcase_add_test(tests, only_listed_countries_may_log_in);
	tcase_add_test(tests, what_is_unknown_is_not_foreign);
	tcase_add_test(tests, a_network_is_an_alternative_to_a_country);
	tcase_add_test(tests, forbidden_wins_over_allowed);
	tcase_add_test(tests, only_forbidden_countries_leave_the_rest_open);
	tcase_add_test(tests, an_entry_without_territories_allows_everything);
	tcase_add_test(tests, logins_come_before_domains_and_these_before_the_rest);
	tcase_add_test(tests, no_entry_no_rule);
	tcase_add_test(tests, mail_without_a_login_is_not_asked);
	tcase_add_test(tests, at_home_everything_is_allowed);
	tcase_add_test(tests, distances_are_as_the_library_of_mathematics_has_them);
	tcase_add_test(tests, known_cities_are_as_far_as_they_are);
	tcase_add_test(tests, places_off_the_map_have_finite_distances);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
