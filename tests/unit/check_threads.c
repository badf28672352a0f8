/*
 * What threads share: one engine, many sessions, a policy that changes under way. Meant for ThreadSanitizer
 * (configure --enable-sanitizers=thread), and true without it.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strmap.h"
#include "mailreeve.h"
#include "model/pattern.h"
#include "model/policy.h"

#include "harness.h"

enum { THREADS = 8, MESSAGES = 400, POLICIES = 200 };

struct tally {
	_Atomic uint64_t verdicts, others, broken;
};

struct load {
	struct mr_engine *engine;
	unsigned number;
};

static void count_line(void *context, const char *line, size_t length)
{
	struct tally *tally = context;

	if (length == 0 || line[length - 1] != '\n' || memchr(line, '\n', length - 1) != NULL)
		atomic_fetch_add(&tally->broken, 1);
	if (strstr(line, "\"action\":\"verdict\"") != NULL)
		atomic_fetch_add(&tally->verdicts, 1);
	else
		atomic_fetch_add(&tally->others, 1);
}

static struct mr_policy *make_policy(void)
{
	static const unsigned char key[MR_HASH_KEY_BYTES] = { 1 };
	struct mr_policy *policy = mr_policy_alloc();
	const char *why;

	policy->file = strdup("threads.conf");
	policy->mode = MR_MODE_ENFORCE;
	policy->domains = mr_domainset_new(key);
	ck_assert_int_eq(mr_domainset_add(policy->domains, MR_STR("example.com"), &why), 0);
	policy->relay.rule.mode = MR_MODE_ENFORCE;
	policy->relay.rule.action = MR_REJECT;
	policy->relay.rule.cannot_tell = MR_REJECT;
	return policy;
}

/* Half of the messages are for us, half are relay attempts. */
static void *send_messages(void *context)
{
	static const unsigned char address[4] = { 203, 0, 113, 7 };
	struct mr_connect_info info = { .size = sizeof(info), .address = address, .address_length = 4,
					.client_port = 2525, .client_name = "client.example.net" };
	const struct load *load = context;

	for (unsigned i = 0; i < MESSAGES; i++) {
		struct mr_session *session;
		struct mr_reply reply;
		bool ours = (i + load->number) % 2 == 0;

		ck_assert_int_eq(mr_session_new(load->engine, 0, &session), 0);
		mr_session_connect(session, 1000 + i, &info, &reply);
		mr_session_helo(session, 1000 + i, "client.example.net", NULL, NULL);
		mr_session_mail(session, 1000 + i, "<a@example.net>", NULL, NULL, NULL, &reply);
		ck_assert_int_eq(reply.action, MR_CONTINUE);
		mr_session_rcpt(session, 1000 + i, ours ? "<b@example.com>" : "<b@example.org>", NULL, NULL, NULL, &reply);
		ck_assert_int_eq(reply.action, ours ? MR_CONTINUE : MR_ANSWER_REJECT);
		if (ours)
			mr_session_end_of_message(session, 1000 + i, "QID", NULL, 100, &reply);
		mr_session_close(&session, 1001 + i);
	}
	return NULL;
}

/* Mail of an account that others guess at, from an address that is blocked now and then. */
static void *send_known(void *context)
{
	static const unsigned char address[4] = { 203, 0, 113, 7 };
	struct mr_connect_info info = { .size = sizeof(info), .address = address, .address_length = 4 };
	const struct load *load = context;

	for (unsigned i = 0; i < MESSAGES; i++) {
		struct mr_session *session;
		struct mr_reply reply;

		ck_assert_int_eq(mr_session_new(load->engine, 0, &session), 0);
		mr_session_connect(session, 1000 + i, &info, &reply);
		mr_session_mail(session, 1000 + i, "<user1@example.com>", NULL, "user1@example.com", NULL, &reply);
		mr_session_rcpt(session, 1000 + i, "<b@example.com>", NULL, NULL, NULL, &reply);
		mr_session_end_of_message(session, 1000 + i, "QID", NULL, 100, &reply);
		ck_assert_int_eq(reply.action, MR_CONTINUE);
		mr_session_close(&session, 1001 + i);
	}
	return NULL;
}

/* Every thread guesses the passwords of the same few accounts from the same few addresses, and asks what is known. */
static void *try_logins(void *context)
{
	const struct load *load = context;
	char login[32], address[32], password[8], *answer;

	for (unsigned i = 0; i < MESSAGES; i++) {
		struct mr_login_info info = { .size = sizeof(info), .login = login, .address = address, .pwhash = password,
					      .protocol = "imap", .success = i % 7 == 0 };
		struct mr_login_answer admitted;

		snprintf(login, sizeof(login), "user%u@example.com", i % 5);
		snprintf(address, sizeof(address), "203.0.113.%u", (i + load->number) % 9);
		snprintf(password, sizeof(password), "%04x", i);
		mr_engine_login_allow(load->engine, 1000 + 1000 * (int64_t)i, &info, &admitted);
		info.policy_reject = admitted.status < 0;
		info.success = info.success && admitted.status >= 0;
		mr_engine_login_report(load->engine, 1000 + 1000 * (int64_t)i, &info);
		if (i % 50 == 0) {
			mr_engine_set_geo(load->engine, NULL);
			ck_assert_int_eq(mr_engine_command(load->engine, 1000, "root", "{\"command\":\"blocks\"}", &answer), 0);
			free(answer);
		}
	}
	return NULL;
}

static void add_limit(struct mr_policy *policy, enum mr_signal signal, uint64_t most)
{
	struct mr_screen_policy *screen = &policy->screen;

	screen->limits = realloc(screen->limits, (screen->limit_count + 1) * sizeof(*screen->limits));
	screen->limits[screen->limit_count++] = (struct mr_screen_limit){
		.signal = signal, .rate = { most, 3600000 }, .label = strdup(mr_signal_row(signal)->name) };
}

START_TEST(logins_and_messages_at_once)
{
	struct tally tally = { 0 };
	struct mr_engine_options options = { .size = sizeof(options), .event = count_line, .event_context = &tally };
	struct mr_policy *policy = make_policy();
	struct load loads[THREADS];
	pthread_t threads[THREADS];
	struct mr_engine *engine;

	policy->screen.rule.mode = MR_MODE_ENFORCE;
	policy->screen.rule.action = MR_REJECT;
	policy->screen.block_ms[0] = 60000;
	policy->screen.block_count = 1;
	policy->screen.budget = (struct mr_rate){ 1000, 3600000 };
	policy->screen.ipv4_prefix = 32;
	policy->screen.wide_ipv4[0] = 24;
	policy->screen.wide_factor = 1000;
	policy->screen.simultaneous = 1000;
	policy->state.accounts = 1000;
	policy->state.sources = 1000;
	policy->state.windows = 1 << 20;
	add_limit(policy, MR_SIGNAL_LOGIN_FAILURES, 20);
	add_limit(policy, MR_SIGNAL_CONNECTIONS, 1000000);
	add_limit(policy, MR_SIGNAL_GUARD_FAILURES, 30);
	add_limit(policy, MR_SIGNAL_PAIR_FAILURES, 10);
	ck_assert_int_eq(mr_engine_new(&options, policy, 1, &engine), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		loads[i] = (struct load){ engine, i };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, i % 4 == 0 ? send_known : try_logins, &loads[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_gt(tally.others, 0);
	ck_assert_uint_eq(tally.broken, 0);
	mr_engine_free(&engine);
}
END_TEST

START_TEST(one_engine_many_threads)
{
	struct tally tally = { 0 };
	struct mr_engine_options options = { .size = sizeof(options), .event = count_line, .event_context = &tally };
	struct mr_engine *engine;
	pthread_t threads[THREADS];
	struct load loads[THREADS];

	ck_assert_int_eq(mr_engine_new(&options, make_policy(), 1, &engine), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		loads[i] = (struct load){ engine, i };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, send_messages, &loads[i]), 0);
	}
	for (unsigned i = 0; i < POLICIES; i++) {
		ck_assert_uint_eq(mr_engine_set_policy(engine, make_policy()), i + 2);
		mr_engine_say(engine, 1000, MR_SAID_POLICY_LOADED, "another one", 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(mr_engine_generation(engine), POLICIES + 1);
	mr_engine_free(&engine);
	ck_assert_uint_eq(tally.verdicts, THREADS * MESSAGES);
	ck_assert_uint_eq(tally.others, THREADS * MESSAGES / 2 + POLICIES);
	ck_assert_uint_eq(tally.broken, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("threads");
	TCase *tcase = tcase_create("engine");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, one_engine_many_threads);
	tcase_add_test(tcase, logins_and_messages_at_once);
	suite_add_tcase(suite, tcase);
	return mr_run_suite(suite);
}
