/*
 * The orders of operators: freeze, hold, thaw, block, unblock. One request may name several; each is on disk before
 * the answer leaves.
 */
#include <string.h>

#include "base/error.h"
#include "engine/command.h"
#include "engine/orders.h"

enum { SECONDS_MOST = 10 * 366 * 86400 };

static enum mr_order_kind kind_of(struct mr_str command)
{
	for (unsigned kind = MR_ORDER_FREEZE; kind < MR_ORDER_UNBLOCK; kind++)
		if (mr_str_equal(command, mr_str_of(mr_command_order_word(kind))))
			return (enum mr_order_kind)kind;
	return MR_ORDER_UNBLOCK;
}

static const char *word_of(int err)
{
	switch (err) {
	case MR_OK:
		return "done";
	case MR_ERR_NOTFOUND:
		return "unknown";
	case MR_ERR_SYNTAX:
		return "unreadable";
	case MR_ERR_IO:
		return "not-on-disk";
	case MR_ERR_FULL:
		return "full";
	case MR_ERR_STATE:
		return "read-only";
	default:
		return "failed";
	}
}

static json_t *give_one(struct mr_command *c, struct mr_order_request *request, const json_t *name)
{
	struct mr_order_result result;
	json_t *row = json_object();
	int err;

	request->subject = (struct mr_str){ json_string_value(name), json_string_length(name) };
	err = mr_orders_give(c->engine, c->now_ms, request, &result);
	json_object_set_new(row, "name", mr_command_room(result.name, sizeof(result.name)));
	json_object_set_new(row, "result", json_string(word_of(err)));
	json_object_set_new(row, "before", json_string(mr_command_state_word(result.before)));
	json_object_set_new(row, "event_id", mr_command_room(result.event_id, sizeof(result.event_id)));
	if (request->kind == MR_ORDER_BLOCK || request->kind == MR_ORDER_UNBLOCK)
		json_object_set_new(row, "offences", json_integer(result.offences));
	if (result.forgiven)
		json_object_set_new(row, "forgiven", json_true());
	if (result.number > 0)
		json_object_set_new(row, "number", json_integer((json_int_t)result.number));
	return row;
}

static bool are_names(const json_t *names)
{
	size_t i;
	const json_t *name;

	if (json_array_size(names) < 1 || json_array_size(names) > MR_COMMAND_NAMES_MAX)
		return false;
	json_array_foreach(names, i, name)
		if (!json_is_string(name) || json_string_length(name) == 0 ||
		    json_string_length(name) >= MR_ORDER_SUBJECT_MAX)
			return false;
	return true;
}

void mr_command_give(struct mr_command *c)
{
	const json_t *names = json_object_get(c->request, "names"), *name;
	const json_t *seconds = json_object_get(c->request, "seconds");
	struct mr_order_request request = { .kind = kind_of(mr_command_member(c, "command")),
					    .operator_name = c->operator_name,
					    .reason = mr_command_member(c, "reason"),
					    .nothing_learned = !mr_command_flag(c, "learn", true) };
	json_t *results = json_array();
	size_t i;

	if (!are_names(names) || request.reason.n >= MR_ORDER_REASON_MAX ||
	    (seconds != NULL && mr_command_number(c, "seconds", SECONDS_MOST, -1) < 0)) {
		json_decref(results);
		mr_command_fault(c, "an order wants \"names\", 1 to 50 texts of less than 256 bytes, and may have \"seconds\" "
				    "(at most ten years) and \"reason\" (less than 128 bytes)");
		return;
	}
	request.time_ms = mr_command_number(c, "seconds", SECONDS_MOST, 0) * 1000;
	json_array_foreach(names, i, name)
		json_array_append_new(results, give_one(c, &request, name));
	json_object_set_new(c->answer, "results", results);
}
