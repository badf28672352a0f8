/* Tests of lib/policy/rates.c: what text becomes which limits. The faults are in tests/corpus/policy. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "harness.h"
#include "model/policy.h"
#include "policy/faults.h"
#include "policy/setting.h"
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

START_TEST(defaults)
{
	struct mr_policy *policy = policy_of("");
	const struct mr_rates_entry *entry;

	ck_assert_uint_eq(policy->rates.count, 0);
	mr_policy_drop(&policy);
	policy = policy_of("limits: { rates: { name = \"a\"  messages = \"100/1h\" } }");
	ck_assert_uint_eq(policy->rates.count, 1);
	entry = &policy->rates.entries[0];
	ck_assert_int_eq(entry->asked, MR_RULE_RATES);
	ck_assert_int_eq(entry->rule.mode, MR_MODE_OBSERVE);
	ck_assert_int_eq(entry->rule.action, MR_TEMPFAIL);
	ck_assert_int_eq(entry->rule.cannot_tell, MR_ACCEPT);
	ck_assert_int_eq(entry->action, MR_RATE_TEMPFAIL);
	ck_assert_int_eq(entry->per, MR_RATE_PER_LOGIN);
	ck_assert_int_eq(entry->from, MR_RATE_ANY);
	ck_assert(!entry->exact && !entry->like && !entry->domains && !entry->sources && !entry->listeners);
	ck_assert_uint_eq(entry->metrics, 1u << MR_METRIC_MESSAGES);
	ck_assert_uint_eq(entry->limit_count, 1);
	ck_assert_uint_eq(entry->limits[0].rate.most, 100);
	ck_assert_int_eq(entry->limits[0].rate.window_ms, 3600000);
	ck_assert_str_eq(entry->limits[0].label, "a.messages.1h");
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(every_metric_and_unit)
{
	struct mr_policy *policy = policy_of("limits: { rates: ( { name = \"all_of-It1\"  messages = [ \"10/90s\", \"70/1d\" ]"
		"  recipients = ( \"100/2h30m\" )  distinct_recipients = \"10000/7d\"  refused_recipients = \"20/1h\""
		"  addresses = \"5/1d\"  networks = \"4/1d\"  countries = \"3/1d\"  bytes = [ \"1G/1d\", \"1000/60s\" ]"
		"  spam = \"2/1d\"  similar = \"50/100d\" } ) }");
	const struct mr_rates_entry *entry = &policy->rates.entries[0];
	static const char *const labels[] = { "messages.90s", "messages.1d", "recipients.150m", "distinct_recipients.7d",
		"refused_recipients.1h", "addresses.1d", "networks.1d", "countries.1d", "bytes.1d", "bytes.1m", "spam.1d",
		"similar.100d" };
	static const uint64_t most[] = { 10, 70, 100, 10000, 20, 5, 4, 3, 1 << 30, 1000, 2, 50 };

	ck_assert_uint_eq(entry->limit_count, sizeof(labels) / sizeof(labels[0]));
	for (size_t i = 0; i < entry->limit_count; i++) {
		ck_assert_int_eq(strncmp(entry->limits[i].label, "all_of-It1.", 11), 0);
		ck_assert_str_eq(entry->limits[i].label + 11, labels[i]);
		ck_assert_uint_eq(entry->limits[i].rate.most, most[i]);
	}
	ck_assert_uint_eq(entry->metrics, (1u << MR_METRIC_COUNT) - 1);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(unlimited_is_named_and_has_no_limit)
{
	struct mr_policy *policy = policy_of("limits: { rates: ( { name = \"a\"  messages = \"unlimited\""
		"  bytes = [ \"unlimited\" ]  logins = \"a@example.com\" } ) }");
	const struct mr_rates_entry *entry = &policy->rates.entries[0];

	ck_assert_uint_eq(entry->metrics, 1u << MR_METRIC_MESSAGES | 1u << MR_METRIC_BYTES);
	ck_assert_uint_eq(entry->limit_count, 0);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(whom_it_holds_for)
{
	struct mr_policy *policy = policy_of("login: { default_domain = \"example.com\" }\n"
		"networks: { office: { addresses = \"198.51.100.0/24\" }  home: { addresses = \"203.0.113.0/24\""
		"  except = \"203.0.113.1\" } }\n"
		"limits: { rates: ("
		"{ name = \"a\"  messages = \"1/1h\"  logins = [ \"Alice\", \"news-*@example.com\", \"@lists.example.com\" ] },"
		"{ name = \"b\"  messages = \"1/1h\"  domains = [ \"example.com\", \".example.com\" ] },"
		"{ name = \"c\"  messages = \"1/1h\"  per = \"source\"  class = \"networks\"  sources = [ \"office\" ] },"
		"{ name = \"d\"  messages = \"1/1h\"  per = \"listener\"  class = \"private\"  listeners = [ \"submission\" ] },"
		"{ name = \"e\"  messages = \"1/1h\"  class = \"other\"  except = [ \"home\" ] } ) }");
	const struct mr_rates_entry *e = policy->rates.entries;
	struct mr_ip office, router;

	ck_assert_int_eq(mr_ip_parse(MR_STR("198.51.100.7"), &office), 0);
	ck_assert_int_eq(mr_ip_parse(MR_STR("203.0.113.1"), &router), 0);
	ck_assert_uint_eq(policy->rates.count, 5);
	ck_assert(mr_patternset_has(e[0].exact, MR_STR("alice@example.com")));
	ck_assert(!mr_patternset_has(e[0].exact, MR_STR("news-1@example.com")));
	ck_assert(mr_patternset_has(e[0].like, MR_STR("news-1@example.com")));
	ck_assert(mr_patternset_has(e[0].like, MR_STR("x@lists.example.com")));
	ck_assert(!mr_patternset_has(e[0].like, MR_STR("alice@example.com")));
	ck_assert(mr_domainset_has(e[1].domains, MR_STR("a.example.com")));
	ck_assert_int_eq(e[2].per, MR_RATE_PER_SOURCE);
	ck_assert_int_eq(e[2].from, MR_RATE_NETWORKS);
	ck_assert(mr_prefixset_has(e[2].sources, &office) && !mr_prefixset_has(e[2].sources, &router));
	ck_assert_int_eq(e[3].per, MR_RATE_PER_LISTENER);
	ck_assert_int_eq(e[3].from, MR_RATE_PRIVATE);
	ck_assert(mr_strmap_has(e[3].listeners, MR_STR("submission")));
	ck_assert_int_eq(e[4].from, MR_RATE_OTHER);
	ck_assert(!mr_prefixset_has(e[4].rule.except, &office) && !mr_prefixset_is_empty(e[4].rule.except));
	ck_assert(mr_prefixset_has(policy->rates.networks, &office));
	ck_assert(!mr_prefixset_has(policy->rates.networks, &router));
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(actions_and_modes)
{
	static const char *const words[] = { "alert", "hold", "tempfail", "reject", "freeze" };
	static const enum mr_verdict verdicts[] = { MR_ACCEPT, MR_HOLD, MR_TEMPFAIL, MR_REJECT, MR_REJECT };
	char text[200];
	struct mr_policy *policy;

	for (size_t i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "limits: { rates: { name = \"a\"  messages = \"1/1h\"  mode = \"enforce\""
			 "  action = \"%s\" } }", words[i]);
		policy = policy_of(text);
		ck_assert_int_eq(policy->rates.entries[0].action, (int)i);
		ck_assert_int_eq(policy->rates.entries[0].rule.action, verdicts[i]);
		ck_assert_int_eq(policy->rates.entries[0].rule.mode, MR_MODE_ENFORCE);
		mr_policy_drop(&policy);
	}
	/* The mode of limits is the most that they may do. */
	policy = policy_of("limits: { mode = \"observe\"  rates: { name = \"a\"  messages = \"1/1h\"  mode = \"enforce\" } }");
	ck_assert_int_eq(policy->rates.entries[0].rule.mode, MR_MODE_OBSERVE);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(ceilings_of_hijack)
{
	struct mr_policy *policy = policy_of("hijack: { mode = \"enforce\"  action = \"hold\""
		"  messages = \"200/1h\"  recipients = [ \"500/1h\", \"2000/1d\" ] }\n"
		"limits: { rates: { name = \"a\"  recipients = \"1/1h\" } }");
	const struct mr_rates_entry *entry = &policy->rates.entries[1];

	ck_assert_uint_eq(policy->rates.count, 2);
	ck_assert_str_eq(entry->name, "hijack");
	ck_assert_int_eq(entry->asked, MR_RULE_HIJACK);
	ck_assert_int_eq(entry->per, MR_RATE_PER_CEILING);
	ck_assert_int_eq(entry->rule.mode, MR_MODE_ENFORCE);
	ck_assert_int_eq(entry->action, MR_RATE_HOLD);
	ck_assert_int_eq(entry->rule.action, MR_HOLD);
	ck_assert_uint_eq(entry->limit_count, 3);
	ck_assert_str_eq(entry->limits[0].label, "hijack.messages.1h");
	ck_assert_str_eq(entry->limits[2].label, "hijack.recipients.1d");
	ck_assert_uint_eq(entry->limits[2].rate.most, 2000);
	mr_policy_drop(&policy);
	policy = policy_of("hijack: { recipients = \"500/1h\" }");
	ck_assert_int_eq(policy->rates.entries[0].action, MR_RATE_FREEZE);
	ck_assert_int_eq(policy->rates.entries[0].rule.mode, MR_MODE_OBSERVE);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(limits_as_text)
{
	static const struct {
		const char *setting, *text;
		int err;
		int64_t count, span_ms;
	} cases[] = {
		{ "limits.rates.messages", "10/1h", MR_OK, 10, 3600000 },
		{ "limits.rates.messages", "unlimited", MR_OK, INT64_MAX, 0 },
		{ "limits.rates.messages", "1K/1h", MR_ERR_SYNTAX, 0, 0 },
		{ "limits.rates.messages", "10", MR_ERR_SYNTAX, 0, 0 },
		{ "limits.rates.messages", "10/", MR_ERR_SYNTAX, 0, 0 },
		{ "limits.rates.messages", "/1h", MR_ERR_SYNTAX, 0, 0 },
		{ "limits.rates.messages", "10/1", MR_ERR_SYNTAX, 0, 0 },
		{ "limits.rates.messages", "Unlimited", MR_ERR_SYNTAX, 0, 0 },
		{ "limits.rates.messages", "0/1h", MR_ERR_RANGE, 0, 0 },
		{ "limits.rates.messages", "1000000001/1h", MR_ERR_RANGE, 0, 0 },
		{ "limits.rates.messages", "10/500ms", MR_ERR_RANGE, 0, 0 },
		{ "limits.rates.messages", "10/1500ms", MR_ERR_RANGE, 0, 0 },
		{ "limits.rates.messages", "10/101d", MR_ERR_RANGE, 0, 0 },
		{ "limits.rates.messages", "10/100d", MR_OK, 10, INT64_C(8640000000) },
		{ "limits.rates.similar", "10001/1h", MR_ERR_RANGE, 0, 0 },
		{ "limits.rates.distinct_recipients", "10000/1h", MR_OK, 10000, 3600000 },
		{ "limits.rates.bytes", "1G/1d", MR_OK, 1 << 30, 86400000 },
		{ "limits.rates.bytes", "5/1d", MR_OK, 5, 86400000 },
		{ "limits.rates.bytes", "1G", MR_ERR_SYNTAX, 0, 0 },
		{ "limits.rates.bytes", "1X/1d", MR_ERR_SYNTAX, 0, 0 },
		{ "limits.rates.bytes", "0/1d", MR_ERR_RANGE, 0, 0 },
		{ "limits.rates.bytes", "2000T/1d", MR_ERR_RANGE, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t count, span;
		int err = mr_limit_parse(mr_setting_find(mr_str_of(cases[i].setting)), mr_str_of(cases[i].text), &count,
					 &span);

		ck_assert_msg(err == cases[i].err, "%s: %d", cases[i].text, err);
		if (err == MR_OK) {
			ck_assert_int_eq(count, cases[i].count);
			ck_assert_int_eq(span, cases[i].span_ms);
		}
	}
}
END_TEST

/* Whether a policy with 65 limits for one message is refused, and one with 64 is not. */
START_TEST(a_message_has_a_bounded_number_of_limits)
{
	static const char *const names[] = { "messages", "recipients", "distinct_recipients", "refused_recipients",
		"addresses", "networks", "countries", "bytes", "spam", "similar" };
	char text[8192];
	struct mr_policy *policy;
	struct mr_faults *faults;

	for (int more = 0; more < 2; more++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "domains = \"example.com\"  limits: { rates: (");

		for (int entry = 0; entry < 2; entry++) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s{ name = \"e%d\"  per = \"%s\"", entry ? "," : "",
					      entry, entry ? "listener" : "login");
			for (size_t i = 0; i < 8; i++)
				n += (size_t)snprintf(text + n, sizeof(text) - n,
						      "  %s = [ \"1/1h\", \"2/2h\", \"3/3h\", \"4/4h\" ]", names[i]);
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s }", entry && more ? "  spam = \"1/1h\"" : "");
		}
		snprintf(text + n, sizeof(text) - n, ") }");
		ck_assert_int_eq(build(text, &policy, &faults), more ? MR_ERR_REFUSED : MR_OK);
		mr_faults_free(&faults);
		if (policy)
			mr_policy_drop(&policy);
	}
}
END_TEST

/* Every allocation that can fail does: nothing is lost, nothing crashes. */
START_TEST(without_memory)
{
	static const char text[] = "domains = \"example.com\"  networks: { o: { addresses = \"198.51.100.0/24\" } }"
		" hijack: { recipients = \"1/1h\" }"
		" limits: { rates: ( { name = \"a\"  messages = [ \"1/1h\", \"2/1d\" ]  logins = [ \"a\", \"*@b.example\" ] },"
		" { name = \"b\"  bytes = \"1/1h\"  domains = \"example.com\" },"
		" { name = \"c\"  bytes = \"1/1h\"  per = \"source\"  sources = \"o\"  except = \"o\" } ) }";
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;

	for (long nth = 1; !policy && nth < 5000; nth++) {
		int err;

		mr_alloc_starve(nth);
		err = build(text, &policy, &faults);
		mr_alloc_starve(0);
		ck_assert(err == MR_OK || err == MR_ERR_NOMEM);
		ck_assert((err == MR_OK) == (policy != NULL));
		mr_faults_free(&faults);
	}
	ck_assert_ptr_nonnull(policy);
	mr_policy_drop(&policy);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policy_rates");
	TCase *tests = tcase_create("tests");

	tcase_add_test(tests, defaults);
	tcase_add_test(tests, every_metric_and_unit);
	tcase_add_test(tests, unlimited_is_named_and_has_no_limit);
	tcase_add_test(tests, whom_it_holds_for);
	tcase_add_test(tests, actions_and_modes);
	tcase_add_test(tests, ceilings_of_hijack);
	tcase_add_test(tests, limits_as_text);
	tcase_add_test(tests, a_message_has_a_bounded_number_of_limits);
	tcase_add_test(tests, without_memory);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
