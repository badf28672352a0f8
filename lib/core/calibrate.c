/*
 * From the knob (wanted false freezes per 1000 accounts and year) to thresholds, by the site's own traffic. Called by
 * the engine now and then, and for `mailreeve show calibration`.
 *
 * Model: peaks over threshold. Each account's highest total of a day goes into a histogram of half-nat bins. Above a
 * level u that about 250 account-days exceed, the excess is exponential with slope theta, so the freeze threshold for
 * a rate is u + ln(rate above u / knob) / theta. theta is taken at the lower end of its 95 % interval: that is the
 * cautious side. The site's own threshold is taken once so much was watched that ten wrong freezes would be due at
 * the knob's rate: then it is an interpolation. Until then it is the default for the knob, from public and made data
 * sets. New accounts and what was stolen are no part of it.
 * Source: Pickands (1975), declustering as usual in hydrology.
 */
#include "core/hijack_parts.h"
#include "core/nats.h"

#define DEFAULT_FREEZE 10.4
#define DEFAULT_KNOB 5.0
#define DEFAULT_SLOPE 0.66
#define HOLD_BELOW 1.6
#define BIN_NATS 0.5
#define TAIL_WANTED 250.0
#define TAIL_LEAST 60.0
#define TAIL_FROM 4.0
#define RELEASE_MOST 14.0
#define SETTLED_MESSAGES 20
#define SETTLED_DAYS 30
#define INCIDENT_DAYS 7
#define EVENTS_LEAST 10.0
#define BELOW_DEFAULT 1.0
#define ABOVE_DEFAULT 3.0

static void count(struct mr_site *site, double worst)
{
	int bin = (int)(worst / BIN_NATS);

	if (bin >= MR_SITE_TAIL_BINS)
		bin = MR_SITE_TAIL_BINS - 1;
	if (site->tail[bin] < UINT32_MAX)
		site->tail[bin]++;
}

static bool is_settled(const struct mr_habit *habit)
{
	return habit->messages >= SETTLED_MESSAGES && habit->day - habit->first_day >= SETTLED_DAYS;
}

/* Days of one incident are one observation: the highest of a week. What ended in a freeze that nobody took back is
 * never counted: that account was stolen. */
void mr_tail_close_day(struct mr_habit *habit, struct mr_site *site, uint16_t today)
{
	if (is_settled(habit)) {
		site->account_days += today - habit->day;
		if (habit->pending == 0)
			habit->pending_day = habit->day;
		if (habit->worst > habit->pending && habit->worst >= mr_eighths(TAIL_FROM))
			habit->pending = habit->worst;
	}
	habit->worst = 0;
	if (habit->pending > 0 && today - habit->pending_day >= INCIDENT_DAYS) {
		count(site, habit->pending / 8.0);
		habit->pending = 0;
	}
}

void mr_tail_count_release(struct mr_habit *habit, struct mr_site *site)
{
	double worst = habit->spoke_total / 8.0;

	if (is_settled(habit) && worst >= TAIL_FROM)
		count(site, worst > RELEASE_MOST ? RELEASE_MOST : worst);
}

struct tail {
	double from, exceedances, slope, slope_low, slope_high;
};

static struct tail fit_tail(const struct mr_site *site)
{
	struct tail tail = { .slope = DEFAULT_SLOPE, .slope_low = DEFAULT_SLOPE, .slope_high = DEFAULT_SLOPE };
	double excess = 0.0;
	int bin = MR_SITE_TAIL_BINS;

	while (bin > 8 && tail.exceedances < TAIL_WANTED)
		tail.exceedances += site->tail[--bin];
	tail.from = bin * BIN_NATS;
	for (int i = bin; i < MR_SITE_TAIL_BINS; i++)
		excess += site->tail[i] * ((i - bin + 0.5) * BIN_NATS);
	if (excess <= 0.0 || tail.exceedances < TAIL_LEAST)
		return tail;
	tail.slope = tail.exceedances / excess;
	double root = mr_exp(0.5 * mr_ln(tail.exceedances));
	tail.slope_low = tail.slope * (1.0 - 1.96 / root);
	tail.slope_high = tail.slope * (1.0 + 1.96 / root);
	return tail;
}

static double default_freeze(double knob)
{
	return DEFAULT_FREEZE + mr_ln(DEFAULT_KNOB / knob) / DEFAULT_SLOPE;
}

static double rate_at(const struct tail *tail, double per_year, double slope, double threshold)
{
	return per_year * mr_exp(-slope * (threshold - tail->from));
}

void mr_hijack_thresholds(const struct mr_hijack_policy *policy, const struct mr_site *site,
			  struct mr_thresholds *thresholds_r)
{
	struct tail tail = fit_tail(site);
	double knob = policy->false_freezes < 0.01 ? 0.01 : policy->false_freezes;
	double usual = default_freeze(knob), freeze = usual;
	double per_year = site->account_days > 0.0 ? tail.exceedances * 365250.0 / site->account_days : 0.0;
	double wanted = EVENTS_LEAST * 365250.0 / knob;
	bool fits = tail.exceedances >= TAIL_LEAST;

	*thresholds_r = (struct mr_thresholds){ .account_days = site->account_days, .account_days_wanted = wanted,
						.exceedances = (uint32_t)tail.exceedances, .slope = (float)tail.slope };
	if (policy->calibrate && fits && site->account_days >= wanted) {
		freeze = tail.from + (per_year > knob ? mr_ln(per_year / knob) / tail.slope_low : 0.0);
		freeze = freeze < usual - BELOW_DEFAULT ? usual - BELOW_DEFAULT : freeze;
		freeze = freeze > usual + ABOVE_DEFAULT ? usual + ABOVE_DEFAULT : freeze;
		thresholds_r->calibrated = policy->threshold <= 0.0;
	}
	if (policy->threshold > 0.0)
		freeze = policy->threshold;
	thresholds_r->freeze = (float)freeze;
	thresholds_r->hold = (float)(freeze - HOLD_BELOW);
	if (fits) {
		thresholds_r->expected = (float)rate_at(&tail, per_year, tail.slope, freeze);
		thresholds_r->low = (float)rate_at(&tail, per_year, tail.slope_high, freeze);
		thresholds_r->high = (float)rate_at(&tail, per_year, tail.slope_low, freeze);
	} else {
		/* Carried from other sites: right within a factor of three. */
		thresholds_r->expected = (float)(DEFAULT_KNOB * mr_exp(DEFAULT_SLOPE * (DEFAULT_FREEZE - freeze)));
		thresholds_r->low = thresholds_r->expected / 3.0F;
		thresholds_r->high = thresholds_r->expected * 3.0F;
	}
}
