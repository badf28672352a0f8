/*
 * The slow-ramp attack in the laboratory: a thief who sends one message on the first day and a little more every day,
 * from one new network of the victim's country, to teach the baseline. 40 victims, each with its own traffic and a
 * site of its own, which is the worst case: nobody else teaches the site. Called by lab.c.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "lab.h"

enum { VICTIMS = 40, DAYS = 60, DAY_S = 86400 };

struct ramp {
	size_t sent, found;
	double until[VICTIMS];
};

static uint64_t state = 5;

/* splitmix64, so that a run is the same everywhere. */
static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static double share(void)
{
	return (double)(draw() >> 11) / 9007199254740992.0;
}

static double bell(void)
{
	double sum = 0;

	for (int i = 0; i < 12; i++)
		sum += share();
	return sum - 6;
}

static int by_time(const void *a, const void *b)
{
	long long x = ((const struct lab_event *)a)->t, y = ((const struct lab_event *)b)->t;

	return (x > y) - (x < y);
}

static size_t pick_victims(const struct lab_set *set, size_t victims[VICTIMS])
{
	size_t *fit = calloc(set->account_count, sizeof(*fit)), *events = calloc(set->account_count, sizeof(*events)),
	       n = 0;

	for (size_t i = 0; i < set->event_count; i++)
		events[set->events[i].account]++;
	for (size_t i = 0; i < set->account_count; i++) {
		const struct lab_account *a = &set->accounts[i];
		if (a->theft == NULL && strncmp(a->kind, "hard:", 5) != 0 && strcmp(a->kind, "relay") != 0 &&
		    events[i] >= 100 && a->last - a->first > 300LL * DAY_S)
			fit[n++] = i;
	}
	size_t take = n < VICTIMS ? n : VICTIMS;
	for (size_t i = 0; i < take; i++) {
		size_t j = i + draw() % (n - i), swap = fit[i];
		victims[i] = fit[j];
		fit[j] = swap;
	}
	free(fit);
	free(events);
	return take;
}

static size_t add_ramp(struct lab_event *events, size_t n, double growth, long long from, uint16_t country)
{
	uint64_t network = draw();
	size_t first = n;

	for (int day = 0; day < DAYS; day++) {
		double today = pow(growth, day);
		for (int i = 0; i < (today < 300 ? (int)today : 300); i++)
			events[n++] = (struct lab_event){ .t = from + (long long)day * DAY_S + 8 * 3600 +
							       (long long)(share() * 9 * 3600),
							  .stolen = true,
							  .label = "ramp",
							  .authenticated = true,
							  .sender = 1,
							  .sender_own = true,
							  .sender_own_domain = true,
							  .network = network,
							  .asn = 64999,
							  .country = country,
							  .to_count = 1,
							  .size = (int64_t)exp(9 + 0.5 * bell()),
							  .refused = share() < 0.02,
							  .spam = share() < 0.03 };
	}
	return n - first;
}

/* Messages that the thief sent until the freeze; all of them when there was none. */
static bool play_one(const struct lab_set *set, const struct mr_hijack_policy *policy, struct lab_event *events,
		     size_t n, long long from, double *sent_r)
{
	static struct mr_sent_to to[LAB_RECIPIENTS];
	struct mr_site *site = malloc(sizeof(*site));
	struct mr_account account = { .kind = MR_ACCOUNT_LOGIN };
	struct mr_evidence evidence;
	struct mr_thresholds thresholds;
	struct mr_sending sending;
	bool found = false;

	mr_site_begin(site);
	mr_habit_begin(&account.habit, events[0].t * 1000);
	mr_hijack_thresholds(policy, site, &thresholds);
	*sent_r = 0;
	for (size_t i = 0; i < n && !found; i++) {
		const struct lab_event *e = &events[i];
		for (size_t j = 0; j < e->to_count; j++)
			to[j] = (struct mr_sent_to){ .hash = e->stolen ? draw() : set->hashes[e->to_first + j],
						     .refused = j + e->refused >= e->to_count };
		lab_sending(e, to, &sending);
		mr_hijack_weigh(policy, &account, site, &sending, &evidence);
		*sent_r += e->stolen;
		found = e->t >= from && mr_hijack_verdict(policy, &thresholds, &evidence) == MR_HIJACK_FREEZES;
	}
	free(site);
	return found;
}

static void play_growth(const struct lab_set *set, const struct mr_hijack_policy *policy, const size_t *victims,
			size_t count, double growth)
{
	struct lab_event *events = malloc((set->event_count + 300 * DAYS) * sizeof(*events));
	struct ramp ramp = { .sent = 0 };

	for (size_t v = 0; v < count; v++) {
		size_t n = 0;
		uint16_t country = 0;
		for (size_t i = 0; i < set->event_count; i++) {
			if (set->events[i].account != (int)victims[v])
				continue;
			if (n == 0)
				country = set->events[i].country != 0 ? set->events[i].country : 'D' << 8 | 'E';
			events[n++] = set->events[i];
		}
		long long from = events[n / 2].t;
		ramp.sent = add_ramp(events, n, growth, from, country);
		n += ramp.sent;
		qsort(events, n, sizeof(*events), by_time);
		ramp.found += play_one(set, policy, events, n, from, &ramp.until[v]);
	}
	printf("%-12s growth %.2f: found %zu of %zu after %.0f/%.0f messages (p50/p95); unstopped %zu\n", set->label,
	       growth, ramp.found, count, lab_quantile(ramp.until, count, .5), lab_quantile(ramp.until, count, .95),
	       ramp.sent);
	free(events);
}

void lab_poison(struct lab_set *set, struct mr_hijack_policy *policy)
{
	static const double growths[] = { 1.05, 1.15, 1.30 };
	size_t victims[VICTIMS], count = pick_victims(set, victims);

	for (size_t i = 0; i < sizeof(growths) / sizeof(growths[0]); i++)
		play_growth(set, policy, victims, count, growths[i]);
}
