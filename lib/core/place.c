/*
 * The channel place: does the account send from a network where it was before? Called by hijack.c.
 *
 * Model: a session comes from a known network, a new network of a known AS, a new AS or a new country; the owner's
 * shares are a Dirichlet posterior over its own sessions, a thief's are 0.04, 0.10, 0.26, 0.60. An AS that is new to
 * the account is one that others of the site send from in 85 of 100 cases when the owner is there, in 40 when a thief
 * is. A network is trusted four days after it was first seen, when enough calm mail to known people came from it:
 * then a thief is there in 1 of 27 cases, -3.3 nats. Several new places within a day add up. The place of an episode is
 * the mean over the strangers that were written to: a mailing begun at the office may end at home, and owner and
 * thief may write in turn.
 * Source: Onaolapo et al. (2016) and Bursztein et al. (2014) on where thieves come from; MUAAA (2015).
 */
#include "core/hijack_parts.h"
#include "core/nats.h"

#define TRUSTED_NATS (-3.3)
#define TRUST_DAYS 3
#define EARLY_DAYS 30
#define TRUST_GOOD 12 /* three messages to known people, each worth 4; one to strangers takes 1 back */
#define THIEF_SITE_ASN 0.4
#define OWNER_SITE_ASN 0.85
#define DAY_NATS 1.0         /* each day with calm mail to known people */
#define PLACE_LEAST (-1.0)   /* of a place that is not proved */
#define KNOWN_WEIGHT 0.25    /* of a message to nobody new */
#define PLACE_MOST 7.0

static const double owner_share[4] = { 0.86, 0.09, 0.03, 0.02 };
static const double thief_share[4] = { 0.04, 0.10, 0.26, 0.60 };

static struct mr_habit_place *find_place(struct mr_habit *habit, uint64_t network)
{
	uint32_t mark = mr_mark32_of(network);

	for (int i = 0; i < MR_HABIT_PLACES; i++)
		if (habit->place[i].network == mark)
			return &habit->place[i];
	return NULL;
}

static bool has_proved(const struct mr_habit_place *place, uint16_t today)
{
	return place->good >= TRUST_GOOD && today - place->first_day > TRUST_DAYS;
}

static uint16_t day_of(const struct mr_weighing *w)
{
	return (uint16_t)(w->now_ms / MR_DAY_MS);
}

static int class_of(const struct mr_weighing *w)
{
	const struct mr_sending *sending = w->sending;
	const struct mr_habit *habit = w->habit;

	if (sending->network_ours)
		return 2;
	if (sending->country != 0 && !mr_recall_mark(habit->country, MR_HABIT_COUNTRIES, sending->country))
		return 3;
	if (sending->asn != 0 && !mr_recall_mark(habit->asn, MR_HABIT_ASNS, mr_mark_of(sending->asn)))
		return 2;
	return 1;
}

/* An AS that is new to the account: is it at least one that others here send from? */
static double site_asn_weight(const struct mr_weighing *w)
{
	uint32_t mark = mr_mark32_of(w->sending->asn) % (64 * MR_SITE_ASN_WORDS);
	double filled = w->site->asns / (64.0 * MR_SITE_ASN_WORDS), sure = w->site->asns / 30.0;
	double thief = THIEF_SITE_ASN + (1.0 - THIEF_SITE_ASN) * filled;

	if (w->sending->asn == 0)
		return 0.0;
	sure = sure > 1.0 ? 1.0 : sure;
	if (w->site->asn[mark / 64] >> (mark % 64) & 1)
		return sure * mr_ln(thief / OWNER_SITE_ASN);
	return sure * mr_ln((1.0 - thief) / (1.0 - OWNER_SITE_ASN));
}

static double new_place_weight(const struct mr_weighing *w)
{
	const struct mr_habit *habit = w->habit;
	double owner = owner_share[w->place_class], thief = thief_share[w->place_class];
	/* What is not told cannot be told apart: the shares of those classes go together. */
	if (w->sending->asn == 0 && w->place_class == 1) {
		owner += owner_share[2];
		thief += thief_share[2];
	}
	if (w->sending->country == 0 && !w->sending->network_ours) {
		owner += owner_share[3];
		thief += thief_share[3];
	}
	double p0 = mr_share((double)habit->place_seen[w->place_class], (double)habit->sessions, owner, 25.0);
	double nats = mr_ln(thief / p0);
	double sure = habit->sessions / 6.0;

	if (w->place_class >= 2)
		nats += site_asn_weight(w);
	if (nats < -1.0)
		nats = -1.0;
	return nats * (sure > 1.0 ? 1.0 : sure);
}

/* The mean over the episode, this message in it. */
static double over_episode(struct mr_weighing *w, double nats)
{
	struct mr_pair *now = &w->habit->place_now;
	double weight = w->strangers < 1 ? KNOWN_WEIGHT : w->strangers > 10 ? 10.0 : w->strangers;

	mr_pair_count(now, 0.0, 0.0, w->fade[MR_FADE_6H]);
	mr_pair_count(now, weight * nats, weight, 1.0);
	return (double)now->yes / (double)now->all;
}

void mr_place_weigh(struct mr_weighing *w)
{
	const struct mr_sending *sending = w->sending;
	struct mr_habit *habit = w->habit;
	double sum = mr_sum_get(habit, MR_SUM_PLACE);

	if (!sending->authenticated || sending->network == 0) {
		w->trusted = !sending->authenticated;
		w->early = true;
		return;
	}
	struct mr_habit_place *place = find_place(habit, sending->network);
	w->early = place != NULL && place->first_day - habit->first_day <= EARLY_DAYS;
	w->trusted = (sending->network_ours && habit->ours) || (place != NULL && has_proved(place, day_of(w)));
	if (w->trusted) {
		double sure = habit->messages / 10.0;
		w->place_charge = TRUSTED_NATS * (sure > 1.0 ? 1.0 : sure);
	} else if (place != NULL) {
		/* Each day with calm mail to known people makes it less strange, today's does not count yet. */
		int days = place->good_days - (place->good_days > 0 && place->good_day == (uint8_t)day_of(w));
		w->place_charge = place->charge / 8.0 - DAY_NATS * days;
		if (w->place_charge < PLACE_LEAST)
			w->place_charge = PLACE_LEAST;
	} else if (sending->network_read) {
		w->place_charge = 0.0; /* where somebody reads his mail is no strange place, and not yet a proved one */
	} else {
		w->place_class = class_of(w);
		w->place_charge = new_place_weight(w);
	}
	if (w->place_class > 0)
		sum = sum * w->fade[MR_FADE_12H] + (w->place_charge > 0.0 ? w->place_charge : 0.0);
	else
		sum *= w->fade[MR_FADE_3DAYS];
	mr_sum_set(habit, MR_SUM_PLACE, sum);
	double nats = w->place_charge;
	if (!w->trusted && nats < sum)
		nats = sum;
	w->nats[MR_CHANNEL_PLACE] = over_episode(w, nats > PLACE_MOST ? PLACE_MOST : nats);
}

/* The room of the place that is missed least: unproven ones first, then the one not seen for longest. */
static struct mr_habit_place *room_for_place(struct mr_habit *habit, uint16_t today)
{
	struct mr_habit_place *least = &habit->place[0];

	for (int i = 0; i < MR_HABIT_PLACES; i++) {
		struct mr_habit_place *place = &habit->place[i];
		if (place->network == 0)
			return place;
		bool keep = place->good >= TRUST_GOOD && today - place->last_day < 120;
		bool keep_least = least->good >= TRUST_GOOD && today - least->last_day < 120;
		if (keep != keep_least ? keep_least : place->last_day < least->last_day)
			least = place;
	}
	return least;
}

/* Mail to known people earns trust, mail to strangers loses it as long as the place has not proved: a filter of known
 * recipients that is wrong now and then must not make a thief's network the account's own. */
static void earn_trust(const struct mr_weighing *w, struct mr_habit_place *place)
{
	uint8_t today = (uint8_t)day_of(w);

	if (w->known * 2 <= w->sending->to_count) {
		if (!has_proved(place, day_of(w)))
			place->good = (uint8_t)(place->good > 0 ? place->good - 1 : 0);
		return;
	}
	if (!w->calm)
		return;
	place->good = (uint8_t)(place->good < UINT8_MAX - 4 ? place->good + 4 : UINT8_MAX);
	if (place->good_days == 0 || place->good_day != today)
		place->good_days = (uint8_t)(place->good_days + (place->good_days < UINT8_MAX));
	place->good_day = today;
}

void mr_place_learn(struct mr_weighing *w, struct mr_site *site)
{
	const struct mr_sending *sending = w->sending;
	struct mr_habit *habit = w->habit;

	if (!sending->authenticated || sending->network == 0)
		return;
	if (w->place_class > 0 || (w->pause > 3600.0 && w->calm)) {
		habit->sessions = (float)(habit->sessions * 0.995 + 1.0);
		if (w->calm || w->place_class == 0)
			habit->place_seen[w->place_class] = (float)(habit->place_seen[w->place_class] * 0.995 + 1.0);
	}
	struct mr_habit_place *place = find_place(habit, sending->network);
	if (place == NULL) {
		double charge = w->place_charge < -15.0 ? -15.0 : w->place_charge > 15.0 ? 15.0 : w->place_charge;
		place = room_for_place(habit, day_of(w));
		*place = (struct mr_habit_place){ .network = mr_mark32_of(sending->network), .first_day = day_of(w),
						  .charge = (int8_t)(charge * 8.0) };
	}
	place->last_day = day_of(w);
	earn_trust(w, place);
	if (!w->calm)
		return;
	if (sending->network_ours)
		habit->ours = 1;
	if (sending->asn != 0) {
		uint32_t mark = mr_mark32_of(sending->asn) % (64 * MR_SITE_ASN_WORDS);
		mr_recall_add_mark(habit->asn, MR_HABIT_ASNS, mr_mark_of(sending->asn));
		site->asns += (site->asn[mark / 64] >> (mark % 64) & 1) == 0;
		site->asn[mark / 64] |= 1ULL << (mark % 64);
	}
	if (sending->country != 0)
		mr_recall_add_mark(habit->country, MR_HABIT_COUNTRIES, sending->country);
}
