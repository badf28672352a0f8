/* Tests of lib/policy: what text becomes which policy. The faults have their own tests: tests/corpus/policy. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "harness.h"
#include "model/policy.h"
#include "policy/faults.h"
#include "policy/lint.h"
#include "policy/setting.h"
#include "policy/source.h"

static const int64_t now_ms = 1795305600000; /* in November 2026 */

static int build_text(const char *text, struct mr_policy **policy_r, struct mr_faults **faults_r)
{
	struct mr_policy_text *files = NULL;
	int err;

	ck_assert_int_eq(mr_policy_text_from_memory("test.conf", mr_str_of(text), &files), MR_OK);
	err = mr_policy_build(files, now_ms, NULL, policy_r, faults_r);
	mr_policy_text_free(&files);
	return err;
}

/* A policy from text that has no errors. */
static struct mr_policy *policy_of(const char *text)
{
	struct mr_policy *policy;
	struct mr_faults *faults;
	int err = build_text(text, &policy, &faults);

	ck_assert_msg(err == MR_OK, "%s: %s", text,
		      faults && mr_faults_at(faults, 0) ? mr_faults_at(faults, 0)->what : "no fault");
	mr_faults_free(&faults);
	return policy;
}

static struct mr_ip ip_of(const char *text)
{
	struct mr_ip ip;

	ck_assert_int_eq(mr_ip_parse(mr_str_of(text), &ip), MR_OK);
	return ip;
}

static bool has_ip(const struct mr_prefixset *set, const char *text)
{
	struct mr_ip ip = ip_of(text);

	return mr_prefixset_has(set, &ip);
}

START_TEST(defaults)
{
	struct mr_policy *policy = policy_of("domains = \"example.com\"");
	const char *text;
	int64_t number;

	ck_assert_int_eq(policy->mode, MR_MODE_ENFORCE);
	ck_assert(mr_domainset_has(policy->domains, MR_STR("example.com")));
	ck_assert_int_eq(policy->relay.rule.mode, MR_MODE_ENFORCE);
	ck_assert_int_eq(policy->relay.rule.action, MR_REJECT);
	ck_assert_int_eq(policy->relay.rule.cannot_tell, MR_REJECT);
	ck_assert(mr_prefixset_is_empty(policy->relay.networks));
	ck_assert_ptr_null(policy->relay.logins);
	ck_assert(policy->relay.local_submission && !policy->relay.routing_characters);
	ck_assert(mr_strmap_has(policy->relay.local_mailers, MR_STR("local")));
	ck_assert_int_eq(policy->access.rule.mode, MR_MODE_ENFORCE);
	ck_assert_int_eq(policy->access.rule.cannot_tell, MR_ACCEPT);
	ck_assert_int_eq(policy->access.at, MR_ACCESS_AT_MAIL);
	ck_assert_int_eq(policy->auth.rule.mode, MR_MODE_OBSERVE);
	ck_assert(!policy->auth.local_senders && !policy->auth.local_networks && !policy->auth.roles);
	ck_assert_ptr_null(policy->auth.listeners);
	ck_assert_uint_eq(mr_strmap_count(policy->auth.role_names), 3);
	ck_assert_uint_eq(policy->shield_count, 0);
	ck_assert_int_eq(policy->sender.rule.mode, MR_MODE_OBSERVE);
	ck_assert(policy->sender.own && policy->sender.aliases && policy->sender.plus && policy->sender.null_sender);
	ck_assert(!policy->sender.header_from && !policy->sender.header_sender);
	ck_assert_ptr_null(policy->sender.logins);
	ck_assert_int_eq(policy->exists.rule.mode, MR_MODE_ENFORCE);
	ck_assert_ptr_null(policy->accounts);
	ck_assert_int_eq(policy->helo.rule.mode, MR_MODE_OBSERVE);
	ck_assert_int_eq(policy->limits.recipients, 0);
	ck_assert_int_eq(policy->limits.size, 0);
	ck_assert(policy->limits.size_from_body);
	ck_assert(policy->login.fold_case && !policy->login.strip_plus);
	ck_assert_str_eq(policy->log.events, "/var/log/mailreeve/events.ndjson");
	ck_assert_ptr_null(policy->log.facts);
	ck_assert_str_eq(mr_policy_file(policy), "test.conf");
	ck_assert_int_eq(mr_policy_get_text(policy, "milter", &text), 0);
	ck_assert_str_eq(text, "unix:/run/mailreeve/milter.sock");
	ck_assert_int_eq(mr_policy_get_text(policy, "milter_group", &text), 0);
	ck_assert_ptr_null(text);
	ck_assert_int_eq(mr_policy_get_number(policy, "drain", &number), 0);
	ck_assert_int_eq(number, 10000);
	ck_assert_int_eq(mr_policy_get_number(policy, "milter_anywhere", &number), 0);
	ck_assert_int_eq(number, 0);
	ck_assert_int_eq(mr_policy_get_number(policy, "milter", &number), MR_ERR_NOTFOUND);
	ck_assert_int_eq(mr_policy_get_text(policy, "drain", &text), MR_ERR_NOTFOUND);
	ck_assert_int_eq(mr_policy_get_text(policy, "nothing", &text), MR_ERR_NOTFOUND);
	mr_policy_drop(&policy);
	ck_assert_ptr_null(policy);
}
END_TEST

START_TEST(networks)
{
	struct mr_policy *policy =
		policy_of("domains = \"example.com\"; own_addresses = \"192.0.2.25\";\n"
			  "networks = { office = { addresses = [ \"192.0.2.0/24\", \"2001:db8::/32\" ]\n"
			  "  except = \"192.0.2.1\" } }\n"
			  "relay = { networks = [ \"office\", \"203.0.113.7\", \"@loopback\" ] }\n"
			  "access = { deny = [ \"@private\", \"@own\" ] }\n");

	ck_assert(has_ip(policy->relay.networks, "192.0.2.2"));
	ck_assert(!has_ip(policy->relay.networks, "192.0.2.1"));
	ck_assert(has_ip(policy->relay.networks, "::ffff:192.0.2.2"));
	ck_assert(has_ip(policy->relay.networks, "2001:db8::1"));
	ck_assert(has_ip(policy->relay.networks, "203.0.113.7"));
	ck_assert(!has_ip(policy->relay.networks, "203.0.113.8"));
	ck_assert(has_ip(policy->relay.networks, "127.0.0.5"));
	ck_assert(has_ip(policy->relay.networks, "::1"));
	ck_assert(has_ip(policy->access.list, "172.31.0.1"));
	ck_assert(!has_ip(policy->access.list, "172.32.0.1"));
	ck_assert(!has_ip(policy->access.list, "100.64.0.1"));
	ck_assert(has_ip(policy->access.list, "fd00::1"));
	ck_assert(has_ip(policy->access.list, "192.0.2.25"));
	ck_assert(!policy->access.allow_mode);
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(rules)
{
	struct mr_policy *policy = policy_of(
		"mode = \"observe\"; domains = [ \"example.com\", \".example.org\" ];\n"
		"access: { allow = \"192.0.2.0/24\" at = \"connect\" action = \"tempfail\" cannot_tell = \"reject\" }\n"
		"relay: { logins = [ \"Alice\", \"@example.com\" ] action = \"tempfail\" cannot_tell = \"tempfail\"\n"
		"  routing_characters = \"allow\" local_submission = false local_mailers = [ \"local\", \"cyrus\" ] }\n"
		"auth: { mode = \"enforce\" required_for = [ \"local-senders\", \"roles\", \"listeners\" ] roles = [ "
		"\"Root\" ]\n"
		"  listeners = \"submission\" except_local_recipients = true action = \"hold\" except = \"@loopback\" "
		"}\n"
		"shield: { domains = [ \"@local\", \"*\", \"example.net\" ] networks = \"192.0.2.0/24\" header_from = "
		"true }\n"
		"limits: { recipients = 100 size = \"1M\" size_from = \"mta\" }\n"
		"login: { default_domain = \"Example.com\" plus = \"strip\" }\n"
		"log: { events = \"journal\" facts = \"/tmp/facts\" }\n");

	ck_assert_int_eq(policy->mode, MR_MODE_OBSERVE);
	ck_assert_int_eq(mr_policy_mode(policy, &policy->relay.rule), MR_MODE_OBSERVE);
	ck_assert(policy->access.allow_mode);
	ck_assert_int_eq(policy->access.at, MR_ACCESS_AT_CONNECT);
	ck_assert_int_eq(policy->access.rule.action, MR_TEMPFAIL);
	ck_assert_int_eq(policy->access.rule.cannot_tell, MR_REJECT);
	ck_assert(mr_patternset_has(policy->relay.logins, MR_STR("alice@example.com")));
	ck_assert(!mr_patternset_has(policy->relay.logins, MR_STR("alice")));
	ck_assert_int_eq(policy->relay.rule.action, MR_TEMPFAIL);
	ck_assert_int_eq(policy->relay.rule.cannot_tell, MR_TEMPFAIL);
	ck_assert(policy->relay.routing_characters && !policy->relay.local_submission);
	ck_assert(mr_strmap_has(policy->relay.local_mailers, MR_STR("cyrus")));
	ck_assert(policy->auth.local_senders && policy->auth.roles && !policy->auth.local_networks);
	ck_assert(mr_strmap_has(policy->auth.role_names, MR_STR("root")));
	ck_assert(!mr_strmap_has(policy->auth.role_names, MR_STR("abuse")));
	ck_assert(mr_strmap_has(policy->auth.listeners, MR_STR("submission")));
	ck_assert_int_eq(policy->auth.rule.action, MR_HOLD);
	ck_assert(has_ip(policy->auth.rule.except, "127.0.0.1"));
	ck_assert_uint_eq(policy->shield_count, 1);
	ck_assert(policy->shield[0].local_domains && policy->shield[0].any_domain && policy->shield[0].header_from);
	ck_assert(mr_domainset_has(policy->shield[0].domains, MR_STR("example.net")));
	ck_assert_int_eq(policy->limits.recipients, 100);
	ck_assert_int_eq(policy->limits.size, 1 << 20);
	ck_assert(!policy->limits.size_from_body);
	ck_assert_str_eq(policy->login.default_domain, "example.com");
	ck_assert(policy->login.strip_plus);
	ck_assert_str_eq(policy->log.events, "journal");
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(exemptions)
{
	struct mr_policy *policy = policy_of("domains = \"example.com\"\n"
					     "exemptions = ( { name = \"news\" login = \"news\" rules = [ \"sender\", "
					     "\"screen\" ] owner = \"o\" reason = \"r\"\n"
					     "                 expires = \"2027-06-30\" },\n"
					     "               { name = \"x\" network = \"192.0.2.1\" sender = "
					     "\"@example.net\" rules = \"limits\" } )\n");

	ck_assert_uint_eq(policy->exemption_count, 2);
	ck_assert_str_eq(policy->exemptions[0].name, "news");
	ck_assert(policy->exemptions[0].rules == (MR_RULE_BIT(MR_RULE_SENDER) | MR_RULE_BIT(MR_RULE_SCREEN)));
	ck_assert(mr_patternset_has(policy->exemptions[0].login, MR_STR("news")));
	ck_assert_int_eq(policy->exemptions[0].expires_ms, 1814399999999);
	ck_assert_ptr_null(policy->exemptions[0].sender);
	ck_assert_int_eq(policy->exemptions[1].expires_ms, INT64_MAX);
	ck_assert(has_ip(policy->exemptions[1].network, "192.0.2.1"));
	ck_assert(mr_patternset_has(policy->exemptions[1].sender, MR_STR("a@example.net")));
	mr_policy_drop(&policy);
}
END_TEST

START_TEST(maps)
{
	struct mr_policy *policy = policy_of("domains = [ \"example.com\", \"example.org\" ]\n"
					     "accounts = [ \"Alice\", \"bob@example.com\" ]\n"
					     "aliases = [ \"sales: Alice\", \"all: alice, bob\", \"pipe: |/bin/true\", "
					     "\"twice: alice\", \"twice: bob\" ]\n"
					     "sender = { logins = [ \"ALICE: alice@example.com, @shop.example.com\", "
					     "\"alice: x@example.org\" ] own = false }\n");
	struct mr_patternset *alice = mr_strmap_get(policy->sender.logins, MR_STR("alice"));

	ck_assert_uint_eq(mr_strmap_count(policy->accounts), 3);
	ck_assert(mr_strmap_has(policy->accounts, MR_STR("alice@example.com")));
	ck_assert(mr_strmap_has(policy->accounts, MR_STR("alice@example.org")));
	ck_assert(!mr_strmap_has(policy->accounts, MR_STR("bob@example.org")));
	ck_assert_str_eq(mr_strmap_get(policy->aliases, MR_STR("sales@example.com")), "alice@example.com");
	ck_assert_str_eq(mr_strmap_get(policy->aliases, MR_STR("all@example.com")), "");
	ck_assert_str_eq(mr_strmap_get(policy->aliases, MR_STR("pipe@example.com")), "");
	ck_assert_str_eq(mr_strmap_get(policy->aliases, MR_STR("twice@example.com")), "");
	ck_assert_uint_eq(mr_strmap_count(policy->sender.logins), 1);
	ck_assert(mr_patternset_has(alice, MR_STR("alice@example.com")));
	ck_assert(mr_patternset_has(alice, MR_STR("any@shop.example.com")));
	ck_assert(mr_patternset_has(alice, MR_STR("x@example.org")));
	ck_assert(!mr_patternset_has(alice, MR_STR("bob@example.com")));
	mr_policy_drop(&policy);
}
END_TEST

static void write_file(const char *name, const char *text)
{
	FILE *out = fopen(name, "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(fputs(text, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(chmod(name, 0644), 0);
}

/* A policy with an include and a list in a folder of its own. */
static void make_folder(char folder[64])
{
	snprintf(folder, 64, "/tmp/check_policy-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	write_file("main.conf", "@include \"more.conf\"\naccounts = \"file:people\"\n");
	write_file("more.conf", "domains = \"example.com\"\n");
	write_file("people", "# all of them\nalice\n\nbob@example.com # the boss\n");
}

static void remove_folder(const char *folder)
{
	unlink("main.conf");
	unlink("more.conf");
	unlink("people");
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(saved_text_makes_the_same_policy_without_the_disk)
{
	char folder[64];
	struct mr_policy_text *text, *again;
	struct mr_policy *policy;
	struct mr_faults *faults;
	int fd = memfd_create("policy", MFD_CLOEXEC);

	make_folder(folder);
	ck_assert_int_eq(mr_policy_text_open("main.conf", &text), 0);
	ck_assert_int_eq(mr_policy_build(text, now_ms, NULL, &policy, &faults), 0);
	ck_assert_uint_eq(mr_strmap_count(policy->accounts), 2);
	mr_faults_free(&faults);
	mr_policy_drop(&policy);
	ck_assert_int_eq(mr_policy_text_save(text, fd), 0);
	mr_policy_text_free(&text);
	remove_folder(folder);
	ck_assert_int_eq(mr_policy_text_restore(fd, &again), 0);
	ck_assert_int_eq(mr_policy_build(again, now_ms, NULL, &policy, &faults), 0);
	ck_assert_uint_eq(mr_strmap_count(policy->accounts), 2);
	ck_assert(mr_strmap_has(policy->accounts, MR_STR("alice@example.com")));
	mr_faults_free(&faults);
	mr_policy_drop(&policy);
	mr_policy_text_free(&again);
	close(fd);
}
END_TEST

/* Text that was cut or changed is refused, or gives a policy or faults, but never breaks anything. */
START_TEST(damaged_saved_text)
{
	char folder[64], bytes[4096];
	struct mr_policy_text *text;
	struct mr_policy *policy;
	struct mr_faults *faults;
	int fd = memfd_create("policy", MFD_CLOEXEC);
	ssize_t n;

	make_folder(folder);
	ck_assert_int_eq(mr_policy_text_open("main.conf", &text), 0);
	ck_assert_int_eq(mr_policy_build(text, now_ms, NULL, &policy, &faults), 0);
	mr_faults_free(&faults);
	mr_policy_drop(&policy);
	ck_assert_int_eq(mr_policy_text_save(text, fd), 0);
	mr_policy_text_free(&text);
	remove_folder(folder);
	n = pread(fd, bytes, sizeof(bytes), 0);
	ck_assert_int_gt(n, 0);
	for (ssize_t cut = n - 1; cut >= 0; cut--) {
		ck_assert_int_eq(ftruncate(fd, cut), 0);
		if (mr_policy_text_restore(fd, &text) != 0)
			continue;
		ck_assert_int_eq(mr_policy_build(text, now_ms, NULL, &policy, &faults), MR_ERR_REFUSED);
		ck_assert_ptr_null(policy);
		mr_faults_free(&faults);
		mr_policy_text_free(&text);
	}
	close(fd);
}
END_TEST

START_TEST(faults_are_bounded_and_sorted)
{
	char text[40000] = "domains = \"example.com\"\n";
	struct mr_policy *policy;
	struct mr_faults *faults;
	const struct mr_fault *last = NULL;
	size_t n = strlen(text);
	unsigned line = 0;

	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "zzzzzzzzzz%d = 1\n", i);
	ck_assert_int_eq(build_text(text, &policy, &faults), MR_ERR_REFUSED);
	ck_assert_uint_eq(mr_faults_count(faults, MR_FAULT_WARNING), MR_FAULTS_MAX + 1);
	for (size_t i = 0; i < MR_FAULTS_MAX; i++) {
		ck_assert_uint_ge(mr_faults_at(faults, i)->line, line);
		line = mr_faults_at(faults, i)->line;
	}
	last = mr_faults_at(faults, MR_FAULTS_MAX);
	ck_assert_str_eq(last->id, "too-many");
	ck_assert_str_eq(last->what, "and 800 more");
	ck_assert_ptr_null(mr_faults_at(faults, MR_FAULTS_MAX + 1));
	mr_faults_free(&faults);
}
END_TEST

START_TEST(out_of_memory_is_an_error_and_not_a_policy)
{
	static const char text[] =
		"domains = \"example.com\"; accounts = \"alice\"; aliases = \"a: alice\";\n"
		"networks = { n = { addresses = \"192.0.2.0/24\" } }; relay = { networks = \"n\" };\n"
		"shield = ( { domains = \"@local\" networks = \"n\" } ); sender = { logins = \"a: b@example.com\" };\n"
		"exemptions = ( { name = \"x\" login = \"a\" rules = \"sender\" } );\n";
	int err = MR_ERR_NOMEM;
	long nth = 1;

	for (; err != MR_OK && nth < 5000; nth++) {
		struct mr_policy_text *files = NULL;
		struct mr_policy *policy = NULL;
		struct mr_faults *faults = NULL;

		ck_assert_int_eq(mr_policy_text_from_memory("test.conf", mr_str_of(text), &files), MR_OK);
		mr_alloc_starve(nth);
		err = mr_policy_build(files, now_ms, NULL, &policy, &faults);
		mr_alloc_starve(0);
		ck_assert(err == MR_OK || err == MR_ERR_NOMEM);
		ck_assert((policy != NULL) == (err == MR_OK));
		mr_policy_drop(&policy);
		mr_faults_free(&faults);
		mr_policy_text_free(&files);
	}
	ck_assert_int_eq(err, MR_OK);
	ck_assert_int_gt(nth, 50);
}
END_TEST

START_TEST(every_setting_is_found_by_its_name)
{
	const struct mr_setting_row *row;
	size_t i = 0;

	for (; (row = mr_setting_row(i)) != NULL; i++) {
		ck_assert_ptr_eq(mr_setting_find(mr_str_of(row->name)), row);
		ck_assert_str_ne(row->words, "");
		if (row->type == MR_SETTING_WORD)
			ck_assert_msg(mr_choice_find(row->unit, mr_str_of(row->fallback)) >= 0, "%s", row->name);
	}
	ck_assert_uint_gt(i, 100);
	ck_assert_ptr_nonnull(mr_setting_find(MR_STR("networks.anything.except")));
	ck_assert_ptr_null(mr_setting_find(MR_STR("networks.anything.else")));
	ck_assert_ptr_null(mr_setting_find(MR_STR("")));
	ck_assert_str_eq(mr_setting_nearest(MR_STR("relay.netwroks")), "networks");
	ck_assert_str_eq(mr_setting_nearest(MR_STR("domain")), "domains");
	ck_assert_ptr_null(mr_setting_nearest(MR_STR("completely_different")));
	for (i = 0; mr_lint_row(i); i++)
		ck_assert_str_ne(mr_lint_row(i)->words, "");
	ck_assert_uint_eq(i, 26);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tc = tcase_create("policy");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, defaults);
	tcase_add_test(tc, networks);
	tcase_add_test(tc, rules);
	tcase_add_test(tc, exemptions);
	tcase_add_test(tc, maps);
	tcase_add_test(tc, saved_text_makes_the_same_policy_without_the_disk);
	tcase_add_test(tc, damaged_saved_text);
	tcase_add_test(tc, faults_are_bounded_and_sorted);
	tcase_add_test(tc, out_of_memory_is_an_error_and_not_a_policy);
	tcase_add_test(tc, every_setting_is_found_by_its_name);
	suite_add_tcase(suite, tc);
	return mr_run_suite(suite);
}
