/*
 * Exemptions: the networks that a rule excepts, and the named ones of the policy, each with owner, reason and expiry.
 * An exemption holds when every condition that it names holds. Called by decide.c, only when a rule has something
 * against a message, so that the trail lists what was really tried.
 */
#include "core/rules.h"

static void keep_trail(struct mr_trail *trail, struct mr_str name, bool applied)
{
	if (trail->count == MR_TRAIL_MAX) {
		trail->dropped++;
		return;
	}
	trail->tried[trail->count].name = name;
	trail->tried[trail->count].applied = applied;
	trail->count++;
}

static bool conditions_hold(const struct mr_subject *subject, const struct mr_exemption *e, enum mr_rule rule,
			    struct mr_str recipient)
{
	const struct mr_connection *connection = subject->connection;

	if (rule == MR_RULE_RELAY && e->sender != NULL)
		return false; /* a sender is only a claim: it never gives the right to relay */
	if (rule == MR_RULE_RELAY && e->login == NULL && e->network == NULL && e->listener == NULL &&
	    e->recipient == NULL)
		return false; /* it names nobody, and would let everybody relay */
	if (subject->now_ms > e->expires_ms)
		return false;
	if (e->login != NULL && (subject->login.p == NULL || !mr_patternset_has(e->login, subject->login)))
		return false;
	if (e->network != NULL && !mr_prefixset_has(e->network, &connection->client_ip))
		return false;
	if (e->listener != NULL && !mr_str_equal(connection->listener, mr_str_of(e->listener)))
		return false;
	if (e->sender != NULL && !mr_patternset_has(e->sender, subject->sender.address))
		return false;
	return e->recipient == NULL || mr_patternset_has(e->recipient, recipient);
}

bool mr_exempt(struct mr_subject *subject, enum mr_rule rule, const struct mr_rule_settings *settings,
	       struct mr_str recipient)
{
	const struct mr_policy *policy = subject->policy;

	if (mr_prefixset_has(settings->except, &subject->connection->client_ip)) {
		keep_trail(&subject->trail, MR_STR("except"), true);
		return true;
	}
	for (size_t i = 0; i < policy->exemption_count; i++) {
		const struct mr_exemption *e = &policy->exemptions[i];
		bool applied;

		if (!(e->rules & MR_RULE_BIT(rule)))
			continue;
		applied = conditions_hold(subject, e, rule, recipient);
		keep_trail(&subject->trail, mr_str_of(e->name), applied);
		if (applied) {
			if (subject->exemption_used.p == NULL) {
				subject->exemption_used = mr_str_of(e->name);
				subject->exemption_rule = rule;
			}
			return true;
		}
	}
	return false;
}
