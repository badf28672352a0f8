/*
 * The list of exemptions. Called by build.c.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/unicode.h"
#include "policy/build.h"

struct rule_list {
	mr_rule_mask mask;
	size_t count;
};

static void put_rule(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	struct rule_list *list = context;

	list->count++;
	for (enum mr_rule rule = MR_RULE_ACCESS; rule < MR_RULE_COUNT; rule++) {
		if (mr_str_equal(entry, mr_str_of(mr_rule_row(rule)->name))) {
			list->mask |= MR_RULE_BIT(rule);
			return;
		}
	}
	MR_FAULT(b, "unknown-rule", where,
		 "there is no rule \"%s\"\nwrite access, screen, relay, auth, shield, sender, exists, helo, location, limits, "
		 "rates or hijack",
		 mr_faults_show(b->faults, entry));
}

/* Whether domain is in set, or some entry of set below it. domain may begin with a dot, as in patterns. */
static bool overlaps(const struct mr_domainset *set, struct mr_str domain)
{
	struct mr_str entry;
	size_t at = 0;

	if (mr_domainset_has(set, domain))
		return true;
	while (domain.n > 0 && domain.p[0] == '.' && mr_domainset_next(set, &at, &entry)) {
		if (mr_str_ends_with(entry, domain))
			return true;
	}
	return false;
}

static void find_own_domain(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	struct mr_exemption_place *place = context;
	struct mr_str domain = mr_str_part(entry, mr_str_find_last(entry, '@') + 1, entry.n);
	bool dot = domain.n > 0 && domain.p[0] == '.';
	char text[MR_DOMAIN_MAX + 1] = ".";
	size_t n;

	if (place->own_domain)
		return;
	if (mr_str_equal(entry, MR_STR("*"))) {
		place->own_domain = true;
	} else if (mr_domain_canonical(mr_str_part(domain, dot, domain.n), text + 1, &n) == MR_OK) {
		domain = (struct mr_str){ dot ? text : text + 1, dot ? n + 1 : n };
		place->own_domain = overlaps(b->policy->domains, domain) || overlaps(b->policy->relays, domain);
	}
	place->own_domain_where = *where;
}

/* Conditions that cannot be told before MAIL. */
static bool needs_mail(const struct mr_exemption *e)
{
	return e->login || e->sender || e->recipient;
}

static void check(struct mr_builder *b, const config_setting_t *group, const struct mr_exemption *e, size_t rules)
{
	struct mr_where where = mr_tree_where(b->tree, group);
	struct mr_where rules_where = mr_read_where(b, group, "exemptions.rules");
	const char *name = e->name ? mr_faults_show(b->faults, mr_str_of(e->name)) : "?";

	if (!e->name)
		MR_FAULT(b, "missing-setting", &where, "this exemption has no name\ngive it one: event lines show it");
	if (rules == 0)
		MR_FAULT(b, "missing-setting", &where,
			 "exemption %s names no rules\nwrite rules = [ \"shield\" ], for example", name);
	if (!needs_mail(e) && !e->network && !e->listener)
		MR_FAULT(b, "missing-setting", &where,
			 "exemption %s has no condition, so it would hold for everybody\nset login, network, sender, "
			 "recipient or listener",
			 name);
	if (e->sender && (e->rules & MR_RULE_BIT(MR_RULE_RELAY)))
		MR_FAULT(b, "relay-by-claimed-sender", &rules_where,
			 "exemption %s lets a sender relay, but a sender is only a claim that everybody can make\n"
			 "take relay out of rules, or use login or network instead of sender",
			 name);
	if (e->name && mr_strmap_has(b->exemption_names, mr_str_of(e->name)))
		MR_FAULT(b, "duplicate-setting", &where, "there are two exemptions named %s\ngive each its own name",
			 name);
	else if (e->name && mr_strmap_set(b->exemption_names, mr_str_of(e->name), NULL, NULL))
		b->err = MR_ERR_NOMEM;
}

static void build_one(struct mr_builder *b, const config_setting_t *group, struct mr_exemption *e,
		      struct mr_exemption_place *place)
{
	struct rule_list rules = { 0 };

	place->setting = group;
	mr_read_copy(b, group, "exemptions.name", &e->name);
	mr_read_copy(b, group, "exemptions.owner", &e->owner);
	mr_read_copy(b, group, "exemptions.reason", &e->reason);
	mr_read_copy(b, group, "exemptions.listener", &e->listener);
	mr_list_each(b, mr_read_setting(group, "exemptions.rules"), put_rule, &rules);
	e->rules = rules.mask;
	e->expires_ms = INT64_MAX;
	if (mr_read_setting(group, "exemptions.expires")) {
		e->expires_ms = mr_read_number(group, "exemptions.expires");
		if (e->expires_ms == 0) /* a fault, told by the check: not one more by the lint */
			e->expires_ms = INT64_MAX - 1;
	}
	mr_list_patterns(b, mr_read_setting(group, "exemptions.login"), MR_PATTERN_LOGIN, &e->login);
	mr_list_patterns(b, mr_read_setting(group, "exemptions.sender"), MR_PATTERN_ADDRESS, &e->sender);
	mr_list_patterns(b, mr_read_setting(group, "exemptions.recipient"), MR_PATTERN_ADDRESS, &e->recipient);
	mr_networks_trusted(b, group, "exemptions.network", (rules.mask & MR_RULE_BIT(MR_RULE_RELAY)) != 0,
			    &e->network);
	mr_list_each(b, mr_read_setting(group, "exemptions.sender"), find_own_domain, place);
	check(b, group, e, rules.count);
}

void mr_exemptions_build(struct mr_builder *b)
{
	const config_setting_t *all = config_setting_get_member(b->root, "exemptions");
	bool single = all && config_setting_is_group(all);
	int n = !all ? 0 : single ? 1 : config_setting_is_list(all) ? config_setting_length(all) : 0;

	b->policy->exemptions = mr_calloc((size_t)n + 1, sizeof(*b->policy->exemptions));
	b->exemption_places = mr_calloc((size_t)n + 1, sizeof(*b->exemption_places));
	b->exemption_names = mr_strmap_new(b->policy->hash_key);
	if (!b->policy->exemptions || !b->exemption_places || !b->exemption_names) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	for (int i = 0; i < n && !b->err; i++) {
		const config_setting_t *group = single ? all : config_setting_get_elem(all, (unsigned)i);
		size_t at = b->policy->exemption_count;

		if (!config_setting_is_group(group))
			continue;
		b->policy->exemption_count++;
		build_one(b, group, &b->policy->exemptions[at], &b->exemption_places[at]);
	}
}
