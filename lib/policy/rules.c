/*
 * The groups of rules, made from the tree. Not the maps (maps.c) and not what is odd about them (lint.c).
 * Called by build.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/build.h"

enum { NAME_MAX_BYTES = 64 };

/* A WORD whose choices are verdicts. */
static enum mr_verdict read_verdict(const config_setting_t *group, const char *full_name)
{
	struct mr_str rest = mr_str_of(mr_setting_find(mr_str_of(full_name))->unit);

	for (unsigned at = mr_read_word(group, full_name); at > 0; at--)
		rest = mr_str_part(rest, mr_str_find(rest, '|') + 1, rest.n);
	rest = mr_str_part(rest, 0, mr_str_find(rest, '|'));
	for (enum mr_verdict verdict = MR_HOLD; verdict <= MR_REJECT; verdict++) {
		if (mr_str_equal(rest, mr_str_of(mr_verdict_text(verdict))))
			return verdict;
	}
	return MR_ACCEPT;
}

void mr_rule_read(struct mr_builder *b, const config_setting_t *group, const char *name, struct mr_rule_settings *rule)
{
	static const char *const excepts[] = { "access.except", "auth.except", "shield.except", "sender.except",
					       "exists.except", "helo.except", "limits.except", "screen.except",
					       "location.except" };
	char full[NAME_MAX_BYTES];
	size_t n = strlen(name);

	snprintf(full, sizeof(full), "%s.mode", name);
	rule->mode = (enum mr_mode)mr_read_word(group, full);
	snprintf(full, sizeof(full), "%s.action", name);
	rule->action = MR_REJECT;
	if (mr_setting_find(mr_str_of(full)))
		rule->action = read_verdict(group, full);
	snprintf(full, sizeof(full), "%s.cannot_tell", name);
	rule->cannot_tell = MR_ACCEPT;
	if (mr_setting_find(mr_str_of(full)))
		rule->cannot_tell = read_verdict(group, full);
	for (size_t i = 0; i < sizeof(excepts) / sizeof(excepts[0]); i++) {
		if (strncmp(excepts[i], name, n) == 0 && excepts[i][n] == '.')
			mr_networks_trusted(b, group, excepts[i], false, &rule->except);
	}
}

/* A list of names, or its default. */
static void read_names(struct mr_builder *b, const config_setting_t *group, const char *full_name, bool fold,
		       struct mr_strmap **map_r)
{
	const config_setting_t *setting = mr_read_setting(group, full_name);
	struct mr_str rest = mr_str_of(mr_setting_find(mr_str_of(full_name))->fallback);

	if (setting) {
		mr_list_names(b, setting, fold, map_r);
		return;
	}
	*map_r = mr_strmap_new(b->policy->hash_key);
	if (!*map_r)
		b->err = MR_ERR_NOMEM;
	while (rest.n > 0 && !b->err) {
		size_t blank = mr_str_find(rest, ' ');

		b->err = mr_strmap_set(*map_r, mr_str_part(rest, 0, blank), NULL, NULL);
		rest = mr_str_part(rest, blank + 1, rest.n);
	}
}

static void build_access(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "access");
	const config_setting_t *deny = mr_read_setting(group, "access.deny"),
			       *allow = mr_read_setting(group, "access.allow");
	struct mr_access_policy *access = &b->policy->access;
	struct mr_where where = mr_read_where(b, group, "access.allow");

	mr_rule_read(b, group, "access", &access->rule);
	access->at = (enum mr_access_stage)mr_read_word(group, "access.at");
	access->allow_mode = allow && !deny;
	if (deny && allow)
		MR_FAULT(b, "conflict", &where,
			 "access has both deny and allow\nkeep one: allow says who may, deny says who may not");
	mr_networks_list(b, access->allow_mode ? allow : deny, &access->list, NULL);
	where = mr_read_where(b, group, "access.action");
	if (access->at == MR_ACCESS_AT_CONNECT && access->rule.action == MR_HOLD)
		MR_FAULT(b, "conflict", &where,
			 "access cannot hold at connect: there is no mail yet\nwrite at = \"mail\", or another action");
}

static void build_relay(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "relay");
	struct mr_relay_policy *relay = &b->policy->relay;

	mr_rule_read(b, group, "relay", &relay->rule);
	mr_networks_trusted(b, group, "relay.networks", true, &relay->networks);
	mr_list_patterns(b, mr_read_setting(group, "relay.logins"), MR_PATTERN_LOGIN, &relay->logins);
	relay->local_submission = mr_read_bool(group, "relay.local_submission");
	relay->routing_characters = mr_read_word(group, "relay.routing_characters") == 1;
	read_names(b, group, "relay.local_mailers", false, &relay->local_mailers);
}

static void put_required(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	struct mr_auth_policy *auth = context;

	switch (mr_choice_find("local-senders|local-networks|roles|listeners", entry)) {
	case 0:
		auth->local_senders = true;
		break;
	case 1:
		auth->local_networks = true;
		break;
	case 2:
		auth->roles = true;
		break;
	case 3:
		break;
	default:
		MR_FAULT(
			b, "bad-value", where,
			"auth.required_for cannot hold \"%s\"\nwrite local-senders, local-networks, roles or listeners",
			mr_faults_show(b->faults, entry));
	}
}

static void find_listeners(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	bool *asked = context;

	(void)b;
	(void)where;
	*asked = *asked || mr_str_equal(entry, MR_STR("listeners"));
}

static void build_auth(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "auth");
	const config_setting_t *required = mr_read_setting(group, "auth.required_for");
	struct mr_auth_policy *auth = &b->policy->auth;
	bool listeners = false;

	mr_rule_read(b, group, "auth", &auth->rule);
	mr_list_each(b, required, put_required, auth);
	mr_list_each(b, required, find_listeners, &listeners);
	mr_networks_list(b, mr_read_setting(group, "auth.networks"), &auth->networks, NULL);
	read_names(b, group, "auth.roles", true, &auth->role_names);
	if (listeners)
		read_names(b, group, "auth.listeners", false, &auth->listeners);
	auth->except_local_recipients = mr_read_bool(group, "auth.except_local_recipients");
}

static void put_shield_domain(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	struct mr_shield_policy *shield = context;
	const char *why = "";
	int err = MR_OK;

	if (mr_str_equal(entry, MR_STR("@local")))
		shield->local_domains = true;
	else if (mr_str_equal(entry, MR_STR("*")))
		shield->any_domain = true;
	else
		err = mr_domainset_add(shield->domains, entry, &why);
	if (err == MR_ERR_NOMEM)
		b->err = err;
	else if (err)
		MR_FAULT(b, "bad-domain", where,
			 "\"%s\" is not a domain: %s\nwrite a name such as example.com, @local for all of ours, or *",
			 mr_faults_show(b->faults, entry), why);
}

static void build_shield(struct mr_builder *b, const config_setting_t *group, struct mr_shield_policy *shield)
{
	mr_rule_read(b, group, "shield", &shield->rule);
	shield->domains = mr_domainset_new(b->policy->hash_key);
	if (!shield->domains) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	mr_list_each(b, mr_read_setting(group, "shield.domains"), put_shield_domain, shield);
	mr_networks_trusted(b, group, "shield.networks", false, &shield->networks);
	shield->header_from = mr_read_bool(group, "shield.header_from");
	shield->except_logins = mr_read_bool(group, "shield.except_logins");
	shield->except_local_recipients = mr_read_bool(group, "shield.except_local_recipients");
	shield->aliases = mr_read_bool(group, "shield.aliases");
}

static void build_shields(struct mr_builder *b)
{
	const config_setting_t *all = config_setting_get_member(b->root, "shield");
	bool single = all && config_setting_is_group(all);
	int n = !all ? 0 : single ? 1 : config_setting_is_list(all) ? config_setting_length(all) : 0;

	b->policy->shield = mr_calloc((size_t)n + 1, sizeof(*b->policy->shield));
	b->shield_places = mr_calloc((size_t)n + 1, sizeof(*b->shield_places));
	if (!b->policy->shield || !b->shield_places) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	for (int i = 0; i < n && !b->err; i++) {
		const config_setting_t *group = single ? all : config_setting_get_elem(all, (unsigned)i);

		if (!config_setting_is_group(group))
			continue;
		b->shield_places[b->policy->shield_count] = group;
		build_shield(b, group, &b->policy->shield[b->policy->shield_count++]);
	}
}

static void build_sender(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "sender");
	struct mr_sender_policy *sender = &b->policy->sender;

	mr_rule_read(b, group, "sender", &sender->rule);
	sender->own = mr_read_bool(group, "sender.own");
	sender->aliases = mr_read_bool(group, "sender.aliases");
	sender->plus = mr_read_bool(group, "sender.plus");
	sender->null_sender = mr_read_bool(group, "sender.null_sender");
	sender->header_from = mr_read_bool(group, "sender.header_from");
	sender->header_sender = mr_read_bool(group, "sender.header_sender");
}

static void build_exists(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "exists");
	struct mr_exists_policy *exists = &b->policy->exists;

	mr_rule_read(b, group, "exists", &exists->rule);
	exists->senders = mr_read_bool(group, "exists.senders");
	exists->recipients = mr_read_bool(group, "exists.recipients");
	exists->except_logins = mr_read_bool(group, "exists.except_logins");
	exists->plus = mr_read_bool(group, "exists.plus");
}

static void build_helo(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "helo");

	mr_rule_read(b, group, "helo", &b->policy->helo.rule);
	b->policy->helo.except_logins = mr_read_bool(group, "helo.except_logins");
}

static void build_limits(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "limits");
	struct mr_limits_policy *limits = &b->policy->limits;

	mr_rule_read(b, group, "limits", &limits->rule);
	limits->recipients = mr_read_number(group, "limits.recipients");
	limits->size = mr_read_number(group, "limits.size");
	limits->size_from_body = mr_read_word(group, "limits.size_from") == 0;
}

void mr_rules_build(struct mr_builder *b)
{
	build_access(b);
	build_relay(b);
	build_auth(b);
	build_shields(b);
	build_sender(b);
	build_exists(b);
	build_helo(b);
	build_limits(b);
}
