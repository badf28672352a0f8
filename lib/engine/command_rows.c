/*
 * Records as JSON: accounts, orders, evidence. What several control commands show alike.
 */
#include <string.h>

#include "core/hijack.h"
#include "engine/command.h"
#include "model/vocabulary.h"

const char *mr_command_state_word(unsigned state)
{
	static const char *const words[] = { "normal", "watched", "held", "frozen" };

	return state < sizeof(words) / sizeof(words[0]) ? words[state] : "unknown";
}

const char *mr_command_cause_word(unsigned cause)
{
	static const char *const words[] = { "none", "evidence", "limit", "operator", "expiry" };

	return cause < sizeof(words) / sizeof(words[0]) ? words[cause] : "unknown";
}

const char *mr_command_kind_word(unsigned kind)
{
	static const char *const words[] = { "login", "source", "script", "sender" };

	return kind < sizeof(words) / sizeof(words[0]) ? words[kind] : "unknown";
}

const char *mr_command_order_word(unsigned kind)
{
	static const char *const words[] = { "freeze", "hold", "thaw", "block", "unblock" };

	return kind < sizeof(words) / sizeof(words[0]) ? words[kind] : "unknown";
}

const char *mr_command_rule_of(const struct mr_standing *standing)
{
	switch ((enum mr_account_cause)standing->cause) {
	case MR_CAUSE_EVIDENCE:
		return mr_rule_row(MR_RULE_HIJACK)->name;
	case MR_CAUSE_LIMIT:
		if (standing->reason > 0 && standing->reason < MR_REASON_COUNT)
			return mr_rule_row(mr_reason_row((enum mr_reason)standing->reason)->rule)->name;
		return mr_rule_row(MR_RULE_RATES)->name;
	case MR_CAUSE_OPERATOR:
	case MR_CAUSE_EXPIRY:
		return mr_rule_row(MR_RULE_ACCOUNT)->name;
	case MR_CAUSE_NONE:
		break;
	}
	return NULL;
}

json_t *mr_command_evidence(const float channel[MR_CHANNEL_COUNT], float total)
{
	json_t *evidence = json_object();

	for (size_t i = 0; i < MR_CHANNEL_COUNT; i++)
		if (channel[i] >= 0.005F || channel[i] <= -0.005F)
			json_object_set_new(evidence, mr_channel_row((enum mr_channel)i)->name,
					    json_real((double)channel[i]));
	json_object_set_new(evidence, "total", json_real((double)total));
	return evidence;
}

/* The evidence that was noted when the account came into its state. */
static void put_noted(json_t *row, const struct mr_standing *standing)
{
	float channel[MR_CHANNEL_COUNT], total = 0;

	if (standing->threshold == 0)
		return;
	for (size_t i = 0; i < MR_CHANNEL_COUNT; i++) {
		channel[i] = (float)standing->evidence[i] / 100.0F;
		total += channel[i];
	}
	json_object_set_new(row, "evidence", mr_command_evidence(channel, total));
	json_object_set_new(row, "threshold", json_real((double)standing->threshold / 100.0));
}

static void put_standing(const struct mr_command *c, json_t *row, const struct mr_standing *standing)
{
	const char *rule = mr_command_rule_of(standing);

	json_object_set_new(row, "state", json_string(mr_command_state_word(standing->state)));
	json_object_set_new(row, "since", mr_command_time(c, standing->since_ms));
	if (standing->until_ms != 0)
		json_object_set_new(row, "until", mr_command_time(c, standing->until_ms));
	json_object_set_new(row, "cause", json_string(mr_command_cause_word(standing->cause)));
	if (rule != NULL)
		json_object_set_new(row, "rule", json_string(rule));
	if (standing->reason > 0 && standing->reason < MR_REASON_COUNT)
		json_object_set_new(row, "reason",
				    json_string(mr_reason_row((enum mr_reason)standing->reason)->id));
	if (standing->event_id[0] != '\0')
		json_object_set_new(row, "event_id", mr_command_room(standing->event_id, MR_STANDING_ID_MAX));
	json_object_set_new(row, "incidents", json_integer(standing->incidents));
	if (standing->external_only)
		json_object_set_new(row, "external_only", json_true());
	put_noted(row, standing);
}

json_t *mr_command_account_row(const struct mr_command *c, const struct mr_account *account, struct mr_str name)
{
	json_t *row = json_object();

	if (name.p != NULL) {
		json_object_set_new(row, "name", mr_command_text(name));
	} else {
		json_object_set_new(row, "name", mr_command_room(account->name, MR_ACCOUNT_NAME_MAX));
		if (account->name_cut)
			json_object_set_new(row, "name_cut", json_true());
	}
	json_object_set_new(row, "kind", json_string(mr_command_kind_word(account->kind)));
	json_object_set_new(row, "known", json_boolean(account->known));
	json_object_set_new(row, "first", mr_command_time(c, account->first_ms));
	json_object_set_new(row, "last", mr_command_time(c, account->last_ms));
	put_standing(c, row, &account->standing);
	return row;
}

json_t *mr_command_order_row(const struct mr_command *c, const struct mr_order *order)
{
	json_t *row = json_object();

	json_object_set_new(row, "number", json_integer((json_int_t)order->number));
	json_object_set_new(row, "time", mr_command_time(c, order->time_ms));
	json_object_set_new(row, "order", json_string(mr_command_order_word(order->kind)));
	json_object_set_new(row, "subject", mr_command_room(order->subject, MR_ORDER_SUBJECT_MAX));
	json_object_set_new(row, "cause", json_string(mr_command_cause_word(order->cause)));
	if (order->rule < MR_RULE_COUNT)
		json_object_set_new(row, "rule", json_string(mr_rule_row((enum mr_rule)order->rule)->name));
	if (order->operator_name[0] != '\0')
		json_object_set_new(row, "operator", mr_command_room(order->operator_name, MR_ORDER_OPERATOR_MAX));
	if (order->reason[0] != '\0')
		json_object_set_new(row, "reason", mr_command_room(order->reason, MR_ORDER_REASON_MAX));
	if (order->until_ms != 0)
		json_object_set_new(row, "until", mr_command_time(c, order->until_ms));
	json_object_set_new(row, "event_id", mr_command_room(order->event_id, MR_STANDING_ID_MAX));
	return row;
}

void mr_command_add_counters(json_t *list, const char *of, const struct mr_screening *found, enum mr_signal signal)
{
	for (size_t i = 0; i < found->counter_count; i++) {
		const struct mr_event_counter *counter = &found->counters[i];
		json_t *row = json_object();

		if (of != NULL)
			json_object_set_new(row, "of", json_string(of));
		json_object_set_new(row, "limit", mr_command_text(counter->name));
		json_object_set_new(row, "value", json_integer((json_int_t)counter->value));
		json_object_set_new(row, "most", json_integer((json_int_t)counter->limit));
		json_object_set_new(row, "what", json_string(mr_signal_row(signal)->words));
		json_array_append_new(list, row);
	}
}

struct mr_prefix mr_command_network(const struct mr_prefix *source)
{
	struct mr_prefix network = { .ip = source->ip, .length = source->ip.family == MR_IP_V4 ? 24 : 48 };

	for (unsigned i = network.length / 8; i < sizeof(network.ip.bytes); i++)
		network.ip.bytes[i] = 0;
	return network;
}

void mr_command_thresholds(const struct mr_command *c, struct mr_thresholds *thresholds_r)
{
	struct mr_site *site = mr_store_site_get(c->engine->store);

	mr_hijack_thresholds(&c->policy->hijack, site, thresholds_r);
	mr_store_site_done(c->engine->store, false);
}
