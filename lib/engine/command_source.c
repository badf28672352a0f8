/*
 * "blocks" and "source": who is kept out, and how one address or network stands.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "core/screen.h"
#include "engine/command.h"
#include "engine/screening.h"
#include "engine/sending.h"

enum { ORDERS_SHOWN = 8, SUBJECTS_MAX = 2 + MR_SCREEN_WIDE_MAX };

/* ---- One record ---- */

static bool is_over(const struct mr_command *c, const struct mr_source *source)
{
	return source->until_ms != 0 && c->state_ms >= source->until_ms;
}

static const char *state_word(const struct mr_command *c, const struct mr_source *source)
{
	if (source->state == MR_ACCOUNT_NORMAL || is_over(c, source))
		return "free";
	return source->state == MR_ACCOUNT_WATCHED ? "would-block" : "blocked";
}

/* The rule that blocked it: an operator's order, or screening. */
static enum mr_rule rule_of(const struct mr_source *source)
{
	return source->cause == MR_CAUSE_LIMIT ? MR_RULE_SCREEN : MR_RULE_BLOCK;
}

static void put_block(const struct mr_command *c, json_t *row, const struct mr_source *source)
{
	json_object_set_new(row, "since", mr_command_time(c, source->since_ms));
	json_object_set_new(row, "until", mr_command_time(c, source->until_ms));
	json_object_set_new(row, "cause", json_string(mr_command_cause_word(source->cause)));
	json_object_set_new(row, "rule", json_string(mr_rule_row(rule_of(source))->name));
	if (source->cause == MR_CAUSE_LIMIT && source->reason > 0 && source->reason < MR_REASON_COUNT)
		json_object_set_new(row, "reason", json_string(mr_reason_row((enum mr_reason)source->reason)->id));
	json_object_set_new(row, "offences", json_integer(source->offences));
	json_object_set_new(row, "event_id", mr_command_room(source->event_id, MR_STANDING_ID_MAX));
}

static json_t *prefix_text(const struct mr_source *source)
{
	char text[MR_PREFIX_TEXT_MAX];
	struct mr_prefix prefix;
	size_t n;

	mr_sending_prefix_of(source, &prefix);
	n = mr_prefix_format(&prefix, text);
	return json_stringn(text, n);
}

/* ---- Blocks ---- */

struct blocks {
	struct mr_page page;
	bool would, brief;
};

static bool list_block(void *context, const struct mr_source *source)
{
	struct blocks *blocks = context;
	struct mr_command *c = blocks->page.command;
	json_t *row;

	if (is_over(c, source) || source->state == MR_ACCOUNT_NORMAL ||
	    (source->state == MR_ACCOUNT_WATCHED && !blocks->would))
		return true;
	if (!mr_page_wants(&blocks->page))
		return mr_page_goes_on(&blocks->page);
	row = json_object();
	json_object_set_new(row, "source", prefix_text(source));
	if (blocks->brief) {
		json_object_set_new(row, "until", mr_command_time(c, source->until_ms));
	} else {
		json_object_set_new(row, "state", json_string(state_word(c, source)));
		put_block(c, row, source);
	}
	mr_page_add(&blocks->page, row);
	return mr_page_goes_on(&blocks->page);
}

/* Records do not keep who ordered a block, and why; the journal does. */
static bool name_operator(void *context, const struct mr_order *order)
{
	json_t *list = context, *row;
	size_t i;

	if (order->kind != MR_ORDER_BLOCK || order->operator_name[0] == '\0')
		return true;
	json_array_foreach(list, i, row) {
		const char *id = json_string_value(json_object_get(row, "event_id"));

		if (id == NULL || id[0] == '\0' || strncmp(id, order->event_id, MR_STANDING_ID_MAX) != 0)
			continue;
		json_object_set_new(row, "operator", mr_command_room(order->operator_name, MR_ORDER_OPERATOR_MAX));
		if (order->reason[0] != '\0')
			json_object_set_new(row, "note", mr_command_room(order->reason, MR_ORDER_REASON_MAX));
	}
	return true;
}

static bool some_ordered(const json_t *list)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (strcmp(json_string_value(json_object_get(row, "cause")), "operator") == 0)
			return true;
	return false;
}

void mr_command_blocks(struct mr_command *c)
{
	struct blocks blocks = { .would = mr_command_flag(c, "would", false), .brief = mr_command_flag(c, "brief", false) };

	mr_page_begin(&blocks.page, c, "blocks");
	mr_store_sources(c->engine->store, true, list_block, &blocks);
	if (!blocks.brief && some_ordered(blocks.page.list))
		mr_store_orders(c->engine->store, name_operator, blocks.page.list);
	mr_page_end(&blocks.page);
}

/* ---- One source ---- */

static bool copy_source(const struct mr_command *c, const struct mr_prefix *prefix, struct mr_source *copy_r)
{
	struct mr_source *source;
	struct mr_key key;
	bool fresh;

	mr_sending_prefix_key(c->engine, &prefix->ip, prefix->length, &key);
	source = mr_store_source_get(c->engine->store, &key, c->state_ms, false, &fresh);
	if (source == NULL)
		return false;
	*copy_r = *source;
	mr_store_source_done(c->engine->store, source, false);
	return true;
}

static json_t *source_row(const struct mr_command *c, const struct mr_source *source)
{
	const struct mr_screen_policy *screen = &c->policy->screen;
	unsigned offences = mr_screen_offences(screen, source, c->state_ms), good = mr_screen_good_logins(source);
	json_t *row = json_object();

	json_object_set_new(row, "source", prefix_text(source));
	json_object_set_new(row, "state", json_string(state_word(c, source)));
	json_object_set_new(row, "first", mr_command_time(c, source->first_ms));
	json_object_set_new(row, "last", mr_command_time(c, source->last_ms));
	json_object_set_new(row, "good_logins", json_integer(good));
	json_object_set_new(row, "spared", json_boolean(screen->shared_logins > 0 && good >= screen->shared_logins));
	if (source->state != MR_ACCOUNT_NORMAL)
		put_block(c, row, source);
	else if (source->since_ms != 0)
		json_object_set_new(row, "lifted", mr_command_time(c, source->since_ms));
	json_object_set_new(row, "offences_now", json_integer(offences));
	if (screen->block_count > 0)
		json_object_set_new(row, "next_block_seconds",
				    json_integer((json_int_t)(mr_screen_block_time(screen, offences) / 1000)));
	return row;
}

/* What is counted now for the prefix that ip is in, by the limits times factor. */
static void count_prefix(const struct mr_command *c, const struct mr_prefix *prefix, unsigned factor,
			 enum mr_signal_of of, json_t *list)
{
	const struct mr_connection connection = { .client_ip = prefix->ip, .asn = -1 };
	const struct mr_visitor visitor = { .engine = c->engine, .policy = c->policy, .now_ms = c->now_ms,
					    .state_ms = c->state_ms, .connection = &connection };
	char room[64], name[MR_PREFIX_TEXT_MAX];

	mr_prefix_format(prefix, name);
	for (unsigned i = 0; i < MR_SIGNAL_COUNT; i++) {
		struct mr_screening found = { .limit = NULL };

		if (mr_signal_row((enum mr_signal)i)->of != of)
			continue;
		mr_screening_count(&visitor, (enum mr_signal)i,
				   mr_screening_source_name(&prefix->ip, prefix->length, room), factor, 0, false, &found);
		mr_command_add_counters(list, name, &found, (enum mr_signal)i);
	}
}

/* The prefixes that hold ip and are counted: what is one source, the wider ones; first the one that was asked for. */
struct subjects {
	struct mr_prefix prefix[SUBJECTS_MAX];
	unsigned factor[SUBJECTS_MAX];  /* 0: nothing is counted for it */
	char text[SUBJECTS_MAX][MR_PREFIX_TEXT_MAX];
	size_t count;
};

static struct mr_prefix prefix_of(const struct mr_ip *ip, unsigned length)
{
	struct mr_prefix prefix = { .ip = *ip, .length = length };

	for (unsigned i = length; i < (ip->family == MR_IP_V4 ? 32u : 128u); i++)
		prefix.ip.bytes[i / 8] &= (unsigned char)~(0x80u >> (i % 8));
	return prefix;
}

static void add_subject(struct subjects *s, const struct mr_prefix *whole, unsigned length, unsigned factor)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->prefix[i].length == length) {
			s->factor[i] = factor;
			return;
		}
	if (length > whole->length || s->count == SUBJECTS_MAX)
		return;
	s->prefix[s->count] = prefix_of(&whole->ip, length);
	s->factor[s->count] = factor;
	mr_prefix_format(&s->prefix[s->count], s->text[s->count]);
	s->count++;
}

static void find_subjects(const struct mr_command *c, const struct mr_prefix *whole, struct subjects *s)
{
	const struct mr_screen_policy *screen = &c->policy->screen;
	bool v4 = whole->ip.family == MR_IP_V4;
	const uint8_t *wide = v4 ? screen->wide_ipv4 : screen->wide_ipv6;

	s->count = 0;
	add_subject(s, whole, whole->length, 0);
	add_subject(s, whole, v4 ? screen->ipv4_prefix : screen->ipv6_prefix, 1);
	for (size_t i = 0; i < MR_SCREEN_WIDE_MAX && wide[i] > 0; i++)
		add_subject(s, whole, wide[i], screen->wide_factor);
}

struct journal {
	const struct mr_command *c;
	const struct subjects *subjects;
	json_t *list;
};

static bool add_order(void *context, const struct mr_order *order)
{
	struct journal *journal = context;

	for (size_t i = 0; i < journal->subjects->count; i++)
		if (strncmp(journal->subjects->text[i], order->subject, MR_ORDER_SUBJECT_MAX) == 0)
			json_array_append_new(journal->list, mr_command_order_row(journal->c, order));
	return json_array_size(journal->list) < ORDERS_SHOWN;
}

static const char *block_word(enum mr_source_block block)
{
	switch (block) {
	case MR_SOURCE_FREE:
		return "free";
	case MR_SOURCE_WATCHED:
		return "would-block";
	case MR_SOURCE_SCREENED:
	case MR_SOURCE_ORDERED:
		return "blocked";
	}
	return "free";
}

/* The hardest block that holds for it now, its own or that of a wider network. */
static void put_standing(struct mr_command *c, const struct mr_prefix *whole)
{
	struct mr_source source;
	enum mr_source_block block = mr_screening_block(c->engine, &whole->ip, c->state_ms, &source);
	json_t *rows;

	json_object_set_new(c->answer, "state", json_string(block_word(block)));
	json_object_set_new(c->answer, "mode", json_string(mr_mode_text(mr_policy_mode(c->policy, &c->policy->screen.rule))));
	json_object_set_new(c->answer, "at",
			    json_string(c->policy->screen.at == MR_SCREEN_AT_CONNECT ? "connect" : "mail"));
	json_object_set_new(c->answer, "excepted",
			    json_boolean(mr_prefixset_has(c->policy->screen.rule.except, &whole->ip)));
	json_object_set_new(c->answer, "private", json_boolean(mr_ip_is_private(&whole->ip)));
	if (block == MR_SOURCE_FREE)
		return;
	rows = json_array();
	json_array_append_new(rows, source_row(c, &source));
	mr_store_orders(c->engine->store, name_operator, rows);
	json_object_set(c->answer, "block", json_array_get(rows, 0));
	json_decref(rows);
}

static void show(struct mr_command *c, const struct mr_prefix *whole)
{
	json_t *records = json_array(), *counters = json_array();
	struct subjects subjects;
	struct journal journal = { .c = c, .subjects = &subjects, .list = json_array() };

	find_subjects(c, whole, &subjects);
	json_object_set_new(c->answer, "source", json_string(subjects.text[0]));
	put_standing(c, whole);
	for (size_t i = 0; i < subjects.count; i++) {
		struct mr_source source;

		if (copy_source(c, &subjects.prefix[i], &source))
			json_array_append_new(records, source_row(c, &source));
		if (subjects.factor[i] > 0)
			count_prefix(c, &subjects.prefix[i], subjects.factor[i], MR_SIGNAL_OF_SOURCE, counters);
	}
	if (whole->length == (whole->ip.family == MR_IP_V4 ? 32u : 128u))
		count_prefix(c, whole, 1, MR_SIGNAL_OF_INSIDE, counters);
	mr_store_orders(c->engine->store, add_order, &journal);
	mr_store_orders(c->engine->store, name_operator, records);
	json_object_set_new(c->answer, "records", records);
	json_object_set_new(c->answer, "counters", counters);
	json_object_set_new(c->answer, "orders", journal.list);
}

void mr_command_source(struct mr_command *c)
{
	struct mr_str text = mr_command_member(c, "address");
	struct mr_prefix prefix;
	const char *why;

	if (text.n == 0)
		mr_command_fault(c, "a source wants an \"address\"");
	else if (mr_prefix_parse(text, &prefix, &why) != MR_OK)
		mr_command_fault(c, "a source is an address or a network, as 203.0.113.7 or 2001:db8::/48 (host bits 0)");
	else
		show(c, &prefix);
}
