/*
 * Hard limits: which hold, what they count, what an excess does. Not the counting itself (window.c) and not what becomes
 * of an account that is frozen (contain.c). PURE. Called by the engine.
 */
#include "core/rates.h"

#include <stdlib.h>
#include <string.h>

enum { CLASS_SLOTS = 2 }; /* limits for clients of any class, and for those of the client's */

/* For each metric the entry that decides, and how specific it is. */
struct slots {
	uint32_t metrics; /* 1 << enum mr_metric: those that some entry names; the rest below is not filled in */
	unsigned levels[MR_METRIC_COUNT];
	const struct mr_rates_entry *entries[MR_METRIC_COUNT];
};

struct choice {
	struct slots slots[MR_RATE_PER_COUNT][CLASS_SLOTS];
	enum mr_rate_class from; /* of the client */
};

/* ---- Whom an entry holds for ---- */

static enum mr_rate_class class_of(const struct mr_policy *policy, const struct mr_rate_subject *subject)
{
	if (mr_prefixset_has(policy->rates.networks, &subject->client_ip))
		return MR_RATE_NETWORKS;
	return subject->local || mr_ip_is_private(&subject->client_ip) ? MR_RATE_PRIVATE : MR_RATE_OTHER;
}

enum { LEVEL_NONE, LEVEL_ALL, LEVEL_DOMAIN, LEVEL_PATTERN, LEVEL_NAME };

static unsigned login_level(const struct mr_rates_entry *entry, struct mr_str login)
{
	if (login.p == NULL)
		return LEVEL_NONE;
	if (entry->exact == NULL && entry->domains == NULL)
		return LEVEL_ALL;
	if (mr_patternset_has(entry->exact, login))
		return LEVEL_NAME;
	if (mr_patternset_has(entry->like, login))
		return LEVEL_PATTERN;
	return mr_domainset_has(entry->domains, mr_str_part(login, mr_str_find_last(login, '@') + 1, login.n))
		       ? LEVEL_DOMAIN
		       : LEVEL_NONE;
}

static unsigned level_of(const struct mr_rates_entry *entry, const struct mr_rate_subject *subject)
{
	switch (entry->per) {
	case MR_RATE_PER_LOGIN:
	case MR_RATE_PER_CEILING:
		break;
	case MR_RATE_PER_SOURCE:
		if (subject->source.p == NULL)
			return LEVEL_NONE;
		if (entry->sources == NULL)
			return LEVEL_ALL;
		return mr_prefixset_has(entry->sources, &subject->client_ip) ? LEVEL_NAME : LEVEL_NONE;
	case MR_RATE_PER_LISTENER:
		if (subject->listener.p == NULL)
			return LEVEL_NONE;
		if (entry->listeners == NULL)
			return LEVEL_ALL;
		return mr_strmap_has(entry->listeners, subject->listener) ? LEVEL_NAME : LEVEL_NONE;
	}
	return login_level(entry, subject->login);
}

/* Lets the entry decide about the metrics that it names, where no entry is as specific. */
static void choose(struct choice *choice, const struct mr_rates_entry *entry, const struct mr_rate_subject *subject)
{
	struct slots *slots = &choice->slots[entry->per][entry->from != MR_RATE_ANY];
	unsigned level;

	if (entry->from != MR_RATE_ANY && entry->from != choice->from)
		return;
	level = level_of(entry, subject);
	for (unsigned i = 0; level > LEVEL_NONE && entry->metrics >> i != 0; i++) {
		uint32_t bit = (uint32_t)1 << i;

		if (!(entry->metrics & bit) || ((slots->metrics & bit) && slots->levels[i] >= level))
			continue;
		slots->metrics |= bit;
		slots->levels[i] = level;
		slots->entries[i] = entry;
	}
}

/* ---- What a message brings ---- */

/* An IPv4 address, or 32 bits of a hash of the /64 of an IPv6 address: a household or a machine. */
static uint32_t address_item(const struct mr_ip *ip)
{
	uint64_t x = 0;

	for (size_t i = 0; i < (ip->family == MR_IP_V4 ? 4 : 8); i++)
		x = x << 8 | ip->bytes[i];
	if (ip->family == MR_IP_V4)
		return (uint32_t)x;
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(x >> 32);
}

/* One thing of a DISTINCT metric. */
static bool one_item(struct mr_amount *amount, uint32_t *item_r, uint32_t item, bool known)
{
	*item_r = item;
	amount->item_count = 1;
	return known;
}

/* What the message brings to a counter of metric. False: nothing that could matter. */
static bool measure(const struct mr_rate_subject *subject, enum mr_metric metric, struct mr_amount *amount,
		    uint32_t *item_r)
{
	*amount = (struct mr_amount){ .items = NULL };
	*item_r = 0;
	switch (metric) {
	case MR_METRIC_MESSAGES:
		amount->number = subject->messages;
		break;
	case MR_METRIC_RECIPIENTS:
		amount->number = subject->recipients;
		break;
	case MR_METRIC_DISTINCT_RECIPIENTS:
		amount->items = subject->to;
		amount->item_count = subject->to_count;
		return subject->to_count > 0;
	case MR_METRIC_REFUSED_RECIPIENTS:
		amount->number = subject->refused;
		return true; /* what was refused before matters even when nothing is refused now */
	case MR_METRIC_ADDRESSES:
		return one_item(amount, item_r, address_item(&subject->client_ip),
				subject->messages > 0 && subject->client_ip.family != MR_IP_UNKNOWN);
	case MR_METRIC_NETWORKS:
		return one_item(amount, item_r, subject->asn, subject->messages > 0 && subject->asn != 0);
	case MR_METRIC_COUNTRIES:
		return one_item(amount, item_r, subject->country, subject->messages > 0 && subject->country != 0);
	case MR_METRIC_BYTES:
		amount->number = subject->size > 0 ? (uint64_t)subject->size : 0;
		break;
	case MR_METRIC_SPAM:
		amount->number = subject->spam ? subject->messages : 0;
		break;
	case MR_METRIC_SIMILAR:
		amount->number = subject->size > 0 && subject->messages > 0 ? (uint64_t)subject->size : 0;
		break;
	case MR_METRIC_COUNT:
		break;
	}
	return amount->number > 0;
}

/* Whether the metric counts what was seen, not what was let through. */
static bool counts_always(const struct mr_rate_use *use)
{
	return use->limit->metric == MR_METRIC_REFUSED_RECIPIENTS;
}

/* ---- The counters of a message ---- */

static struct mr_str subject_of(const struct mr_rates_entry *entry, const struct mr_rate_subject *subject)
{
	switch (entry->per) {
	case MR_RATE_PER_LOGIN:
	case MR_RATE_PER_CEILING:
		break;
	case MR_RATE_PER_SOURCE:
		return subject->source;
	case MR_RATE_PER_LISTENER:
		return subject->listener;
	}
	return subject->login;
}

static uint32_t kind_of(const struct mr_rates_entry *entry, const struct mr_rate_limit *limit)
{
	uint32_t seconds = (uint32_t)(limit->rate.window_ms / 1000);

	return (uint32_t)entry->per << 30 | (uint32_t)entry->from << 28 | (uint32_t)limit->metric << 24 |
	       (seconds & 0xffffff);
}

/* The windows of one metric in the entry that decides about it. */
static size_t put_uses(const struct mr_policy *policy, const struct mr_rates_entry *entry, enum mr_metric metric,
		       const struct mr_rate_subject *subject, struct mr_rate_use *uses, size_t max)
{
	enum mr_mode mode = mr_policy_mode(policy, &entry->rule);
	struct mr_str whose = subject_of(entry, subject);
	struct mr_amount amount;
	uint32_t item;
	size_t count = 0;

	if (mode == MR_MODE_OFF || entry->limit_count == 0 || !measure(subject, metric, &amount, &item))
		return 0;
	for (size_t i = 0; i < entry->limit_count && count < max; i++) {
		const struct mr_rate_limit *limit = &entry->limits[i];

		if (limit->metric != metric)
			continue;
		uses[count++] = (struct mr_rate_use){
			.entry = entry, .limit = limit, .subject = whose, .kind = kind_of(entry, limit),
			.size = mr_window_size(mr_metric_row(metric)->form, limit->rate.most),
			.idle_ms = mr_window_reach(limit->rate.window_ms), .amount = amount, .item = item,
			.acts = mode == MR_MODE_ENFORCE && entry->action != MR_RATE_ALERT
		};
	}
	return count;
}

size_t mr_rates_collect(const struct mr_policy *policy, const struct mr_rate_subject *subject,
			struct mr_rate_use *uses_r, size_t max)
{
	const struct mr_rates_policy *rates = &policy->rates;
	struct choice choice;
	size_t count = 0;

	if (rates->count == 0)
		return 0;
	choice.from = class_of(policy, subject);
	for (size_t i = 0; i < MR_RATE_PER_COUNT * CLASS_SLOTS; i++)
		choice.slots[i / CLASS_SLOTS][i % CLASS_SLOTS].metrics = 0;
	for (size_t i = 0; i < rates->count; i++)
		choose(&choice, &rates->entries[i], subject);
	for (size_t i = 0; i < MR_RATE_PER_COUNT * CLASS_SLOTS; i++) {
		const struct slots *slots = &choice.slots[i / CLASS_SLOTS][i % CLASS_SLOTS];

		for (enum mr_metric metric = 0; slots->metrics >> metric != 0; metric++) {
			if (slots->metrics & (uint32_t)1 << metric)
				count += put_uses(policy, slots->entries[metric], metric, subject, uses_r + count,
						  max - count);
		}
	}
	return count;
}

static int compare_hashes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

size_t mr_rates_sort(const uint64_t *hashes, size_t count, uint32_t *to_r)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++)
		to_r[i] = (uint32_t)(hashes[i] ^ hashes[i] >> 32);
	if (count > 1)
		qsort(to_r, count, sizeof(*to_r), compare_hashes);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || to_r[i] != to_r[left - 1])
			to_r[left++] = to_r[i];
	}
	return left;
}

/* ---- Counting ---- */

static struct mr_window window_of(const struct mr_rate_use *use, void *memory)
{
	return (struct mr_window){ memory, use->size, mr_metric_row(use->limit->metric)->form,
				   use->limit->rate.window_ms };
}

static struct mr_amount amount_of(const struct mr_rate_use *use)
{
	struct mr_amount amount = use->amount;

	if (amount.items == NULL)
		amount.items = &use->item;
	return amount;
}

void mr_rate_look(struct mr_rate_use *use, void *memory, int64_t now_ms)
{
	struct mr_window window = window_of(use, memory);
	struct mr_amount amount = amount_of(use);
	uint64_t fresh;

	use->count = 0;
	use->refused = 0;
	use->over = false;
	if (memory == NULL)
		return;
	use->count = mr_window_would(&window, now_ms, &amount, &fresh);
	use->over = use->count > use->limit->rate.most && (fresh > 0 || counts_always(use));
	if (use->over)
		use->refused = mr_window_refused(&window, now_ms);
}

/* A message that this very limit stopped was not sent, whatever else became of it. */
static bool counts(const struct mr_rate_use *use, bool sent)
{
	return counts_always(use) || (sent && !(use->acts && use->effect == MR_RATE_ACTED));
}

bool mr_rate_settle(struct mr_rate_use *use, void *memory, int64_t now_ms, bool sent)
{
	struct mr_window window = window_of(use, memory);
	struct mr_amount amount = amount_of(use);
	uint64_t fresh;

	if (memory == NULL)
		return true;
	if (!counts(use, sent)) {
		if (use->effect == MR_RATE_ACTED)
			use->refused = mr_window_refuse(&window, now_ms);
		return true;
	}
	/* What was let through although it was too much is counted whatever there is. */
	if (use->acts && !use->over && !counts_always(use) &&
	    mr_window_would(&window, now_ms, &amount, &fresh) > use->limit->rate.most && fresh > 0)
		return false;
	mr_window_add(&window, now_ms, &amount);
	return true;
}

void mr_rate_give_back(struct mr_rate_use *use, void *memory, int64_t now_ms)
{
	struct mr_window window = window_of(use, memory);
	struct mr_amount amount = amount_of(use);

	if (memory != NULL && counts(use, true))
		mr_window_give_back(&window, now_ms, &amount);
}

/* ---- Deciding ---- */

static enum mr_rate_effect effect_of(struct mr_subject *subject, const struct mr_rate_use *use)
{
	const struct mr_rates_entry *entry = use->entry;

	if (!use->over)
		return MR_RATE_KEPT;
	if (mr_exempt(subject, entry->asked, &entry->rule, MR_STR_ABSENT))
		return MR_RATE_EXCUSED;
	return mr_policy_mode(subject->policy, &entry->rule) == MR_MODE_ENFORCE ? MR_RATE_ACTED : MR_RATE_OBSERVED;
}

/* What an earlier use of the same entry came to, so that exemptions are tried once. */
static enum mr_rate_effect effect_again(struct mr_subject *subject, const struct mr_rate_use *uses, size_t at)
{
	for (size_t i = 0; uses[at].over && i < at; i++) {
		if (uses[i].entry == uses[at].entry && uses[i].over)
			return uses[i].effect;
	}
	return effect_of(subject, &uses[at]);
}

const struct mr_rate_use *mr_rates_decide(struct mr_subject *subject, struct mr_rate_use *uses, size_t count,
					  struct mr_decision *decision_r)
{
	const struct mr_rate_use *decides = NULL;

	*decision_r = (struct mr_decision){ .verdict = MR_ACCEPT, .reason = MR_REASON_NONE };
	for (size_t i = 0; i < count; i++) {
		enum mr_reason reason = mr_metric_row(uses[i].limit->metric)->reason;

		uses[i].effect = effect_again(subject, uses, i);
		if (uses[i].effect == MR_RATE_OBSERVED) {
			if (decision_r->would == 0)
				decision_r->would_reason = reason;
			decision_r->would |= MR_RULE_BIT(uses[i].entry->asked);
		}
		if (uses[i].effect != MR_RATE_ACTED ||
		    (decides != NULL && decides->entry->action >= uses[i].entry->action))
			continue;
		decides = &uses[i];
		decision_r->verdict = decides->entry->rule.action;
		decision_r->reason = decision_r->verdict != MR_ACCEPT ? reason : MR_REASON_NONE;
	}
	return decides;
}
