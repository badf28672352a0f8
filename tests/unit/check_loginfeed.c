/*
 * The login feed without HTTP: words, header, keys, bodies, and which connection has to go.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../milter/loginfeed_head.h"
#include "../../milter/loginfeed_key.h"
#include "../../milter/loginfeed_list.h"
#include "../../milter/loginfeed_plain.h"
#include "../../milter/loginfeed_request.h"
#include "../../milter/loginfeed_words.h"
#include "harness.h"

/* ---- Words ---- */

START_TEST(words)
{
	static const struct {
		const char *target;
		enum mr_feedword word;
	} rows[] = {
		{ "/?command=allow", MR_FEED_ALLOW },
		{ "?command=report", MR_FEED_REPORT },
		{ "/a/b?x=y&command=getDBStats&z", MR_FEED_STATS },
		{ "/?&command=ping", MR_FEED_PING },
		{ "/?command=reset", MR_FEED_RESET },
		{ "/", MR_FEED_UNKNOWN },
		{ "", MR_FEED_UNKNOWN },
		{ "/?", MR_FEED_UNKNOWN },
		{ "/?command", MR_FEED_UNKNOWN },
		{ "/?command=", MR_FEED_UNKNOWN },
		{ "/?command=allow%00", MR_FEED_UNKNOWN },
		{ "/?Command=allow", MR_FEED_UNKNOWN },
		{ "/?xcommand=allow", MR_FEED_UNKNOWN },
		{ "/command=allow", MR_FEED_UNKNOWN },
		{ "/?command=allow&command=allow", MR_FEED_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(mr_feedwords_read(rows[i].target) == rows[i].word, "%s", rows[i].target);
	ck_assert(mr_feedwords_are_printable("/~%zz?a=b"));
	ck_assert(!mr_feedwords_are_printable("/a b") && !mr_feedwords_are_printable("/\xc3\xa4"));
	ck_assert(mr_feedwords_go_with(MR_FEED_PING, "GET") && !mr_feedwords_go_with(MR_FEED_ALLOW, "GET"));
}
END_TEST

/* ---- Header ---- */

/* fields: "Name: value" with "\n" between them. */
static enum mr_feedfault fault_of(const char *fields, uint64_t size, bool needs_body)
{
	struct mr_feedhead head = { 0 };
	static char text[8192];
	char *rest = text;

	(void)snprintf(text, sizeof(text), "%s", fields);
	while (*rest != '\0') {
		char *line = rest, *colon;

		rest += strcspn(rest, "\n");
		if (*rest == '\n')
			*rest++ = '\0';
		colon = strchr(line, ':');
		*colon = '\0';
		mr_feedhead_add(&head, line, strlen(line), colon + 1 + strspn(colon + 1, " "));
	}
	return mr_feedhead_judge(&head, size, needs_body);
}

START_TEST(heads)
{
	static const struct {
		const char *fields;
		enum mr_feedfault fault;
	} rows[] = {
		{ "Host: x\nContent-Length: 2", MR_FEED_GOOD },
		{ "content-length: 65536\nEXPECT: 100-Continue", MR_FEED_GOOD },
		{ "Content-Length: 2 \t", MR_FEED_GOOD },
		{ "Content-Length: 65537", MR_FEED_BODY_LONG },
		{ "Content-Length: 999999999999999999", MR_FEED_BODY_LONG },
		{ "Content-Length: 9999999999999999999", MR_FEED_AMBIGUOUS },
		{ "Content-Length: 2\nContent-Length: 2", MR_FEED_AMBIGUOUS },
		{ "Content-Length: 2,2", MR_FEED_AMBIGUOUS },
		{ "Content-Length: ", MR_FEED_AMBIGUOUS },
		{ "Content-Length: +2", MR_FEED_AMBIGUOUS },
		{ "Content-Length : 2", MR_FEED_AMBIGUOUS },
		{ " Content-Length: 2", MR_FEED_AMBIGUOUS },
		{ "Content-Length: 2\n: x", MR_FEED_AMBIGUOUS },
		{ "Content-Length: 2\nX: a\rb", MR_FEED_AMBIGUOUS },
		{ "Content-Length: 2\nHost: a\nhost: a", MR_FEED_AMBIGUOUS },
		{ "Content-Length: 2\nX-API-Key: a\nX-Api-Key: b", MR_FEED_AMBIGUOUS },
		{ "Content-Length: 2\nAuthorization: a\nAuthorization: a", MR_FEED_AMBIGUOUS },
		{ "Content-Length: 2\nTransfer-Encoding: identity", MR_FEED_CODED },
		{ "Content-Length: 2\nExpect: more", MR_FEED_EXPECTS },
		{ "Host: x", MR_FEED_NO_LENGTH },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(fault_of(rows[i].fields, 100, true) == rows[i].fault, "%s", rows[i].fields);
	ck_assert_int_eq(fault_of("Host: x", 100, false), MR_FEED_GOOD);
	ck_assert_int_eq(fault_of("Host: x", 4097, false), MR_FEED_HEAD_LONG);
}
END_TEST

START_TEST(many_fields)
{
	struct mr_feedhead head = { 0 };

	for (int i = 0; i < MR_FEED_FIELDS_MAX; i++)
		mr_feedhead_add(&head, "X", 1, NULL);
	ck_assert_int_eq(mr_feedhead_judge(&head, 100, false), MR_FEED_GOOD);
	mr_feedhead_add(&head, "X", 1, NULL);
	ck_assert_int_eq(mr_feedhead_judge(&head, 100, false), MR_FEED_HEAD_LONG);
}
END_TEST

/* ---- Keys ---- */

START_TEST(keys)
{
	static char first[] = "a-first-key-0001", second[] = "a-second-key-0002", none[] = "";
	char *both[MR_FEED_KEYS] = { first, second }, *one[MR_FEED_KEYS] = { none, second };
	struct mr_feedkeys known;

	ck_assert_int_eq(mr_feedkeys_init(&known), 0);
	ck_assert(!mr_feedkeys_fit(&known, first, NULL) && !mr_feedkeys_fit(&known, "", NULL));
	mr_feedkeys_set(&known, both);
	ck_assert(mr_feedkeys_fit(&known, first, NULL) && mr_feedkeys_fit(&known, "a-second-key-0002 ", NULL));
	ck_assert(mr_feedkeys_fit(&known, NULL, "basic  dTphLWZpcnN0LWtleS0wMDAx"));         /* u:a-first-key-0001 */
	ck_assert(mr_feedkeys_fit(&known, "wrong", "Basic OmEtc2Vjb25kLWtleS0wMDAy"));       /* :a-second-key-0002 */
	ck_assert(!mr_feedkeys_fit(&known, NULL, "Basic YS1maXJzdC1rZXktMDAwMQ=="));         /* without a colon */
	ck_assert(!mr_feedkeys_fit(&known, NULL, "Bearer a-first-key-0001"));
	ck_assert(!mr_feedkeys_fit(&known, NULL, "Basic !") && !mr_feedkeys_fit(&known, NULL, "Basic"));
	mr_feedkeys_set(&known, one);
	ck_assert(!mr_feedkeys_fit(&known, first, NULL) && mr_feedkeys_fit(&known, second, NULL));
	ck_assert(!mr_feedkeys_fit(&known, "", NULL) && !mr_feedkeys_fit(&known, NULL, "Basic Og=="));
}
END_TEST

/* ---- Bodies ---- */

static int read_body(const char *text, struct mr_feedrequest *request_r, char room[512])
{
	const char *why = NULL;
	int err;

	(void)snprintf(room, 512, "%s", text);
	err = mr_feedrequest_read(room, strlen(text), request_r, &why);
	ck_assert((err == 0) == (why == NULL));
	return err;
}

static bool is_same(const char *seen, const char *wanted)
{
	return seen == NULL || wanted == NULL ? seen == wanted : strcmp(seen, wanted) == 0;
}

START_TEST(bodies)
{
	static const struct {
		const char *body, *login, *address;
		bool success, reject;
	} rows[] = {
		{ "{\"login\":\"joe\",\"remote\":\"192.0.2.1\",\"success\":true,\"tls\":true}", "joe", "192.0.2.1", true, false },
		{ " { \"success\" : false , \"login\" : \"joe\" , \"policy_reject\" : true } ", "joe", NULL, false, true },
		{ "{\"login\":\"\",\"remote\":\"\"}", "", NULL, false, false },
		{ "{}", NULL, NULL, false, false },
		{ "{\"login\":7,\"success\":1}", "7", NULL, true, false },
		{ "{\"login\":-7,\"success\":0}", "-7", NULL, false, false },
		{ "{\"login\":null,\"success\":\"YES\",\"policy_reject\":\"off\"}", NULL, NULL, true, false },
		{ "{\"fail_type\":\"\"}", NULL, NULL, true, false },
		{ "{\"fail_type\":\"credentials\"}", NULL, NULL, false, false },
		{ "{\"ip\":\"192.0.2.2\"}", NULL, "192.0.2.2", false, false },
		{ "{\"ip\":\"192.0.2.2\",\"remote\":\"192.0.2.3\"}", NULL, "192.0.2.3", false, false },
		{ "{\"login\":\"j\xf6rg\"}", "j\xc3\xb6rg", NULL, false, false },
		{ "{\"login\":\"j\xc3\xb6rg\"}", "j\xc3\xb6rg", NULL, false, false },
		{ "{\"login\":\"\\u006aoe\\\\\"}", "joe\\", NULL, false, false },
		{ "{\"x\":[[1.5,{}]],\"login\":\"joe\"}", "joe", NULL, false, false },
	};
	struct mr_feedrequest request;
	char room[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(read_body(rows[i].body, &request, room) == 0, "%s", rows[i].body);
		ck_assert_msg(is_same(request.info.login, rows[i].login) && is_same(request.info.address, rows[i].address) &&
			      request.info.success == rows[i].success && request.info.policy_reject == rows[i].reject,
			      "%s", rows[i].body);
		mr_feedrequest_clear(&request);
	}
}
END_TEST

START_TEST(bad_bodies)
{
	static const char *const rows[] = {
		"", "{", "[]", "{}x", "{\"login\":\"a\",\"login\":\"a\"}", "{\"login\":[]}", "{\"login\":true}", "{\"success\":\"perhaps\"}",
		"{\"login\":\"a\\u0000b\"}", "{\"login\":007}", "{\"login\":\"a\n\"}", "{\"login\":1.5}", "{\"a\":1,}", "{,}",
		"{\"x\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}",
	};
	struct mr_feedrequest request;
	char room[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(read_body(rows[i], &request, room) == -1, "%s", rows[i]);
}
END_TEST

/* What Dovecot sends has to take the quick way. */
START_TEST(plain_bodies)
{
	char body[] = "{\"device_id\":\"\",\"login\":\"joe@example.com\",\"protocol\":\"imap\",\"pwhash\":\"0dd2\",\"remote\":"
		      "\"2001:db8::1\",\"session_id\":\"a+b/c=\",\"success\":false,\"policy_reject\":false,\"tls\":true}";
	struct mr_feedplain plain;

	ck_assert(mr_feedplain_read(body, sizeof(body) - 1, &plain));
	ck_assert_uint_eq(plain.count, 9);
	ck_assert(plain.member[1].length == 15 && memcmp(plain.member[1].text, "joe@example.com", 15) == 0);
	ck_assert(plain.member[6].kind == MR_FEED_FALSE && plain.member[8].kind == MR_FEED_TRUE);
	for (size_t n = 0; n < sizeof(body) - 1; n++)
		ck_assert(!mr_feedplain_read(body, n, &plain));
}
END_TEST

/* ---- Connections ---- */

struct pair {
	struct mr_feedlink link;
	int far;
};

static void come(struct mr_feedlist *list, struct pair *pair, int64_t now_ms)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pair->far = ends[1];
	mr_feedlist_add(list, &pair->link, ends[0], now_ms);
}

static void ask(struct mr_feedlist *list, struct pair *pair, bool proven, int64_t now_ms)
{
	mr_feedlink_begin(&pair->link, now_ms);
	mr_feedlink_go_on(&pair->link);
	mr_feedlist_finish(list, &pair->link, proven);
}

static bool is_ended(const struct pair *pair)
{
	char byte;

	return recv(pair->far, &byte, 1, MSG_DONTWAIT) == 0;
}

static void leave(struct mr_feedlist *list, struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		mr_feedlist_remove(list, &pairs[i].link);
		close(pairs[i].link.fd);
		close(pairs[i].far);
	}
	ck_assert_uint_eq(list->count, 0);
	ck_assert(list->strangers.first == NULL && list->friends.first == NULL);
}

START_TEST(strangers_go_first)
{
	struct mr_feedlist list;
	struct pair pairs[6];

	mr_feedlist_init(&list, 4);
	for (int i = 0; i < 4; i++)
		come(&list, &pairs[i], i);
	ask(&list, &pairs[0], true, 10);
	ask(&list, &pairs[1], false, 11);
	come(&list, &pairs[4], 20);
	ck_assert(!is_ended(&pairs[0]) && is_ended(&pairs[1]) && !is_ended(&pairs[2]));
	come(&list, &pairs[5], 21);
	ck_assert(!is_ended(&pairs[0]) && is_ended(&pairs[2]) && !is_ended(&pairs[3]));
	ck_assert_uint_eq(mr_feedlist_evicted(&list), 2);
	ck_assert_uint_eq(mr_feedlist_evicted(&list), 0);
	leave(&list, pairs, 6);
}
END_TEST

START_TEST(then_the_most_silent)
{
	struct mr_feedlist list;
	struct pair pairs[5];

	mr_feedlist_init(&list, 3);
	for (int i = 0; i < 3; i++) {
		come(&list, &pairs[i], i);
		ask(&list, &pairs[i], true, 10 + i);
	}
	ask(&list, &pairs[0], true, 100);
	mr_feedlink_begin(&pairs[1].link, 200); /* is being served */
	come(&list, &pairs[3], 300);
	ck_assert(!is_ended(&pairs[0]) && !is_ended(&pairs[1]) && is_ended(&pairs[2]));
	ask(&list, &pairs[3], true, 301);
	mr_feedlist_set_most(&list, 1);
	come(&list, &pairs[4], 400);
	ck_assert(is_ended(&pairs[0]) && is_ended(&pairs[1]) && is_ended(&pairs[3]) && !is_ended(&pairs[4]));
	leave(&list, pairs, 5);
}
END_TEST

START_TEST(time_is_over)
{
	struct mr_feedlist list;
	struct pair pairs[4];

	mr_feedlist_init(&list, 10);
	for (int i = 0; i < 4; i++)
		come(&list, &pairs[i], 0);
	mr_feedlink_begin(&pairs[1].link, 4000);
	mr_feedlink_go_on(&pairs[1].link);
	ask(&list, &pairs[2], true, 1000);
	ask(&list, &pairs[3], true, 1000);
	mr_feedlink_begin(&pairs[3].link, 9000);
	mr_feedlist_reap(&list, MR_FEED_HEAD_MS - 1);
	ck_assert(!is_ended(&pairs[0]));
	mr_feedlist_reap(&list, MR_FEED_HEAD_MS);
	ck_assert(is_ended(&pairs[0]) && !is_ended(&pairs[1]) && !is_ended(&pairs[2]));
	mr_feedlist_reap(&list, MR_FEED_TOTAL_MS);
	ck_assert(is_ended(&pairs[1]) && !is_ended(&pairs[3]));
	mr_feedlist_reap(&list, 9000 + MR_FEED_HEAD_MS);
	ck_assert(is_ended(&pairs[3]) && !is_ended(&pairs[2]));
	mr_feedlist_reap(&list, 1000 + MR_FEED_IDLE_MS);
	ck_assert(is_ended(&pairs[2]));
	leave(&list, pairs, 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loginfeed");
	TCase *tc = tcase_create("parts");

	suite_add_tcase(suite, tc);
	tcase_add_test(tc, words);
	tcase_add_test(tc, heads);
	tcase_add_test(tc, many_fields);
	tcase_add_test(tc, keys);
	tcase_add_test(tc, bodies);
	tcase_add_test(tc, bad_bodies);
	tcase_add_test(tc, plain_bodies);
	tcase_add_test(tc, strangers_go_first);
	tcase_add_test(tc, then_the_most_silent);
	tcase_add_test(tc, time_is_over);
	return mr_run_suite(suite);
}
