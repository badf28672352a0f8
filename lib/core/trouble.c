/*
 * The channels spam, refused, sender and hour: signs that need no history of recipients. Called by hijack.c.
 *
 * Models:
 * spam     a filter calls a share p0 of the owner's messages spam (site prior 0.3 %), half of a campaign's; a
 *          campaign that it does not know passes, so a clean message says little (-0.12). As in SPOT (Duan et al.,
 *          2009), but bounded.
 * refused  among recipients who are new, the owner's share of refusals is p0 (site prior 1.2 %). A bought list's
 *          share is Beta with mean 15 %, an owner's old mailing list's Beta with mean 4.5 %; both are learned while
 *          the burst runs. Known recipients say nothing. Clayton (2004): refused deliveries.
 * sender   an envelope sender that the account never used: foreign domain 3 nats, own domain 1.
 * hour     eight bins of three hours against a thief who does not care.
 */
#include "core/hijack_parts.h"
#include "core/nats.h"

#define SPAM_DOUBT 1e-3
#define SPAM_DOUBT_MAILING 5e-2 /* a filter that dislikes a text dislikes every copy of it */
#define THIEF_FLAGGED 0.5
#define FLAGGED_MOST 4.2
#define CLEAN_WEIGHT 0.12
#define REFUSED_DOUBT 1e-4
#define THIEF_REFUSED 0.15
#define THIEF_STRENGTH 6.0
#define MAILING_REFUSED 0.045
#define MAILING_STRENGTH 26.0
#define REFUSED_DOUBT_MAILING 2e-3
#define SENDER_DOUBT 2e-2
#define HOUR_DOUBT 0.05
#define HOUR_MOST 2.5

static void keep_sum(struct mr_weighing *w, enum mr_habit_sum which, double sum, enum mr_channel channel, double doubt)
{
	mr_sum_set(w->habit, which, sum < 0.0 ? 0.0 : sum);
	w->nats[channel] = mr_capped(mr_sum_get(w->habit, which), mr_weighing_doubt(w, channel, doubt));
}

static void weigh_spam(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;
	double sum = mr_sum_get(habit, MR_SUM_SPAM) * w->fade[MR_FADE_DAY];

	if (w->sending->spam == MR_SPAM_CLEAN)
		sum -= CLEAN_WEIGHT;
	if (w->sending->spam == MR_SPAM_FLAGGED) {
		double p0 = mr_share((double)habit->flagged.yes, (double)habit->flagged.all,
				     mr_pair_share(&w->site->flagged), 200.0);
		double nats = mr_ln(THIEF_FLAGGED / p0);
		sum += nats > FLAGGED_MOST ? FLAGGED_MOST : nats;
	}
	keep_sum(w, MR_SUM_SPAM, sum, MR_CHANNEL_SPAM, SPAM_DOUBT);
	w->spam_mailing = mr_capped(mr_sum_get(habit, MR_SUM_SPAM),
				    mr_weighing_doubt(w, MR_CHANNEL_SPAM, SPAM_DOUBT_MAILING));
}

/* What refused of all say, by ten steps at most: after each step the rates that are not known are known better. */
static void count_refusals(struct mr_weighing *w, double refused, double all, double *usual, double *mailing)
{
	struct mr_pair *now = &w->habit->refused_now;
	const struct mr_pair *habit = &w->habit->refused;
	double owner = mr_share((double)habit->yes, (double)habit->all, mr_pair_share(&w->site->refused), 100.0);
	int steps = all > 100.0 ? 10 : (int)(all / 10.0) + 1;

	for (int i = 0; i < steps; i++) {
		double r = refused / steps, accepted = (all - refused) / steps;
		double thief = mr_share((double)now->yes, (double)now->all, THIEF_REFUSED, THIEF_STRENGTH);
		double list = mr_share((double)now->yes, (double)now->all, MAILING_REFUSED, MAILING_STRENGTH);
		list = list < owner ? owner : list;
		*usual += r * mr_ln(thief / owner) + accepted * mr_ln((1.0 - thief) / (1.0 - owner));
		*mailing += r * mr_ln(thief / list) + accepted * mr_ln((1.0 - thief) / (1.0 - list));
		mr_pair_count(now, r, r + accepted, 1.0);
	}
}

/* Refusals of a burst of mail to strangers under three thoughts: the owner as ever, the owner with a mailing to an old
 * list, a thief with a bought list. The last two do not know their list's rate, they learn it as they go. */
static void weigh_refused(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;
	double keep = w->fade[MR_FADE_DAY];
	double usual = mr_sum_get(habit, MR_SUM_REFUSED) * keep;
	double mailing = mr_sum_get(habit, MR_SUM_REFUSED_MAILING) * keep;

	mr_pair_count(&habit->refused_now, 0.0, 0.0, keep);
	if (w->strangers > 0)
		count_refusals(w, w->refused_strangers, w->strangers, &usual, &mailing);
	mr_sum_set(habit, MR_SUM_REFUSED_MAILING, mailing < 0.0 ? 0.0 : mailing);
	mr_sum_set(habit, MR_SUM_REFUSED, usual < 0.0 ? 0.0 : usual);
	w->nats[MR_CHANNEL_REFUSED] = mr_capped(usual, mr_weighing_doubt(w, MR_CHANNEL_REFUSED, REFUSED_DOUBT));
	w->refused_mailing = mr_capped(mailing, mr_weighing_doubt(w, MR_CHANNEL_REFUSED, REFUSED_DOUBT_MAILING));
}

static void weigh_sender(struct mr_weighing *w)
{
	const struct mr_sending *sending = w->sending;
	double sum = mr_sum_get(w->habit, MR_SUM_SENDER) * w->fade[MR_FADE_DAY];

	if (!sending->sender_own && sending->sender != 0 &&
	    !mr_recall_mark(w->habit->sender, MR_HABIT_SENDERS, mr_mark_of(sending->sender)))
		sum += sending->sender_own_domain ? 1.0 : 3.0;
	keep_sum(w, MR_SUM_SENDER, sum, MR_CHANNEL_SENDER, SENDER_DOUBT);
}

static int hour_bin(const struct mr_weighing *w)
{
	return (int)(w->now_ms % MR_DAY_MS / (3 * MR_HOUR_MS));
}

static void weigh_hour(struct mr_weighing *w)
{
	double all = 0.0, nats = 0.0;

	for (int i = 0; i < 8; i++)
		all += w->habit->hour_of_day[i] / 64.0;
	if (all > 20.0)
		nats = mr_ln(0.125 * (all + 8.0) / (w->habit->hour_of_day[hour_bin(w)] / 64.0 + 1.0));
	w->nats[MR_CHANNEL_HOUR] = mr_capped(nats > HOUR_MOST ? HOUR_MOST : nats,
					     mr_weighing_doubt(w, MR_CHANNEL_HOUR, HOUR_DOUBT));
}

void mr_trouble_weigh(struct mr_weighing *w)
{
	weigh_spam(w);
	weigh_refused(w);
	weigh_sender(w);
	weigh_hour(w);
}

void mr_trouble_learn(struct mr_weighing *w, struct mr_site *site)
{
	struct mr_habit *habit = w->habit;
	const struct mr_sending *sending = w->sending;
	uint16_t *hour = &habit->hour_of_day[hour_bin(w)];

	if (!w->calm)
		return;
	if (sending->spam != MR_SPAM_NOT_TOLD) {
		double flagged = sending->spam == MR_SPAM_FLAGGED;
		mr_pair_count(&habit->flagged, flagged, 1.0, 0.998);
		mr_pair_count(&site->flagged, flagged, 1.0, 0.9999);
	}
	if (w->strangers > 0) {
		mr_pair_count(&habit->refused, w->refused_strangers, w->strangers, 0.998);
		mr_pair_count(&site->refused, w->refused_strangers, w->strangers, 0.9999);
	}
	if (!sending->sender_own && sending->sender != 0)
		mr_recall_add_mark(habit->sender, MR_HABIT_SENDERS, mr_mark_of(sending->sender));
	*hour = (uint16_t)(*hour - *hour / 1024 + (*hour < 60000 ? 64 : 0));
}
