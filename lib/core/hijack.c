/*
 * The detector's sum: asks each channel what a message speaks for, adds it up in nats, and lets the account learn
 * when all is calm. The channels are in novelty.c, pace.c, likeness.c, trouble.c, place.c, client.c and login.c.
 * Called by the engine and by replay; what is done about it is contain.c's.
 *
 * Model: each channel is a log-likelihood ratio of a thief against the owner, added up with forgetting (Page's
 * CUSUM), and capped: with a small probability one harmless change of habit explains all that a channel has seen in
 * an episode. The same holds once more for novelty, persistence, pace and size together, since one mailing explains
 * them all. So no channel freezes alone.
 */
#include "core/hijack.h"

#include <string.h>

#include "core/hijack_parts.h"
#include "core/nats.h"

#define CALM_BELOW 7.0
#define BULK_DOUBT 5e-5
#define COMPANY_MOST 4.0
#define GRACE_DAYS 1
#define SERIES_FROM 8.5    /* about the threshold of holding */
#define SERIES_MOST 120.0
#define RELEASED_TOO 0.3
#define TRUSTED_BELOW (-1.5)

static const enum mr_channel bulk_channels[] = { MR_CHANNEL_NOVELTY, MR_CHANNEL_PERSISTENCE, MR_CHANNEL_PACE,
						 MR_CHANNEL_SIZE };
enum { BULK_CHANNELS = sizeof(bulk_channels) / sizeof(bulk_channels[0]) };

/* One exponential for all: e^-pause over 3 days, and its powers. */
static void set_fades(struct mr_weighing *w)
{
	double days3 = mr_exp(-w->pause / (3.0 * 86400.0)), day = days3 * days3 * days3, hours12 = day * day;
	double hours6 = hours12 * hours12, hours4 = hours6 * hours12, hours2 = hours4 * hours4, hour = hours2 * hours2;

	w->fade[MR_FADE_3DAYS] = days3;
	w->fade[MR_FADE_DAY] = day;
	w->fade[MR_FADE_12H] = hours12;
	w->fade[MR_FADE_6H] = hours6;
	w->fade[MR_FADE_4H] = hours4;
	w->fade[MR_FADE_HOUR] = hour;
	w->fade[MR_FADE_10MIN] = hour * hour * hour * hour * hour * hour;
}

double mr_sum_get(const struct mr_habit *habit, enum mr_habit_sum which)
{
	return habit->sum[which] / 512.0;
}

void mr_sum_set(struct mr_habit *habit, enum mr_habit_sum which, double nats)
{
	nats = nats > 60.0 ? 60.0 : nats < -60.0 ? -60.0 : nats;
	habit->sum[which] = (int16_t)(nats * 512.0);
}

uint8_t mr_eighths(double nats)
{
	return (uint8_t)(nats <= 0.0 ? 0.0 : nats >= 31.0 ? 248.0 : nats * 8.0);
}

double mr_weighing_doubt(const struct mr_weighing *w, enum mr_channel channel, double doubt)
{
	double released = w->habit->released[channel] / 16.0;

	return released > 0.0 ? (2.0 * doubt + released) / (2.0 + released) : doubt;
}

void mr_pair_count(struct mr_pair *pair, double yes, double all, double keep)
{
	pair->yes = (float)(pair->yes * keep + yes);
	pair->all = (float)(pair->all * keep + all);
}

double mr_pair_share(const struct mr_pair *pair)
{
	return pair->all > 0.0F ? (double)pair->yes / (double)pair->all : 0.0;
}

static double lesser(double a, double b)
{
	return a < b ? a : b;
}

/* One harmless cause, a mailing, explains the bulk channels together, and then refusals and the filter say less too:
 * old lists have dead addresses, and a filter that dislikes a text dislikes every copy of it. */
static void cap_bulk(struct mr_weighing *w)
{
	double raw = w->nats[MR_CHANNEL_REFUSED] + w->nats[MR_CHANNEL_SPAM], mailing = 0.0, bulk = 0.0;

	for (size_t i = 0; i < BULK_CHANNELS; i++)
		bulk += w->nats[bulk_channels[i]];
	mailing = w->mixture + lesser(w->refused_mailing, w->nats[MR_CHANNEL_REFUSED]) +
		  lesser(w->spam_mailing, w->nats[MR_CHANNEL_SPAM]);
	if (bulk + raw <= 0.0)
		return;
	double sum = -mr_ln((1.0 - BULK_DOUBT) * mr_exp(-bulk - raw) + BULK_DOUBT * mr_exp(-mailing));
	sum = sum < 0.0 ? 0.0 : sum;
	double factor = sum / (bulk + raw);
	for (size_t i = 0; i < BULK_CHANNELS; i++)
		w->nats[bulk_channels[i]] *= factor;
	w->nats[MR_CHANNEL_REFUSED] *= factor;
	w->nats[MR_CHANNEL_SPAM] *= factor;
}

/* Whether all that speaks against the account is that it writes to many strangers. */
static bool only_bulk(const struct mr_weighing *w)
{
	return w->sending->authenticated && w->nats[MR_CHANNEL_PLACE] <= TRUSTED_BELOW &&
	       w->nats[MR_CHANNEL_CLIENT] <= 0.5 && w->nats[MR_CHANNEL_SENDER] <= 0.5 &&
	       w->nats[MR_CHANNEL_COMPANY] <= 0.5 && w->nats[MR_CHANNEL_GUESSED] <= 0.5 &&
	       w->nats[MR_CHANNEL_TRAVEL] <= 0.5;
}

static void weigh(const struct mr_hijack_policy *policy, struct mr_weighing *w)
{
	double total = 0.0;

	mr_novelty_weigh(w);
	mr_pace_weigh(w);
	mr_likeness_weigh(w);
	mr_trouble_weigh(w);
	mr_place_weigh(w);
	mr_client_weigh(w);
	mr_login_weigh(w);
	double lent = (double)w->sending->lent;
	w->nats[MR_CHANNEL_COMPANY] = lent > COMPANY_MOST ? COMPANY_MOST : lent > 0.0 ? lent : 0.0;
	for (int i = 0; i < MR_CHANNEL_COUNT; i++)
		if (policy->channels_off >> i & 1)
			w->nats[i] = 0.0;
	cap_bulk(w);
	mr_login_cap(w);
	for (int i = 0; i < MR_CHANNEL_COUNT; i++) {
		w->evidence->channel[i] = (float)w->nats[i];
		total += w->nats[i];
	}
	w->evidence->total = (float)total;
	w->evidence->bulk_only = only_bulk(w);
	w->habit->series = (float)(w->habit->series * w->fade[MR_FADE_DAY] + (total >= SERIES_FROM));
	w->evidence->series = w->habit->series;
}

/* The evidence at its highest, for a release to know what spoke. */
static void remember_worst(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;

	if (mr_eighths((double)w->evidence->total) < habit->spoke_total)
		return;
	habit->spoke_total = mr_eighths((double)w->evidence->total);
	for (int i = 0; i < MR_CHANNEL_COUNT; i++) {
		double nats = w->nats[i] > 15.0 ? 15.0 : w->nats[i] < -15.0 ? -15.0 : w->nats[i];
		habit->spoke[i] = (int8_t)(nats * 8.0);
	}
}

/* A new day: the worst of the last one goes to the site's tail, its messages to the chart. */
static void close_day(struct mr_weighing *w, struct mr_site *site)
{
	struct mr_habit *habit = w->habit;
	uint16_t today = (uint16_t)(w->now_ms / MR_DAY_MS);

	if (today <= habit->day)
		return;
	unsigned passed = (unsigned)(today - habit->day);
	mr_tail_close_day(habit, site, today);
	habit->spoke_total = 0;
	unsigned move = passed < MR_HABIT_DAYS ? passed : MR_HABIT_DAYS;
	memmove(habit->days + move, habit->days, MR_HABIT_DAYS - move);
	memset(habit->days, 0, move);
	if (passed <= MR_HABIT_DAYS)
		habit->days[passed - 1] = mr_habit_day_code(habit->today_messages);
	habit->today_messages = 0;
	habit->day = today;
}

static void learn(struct mr_weighing *w, struct mr_site *site)
{
	struct mr_habit *habit = w->habit;

	w->calm = w->evidence->total < CALM_BELOW || w->now_ms / MR_MINUTE_MS < (int64_t)habit->grace_minute;
	/* An unproven network does not teach what is normal, unless the account never had another. */
	w->teaches = w->trusted || habit->messages < 20 || (!habit->home && w->early);
	mr_novelty_learn(w, site);
	mr_pace_learn(w, site);
	mr_likeness_learn(w, site);
	mr_trouble_learn(w, site);
	mr_place_learn(w, site);
	mr_client_learn(w, site);
	if (w->calm && w->trusted)
		habit->home = 1;
	close_day(w, site);
	if (mr_eighths((double)w->evidence->total) > habit->worst)
		habit->worst = mr_eighths((double)w->evidence->total);
	remember_worst(w);
	if (habit->messages < UINT32_MAX)
		habit->messages++;
	if (habit->today_messages < UINT16_MAX)
		habit->today_messages++;
	habit->last_ms = w->now_ms;
}

static void begin(struct mr_weighing *w_r, const struct mr_sending *sending, const struct mr_site *site,
		  struct mr_habit *habit, struct mr_evidence *evidence)
{
	*w_r = (struct mr_weighing){ .sending = sending, .site = site, .habit = habit, .evidence = evidence };
	w_r->now_ms = sending->time_ms > habit->last_ms ? sending->time_ms : habit->last_ms;
	w_r->pause = (double)(w_r->now_ms - habit->last_ms) / 1000.0;
	set_fades(w_r);
	*evidence = (struct mr_evidence){ 0 };
}

void mr_hijack_weigh(const struct mr_hijack_policy *policy, struct mr_account *account, struct mr_site *site,
		     const struct mr_sending *sending, struct mr_evidence *evidence_r)
{
	struct mr_weighing w;

	begin(&w, sending, site, &account->habit, evidence_r);
	weigh(policy, &w);
	learn(&w, site);
}

void mr_hijack_look(const struct mr_hijack_policy *policy, const struct mr_account *account, const struct mr_site *site,
		    const struct mr_sending *sending, struct mr_evidence *evidence_r)
{
	struct mr_habit copy = account->habit;
	struct mr_weighing w;

	begin(&w, sending, site, &copy, evidence_r);
	weigh(policy, &w);
}

enum mr_hijack_says mr_hijack_verdict(const struct mr_hijack_policy *policy, const struct mr_thresholds *thresholds,
				      const struct mr_evidence *evidence)
{
	if (evidence->total >= thresholds->freeze)
		return MR_HIJACK_FREEZES;
	/* So many held messages in a day, and nobody asked for them: no mailing of an ordinary owner is as long. */
	if (policy->hold && evidence->total >= thresholds->hold)
		return (double)evidence->series >= SERIES_MOST ? MR_HIJACK_FREEZES : MR_HIJACK_HOLDS;
	return (double)evidence->total >= CALM_BELOW ? MR_HIJACK_WATCHES : MR_HIJACK_CALM;
}

/* No evidence is left; the habit stays. */
static void clear_sums(struct mr_habit *habit)
{
	for (int i = 0; i < MR_SUM_COUNT; i++)
		habit->sum[i] = 0;
	habit->worst = habit->pending = habit->spoke_total = 0;
	habit->series = 0.0F;
	memset(habit->spoke, 0, sizeof(habit->spoke));
}

/* Whether a channel is about what the owner does: that she did so once makes it likelier. What is known of places, of
 * logins and of other accounts is forgotten elsewhere, and weighs the same the next time. */
static bool is_habit(enum mr_channel channel)
{
	switch (channel) {
	case MR_CHANNEL_PLACE:
	case MR_CHANNEL_CLIENT:
	case MR_CHANNEL_COMPANY:
	case MR_CHANNEL_GUESSED:
	case MR_CHANNEL_TRAVEL:
	case MR_CHANNEL_PASSWORD:
		return false;
	case MR_CHANNEL_NOVELTY:
	case MR_CHANNEL_PERSISTENCE:
	case MR_CHANNEL_PACE:
	case MR_CHANNEL_SIZE:
	case MR_CHANNEL_SPAM:
	case MR_CHANNEL_REFUSED:
	case MR_CHANNEL_SENDER:
	case MR_CHANNEL_HOUR:
	case MR_CHANNEL_COUNT:
		break;
	}
	return true;
}

/* The channels that spoke weigh less for this account from now on, by pseudo-observations of harmless episodes. */
static void raise_doubts(struct mr_habit *habit)
{
	double positive = 0.0;

	for (int i = 0; i < MR_CHANNEL_COUNT; i++)
		positive += habit->spoke[i] > 0 ? habit->spoke[i] : 0;
	for (int i = 0; i < MR_CHANNEL_COUNT && positive > 0.0; i++) {
		if (!is_habit((enum mr_channel)i))
			continue;
		/* What did not speak this time is trusted more as well: the operator knows the account. */
		double more = habit->spoke[i] <= 8 ? RELEASED_TOO : 3.0 * habit->spoke[i] / positive;
		double released = habit->released[i] + 16.0 * (more > 1.0 ? 1.0 : more) + 0.5;
		habit->released[i] = (uint8_t)(released > 255.0 ? 255.0 : released);
	}
}

void mr_hijack_release(struct mr_account *account, struct mr_site *site, int64_t now_ms)
{
	struct mr_habit *habit = &account->habit;

	mr_tail_count_release(habit, site);
	raise_doubts(habit);
	clear_sums(habit);
	now_ms = now_ms > habit->last_ms ? now_ms : habit->last_ms;
	habit->grace_minute = (uint32_t)((now_ms + (int64_t)GRACE_DAYS * MR_DAY_MS) / MR_MINUTE_MS);
	mr_pace_accept(habit);
}

void mr_hijack_forget(struct mr_account *account)
{
	clear_sums(&account->habit);
}

uint8_t mr_habit_day_code(uint32_t messages)
{
	double code = 16.0 * mr_ln(1.0 + messages);

	return (uint8_t)(code > 255.0 ? 255.0 : code + 0.5);
}

uint32_t mr_habit_day_messages(uint8_t code)
{
	return (uint32_t)(mr_exp(code / 16.0) - 1.0 + 0.5);
}

void mr_habit_begin(struct mr_habit *habit_r, int64_t now_ms)
{
	memset(habit_r, 0, sizeof(*habit_r));
	habit_r->last_ms = now_ms < 0 ? 0 : now_ms;
	habit_r->day = habit_r->first_day = (uint16_t)(habit_r->last_ms / MR_DAY_MS);
}

/* Priors: what public traces show before the site has taught anything. */
void mr_site_begin(struct mr_site *site_r)
{
	static const float crowd[MR_HABIT_CROWDS] = { 150.0F, 25.0F, 12.0F, 7.0F, 4.0F, 1.5F, 0.5F };
	static const float strangers[5] = { 0.90F, 0.60F, 0.35F, 0.20F, 0.12F };

	memset(site_r, 0, sizeof(*site_r));
	for (int i = 0; i < 5; i++)
		site_r->stranger[i] = (struct mr_pair){ 4.0F * strangers[i], 4.0F };
	memcpy(site_r->crowd, crowd, sizeof(crowd));
	site_r->flagged = (struct mr_pair){ 1.2F, 400.0F };
	site_r->refused = (struct mr_pair){ 2.4F, 200.0F };
	site_r->familiar = (struct mr_pair){ 20.0F, 100.0F };
	site_r->alike = (struct mr_pair){ 8.0F, 100.0F };
	site_r->strange_hour = (struct mr_pair){ 10.0F, 50.0F };
}
