/* Logins and connections through the engine: who is counted, blocked, guarded, let in, and what is told of it. */
#include "player.h"

#include "base/alloc.h"
#include "engine/orders.h"
#include "model/signal.h"

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define HOME "203.0.113.10"
#define THIEF "198.51.100.66"

static struct mr_policy *policy;

static void
limit(enum mr_signal signal, uint64_t most, int64_t window_ms)
{
	struct mr_screen_policy *s = &policy->screen;

	s->limits = mr_realloc(s->limits, s->limit_count + 1, sizeof(*s->limits));
	s->limits[s->limit_count++] = (struct mr_screen_limit){ .signal = signal, .rate = { most, window_ms },
								.label = mr_strdup(mr_signal_row(signal)->name) };
}

static void
set_up(void)
{
	set_player();
	play.now_ms = INT64_C(1790000000000);
	policy = handmade_policy();
	policy->login.default_domain = mr_strdup("example.com");
	policy->hijack.rule.mode = MR_MODE_OFF;
	policy->state.accounts = 4000;
	policy->state.sources = 1000;
	policy->state.windows = 4 << 20;
	policy->screen = (struct mr_screen_policy){
		.rule = { .mode = MR_MODE_ENFORCE, .action = MR_REJECT, .cannot_tell = MR_ACCEPT },
		.block_ms = { HOUR, DAY }, .block_count = 2, .forget_ms = 30 * DAY, .budget = { 100, HOUR },
		.ipv4_prefix = 32, .ipv6_prefix = 64, .wide_ipv4 = { 24 }, .wide_ipv6 = { 48 }, .wide_factor = 4,
		.shared_logins = 5, .tarpit_ms = 3 * SECOND };
	limit(MR_SIGNAL_LOGIN_FAILURES, 5, HOUR);
	limit(MR_SIGNAL_LOGINS_TRIED, 5, HOUR);
	limit(MR_SIGNAL_UNKNOWN_RECIPIENTS, 3, HOUR);
	limit(MR_SIGNAL_CONNECTIONS, 10, HOUR);
	limit(MR_SIGNAL_GUARD_FAILURES, 8, HOUR);
	limit(MR_SIGNAL_GUARD_SOURCES, 6, DAY);
	limit(MR_SIGNAL_PAIR_FAILURES, 4, HOUR);
	limit(MR_SIGNAL_INSIDE_NAMES, 3, DAY);
}

static size_t
told(const char *action)
{
	size_t n = 0;

	for (size_t i = 0; i < play.count; i++)
		n += strcmp(play.lines[i].action, action) == 0;
	return n;
}

/* One login as Dovecot asks and reports it; returns the status of the first answer. */
static int
try_login(const char *login, const char *address, const char *password, bool right)
{
	struct mr_login_info info = { .size = sizeof(info), .login = login, .address = address, .protocol = "imap",
				      .pwhash = password, .success = right };
	struct mr_login_answer answer;

	play.now_ms += 10 * SECOND;
	mr_engine_login_allow(play.engine, play.now_ms, &info, &answer);
	if (answer.status < 0) {
		info.success = false;
		info.policy_reject = true;
	}
	mr_engine_login_report(play.engine, play.now_ms, &info);
	return answer.status;
}

static int
guess(const char *login, const char *address, unsigned n)
{
	char password[16];

	snprintf(password, sizeof(password), "%04x", n);
	return try_login(login, address, password, false);
}

/* The owner logs in at home, and again on the next day. */
static void
settle(const char *login, const char *address)
{
	ck_assert_int_eq(try_login(login, address, "good", true), 0);
	play.now_ms += DAY;
	ck_assert_int_eq(try_login(login, address, "good", true), 0);
}

/* Another one beside those that are open. */
static void
open_session(void)
{
	mr_session_close(&play.session, play.now_ms);
	ck_assert_int_eq(mr_session_new(play.engine, 0, &play.session), 0);
}

static void
connect_as(const char *address)
{
	connect_from(address, false);
	mr_session_helo(play.session, play.now_ms, "host.example", NULL, NULL);
}

START_TEST(wrong_passwords_from_one_address_block_it)
{
	start(policy);
	for (unsigned n = 0; n < 7; n++)
		(void)guess("joe", THIEF, n);
	ck_assert_uint_eq(told("source-blocked"), 1);
	ck_assert_int_eq(try_login("ann", THIEF, "good", true), -1);
	connect_as(THIEF);
	say_mail("<x@elsewhere.example>", NULL);
	ck_assert_int_eq(play.reply.action, MR_ANSWER_REJECT);
	say_mail("<ann@example.com>", "ann");
	ck_assert_int_eq(play.reply.action, MR_CONTINUE);
}
END_TEST

START_TEST(a_block_ends_and_the_next_is_longer)
{
	start(policy);
	for (unsigned n = 0; n < 7; n++)
		(void)guess("joe", THIEF, n);
	play.now_ms += HOUR + SECOND;
	ck_assert_int_ne(try_login("ann", THIEF, "good", true), -1);
	for (unsigned n = 20; n < 27; n++)
		(void)guess("joe", THIEF, n);
	ck_assert_uint_eq(told("source-blocked"), 2);
	play.now_ms += 2 * HOUR;
	ck_assert_int_eq(try_login("cid", THIEF, "good", true), -1);
	play.now_ms += DAY;
	ck_assert_int_ne(try_login("bob", THIEF, "good", true), -1);
}
END_TEST

START_TEST(a_telephone_with_an_old_password_blocks_nobody)
{
	start(policy);
	for (unsigned n = 0; n < 500; n++)
		ck_assert_int_eq(try_login("joe", THIEF, "old", false), 0);
	ck_assert_uint_eq(play.count, 0);
}
END_TEST

/* Logs tell no hash, and may tell of many tries in one line. */
START_TEST(without_a_hash_each_try_is_another)
{
	struct mr_login_info info = { .size = sizeof(info), .login = "joe", .address = THIEF };

	start(policy);
	for (unsigned n = 0; n < 6; n++)
		mr_engine_login_report(play.engine, play.now_ms, &info);
	ck_assert_uint_eq(told("source-blocked"), 1);
}
END_TEST

START_TEST(one_password_on_many_logins_is_counted)
{
	char login[16];

	start(policy);
	for (unsigned n = 0; n < 8; n++) {
		snprintf(login, sizeof(login), "user%u", n);
		(void)try_login(login, THIEF, "same", false);
	}
	ck_assert_uint_eq(told("source-blocked"), 1);
}
END_TEST

START_TEST(several_mechanisms_are_one_try)
{
	struct mr_login_info info = { .size = sizeof(info), .login = "joe", .address = THIEF, .pwhash = "0001" };

	while (policy->screen.limit_count > 0)
		mr_free(policy->screen.limits[--policy->screen.limit_count].label);
	limit(MR_SIGNAL_LOGIN_ATTEMPTS, 3, HOUR);
	start(policy);
	for (int n = 0; n < 8; n++)
		mr_engine_login_report(play.engine, play.now_ms += SECOND, &info);
	ck_assert_uint_eq(told("source-blocked"), 0);
	for (int n = 0; n < 4; n++)
		mr_engine_login_report(play.engine, play.now_ms += 10 * SECOND, &info);
	ck_assert_uint_eq(told("source-blocked"), 1);
}
END_TEST

START_TEST(a_botnet_guards_the_login_and_the_owner_goes_on)
{
	char address[24];

	start(policy);
	settle("joe", HOME);
	for (unsigned n = 0; n < 20; n++) {
		snprintf(address, sizeof(address), "198.51.%u.7", n);
		(void)guess("joe", address, 100 + n);
	}
	ck_assert_uint_eq(told("login-guarded"), 1);
	ck_assert_int_eq(try_login("joe", "192.0.2.200", "good", true), -1);
	ck_assert_int_eq(try_login("joe", HOME, "good", true), 0);
	ck_assert_int_eq(try_login("ann", "192.0.2.200", "good", true), 0);
	ck_assert_uint_eq(told("account-frozen"), 0);
	play.now_ms += 2 * DAY;
	ck_assert_int_eq(try_login("joe", "192.0.2.200", "good", true), 0);
}
END_TEST

START_TEST(an_attack_shuts_nobody_out_of_the_web_mail_of_this_host)
{
	char address[24];

	start(policy);
	settle("joe", "127.0.0.1");
	for (unsigned n = 0; n < 20; n++) {
		snprintf(address, sizeof(address), "198.51.%u.7", n);
		(void)guess("joe", address, 100 + n);
	}
	ck_assert_uint_eq(told("login-guarded"), 1);
	ck_assert_int_eq(try_login("joe", "192.0.2.200", "good", true), -1);
	ck_assert_int_eq(try_login("joe", "127.0.0.1", "good", true), 0);
	ck_assert_int_eq(try_login("joe", "::1", "good", true), 0);
}
END_TEST

static void
command(const char *request)
{
	char *reply = NULL;

	ck_assert_int_eq(mr_engine_command(play.engine, play.now_ms, "root", request, &reply), 0);
	ck_assert_ptr_eq(strstr(reply, "\"error\""), NULL);
	free(reply);
}

START_TEST(an_unblock_lasts)
{
	start(policy);
	for (unsigned n = 0; n < 12; n++)
		connect_as(THIEF);
	for (unsigned n = 0; n < 7; n++)
		(void)guess("joe", "198.51.100.67", n);
	ck_assert_uint_eq(told("source-blocked"), 2);
	command("{\"command\":\"unblock\",\"names\":[\"" THIEF "\",\"198.51.100.67\"]}");
	connect_as(THIEF);
	ck_assert_int_eq(guess("ann", "198.51.100.67", 50), 0);
	ck_assert_uint_eq(told("source-blocked"), 2);
	for (unsigned n = 0; n < 12; n++)
		connect_as(THIEF);
	for (unsigned n = 60; n < 67; n++)
		(void)guess("ann", "198.51.100.67", n);
	ck_assert_uint_eq(told("source-blocked"), 4);
}
END_TEST

START_TEST(the_end_of_a_block_thaws_nobody)
{
	struct mr_account *account;
	int64_t steady = 1;
	struct mr_key key;

	start(policy);
	mr_engine_tick(play.engine, play.now_ms, steady);
	command("{\"command\":\"freeze\",\"names\":[\"" THIEF "\"]}");
	for (unsigned n = 0; n < 7; n++)
		(void)guess("joe", THIEF, n);
	ck_assert_uint_eq(told("source-blocked"), 1);
	for (int n = 0; n < 3; n++) {
		play.now_ms += HOUR;
		mr_engine_tick(play.engine, play.now_ms, steady += HOUR);
	}
	ck_assert_uint_eq(told("source-unblocked"), 1);
	ck_assert_uint_eq(told("account-thawed"), 0);
	mr_store_key(play.engine->store, MR_KEY_ACCOUNT, MR_ACCOUNT_SOURCE, MR_STR(THIEF), &key);
	account = mr_store_account_get(play.engine->store, &key, MR_ACCOUNT_SOURCE, MR_STR(THIEF), play.now_ms, false, NULL);
	ck_assert_ptr_nonnull(account);
	ck_assert_int_eq(account->standing.state, MR_ACCOUNT_FROZEN);
	mr_store_account_done(play.engine->store, account, false);
}
END_TEST

START_TEST(an_owner_at_home_waits_at_most)
{
	start(policy);
	settle("joe", HOME);
	for (unsigned n = 0; n < 30; n++)
		ck_assert_int_ge(guess("joe", HOME, n), 0);
	ck_assert_int_gt(try_login("joe", HOME, "good", true), 0);
	ck_assert_uint_eq(told("source-blocked") + told("login-refused") + told("login-guarded"), 0);
}
END_TEST

START_TEST(an_office_behind_one_address_is_not_blocked)
{
	static const char *const office[] = { "ann", "bob", "cid", "dan", "eve", "flo", "gus", "hal", "ian", "jim" };
	char login[16];

	start(policy);
	for (size_t n = 0; n < sizeof(office) / sizeof(office[0]); n++)
		ck_assert_int_eq(try_login(office[n], HOME, "good", true), 0);
	for (unsigned n = 0; n < 9; n++) {
		snprintf(login, sizeof(login), "new%u", n);
		(void)guess(login, HOME, n);
	}
	ck_assert_uint_eq(told("source-blocked"), 0);
	ck_assert_uint_ge(told("alert"), 1);
	ck_assert_int_ge(try_login("kim", HOME, "good", true), 0);
}
END_TEST

START_TEST(guessed_then_logged_in_is_told)
{
	start(policy);
	policy->screen.shared_logins = 0;
	for (unsigned n = 0; n < 4; n++)
		(void)guess("joe", THIEF, n);
	(void)guess("joe", "198.51.100.67", 10);
	ck_assert_uint_eq(told("alert"), 0);
	(void)try_login("joe", "198.51.100.68", "good", true);
	ck_assert_uint_eq(told("alert"), 1);
	ck_assert_str_eq(last_line()->reason, "screen-guessed");
}
END_TEST

START_TEST(unknown_recipients_and_connections_block_too)
{
	start(policy);
	connect_as(THIEF);
	say_mail("<x@elsewhere.example>", NULL);
	for (int n = 0; n < 5; n++) {
		char to[32];

		snprintf(to, sizeof(to), "<nobody%d@example.com>", n);
		mr_session_rcpt(play.session, play.now_ms, to, "550 5.1.1 unknown", "5.1.1", "error", &play.reply);
	}
	ck_assert_uint_eq(told("source-blocked"), 1);
	for (int n = 0; n < 12; n++) {
		connect_as("198.51.100.99");
	}
	ck_assert_uint_eq(told("source-blocked"), 2);
}
END_TEST

START_TEST(an_excepted_source_does_not_count_against_its_neighbours)
{
	policy->screen.rule.except = networks_of(THIEF);
	limit(MR_SIGNAL_RELAY_ATTEMPTS, 2, HOUR);
	start(policy);
	policy->relay.rule.mode = MR_MODE_ENFORCE;
	for (int n = 0; n < 30; n++) {
		connect_as(n < 29 ? THIEF : "198.51.100.67");
		say_mail("<x@elsewhere.example>", NULL);
		say_rcpt("<y@away.example>");
	}
	ck_assert_uint_eq(told("source-blocked"), 0);
}
END_TEST

START_TEST(neighbours_are_blocked_together_when_all_attack)
{
	char address[24];

	start(policy);
	for (unsigned n = 0; n < 30; n++) {
		char login[16];

		snprintf(login, sizeof(login), "user%u", n);
		snprintf(address, sizeof(address), "198.51.100.%u", n);
		(void)guess(login, address, n);
	}
	ck_assert_uint_eq(told("source-blocked"), 1);
	ck_assert_int_eq(try_login("ann", "198.51.100.250", "good", true), -1);
}
END_TEST

START_TEST(an_inside_address_with_many_names_is_told_of)
{
	start(policy);
	connect_from("10.0.0.1", false);
	for (int n = 0; n < 6; n++) {
		char name[32];

		snprintf(name, sizeof(name), "mail%d.outside.example", n);
		mr_session_helo(play.session, play.now_ms, name, NULL, NULL);
		say_mail("<x@elsewhere.example>", NULL);
	}
	ck_assert_uint_eq(told("alert"), 1);
	ck_assert_uint_eq(told("source-blocked"), 0);
}
END_TEST

START_TEST(observe_blocks_nobody_and_says_whom_it_would)
{
	policy->screen.rule.mode = MR_MODE_OBSERVE;
	start(policy);
	for (unsigned n = 0; n < 12; n++)
		ck_assert_int_ge(guess("joe", THIEF, n), 0);
	ck_assert_uint_eq(told("source-blocked") + told("login-refused"), 0);
	ck_assert_uint_ge(told("alert"), 1);
	connect_as(THIEF);
	say_mail("<x@elsewhere.example>", NULL);
	ck_assert_int_eq(play.reply.action, MR_CONTINUE);
}
END_TEST

START_TEST(at_connect_everybody_there_is_refused)
{
	policy->screen.at = MR_SCREEN_AT_CONNECT;
	start(policy);
	ck_assert_uint_ne(mr_engine_needs(play.engine) & MR_NEEDS_CONNECT, 0);
	for (unsigned n = 0; n < 7; n++)
		(void)guess("joe", THIEF, n);
	connect_from(THIEF, false);
	ck_assert_int_eq(play.reply.action, MR_ANSWER_REJECT);
}
END_TEST

START_TEST(too_many_connections_at_once_are_put_off)
{
	struct mr_session *open[4];

	policy->screen.simultaneous = 3;
	start(policy);
	for (size_t n = 0; n < 4; n++) {
		open_session();
		connect_from(THIEF, false);
		ck_assert_int_eq(play.reply.action, n < 3 ? MR_CONTINUE : MR_ANSWER_TEMPFAIL);
		open[n] = play.session;
		play.session = NULL;
	}
	mr_session_close(&open[0], play.now_ms);
	mr_session_close(&open[3], play.now_ms);
	open_session();
	connect_from(THIEF, false);
	ck_assert_int_eq(play.reply.action, MR_CONTINUE);
	mr_session_close(&open[1], play.now_ms);
	mr_session_close(&open[2], play.now_ms);
}
END_TEST

START_TEST(a_frozen_account_reads_and_does_not_send)
{
	struct mr_login_info info = { .size = sizeof(info), .login = "joe@example.com", .address = HOME,
				      .protocol = "imap" };
	struct mr_login_answer answer;
	char *reply = NULL;

	start(policy);
	ck_assert_int_eq(mr_engine_command(play.engine, play.now_ms, "root",
					   "{\"command\":\"freeze\",\"names\":[\"joe@example.com\"]}", &reply), 0);
	free(reply);
	mr_engine_login_allow(play.engine, play.now_ms, &info, &answer);
	ck_assert_int_eq(answer.status, 0);
	info.protocol = "smtp";
	mr_engine_login_allow(play.engine, play.now_ms, &info, &answer);
	ck_assert_int_eq(answer.status, -1);
	ck_assert_uint_eq(told("login-refused"), 1);
	info.address = NULL; /* as for a proxy that does not tell: the log is no larger for it */
	for (int n = 0; n < 60; n++) {
		mr_engine_login_allow(play.engine, play.now_ms += SECOND, &info, &answer);
		ck_assert_int_eq(answer.status, -1);
	}
	ck_assert_uint_le(told("login-refused"), 3);
}
END_TEST

START_TEST(no_budget_is_larger_than_what_is_remembered)
{
	const struct mr_rate large = { 5000, HOUR }, unlimited = { UINT64_MAX, HOUR };

	start(policy);
	for (int n = 0; n < MR_ENGINE_BUDGET_MAX; n++)
		ck_assert(mr_orders_budget(&play.engine->block_budget, &large, play.now_ms, true));
	ck_assert(!mr_orders_budget(&play.engine->block_budget, &large, play.now_ms, false));
	ck_assert(mr_orders_budget(&play.engine->block_budget, &unlimited, play.now_ms, false));
	ck_assert(mr_orders_budget(&play.engine->block_budget, &large, play.now_ms + HOUR, false));
}
END_TEST

/* Strange logins and addresses, and none at all: nothing is let through by accident, nothing breaks. */
START_TEST(strange_input_is_taken)
{
	static const char *const logins[] = { NULL, "", "\xff\xfe", "a\nb", "@", "joe@@example.com", " joe " };
	static const char *const addresses[] = { NULL, "", "not an address", "::ffff:198.51.100.66", "127.0.0.1", "fe80::1" };

	start(policy);
	for (size_t l = 0; l < sizeof(logins) / sizeof(logins[0]); l++)
		for (size_t a = 0; a < sizeof(addresses) / sizeof(addresses[0]); a++) {
			(void)try_login(logins[l], addresses[a], NULL, false);
			(void)try_login(logins[l], addresses[a], "", true);
		}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("screening");
	TCase *tests = tcase_create("screening");

	tcase_add_checked_fixture(tests, set_up, clear_player);
	tcase_add_test(tests, wrong_passwords_from_one_address_block_it);
	tcase_add_test(tests, a_block_ends_and_the_next_is_longer);
	tcase_add_test(tests, a_telephone_with_an_old_password_blocks_nobody);
	tcase_add_test(tests, without_a_hash_each_try_is_another);
	tcase_add_test(tests, one_password_on_many_logins_is_counted);
	tcase_add_test(tests, several_mechanisms_are_one_try);
	tcase_add_test(tests, a_botnet_guards_the_login_and_the_owner_goes_on);
	tcase_add_test(tests, an_attack_shuts_nobody_out_of_the_web_mail_of_this_host);
	tcase_add_test(tests, an_unblock_lasts);
	tcase_add_test(tests, the_end_of_a_block_thaws_nobody);
	tcase_add_test(tests, an_owner_at_home_waits_at_most);
	tcase_add_test(tests, an_office_behind_one_address_is_not_blocked);
	tcase_add_test(tests, guessed_then_logged_in_is_told);
	tcase_add_test(tests, unknown_recipients_and_connections_block_too);
	tcase_add_test(tests, an_excepted_source_does_not_count_against_its_neighbours);
	tcase_add_test(tests, neighbours_are_blocked_together_when_all_attack);
	tcase_add_test(tests, an_inside_address_with_many_names_is_told_of);
	tcase_add_test(tests, observe_blocks_nobody_and_says_whom_it_would);
	tcase_add_test(tests, at_connect_everybody_there_is_refused);
	tcase_add_test(tests, too_many_connections_at_once_are_put_off);
	tcase_add_test(tests, a_frozen_account_reads_and_does_not_send);
	tcase_add_test(tests, no_budget_is_larger_than_what_is_remembered);
	tcase_add_test(tests, strange_input_is_taken);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
