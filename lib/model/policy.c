/*
 * The life of a compiled policy: made empty, held, dropped. Not how it is filled (the room policy/) nor what it means
 * (the core). Called by everybody who keeps a policy.
 */
#include "model/policy.h"

#include "base/alloc.h"

struct mr_policy *mr_policy_alloc(void)
{
	struct mr_policy *policy = mr_calloc(1, sizeof(*policy));

	if (policy)
		atomic_init(&policy->references, 1);
	return policy;
}

struct mr_policy *mr_policy_hold(struct mr_policy *policy)
{
	atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
	return policy;
}

static void free_patternset(void *value)
{
	struct mr_patternset *set = value;

	mr_patternset_free(&set);
}

static void free_scalar(void *value)
{
	struct mr_scalar *scalar = value;

	mr_free(scalar->text);
	mr_free(scalar);
}

static void free_rules(struct mr_policy *policy)
{
	mr_prefixset_free(&policy->access.rule.except);
	mr_prefixset_free(&policy->access.list);
	mr_prefixset_free(&policy->relay.rule.except);
	mr_prefixset_free(&policy->relay.networks);
	mr_patternset_free(&policy->relay.logins);
	mr_strmap_free(&policy->relay.local_mailers, NULL);
	mr_prefixset_free(&policy->auth.rule.except);
	mr_prefixset_free(&policy->auth.networks);
	mr_strmap_free(&policy->auth.role_names, NULL);
	mr_strmap_free(&policy->auth.listeners, NULL);
	for (size_t i = 0; i < policy->shield_count; i++) {
		mr_prefixset_free(&policy->shield[i].rule.except);
		mr_domainset_free(&policy->shield[i].domains);
		mr_prefixset_free(&policy->shield[i].networks);
	}
	mr_free(policy->shield);
	mr_prefixset_free(&policy->sender.rule.except);
	mr_strmap_free(&policy->sender.logins, free_patternset);
	mr_prefixset_free(&policy->exists.rule.except);
	mr_prefixset_free(&policy->helo.rule.except);
	mr_prefixset_free(&policy->limits.rule.except);
}

static void free_hijack(struct mr_policy *policy)
{
	mr_prefixset_free(&policy->hijack.rule.except);
	mr_prefixset_free(&policy->hijack.own_networks);
	mr_strmap_free(&policy->hijack.spam_headers, mr_free);
	mr_free(policy->hijack.script_header);
	mr_free(policy->hijack.contact);
	mr_free(policy->state.directory);
}

static void free_rates(struct mr_rates_policy *rates)
{
	for (size_t i = 0; i < rates->count; i++) {
		struct mr_rates_entry *entry = &rates->entries[i];

		mr_free(entry->name);
		mr_prefixset_free(&entry->rule.except);
		mr_patternset_free(&entry->exact);
		mr_patternset_free(&entry->like);
		mr_domainset_free(&entry->domains);
		mr_prefixset_free(&entry->sources);
		mr_strmap_free(&entry->listeners, NULL);
		for (size_t j = 0; j < entry->limit_count; j++)
			mr_free(entry->limits[j].label);
		mr_free(entry->limits);
	}
	mr_free(rates->entries);
	mr_prefixset_free(&rates->networks);
}

static void free_screen(struct mr_screen_policy *screen)
{
	mr_prefixset_free(&screen->rule.except);
	mr_prefixset_free(&screen->own_networks);
	for (size_t i = 0; i < screen->limit_count; i++)
		mr_free(screen->limits[i].label);
	mr_free(screen->limits);
}

static void free_territory(struct mr_territory *territory)
{
	mr_free(territory->countries);
	mr_free(territory->asns);
}

static void free_location(struct mr_location_policy *location)
{
	for (size_t i = 0; i < location->count; i++) {
		struct mr_location_entry *entry = &location->entries[i];

		mr_prefixset_free(&entry->rule.except);
		mr_patternset_free(&entry->logins);
		mr_domainset_free(&entry->domains);
		free_territory(&entry->from);
		free_territory(&entry->not_from);
	}
	mr_free(location->entries);
}

static void free_items(struct mr_items *items)
{
	for (size_t i = 0; i < items->count; i++)
		mr_free(items->text[i]);
	mr_free(items->text);
}

static void free_exemption(struct mr_exemption *exemption)
{
	mr_free(exemption->name);
	mr_free(exemption->owner);
	mr_free(exemption->reason);
	mr_free(exemption->listener);
	mr_patternset_free(&exemption->login);
	mr_prefixset_free(&exemption->network);
	mr_patternset_free(&exemption->sender);
	mr_patternset_free(&exemption->recipient);
}

static void free_policy(struct mr_policy *policy)
{
	mr_free(policy->file);
	mr_domainset_free(&policy->domains);
	mr_domainset_free(&policy->relays);
	mr_domainset_free(&policy->hostnames);
	mr_prefixset_free(&policy->own_addresses);
	mr_patternset_free(&policy->helpdesk);
	mr_strmap_free(&policy->accounts, NULL);
	mr_strmap_free(&policy->aliases, mr_free);
	mr_free(policy->login.default_domain);
	free_rules(policy);
	free_hijack(policy);
	free_rates(&policy->rates);
	free_screen(&policy->screen);
	free_territory(&policy->geo.shared);
	free_location(&policy->location);
	free_items(&policy->notices.to);
	free_items(&policy->notices.events);
	free_items(&policy->notices.password);
	free_items(&policy->login_feed.keys);
	for (size_t i = 0; i < policy->exemption_count; i++)
		free_exemption(&policy->exemptions[i]);
	mr_free(policy->exemptions);
	mr_free(policy->log.events);
	mr_free(policy->log.facts);
	mr_strmap_free(&policy->scalars, free_scalar);
	mr_free(policy);
}

void mr_policy_drop(struct mr_policy **policy)
{
	struct mr_policy *p = *policy;

	*policy = NULL;
	if (p && atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) == 1)
		free_policy(p);
}

enum mr_mode mr_policy_mode(const struct mr_policy *policy, const struct mr_rule_settings *rule)
{
	return rule->mode < policy->mode ? rule->mode : policy->mode;
}
