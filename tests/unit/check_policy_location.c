/* Tests of lib/policy/location.c: what text becomes which places. The faults are in tests/corpus/policy. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "harness.h"
#include "model/policy.h"
#include "policy/faults.h"
#include "policy/source.h"

static int
build(const char *text, struct mr_policy **policy_r, struct mr_faults **faults_r)
{
	struct mr_policy_text *files = NULL;
	int err = mr_policy_text_from_memory("test.conf", mr_str_of(text), &files);

	*policy_r = NULL;
	*faults_r = NULL;
	if (err == MR_OK)
		err = mr_policy_build(files, 1795305600000, NULL, policy_r, faults_r);
	mr_policy_text_free(&files);
	return err;
}

/* The policy of a site with these settings, which has no errors. */
static struct mr_policy *
policy_of(const char *settings)
{
	char text[4096];
	struct mr_policy *policy;
	struct mr_faults *faults;
	int err;

	snprintf(text, sizeof(text), "domains = \"example.com\" %s", settings);
	err = build(text, &policy, &faults);
	ck_assert_msg(err == MR_OK, "%s: %s", text,
		      faults && mr_faults_at(faults, 0) ? mr_faults_at(faults, 0)->what : "no fault");
	mr_faults_free(&faults);
	return policy;
}

static uint16_t
code(const char *country)
{
	return (uint16_t)((unsigned char)country[0] << 8 | (unsigned char)country[1]);
}

START_TEST(defaults)
{
	struct mr_policy *policy = policy_of("");
	static const struct {
		const char *name, *value;
	} texts[] = { { "geo.country", NULL }, { "geo.asn", NULL }, { "geo.country_field", "country.iso_code country_code" },
		{ "geo.asn_field", "autonomous_system_number asn" }, { "geo.as_name_field", "autonomous_system_organization as_name" },
		{ "geo.latitude_field", "location.latitude" }, { "geo.longitude_field", "location.longitude" } };
	const char *text;

	ck_assert_uint_eq(policy->location.count, 0);
	ck_assert_uint_eq(policy->geo.shared.country_count + policy->geo.shared.asn_count, 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_int_eq(mr_policy_get_text(policy, texts[i].name, &text), MR_OK);
		ck_assert_pstr_eq(text, texts[i].value);
	}
	mr_policy_drop(&policy);
	policy = policy_of("location: { logins_from = \"DE\" }");
	ck_assert_uint_eq(policy->location.count, 1);
	ck_assert_int_eq(policy->location.entries[0].rule.mode, MR_MODE_OBSERVE);
	ck_assert_int_eq(policy->location.entries[0].rule.action, MR_REJECT);
	ck_assert_int_eq(policy->location.entries[0].rule.cannot_tell, MR_ACCEPT);
	ck_assert(!policy->location.entries[0].logins && !policy->location.entries[0].domains);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(databases)
{
	struct mr_policy *policy = policy_of("geo: { country = \"/a/c.mmdb\"  asn = \"/a/a.mmdb\"  country_field = \"country_code\""
		"  shared = [ \"AS64501\", \"eu\", \"AS64500\", \"AS64501\" ] }");
	const char *text;

	ck_assert_int_eq(mr_policy_get_text(policy, "geo.country", &text), MR_OK);
	ck_assert_str_eq(text, "/a/c.mmdb");
	ck_assert_int_eq(mr_policy_get_text(policy, "geo.country_field", &text), MR_OK);
	ck_assert_str_eq(text, "country_code");
	ck_assert_uint_eq(policy->geo.shared.asn_count, 2);
	ck_assert(policy->geo.shared.asns[0] == 64500 && policy->geo.shared.asns[1] == 64501);
	ck_assert_uint_eq(policy->geo.shared.country_count, 1);
	ck_assert_uint_eq(policy->geo.shared.countries[0], code("EU"));
	mr_policy_drop(&policy);
}
END_TEST

/* Whatever their order in the text: entries for logins come first, then those for domains, then the rest. */
START_TEST(order_of_entries)
{
	struct mr_policy *policy = policy_of("location: ("
		"{ logins_from = [ \"FR\", \"DE\", \"at\", \"DE\" ]  mode = \"enforce\"  cannot_tell = \"tempfail\" },"
		"{ domains = [ \"example.com\" ]  logins_not_from = \"AS4294967295\"  action = \"tempfail\" },"
		"{ logins = [ \"Boss@example.com\" ]  logins_not_from = [ \"AS1\", \"RU\" ]  except = \"192.0.2.0/24\" },"
		"{ domains = [ \"example.org\" ]  logins_from = \"CH\" } )");
	const struct mr_location_entry *e = policy->location.entries;

	ck_assert_uint_eq(policy->location.count, 4);
	ck_assert(mr_patternset_has(e[0].logins, MR_STR("boss@example.com")) && !e[0].domains);
	ck_assert(e[0].not_from.asn_count == 1 && e[0].not_from.asns[0] == 1);
	ck_assert(e[0].not_from.country_count == 1 && e[0].not_from.countries[0] == code("RU"));
	ck_assert(!mr_prefixset_is_empty(e[0].rule.except));
	ck_assert(mr_domainset_has(e[1].domains, MR_STR("example.com")));
	ck_assert_uint_eq(e[1].not_from.asns[0], UINT32_MAX);
	ck_assert_int_eq(e[1].rule.action, MR_TEMPFAIL);
	ck_assert(mr_domainset_has(e[2].domains, MR_STR("example.org")));
	ck_assert(!e[3].logins && !e[3].domains);
	ck_assert_int_eq(e[3].rule.mode, MR_MODE_ENFORCE);
	ck_assert_int_eq(e[3].rule.cannot_tell, MR_TEMPFAIL);
	ck_assert_uint_eq(e[3].from.country_count, 3);
	ck_assert(e[3].from.countries[0] == code("AT") && e[3].from.countries[1] == code("DE") &&
		  e[3].from.countries[2] == code("FR"));
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(what_is_no_place)
{
	static const char *const bad[] = { "D", "DEU", "D1", "", "AS0", "AS01", "AS4294967296", "AS99999999999", "AS-1",
					   "AS 1", "UK", "\xc3\xa4\xc3\xb6", "1", "64500", "A\x01" };
	char text[200];
	struct mr_policy *policy;
	struct mr_faults *faults;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "domains = \"example.com\"\nlocation: { logins_from = [ \"%s\" ] }", bad[i]);
		ck_assert_msg(build(text, &policy, &faults) == MR_ERR_REFUSED, "%s", bad[i]);
		ck_assert_uint_eq(mr_faults_at(faults, 0)->line, 2);
		mr_faults_free(&faults);
	}
}
END_TEST

START_TEST(what_is_no_field)
{
	static const char *const bad[] = { ".a", "a.", "a..b", "a b. c", "a.b.c.d.e.f.g.h.i", "", "  ", "a b c d e", "a\xc3\xa4" };
	char text[200];
	struct mr_policy *policy;
	struct mr_faults *faults;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "domains = \"example.com\"\ngeo: { asn_field = \"%s\" }", bad[i]);
		ck_assert_msg(build(text, &policy, &faults) == MR_ERR_REFUSED, "%s", bad[i]);
		mr_faults_free(&faults);
	}
	policy = policy_of("geo: { asn_field = \"a.b.c.d.e.f.g.h  a b c \" }");
	mr_policy_drop(&policy);
}
END_TEST

/* Every allocation that can fail does: nothing is lost, nothing crashes. */
START_TEST(without_memory)
{
	static const char text[] = "domains = \"example.com\"  geo: { shared = [ \"AS1\", \"DE\" ] }"
		" location: ( { logins = \"a\"  logins_from = [ \"DE\", \"AS2\" ]  except = \"192.0.2.1\" },"
		" { domains = \"example.com\"  logins_not_from = \"FR\" } )";
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	long nth = 1;

	for (; !policy && nth < 5000; nth++) {
		int err;

		mr_alloc_starve(nth);
		err = build(text, &policy, &faults);
		mr_alloc_starve(0);
		ck_assert(err == MR_OK || err == MR_ERR_NOMEM);
		ck_assert((err == MR_OK) == (policy != NULL));
		mr_faults_free(&faults);
	}
	ck_assert_ptr_nonnull(policy);
	ck_assert_int_gt(nth, 30);
	mr_policy_drop(&policy);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policy_location");
	TCase *tests = tcase_create("tests");

	tcase_add_test(tests, defaults);
	tcase_add_test(tests, databases);
	tcase_add_test(tests, order_of_entries);
	tcase_add_test(tests, what_is_no_place);
	tcase_add_test(tests, what_is_no_field);
	tcase_add_test(tests, without_memory);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
