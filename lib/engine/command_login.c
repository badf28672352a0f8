/*
 * How the logins of an account stand, for "account" and "event": where it is used well, whether it is under attack, and what
 * is suspected of its password. It decides nothing. Called by command_account.c.
 */
#include <stdio.h>
#include <string.h>

#include "core/history.h"
#include "engine/command.h"
#include "engine/screening.h"
#include "engine/sending.h"

static const int64_t minute_ms = 60000;

/* ---- Places ---- */

/* Records keep marks of networks, not the networks; the records of sources tell which is which. */
struct naming {
	const struct mr_history *history;
	struct mr_prefix network[MR_HISTORY_PLACES];
	bool named[MR_HISTORY_PLACES];
	unsigned left;
};

static bool name_place(void *context, const struct mr_source *source)
{
	struct naming *naming = context;
	struct mr_prefix prefix;
	uint32_t mark;

	mr_sending_prefix_of(source, &prefix);
	mark = (uint32_t)mr_sending_network(&prefix.ip);
	for (unsigned i = 0; i < MR_HISTORY_PLACES; i++) {
		if (naming->named[i] || naming->history->place[i].network != mark || mark == 0)
			continue;
		naming->named[i] = true;
		naming->network[i] = mr_command_network(&prefix);
		naming->left--;
	}
	return naming->left > 0;
}

static json_t *place_row(const struct mr_command *c, const struct mr_history *history, unsigned i,
			 const struct naming *naming)
{
	const struct mr_history_place *place = &history->place[i];
	char text[MR_PREFIX_TEXT_MAX], mark[16];
	json_t *row = json_object();

	if (naming->named[i])
		mr_prefix_format(&naming->network[i], text);
	(void)snprintf(mark, sizeof(mark), "%08x", (unsigned)place->network);
	json_object_set_new(row, "network", naming->named[i] ? json_string(text) : json_null());
	json_object_set_new(row, "mark", json_string(mark));
	json_object_set_new(row, "first", mr_command_time(c, (place->last_minute - place->age) * minute_ms));
	json_object_set_new(row, "last", mr_command_time(c, place->last_minute * minute_ms));
	json_object_set_new(row, "days", json_integer(place->days));
	json_object_set_new(row, "well", json_boolean(mr_history_knows(history, place->network, c->state_ms)));
	json_object_set_new(row, "guessed", json_boolean((place->marks & MR_PLACE_GUESSED) != 0));
	return row;
}

static json_t *places_of(const struct mr_command *c, const struct mr_history *history)
{
	struct naming naming = { .history = history };
	json_t *list = json_array();

	for (unsigned i = 0; i < MR_HISTORY_PLACES; i++)
		naming.left += history->place[i].network != 0;
	if (naming.left > 0)
		mr_store_sources(c->engine->store, false, name_place, &naming);
	for (unsigned i = 0; i < MR_HISTORY_PLACES; i++)
		if (history->place[i].network != 0)
			json_array_append_new(list, place_row(c, history, i, &naming));
	return list;
}

/* ---- Attack ---- */

static json_t *guard_of(const struct mr_command *c, struct mr_str login, bool *guarded_r)
{
	const struct mr_connection connection = { .asn = -1 };
	const struct mr_visitor visitor = { .engine = c->engine, .policy = c->policy, .now_ms = c->now_ms,
					    .state_ms = c->state_ms, .connection = &connection, .login = login };
	char room[MR_LOGIN_MAX + 32];
	json_t *list = json_array();

	*guarded_r = false;
	if (login.n == 0 || login.n >= MR_LOGIN_MAX)
		return list;
	for (unsigned i = 0; i < MR_SIGNAL_COUNT; i++) {
		struct mr_screening found = { .limit = NULL };

		if (mr_signal_row((enum mr_signal)i)->of != MR_SIGNAL_OF_LOGIN)
			continue;
		mr_screening_count(&visitor, (enum mr_signal)i, mr_screening_login_name(login, room), 1, 0, false, &found);
		*guarded_r = *guarded_r || found.limit != NULL;
		mr_command_add_counters(list, NULL, &found, (enum mr_signal)i);
	}
	return list;
}

/* ---- Suspicion ---- */

static void put_guess(const struct mr_command *c, json_t *row, const struct mr_history *history)
{
	json_t *guess;

	if (history->guessed_minute == 0)
		return;
	guess = json_object();
	json_object_set_new(guess, "failures", json_integer(history->guessed_failures));
	json_object_set_new(guess, "time", mr_command_time(c, history->guessed_minute * minute_ms));
	json_object_set_new(row, "guess", guess);
}

static void put_travel(const struct mr_command *c, json_t *row, const struct mr_history *history)
{
	float nats = mr_history_travel(history, c->state_ms);
	char country[3] = { (char)(history->country >> 8), (char)(history->country & 0xff), '\0' };
	json_t *travel;

	if (history->country != 0)
		json_object_set_new(row, "country", mr_command_room(country, sizeof(country)));
	if (nats < 0.005F)
		return;
	travel = json_object();
	json_object_set_new(travel, "nats", json_real((double)nats));
	json_object_set_new(travel, "time", mr_command_time(c, history->travel_minute * minute_ms));
	json_object_set_new(row, "travel", travel);
}

json_t *mr_command_logins_row(const struct mr_command *c, const struct mr_account *account, struct mr_str name)
{
	json_t *row = json_object();
	bool guarded;

	json_object_set_new(row, "places", places_of(c, &account->history));
	json_object_set_new(row, "counters", guard_of(c, name, &guarded));
	json_object_set_new(row, "guarded", json_boolean(guarded));
	json_object_set_new(row, "mode", json_string(mr_mode_text(mr_policy_mode(c->policy, &c->policy->screen.rule))));
	json_object_set_new(row, "weak_password", json_boolean(account->history.weak_password));
	put_guess(c, row, &account->history);
	put_travel(c, row, &account->history);
	return row;
}
