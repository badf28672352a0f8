/* What operators order: see orders.h. Called by control commands and by replay. */
#include "engine/orders.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "core/company.h"
#include "core/contain.h"
#include "core/history.h"
#include "engine/lines.h"
#include "engine/orderwords.h"
#include "engine/screening.h"
#include "engine/sending.h"
#include "eventlog/factline.h"
#include "model/login.h"

enum { ORDER_FACT_MAX = 4096 };

static const char *order_word(enum mr_order_kind kind)
{
	static const char *const words[] = { [MR_ORDER_FREEZE] = "freeze", [MR_ORDER_HOLD] = "hold",
					     [MR_ORDER_THAW] = "thaw", [MR_ORDER_BLOCK] = "block",
					     [MR_ORDER_UNBLOCK] = "unblock" };

	return words[kind];
}

struct carrying {
	struct mr_engine *engine;
	struct mr_policy *policy;
	const struct mr_order_request *request;
	struct mr_order_result *result;
	int64_t now_ms, state_ms;
	struct mr_order order;
};

static int canonical_login(const struct carrying *c, char *name_r, size_t size, size_t *n_r)
{
	return mr_login_canonical(&c->policy->login, c->request->subject, name_r, size, n_r);
}

static void change_standing(struct carrying *c, struct mr_account *account)
{
	const struct mr_order_request *q = c->request;
	int64_t until = q->time_ms > 0 ? c->state_ms + q->time_ms : 0;
	bool thaw = q->kind == MR_ORDER_THAW || q->kind == MR_ORDER_UNBLOCK;

	c->result->before = (enum mr_account_state)account->standing.state;
	if (!thaw) {
		mr_contain_enter(&account->standing,
				 q->kind == MR_ORDER_HOLD ? MR_ACCOUNT_HELD : MR_ACCOUNT_FROZEN, MR_CAUSE_OPERATOR,
				 MR_REASON_NONE, c->state_ms, until, c->result->event_id);
		account->standing.external_only = c->policy->hijack.external_only;
		return;
	}
	mr_contain_enter(&account->standing, MR_ACCOUNT_NORMAL, MR_CAUSE_OPERATOR, MR_REASON_NONE, c->state_ms, 0,
			 c->result->event_id);
	account->standing.noticed = 0;
	if (q->nothing_learned) {
		mr_hijack_forget(account);
		mr_history_forget(&account->history);
	} else {
		struct mr_site *site = mr_store_site_get(c->engine->store);

		mr_hijack_release(account, site, c->state_ms);
		mr_history_release(&account->history);
		mr_store_site_done(c->engine->store, true);
	}
}

/* until_ms: of a block, a hold or a freeze. */
static bool is_too_early(const struct carrying *c, int64_t until_ms)
{
	return c->request->when_over && (until_ms == 0 || c->state_ms < until_ms);
}

/* *copy_r: the record after the change. MR_ERR_NOTFOUND when there is nothing to thaw. */
static int change_account(struct carrying *c, enum mr_account_kind kind, struct mr_str name,
			  struct mr_account *copy_r)
{
	bool thaw = c->request->kind == MR_ORDER_THAW || c->request->kind == MR_ORDER_UNBLOCK, fresh;
	struct mr_account *account;
	struct mr_key key;

	mr_store_key(c->engine->store, MR_KEY_ACCOUNT, kind, name, &key);
	account = mr_store_account_get(c->engine->store, &key, kind, name, c->state_ms, !thaw, &fresh);
	if (account == NULL)
		return thaw ? MR_ERR_NOTFOUND : MR_ERR_FULL;
	if (fresh) {
		account->first_ms = account->last_ms = c->state_ms;
		mr_habit_begin(&account->habit, c->state_ms);
	}
	if (is_too_early(c, account->standing.until_ms)) {
		mr_store_account_done(c->engine->store, account, false);
		return MR_ERR_STATE;
	}
	change_standing(c, account);
	*copy_r = *account;
	mr_store_account_done(c->engine->store, account, true);
	if (thaw && !c->request->nothing_learned)
		mr_sending_forgive(c->engine, &key, c->state_ms);
	return MR_OK;
}

static void begin_order(struct carrying *c)
{
	const struct mr_order_request *q = c->request;

	c->order = (struct mr_order){ .time_ms = c->state_ms, .kind = (uint8_t)q->kind, .cause = MR_CAUSE_OPERATOR,
				      .until_ms = q->time_ms > 0 ? c->state_ms + q->time_ms : 0,
				      .rule = MR_RULE_ACCOUNT };
	memcpy(c->order.event_id, c->result->event_id, sizeof(c->order.event_id));
	mr_orderwords_put(c->order.subject, sizeof(c->order.subject), mr_str_of(c->result->name));
	mr_orderwords_put(c->order.operator_name, sizeof(c->order.operator_name), q->operator_name);
	mr_orderwords_put(c->order.reason, sizeof(c->order.reason), q->reason);
}

/* Before the disk is waited for: later messages of the account are judged under the order, and replay has to see it
 * first. */
static void write_fact(const struct carrying *c)
{
	const struct mr_order_request *q = c->request;
	struct mr_fact fact = { .kind = MR_FACT_CONTROL, .time_ms = c->state_ms, .id = mr_str_of(c->result->event_id) };
	char line[ORDER_FACT_MAX];
	size_t n;

	if (c->engine->fact == NULL || c->policy->log.facts == NULL)
		return;
	fact.control = (struct mr_control){ .order = mr_str_of(order_word(q->kind)), .subject = mr_str_of(c->result->name),
					    .operator_name = mr_str_of(c->order.operator_name),
					    .time_ms = q->time_ms, .learn = !q->nothing_learned };
	if (c->order.reason[0] != '\0')
		fact.control.reason = mr_str_of(c->order.reason);
	if (mr_fact_write(&fact, line, sizeof(line), &n) == MR_OK)
		c->engine->fact(c->engine->fact_context, line, n);
}

static int commit(struct carrying *c, const struct mr_account *account, const struct mr_source *source)
{
	int err;

	begin_order(c);
	write_fact(c);
	err = mr_store_order_wait(c->engine->store, &c->order, account, source);
	c->result->number = c->order.number;
	return err;
}

static int order_account(struct carrying *c)
{
	char name[MR_LOGIN_MAX];
	struct mr_account copy;
	struct mr_ip ip;
	size_t n;
	int err = MR_OK;
	bool source = mr_ip_parse(c->request->subject, &ip) == MR_OK;

	if (source)
		n = mr_ip_format(&ip, name);
	else
		err = canonical_login(c, name, sizeof(name), &n);
	if (err != MR_OK)
		return MR_ERR_SYNTAX;
	mr_orderwords_put(c->result->name, sizeof(c->result->name), (struct mr_str){ name, n });
	err = change_account(c, source ? MR_ACCOUNT_SOURCE : MR_ACCOUNT_LOGIN, (struct mr_str){ name, n }, &copy);
	/* Mail that nobody logged in for may be an account under a sender's or a script's name. */
	for (enum mr_account_kind kind = MR_ACCOUNT_SCRIPT; (err == MR_ERR_NOTFOUND || err == MR_ERR_STATE) &&
	     kind <= MR_ACCOUNT_SENDER; kind++)
		err = change_account(c, kind, c->request->subject, &copy);
	return err == MR_OK ? commit(c, &copy, NULL) : err;
}

static void set_block(struct carrying *c, struct mr_source *source, bool blocked)
{
	bool was = source->state == MR_ACCOUNT_FROZEN, counted = source->state != MR_ACCOUNT_NORMAL;

	source->state = blocked ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL;
	source->cause = MR_CAUSE_OPERATOR;
	source->since_ms = c->state_ms;
	source->until_ms = blocked && c->request->time_ms > 0 ? c->state_ms + c->request->time_ms : 0;
	memcpy(source->event_id, c->result->event_id, sizeof(source->event_id));
	if (blocked && source->offences < UINT8_MAX)
		source->offences++;
	if (!blocked)
		mr_company_forgive(source);
	/* A person who lifts a block says that it was wrong, or is enough; time that is over says nothing. */
	if (!blocked && counted && !c->request->nothing_learned && source->offences > 0) {
		source->offences--;
		c->result->forgiven = true;
	}
	c->result->offences = source->offences;
	source->reason = MR_REASON_NONE;
	if (blocked != counted && source->prefix <= 128)
		atomic_fetch_add(&c->engine->blocks[source->prefix], blocked ? 1u : ~0u);
	c->result->before = was ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL;
}

static int change_source(struct carrying *c, const struct mr_prefix *prefix, struct mr_source *copy_r)
{
	bool block = c->request->kind == MR_ORDER_BLOCK, fresh;
	struct mr_source *source;
	struct mr_key key;

	mr_sending_prefix_key(c->engine, &prefix->ip, prefix->length, &key);
	source = mr_store_source_get(c->engine->store, &key, c->state_ms, block, &fresh);
	if (source == NULL)
		return block ? MR_ERR_FULL : MR_ERR_NOTFOUND;
	if (fresh) {
		source->first_ms = source->last_ms = c->state_ms;
		source->prefix = (uint8_t)mr_sending_prefix(&prefix->ip, prefix->length, source->address);
	}
	if (is_too_early(c, source->until_ms)) {
		mr_store_source_done(c->engine->store, source, false);
		return MR_ERR_STATE;
	}
	set_block(c, source, block);
	*copy_r = *source;
	mr_store_source_done(c->engine->store, source, true);
	return MR_OK;
}

/* A source may be blocked by its address, and as the sender of mail that nobody logged in for. Who lifts a block means
 * both, and what was counted, which would block it again at once; the end of a block's time is the end of that block. */
static int order_source(struct carrying *c)
{
	struct mr_source source;
	struct mr_account account;
	struct mr_prefix prefix;
	char text[MR_PREFIX_TEXT_MAX];
	const char *why;
	size_t n;
	int err, account_err = MR_ERR_NOTFOUND;

	if (mr_prefix_parse(c->request->subject, &prefix, &why) != MR_OK)
		return MR_ERR_SYNTAX;
	n = mr_prefix_format(&prefix, text);
	mr_orderwords_put(c->result->name, sizeof(c->result->name), (struct mr_str){ text, n });
	err = change_source(c, &prefix, &source);
	if (c->request->kind == MR_ORDER_UNBLOCK && !c->request->when_over) {
		enum mr_account_state before = c->result->before;

		n = mr_ip_format(&prefix.ip, text);
		account_err = change_account(c, MR_ACCOUNT_SOURCE, (struct mr_str){ text, n }, &account);
		if (account_err != MR_OK || c->result->before < before)
			c->result->before = before;
		mr_screening_forget(c->engine, c->policy, &prefix, c->state_ms);
	}
	if (err != MR_OK && account_err != MR_OK) {
		/* No record is there to keep, but what was counted is forgotten: replay has to forget it as well. */
		if (c->request->kind == MR_ORDER_UNBLOCK && !c->request->when_over) {
			begin_order(c);
			write_fact(c);
		}
		return err;
	}
	return commit(c, account_err == MR_OK ? &account : NULL, err == MR_OK ? &source : NULL);
}

static enum mr_event_action event_of(const struct carrying *c)
{
	switch (c->request->kind) {
	case MR_ORDER_FREEZE:
		return MR_EVENT_ACCOUNT_FROZEN;
	case MR_ORDER_HOLD:
		return MR_EVENT_ACCOUNT_HELD;
	case MR_ORDER_THAW:
		return MR_EVENT_ACCOUNT_THAWED;
	case MR_ORDER_BLOCK:
		return MR_EVENT_SOURCE_BLOCKED;
	case MR_ORDER_UNBLOCK:
		return MR_EVENT_SOURCE_UNBLOCKED;
	}
	return MR_EVENT_ALERT;
}

/* The line of an order, also of one that found nothing to do: whoever gave it gets an answer. */
static void say_order(struct carrying *c)
{
	enum mr_event_action action = event_of(c);
	bool source = action == MR_EVENT_SOURCE_BLOCKED || action == MR_EVENT_SOURCE_UNBLOCKED;
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));
	struct mr_event event = { .action = action, .time_ms = c->now_ms, .fact_id = c->request->fact_id,
				  .fact_id_is_number = c->request->fact_id_is_number, .size = -1, .duration_ns = -1,
				  .detail = c->request->reason.n > 0 ? c->request->reason : MR_STR_ABSENT,
				  .operator_name = c->request->operator_name, .until_ms = c->order.until_ms };

	mr_buffer_text(&b, source ? "source " : "account ");
	mr_buffer_text(&b, c->result->name);
	mr_buffer_byte(&b, ' ');
	mr_buffer_text(&b, mr_orderwords_verb(action, source));
	mr_buffer_text(&b, ", ordered by ");
	mr_buffer_str(&b, c->request->operator_name.n > 0 ? c->request->operator_name : MR_STR("an operator"));
	if (c->request->reason.n > 0) {
		mr_buffer_text(&b, ": ");
		mr_buffer_str(&b, c->request->reason);
	}
	event.message = mr_buffer_view(&b);
	memcpy(event.id, c->result->event_id, sizeof(event.id));
	if (source)
		event.account = mr_str_of(c->result->name);
	else
		event.login = mr_str_of(c->result->name);
	mr_engine_emit(c->engine, &event, c->policy);
}

int mr_orders_give(struct mr_engine *engine, int64_t now_ms, const struct mr_order_request *request,
		   struct mr_order_result *result_r)
{
	struct carrying c = { .engine = engine, .policy = mr_engine_hold_policy(engine), .request = request,
			      .result = result_r, .now_ms = now_ms, .state_ms = mr_statetime_now(&engine->time, now_ms) };
	bool source = request->kind == MR_ORDER_BLOCK || request->kind == MR_ORDER_UNBLOCK;
	int err;

	*result_r = (struct mr_order_result){ .before = MR_ACCOUNT_NORMAL };
	mr_lines_new_id(engine, now_ms, result_r->event_id);
	mr_orderwords_put(result_r->name, sizeof(result_r->name), request->subject);
	err = source ? order_source(&c) : order_account(&c);
	/* That nothing of the name was found is told to who asked, and the end of a time was asked for by nobody. */
	if (err == MR_OK || (err == MR_ERR_NOTFOUND && !request->when_over) || err == MR_ERR_IO)
		say_order(&c);
	mr_policy_drop(&c.policy);
	return err;
}
