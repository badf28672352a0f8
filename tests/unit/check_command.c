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
	suite_add_tcase(suite, tests);
	int status = mr_run_suite(suite);
	free(play.lines);
	return status;
}
