/*
 * Named networks and lists of networks. Not the rules that use them. Called by build.c, rules.c and exemptions.c.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/build.h"

/* A list on its way to be a set. names: other networks may be named in it. */
struct net_list {
	struct mr_prefixset_builder *builder;
	struct mr_written_list *written; /* or NULL */
	bool names;
	bool exceptions;
};

static const char *const loopback[] = { "127.0.0.0/8", "::1", NULL };
static const char *const private_use[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8",
					   "::1",        "fc00::/7",      "fe80::/10",      NULL };

static void note(struct mr_builder *b, struct mr_written_list *written, const struct mr_prefix *prefix,
		 const struct mr_where *where)
{
	if (!written)
		return;
	if (written->count == written->room) {
		size_t room = written->room ? written->room * 2 : 8;
		struct mr_written_prefix *items = mr_realloc(written->items, room, sizeof(*items));

		if (!items) {
			b->err = MR_ERR_NOMEM;
			return;
		}
		written->items = items;
		written->room = room;
	}
	written->items[written->count++] = (struct mr_written_prefix){ *prefix, *where };
}

static void put_prefix(struct mr_builder *b, struct net_list *list, const struct mr_prefix *prefix,
		       const struct mr_where *where)
{
	int err =
		list->exceptions ? mr_prefixset_except(list->builder, prefix) : mr_prefixset_add(list->builder, prefix);

	if (err)
		b->err = err;
	note(b, list->written, prefix, where);
}

static void put_builtin(struct mr_builder *b, struct net_list *list, const char *const *prefixes,
			const struct mr_where *where)
{
	for (; *prefixes; prefixes++) {
		struct mr_prefix prefix;
		const char *why;

		if (mr_prefix_parse(mr_str_of(*prefixes), &prefix, &why) == MR_OK)
			put_prefix(b, list, &prefix, where);
	}
}

static void put_own(struct mr_builder *b, struct net_list *list, const struct mr_where *where)
{
	if (list->exceptions || !b->policy->own_addresses)
		MR_FAULT(b, "unknown-network", where, "@own has no addresses%s\n%s", list->exceptions ? " here" : "",
			 list->exceptions ? "write them out" : "set own_addresses");
	else if (mr_prefixset_add_set(list->builder, b->policy->own_addresses))
		b->err = MR_ERR_NOMEM;
}

static void unknown_name(struct mr_builder *b, struct mr_str name, const struct mr_where *where)
{
	const char *nearest = NULL;
	size_t best = 3;

	for (size_t i = 0; i < b->network_count; i++) {
		size_t distance = mr_edit_distance(name, mr_str_of(b->networks[i].name), best);

		if (distance < best) {
			best = distance;
			nearest = b->networks[i].name;
		}
	}
	MR_FAULT(b, "unknown-network", where, "no network is named \"%s\"\n%s%s%s", mr_faults_show(b->faults, name),
		 nearest ? "did you mean "
			 : "give it in networks, or write a prefix such as 192.0.2.0/24, @loopback or @private",
		 nearest ? mr_faults_show(b->faults, mr_str_of(nearest)) : "", nearest ? "?" : "");
}

static void put_named(struct mr_builder *b, struct net_list *list, struct mr_str name, const struct mr_where *where)
{
	for (size_t i = 0; i < b->network_count; i++) {
		struct mr_named_network *network = &b->networks[i];

		if (!mr_str_equal(name, mr_str_of(network->name)))
			continue;
		network->used = true;
		if (network->set && mr_prefixset_add_set(list->builder, network->set))
			b->err = MR_ERR_NOMEM;
		for (size_t j = 0; j < network->written.count; j++)
			note(b, list->written, &network->written.items[j].prefix, &network->written.items[j].where);
		return;
	}
	unknown_name(b, name, where);
}

static bool looks_like_name(struct mr_str entry)
{
	char c = entry.n ? mr_ascii_lower(entry.p[0]) : '\0';

	return c >= 'a' && c <= 'z' && mr_str_find(entry, ':') == entry.n && mr_str_find(entry, '/') == entry.n;
}

static void put_literal(struct mr_builder *b, struct net_list *list, struct mr_str entry, const struct mr_where *where)
{
	struct mr_prefix prefix;
	const char *why = "";

	if (mr_prefix_parse(entry, &prefix, &why))
		MR_FAULT(b, "bad-network", where,
			 "\"%s\" is not a network: it %s\nwrite a prefix such as 192.0.2.0/24 or 2001:db8::/32, or one "
			 "address",
			 mr_faults_show(b->faults, entry), why);
	else
		put_prefix(b, list, &prefix, where);
}

static void put_entry(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	struct net_list *list = context;

	if (mr_str_equal(entry, MR_STR("@loopback")))
		put_builtin(b, list, loopback, where);
	else if (mr_str_equal(entry, MR_STR("@private")))
		put_builtin(b, list, private_use, where);
	else if (mr_str_equal(entry, MR_STR("@own")))
		put_own(b, list, where);
	else if (entry.n > 0 && entry.p[0] == '@')
		MR_FAULT(b, "unknown-network", where, "there is no %s\nwrite @loopback, @private or @own",
			 mr_faults_show(b->faults, entry));
	else if (list->names && looks_like_name(entry))
		put_named(b, list, entry, where);
	else
		put_literal(b, list, entry, where);
}

static void finish(struct mr_builder *b, struct net_list *list, struct mr_prefixset **set_r)
{
	if (!b->err)
		b->err = mr_prefixset_build(list->builder, set_r);
	mr_prefixset_builder_free(&list->builder);
}

void mr_networks_list(struct mr_builder *b, const config_setting_t *setting, struct mr_prefixset **set_r,
		      struct mr_written_list *written_r)
{
	struct net_list list = { mr_prefixset_builder_new(), written_r, true, false };

	if (!list.builder) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	if (setting) {
		mr_list_each(b, setting, put_entry, &list);
		finish(b, &list, set_r);
	}
	mr_prefixset_builder_free(&list.builder);
}

void mr_networks_trusted(struct mr_builder *b, const config_setting_t *group, const char *full_name, bool relays,
			 struct mr_prefixset **set_r)
{
	const config_setting_t *setting = mr_read_setting(group, full_name);
	struct mr_trust *trusts;

	if (!setting)
		return;
	trusts = mr_realloc(b->trusts, b->trust_count + 1, sizeof(*trusts));
	if (!trusts) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	b->trusts = trusts;
	trusts += b->trust_count++;
	*trusts = (struct mr_trust){ .setting = full_name, .where = mr_tree_where(b->tree, setting), .relays = relays };
	mr_networks_list(b, setting, set_r, &trusts->written);
	trusts->set = *set_r;
}

void mr_networks_all(struct mr_builder *b, struct mr_prefixset **set_r)
{
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();

	if (!builder)
		b->err = MR_ERR_NOMEM;
	for (size_t i = 0; i < b->network_count && !b->err; i++) {
		if (b->networks[i].set)
			b->err = mr_prefixset_add_set(builder, b->networks[i].set);
	}
	if (!b->err)
		b->err = mr_prefixset_build(builder, set_r);
	mr_prefixset_builder_free(&builder);
}

static void build_one(struct mr_builder *b, const config_setting_t *group, struct mr_named_network *network)
{
	struct net_list list = { mr_prefixset_builder_new(), &network->written, false, false };

	network->name = config_setting_name(group);
	network->where = mr_tree_where(b->tree, group);
	if (!list.builder) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	mr_list_each(b, config_setting_get_member(group, "addresses"), put_entry, &list);
	list.exceptions = true;
	list.written = NULL;
	mr_list_each(b, config_setting_get_member(group, "except"), put_entry, &list);
	finish(b, &list, &network->set);
}

void mr_networks_build(struct mr_builder *b)
{
	const config_setting_t *all = mr_read_group(b, "networks");
	struct net_list own = { NULL, NULL, false, false };
	const config_setting_t *own_setting = mr_read_setting(b->root, "own_addresses");
	int n = all ? config_setting_length(all) : 0;

	own.builder = own_setting ? mr_prefixset_builder_new() : NULL;
	if (own.builder) {
		mr_list_each(b, own_setting, put_entry, &own);
		finish(b, &own, &b->policy->own_addresses);
	}
	b->networks = mr_calloc((size_t)n + 1, sizeof(*b->networks));
	if (!b->networks || (own_setting && !b->policy->own_addresses)) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	for (int i = 0; i < n && !b->err; i++) {
		const config_setting_t *group = config_setting_get_elem(all, (unsigned)i);

		if (config_setting_is_group(group))
			build_one(b, group, &b->networks[b->network_count++]);
	}
}

void mr_networks_free(struct mr_builder *b)
{
	for (size_t i = 0; i < b->network_count; i++) {
		mr_prefixset_free(&b->networks[i].set);
		mr_free(b->networks[i].written.items);
	}
	for (size_t i = 0; i < b->trust_count; i++)
		mr_free(b->trusts[i].written.items);
	mr_free(b->networks);
	mr_free(b->trusts);
}
