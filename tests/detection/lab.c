/*
 * The detector's laboratory: plays labelled sets (lab_set.py makes them) straight through core/hijack.h, with an
 * operator who thaws exactly the accounts that were frozen before they were stolen, and counts what was found, what
 * escaped and who was frozen wrongly. What the engine adds to a message (who wrote first) is done here in the same
 * way. For people who work on the detector; the suite plays sets through `mailreeve replay` instead.
 *
 * Usage: lab [--off CHANNEL]... [--threshold N] [--hold-below N] [--knob N] [--no-hold] [--calibrate] [--decisions
 * FILE] [--list] [--trace NATS] [--account NAME] [--tsv] [--ablation] SET.lab...
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "core/hijack.h"
#include "lab.h"

static struct lab_options options;

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- Who wrote first, as engine/friends.c keeps it ---- */

static bool friends_has(const struct lab_friends *f, unsigned generation, uint64_t hash)
{
	for (unsigned i = 0; i < 4; i++, hash >>= 10)
		if ((f->bits[generation][(hash & 1023) >> 6] >> (hash & 63) & 1) == 0)
			return false;
	return true;
}

static void friends_add(struct lab_friends *f, uint64_t hash)
{
	if (friends_has(f, f->newer, hash))
		return;
	if (f->taken >= 128) {
		f->newer ^= 1;
		f->taken = 0;
		memset(f->bits[f->newer], 0, sizeof(f->bits[0]));
	}
	f->taken++;
	for (unsigned i = 0; i < 4; i++, hash >>= 10)
		f->bits[f->newer][(hash & 1023) >> 6] |= UINT64_C(1) << (hash & 63);
}

static void mark_friends(struct lab_set *set, struct lab_account *from, struct mr_sent_to *to,
			 const struct lab_event *e)
{
	for (size_t i = 0; i < e->to_count; i++) {
		struct lab_account *target = e->to_account[i] >= 0 ? &set->accounts[e->to_account[i]] : NULL;
		to[i].wrote_first =
		    friends_has(&from->friends, 0, to[i].hash) || friends_has(&from->friends, 1, to[i].hash);
		if (target != NULL && target->begun && !to[i].refused)
			friends_add(&target->friends, from->hash);
	}
}

/* ---- Playing ---- */

void lab_sending(const struct lab_event *e, const struct mr_sent_to *to, struct mr_sending *r)
{
	*r = (struct mr_sending){ .time_ms = e->t * 1000,
				  .authenticated = e->authenticated,
				  .to = to,
				  .to_count = e->to_count,
				  .size = e->size,
				  .spam = e->spam ? MR_SPAM_FLAGGED : MR_SPAM_CLEAN,
				  .sender = e->sender,
				  .sender_own = e->sender_own,
				  .sender_own_domain = e->sender_own_domain,
				  .network = e->network,
				  .network_ours = e->ours,
				  .asn = e->asn,
				  .country = e->country,
				  .client = e->client };
	if (options.no_filter)
		r->spam = MR_SPAM_NOT_TOLD;
	if (options.no_geo)
		r->asn = 0, r->country = 0;
	if (options.no_helo)
		r->client = 0;
}

static void print_evidence(FILE *out, const struct lab_event *e, const struct lab_account *a,
			   const struct mr_evidence *v, const char *what)
{
	fprintf(out, "%s %lld %s %s %s total %.1f%s strangers %u/%zu", what, e->id, a->name, a->kind, e->label,
		(double)v->total, v->bulk_only ? " bulk-only" : "", v->strangers, e->to_count);
	for (int i = 0; i < MR_CHANNEL_COUNT; i++)
		if (v->channel[i] > 0.2F || v->channel[i] < -0.2F)
			fprintf(out, " %s %+.1f", mr_channel_row((enum mr_channel)i)->name, (double)v->channel[i]);
	fprintf(out, " (%.0f against %.0f)\n", (double)v->pace_count, (double)v->pace_peak);
}

static void take_decision(struct lab_account *a, const struct lab_event *e, enum mr_hijack_says says,
			  const struct mr_evidence *v, struct mr_site *site)
{
	bool stolen = e->stolen;

	if (says == MR_HIJACK_HOLDS) {
		e->stolen ? a->held_stolen++ : a->held++;
		if (!stolen && options.list >= 2)
			print_evidence(stdout, e, a, v, "HELD");
	}
	if (says != MR_HIJACK_FREEZES) {
		if (stolen && says != MR_HIJACK_HOLDS) {
			a->escaped++;
			a->escaped_to += e->to_count - e->refused;
		}
		if (stolen && says == MR_HIJACK_HOLDS)
			a->stopped_to += e->to_count - e->refused;
		if (stolen) {
			a->left_free++;
			a->left_free_to += e->to_count - e->refused;
		}
		return;
	}
	if (a->stolen) {
		if (!a->gone)
			a->found_at = e->t;
		a->gone = true;
		return;
	}
	if (e->t - a->last_false >= 86400) {
		a->false_freezes++;
		if (options.list)
			print_evidence(stdout, e, a, v, "FALSE");
	}
	a->last_false = e->t;
	mr_hijack_release(&a->record, site, e->t * 1000);
}

static void play(struct lab_set *set, const struct mr_hijack_policy *policy, FILE *decisions)
{
	static struct mr_sent_to to[LAB_RECIPIENTS];
	struct mr_site site;
	struct mr_sending sending;
	struct mr_evidence evidence;
	struct mr_thresholds thresholds;
	double start = seconds();
	size_t weighed = 0;

	mr_site_begin(&site);
	for (size_t i = 0; i < set->event_count; i++) {
		struct lab_event *e = &set->events[i];
		struct lab_account *a = &set->accounts[e->account];
		if (e->stolen)
			a->stolen = true;
		if (a->gone)
			continue;
		if (!a->begun)
			mr_habit_begin(&a->record.habit, e->t * 1000);
		a->begun = true;
		for (size_t j = 0; j < e->to_count; j++)
			to[j] = (struct mr_sent_to){ .hash = set->hashes[e->to_first + j],
						     .refused = j + e->refused >= e->to_count };
		e->to_account = set->to_accounts + e->to_first;
		if (e->authenticated && !options.no_friends)
			mark_friends(set, a, to, e);
		lab_sending(e, to, &sending);
		mr_hijack_weigh(policy, &a->record, &site, &sending, &evidence);
		weighed++;
		if (i % 64 == 0 || !options.calibrate)
			mr_hijack_thresholds(policy, &site, &thresholds);
		if (options.hold_below > 0)
			thresholds.hold = (float)(thresholds.freeze - options.hold_below);
		enum mr_hijack_says says = mr_hijack_verdict(policy, &thresholds, &evidence);
		if (!e->authenticated && !e->beyond)
			says = MR_HIJACK_CALM;
		if (options.account != NULL && strcmp(options.account, a->name) == 0)
			print_evidence(stdout, e, a, &evidence,
				       says == MR_HIJACK_FREEZES ? "freeze"
				       : says == MR_HIJACK_HOLDS ? "hold"
								 : "-");
		if (options.trace > 0 && (double)evidence.total >= options.trace && !e->stolen)
			print_evidence(stdout, e, a, &evidence, "trace");
		take_decision(a, e, says, &evidence, &site);
		if (decisions != NULL && says >= MR_HIJACK_HOLDS)
			fprintf(decisions, "{\"t\":%lld,\"account\":\"%s\",\"action\":\"%s\",\"id\":%lld}\n", e->t,
				a->name, says == MR_HIJACK_FREEZES ? "freeze" : "hold", e->id);
	}
	set->seconds = seconds() - start;
	set->weighed = weighed;
	mr_hijack_thresholds(policy, &site, &set->thresholds);
	memcpy(set->tail, site.tail, sizeof(set->tail));
}

/* ---- Counting ---- */

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double lab_quantile(double *v, size_t n, double p)
{
	if (n == 0)
		return NAN;
	qsort(v, n, sizeof(*v), by_number);
	size_t at = (size_t)(p * (double)n);
	return v[at < n ? at : n - 1];
}

struct row {
	size_t n, found;
	double *free, *held, *free_to;
};

static const char *const kinds[] = { "blast",   "lowslow", "snowshoe", "sizevar", "bigrcpt",    "contacts",
				     "lateral", "bec",     "mimic",    "relay",   "replychain", "dormant" };
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static bool is_mass(const char *kind)
{
	return strcmp(kind, "bec") != 0 && strcmp(kind, "mimic") != 0;
}

static struct row count_row(const struct lab_set *set, const char *kind)
{
	struct row r = { .free = calloc(set->account_count, sizeof(double)),
			 .held = calloc(set->account_count, sizeof(double)),
			 .free_to = calloc(set->account_count, sizeof(double)) };

	for (size_t i = 0; i < set->account_count; i++) {
		const struct lab_account *a = &set->accounts[i];
		if (a->theft == NULL || (kind != NULL ? strcmp(kind, a->theft) != 0 : !is_mass(a->theft)))
			continue;
		r.free[r.n] = a->left_free;
		r.free_to[r.n] = a->left_free_to;
		r.held[r.n] = a->gone ? a->escaped : a->left_free;
		r.n++;
		r.found += a->gone;
	}
	return r;
}

static bool is_declared(const char *kind)
{
	return strcmp(kind, "hard:newsletter") == 0 || strcmp(kind, "hard:invoice") == 0 ||
	       strcmp(kind, "hard:app") == 0 || strcmp(kind, "hard:helpdesk") == 0;
}

static double false_rate(const struct lab_set *set, bool declared, size_t *count_r)
{
	double years = 0;
	size_t count = 0;

	for (size_t i = 0; i < set->account_count; i++) {
		const struct lab_account *a = &set->accounts[i];
		if (declared && is_declared(a->kind))
			continue;
		double end = (double)(a->theft != NULL ? a->start : a->last);
		years += end > (double)a->first ? (end - (double)a->first) / 365.25 / 86400 : 0;
		count += a->false_freezes;
	}
	*count_r = count;
	return 1000.0 * (double)count / years;
}

static void print_result(struct lab_set *set)
{
	struct row all = count_row(set, NULL);
	size_t n, declared_n, held = 0, legit = 0;
	double rate = false_rate(set, false, &n), declared = false_rate(set, true, &declared_n);

	for (size_t i = 0; i < set->account_count; i++)
		held += set->accounts[i].held;
	for (size_t i = 0; i < set->event_count; i++)
		legit += !set->events[i].stolen;
	printf("%-28s", set->label);
	for (int k = 0; k < KINDS; k++) {
		struct row r = count_row(set, kinds[k]);
		if (r.n > 0)
			printf(" %.2s%.0f", kinds[k], 100.0 * (double)r.found / (double)r.n);
	}
	printf(" | found %.1f%% of %zu esc %.0f/%.0f hold %.0f/%.0f rcpt %.0f/%.0f | FF %zu/%zu = %.1f / %.1f | held "
	       "%.3f%% | h %.1f\n",
	       100.0 * (double)all.found / (double)all.n, all.n, lab_quantile(all.free, all.n, .5),
	       lab_quantile(all.free, all.n, .95), lab_quantile(all.held, all.n, .5),
	       lab_quantile(all.held, all.n, .95), lab_quantile(all.free_to, all.n, .5),
	       lab_quantile(all.free_to, all.n, .95), n, declared_n, rate, declared,
	       100.0 * (double)held / (double)legit, (double)set->thresholds.freeze);
	if (!options.list)
		return;
	for (size_t i = 0; i < set->account_count; i++) {
		const struct lab_account *a = &set->accounts[i];
		if (a->theft != NULL && (!a->gone || a->left_free > 15))
			printf("%s %s %s %s: left %.0f to %.0f, held %zu\n", a->gone ? "LATE" : "MISSED", a->name,
			       a->theft, a->history, a->left_free, a->left_free_to, a->held_stolen);
	}
	for (int i = 8; i < MR_SITE_TAIL_BINS; i++)
		printf("%u ", set->tail[i]);
	printf("tail\n%.0f ns an event, account %zu bytes, site %zu bytes; tail: expected %.1f (%.1f-%.1f) slope "
	       "%.2f days %.0f\n",
	       1e9 * set->seconds / (double)set->weighed, sizeof(struct mr_account), sizeof(struct mr_site),
	       (double)set->thresholds.expected, (double)set->thresholds.low, (double)set->thresholds.high,
	       (double)set->thresholds.slope, set->thresholds.account_days);
}

static void forget_play(struct lab_set *set)
{
	for (size_t i = 0; i < set->account_count; i++) {
		struct lab_account *a = &set->accounts[i];
		struct lab_account fresh = { .name = a->name,
					     .kind = a->kind,
					     .theft = a->theft,
					     .history = a->history,
					     .hash = a->hash,
					     .first = a->first,
					     .last = a->last,
					     .start = a->start,
					     .last_false = -1000000 };
		*a = fresh;
	}
}

static void run(struct lab_set *set, const struct mr_hijack_policy *policy)
{
	FILE *decisions = options.decisions != NULL ? fopen(options.decisions, "w") : NULL;

	forget_play(set);
	play(set, policy, decisions);
	if (decisions != NULL)
		fclose(decisions);
	print_result(set);
}

static enum mr_channel channel_named(const char *name)
{
	for (int i = 0; i < MR_CHANNEL_COUNT; i++)
		if (strcmp(name, mr_channel_row((enum mr_channel)i)->name) == 0)
			return (enum mr_channel)i;
	fprintf(stderr, "lab: no channel \"%s\"\n", name);
	exit(2);
}

static void ablate(struct lab_set *set, struct mr_hijack_policy *policy)
{
	for (int i = 0; i < MR_CHANNEL_COUNT; i++) {
		policy->channels_off = 1u << i;
		printf("%-12s", mr_channel_row((enum mr_channel)i)->name);
		run(set, policy);
	}
	policy->channels_off = 0;
}

int main(int argc, char **argv)
{
	struct mr_hijack_policy policy = { .false_freezes = 5.0, .hold = true, .action = MR_HIJACK_FREEZE };
	bool ablation = false;

	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(arg, "--off") == 0)
			policy.channels_off |= 1u << channel_named(value), i++;
		else if (strcmp(arg, "--threshold") == 0)
			policy.threshold = strtod(value, NULL), i++;
		else if (strcmp(arg, "--hold-below") == 0)
			options.hold_below = strtod(value, NULL), i++;
		else if (strcmp(arg, "--knob") == 0)
			policy.false_freezes = strtod(value, NULL), i++;
		else if (strcmp(arg, "--trace") == 0)
			options.trace = strtod(value, NULL), i++;
		else if (strcmp(arg, "--account") == 0)
			options.account = value, i++;
		else if (strcmp(arg, "--decisions") == 0)
			options.decisions = value, i++;
		else if (strcmp(arg, "--no-hold") == 0)
			policy.hold = false;
		else if (strcmp(arg, "--calibrate") == 0)
			policy.calibrate = options.calibrate = true;
		else if (strcmp(arg, "--list") == 0)
			options.list++;
		else if (strcmp(arg, "--no-filter") == 0)
			options.no_filter = true;
		else if (strcmp(arg, "--no-geo") == 0)
			options.no_geo = true;
		else if (strcmp(arg, "--no-helo") == 0)
			options.no_helo = true;
		else if (strcmp(arg, "--no-friends") == 0)
			options.no_friends = true;
		else if (strcmp(arg, "--ablation") == 0)
			ablation = true;
		else if (strcmp(arg, "--poison") == 0)
			options.poison = true;
		else {
			struct lab_set *set = lab_set_read(arg);
			if (options.poison) {
				lab_poison(set, &policy);
			} else {
				run(set, &policy);
				if (ablation)
					ablate(set, &policy);
			}
			lab_set_free(set);
		}
	}
	return 0;
}
