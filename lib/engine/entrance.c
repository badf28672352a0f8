/* See entrance.h. Called by admission.c and logins.c. */
#include "engine/entrance.h"

#include "base/error.h"
#include "base/hash.h"
#include "core/history.h"
#include "engine/places.h"
#include "engine/sending.h"

/* ---- Who, and from where ---- */

void mr_entrance_begin(struct mr_entrance *e, struct mr_engine *engine, int64_t now_ms, const struct mr_attempt *attempt,
		  const struct mr_connection *connection)
{
	struct mr_visitor *v = &e->visitor;
	size_t n;

	e->attempt = attempt;
	e->connection = *connection;
	*v = (struct mr_visitor){ .engine = engine, .policy = mr_engine_hold_policy(engine), .now_ms = now_ms,
				  .state_ms = mr_statetime_now(&engine->time, now_ms), .connection = &e->connection,
				  .login = MR_STR_ABSENT, .protocol = attempt->protocol, .fact_id = MR_STR_ABSENT };
	mr_places_find(engine, &e->connection, &e->place);
	if (attempt->login.n > 0 &&
	    mr_login_canonical(&v->policy->login, attempt->login, e->login, sizeof(e->login), &n) == MR_OK)
		v->login = (struct mr_str){ e->login, n };
	e->readable = v->login.n > 0;
	e->network = mr_ip_is_loopback(&connection->client_ip) ? 0 : mr_sending_network(&connection->client_ip);
	e->state = MR_ACCOUNT_NORMAL;
	e->known_place = false;
}

void mr_entrance_end(struct mr_entrance *e)
{
	mr_policy_drop(&e->visitor.policy);
}

void mr_entrance_account_key(const struct mr_entrance *e, struct mr_key *key_r)
{
	mr_store_key(e->visitor.engine->store, MR_KEY_ACCOUNT, MR_ACCOUNT_LOGIN, e->visitor.login, key_r);
}

void mr_entrance_look(struct mr_entrance *e)
{
	const struct mr_visitor *v = &e->visitor;
	struct mr_account *account;
	struct mr_key key;
	bool fresh;

	if (!e->readable)
		return;
	mr_entrance_account_key(e, &key);
	account = mr_store_account_get(v->engine->store, &key, MR_ACCOUNT_LOGIN, v->login, v->state_ms, false, &fresh);
	if (account == NULL)
		return;
	if (account->standing.until_ms == 0 || v->state_ms < account->standing.until_ms)
		e->state = (enum mr_account_state)account->standing.state;
	e->known_place = e->network != 0 &&
			 mr_history_knows(&account->history, (uint32_t)e->network, v->state_ms);
	mr_store_account_done(v->engine->store, account, false);
}

/* ---- Names of counters ---- */

struct mr_str mr_entrance_login_name(struct mr_entrance *e)
{
	return mr_screening_login_name(e->visitor.login, e->name);
}

struct mr_str mr_entrance_pair_name(struct mr_entrance *e, unsigned length)
{
	return mr_screening_pair_name(e->visitor.login, &e->connection.client_ip, length, e->name);
}

unsigned mr_entrance_source_length(const struct mr_entrance *e)
{
	return mr_screening_length(&e->visitor.policy->screen, &e->connection.client_ip);
}

unsigned mr_entrance_sibling_length(const struct mr_entrance *e)
{
	return e->connection.client_ip.family == MR_IP_V4 ? 24 : 48;
}

uint32_t mr_entrance_source_item(const struct mr_entrance *e)
{
	unsigned char address[16];

	(void)mr_sending_prefix(&e->connection.client_ip, mr_entrance_source_length(e), address);
	return (uint32_t)mr_habit_hash((struct mr_str){ (const char *)address, sizeof(address) });
}
