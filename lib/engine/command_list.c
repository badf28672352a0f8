/*
 * Lists in pages: accounts, the journal of orders, exemptions, and names for completion. Blocks are in command_source.c.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/command.h"
#include "engine/lines.h"

enum { NAMES_MOST = 200 };

/* ---- Accounts ---- */

/* Which accounts a request means. */
struct wanted {
	struct mr_page page;
	enum mr_account_state at_least;
	bool only;                     /* this state alone */
	bool automatic;                /* not those that an operator froze or held */
	struct mr_str rule;            /* absent: any */
	int64_t since_ms;              /* 0: any time */
};

static int state_of(struct mr_str word)
{
	for (unsigned i = MR_ACCOUNT_NORMAL; i <= MR_ACCOUNT_FROZEN; i++)
		if (mr_str_equal(word, mr_str_of(mr_command_state_word(i))))
			return (int)i;
	return -1;
}

static bool is_wanted(const struct wanted *w, const struct mr_standing *standing)
{
	if (w->only && standing->state != (uint8_t)w->at_least)
		return false;
	if (w->automatic && standing->cause != MR_CAUSE_EVIDENCE && standing->cause != MR_CAUSE_LIMIT)
		return false;
	if (w->rule.p != NULL && !mr_str_equal(w->rule, mr_str_of(mr_command_rule_of(standing))))
		return false;
	return w->since_ms == 0 || standing->since_ms >= w->since_ms;
}

static bool list_account(void *context, const struct mr_account *account)
{
	struct wanted *w = context;

	if (is_wanted(w, &account->standing) && mr_page_wants(&w->page))
		mr_page_add(&w->page, mr_command_account_row(w->page.command, account, MR_STR_ABSENT));
	return mr_page_goes_on(&w->page);
}

/* Records keep 48 bytes of a name; the order that froze the account has more of it. */
static bool complete_name(void *context, const struct mr_order *order)
{
	json_t *list = context, *row;
	size_t i;

	json_array_foreach(list, i, row) {
		const char *id = json_string_value(json_object_get(row, "event_id"));

		if (json_object_get(row, "name_cut") == NULL || id == NULL ||
		    strncmp(id, order->event_id, MR_STANDING_ID_MAX) != 0)
			continue;
		json_object_set_new(row, "name", mr_command_room(order->subject, MR_ORDER_SUBJECT_MAX));
		json_object_del(row, "name_cut");
	}
	return true;
}

static bool some_cut(const json_t *list)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (json_object_get(row, "name_cut") != NULL)
			return true;
	return false;
}

void mr_command_accounts(struct mr_command *c)
{
	struct mr_str state = mr_command_member(c, "state"), least = mr_command_member(c, "at_least");
	int number = state_of(state.p != NULL ? state : least);
	int64_t age = mr_command_number(c, "since_seconds", INT64_C(100) * 366 * 86400, 0) * 1000;
	struct wanted w = { .at_least = number < 0 ? MR_ACCOUNT_NORMAL : (enum mr_account_state)number,
			    .only = state.p != NULL, .automatic = mr_command_flag(c, "automatic", false),
			    .rule = mr_command_member(c, "rule"), .since_ms = age > 0 ? c->state_ms - age : 0 };

	if (number < 0 && (state.p != NULL || least.p != NULL)) {
		mr_command_fault(c, "a state is one of normal, watched, held, frozen");
		return;
	}
	mr_page_begin(&w.page, c, "accounts");
	mr_store_accounts(c->engine->store, w.at_least, list_account, &w);
	if (some_cut(w.page.list))
		mr_store_orders(c->engine->store, complete_name, w.page.list);
	mr_page_end(&w.page);
}

/* ---- Names, for completion ---- */

struct names {
	struct mr_str prefix;
	json_t *list;
};

static bool add_name(void *context, const struct mr_account *account)
{
	struct names *names = context;
	struct mr_str name = { account->name, strnlen(account->name, sizeof(account->name)) };

	if (!account->name_cut && name.n >= names->prefix.n && name.n > 0 &&
	    memcmp(name.p, names->prefix.p, names->prefix.n) == 0)
		json_array_append_new(names->list, mr_command_text(name));
	return json_array_size(names->list) < NAMES_MOST;
}

void mr_command_names(struct mr_command *c)
{
	struct names names = { .prefix = mr_command_member(c, "prefix"), .list = json_array() };
	struct mr_str least = mr_command_member(c, "at_least");
	int number = state_of(least);

	if (names.prefix.p == NULL)
		names.prefix = MR_STR("");
	mr_store_accounts(c->engine->store, number < 0 ? MR_ACCOUNT_NORMAL : (enum mr_account_state)number, add_name,
			  &names);
	json_object_set_new(c->answer, "names", names.list);
}

/* ---- The journal ---- */

struct journal {
	struct mr_page page;
	int64_t since_ms;
	struct mr_str subject;
};

static bool list_order(void *context, const struct mr_order *order)
{
	struct journal *journal = context;

	if (order->time_ms < journal->since_ms)
		return false;
	if (journal->subject.p != NULL && !mr_str_equal(journal->subject, mr_str_of(order->subject)))
		return true;
	if (mr_page_wants(&journal->page))
		mr_page_add(&journal->page, mr_command_order_row(journal->page.command, order));
	return mr_page_goes_on(&journal->page);
}

void mr_command_orders(struct mr_command *c)
{
	int64_t age = mr_command_number(c, "since_seconds", INT64_C(100) * 366 * 86400, 0) * 1000;
	struct journal journal = { .since_ms = age > 0 ? c->state_ms - age : INT64_MIN,
				   .subject = mr_command_member(c, "subject") };

	mr_page_begin(&journal.page, c, "orders");
	mr_store_orders(c->engine->store, list_order, &journal);
	mr_page_end(&journal.page);
}

/* ---- Exemptions ---- */

static json_t *exemption_row(const struct mr_command *c, const struct mr_exemption *exemption)
{
	json_t *row = json_object(), *rules = json_array();
	int64_t used_ms = 0;

	for (unsigned rule = 0; rule < MR_RULE_COUNT; rule++)
		if ((exemption->rules & MR_RULE_BIT(rule)) != 0)
			json_array_append_new(rules, json_string(mr_rule_row((enum mr_rule)rule)->name));
	json_object_set_new(row, "name", mr_command_text(mr_str_of(exemption->name)));
	json_object_set_new(row, "rules", rules);
	json_object_set_new(row, "owner", mr_command_text(mr_str_of(exemption->owner)));
	json_object_set_new(row, "reason", mr_command_text(mr_str_of(exemption->reason)));
	if (exemption->expires_ms != INT64_MAX) {
		json_object_set_new(row, "expires", mr_command_time(c, exemption->expires_ms - c->behind_ms));
		json_object_set_new(row, "expired", json_boolean(c->now_ms > exemption->expires_ms));
	}
	if (mr_lines_exemption_used(c->engine, mr_str_of(exemption->name), &used_ms))
		json_object_set_new(row, "last_used", mr_command_time(c, used_ms));
	return row;
}

void mr_command_exemptions(struct mr_command *c)
{
	struct mr_page page;

	mr_page_begin(&page, c, "exemptions");
	for (size_t i = 0; i < c->policy->exemption_count && mr_page_goes_on(&page); i++)
		if (mr_page_wants(&page))
			mr_page_add(&page, exemption_row(c, &c->policy->exemptions[i]));
	mr_page_end(&page);
}
