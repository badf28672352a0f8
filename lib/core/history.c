/*
 * What an account's logins say of it: see history.h. Not what a message speaks for (hijack.c asks here through the
 * engine), and not how many wrong passwords there were: the engine counts them and tells. PURE.
 *
 * Whoever knows the password can make a place known: that is what "used well" means. What he cannot do is to make one
 * known at once. A place counts an hour after its first use; one that was reached by guessing, and each that is new in
 * the two weeks after a guess, since whoever guessed may come from elsewhere too, only after 14 different days.
 *
 * The owner's places cannot be crowded out: a new place takes the room of one that was guessed or has the fewest days,
 * which is the newcomer before it.
 */
#include "core/history.h"

#include "core/location.h"
#include "core/nats.h"

enum {
	HOUR = 60, /* minutes, as all of these */
	DAY = 24 * HOUR,
	PLACE_LASTS = 90 * DAY,
	GUESS_LASTS = 14 * DAY,  /* as evidence, and as a shadow over places that are new */
	READS_DAYS = 3,          /* from which a place of logins is as good as one of mail */
	BELIEVED_DAYS = 14,      /* from which a guessed place is known */
	GUESSED_FROM = 5,        /* wrong passwords; owners who forgot try one to four */
	TRAVEL_KM = 500, TRAVEL_KM_AN_HOUR = 1000,
};

#define TRAVEL_MOST 2.5
#define TRAVEL_LEAST 0.5
#define TRAVEL_COUNTRY 1.0

/* ---- Time ---- */

static uint32_t minute_of(int64_t now_ms)
{
	int64_t minute = now_ms / 60000;

	return minute < 1 ? 1 : minute > UINT32_MAX ? UINT32_MAX : (uint32_t)minute;
}

/* Minutes from then to now; what lies ahead is now. */
static uint32_t since(uint32_t then, uint32_t now)
{
	return now > then ? now - then : 0;
}

/* ---- Places ---- */

static struct mr_history_place *find_place(struct mr_history *history, uint32_t network)
{
	for (size_t i = 0; network != 0 && i < MR_HISTORY_PLACES; i++)
		if (history->place[i].network == network)
			return &history->place[i];
	return NULL;
}

static const struct mr_history_place *look_up(const struct mr_history *history, uint32_t network)
{
	for (size_t i = 0; network != 0 && i < MR_HISTORY_PLACES; i++)
		if (history->place[i].network == network)
			return &history->place[i];
	return NULL;
}

static bool is_guessed(const struct mr_history_place *place)
{
	return (place->marks & MR_PLACE_GUESSED) != 0;
}

static void forgive_place(struct mr_history_place *place)
{
	place->marks &= (uint8_t)~MR_PLACE_GUESSED;
}

static bool is_over(const struct mr_history_place *place, uint32_t now)
{
	return since(place->last_minute, now) > PLACE_LASTS;
}

static bool is_known(const struct mr_history_place *place, uint32_t now)
{
	return place != NULL && !is_guessed(place) && !is_over(place, now) && since(place->last_minute, now) + place->age >= HOUR;
}

/* Whether a is missed less than b. */
static bool is_less(const struct mr_history_place *a, const struct mr_history_place *b, uint32_t now)
{
	if (is_over(a, now) != is_over(b, now))
		return is_over(a, now);
	if (is_guessed(a) != is_guessed(b))
		return is_guessed(a);
	if (a->days != b->days)
		return a->days < b->days;
	return a->last_minute < b->last_minute;
}

static struct mr_history_place *room_for_place(struct mr_history *history, uint32_t now)
{
	struct mr_history_place *least = &history->place[0];

	for (size_t i = 0; i < MR_HISTORY_PLACES; i++) {
		if (history->place[i].network == 0)
			return &history->place[i];
		if (is_less(&history->place[i], least, now))
			least = &history->place[i];
	}
	return least;
}

static bool in_shadow(const struct mr_history *history, uint32_t now)
{
	return history->guessed_minute != 0 && since(history->guessed_minute, now) < GUESS_LASTS;
}

/* A fact may come late; what lies further ahead than that is from a clock that was wrong. */
static void use_place(struct mr_history_place *place, uint32_t now)
{
	bool late = now <= place->last_minute && place->last_minute - now <= DAY;
	uint32_t age = late ? place->last_minute - now : place->age + since(place->last_minute, now);

	if (!late || age > place->age)
		place->age = (uint16_t)(age < UINT16_MAX ? age : UINT16_MAX);
	if (late)
		return;
	if (place->last_minute / DAY != now / DAY && place->days < UINT8_MAX)
		place->days++;
	place->last_minute = now;
}

static struct mr_history_place *learn_place(struct mr_history *history, uint32_t network, uint32_t now)
{
	struct mr_history_place *place = find_place(history, network);

	if (network == 0)
		return NULL;
	if (place == NULL)
		place = room_for_place(history, now);
	if (place->network != network || is_over(place, now))
		*place = (struct mr_history_place){ .network = network, .last_minute = now, .days = 1,
						    .marks = in_shadow(history, now) ? MR_PLACE_GUESSED : 0 };
	use_place(place, now);
	if (place->days >= BELIEVED_DAYS)
		forgive_place(place);
	return place;
}

bool mr_history_reads(const struct mr_history *history, uint32_t network, int64_t now_ms)
{
	const struct mr_history_place *place = look_up(history, network);

	return is_known(place, minute_of(now_ms)) && (place->marks & MR_PLACE_LOGGED_IN) != 0 &&
	       place->days >= READS_DAYS;
}

bool mr_history_knows(const struct mr_history *history, uint32_t network, int64_t now_ms)
{
	return is_known(look_up(history, network), minute_of(now_ms));
}

/* ---- Guessing ---- */

/* place: as it is after the use. */
static bool learn_guess(struct mr_history *history, struct mr_history_place *place, uint16_t failures, uint32_t now)
{
	bool lately = history->guessed_minute != 0 && since(history->guessed_minute, now) < DAY;
	bool news = !lately || !is_guessed(place) || failures / 2 > history->guessed_failures;

	if (!is_guessed(place)) {
		place->marks |= MR_PLACE_GUESSED;
		place->days = 1;
	}
	/* One login after another does not make the guess younger, more guessing does. */
	if (news || failures > history->guessed_failures) {
		history->guessed_minute = now;
		history->guessed_failures = failures;
	}
	return news;
}

unsigned mr_history_guessed(const struct mr_history *history, uint32_t network, int64_t now_ms, int64_t *age_ms_r)
{
	const struct mr_history_place *place = look_up(history, network);
	uint32_t now = minute_of(now_ms), age = since(history->guessed_minute, now);

	*age_ms_r = 0;
	if (history->guessed_minute == 0 || network == 0 || age >= GUESS_LASTS)
		return 0;
	if (place != NULL && !is_over(place, now) && is_known(place, history->guessed_minute))
		return 0;
	*age_ms_r = (int64_t)age * 60000;
	return history->guessed_failures;
}

/* ---- Journeys ---- */

/* The logarithm of how many times too fast, from TRAVEL_LEAST. */
static double speed_nats(const struct mr_history *history, const struct mr_history_use *use, uint32_t minutes)
{
	double km = mr_location_distance(history->latitude, history->longitude, use->latitude, use->longitude);
	double hours = (minutes < 1 ? 1.0 : (double)minutes) / HOUR, nats;

	if (km <= TRAVEL_KM || km <= TRAVEL_KM_AN_HOUR * hours)
		return 0.0;
	nats = TRAVEL_LEAST + mr_ln(km / hours / TRAVEL_KM_AN_HOUR);
	return nats < TRAVEL_MOST ? nats : TRAVEL_MOST;
}

/* known: how many of both networks the account has used well. */
static double journey_nats(const struct mr_history *history, const struct mr_history_use *use, uint32_t minutes,
			   unsigned known)
{
	/* A network moves only in the tables, and two known ones are two devices. */
	if (history->last_minute == 0 || known == 2 || history->last_network == (uint16_t)use->network)
		return 0.0;
	if (use->located && history->latitude != MR_HISTORY_NOWHERE)
		return speed_nats(history, use, minutes) / (known + 1);
	if (use->country == 0 || history->country == 0 || use->country == history->country || minutes > HOUR)
		return 0.0;
	return known == 0 ? TRAVEL_COUNTRY : 0.0;
}

/* The network of the last use that told a place. */
static bool was_at_known(const struct mr_history *history, uint32_t now)
{
	for (size_t i = 0; i < MR_HISTORY_PLACES; i++)
		if (history->place[i].network != 0 && (uint16_t)history->place[i].network == history->last_network &&
		    is_known(&history->place[i], now))
			return true;
	return false;
}

static void remember_journey(struct mr_history *history, double nats, uint32_t now)
{
	if (nats <= (double)mr_history_travel(history, (int64_t)now * 60000))
		return;
	history->travel_minute = now;
	history->travel_eighths = (uint8_t)(nats * 8.0 + 0.5);
}

/* Before the place is learned. */
static void learn_travel(struct mr_history *history, const struct mr_history_use *use, uint32_t now)
{
	uint32_t before = since(history->last_minute, now), after = since(now, history->last_minute);
	bool somewhere = use->located || use->country != 0;
	unsigned known;

	if (use->shared || use->ours || !somewhere)
		return;
	if (after > DAY) /* from a clock that was wrong */
		history->last_minute = 0;
	known = mr_history_knows(history, use->network, (int64_t)now * 60000) + was_at_known(history, now);
	remember_journey(history, journey_nats(history, use, before > after ? before : after, known), now);
	history->country = use->country;
	history->latitude = use->located ? use->latitude : MR_HISTORY_NOWHERE;
	history->longitude = use->located ? use->longitude : MR_HISTORY_NOWHERE;
	history->last_network = (uint16_t)use->network;
	history->last_minute = now;
}

float mr_history_travel(const struct mr_history *history, int64_t now_ms)
{
	uint32_t age = since(history->travel_minute, minute_of(now_ms));
	double nats = history->travel_eighths / 8.0;

	if (history->travel_minute == 0 || age >= DAY)
		return 0.0F;
	return (float)((nats < TRAVEL_MOST ? nats : TRAVEL_MOST) * (1.0 - (double)age / DAY));
}

/* ---- All together ---- */

bool mr_history_learn(struct mr_history *history, const struct mr_history_use *use)
{
	uint32_t now = minute_of(use->now_ms);
	bool guessed = use->failures_before >= GUESSED_FROM && !mr_history_knows(history, use->network, use->now_ms);
	struct mr_history_place *place;

	learn_travel(history, use, now);
	place = learn_place(history, use->network, now);
	if (place != NULL && use->logged_in)
		place->marks |= MR_PLACE_LOGGED_IN;
	/* Where no place can be known, as behind a web mail on this host, strangers fail and the owner succeeds. */
	return guessed && place != NULL && learn_guess(history, place, use->failures_before, now);
}

void mr_history_forget(struct mr_history *history)
{
	history->guessed_minute = 0;
	history->guessed_failures = 0;
	history->travel_minute = 0;
	history->travel_eighths = 0;
}

void mr_history_release(struct mr_history *history)
{
	for (size_t i = 0; i < MR_HISTORY_PLACES; i++)
		forgive_place(&history->place[i]);
	mr_history_forget(history);
}
