/*
 * The channels novelty and persistence: does the account write to people whom it never wrote to? Not how many in
 * which time (pace.c). Called by hijack.c.
 *
 * Model of novelty: a recipient is known to the account, or a stranger who is familiar to the site (somebody else
 * here writes to him), or unknown. The owner's shares are learned: strangers among recipients (Beta posterior; the
 * prior is the site's mean for accounts of its age) and familiar ones among strangers. Three thieves are thought of:
 * one with a bought list, one who writes to colleagues, one who works through the address book; the last two are
 * rarer, so they start behind. Recipients of one message are not independent: one message gives at most -ln(0.06).
 * Model of the mixture: an owner's mailing has a share of familiar strangers that nobody knows before (it is learned
 * while it runs), a bought list has 2 %, colleagues are 90 %. A mailing with a share between speaks for the owner.
 * Model of persistence: hours instead of recipients, so that one burst is one observation: hours in which most
 * recipients are strangers, the account's own share against 0.9.
 * Source: recipient sets in Stolfo and Hershkop (Email Mining Toolkit, 2006) and Ho et al. (2019); shares from public
 * traces of a research institution and a mailing list.
 */
#include "core/hijack_parts.h"
#include "core/nats.h"

#define OWNER_STRENGTH 8.0        /* messages that the site's mean weighs for an account */
#define FAMILIAR_LEAST 0.25       /* no account is so sure of its mixture */
#define ONE_MESSAGE_DOUBT 0.06
#define NOVELTY_DOUBT 6e-4
#define RARER 2.0                 /* nats: colleagues and the address book, against a bought list */
#define LIST_FAMILIAR 0.02
#define COLLEAGUES_FAMILIAR 0.9
#define COLLEAGUES_THIEVES 0.2
#define MIXTURE_STRENGTH 1.0
#define MIXTURE_LEAST (-3.0)      /* a thief may know this, and mix: it is worth no more */
#define PERSISTENCE_STRENGTH 10.0
#define PERSISTENCE_DOUBT 1e-4

static size_t age_of(const struct mr_habit *habit)
{
	uint32_t n = habit->messages;

	return n < 3 ? 0 : n < 10 ? 1 : n < 30 ? 2 : n < 100 ? 3 : 4;
}

static void count_recipients(struct mr_weighing *w)
{
	for (size_t i = 0; i < w->sending->to_count; i++) {
		const struct mr_sent_to *to = &w->sending->to[i];
		if (to->wrote_first || mr_recall_recipient(w->habit, to->hash)) {
			w->known++;
		} else {
			w->strangers++;
			w->familiar += mr_recall_site_recipient(w->site, to->hash);
			w->refused_strangers += to->refused;
		}
	}
	w->evidence->strangers = w->strangers;
}

/* What a thief writes to: known, familiar to the site, unknown. */
struct thief {
	enum mr_habit_sum sum;
	double known, familiar, unknown, less;
};

static const struct thief thieves[] = {
	{ MR_SUM_NOVELTY, 0.03, 0.13, 0.84, 0.0 },
	{ MR_SUM_INSIDE, 0.15, 0.75, 0.10, RARER },
	{ MR_SUM_BOOK, 0.65, 0.05, 0.30, RARER },
};

static double between(double x, double least, double most)
{
	return x < least ? least : x > most ? most : x;
}

/* The highest sum of the three. */
static double weigh_thieves(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;
	double stranger = mr_share((double)habit->stranger.yes, (double)habit->stranger.all,
				   mr_pair_share(&w->site->stranger[age_of(habit)]), OWNER_STRENGTH);
	double familiar = mr_share((double)habit->familiar.yes, (double)habit->familiar.all,
				   mr_pair_share(&w->site->familiar), OWNER_STRENGTH);
	uint32_t unknown = w->strangers - w->familiar;
	double worst = 0.0;

	stranger = between(stranger, 0.01, 0.97);
	familiar = between(familiar, FAMILIAR_LEAST, 1.0 - FAMILIAR_LEAST);
	for (size_t i = 0; i < sizeof(thieves) / sizeof(thieves[0]); i++) {
		const struct thief *t = &thieves[i];
		double nats = w->known * mr_ln(t->known / (1.0 - stranger)) +
			      w->familiar * mr_ln(t->familiar / (stranger * familiar)) +
			      unknown * mr_ln(t->unknown / (stranger * (1.0 - familiar)));
		if (w->strangers == 0 && i == 0)
			nats = w->known > 0 ? -0.3 : 0.0;
		nats = nats > 0.0 ? mr_capped(nats, ONE_MESSAGE_DOUBT) : between(nats, -1.0, 0.0);
		double sum = mr_sum_get(habit, t->sum) * w->fade[MR_FADE_DAY] + nats;
		mr_sum_set(habit, t->sum, sum < 0.0 ? 0.0 : sum);
		worst = sum - t->less > worst ? sum - t->less : worst;
	}
	return worst;
}

/* In ten steps at most: after each the share of the owner's mailing is known better. */
static void weigh_mixture(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;
	struct mr_pair *now = &habit->familiar_now;
	double keep = w->fade[MR_FADE_DAY], all = w->strangers;
	double list = mr_sum_get(habit, MR_SUM_LIST) * keep, colleagues = mr_sum_get(habit, MR_SUM_COLLEAGUES) * keep;
	double usual = mr_pair_share(&w->site->familiar);
	int steps = all > 100.0 ? 10 : (int)(all / 10.0) + 1;

	mr_pair_count(now, 0.0, 0.0, keep);
	for (int i = 0; i < steps && all > 0.0; i++) {
		double familiar = w->familiar / (double)steps, other = (all - w->familiar) / steps;
		double owner = mr_share((double)now->yes, (double)now->all, usual, MIXTURE_STRENGTH);
		owner = between(owner, 0.01, 0.99);
		list += familiar * mr_ln(LIST_FAMILIAR / owner) + other * mr_ln((1.0 - LIST_FAMILIAR) / (1.0 - owner));
		colleagues += familiar * mr_ln(COLLEAGUES_FAMILIAR / owner) +
			      other * mr_ln((1.0 - COLLEAGUES_FAMILIAR) / (1.0 - owner));
		mr_pair_count(now, familiar, familiar + other, 1.0);
	}
	list = list < MIXTURE_LEAST ? MIXTURE_LEAST : list;
	colleagues = colleagues < MIXTURE_LEAST ? MIXTURE_LEAST : colleagues;
	mr_sum_set(habit, MR_SUM_LIST, list);
	mr_sum_set(habit, MR_SUM_COLLEAGUES, colleagues);
	w->mixture = mr_ln((1.0 - COLLEAGUES_THIEVES) * mr_exp(list) + COLLEAGUES_THIEVES * mr_exp(colleagues));
	w->mixture = w->mixture > 0.0 ? 0.0 : w->mixture;
}

static void close_hour(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;

	w->hour_over = habit->hour_messages > 0;
	w->hour_strange = habit->hour_strange * 2 > habit->hour_messages;
	w->hour_taught = habit->hour_taught;
	if (w->hour_over) {
		double p0 = mr_share((double)habit->strange_hour.yes, (double)habit->strange_hour.all,
				     mr_pair_share(&w->site->strange_hour), PERSISTENCE_STRENGTH);
		p0 = between(p0, 0.0, 0.95);
		double sum = mr_sum_get(habit, MR_SUM_PERSISTENCE) +
			     (w->hour_strange ? mr_ln(0.9 / p0) : 0.5 * mr_ln(0.1 / (1.0 - p0)));
		mr_sum_set(habit, MR_SUM_PERSISTENCE, sum < 0.0 ? 0.0 : sum);
	}
	habit->hour_messages = habit->hour_strange = 0;
	habit->hour_taught = 1;
}

void mr_novelty_weigh(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;
	uint32_t hour = (uint32_t)(w->now_ms / MR_HOUR_MS);

	count_recipients(w);
	weigh_mixture(w);
	double sum = weigh_thieves(w);
	mr_sum_set(habit, MR_SUM_PERSISTENCE, mr_sum_get(habit, MR_SUM_PERSISTENCE) * w->fade[MR_FADE_3DAYS]);
	if (hour != habit->hour) {
		close_hour(w);
		habit->hour = hour;
	}
	if (habit->hour_messages < UINT8_MAX) {
		habit->hour_messages++;
		habit->hour_strange = (uint8_t)(habit->hour_strange +
						(w->strangers > 0 && w->strangers * 2 >= w->sending->to_count));
	}
	double novelty = mr_capped(sum, mr_weighing_doubt(w, MR_CHANNEL_NOVELTY, NOVELTY_DOUBT));
	double persistence = mr_capped(mr_sum_get(habit, MR_SUM_PERSISTENCE),
				       mr_weighing_doubt(w, MR_CHANNEL_PERSISTENCE, PERSISTENCE_DOUBT));
	/* Two views of one habit: the stronger one counts. */
	w->nats[MR_CHANNEL_NOVELTY] = novelty >= persistence ? novelty : 0.0;
	w->nats[MR_CHANNEL_PERSISTENCE] = novelty >= persistence ? 0.0 : persistence;
}

void mr_novelty_learn(struct mr_weighing *w, struct mr_site *site)
{
	struct mr_habit *habit = w->habit;

	if (w->hour_over && w->hour_taught) {
		mr_pair_count(&habit->strange_hour, w->hour_strange, 1.0, 0.99);
		mr_pair_count(&site->strange_hour, w->hour_strange, 1.0, 0.9999);
	}
	if (!w->calm || !w->teaches)
		habit->hour_taught = 0;
	if (!w->calm || w->sending->to_count == 0)
		return;
	if (w->teaches) {
		double all = (double)w->sending->to_count;
		mr_pair_count(&habit->stranger, w->strangers, all, 0.998);
		if (w->strangers > 0) {
			mr_pair_count(&habit->familiar, w->familiar, w->strangers, 0.998);
			mr_pair_count(&site->familiar, w->familiar / (double)w->strangers, 1.0, 0.9999);
		}
		mr_pair_count(&site->stranger[age_of(habit)], w->strangers / all, 1.0, 0.9999);
	}
	for (size_t i = 0; i < w->sending->to_count; i++)
		mr_recall_add_recipient(habit, w->sending->to[i].hash);
	for (size_t i = 0; w->teaches && i < w->sending->to_count; i++)
		if (!w->sending->to[i].refused)
			mr_recall_add_site_recipient(site, w->sending->to[i].hash);
}
