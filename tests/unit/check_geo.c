/*
 * Tests of lib/geo: places from lists and from MMDB files, good and spoilt ones. The files are made by
 * tests/geo/make_mmdb.py at the start; without Python the tests of files are skipped (exit status 77).
 */
#include <fcntl.h>
#include <ftw.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "geo/files.h"
#include "geo/geo.h"
#include "harness.h"
#include "policy/source.h"

extern char **environ;

static char folder[] = "/tmp/check_geo-XXXXXX";

/* ---- Helpers ---- */

static void path_of(const char *name, char path_r[400])
{
	snprintf(path_r, 400, "%s/%s", folder, name);
}

static struct mr_ip ip_of(const char *text)
{
	struct mr_ip ip;

	ck_assert_int_eq(mr_ip_parse(mr_str_of(text), &ip), MR_OK);
	return ip;
}

/* A policy with these settings in its group geo. */
static struct mr_policy *policy_of(const char *settings)
{
	struct mr_policy_text *files = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	char text[1000];

	snprintf(text, sizeof(text), "domains = \"example.com\"\ngeo: { %s }\n", settings);
	ck_assert_int_eq(mr_policy_text_from_memory("test.conf", mr_str_of(text), &files), MR_OK);
	ck_assert_int_eq(mr_policy_build(files, 1795305600000, NULL, &policy, &faults), MR_OK);
	mr_faults_free(&faults);
	mr_policy_text_free(&files);
	return policy;
}

/* A policy that names this file for countries, or for systems, and more settings. */
static struct mr_policy *policy_naming(const char *what, const char *name, const char *more)
{
	char path[400], settings[1000];

	path_of(name, path);
	snprintf(settings, sizeof(settings), "%s = \"%s\" %s", what, path, more);
	return policy_of(settings);
}

static struct mr_geo *open_good(struct mr_policy *policy)
{
	struct mr_geo *geo = NULL;
	char why[256];
	int err = mr_geo_open(policy, why, &geo);

	ck_assert_msg(err == MR_OK, "%d: %s", err, why);
	ck_assert_ptr_nonnull(geo);
	ck_assert_msg(strncmp(why, "addresses are looked up in ", 27) == 0, "%s", why);
	ck_assert(!mr_geo_is_stale(geo, policy));
	return geo;
}

static struct mr_geo *open_named(const char *what, const char *name, const char *more)
{
	struct mr_policy *policy = policy_naming(what, name, more);
	struct mr_geo *geo = open_good(policy);

	mr_policy_drop(&policy);
	return geo;
}

static struct mr_geo_place place_of(struct mr_geo *geo, const char *address)
{
	struct mr_geo_place place = { .asn = 99 };
	struct mr_ip ip = ip_of(address);

	mr_geo_find(geo, &ip, &place);
	return place;
}

static void expect_country(struct mr_geo *geo, const char *address, const char *country)
{
	struct mr_geo_place place = place_of(geo, address);

	ck_assert_msg(strcmp(place.country, country) == 0, "%s: %s, not %s", address, place.country, country);
	ck_assert_uint_eq(place.asn, 0);
}

/* The sentence of a refusal. */
static void expect_refused(struct mr_policy *policy, const char *part, const char *cure)
{
	struct mr_geo *geo = NULL;
	char why[256];
	int err = mr_geo_open(policy, why, &geo);

	ck_assert_msg(err != MR_OK && geo == NULL, "opened: %s", why);
	ck_assert_msg(strstr(why, part) != NULL && strstr(why, cure) != NULL, "%s", why);
	mr_policy_drop(&policy);
}

static void copy_file(const char *from, const char *to)
{
	char bytes[65536], source[400], target[400];
	FILE *in, *out;
	size_t n;

	path_of(from, source);
	path_of(to, target);
	in = fopen(source, "rb");
	out = fopen(target, "wb");
	ck_assert(in != NULL && out != NULL);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		ck_assert_uint_eq(fwrite(bytes, 1, n, out), n);
	ck_assert_int_eq(fclose(out), 0);
	fclose(in);
}

/* ---- A list ---- */

START_TEST(list)
{
	struct mr_geo_row rows[3] = { { .place = { .country = "DE", .asn = 64500 } }, { .place = { .country = "FR" } },
				      { .place = { .country = "SE" } } };
	static const char *const prefixes[] = { "192.0.2.0/24", "192.0.2.128/25", "2001:db8::/32" };
	struct mr_geo *geo = NULL, *held;
	const char *why;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(mr_prefix_parse(mr_str_of(prefixes[i]), &rows[i].prefix, &why), MR_OK);
	ck_assert_int_eq(mr_geo_table_new(rows, 3, &geo), MR_OK);
	ck_assert_uint_eq(place_of(geo, "192.0.2.1").asn, 64500);
	expect_country(geo, "192.0.2.129", "FR");
	expect_country(geo, "2001:db8::1", "SE");
	expect_country(geo, "198.51.100.1", "");
	held = mr_geo_hold(geo);
	mr_geo_free(&geo);
	ck_assert_ptr_null(geo);
	expect_country(held, "::ffff:192.0.2.129", "FR");
	mr_geo_free(&held);
	mr_geo_free(&held);
}
END_TEST

START_TEST(nothing_known)
{
	struct mr_policy *none = policy_of(""), *some = policy_naming("country", "country.mmdb", "");
	struct mr_ip unknown = { .family = MR_IP_UNKNOWN };
	struct mr_geo_place place = { .asn = 99 };
	struct mr_geo *geo = open_named("country", "country.mmdb", "");
	char why[256] = "?";

	expect_country(NULL, "192.0.2.1", "");
	mr_geo_find(geo, &unknown, &place);
	ck_assert(place.country[0] == '\0' && place.asn == 0);
	mr_geo_free(&geo);
	ck_assert_int_eq(mr_geo_open(none, why, &geo), MR_OK);
	ck_assert_ptr_null(geo);
	ck_assert_str_eq(why, "");
	ck_assert(!mr_geo_is_stale(NULL, none) && mr_geo_is_stale(NULL, some));
	mr_policy_drop(&none);
	mr_policy_drop(&some);
}
END_TEST

/* ---- Good files ---- */

START_TEST(countries)
{
	static const char *const names[] = { "country-24-4.mmdb", "country-28-4.mmdb", "country-32-4.mmdb",
					     "country-24-6.mmdb", "country-28-6.mmdb", "country-32-6.mmdb" };
	struct mr_geo *geo = open_named("country", names[_i], "");

	expect_country(geo, "192.0.2.0", "DE");
	expect_country(geo, "192.0.2.255", "DE");
	expect_country(geo, "192.0.3.0", "");
	expect_country(geo, "198.51.100.127", "FR");
	expect_country(geo, "198.51.100.128", "IT"); /* written "it" */
	expect_country(geo, "203.0.113.7", "NO");
	expect_country(geo, "203.0.113.8", ""); /* a record without a country */
	expect_country(geo, "0.0.0.0", "AA");
	expect_country(geo, "0.0.0.1", "");
	expect_country(geo, "255.255.255.255", "QQ");
	expect_country(geo, "2001:db8:1::1", _i < 3 ? "" : "DK");
	expect_country(geo, "2001:db8:1::2", _i < 3 ? "" : "SE");
	expect_country(geo, "2001:db7::", "");
	expect_country(geo, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", _i < 3 ? "" : "QQ");
	ck_assert(!place_of(geo, "192.0.2.1").located);
	mr_geo_free(&geo);
}
END_TEST

START_TEST(flat_countries)
{
	struct mr_geo *geo = open_named("country", "flat.mmdb", "country_field = \"country.iso_code, country_code\"");

	expect_country(geo, "127.1.2.3", "DE");
	expect_country(geo, "127.3.255.255", "US");
	expect_country(geo, "127.4.0.1", ""); /* ZZ */
	expect_country(geo, "127.5.0.1", ""); /* an empty text */
	expect_country(geo, "2001:db8::7", "SE");
	mr_geo_free(&geo);
	geo = open_named("country", "pointers.mmdb", "");
	expect_country(geo, "192.0.2.1", "DE");
	mr_geo_free(&geo);
}
END_TEST

START_TEST(places_on_the_map)
{
	struct mr_geo *geo = open_named("country", "city.mmdb", "");
	struct mr_geo_place place = place_of(geo, "192.0.2.1");

	ck_assert(place.located && place.latitude == 525 && place.longitude == 134);
	place = place_of(geo, "198.51.100.1");
	ck_assert(place.located && place.latitude == -339 && place.longitude == 1512);
	place = place_of(geo, "2001:db8::1");
	ck_assert(place.located && place.latitude == 407 && place.longitude == -740);
	place = place_of(geo, "203.0.113.1"); /* 0, 0 */
	ck_assert(!place.located && place.latitude == 0 && place.longitude == 0);
	ck_assert_str_eq(place.country, "FR");
	mr_geo_free(&geo);
}
END_TEST

START_TEST(systems)
{
	struct mr_geo *geo = open_named("asn", "asn.mmdb", "");
	struct mr_geo_place place = place_of(geo, "192.0.2.1");

	ck_assert(place.asn == 64500 && place.country[0] == '\0');
	ck_assert_str_eq(place.as_name, "Example Net");
	place = place_of(geo, "198.51.100.1");
	ck_assert_uint_eq(place.asn, 4200000000);
	ck_assert_uint_eq(strlen(place.as_name), 62); /* whole characters: one more would need 64 bytes */
	ck_assert_str_eq(place.as_name + 58, "ää");
	ck_assert_str_eq(place_of(geo, "203.0.113.1").as_name, "");
	ck_assert_str_eq(place_of(geo, "203.0.113.129").as_name, "a?b?c");
	ck_assert_uint_eq(place_of(geo, "2001:db8::1").asn, 64503);
	ck_assert_uint_eq(place_of(geo, "10.0.0.1").asn, 0);
	mr_geo_free(&geo);
}
END_TEST

START_TEST(odd_numbers)
{
	static const struct {
		const char *address;
		uint32_t asn;
	} rows[] = { { "192.0.2.1", 64500 }, { "198.51.100.1", 64501 }, { "203.0.113.1", 64502 }, { "203.0.113.129", 0 },
		     { "10.0.0.1", 0 }, { "172.16.0.1", 0 }, { "192.168.0.1", 0 } };
	struct mr_geo *geo = open_named("asn", "odd-asn.mmdb", "");
	struct mr_geo_place place;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(place_of(geo, rows[i].address).asn == rows[i].asn, "%s", rows[i].address);
	mr_geo_free(&geo);
	geo = open_named("country", "odd-city.mmdb", "");
	place = place_of(geo, "192.0.2.1");
	ck_assert(place.located && place.latitude == 525 && place.longitude == -135);
	ck_assert(!place_of(geo, "198.51.100.1").located); /* 90.5 degrees north */
	ck_assert(!place_of(geo, "203.0.113.1").located);  /* not a number */
	place = place_of(geo, "10.0.0.1");                 /* a latitude alone */
	ck_assert(!place.located && place.latitude == 0 && strcmp(place.country, "NO") == 0);
	mr_geo_free(&geo);
	geo = open_named("country", "many.mmdb", "");
	expect_country(geo, "10.0.255.1", "DE");
	expect_country(geo, "10.3.231.1", "DE");
	expect_country(geo, "10.3.232.1", "");
	mr_geo_free(&geo);
}
END_TEST

START_TEST(one_file_for_both)
{
	char path[400], settings[1000];
	struct mr_policy *policy;
	struct mr_geo_place place;
	struct mr_geo *geo;

	path_of("text-asn.mmdb", path);
	snprintf(settings, sizeof(settings), "country = \"%s\" asn = \"%s\" country_field = \"country_code\" "
		 "asn_field = \"asn\" as_name_field = \"as_name\"", path, path);
	policy = policy_of(settings);
	geo = open_good(policy);
	place = place_of(geo, "192.0.2.1");
	ck_assert_str_eq(place.country, "DE");
	ck_assert_str_eq(place.as_name, "Example Net");
	ck_assert_uint_eq(place.asn, 64500); /* "AS64500" */
	ck_assert_uint_eq(place_of(geo, "198.51.100.1").asn, 64501);
	place = place_of(geo, "203.0.113.1"); /* "ASX", "" */
	ck_assert(place.asn == 0 && place.as_name[0] == '\0' && strcmp(place.country, "GB") == 0);
	mr_geo_free(&geo);
	mr_policy_drop(&policy);
}
END_TEST

/* ---- Refused ---- */

START_TEST(spoilt_files_are_refused)
{
	char where[400], name[300], why[256];
	struct dirent *entry;
	unsigned count = 0;
	DIR *files;

	path_of("bad", where);
	files = opendir(where);
	ck_assert_ptr_nonnull(files);
	while ((entry = readdir(files)) != NULL) {
		struct mr_policy *policy;
		struct mr_geo *geo = NULL;
		int err;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "bad/%s", entry->d_name);
		policy = policy_naming("country", name, "country_field = \"country.iso_code country_code\"");
		err = mr_geo_open(policy, why, &geo);
		ck_assert_msg(err == MR_ERR_REFUSED && geo == NULL, "%s: %d %s", name, err, why);
		ck_assert_msg(strstr(why, entry->d_name) != NULL && strstr(why, "; ") != NULL && strlen(why) < 250, "%s", why);
		mr_policy_drop(&policy);
		count++;
	}
	closedir(files);
	ck_assert_uint_ge(count, 60);
}
END_TEST

/* A file with one wrong bit is refused, or answers something, and nothing else happens. */
START_TEST(flipped_bits)
{
	unsigned opened = 0, refused = 0;
	char name[40], why[256];

	for (int i = 0; i < 300; i++) {
		struct mr_policy *policy;
		struct mr_geo *geo = NULL;

		snprintf(name, sizeof(name), "flipped/%03d.mmdb", i);
		policy = policy_naming("country", name, "");
		if (mr_geo_open(policy, why, &geo) != MR_OK) {
			ck_assert_ptr_null(geo);
			refused++;
		} else {
			opened++;
		}
		for (int k = 0; k < 256; k++) {
			struct mr_ip ip = mr_ip_from_bytes((unsigned char[]){ 198, 51, 100, (unsigned char)k }, 4);
			struct mr_geo_place place;

			mr_geo_find(geo, &ip, &place);
			ck_assert(place.country[0] == '\0' || strlen(place.country) == 2);
		}
		mr_geo_free(&geo);
		mr_policy_drop(&policy);
	}
	ck_assert(opened > 0 && refused > 0);
}
END_TEST

START_TEST(refusals_in_words)
{
	char path[400];

	expect_refused(policy_naming("country", "absent.mmdb", ""), "geo.country: ", "put a database there");
	expect_refused(policy_naming("asn", "absent/x.mmdb", ""), "No such file", "correct the path");
	expect_refused(policy_naming("country", "bad", ""), "not a plain file", "name the .mmdb file");
	path_of("pipe", path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_refused(policy_naming("country", "pipe", ""), "not a plain file", "name the .mmdb file");
	path_of("huge", path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(truncate(path, (off_t)(1u << 30) + 1), 0);
	expect_refused(policy_naming("country", "huge", ""), "larger than 1 GiB", "smaller");
	expect_refused(policy_naming("country", "asn.mmdb", ""), "(Test-ASN) has nothing to use at",
		       "geo.country_field");
	expect_refused(policy_naming("asn", "country.mmdb", ""), "nothing to use", "geo.asn_field");
	expect_refused(policy_naming("asn", "country.mmdb", "asn_field = \"country\""), "is not a number or a text",
		       "geo.asn_field");
	expect_refused(policy_naming("country", "country.mmdb", "country_field = \"country\""), "is not a text",
		       "geo.country_field");
}
END_TEST

START_TEST(half_of_it_is_better_than_nothing)
{
	char good[400], bad[400], settings[1000], why[256];
	struct mr_policy *policy;
	struct mr_geo *geo = NULL;

	path_of("country.mmdb", good);
	path_of("bad/text.mmdb", bad);
	snprintf(settings, sizeof(settings), "country = \"%s\" asn = \"%s\"", good, bad);
	policy = policy_of(settings);
	ck_assert_int_eq(mr_geo_open(policy, why, &geo), MR_ERR_REFUSED);
	ck_assert_msg(strstr(why, "geo.asn: ") == why, "%s", why);
	expect_country(geo, "192.0.2.1", "DE");
	ck_assert(mr_geo_is_stale(geo, policy));
	mr_geo_free(&geo);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(no_memory)
{
	struct mr_policy *policy = policy_naming("country", "country.mmdb", "");
	struct mr_geo *geo = NULL;
	char why[256];
	int err = MR_ERR_NOMEM;
	long nth;

	for (nth = 1; err != MR_OK && nth < 100; nth++) {
		mr_alloc_starve(nth);
		err = mr_geo_open(policy, why, &geo);
		mr_alloc_starve(0);
		ck_assert_msg(err == MR_OK || (err == MR_ERR_NOMEM && geo == NULL && strstr(why, "no memory")), "%s", why);
	}
	ck_assert_int_gt(nth, 5);
	mr_geo_free(&geo);
	mr_policy_drop(&policy);
}
END_TEST

/* ---- Replaced ---- */

START_TEST(replaced_files_are_seen)
{
	struct mr_policy *policy, *other;
	char path[400], fresh[400];
	struct mr_geo *geo, *next;

	copy_file("country.mmdb", "live.mmdb");
	policy = policy_naming("country", "live.mmdb", "");
	geo = open_good(policy);
	path_of("live.mmdb", path);
	path_of("fresh.mmdb", fresh);
	copy_file("flat.mmdb", "fresh.mmdb");
	ck_assert_int_eq(rename(fresh, path), 0);
	ck_assert(mr_geo_is_stale(geo, policy));
	expect_country(geo, "192.0.2.1", "DE");
	mr_policy_drop(&policy);
	policy = policy_naming("country", "live.mmdb", "country_field = \"country_code\"");
	next = open_good(policy);
	expect_country(next, "127.1.0.1", "DE");
	expect_country(geo, "127.1.0.1", "");
	/* Cut off in place: what is open does not mind. */
	ck_assert_int_eq(truncate(path, 10), 0);
	ck_assert(mr_geo_is_stale(next, policy));
	expect_country(next, "127.2.0.1", "FR");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert(mr_geo_is_stale(next, policy));
	expect_country(next, "127.3.0.1", "US");
	other = policy_naming("country", "live.mmdb", "country_field = \"country_name\"");
	ck_assert(mr_geo_is_stale(next, other));
	mr_policy_drop(&other);
	other = policy_naming("asn", "asn.mmdb", "");
	ck_assert(mr_geo_is_stale(next, other));
	mr_policy_drop(&other);
	mr_geo_free(&geo);
	mr_geo_free(&next);
	mr_policy_drop(&policy);
}
END_TEST

enum { READERS = 4, SWAPS = 60 };

struct scene {
	pthread_mutex_t lock;
	struct mr_geo *geo; /* under lock */
	atomic_bool over;
	atomic_uint looked_up, wrong;
};

static void *read_places(void *argument)
{
	struct scene *scene = argument;
	struct mr_ip ip = ip_of("192.0.2.1");

	while (!atomic_load(&scene->over)) {
		struct mr_geo_place place;
		struct mr_geo *geo;

		pthread_mutex_lock(&scene->lock);
		geo = mr_geo_hold(scene->geo);
		pthread_mutex_unlock(&scene->lock);
		for (int i = 0; i < 50; i++) {
			mr_geo_find(geo, &ip, &place);
			if (strcmp(place.country, "DE") != 0)
				atomic_fetch_add(&scene->wrong, 1);
			atomic_fetch_add(&scene->looked_up, 1);
		}
		mr_geo_free(&geo);
	}
	return NULL;
}

START_TEST(swapped_while_others_look)
{
	static const char *const names[] = { "country-24-6.mmdb", "country-32-4.mmdb", "city.mmdb", "bad/cut-in-data.mmdb" };
	struct scene scene = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t readers[READERS];

	scene.geo = open_named("country", names[0], "");
	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, read_places, &scene), 0);
	for (int i = 0; i < SWAPS; i++) {
		struct mr_policy *policy;
		struct mr_geo *next = NULL, *old;
		char why[256];

		copy_file(names[i % 4], "swapped.mmdb"); /* in place, on purpose */
		policy = policy_naming("country", "swapped.mmdb", "");
		ck_assert_int_eq(mr_geo_open(policy, why, &next) == MR_OK, i % 4 != 3);
		mr_policy_drop(&policy);
		if (next == NULL)
			continue;
		pthread_mutex_lock(&scene.lock);
		old = scene.geo;
		scene.geo = next;
		pthread_mutex_unlock(&scene.lock);
		mr_geo_free(&old);
	}
	while (atomic_load(&scene.looked_up) < 1000)
		usleep(1000);
	atomic_store(&scene.over, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	ck_assert_uint_eq(atomic_load(&scene.wrong), 0);
	mr_geo_free(&scene.geo);
}
END_TEST

/* ---- */

static int make_files(void)
{
	const char *source = getenv("top_srcdir"), *python = getenv("PYTHON");
	char program[1000];
	char *arguments[] = { (char *)(python != NULL ? python : "python3"), program, (char *)"--fixtures", folder, NULL };
	int status = -1;
	pid_t pid;

	snprintf(program, sizeof(program), "%s/tests/geo/make_mmdb.py", source != NULL ? source : ".");
	if (mkdtemp(folder) == NULL || posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ) != 0)
		return 77;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : 1;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

int main(void)
{
	Suite *suite = suite_create("geo");
	TCase *files = tcase_create("files"), *list_case = tcase_create("list");
	int made = make_files(), status;

	tcase_add_test(list_case, list);
	suite_add_tcase(suite, list_case);
	if (made == 0) {
		tcase_add_test(files, nothing_known);
		tcase_add_loop_test(files, countries, 0, 6);
		tcase_add_test(files, flat_countries);
		tcase_add_test(files, places_on_the_map);
		tcase_add_test(files, systems);
		tcase_add_test(files, odd_numbers);
		tcase_add_test(files, one_file_for_both);
		tcase_add_test(files, spoilt_files_are_refused);
		tcase_add_test(files, flipped_bits);
		tcase_add_test(files, refusals_in_words);
		tcase_add_test(files, half_of_it_is_better_than_nothing);
		tcase_add_test(files, no_memory);
		tcase_add_test(files, replaced_files_are_seen);
		tcase_add_test(files, swapped_while_others_look);
	} else {
		printf("the MMDB files could not be made: python3 and tests/geo/make_mmdb.py are needed\n");
	}
	suite_add_tcase(suite, files);
	status = mr_run_suite(suite);
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return status == 0 ? made : status;
}
