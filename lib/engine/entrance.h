/* One login that is tried: who, from where, and the names of its counters. Private to admission.c and logins.c. */
#ifndef MR_ENGINE_ENTRANCE_H
#define MR_ENGINE_ENTRANCE_H

#include "engine/screening.h"
#include "geo/geo.h"
#include "model/account.h"
#include "model/fact.h"

/* One login on its way through this file. */
struct mr_entrance {
	struct mr_visitor visitor;
	struct mr_connection connection;
	const struct mr_attempt *attempt;
	struct mr_geo_place place;
	bool readable;             /* the login is one */
	uint64_t network;          /* hash of the client's /24 or /48; 0: unknown */
	enum mr_account_state state;
	bool known_place;
	char login[MR_LOGIN_MAX], name[MR_LOGIN_MAX + 32];
};

/* attempt and connection must outlive it; it holds the policy until _end. */
void mr_entrance_begin(struct mr_entrance *entrance_r, struct mr_engine *engine, int64_t now_ms,
		       const struct mr_attempt *attempt, const struct mr_connection *connection);
void mr_entrance_end(struct mr_entrance *entrance);
void mr_entrance_account_key(const struct mr_entrance *entrance, struct mr_key *key_r);
/* Looks how the account stands and whether it has used this network well; makes no record. */
void mr_entrance_look(struct mr_entrance *entrance);

/* Names of counters: valid until the next is made. The login must be readable. */
struct mr_str mr_entrance_login_name(struct mr_entrance *entrance);
struct mr_str mr_entrance_pair_name(struct mr_entrance *entrance, unsigned length);
unsigned mr_entrance_source_length(const struct mr_entrance *entrance);
/* Siblings of a source: its /24 or /48, as habits keep networks. */
unsigned mr_entrance_sibling_length(const struct mr_entrance *entrance);
uint32_t mr_entrance_source_item(const struct mr_entrance *entrance);

#endif
