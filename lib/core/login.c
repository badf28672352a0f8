/*
 * The channels guessed, travel and password: does what is known of the account's logins speak for a thief? They are
 * facts about the login, kept by history.c and told by the engine with each message. Called by hijack.c.
 *
 * Models. Guessed: an owner who forgot tries a few passwords and is in: each try more is half as likely, so that n
 * different wrong ones come from her with 1 / 2^(n + 1). A guesser needs many, of any order of magnitude up to a
 * thousand: 1 / (n ln 1000). Less than five are never told against her. In 3 of 100 cases one harmless cause explains
 * all: a program that tries what is in its wallet, a new colleague, somebody else behind the same shared address.
 * So at most 3.5 nats, which go to a third every three days. The weight is a choice, no measurement: public traces
 * of guessed accounts that send do not tell the number of tries.
 * Travel is weighed by history.c. Password: suppose that half of the hijacked accounts had a weak password (vendors of
 * mail servers say "most", without figures), and that an audit finds one account in six: ln(1/2 : 1/6), about 1 nat.
 * It holds only beside other evidence, and in proportion: a weak password alone is no sign of a thief.
 *
 * Of a place that has proved to be the account's own the first two say nothing: others may try passwords and travel,
 * the owner writes from her desk. All three are capped together far below what holds a message.
 */
#include "core/hijack_parts.h"
#include "core/nats.h"

#define GUESSED_FROM 5
#define LN_GUESSED_MOST 6.907755278982137 /* ln 1000 */
#define LN_2 0.693147180559945309
#define GUESSED_DOUBT 3e-2
#define GUESSED_DAYS 3.0
#define TRAVEL_MOST 2.5
#define WEAK_NATS 1.0
#define WEAK_BESIDE 2.0 /* of other evidence, from which it counts in full */
#define TOGETHER_MOST 4.0

static double guessed_nats(const struct mr_sending *sending)
{
	double tries = sending->guessed, nats, days;

	if (sending->guessed < GUESSED_FROM)
		return 0.0;
	nats = (tries + 1.0) * LN_2 - mr_ln(tries * LN_GUESSED_MOST);
	days = sending->guessed_age_ms > 0 ? (double)sending->guessed_age_ms / MR_DAY_MS : 0.0;
	return mr_capped(nats, GUESSED_DOUBT) * mr_exp(-days / GUESSED_DAYS);
}

static double travel_nats(double told)
{
	return !(told > 0.0) ? 0.0 : told < TRAVEL_MOST ? told : TRAVEL_MOST;
}

void mr_login_weigh(struct mr_weighing *w)
{
	const struct mr_sending *sending = w->sending;

	if (!sending->authenticated)
		return;
	if (!w->trusted) {
		w->nats[MR_CHANNEL_GUESSED] = guessed_nats(sending);
		w->nats[MR_CHANNEL_TRAVEL] = travel_nats((double)sending->travel);
	}
	w->nats[MR_CHANNEL_PASSWORD] = sending->weak_password ? WEAK_NATS : 0.0;
}

void mr_login_cap(struct mr_weighing *w)
{
	double rest = 0.0, sum;

	if (w->nats[MR_CHANNEL_GUESSED] + w->nats[MR_CHANNEL_TRAVEL] + w->nats[MR_CHANNEL_PASSWORD] <= 0.0)
		return;
	for (int i = 0; i < MR_CHANNEL_COUNT; i++)
		rest += i == MR_CHANNEL_PASSWORD ? 0.0 : w->nats[i];
	rest = rest < 0.0 ? 0.0 : rest > WEAK_BESIDE ? WEAK_BESIDE : rest;
	w->nats[MR_CHANNEL_PASSWORD] *= rest / WEAK_BESIDE;
	sum = w->nats[MR_CHANNEL_GUESSED] + w->nats[MR_CHANNEL_TRAVEL] + w->nats[MR_CHANNEL_PASSWORD];
	if (sum <= TOGETHER_MOST)
		return;
	w->nats[MR_CHANNEL_GUESSED] *= TOGETHER_MOST / sum;
	w->nats[MR_CHANNEL_TRAVEL] *= TOGETHER_MOST / sum;
	w->nats[MR_CHANNEL_PASSWORD] *= TOGETHER_MOST / sum;
}
