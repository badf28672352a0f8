/*
 * What is allowed in a policy and yet looks wrong. Not faults of single values (check.c, rules.c).
 * Called by build.c, when the policy is complete.
 */
#include "policy/lint.h"

#include <stdio.h>
#include <string.h>

#include "policy/build.h"

static const struct mr_lint_row rows[] = {
#define MR_LINT(name, id, words) { id, words },
#include "policy/lint.def"
#undef MR_LINT
};

const struct mr_lint_row *mr_lint_row(size_t i)
{
	return i < MR_LINT_COUNT ? &rows[i] : NULL;
}

static bool acts(const struct mr_builder *b, const struct mr_rule_settings *rule)
{
	return mr_policy_mode(b->policy, rule) != MR_MODE_OFF;
}

/* ---- Exemptions ---- */

static void lint_exemption(struct mr_builder *b, const struct mr_exemption *e, const struct mr_exemption_place *place)
{
	struct mr_where where = mr_tree_where(b->tree, place->setting);
	struct mr_where expires = mr_read_where(b, place->setting, "exemptions.expires");
	const char *name = mr_faults_show(b->faults, mr_str_of(e->name ? e->name : "?"));

	if (!e->owner)
		MR_WARN(b, MR_LINT_OWNER, &where, "exemption %s does not say who asked for it\nset owner", name);
	if (!e->reason)
		MR_WARN(b, MR_LINT_REASON, &where, "exemption %s does not say why it is there\nset reason", name);
	if (e->expires_ms == INT64_MAX)
		MR_WARN(b, MR_LINT_EXPIRY, &where,
			"exemption %s never ends\nset expires = \"YYYY-MM-DD\", and look at it again on that day",
			name);
	else if (e->expires_ms < b->now_ms)
		MR_WARN(b, MR_LINT_EXPIRED, &expires,
			"exemption %s has expired and does nothing any more\ntake it out, or give it another day",
			name);
	if (place->own_domain)
		MR_WARN(b, MR_LINT_OWN_SENDER, &place->own_domain_where,
			"exemption %s excuses senders of our own domain, and a spammer claims just those\n"
			"use login or network instead of sender",
			name);
}

static const struct mr_rule_settings *settings_of(const struct mr_policy *policy, enum mr_rule rule)
{
	switch (rule) {
	case MR_RULE_ACCESS:
		return &policy->access.rule;
	case MR_RULE_SCREEN:
		return &policy->screen.rule;
	case MR_RULE_RELAY:
		return &policy->relay.rule;
	case MR_RULE_AUTH:
		return &policy->auth.rule;
	case MR_RULE_SENDER:
		return &policy->sender.rule;
	case MR_RULE_EXISTS:
		return &policy->exists.rule;
	case MR_RULE_HELO:
		return &policy->helo.rule;
	case MR_RULE_LIMITS:
		return &policy->limits.rule;
	case MR_RULE_HIJACK:
		return &policy->hijack.rule;
	case MR_RULE_SHIELD:
	case MR_RULE_LOCATION:
	case MR_RULE_RATES:
	case MR_RULE_BLOCK:
	case MR_RULE_ACCOUNT:
	case MR_RULE_MTA:
	case MR_RULE_COUNT:
		break;
	}
	return NULL;
}

/* Why an exemption from rule does nothing, or NULL. */
static const char *why_idle(const struct mr_builder *b, enum mr_rule rule, const struct mr_exemption *e)
{
	const struct mr_policy *policy = b->policy;
	const struct mr_rule_settings *settings = settings_of(policy, rule);
	bool any = false;

	if (settings && settings->mode == MR_MODE_OFF)
		return "that rule is off";
	for (size_t i = 0; rule == MR_RULE_SHIELD && i < policy->shield_count; i++)
		any = any || policy->shield[i].rule.mode != MR_MODE_OFF;
	if (rule == MR_RULE_SHIELD && !any)
		return "there is no shield";
	for (size_t i = 0; rule == MR_RULE_LOCATION && i < policy->location.count; i++)
		any = any || policy->location.entries[i].rule.mode != MR_MODE_OFF;
	if (rule == MR_RULE_LOCATION && !any)
		return "there is no location";
	if (rule == MR_RULE_SCREEN && (e->sender || e->recipient))
		return "logins are judged before there is a sender or recipient";
	if (rule == MR_RULE_SCREEN && policy->screen.at == MR_SCREEN_AT_CONNECT && e->login && !e->network)
		return "a blocked source is refused at connect, before there is a login";
	if (rule == MR_RULE_RATES && !b->rates_places[0])
		return "there are no limits.rates";
	if (rule == MR_RULE_ACCESS && policy->access.at == MR_ACCESS_AT_CONNECT &&
	    (e->login || e->sender || e->recipient))
		return "access is judged at connect, before there is a login, sender or recipient";
	return NULL;
}

static void lint_exempted_rules(struct mr_builder *b, const struct mr_exemption *e,
				const struct mr_exemption_place *place)
{
	struct mr_where where = mr_read_where(b, place->setting, "exemptions.rules");
	const char *name = mr_faults_show(b->faults, mr_str_of(e->name ? e->name : "?"));

	if ((e->login && mr_patternset_is_empty(e->login)) || (e->sender && mr_patternset_is_empty(e->sender)) ||
	    (e->recipient && mr_patternset_is_empty(e->recipient)) || (e->network && mr_prefixset_is_empty(e->network)))
		MR_WARN(b, MR_LINT_NEVER, &where,
			"exemption %s has an empty list as a condition, so it holds for nobody\nfill the list, or take "
			"the exemption out",
			name);
	for (enum mr_rule rule = MR_RULE_ACCESS; rule < MR_RULE_COUNT; rule++) {
		const char *why = e->rules & MR_RULE_BIT(rule) ? why_idle(b, rule, e) : NULL;

		if (why)
			MR_WARN(b, MR_LINT_NEVER, &where,
				"exemption %s can never excuse from %s: %s\ntake %s out of rules", name,
				mr_rule_row(rule)->name, why, mr_rule_row(rule)->name);
	}
}

/* ---- Rules that do nothing ---- */

static void warn_off(struct mr_builder *b, const config_setting_t *group, const char *full_name, enum mr_lint lint,
		     const char *what)
{
	struct mr_where where = mr_read_where(b, group, full_name);

	MR_WARN(b, lint, &where, "%s\nwrite \"observe\" to see what it would do, then \"enforce\"", what);
}

static void lint_off(struct mr_builder *b)
{
	static const char *const modes[] = { "auth.mode",   "sender.mode", "exists.mode",
					     "helo.mode",   "limits.mode", "screen.mode" };
	const struct mr_policy *policy = b->policy;
	char what[96];

	if (policy->mode == MR_MODE_OFF)
		warn_off(b, b->root, "mode", MR_LINT_FILTERING, "mode is off: Mailreeve does nothing at all");
	if (policy->access.rule.mode == MR_MODE_OFF)
		warn_off(b, mr_read_group(b, "access"), "access.mode", MR_LINT_FILTERING,
			 "access is off: clients are not filtered by their address");
	if (policy->relay.rule.mode == MR_MODE_OFF)
		warn_off(b, mr_read_group(b, "relay"), "relay.mode", MR_LINT_FILTERING,
			 "relay is off: nothing here keeps the server from being an open relay");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		int n = (int)(strchr(modes[i], '.') - modes[i]);
		char name[16];
		const config_setting_t *group;

		snprintf(name, sizeof(name), "%.*s", n, modes[i]);
		snprintf(what, sizeof(what), "the rule %s is off", name);
		group = mr_read_group(b, name);
		if (mr_read_word(group, modes[i]) == MR_MODE_OFF)
			warn_off(b, group, modes[i], MR_LINT_OFF, what);
	}
	for (size_t i = 0; i < policy->location.count; i++) {
		if (policy->location.entries[i].rule.mode == MR_MODE_OFF)
			warn_off(b, b->location_places[i], "location.mode", MR_LINT_OFF, "this entry of location is off");
	}
	for (size_t i = 0; i < policy->shield_count; i++) {
		if (policy->shield[i].rule.mode == MR_MODE_OFF)
			warn_off(b, b->shield_places[i], "shield.mode", MR_LINT_OFF, "this shield is off");
	}
}

static void never(struct mr_builder *b, const config_setting_t *group, const char *full_name, const char *what,
		  const char *cure)
{
	struct mr_where where = mr_read_where(b, group, full_name);

	MR_WARN(b, MR_LINT_NEVER, &where, "%s\n%s", what, cure);
}

static bool map_is_empty(const struct mr_strmap *map)
{
	return !map || mr_strmap_count(map) == 0;
}

static void lint_idle_access(struct mr_builder *b)
{
	const struct mr_access_policy *access = &b->policy->access;
	const config_setting_t *group = mr_read_group(b, "access");

	if (!group || !acts(b, &access->rule) || !mr_prefixset_is_empty(access->list))
		return;
	if (access->allow_mode)
		never(b, group, "access.allow", "access.allow is empty, so every client is turned away",
		      "name the clients that may come in");
	else
		never(b, group, "access.deny", "access has no list or an empty one, so it never says no",
		      "set deny or allow, or leave access out");
}

static void lint_idle_auth(struct mr_builder *b)
{
	const struct mr_auth_policy *auth = &b->policy->auth;
	const config_setting_t *group = mr_read_group(b, "auth");
	bool listeners = auth->listeners != NULL;

	if (!group || !acts(b, &auth->rule))
		return;
	if (!auth->local_senders && !auth->local_networks && !auth->roles && !listeners)
		never(b, group, "auth.required_for", "auth does not say what needs a login, so it never asks for one",
		      "set required_for");
	if (auth->local_networks && mr_prefixset_is_empty(auth->networks))
		never(b, group, "auth.required_for", "auth is required for local-networks, but none is named",
		      "set auth.networks");
	if (!auth->local_networks && mr_read_setting(group, "auth.networks"))
		never(b, group, "auth.networks",
		      "auth.networks is used by local-networks only, which is not in required_for",
		      "add \"local-networks\" to required_for, or take networks out");
	if (auth->roles && map_is_empty(auth->role_names))
		never(b, group, "auth.roles", "auth is required for roles, but none is named",
		      "set auth.roles, or leave it to its default");
	if (listeners && map_is_empty(auth->listeners))
		never(b, group, "auth.required_for", "auth is required for listeners, but none is named",
		      "set auth.listeners");
	if (!listeners && mr_read_setting(group, "auth.listeners"))
		never(b, group, "auth.listeners",
		      "auth.listeners is used by listeners only, which is not in required_for",
		      "add \"listeners\" to required_for, or take listeners out");
}

static bool holds_everybody(const struct mr_written_list *written)
{
	for (size_t i = 0; i < written->count; i++) {
		if (written->items[i].prefix.length == 0)
			return true;
	}
	return false;
}

static void lint_shields(struct mr_builder *b)
{
	for (size_t i = 0; i < b->policy->shield_count; i++) {
		const struct mr_shield_policy *shield = &b->policy->shield[i];
		const config_setting_t *group = b->shield_places[i];
		struct mr_where where = mr_read_where(b, group, "shield.except_local_recipients");

		if (!acts(b, &shield->rule))
			continue;
		if (mr_domainset_is_empty(shield->domains) && !shield->local_domains && !shield->any_domain)
			never(b, group, "shield.domains", "this shield names no domains, so it guards nothing",
			      "set domains = [ \"@local\" ], or take the shield out");
		if (shield->except_local_recipients)
			MR_WARN(b, MR_LINT_SHIELD_LOCAL, &where,
				"this shield does not look at mail to our own domains, where a forged colleague does "
				"most harm\n"
				"set except_local_recipients = false");
		for (size_t j = 0; j < b->trust_count; j++) {
			const struct mr_trust *trust = &b->trusts[j];

			if (trust->set && trust->set == shield->networks && holds_everybody(&trust->written))
				never(b, group, "shield.networks",
				      "every address is among this shield's networks, so it never says no",
				      "name the networks that may use the domains");
		}
	}
}

static void lint_idle_rules(struct mr_builder *b)
{
	const struct mr_policy *policy = b->policy;
	const config_setting_t *group = mr_read_group(b, "sender");

	if (group && acts(b, &policy->sender.rule) && map_is_empty(policy->sender.logins) && !policy->sender.own)
		never(b, group, "sender.own", "sender has no map and own is false, so it can never tell",
		      "set sender.logins or own = true");
	group = mr_read_group(b, "exists");
	if (group && acts(b, &policy->exists.rule) && !policy->accounts)
		never(b, group, "exists", "exists has no accounts to look into, so it never says no",
		      "set accounts = \"file:PATH\"");
	if (group && acts(b, &policy->exists.rule) && !policy->exists.senders && !policy->exists.recipients)
		never(b, group, "exists.senders", "exists looks neither at senders nor at recipients",
		      "set one of them, or mode = \"off\"");
	if (policy->accounts && mr_strmap_count(policy->accounts) == 0)
		never(b, b->root, "accounts", "the list of accounts is empty, so that nobody exists",
		      "fill it, or leave accounts out");
	group = mr_read_group(b, "relay");
	if (group && acts(b, &policy->relay.rule) && policy->relay.logins &&
	    mr_patternset_is_empty(policy->relay.logins))
		never(b, group, "relay.logins", "relay.logins is empty, so that no login may relay",
		      "name some, or leave it out to allow all");
	group = mr_read_group(b, "limits");
	if (group && acts(b, &policy->limits.rule) && !policy->limits.recipients && !policy->limits.size &&
	    !b->rates_places[0])
		never(b, group, "limits", "limits sets neither recipients nor size nor rates",
		      "set one of them, or leave limits out");
	for (size_t i = 0; i < b->network_count; i++) {
		if (mr_prefixset_is_empty(b->networks[i].set))
			MR_WARN(b, MR_LINT_NEVER, &b->networks[i].where,
				"network %s is empty, so that nobody is in it\ngive it addresses, or take it out",
				mr_faults_show(b->faults, mr_str_of(b->networks[i].name)));
	}
}

/* A login without a domain owns its name in every domain of ours: with one domain there is no doubt about which. */
static void lint_sender_map(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "sender");
	struct mr_where where = mr_read_where(b, group, "sender.logins");
	struct mr_str login, domain;
	size_t at = 0, domains = 0;

	while (domains < 2 && mr_domainset_next(b->policy->domains, &at, &domain))
		domains += domain.p[0] == '.' ? 2 : 1;
	if (!acts(b, &b->policy->sender.rule) || !b->policy->sender.own || domains < 2)
		return;
	at = 0;
	while (b->policy->sender.logins && mr_strmap_next(b->policy->sender.logins, &at, &login, NULL)) {
		const char *shown;

		if (mr_str_find(login, '@') < login.n)
			continue;
		shown = mr_faults_show(b->faults, login);
		MR_WARN(b, MR_LINT_SENDER_DOMAIN, &where,
			"the sender map has the login \"%s\" without a domain, so that it owns %s@ in each of our "
			"domains\n"
			"set login.default_domain, or sender.own = false",
			shown, shown);
		return;
	}
}

static void lint_later(struct mr_builder *b)
{
	const struct mr_setting_row *row;

	for (size_t i = 0; (row = mr_setting_row(i)) != NULL; i++) {
		const config_setting_t *group = row->type == MR_SETTING_LATER ? mr_read_group(b, row->name) : NULL;
		struct mr_where where = mr_tree_where(b->tree, group);

		if (group)
			MR_WARN(b, MR_LINT_LATER, &where,
				"%s is not in this version and does nothing\nleave it if you wait for that version, "
				"else take it out",
				row->name);
	}
}

void mr_lint_run(struct mr_builder *b)
{
	mr_lint_trust(b);
	for (size_t i = 0; i < b->policy->exemption_count; i++) {
		lint_exemption(b, &b->policy->exemptions[i], &b->exemption_places[i]);
		lint_exempted_rules(b, &b->policy->exemptions[i], &b->exemption_places[i]);
	}
	lint_off(b);
	lint_idle_access(b);
	lint_idle_auth(b);
	lint_shields(b);
	lint_idle_rules(b);
	mr_lint_rates(b);
	mr_lint_screen(b);
	mr_lint_location(b);
	lint_sender_map(b);
	lint_later(b);
}
