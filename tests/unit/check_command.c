/* Control commands without a daemon: requests, pages, orders, what is refused. */
#include "engine/tally.h"
#include "player.h"

static json_t *answer;

static const json_t *
ask(const char *request)
{
	char *text = NULL;
	int err = mr_engine_command(play.engine, play.now_ms, "root", request, &text);

	json_decref(answer);
	answer = NULL;
	if (err != 0) {
		ck_assert_ptr_null(text);
		return NULL;
	}
	ck_assert_uint_lt(strlen(text), MR_CONTROL_LINE_MAX);
	for (const char *p = text; *p != '\0'; p++)
		ck_assert(*p >= ' ' && *p < 0x7f);
	answer = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert(json_is_object(answer));
	free(text);
	return answer;
}

static const char *
result_of(const char *request, size_t i)
{
	const json_t *row = json_array_get(json_object_get(ask(request), "results"), i);
	const char *text = json_string_value(json_object_get(row, "result"));

	return text != NULL ? text : "";
}

static void
set_up(void)
{
	struct mr_policy *policy = handmade_policy();

	play.now_ms = 1790000000000;
	policy->login.default_domain = mr_strdup("victim.example");
	policy->state.accounts = 4000;
	policy->state.sources = 1000;
	policy->state.windows = 1 << 20;
	start(policy);
}

static void
tear_down(void)
{
	json_decref(answer);
	answer = NULL;
	mr_session_close(&play.session, play.now_ms);
	mr_engine_free(&play.engine);
}

START_TEST(no_command)
{
	ck_assert_ptr_null(ask("{\"command\":\"nothing\"}"));
	ck_assert_ptr_null(ask("{\"command\":7}"));
	ck_assert_ptr_null(ask("{}"));
	ck_assert_ptr_nonnull(json_object_get(ask("[]"), "error"));
	ck_assert_ptr_nonnull(json_object_get(ask("{"), "error"));
	ck_assert_ptr_nonnull(json_object_get(ask("{\"command\":\"status\",\"command\":\"status\"}"), "error"));
}
END_TEST

START_TEST(bad_orders)
{
	static const char *const bad[] = {
		"{\"command\":\"freeze\"}",
		"{\"command\":\"freeze\",\"names\":\"a\"}",
		"{\"command\":\"freeze\",\"names\":[]}",
		"{\"command\":\"freeze\",\"names\":[\"\"]}",
		"{\"command\":\"freeze\",\"names\":[\"a\",1]}",
		"{\"command\":\"freeze\",\"names\":[\"a\"],\"seconds\":-1}",
		"{\"command\":\"freeze\",\"names\":[\"a\"],\"seconds\":1.5}",
		"{\"command\":\"freeze\",\"names\":[\"a\"],\"seconds\":99999999999}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(json_object_get(ask(bad[i]), "error") != NULL, "%s", bad[i]);
	ck_assert_uint_eq(json_array_size(json_object_get(ask("{\"command\":\"orders\"}"), "orders")), 0);
	ck_assert_str_eq(result_of("{\"command\":\"block\",\"names\":[\"203.0.113.1/24\",\"x\"]}", 0), "unreadable");
	ck_assert_str_eq(result_of("{\"command\":\"thaw\",\"names\":[\"alice\"]}", 0), "unknown");
}
END_TEST

START_TEST(order_and_undo)
{
	const json_t *account;

	ck_assert_str_eq(result_of("{\"command\":\"freeze\",\"names\":[\"ALICE\"],\"seconds\":60,\"reason\":\"why\"}", 0), "done");
	account = json_object_get(ask("{\"command\":\"account\",\"name\":\"alice@victim.example\"}"), "account");
	ck_assert_str_eq(json_string_value(json_object_get(account, "state")), "frozen");
	ck_assert_str_eq(json_string_value(json_object_get(account, "cause")), "operator");
	ck_assert_str_eq(json_string_value(json_object_get(account, "rule")), "account");
	ck_assert_str_eq(json_string_value(json_object_get(account, "until")), "2026-09-21T14:14:20.000Z");
	ck_assert_str_eq(result_of("{\"command\":\"thaw\",\"names\":[\"alice\"]}", 0), "done");
	account = json_object_get(ask("{\"command\":\"account\",\"name\":\"alice\"}"), "account");
	ck_assert_str_eq(json_string_value(json_object_get(account, "state")), "normal");
	ck_assert(json_is_null(json_object_get(ask("{\"command\":\"account\",\"name\":\"bob\"}"), "account")));
}
END_TEST

/* Every one of many comes exactly once, whatever the size of a page. */
START_TEST(pages)
{
	enum { NAMES = 600 };
	bool seen[NAMES] = { false };
	json_int_t skip = 0;
	unsigned count = 0, pages_read = 0;
	char request[256];

	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(request, sizeof(request), "{\"command\":\"freeze\",\"names\":[\"user%u\"],\"reason\":\"%0*d\"}", i, 100, 0);
		ck_assert_str_eq(result_of(request, 0), "done");
	}
	for (;;) {
		const json_t *row, *list, *next;
		size_t i;

		snprintf(request, sizeof(request), "{\"command\":\"accounts\",\"state\":\"frozen\",\"skip\":%lld%s}", (long long)skip,
		    _i == 0 ? "" : ",\"limit\":7");
		list = json_object_get(ask(request), "accounts");
		pages_read++;
		json_array_foreach(list, i, row) {
			unsigned number = NAMES;

			sscanf(json_string_value(json_object_get(row, "name")), "user%u@", &number);
			ck_assert_uint_lt(number, NAMES);
			ck_assert(!seen[number]);
			seen[number] = true;
			count++;
		}
		next = json_object_get(answer, "next");
		if (next == NULL)
			break;
		ck_assert_int_gt(json_integer_value(next), skip);
		skip = json_integer_value(next);
	}
	ck_assert_uint_eq(count, NAMES);
	ck_assert_uint_gt(pages_read, 1);
}
END_TEST

START_TEST(filters)
{
	ck_assert_str_eq(result_of("{\"command\":\"hold\",\"names\":[\"a\"]}", 0), "done");
	ck_assert_str_eq(result_of("{\"command\":\"freeze\",\"names\":[\"b\"]}", 0), "done");
	play.now_ms += 3600 * 1000;
	ck_assert_str_eq(result_of("{\"command\":\"freeze\",\"names\":[\"c\"]}", 0), "done");
#define COUNT(request) json_array_size(json_object_get(ask("{\"command\":\"accounts\"," request "}"), "accounts"))
	ck_assert_uint_eq(COUNT("\"at_least\":\"held\""), 3);
	ck_assert_uint_eq(COUNT("\"state\":\"held\""), 1);
	ck_assert_uint_eq(COUNT("\"at_least\":\"held\",\"since_seconds\":60"), 1);
	ck_assert_uint_eq(COUNT("\"at_least\":\"held\",\"rule\":\"hijack\""), 0);
	ck_assert_uint_eq(COUNT("\"at_least\":\"held\",\"rule\":\"account\""), 3);
	ck_assert_uint_eq(COUNT("\"at_least\":\"held\",\"automatic\":true"), 0);
	ck_assert_ptr_nonnull(json_object_get(ask("{\"command\":\"accounts\",\"state\":\"icy\"}"), "error"));
}
END_TEST

/* A record keeps 48 bytes of a name; the order has more. */
START_TEST(long_name)
{
	const json_t *row;

	result_of("{\"command\":\"freeze\",\"names\":[\"a.very.long.name.that.does.not.fit.the.room.of.a.record\"]}", 0);
	row = json_array_get(json_object_get(ask("{\"command\":\"accounts\",\"state\":\"frozen\"}"), "accounts"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(row, "name")),
	    "a.very.long.name.that.does.not.fit.the.room.of.a.record@victim.example");
	ck_assert_ptr_null(json_object_get(row, "name_cut"));
}
END_TEST

START_TEST(tally)
{
	static struct mr_tally counts;
	const int64_t hour = 3600000, now = 1790000000000;
	uint64_t sum[MR_TALLY_VERDICTS];

	mr_tally_add(&counts, now, MR_ACCEPT);
	mr_tally_add(&counts, now + hour, MR_REJECT);
	mr_tally_sum(&counts, now + 2 * hour, sum);
	ck_assert_uint_eq(sum[MR_ACCEPT], 1);
	ck_assert_uint_eq(sum[MR_REJECT], 1);
	mr_tally_sum(&counts, now + 24 * hour, sum);
	ck_assert_uint_eq(sum[MR_ACCEPT], 0);
	ck_assert_uint_eq(sum[MR_REJECT], 1);
	mr_tally_add(&counts, now + 24 * hour, MR_ACCEPT);
	mr_tally_sum(&counts, now + 24 * hour, sum);
	ck_assert_uint_eq(sum[MR_ACCEPT], 1);
	mr_tally_sum(&counts, now - hour, sum);
	ck_assert_uint_eq(sum[MR_ACCEPT] + sum[MR_REJECT], 0);
}
END_TEST

/* ---- Sources ---- */

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static json_int_t
int_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	ck_assert_msg(json_is_integer(value), "%s", name);
	return json_integer_value(value);
}

/* Screens attackers: more than three logins tried in an hour, and more than two wrong passwords for one login in a day. */
static void
begin_screening(enum mr_mode mode)
{
	struct mr_policy *policy = handmade_policy();
	struct mr_screen_policy *screen = &policy->screen;

	tear_down();
	policy->state.accounts = policy->state.sources = 1000;
	policy->state.windows = 1 << 20;
	screen->rule.mode = mode;
	screen->rule.action = MR_REJECT;
	screen->limits = mr_calloc(2, sizeof(*screen->limits));
	screen->limits[0] = (struct mr_screen_limit){ MR_SIGNAL_LOGINS_TRIED, { 3, 3600000 }, mr_strdup("logins_tried.1h") };
	screen->limits[1] = (struct mr_screen_limit){ MR_SIGNAL_GUARD_FAILURES, { 2, 86400000 }, mr_strdup("guard_failures.1d") };
	screen->limit_count = 2;
	screen->block_ms[0] = 3600000;
	screen->block_ms[1] = 7200000;
	screen->block_count = 2;
	screen->forget_ms = INT64_C(30) * 86400000;
	screen->budget = (struct mr_rate){ UINT64_MAX, 600000 };
	screen->ipv4_prefix = 32;
	screen->ipv6_prefix = 64;
	screen->wide_ipv4[0] = 24;
	screen->wide_factor = 5;
	play.now_ms = 1790000000000;
	start(policy);
}

static void
try_login(const char *login, const char *address, const char *password, bool success)
{
	const struct mr_login_info info = { .size = sizeof(info), .login = login, .address = address, .protocol = "imap",
					    .pwhash = password, .success = success };

	mr_engine_login_report(play.engine, play.now_ms, &info);
}

static void
spray(const char *address, unsigned logins)
{
	char login[64];

	for (unsigned i = 0; i < logins; i++) {
		snprintf(login, sizeof(login), "user%u@example.com", i);
		try_login(login, address, "spring", false);
	}
}

START_TEST(blocked_by_screening)
{
	const json_t *row;

	begin_screening(MR_MODE_ENFORCE);
	spray("203.0.113.9", 3);
	ck_assert_uint_eq(json_array_size(json_object_get(ask("{\"command\":\"blocks\"}"), "blocks")), 0);
	spray("203.0.113.9", 4);
	ask("{\"command\":\"blocks\"}");
	ck_assert_uint_eq(json_array_size(json_object_get(answer, "blocks")), 1);
	row = json_array_get(json_object_get(answer, "blocks"), 0);
	ck_assert_str_eq(text_of(row, "source"), "203.0.113.9/32");
	ck_assert_str_eq(text_of(row, "state"), "blocked");
	ck_assert_str_eq(text_of(row, "cause"), "limit");
	ck_assert_str_eq(text_of(row, "rule"), "screen");
	ck_assert_str_eq(text_of(row, "reason"), "screen-logins-tried");
	ck_assert_str_eq(text_of(row, "until"), "2026-09-21T15:13:20.000Z");
	ck_assert_int_eq(int_of(row, "offences"), 1);
	ck_assert_ptr_null(json_object_get(row, "operator"));
	/* For packet filters only what they need. */
	row = json_array_get(json_object_get(ask("{\"command\":\"blocks\",\"brief\":true}"), "blocks"), 0);
	ck_assert_uint_eq(json_object_size(row), 2);
	ck_assert_str_eq(text_of(row, "source"), "203.0.113.9/32");
	/* A block whose time is over is none, also before somebody has swept. */
	play.now_ms += 3600000;
	ck_assert_uint_eq(json_array_size(json_object_get(ask("{\"command\":\"blocks\"}"), "blocks")), 0);
	ck_assert_str_eq(text_of(ask("{\"command\":\"source\",\"address\":\"203.0.113.9\"}"), "state"), "free");
}
END_TEST

START_TEST(blocked_by_hand)
{
	const json_t *row;

	begin_screening(MR_MODE_ENFORCE);
	ck_assert_str_eq(result_of("{\"command\":\"block\",\"names\":[\"2001:db8::/48\"],\"reason\":\"scanner\"}", 0), "done");
	row = json_array_get(json_object_get(ask("{\"command\":\"blocks\"}"), "blocks"), 0);
	ck_assert_str_eq(text_of(row, "rule"), "block");
	ck_assert_str_eq(text_of(row, "operator"), "root");
	ck_assert_str_eq(text_of(row, "note"), "scanner");
	ck_assert(json_is_null(json_object_get(row, "until")));
	ask("{\"command\":\"source\",\"address\":\"2001:db8::77\"}");
	ck_assert_str_eq(text_of(answer, "state"), "blocked");
	ck_assert_str_eq(text_of(json_object_get(answer, "block"), "source"), "2001:db8::/48");
	ck_assert_str_eq(text_of(json_object_get(answer, "block"), "note"), "scanner");
	ck_assert_uint_eq(json_array_size(json_object_get(answer, "records")), 0);
}
END_TEST

START_TEST(would_be_blocked)
{
	const json_t *row;

	begin_screening(MR_MODE_OBSERVE);
	spray("203.0.113.9", 4);
	ck_assert_uint_eq(json_array_size(json_object_get(ask("{\"command\":\"blocks\"}"), "blocks")), 0);
	row = json_array_get(json_object_get(ask("{\"command\":\"blocks\",\"would\":true}"), "blocks"), 0);
	ck_assert_str_eq(text_of(row, "state"), "would-block");
	ck_assert_str_eq(text_of(ask("{\"command\":\"source\",\"address\":\"203.0.113.9\"}"), "state"), "would-block");
	ask("{\"command\":\"status\"}");
	ck_assert_int_eq(int_of(json_object_get(answer, "state"), "blocked"), 0);
	ck_assert_int_eq(int_of(json_object_get(answer, "state"), "would_block"), 1);
	ck_assert_str_eq(text_of(json_object_get(answer, "screen"), "mode"), "observe");
	ck_assert_int_eq(int_of(json_object_get(json_object_get(answer, "screen"), "logins"), "failed"), 4);
}
END_TEST

START_TEST(what_is_counted_for_a_source)
{
	const json_t *row, *counters;
	bool seen[2] = { false };
	size_t i;

	begin_screening(MR_MODE_ENFORCE);
	spray("203.0.113.9", 2);
	try_login("ann@example.com", "203.0.113.9", "right", true);
	ask("{\"command\":\"source\",\"address\":\"203.0.113.9\"}");
	counters = json_object_get(answer, "counters");
	json_array_foreach(counters, i, row) {
		bool narrow = strcmp(text_of(row, "of"), "203.0.113.9/32") == 0;

		ck_assert_str_eq(text_of(row, "limit"), "logins_tried.1h");
		ck_assert_int_eq(int_of(row, "value"), 2);
		ck_assert_int_eq(int_of(row, "most"), narrow ? 3 : 15);
		ck_assert(narrow || strcmp(text_of(row, "of"), "203.0.113.0/24") == 0);
		seen[narrow] = true;
	}
	ck_assert(seen[0] && seen[1]);
	row = json_array_get(json_object_get(answer, "records"), 0);
	ck_assert_int_eq(int_of(row, "good_logins"), 1);
	ck_assert_int_eq(int_of(row, "offences_now"), 0);
	ck_assert_int_eq(int_of(row, "next_block_seconds"), 3600);
	ck_assert_ptr_nonnull(json_object_get(ask("{\"command\":\"source\"}"), "error"));
	ck_assert_ptr_nonnull(json_object_get(ask("{\"command\":\"source\",\"address\":\"joe\"}"), "error"));
	ck_assert_ptr_nonnull(json_object_get(ask("{\"command\":\"source\",\"address\":\"203.0.113.9/24\"}"), "error"));
	ck_assert_ptr_null(json_object_get(ask("{\"command\":\"source\",\"address\":\"0.0.0.0/0\"}"), "error"));
	ck_assert_ptr_null(json_object_get(ask("{\"command\":\"source\",\"address\":\"::/0\"}"), "error"));
}
END_TEST

/* An operator forgives one offence, the time that is over none. */
START_TEST(offences)
{
	begin_screening(MR_MODE_ENFORCE);
	spray("203.0.113.9", 4);
	play.now_ms += 3600000 + 1000;
	mr_engine_tick(play.engine, play.now_ms, play.now_ms);
	ask("{\"command\":\"source\",\"address\":\"203.0.113.9\"}");
	ck_assert_int_eq(int_of(json_array_get(json_object_get(answer, "records"), 0), "offences_now"), 1);
	ck_assert_int_eq(int_of(json_array_get(json_object_get(answer, "records"), 0), "next_block_seconds"), 7200);
	ask("{\"command\":\"block\",\"names\":[\"203.0.113.9\"]}");
	ck_assert_int_eq(int_of(json_array_get(json_object_get(answer, "results"), 0), "offences"), 2);
	ask("{\"command\":\"unblock\",\"names\":[\"203.0.113.9\"]}");
	ck_assert_int_eq(int_of(json_array_get(json_object_get(answer, "results"), 0), "offences"), 1);
	ck_assert(json_is_true(json_object_get(json_array_get(json_object_get(answer, "results"), 0), "forgiven")));
	ask("{\"command\":\"unblock\",\"names\":[\"203.0.113.9\"]}");
	ck_assert_ptr_null(json_object_get(json_array_get(json_object_get(answer, "results"), 0), "forgiven"));
	ck_assert_int_eq(int_of(json_array_get(json_object_get(answer, "results"), 0), "offences"), 1);
}
END_TEST

START_TEST(logins_of_an_account)
{
	const json_t *logins, *place;

	begin_screening(MR_MODE_ENFORCE);
	try_login("ann@example.com", "192.0.2.10", "right", true);
	ask("{\"command\":\"account\",\"name\":\"ann@example.com\"}");
	logins = json_object_get(answer, "logins");
	place = json_array_get(json_object_get(logins, "places"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(logins, "places")), 1);
	ck_assert_str_eq(text_of(place, "network"), "192.0.2.0/24");
	ck_assert(json_is_false(json_object_get(place, "well")));
	ck_assert(json_is_false(json_object_get(logins, "guarded")));
	ck_assert(json_is_false(json_object_get(logins, "weak_password")));
	ck_assert_ptr_null(json_object_get(logins, "guess"));
	play.now_ms += 2 * 3600000;
	ask("{\"command\":\"account\",\"name\":\"ann@example.com\"}");
	place = json_array_get(json_object_get(json_object_get(answer, "logins"), "places"), 0);
	ck_assert(json_is_true(json_object_get(place, "well")));
	for (unsigned i = 0; i < 3; i++)
		try_login("ann@example.com", "203.0.113.9", (const char *[]){ "a", "b", "c" }[i], false);
	ask("{\"command\":\"account\",\"name\":\"ann@example.com\"}");
	ck_assert(json_is_true(json_object_get(json_object_get(answer, "logins"), "guarded")));
	ask("{\"command\":\"status\"}");
	ck_assert_int_eq(int_of(json_object_get(json_object_get(answer, "screen"), "logins"), "guarded"), 1);
	ck_assert_int_eq(int_of(json_object_get(json_object_get(answer, "screen"), "logins"), "succeeded"), 1);
	for (unsigned i = 0; i < 3; i++)
		try_login("new@example.com", "203.0.113.9", (const char *[]){ "a", "b", "c" }[i], false);
	ask("{\"command\":\"account\",\"name\":\"new@example.com\"}");
	ck_assert(json_is_null(json_object_get(answer, "account")));
	ck_assert(json_is_true(json_object_get(json_object_get(answer, "logins"), "guarded")));
	ck_assert_ptr_null(json_object_get(ask("{\"command\":\"account\",\"name\":\"zoe@example.com\"}"), "logins"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("command");
	TCase *tests = tcase_create("command");

	play.lines = calloc(LINES_MAX, sizeof(*play.lines));
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, no_command);
	tcase_add_test(tests, bad_orders);
	tcase_add_test(tests, order_and_undo);
	tcase_add_loop_test(tests, pages, 0, 2);
	tcase_add_test(tests, filters);
	tcase_add_test(tests, long_name);
	tcase_add_test(tests, tally);
	tcase_add_test(tests, blocked_by_screening);
	tcase_add_test(tests, blocked_by_hand);
	tcase_add_test(tests, would_be_blocked);
	tcase_add_test(tests, what_is_counted_for_a_source);
	tcase_add_test(tests, offences);
	tcase_add_test(tests, logins_of_an_account);
	suite_add_tcase(suite, tests);
	int status = mr_run_suite(suite);
	free(play.lines);
	return status;
}
