/* Tests of lib/core/rates.c: which limits hold for a message, what is counted, what an excess does. */
#include "core/rates.h"

#include "scene.h"

enum { HOUR = 3600 * 1000, DAY = 24 * HOUR, COUNTERS_MAX = 64 };

static const uint64_t unlimited = UINT64_MAX;

/* Counters by identity, as a store would keep them. */
static struct counter {
	uint32_t kind;
	char subject[64];
	size_t size;
	void *memory;
} counters[COUNTERS_MAX];
static size_t counter_count;

static int64_t now = 1795305600000;
static struct mr_rate_subject message;
static struct mr_rate_use uses[MR_RATE_USES_MAX];
static size_t use_count;
static struct mr_decision decision;
static const struct mr_rate_use *decides;

static void
begin(void)
{
	set_scene();
	mr_subject_connect(&scene.subject, scene.policy, &scene.connection, scene.arena, scene.now_ms);
	message = (struct mr_rate_subject){ .login = MR_STR("alice@example.com"), .source = MR_STR("203.0.113.9/32"),
		.listener = MR_STR("submission"), .client_ip = scene.connection.client_ip, .messages = 1,
		.recipients = 1, .size = 1000 };
}

static void
end(void)
{
	while (counter_count > 0)
		free(counters[--counter_count].memory);
	clear_scene();
}

/* An enforced entry for all logins that refuses for now; the caller fills in the rest. Valid until the next call. */
static struct mr_rates_entry *
add_entry(const char *name)
{
	struct mr_rates_policy *rates = &scene.policy->rates;

	rates->entries = mr_realloc(rates->entries, rates->count + 1, sizeof(*rates->entries));
	ck_assert_ptr_nonnull(rates->entries);
	rates->entries[rates->count] = (struct mr_rates_entry){ .name = mr_strdup(name), .asked = MR_RULE_RATES,
		.rule = { .mode = MR_MODE_ENFORCE, .action = MR_TEMPFAIL }, .action = MR_RATE_TEMPFAIL };
	return &rates->entries[rates->count++];
}

static struct mr_rates_entry *
limit(struct mr_rates_entry *entry, enum mr_metric metric, uint64_t most, int64_t window_ms)
{
	entry->metrics |= 1u << metric;
	if (most == unlimited)
		return entry;
	entry->limits = mr_realloc(entry->limits, entry->limit_count + 1, sizeof(*entry->limits));
	ck_assert_ptr_nonnull(entry->limits);
	entry->limits[entry->limit_count++] = (struct mr_rate_limit){ .metric = metric,
		.rate = { most, window_ms }, .label = mr_strdup("label") };
	return entry;
}

static void *
counter_of(const struct mr_rate_use *use)
{
	struct counter *c = counters;

	while (c < counters + counter_count &&
	       (c->kind != use->kind || c->size != use->size || !mr_str_equal(use->subject, mr_str_of(c->subject))))
		c++;
	if (c == counters + counter_count) {
		ck_assert_uint_lt(counter_count, COUNTERS_MAX);
		counter_count++;
		*c = (struct counter){ .kind = use->kind, .size = use->size, .memory = calloc(1, use->size) };
		ck_assert_uint_lt(use->subject.n, sizeof(c->subject));
		memcpy(c->subject, use->subject.p, use->subject.n);
	}
	return c->memory;
}

/* Everything up to the decision; whether the message may go. */
static bool
judge(void)
{
	use_count = mr_rates_collect(scene.policy, &message, uses, MR_RATE_USES_MAX);
	for (size_t i = 0; i < use_count; i++)
		mr_rate_look(&uses[i], counter_of(&uses[i]), now);
	decides = mr_rates_decide(&scene.subject, uses, use_count, &decision);
	return decision.verdict == MR_ACCEPT;
}

/* The whole way of a message; whether it went. */
static bool
try(void)
{
	bool sent = judge();

	for (size_t i = 0; i < use_count; i++)
		ck_assert(mr_rate_settle(&uses[i], counter_of(&uses[i]), now, sent));
	return sent;
}

/* How many of the next tries go. */
static unsigned
go(unsigned tries)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < tries; i++)
		gone += try();
	return gone;
}

/* ---- Which limits hold ---- */

START_TEST(without_limits_there_is_nothing)
{
	begin();
	ck_assert(try());
	ck_assert_uint_eq(use_count, 0);
	ck_assert_ptr_null(decides);
	end();
}
END_TEST

START_TEST(the_most_specific_entry_decides_for_each_metric)
{
	struct mr_rates_entry *entry;

	begin();
	entry = limit(add_entry("all"), MR_METRIC_MESSAGES, 1, HOUR);
	limit(limit(entry, MR_METRIC_RECIPIENTS, 500, HOUR), MR_METRIC_BYTES, 1000000, HOUR);
	entry = limit(add_entry("domain"), MR_METRIC_MESSAGES, 2, HOUR);
	entry->domains = domains_of("example.com");
	entry = limit(add_entry("pattern"), MR_METRIC_MESSAGES, 3, HOUR);
	entry->exact = patterns_of("");
	entry->like = patterns_of("news-*@example.com bulk-*@example.org");
	entry = limit(add_entry("name"), MR_METRIC_MESSAGES, 4, HOUR);
	limit(entry, MR_METRIC_RECIPIENTS, unlimited, 0);
	entry->exact = patterns_of("news-1@example.com");
	entry->like = patterns_of("");
	message.login = MR_STR("x@elsewhere.example");
	ck_assert_uint_eq(go(5), 1);
	ck_assert_uint_eq(use_count, 3);
	message.login = MR_STR("alice@example.com");
	ck_assert_uint_eq(go(5), 2);
	ck_assert_uint_eq(use_count, 3);
	message.login = MR_STR("news-2@example.com");
	ck_assert_uint_eq(go(5), 3);
	message.login = MR_STR("news-1@example.com");
	ck_assert_uint_eq(go(6), 4);
	ck_assert_uint_eq(use_count, 2); /* recipients are unlimited, bytes are inherited */
	message.login = MR_STR_ABSENT;
	ck_assert_uint_eq(go(6), 6);
	ck_assert_uint_eq(use_count, 0);
	end();
}
END_TEST

START_TEST(the_first_of_two_alike_decides)
{
	begin();
	limit(add_entry("one"), MR_METRIC_MESSAGES, 2, HOUR);
	limit(add_entry("two"), MR_METRIC_MESSAGES, 5, HOUR);
	ck_assert_uint_eq(go(9), 2);
	end();
}
END_TEST

START_TEST(logins_sources_and_listeners_are_counted_apart)
{
	struct mr_rates_entry *entry;

	begin();
	limit(add_entry("login"), MR_METRIC_MESSAGES, 3, HOUR);
	entry = limit(add_entry("source"), MR_METRIC_MESSAGES, 5, HOUR);
	entry->per = MR_RATE_PER_SOURCE;
	entry = limit(add_entry("some"), MR_METRIC_MESSAGES, unlimited, 0);
	entry->per = MR_RATE_PER_SOURCE;
	entry->sources = networks_of("198.51.100.0/24");
	entry = limit(add_entry("listener"), MR_METRIC_MESSAGES, 7, HOUR);
	entry->per = MR_RATE_PER_LISTENER;
	entry->listeners = names_of("submission");
	ck_assert_uint_eq(go(9), 3);
	message.login = MR_STR("bob@example.com");
	ck_assert_uint_eq(go(9), 2); /* the source has sent 5 */
	message.source = MR_STR("203.0.113.10/32");
	ck_assert_uint_eq(go(9), 1); /* bob has sent 3 */
	message.login = MR_STR("carol@example.com");
	ck_assert_uint_eq(go(9), 1); /* the listener has taken 7 */
	message.listener = MR_STR("smtp");
	ck_assert_uint_eq(go(9), 2);
	message.login = MR_STR_ABSENT;
	message.source = MR_STR("198.51.100.1/32");
	mr_ip_parse(MR_STR("198.51.100.1"), &message.client_ip);
	ck_assert_uint_eq(go(9), 9);
	message.source = MR_STR_ABSENT;
	ck_assert(try());
	ck_assert_uint_eq(use_count, 0);
	end();
}
END_TEST

/* How many go from a client when each class of clients has its limit. */
static unsigned
from_there(const char *ip, bool local)
{
	mr_ip_parse(mr_str_of(ip), &message.client_ip);
	message.local = local;
	return go(20);
}

START_TEST(classes_of_clients)
{
	static const enum mr_rate_class classes[] = { MR_RATE_NETWORKS, MR_RATE_PRIVATE, MR_RATE_OTHER };
	static const uint64_t most[] = { 9, 5, 2 };

	begin();
	scene.policy->rates.networks = networks_of("198.51.100.0/24 10.1.0.0/16");
	for (size_t i = 0; i < 3; i++)
		limit(add_entry("class"), MR_METRIC_MESSAGES, most[i], HOUR)->from = classes[i];
	ck_assert_uint_eq(from_there("203.0.113.1", false), 2);
	ck_assert_uint_eq(from_there("2001:db8::1", false), 0);
	ck_assert_uint_eq(from_there("192.168.1.1", false), 5);
	ck_assert_uint_eq(from_there("172.31.255.255", false), 0);
	ck_assert_uint_eq(from_there("fd00::1", false), 0);
	ck_assert_uint_eq(from_there("unknown", true), 0);
	ck_assert_uint_eq(from_there("10.1.2.3", false), 9);
	now += 2 * HOUR;
	ck_assert_uint_eq(from_there("172.32.0.1", false), 2);
	ck_assert_uint_eq(from_there("10.2.0.1", false), 5);
	/* A limit for all clients holds beside them. */
	limit(add_entry("any"), MR_METRIC_MESSAGES, 3, HOUR);
	now += 2 * HOUR;
	ck_assert_uint_eq(from_there("203.0.113.1", false), 2);
	ck_assert_uint_eq(from_there("192.168.1.1", false), 1);
	end();
}
END_TEST

START_TEST(counters_have_their_own_identity)
{
	static const int64_t windows[] = { 1000, HOUR, DAY, 100 * (int64_t)DAY };
	uint32_t kinds[4 * 4 * MR_METRIC_COUNT * 4];
	size_t count = 0;

	begin();
	message.refused = message.asn = message.country = 1;
	message.spam = true;
	for (unsigned per = 0; per < MR_RATE_PER_COUNT; per++) {
		for (unsigned from = MR_RATE_ANY; from <= MR_RATE_OTHER; from++) {
			struct mr_rates_entry *entry = add_entry("x");

			entry->per = (enum mr_rate_per)per;
			entry->from = (enum mr_rate_class)from;
			for (size_t i = 0; i < 4 * MR_METRIC_COUNT; i++)
				limit(entry, (enum mr_metric)(i / 4), 10, windows[i % 4]);
		}
	}
	message.to = (const uint32_t[]){ 1 };
	message.to_count = 1;
	for (unsigned from = 0; from < 3; from++) {
		static const char *const clients[] = { "198.51.100.1", "10.0.0.1", "203.0.113.1" };
		static struct mr_rate_use all[4 * 2 * MR_METRIC_COUNT * 4];
		size_t n;

		if (!scene.policy->rates.networks)
			scene.policy->rates.networks = networks_of("198.51.100.0/24");
		mr_ip_parse(mr_str_of(clients[from]), &message.client_ip);
		n = mr_rates_collect(scene.policy, &message, all, sizeof(all) / sizeof(all[0]));
		ck_assert_uint_eq(n, sizeof(all) / sizeof(all[0]));
		for (size_t i = 0; i < n; i++) {
			if (all[i].entry->from != MR_RATE_ANY || from == 0)
				kinds[count++] = all[i].kind;
		}
		ck_assert_uint_eq(mr_rates_collect(scene.policy, &message, all, 5), 5);
	}
	ck_assert_uint_eq(count, sizeof(kinds) / sizeof(kinds[0]));
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++)
			ck_assert_uint_ne(kinds[i], kinds[j]);
	}
	end();
}
END_TEST

START_TEST(a_reload_that_changes_a_limit_keeps_the_counter)
{
	begin();
	limit(add_entry("x"), MR_METRIC_MESSAGES, 3, HOUR);
	ck_assert_uint_eq(go(9), 3);
	scene.policy->rates.entries[0].limits[0].rate.most = 5;
	ck_assert_uint_eq(go(9), 2);
	scene.policy->rates.entries[0].limits[0].rate.most = 4;
	ck_assert_uint_eq(go(9), 0);
	end();
}
END_TEST

/* ---- What is counted ---- */

START_TEST(several_windows_hold_at_once)
{
	unsigned gone = 0;

	begin();
	limit(limit(add_entry("x"), MR_METRIC_MESSAGES, 3, HOUR), MR_METRIC_MESSAGES, 5, DAY);
	ck_assert_uint_eq(go(9), 3);
	now += 2 * HOUR;
	ck_assert_uint_eq(go(9), 2);
	for (unsigned i = 0; i < 21; i++) {
		now += HOUR;
		gone += go(9);
	}
	ck_assert_uint_eq(gone, 0);
	now += 3 * HOUR;
	ck_assert_uint_ge(go(9), 2);
	end();
}
END_TEST

START_TEST(a_message_that_is_bigger_than_the_limit_is_refused)
{
	begin();
	limit(add_entry("x"), MR_METRIC_RECIPIENTS, 10, HOUR);
	message.recipients = 11;
	ck_assert(!try());
	ck_assert_uint_eq(uses[0].count, 11);
	ck_assert_int_eq(decision.reason, MR_REASON_RATES_RECIPIENTS);
	message.recipients = 10;
	ck_assert(try());
	message.recipients = 1;
	ck_assert(!try());
	end();
}
END_TEST

START_TEST(refused_attempts_do_not_use_up_the_limit)
{
	begin();
	limit(add_entry("x"), MR_METRIC_RECIPIENTS, 10, HOUR);
	message.recipients = 6;
	ck_assert(try());
	ck_assert_uint_eq(go(5), 0);
	ck_assert_uint_eq(uses[0].count, 12);
	ck_assert_uint_eq(uses[0].refused, 5);
	message.recipients = 4;
	ck_assert(try());
	ck_assert_uint_eq(uses[0].count, 10);
	end();
}
END_TEST

START_TEST(a_message_that_another_rule_refuses_is_not_counted)
{
	begin();
	limit(limit(add_entry("x"), MR_METRIC_MESSAGES, 2, HOUR), MR_METRIC_REFUSED_RECIPIENTS, 5, HOUR);
	message.refused = 2;
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(judge());
		for (size_t j = 0; j < use_count; j++)
			ck_assert(mr_rate_settle(&uses[j], counter_of(&uses[j]), now, false));
	}
	message.refused = 1;
	ck_assert(try());
	ck_assert_uint_eq(uses[0].count, 1);
	ck_assert_uint_eq(uses[1].count, 5); /* refused recipients are counted whatever became of the message */
	message.refused = 1;
	ck_assert(!try());
	ck_assert_int_eq(decision.reason, MR_REASON_RATES_REFUSED_RECIPIENTS);
	message.refused = 0;
	ck_assert(!try()); /* who has tried too many may send nothing for a while */
	message.messages = message.recipients = 0;
	message.refused = 3;
	use_count = mr_rates_collect(scene.policy, &message, uses, MR_RATE_USES_MAX);
	ck_assert_uint_eq(use_count, 1); /* a transaction that came to no message */
	end();
}
END_TEST

START_TEST(different_recipients)
{
	static const uint64_t first[] = { 77, 5, 77, UINT64_C(0x100000004), 5 }, again[] = { 5, 77 }, new[] = { 8 };
	uint32_t to[5];

	begin();
	limit(add_entry("x"), MR_METRIC_DISTINCT_RECIPIENTS, 3, HOUR);
	message.to = to;
	message.to_count = mr_rates_sort(first, 5, to);
	ck_assert_uint_eq(message.to_count, 2); /* 0x100000004 folds to 5 */
	ck_assert_uint_eq(to[0], 5);
	ck_assert(try());
	message.to_count = mr_rates_sort(again, 2, to);
	ck_assert_uint_eq(go(20), 20);
	message.to_count = mr_rates_sort(new, 1, to);
	ck_assert_uint_eq(go(20), 20);
	to[0] = 9;
	ck_assert_uint_eq(go(20), 0);
	message.to_count = mr_rates_sort(again, 2, to);
	ck_assert(try()); /* nobody new */
	ck_assert_uint_eq(mr_rates_sort(NULL, 0, to), 0);
	end();
}
END_TEST

/* Whether a message from that client goes. */
static bool
goes_from(const char *ip)
{
	ck_assert_int_eq(mr_ip_parse(mr_str_of(ip), &message.client_ip), 0);
	return try();
}

START_TEST(different_places)
{
	begin();
	limit(add_entry("x"), MR_METRIC_ADDRESSES, 2, HOUR);
	ck_assert(goes_from("203.0.113.1"));
	ck_assert(goes_from("2001:db8:0:1::1"));
	ck_assert(!goes_from("203.0.113.2"));
	ck_assert(goes_from("2001:db8:0:1:ffff::2")); /* the same /64 */
	ck_assert(!goes_from("2001:db8:0:2::1"));
	ck_assert(goes_from("203.0.113.1"));
	message.client_ip.family = MR_IP_UNKNOWN;
	ck_assert(try());
	limit(limit(&scene.policy->rates.entries[0], MR_METRIC_NETWORKS, 1, HOUR), MR_METRIC_COUNTRIES, 2, HOUR);
	message.asn = 64500;
	message.country = 'D' << 8 | 'E';
	ck_assert(try());
	message.country = 'F' << 8 | 'R';
	ck_assert(try());
	message.country = 'P' << 8 | 'L';
	ck_assert(!try());
	ck_assert_int_eq(decision.reason, MR_REASON_RATES_COUNTRIES);
	message.country = 0;
	message.asn = 64501;
	ck_assert(!try());
	ck_assert_int_eq(decision.reason, MR_REASON_RATES_NETWORKS);
	message.asn = 0;
	ck_assert(try());
	end();
}
END_TEST

START_TEST(bytes_spam_and_similar_sizes)
{
	begin();
	limit(add_entry("x"), MR_METRIC_BYTES, UINT64_C(5) << 30, HOUR);
	message.size = INT64_C(3) << 30;
	ck_assert_uint_eq(go(3), 1);
	ck_assert_int_eq(decision.reason, MR_REASON_RATES_BYTES);
	message.size = -1;
	ck_assert(try());
	limit(&scene.policy->rates.entries[0], MR_METRIC_SPAM, 2, HOUR);
	message.spam = true;
	ck_assert_uint_eq(go(5), 2);
	ck_assert_int_eq(decision.reason, MR_REASON_RATES_SPAM);
	message.spam = false;
	ck_assert_uint_eq(go(5), 5);
	limit(&scene.policy->rates.entries[0], MR_METRIC_SIMILAR, 3, HOUR);
	message.size = 10000;
	ck_assert(try());
	message.size = 10100;
	ck_assert(try());
	message.size = 20000;
	ck_assert(try());
	message.size = 10050;
	ck_assert_uint_eq(go(5), 1);
	ck_assert_int_eq(decision.reason, MR_REASON_RATES_SIMILAR);
	message.size = 20000;
	ck_assert_uint_eq(go(5), 2);
	end();
}
END_TEST

/* ---- What an excess does ---- */

START_TEST(observe_counts_and_lets_pass)
{
	begin();
	limit(add_entry("x"), MR_METRIC_MESSAGES, 2, HOUR)->rule.mode = MR_MODE_OBSERVE;
	ck_assert_uint_eq(go(2), 2);
	ck_assert_uint_eq(decision.would, 0);
	ck_assert(try());
	ck_assert_uint_eq(decision.would, MR_RULE_BIT(MR_RULE_RATES));
	ck_assert_int_eq(decision.would_reason, MR_REASON_RATES_MESSAGES);
	ck_assert_int_eq(uses[0].effect, MR_RATE_OBSERVED);
	ck_assert_ptr_null(decides);
	ck_assert_uint_eq(go(5), 5);
	ck_assert_uint_eq(uses[0].count, 8);
	scene.policy->rates.entries[0].rule.mode = MR_MODE_ENFORCE;
	scene.policy->mode = MR_MODE_OBSERVE;
	ck_assert(try());
	scene.policy->mode = MR_MODE_ENFORCE;
	ck_assert(!try());
	scene.policy->rates.entries[0].rule.mode = MR_MODE_OFF;
	ck_assert(try());
	ck_assert_uint_eq(use_count, 0);
	end();
}
END_TEST

START_TEST(the_hardest_action_decides)
{
	struct mr_rates_entry *entry;

	begin();
	entry = limit(add_entry("alert"), MR_METRIC_MESSAGES, 1, HOUR);
	entry->action = MR_RATE_ALERT;
	entry->rule.action = MR_ACCEPT;
	entry = limit(add_entry("hold"), MR_METRIC_RECIPIENTS, 2, HOUR);
	entry->action = MR_RATE_HOLD;
	entry->rule.action = MR_HOLD;
	entry = limit(add_entry("freeze"), MR_METRIC_BYTES, 3000, HOUR);
	entry->action = MR_RATE_FREEZE;
	entry->rule.action = MR_REJECT;
	limit(add_entry("later"), MR_METRIC_SIMILAR, 4, HOUR);
	ck_assert(try());
	ck_assert_ptr_null(decides);
	ck_assert(try());
	ck_assert_str_eq(decides->entry->name, "alert");
	ck_assert_int_eq(decides->effect, MR_RATE_ACTED);
	ck_assert_int_eq(decision.reason, MR_REASON_NONE);
	ck_assert(!try());
	ck_assert_int_eq(decision.verdict, MR_HOLD);
	ck_assert_int_eq(decision.reason, MR_REASON_RATES_RECIPIENTS);
	message.size = 5000;
	ck_assert(!try());
	ck_assert_int_eq(decision.verdict, MR_REJECT);
	ck_assert_int_eq(decision.reason, MR_REASON_RATES_BYTES);
	ck_assert_int_eq(decides->entry->action, MR_RATE_FREEZE);
	end();
}
END_TEST

START_TEST(the_excused_are_counted_and_not_stopped)
{
	struct mr_exemption *e;

	begin();
	limit(add_entry("x"), MR_METRIC_MESSAGES, 2, HOUR)->rule.except = networks_of("203.0.113.9");
	ck_assert_uint_eq(go(5), 5);
	ck_assert_int_eq(uses[0].effect, MR_RATE_EXCUSED);
	ck_assert_uint_eq(decision.would, 0);
	from_client("203.0.113.10");
	ck_assert(!try());
	ck_assert_uint_eq(uses[0].count, 6);
	e = add_exemption(scene.policy, "newsletter", MR_RULE_BIT(MR_RULE_RATES));
	e->login = patterns_of("alice@example.com");
	mr_subject_mail(&scene.subject, now, MR_STR("alice@example.com"), MR_STR("alice@example.com"), -1);
	ck_assert(try());
	ck_assert_uint_eq(scene.subject.trail.count, 1);
	ck_assert(mr_str_equal(scene.subject.exemption_used, MR_STR("newsletter")));
	/* A ceiling of hijack asks for exemptions from hijack. */
	scene.policy->rates.entries[0].asked = MR_RULE_HIJACK;
	ck_assert(!try());
	e->rules = MR_RULE_BIT(MR_RULE_HIJACK);
	ck_assert(try());
	scene.policy->rates.entries[0].rule.mode = MR_MODE_OBSERVE;
	e->rules = 0;
	ck_assert(try());
	ck_assert_uint_eq(decision.would, MR_RULE_BIT(MR_RULE_HIJACK));
	end();
}
END_TEST

START_TEST(an_exemption_is_tried_once_for_an_entry)
{
	begin();
	limit(limit(add_entry("x"), MR_METRIC_MESSAGES, 1, HOUR), MR_METRIC_RECIPIENTS, 1, HOUR);
	add_exemption(scene.policy, "other", MR_RULE_BIT(MR_RULE_RATES))->login = patterns_of("bob@example.com");
	mr_subject_mail(&scene.subject, now, MR_STR("alice@example.com"), MR_STR("alice@example.com"), -1);
	ck_assert_uint_eq(go(2), 1);
	ck_assert_uint_eq(scene.subject.trail.count, 1);
	end();
}
END_TEST

START_TEST(a_counter_that_cannot_be_had_stops_nothing)
{
	begin();
	limit(add_entry("x"), MR_METRIC_MESSAGES, 1, HOUR);
	ck_assert_uint_eq(go(2), 1);
	mr_rate_look(&uses[0], NULL, now);
	ck_assert(!uses[0].over);
	ck_assert(mr_rate_settle(&uses[0], NULL, now, true));
	mr_rate_give_back(&uses[0], NULL, now);
	end();
}
END_TEST

/* ---- Sessions at the same time ---- */

START_TEST(what_fills_up_meanwhile_is_seen)
{
	struct mr_rate_use mine;

	begin();
	limit(add_entry("x"), MR_METRIC_MESSAGES, 2, HOUR);
	ck_assert(try());
	ck_assert(judge());
	mine = uses[0];
	ck_assert(try()); /* another session */
	ck_assert(!mr_rate_settle(&mine, counter_of(&mine), now, true));
	mr_rate_look(&mine, counter_of(&mine), now);
	ck_assert_uint_eq(mine.count, 3);
	ck_assert(mine.over);
	mr_rate_give_back(&uses[0], counter_of(&uses[0]), now);
	ck_assert(mr_rate_settle(&mine, counter_of(&mine), now, false)); /* refused: not counted */
	ck_assert_uint_eq(go(9), 1);
	end();
}
END_TEST

START_TEST(what_is_given_back_is_what_was_counted)
{
	struct mr_rates_entry *entry;
	struct mr_rate_use *held;

	begin();
	limit(add_entry("x"), MR_METRIC_REFUSED_RECIPIENTS, 9, HOUR);
	entry = limit(add_entry("hold"), MR_METRIC_MESSAGES, 2, HOUR);
	entry->action = MR_RATE_HOLD;
	entry->rule.action = MR_HOLD;
	message.refused = 2;
	ck_assert_uint_eq(go(3), 2);
	held = &uses[0];
	ck_assert_str_eq(held->entry->name, "hold");
	ck_assert_int_eq(held->effect, MR_RATE_ACTED);
	/* A caller that counts a held message as sent: the limit that holds it does not, and gives nothing back. */
	for (size_t i = 0; i < use_count; i++) {
		ck_assert(mr_rate_settle(&uses[i], counter_of(&uses[i]), now, true));
		mr_rate_give_back(&uses[i], counter_of(&uses[i]), now);
	}
	ck_assert(!judge());
	ck_assert_uint_eq(uses[0].count, 3);
	ck_assert_uint_eq(uses[1].count, 8); /* refused recipients of three messages, and these two */
	end();
}
END_TEST

/* ---- A thief against many limits ---- */

struct sent {
	int64_t time_ms;
	uint64_t recipients, bytes;
};

static struct sent sent[20000];
static size_t sent_count;

static void
check_window(int64_t length_ms, uint64_t messages, uint64_t recipients, uint64_t bytes)
{
	struct sent sum = { 0 };
	uint64_t count = 0;

	for (size_t i = sent_count; i > 0 && sent[i - 1].time_ms > now - length_ms; i--) {
		count++;
		sum.recipients += sent[i - 1].recipients;
		sum.bytes += sent[i - 1].bytes;
	}
	ck_assert_uint_le(count, messages);
	ck_assert_uint_le(sum.recipients, recipients);
	ck_assert_uint_le(sum.bytes, bytes);
}

START_TEST(no_window_holds_more_than_its_limit)
{
	uint32_t dice = 12345;
	struct mr_rates_entry *entry;

	begin();
	entry = limit(add_entry("x"), MR_METRIC_MESSAGES, 30, HOUR);
	limit(limit(entry, MR_METRIC_MESSAGES, 7, 60000), MR_METRIC_MESSAGES, 200, DAY);
	limit(limit(entry, MR_METRIC_RECIPIENTS, 100, HOUR), MR_METRIC_RECIPIENTS, 900, DAY);
	limit(limit(entry, MR_METRIC_BYTES, 200000, HOUR), MR_METRIC_BYTES, 1500000, DAY);
	for (unsigned i = 0; i < 20000; i++) {
		dice = dice * 1664525 + 1013904223;
		now += dice >> 16 & 1 ? 1 : dice >> 15 & 0xffff;
		message.recipients = 1 + (dice >> 8) % 12;
		message.size = 1 + (int64_t)((dice >> 4) % 20000);
		if (!try())
			continue;
		sent[sent_count++] = (struct sent){ now, message.recipients, (uint64_t)message.size };
		check_window(60000, 7, UINT64_MAX, UINT64_MAX);
		check_window(HOUR, 30, 100, 200000);
		check_window(DAY, 200, 900, 1500000);
	}
	ck_assert_uint_gt(sent_count, 200);
	end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rates");
	TCase *hold = tcase_create("hold"), *count = tcase_create("count"), *act = tcase_create("act");

	tcase_add_test(hold, without_limits_there_is_nothing);
	tcase_add_test(hold, the_most_specific_entry_decides_for_each_metric);
	tcase_add_test(hold, the_first_of_two_alike_decides);
	tcase_add_test(hold, logins_sources_and_listeners_are_counted_apart);
	tcase_add_test(hold, classes_of_clients);
	tcase_add_test(hold, counters_have_their_own_identity);
	tcase_add_test(hold, a_reload_that_changes_a_limit_keeps_the_counter);
	tcase_add_test(count, several_windows_hold_at_once);
	tcase_add_test(count, a_message_that_is_bigger_than_the_limit_is_refused);
	tcase_add_test(count, refused_attempts_do_not_use_up_the_limit);
	tcase_add_test(count, a_message_that_another_rule_refuses_is_not_counted);
	tcase_add_test(count, different_recipients);
	tcase_add_test(count, different_places);
	tcase_add_test(count, bytes_spam_and_similar_sizes);
	tcase_add_test(act, observe_counts_and_lets_pass);
	tcase_add_test(act, the_hardest_action_decides);
	tcase_add_test(act, the_excused_are_counted_and_not_stopped);
	tcase_add_test(act, an_exemption_is_tried_once_for_an_entry);
	tcase_add_test(act, a_counter_that_cannot_be_had_stops_nothing);
	tcase_add_test(act, what_fills_up_meanwhile_is_seen);
	tcase_add_test(act, what_is_given_back_is_what_was_counted);
	tcase_add_test(act, no_window_holds_more_than_its_limit);
	tcase_set_timeout(act, 60);
	suite_add_tcase(suite, hold);
	suite_add_tcase(suite, count);
	suite_add_tcase(suite, act);
	return mr_run_suite(suite);
}
