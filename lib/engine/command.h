/*
 * The requests of the control channel, as the engine carries them out: JSON in, JSON out (mailreeve(1)). What the files
 * command*.c share. Private to the room. One thread per struct mr_command.
 */
#ifndef MR_ENGINE_COMMAND_H
#define MR_ENGINE_COMMAND_H

#include <jansson.h>

#include "core/hijack.h"
#include "engine/engine.h"
#include "engine/screening.h"

enum {
	MR_COMMAND_NAMES_MAX = 50,         /* names in one order: each waits for the disk */
	MR_COMMAND_PAGE_BYTES = 48 << 10,  /* of a list; an answer has to fit MR_CONTROL_LINE_MAX */
	MR_COMMAND_PAGE_MOST = 500
};

struct mr_command {
	struct mr_engine *engine;
	struct mr_policy *policy;
	int64_t now_ms, state_ms, behind_ms; /* wall clock, state time, wall minus state */
	struct mr_str operator_name;
	const json_t *request;
	json_t *answer;
};

/* ---- Requests ---- */

/* A text member; absent when it is missing or no text. */
struct mr_str mr_command_member(const struct mr_command *c, const char *name);
/* A whole number within 0..most, or fallback. */
int64_t mr_command_number(const struct mr_command *c, const char *name, int64_t most, int64_t fallback);
bool mr_command_flag(const struct mr_command *c, const char *name, bool fallback);

/* ---- Answers ---- */

/* The answer becomes {"error": words}. */
void mr_command_fault(struct mr_command *c, const char *words);
/* A text; bytes that are not UTF-8 become question marks. */
json_t *mr_command_text(struct mr_str text);
/* The same for text in a room of size bytes that a NUL may end. */
json_t *mr_command_room(const char *text, size_t size);
/* State time as RFC 3339 by the wall clock; null for 0. */
json_t *mr_command_time(const struct mr_command *c, int64_t state_ms);

/* A list that is answered in pages: "skip" and "limit" of the request, "next" in the answer when there is more. */
struct mr_page {
	struct mr_command *command;
	json_t *list;
	int64_t skip, limit, seen;
	size_t bytes;
	bool more;
};

void mr_page_begin(struct mr_page *page, struct mr_command *c, const char *name);
/* One more entry fits the request. True: it belongs to this page and is to be added. */
bool mr_page_wants(struct mr_page *page);
/* Whether to go on looking. */
bool mr_page_goes_on(const struct mr_page *page);
/* Takes entry over. False: there was no room for it, and the page is full. */
bool mr_page_add(struct mr_page *page, json_t *entry);
void mr_page_end(struct mr_page *page);

/* ---- Shared parts ---- */

const char *mr_command_state_word(unsigned state);
const char *mr_command_cause_word(unsigned cause);
const char *mr_command_kind_word(unsigned kind);
const char *mr_command_order_word(unsigned kind);
/* The rule that brought an account where it is; NULL: none. */
const char *mr_command_rule_of(const struct mr_standing *standing);
/* {"novelty": 5.9, ..., "total": 15.1}: channels of at least 0.005 nats. */
json_t *mr_command_evidence(const float channel[MR_CHANNEL_COUNT], float total);
/* name: the whole name, or absent for the record's own. */
json_t *mr_command_account_row(const struct mr_command *c, const struct mr_account *account, struct mr_str name);
/* How its logins stand: places it has used well, what is counted against it, what is suspected. c->policy's limits. */
json_t *mr_command_logins_row(const struct mr_command *c, const struct mr_account *account, struct mr_str name);
json_t *mr_command_order_row(const struct mr_command *c, const struct mr_order *order);
/* What screening has counted, a row for each limit. of: the name of whose it is; NULL: it goes without saying. */
void mr_command_add_counters(json_t *list, const char *of, const struct mr_screening *found, enum mr_signal signal);
/* The network of a source as habits and histories know it: its /24 or /48. */
struct mr_prefix mr_command_network(const struct mr_prefix *source);
void mr_command_thresholds(const struct mr_command *c, struct mr_thresholds *thresholds_r);

/* ---- The commands ---- */

void mr_command_status(struct mr_command *c);
void mr_command_calibration(struct mr_command *c);
void mr_command_accounts(struct mr_command *c);
void mr_command_names(struct mr_command *c);
void mr_command_blocks(struct mr_command *c);
void mr_command_source(struct mr_command *c);
void mr_command_orders(struct mr_command *c);
void mr_command_exemptions(struct mr_command *c);
void mr_command_account(struct mr_command *c);
void mr_command_event(struct mr_command *c);
void mr_command_fact(struct mr_command *c);
void mr_command_mark(struct mr_command *c);
void mr_command_give(struct mr_command *c);

#endif
