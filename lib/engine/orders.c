/* See orders.h. Called by conduct.c, by control commands and by replay. */
#include "engine/orders.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "core/company.h"
#include "core/contain.h"
#include "core/explain.h"
#include "engine/eventid.h"
#include "engine/pending.h"
#include "engine/sending.h"
#include "eventlog/factline.h"
#include "model/login.h"

/* ---- The budget of automatic freezes ---- */

bool mr_orders_budget(struct mr_engine *engine, const struct mr_rate *rate, int64_t now_ms, bool take)
{
	struct mr_budget *b = &engine->budget;
	uint64_t used = 0;

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < b->count; i++)
		used += b->frozen_ms[i] > now_ms - rate->window_ms && b->frozen_ms[i] <= now_ms;
	if (take) {
		b->frozen_ms[b->next] = now_ms;
		b->next = (b->next + 1) % MR_ENGINE_BUDGET_MAX;
		if (b->count < MR_ENGINE_BUDGET_MAX)
			b->count++;
	}
	pthread_mutex_unlock(&b->lock);
	return used < rate->most;
}

static bool remember_order(void *context, const struct mr_order *order)
{
	struct mr_engine *engine = context;
	struct mr_budget *b = &engine->budget;

	if (order->kind == MR_ORDER_FREEZE && order->cause != MR_CAUSE_OPERATOR && b->count < MR_ENGINE_BUDGET_MAX) {
		b->frozen_ms[b->count++] = order->time_ms;
		b->next = b->count % MR_ENGINE_BUDGET_MAX;
	}
	return b->count < MR_ENGINE_BUDGET_MAX;
}

static bool remember_block(void *context, const struct mr_source *source)
{
	struct mr_engine *engine = context;

	if (source->prefix <= 128)
		atomic_fetch_add(&engine->blocks[source->prefix], 1);
	return true;
}

void mr_orders_remember(struct mr_engine *engine)
{
	mr_store_orders(engine->store, remember_order, engine);
	mr_store_sources(engine->store, true, remember_block, engine);
}

/* ---- Words ---- */

static void put(char *room, size_t size, struct mr_str text)
{
	size_t n = text.n < size ? text.n : size - 1;

	memset(room, 0, size);
	for (size_t i = 0; i < n; i++)
		room[i] = (unsigned char)text.p[i] >= ' ' && text.p[i] != 0x7f ? text.p[i] : '?';
}

static void new_event_id(struct mr_engine *engine, int64_t now_ms, char id_r[MR_EVENT_ID_MAX])
{
	mr_eventid_make(engine->id_seed, now_ms, atomic_fetch_add(&engine->ids, 1) + 1, id_r);
}

static bool is_source(const struct mr_account *account)
{
	return account->kind == MR_ACCOUNT_SOURCE;
}

/* ---- What the detector and the limits have done ---- */

static enum mr_event_action action_of(const struct mr_account *account, const struct mr_decision *decision)
{
	switch ((enum mr_account_state)account->standing.state) {
	case MR_ACCOUNT_FROZEN:
		return is_source(account) ? MR_EVENT_SOURCE_BLOCKED : MR_EVENT_ACCOUNT_FROZEN;
	case MR_ACCOUNT_HELD:
		return MR_EVENT_ACCOUNT_HELD;
	case MR_ACCOUNT_WATCHED:
		return decision->would != 0 ? MR_EVENT_ALERT : MR_EVENT_ACCOUNT_WATCHED;
	case MR_ACCOUNT_NORMAL:
		break;
	}
	return is_source(account) ? MR_EVENT_SOURCE_UNBLOCKED : MR_EVENT_ACCOUNT_THAWED;
}

/* In observe mode. */
static const char *would_verb(enum mr_reason reason)
{
	return reason == MR_REASON_HIJACK_SUSPICION ? "would be held" : "would be frozen";
}

static const char *verb_of(enum mr_event_action action, bool source)
{
	if (action == MR_EVENT_ACCOUNT_FROZEN || action == MR_EVENT_SOURCE_BLOCKED)
		return source ? "is blocked" : "is frozen";
	if (action == MR_EVENT_ACCOUNT_HELD)
		return "is held: its mail waits in the hold queue";
	if (action == MR_EVENT_ACCOUNT_WATCHED)
		return "is watched";
	return source ? "is no longer blocked" : "may send again";
}

/* "account bob@example.com is frozen: evidence +15.5 of +13.0: recipients that ... +5.9, ..." */
static void say_evidence(struct mr_session *s, struct mr_buffer *b, const struct mr_decision *decision)
{
	const struct mr_conduct *c = &s->conduct;
	enum mr_reason reason = decision->would != 0 ? decision->would_reason : decision->reason;

	if (reason != MR_REASON_HIJACK_EVIDENCE && reason != MR_REASON_HIJACK_SUSPICION && reason != MR_REASON_NONE) {
		mr_buffer_text(b, ": ");
		mr_buffer_text(b, mr_reason_row(reason)->sentence);
		return;
	}
	if (!c->weighed)
		return;
	mr_buffer_text(b, ": evidence ");
	mr_explain_nats(b, c->evidence.total);
	mr_buffer_text(b, " of ");
	mr_explain_nats(b, c->thresholds.freeze);
	mr_buffer_text(b, ": ");
	mr_explain_channels(b, c->evidence.channel, 5);
}

static void say(struct mr_session *s, enum mr_event_action action, const struct mr_account *account,
		const struct mr_decision *decision, struct mr_buffer *b)
{
	mr_buffer_text(b, is_source(account) ? "source " : "account ");
	mr_buffer_str(b, s->conduct.name);
	mr_buffer_byte(b, ' ');
	mr_buffer_text(b, action == MR_EVENT_ALERT ? would_verb(decision->would_reason)
						   : verb_of(action, is_source(account)));
	say_evidence(s, b, decision);
}

static struct mr_order order_of(struct mr_session *s, const struct mr_account *account,
				const struct mr_decision *decision)
{
	struct mr_order order = { .time_ms = s->conduct.now_ms, .until_ms = account->standing.until_ms,
				  .kind = MR_ORDER_FREEZE, .cause = account->standing.cause,
				  .rule = (uint16_t)mr_reason_row(decision->reason)->rule };

	memcpy(order.event_id, account->standing.event_id, sizeof(order.event_id));
	put(order.subject, sizeof(order.subject), s->conduct.name);
	put(order.reason, sizeof(order.reason), mr_str_of(mr_reason_row(decision->reason)->sentence));
	return order;
}

__attribute__((noinline)) void mr_orders_follow(struct mr_session *s, int64_t now_ms, const struct mr_account *account,
						const struct mr_decision *decision)
{
	enum mr_event_action action = action_of(account, decision);
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));
	struct mr_pending *pending;
	struct mr_order order;

	say(s, action, account, decision, &b);
	pending = mr_pending_of_session(s, now_ms, action, mr_buffer_view(&b), decision);
	if (account->standing.state != MR_ACCOUNT_FROZEN) {
		mr_pending_emit(pending, MR_OK);
		return;
	}
	order = order_of(s, account, decision);
	if (mr_store_order(s->engine->store, &order, account, NULL, mr_pending_emit, pending) != MR_OK)
		mr_pending_emit(pending, MR_ERR_IO);
}

void mr_orders_expired(struct mr_session *s, int64_t now_ms, const struct mr_account *account)
{
	struct mr_decision nothing = { .verdict = MR_ACCEPT };
	enum mr_event_action action = is_source(account) ? MR_EVENT_SOURCE_UNBLOCKED : MR_EVENT_ACCOUNT_THAWED;
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));
	struct mr_order order = order_of(s, account, &nothing);
	struct mr_pending *pending;

	mr_buffer_text(&b, is_source(account) ? "source " : "account ");
	mr_buffer_str(&b, s->conduct.name);
	mr_buffer_text(&b, is_source(account) ? " is no longer blocked" : " may send again");
	mr_buffer_text(&b, ": the time is over");
	order.kind = MR_ORDER_THAW;
	order.cause = MR_CAUSE_EXPIRY;
	put(order.reason, sizeof(order.reason), MR_STR("the time is over"));
	pending = mr_pending_of_session(s, now_ms, action, mr_buffer_view(&b), &nothing);
	if (mr_store_order(s->engine->store, &order, account, NULL, mr_pending_emit, pending) != MR_OK)
		mr_pending_emit(pending, MR_ERR_IO);
}

/* ---- What operators order ---- */

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
	} else {
		struct mr_site *site = mr_store_site_get(c->engine->store);

		mr_hijack_release(account, site, c->state_ms);
		mr_store_site_done(c->engine->store, true);
	}
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
	change_standing(c, account);
	*copy_r = *account;
	mr_store_account_done(c->engine->store, account, true);
	return MR_OK;
}

static void begin_order(struct carrying *c)
{
	const struct mr_order_request *q = c->request;

	c->order = (struct mr_order){ .time_ms = c->state_ms, .kind = (uint8_t)q->kind, .cause = MR_CAUSE_OPERATOR,
				      .until_ms = q->time_ms > 0 ? c->state_ms + q->time_ms : 0,
				      .rule = MR_RULE_ACCOUNT };
	memcpy(c->order.event_id, c->result->event_id, sizeof(c->order.event_id));
	put(c->order.subject, sizeof(c->order.subject), mr_str_of(c->result->name));
	put(c->order.operator_name, sizeof(c->order.operator_name), q->operator_name);
	put(c->order.reason, sizeof(c->order.reason), q->reason);
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
	put(c->result->name, sizeof(c->result->name), (struct mr_str){ name, n });
	err = change_account(c, source ? MR_ACCOUNT_SOURCE : MR_ACCOUNT_LOGIN, (struct mr_str){ name, n }, &copy);
	/* Mail that nobody logged in for may be an account under a sender's or a script's name. */
	for (enum mr_account_kind kind = MR_ACCOUNT_SCRIPT; err == MR_ERR_NOTFOUND && kind <= MR_ACCOUNT_SENDER; kind++)
		err = change_account(c, kind, c->request->subject, &copy);
	return err == MR_OK ? commit(c, &copy, NULL) : err;
}

static void set_block(struct carrying *c, struct mr_source *source, bool blocked)
{
	bool was = source->state == MR_ACCOUNT_FROZEN;

	source->state = blocked ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL;
	source->cause = MR_CAUSE_OPERATOR;
	source->since_ms = c->state_ms;
	source->until_ms = blocked && c->request->time_ms > 0 ? c->state_ms + c->request->time_ms : 0;
	memcpy(source->event_id, c->result->event_id, sizeof(source->event_id));
	if (blocked && source->offences < UINT8_MAX)
		source->offences++;
	if (!blocked)
		mr_company_forgive(source);
	if (blocked != was && source->prefix <= 128)
		atomic_fetch_add(&c->engine->blocks[source->prefix], blocked ? 1u : ~0u);
	c->result->before = was ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL;
}

static int change_source(struct carrying *c, const struct mr_prefix *prefix, struct mr_source *copy_r)
{
	bool block = c->request->kind == MR_ORDER_BLOCK, fresh;
	unsigned char address[17];
	struct mr_source *source;
	struct mr_key key;

	address[16] = (unsigned char)mr_sending_prefix(&prefix->ip, prefix->length, address);
	mr_store_key(c->engine->store, MR_KEY_SOURCE, 0, (struct mr_str){ (const char *)address, sizeof(address) },
		     &key);
	source = mr_store_source_get(c->engine->store, &key, c->state_ms, block, &fresh);
	if (source == NULL)
		return block ? MR_ERR_FULL : MR_ERR_NOTFOUND;
	if (fresh) {
		source->first_ms = source->last_ms = c->state_ms;
		memcpy(source->address, address, sizeof(source->address));
		source->prefix = address[16];
	}
	set_block(c, source, block);
	*copy_r = *source;
	mr_store_source_done(c->engine->store, source, true);
	return MR_OK;
}

/* A source may be blocked by its address, and as the sender of mail that nobody logged in for. */
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
	put(c->result->name, sizeof(c->result->name), (struct mr_str){ text, n });
	err = change_source(c, &prefix, &source);
	if (c->request->kind == MR_ORDER_UNBLOCK) {
		enum mr_account_state before = c->result->before;

		n = mr_ip_format(&prefix.ip, text);
		account_err = change_account(c, MR_ACCOUNT_SOURCE, (struct mr_str){ text, n }, &account);
		if (account_err != MR_OK || c->result->before < before)
			c->result->before = before;
	}
	if (err != MR_OK && account_err != MR_OK)
		return err;
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
	mr_buffer_text(&b, verb_of(action, source));
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
	new_event_id(engine, now_ms, result_r->event_id);
	put(result_r->name, sizeof(result_r->name), request->subject);
	err = source ? order_source(&c) : order_account(&c);
	if (err == MR_OK || err == MR_ERR_NOTFOUND || err == MR_ERR_IO)
		say_order(&c);
	mr_policy_drop(&c.policy);
	return err;
}

/* ---- What is over ---- */

enum { SWEEP_MAX = 64 };

/* Names whose time is over; those that find no room are taken at the next sweep. */
struct sweep {
	int64_t now_ms;
	size_t count;
	struct {
		bool source;
		char name[MR_ORDER_SUBJECT_MAX];
	} over[SWEEP_MAX];
};

static bool sweep_account(void *context, const struct mr_account *account)
{
	struct sweep *sweep = context;

	if (account->standing.until_ms != 0 && sweep->now_ms >= account->standing.until_ms && !account->name_cut) {
		sweep->over[sweep->count].source = false;
		put(sweep->over[sweep->count++].name, MR_ORDER_SUBJECT_MAX,
		    (struct mr_str){ account->name, strnlen(account->name, sizeof(account->name)) });
	}
	return sweep->count < SWEEP_MAX;
}

static bool sweep_source(void *context, const struct mr_source *source)
{
	struct sweep *sweep = context;
	struct mr_prefix prefix;
	char text[MR_PREFIX_TEXT_MAX];
	size_t n;

	if (source->until_ms == 0 || sweep->now_ms < source->until_ms)
		return true;
	mr_sending_prefix_of(source, &prefix);
	n = mr_prefix_format(&prefix, text);
	sweep->over[sweep->count].source = true;
	put(sweep->over[sweep->count++].name, MR_ORDER_SUBJECT_MAX, (struct mr_str){ text, n });
	return sweep->count < SWEEP_MAX;
}

void mr_orders_sweep(struct mr_engine *engine, int64_t now_ms)
{
	struct sweep *sweep = mr_calloc(1, sizeof(*sweep));

	if (sweep == NULL)
		return;
	sweep->now_ms = mr_statetime_now(&engine->time, now_ms);
	mr_store_accounts(engine->store, MR_ACCOUNT_HELD, sweep_account, sweep);
	if (sweep->count < SWEEP_MAX)
		mr_store_sources(engine->store, true, sweep_source, sweep);
	for (size_t i = 0; i < sweep->count; i++) {
		struct mr_order_request request = { .kind = sweep->over[i].source ? MR_ORDER_UNBLOCK : MR_ORDER_THAW,
						    .subject = mr_str_of(sweep->over[i].name),
						    .operator_name = MR_STR("mailreeved"),
						    .reason = MR_STR("the time is over"), .nothing_learned = true };
		struct mr_order_result result;

		(void)mr_orders_give(engine, now_ms, &request, &result);
	}
	mr_free(sweep);
}

/* ---- Blocks ---- */

static bool is_blocked_at(struct mr_engine *engine, const struct mr_ip *ip, unsigned length, int64_t now_ms)
{
	unsigned char address[17];
	struct mr_source *source;
	struct mr_key key;
	bool fresh, blocked;

	address[16] = (unsigned char)mr_sending_prefix(ip, length, address);
	mr_store_key(engine->store, MR_KEY_SOURCE, 0, (struct mr_str){ (const char *)address, sizeof(address) }, &key);
	source = mr_store_source_get(engine->store, &key, now_ms, false, &fresh);
	if (source == NULL)
		return false;
	blocked = source->state == MR_ACCOUNT_FROZEN && (source->until_ms == 0 || now_ms < source->until_ms);
	mr_store_source_done(engine->store, source, false);
	return blocked;
}

bool mr_orders_is_blocked(struct mr_engine *engine, const struct mr_ip *ip, int64_t now_ms)
{
	unsigned first = ip->family == MR_IP_V4 ? 96 : 0;

	if (ip->family == MR_IP_UNKNOWN)
		return false;
	for (unsigned bits = first; bits <= 128; bits++)
		if (atomic_load_explicit(&engine->blocks[bits], memory_order_relaxed) > 0 &&
		    is_blocked_at(engine, ip, bits - first, now_ms))
			return true;
	return false;
}
