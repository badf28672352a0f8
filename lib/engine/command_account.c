/*
 * "account" and "event": all that is remembered of one account, found by its name or by the event that changed its
 * standing.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "core/hijack.h"
#include "core/portrait.h"
#include "engine/command.h"
#include "engine/sending.h"
#include "model/login.h"

enum { ORDERS_SHOWN = 8 };

/* ---- Finding ---- */

static bool copy_account(const struct mr_command *c, enum mr_account_kind kind, struct mr_str name,
			 struct mr_account *copy_r)
{
	struct mr_account *account;
	struct mr_key key;
	bool fresh;

	mr_store_key(c->engine->store, MR_KEY_ACCOUNT, kind, name, &key);
	account = mr_store_account_get(c->engine->store, &key, kind, name, c->state_ms, false, &fresh);
	if (account == NULL)
		return false;
	*copy_r = *account;
	mr_store_account_done(c->engine->store, account, false);
	return true;
}

/* *name_r: in name_room, or the given text. */
static bool find_account(const struct mr_command *c, struct mr_str given, char name_room[MR_LOGIN_MAX],
			 struct mr_str *name_r, struct mr_account *copy_r)
{
	struct mr_ip ip;
	size_t n;

	if (mr_ip_parse(given, &ip) == MR_OK) {
		n = mr_ip_format(&ip, name_room);
		*name_r = (struct mr_str){ name_room, n };
		return copy_account(c, MR_ACCOUNT_SOURCE, *name_r, copy_r);
	}
	if (mr_login_canonical(&c->policy->login, given, name_room, MR_LOGIN_MAX, &n) == MR_OK) {
		*name_r = (struct mr_str){ name_room, n };
		if (copy_account(c, MR_ACCOUNT_LOGIN, *name_r, copy_r))
			return true;
	}
	*name_r = given;
	return copy_account(c, MR_ACCOUNT_SENDER, given, copy_r) || copy_account(c, MR_ACCOUNT_SCRIPT, given, copy_r);
}

/* ---- Showing ---- */

static json_t *numbers(const double *values, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_real(values[i]));
	return list;
}

static json_t *baseline_of(const struct mr_command *c, const struct mr_portrait *p)
{
	json_t *object = json_object(), *days = json_array();

	for (size_t i = 0; i < MR_PORTRAIT_DAYS; i++)
		json_array_append_new(days, json_integer(p->day[i]));
	json_object_set_new(object, "messages", json_integer(p->messages));
	json_object_set_new(object, "strangers", p->strangers < 0 ? json_null() : json_real(p->strangers));
	json_object_set_new(object, "messages_peak", numbers(p->messages_peak, 3));
	json_object_set_new(object, "recipients_peak", numbers(p->recipients_peak, 3));
	json_object_set_new(object, "messages_now", numbers(p->messages_now, 3));
	json_object_set_new(object, "recipients_now", numbers(p->recipients_now, 3));
	json_object_set_new(object, "sizes", numbers(p->size, MR_HABIT_SIZES));
	json_object_set_new(object, "trusts_a_place", json_boolean(p->trusts_a_place));
	if (p->grace_ms != 0)
		json_object_set_new(object, "grace_until", mr_command_time(c, p->grace_ms));
	json_object_set_new(object, "days", days);
	return object;
}

/* Habits keep marks of networks, not the networks; the records of sources tell which is which. */
struct naming {
	const struct mr_portrait *portrait;
	struct mr_prefix network[MR_HABIT_PLACES];
	bool named[MR_HABIT_PLACES];
	unsigned left;
};

static bool name_place(void *context, const struct mr_source *source)
{
	struct naming *naming = context;
	struct mr_prefix prefix;
	uint32_t mark;

	mr_sending_prefix_of(source, &prefix);
	mark = mr_portrait_mark(mr_sending_network(&prefix.ip));
	for (unsigned i = 0; i < naming->portrait->places; i++) {
		if (naming->named[i] || naming->portrait->place[i].mark != mark)
			continue;
		naming->named[i] = true;
		naming->network[i] = prefix;
		naming->left--;
	}
	return naming->left > 0;
}

/* "203.0.113.0/24" */
static json_t *network_text(const struct mr_prefix *source)
{
	char text[MR_PREFIX_TEXT_MAX];
	struct mr_prefix network = mr_command_network(source);

	mr_prefix_format(&network, text);
	return json_string(text);
}

static json_t *places_of(const struct mr_command *c, const struct mr_portrait *p)
{
	struct naming naming = { .portrait = p, .left = p->places };
	json_t *list = json_array();

	if (p->places > 0)
		mr_store_sources(c->engine->store, false, name_place, &naming);
	for (unsigned i = 0; i < p->places; i++) {
		json_t *row = json_object();
		char mark[16];

		(void)snprintf(mark, sizeof(mark), "%08x", (unsigned)p->place[i].mark);
		json_object_set_new(row, "network", naming.named[i] ? network_text(&naming.network[i]) : json_null());
		json_object_set_new(row, "mark", json_string(mark));
		json_object_set_new(row, "first", mr_command_time(c, p->place[i].first_ms));
		json_object_set_new(row, "last", mr_command_time(c, p->place[i].last_ms));
		json_object_set_new(row, "messages", json_integer(p->place[i].messages));
		json_array_append_new(list, row);
	}
	return list;
}

/* What would be said of a message without anything in it: the evidence that is left. */
static json_t *evidence_now(const struct mr_command *c, const struct mr_account *account)
{
	struct mr_sending nothing = { .time_ms = c->state_ms, .authenticated = account->kind == MR_ACCOUNT_LOGIN,
				      .size = -1 };
	struct mr_thresholds thresholds;
	struct mr_evidence evidence;
	struct mr_site *site = mr_store_site_get(c->engine->store);
	json_t *object = json_object();

	mr_hijack_look(&c->policy->hijack, account, site, &nothing, &evidence);
	mr_hijack_thresholds(&c->policy->hijack, site, &thresholds);
	mr_store_site_done(c->engine->store, false);
	json_object_set_new(object, "evidence", mr_command_evidence(evidence.channel, evidence.total));
	json_object_set_new(object, "freeze", json_real((double)thresholds.freeze));
	json_object_set_new(object, "hold", json_real((double)thresholds.hold));
	return object;
}

struct of_subject {
	struct mr_command *c;
	struct mr_str name;
	json_t *list;
};

static bool add_order(void *context, const struct mr_order *order)
{
	struct of_subject *of = context;

	if (mr_str_equal(of->name, mr_str_of(order->subject)))
		json_array_append_new(of->list, mr_command_order_row(of->c, order));
	return json_array_size(of->list) < ORDERS_SHOWN;
}

static void show(struct mr_command *c, const struct mr_account *account, struct mr_str name)
{
	struct of_subject of = { .c = c, .name = name, .list = json_array() };
	struct mr_portrait portrait;

	mr_portrait_make(account, c->state_ms, &portrait);
	mr_store_orders(c->engine->store, add_order, &of);
	json_object_set_new(c->answer, "account", mr_command_account_row(c, account, name));
	json_object_set_new(c->answer, "mode",
			    json_string(mr_mode_text(mr_policy_mode(c->policy, &c->policy->hijack.rule))));
	json_object_set_new(c->answer, "now", evidence_now(c, account));
	json_object_set_new(c->answer, "baseline", baseline_of(c, &portrait));
	json_object_set_new(c->answer, "places", places_of(c, &portrait));
	json_object_set_new(c->answer, "orders", of.list);
	if (account->kind == MR_ACCOUNT_LOGIN)
		json_object_set_new(c->answer, "logins", mr_command_logins_row(c, account, name));
}

/* A login that never got in may be under attack all the same. nobody: all zero. */
static void show_unknown(struct mr_command *c, const struct mr_account *nobody, struct mr_str given)
{
	char room[MR_LOGIN_MAX];
	json_t *row, *logins;
	bool counted = false;
	size_t i, n;

	if (mr_login_canonical(&c->policy->login, given, room, MR_LOGIN_MAX, &n) != MR_OK)
		return;
	logins = mr_command_logins_row(c, nobody, (struct mr_str){ room, n });
	json_array_foreach(json_object_get(logins, "counters"), i, row)
		counted = counted || json_integer_value(json_object_get(row, "value")) > 0;
	if (counted)
		json_object_set(c->answer, "logins", logins);
	json_decref(logins);
}

void mr_command_account(struct mr_command *c)
{
	struct mr_str given = mr_command_member(c, "name"), name;
	char room[MR_LOGIN_MAX];
	struct mr_account *account = mr_calloc(1, sizeof(*account));

	if (account == NULL || given.n == 0) {
		mr_command_fault(c, "an account wants a \"name\"");
	} else if (find_account(c, given, room, &name, account)) {
		show(c, account, name);
	} else {
		json_object_set_new(c->answer, "account", json_null());
		show_unknown(c, account, given);
	}
	mr_free(account);
}

/* ---- By event ---- */

struct by_event {
	struct mr_str id;
	struct mr_account *account;
	struct mr_order order;
	bool found, ordered;
};

static bool has_event(void *context, const struct mr_account *account)
{
	struct by_event *by = context;

	if (!mr_str_equal(by->id, (struct mr_str){ account->standing.event_id,
						   strnlen(account->standing.event_id, MR_STANDING_ID_MAX) }))
		return true;
	*by->account = *account;
	by->found = true;
	return false;
}

static bool order_has_event(void *context, const struct mr_order *order)
{
	struct by_event *by = context;

	if (!mr_str_equal(by->id, (struct mr_str){ order->event_id, strnlen(order->event_id, MR_STANDING_ID_MAX) }))
		return true;
	by->order = *order;
	by->ordered = true;
	return false;
}

/* The journal has the whole name of who was frozen; an account that was only held has what its record keeps. */
void mr_command_event(struct mr_command *c)
{
	struct by_event *by = mr_calloc(1, sizeof(*by));
	struct mr_account *account = mr_calloc(1, sizeof(*account));

	if (by != NULL)
		by->id = mr_command_member(c, "id");
	if (by == NULL || account == NULL || by->id.n == 0) {
		mr_command_fault(c, "an event wants an \"id\"");
	} else {
		by->account = account;
		mr_store_orders(c->engine->store, order_has_event, by);
		mr_store_accounts(c->engine->store, MR_ACCOUNT_NORMAL, has_event, by);
		if (by->ordered)
			json_object_set_new(c->answer, "order", mr_command_order_row(c, &by->order));
		if (by->found)
			show(c, account, by->ordered ? mr_str_of(by->order.subject)
						     : (struct mr_str){ account->name,
									strnlen(account->name,
										sizeof(account->name)) });
	}
	mr_free(account);
	mr_free(by);
}
