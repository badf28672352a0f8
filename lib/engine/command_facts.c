/*
 * What is told by others: logins that a log shows (mailreeve ingest), and accounts whose password an audit found weak.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/command.h"
#include "engine/logins.h"
#include "engine/orderwords.h"
#include "eventlog/factline.h"
#include "model/login.h"

enum { FACTS_MOST = 200, FACT_ARENA = 256 << 10 };

/* ---- Logins ---- */

/* A log tells late, so the time is now: what was counted long ago is no attack of today. */
static int take(struct mr_command *c, const json_t *told, struct mr_fact_fault *fault)
{
	struct mr_arena *arena = mr_arena_new_small(FACT_ARENA);
	char *line = json_dumps(told, JSON_COMPACT);
	int err = line != NULL && arena != NULL ? MR_OK : MR_ERR_NOMEM;
	struct mr_fact fact;

	if (err == MR_OK)
		err = mr_fact_read(mr_str_of(line), arena, &fact, fault);
	if (err == MR_OK && fact.kind != MR_FACT_LOGIN) {
		mr_orderwords_put(fault->why, sizeof(fault->why), MR_STR("only facts about logins are taken"));
		err = MR_ERR_SYNTAX;
	}
	if (err == MR_OK)
		mr_logins_report(c->engine, c->now_ms, &fact.attempt, &fact.connection, fact.id, fact.id_is_number);
	mr_arena_free(&arena);
	mr_free(line);
	return err;
}

void mr_command_fact(struct mr_command *c)
{
	const json_t *one = json_object_get(c->request, "fact"), *all = json_object_get(c->request, "facts"), *fact;
	struct mr_fact_fault fault = { .why = "" };
	size_t i, taken = 0;

	if (json_is_object(one) ? take(c, one, &fault) == MR_OK : false)
		taken++;
	if (json_array_size(all) <= FACTS_MOST)
		json_array_foreach(all, i, fact)
			taken += take(c, fact, &fault) == MR_OK;
	if (taken == 0) {
		mr_command_fault(c, fault.why[0] != '\0' ? fault.why
				       : "\"fact\" wants a fact about a login, \"facts\" at most 200 of them");
		return;
	}
	json_object_set_new(c->answer, "taken", json_integer((json_int_t)taken));
}

/* ---- Weak passwords ---- */

static bool mark(struct mr_command *c, struct mr_str login, bool weak)
{
	struct mr_account *account;
	struct mr_key key;
	bool fresh;

	mr_store_key(c->engine->store, MR_KEY_ACCOUNT, MR_ACCOUNT_LOGIN, login, &key);
	account = mr_store_account_get(c->engine->store, &key, MR_ACCOUNT_LOGIN, login, c->state_ms, weak, &fresh);
	if (account == NULL)
		return !weak; /* who is not known is not marked */
	if (fresh) {
		account->first_ms = account->last_ms = c->state_ms;
		mr_habit_begin(&account->habit, c->state_ms);
	}
	account->history.weak_password = weak;
	mr_store_account_done(c->engine->store, account, true);
	return true;
}

void mr_command_mark(struct mr_command *c)
{
	struct mr_str login = mr_command_member(c, "account");
	char name[MR_LOGIN_MAX];
	size_t n;

	if (login.n == 0 || json_object_get(c->request, "weak_password") == NULL ||
	    mr_login_canonical(&c->policy->login, login, name, sizeof(name), &n) != MR_OK) {
		mr_command_fault(c, "mark wants \"account\", a login, and \"weak_password\", true or false");
		return;
	}
	if (!mark(c, (struct mr_str){ name, n }, mr_command_flag(c, "weak_password", false))) {
		mr_command_fault(c, "there is no room for another account: raise state.accounts");
		return;
	}
	json_object_set_new(c->answer, "account", mr_command_room(name, n));
}
