/*
 * The part of the lint that looks at who is trusted by address: networks that are too wide, loopback, our own address.
 * Called by lint.c.
 */
#include <stdio.h>

#include "policy/build.h"
#include "policy/host.h"
#include "policy/lint.h"

/* Prefixes shorter than these hold a good part of the world. */
enum { WIDE_V4 = 8, WIDE_V6 = 32 };

/* fc00::/7 and fe80::/10 are wide, but nobody out in the world has an address of them. */
static bool is_private_v6(const struct mr_prefix *prefix)
{
	const unsigned char *bytes = prefix->ip.bytes;

	return (prefix->length >= 7 && (bytes[0] & 0xfe) == 0xfc) ||
	       (prefix->length >= 10 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

static bool is_wide(const struct mr_prefix *prefix)
{
	if (prefix->ip.family == MR_IP_V4)
		return prefix->length < WIDE_V4;
	return prefix->length < WIDE_V6 && !is_private_v6(prefix);
}

static void warn_wide(struct mr_builder *b, const struct mr_written_prefix *item, const char *what)
{
	char text[MR_PREFIX_TEXT_MAX];

	mr_prefix_format(&item->prefix, text);
	MR_WARN(b, MR_LINT_ANYONE, &item->where,
		"%s holds %s, so that anyone may be in it; a spammer needs no more\nname the networks that are really "
		"yours",
		what, text);
}

/* Whether item was written in one of the named networks, where it is told already. */
static bool is_of_network(const struct mr_builder *b, const struct mr_written_prefix *item)
{
	for (size_t i = 0; i < b->network_count; i++) {
		const struct mr_written_list *written = &b->networks[i].written;

		for (size_t j = 0; j < written->count; j++) {
			if (written->items[j].where.file == item->where.file &&
			    written->items[j].where.line == item->where.line)
				return true;
		}
	}
	return false;
}

static void lint_wide(struct mr_builder *b)
{
	char what[128];

	for (size_t i = 0; i < b->network_count; i++) {
		const struct mr_written_list *written = &b->networks[i].written;

		snprintf(what, sizeof(what), "network %s", mr_faults_show(b->faults, mr_str_of(b->networks[i].name)));
		for (size_t j = 0; j < written->count; j++) {
			if (is_wide(&written->items[j].prefix))
				warn_wide(b, &written->items[j], what);
		}
	}
	for (size_t i = 0; i < b->trust_count; i++) {
		const struct mr_written_list *written = &b->trusts[i].written;

		for (size_t j = 0; b->trusts[i].relays && j < written->count; j++) {
			if (is_wide(&written->items[j].prefix) && !is_of_network(b, &written->items[j]))
				warn_wide(b, &written->items[j], b->trusts[i].setting);
		}
	}
}

/* Domains such as ".com" make all of the world's mail ours. */
static void lint_wide_domains(struct mr_builder *b, const char *setting, const struct mr_domainset *set)
{
	struct mr_where where = mr_read_where(b, b->root, setting);
	struct mr_str entry;
	size_t at = 0;

	while (mr_domainset_next(set, &at, &entry)) {
		if (entry.p[0] == '.' && mr_str_find(mr_str_part(entry, 1, entry.n), '.') == entry.n - 1)
			MR_WARN(b, MR_LINT_ANYONE, &where,
				"%s holds \"%s\": anyone may relay to all domains under it\nname the domains that are "
				"really yours",
				setting, mr_faults_show(b->faults, entry));
	}
}

static void lint_loopback(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "relay");
	struct mr_where where = mr_read_where(b, group, "relay.networks");
	struct mr_ip v4, v6;
	bool web = (b->host && b->host->web_server) || mr_read_bool(b->root, "web_applications");

	mr_ip_parse(MR_STR("127.0.0.1"), &v4);
	mr_ip_parse(MR_STR("::1"), &v6);
	if (web &&
	    (mr_prefixset_has(b->policy->relay.networks, &v4) || mr_prefixset_has(b->policy->relay.networks, &v6)))
		MR_WARN(b, MR_LINT_LOOPBACK, &where,
			"loopback may relay, and web applications run on this host: a hole in one of them makes it an "
			"open relay\n"
			"take loopback out of relay.networks and let the applications log in");
}

/* The entry of a list in which ip lies. */
static struct mr_where where_in(const struct mr_trust *trust, const struct mr_ip *ip)
{
	for (size_t i = 0; i < trust->written.count; i++) {
		if (mr_prefix_contains(&trust->written.items[i].prefix, ip))
			return trust->written.items[i].where;
	}
	return trust->where;
}

/* Whether the same entry was told of before, in a list that names the same network. */
static bool was_told(const struct mr_builder *b, const struct mr_trust *trust, const struct mr_ip *ip)
{
	struct mr_where where = where_in(trust, ip);

	for (const struct mr_trust *before = b->trusts; before < trust; before++) {
		struct mr_where other = where_in(before, ip);

		if (mr_prefixset_has(before->set, ip) && other.order == where.order && other.line == where.line)
			return true;
	}
	return false;
}

static void warn_trusted(struct mr_builder *b, const struct mr_trust *trust, const struct mr_ip *ip, bool gateway)
{
	struct mr_where where = where_in(trust, ip);
	char text[MR_IP_TEXT_MAX];

	if (was_told(b, trust, ip))
		return;
	mr_ip_format(ip, text);
	if (gateway)
		MR_WARN(b, MR_LINT_OWN_ADDRESS, &where,
			"%s trusts %s, which is this host's gateway: behind a router all the world may come from the "
			"router's address\n"
			"put it into except of that network",
			trust->setting, text);
	else
		MR_WARN(b, MR_LINT_OWN_ADDRESS, &where,
			"%s trusts %s, which is this host's own address: what is forwarded to this host may come from "
			"it\n"
			"put it into except of that network",
			trust->setting, text);
}

static bool is_single(const struct mr_prefix *prefix)
{
	return prefix->length == (prefix->ip.family == MR_IP_V4 ? 32U : 128U);
}

static void own_prefix(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	const struct mr_trust *trust = context;
	struct mr_prefix prefix;
	const char *why;

	(void)where;
	if (mr_prefix_parse(entry, &prefix, &why) == 0 && is_single(&prefix) && !mr_ip_is_loopback(&prefix.ip) &&
	    mr_prefixset_has(trust->set, &prefix.ip))
		warn_trusted(b, trust, &prefix.ip, false);
}

static bool is_link_local(const struct mr_ip *ip)
{
	return ip->family == MR_IP_V6 && ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

static void lint_own_addresses(struct mr_builder *b)
{
	for (size_t i = 0; i < b->trust_count; i++) {
		struct mr_trust *trust = &b->trusts[i];

		mr_list_each(b, mr_read_setting(b->root, "own_addresses"), own_prefix, trust);
		for (size_t j = 0; b->host && j < b->host->count; j++) {
			const struct mr_host_address *address = &b->host->addresses[j];

			if (!mr_ip_is_loopback(&address->ip) && !is_link_local(&address->ip) &&
			    mr_prefixset_has(trust->set, &address->ip))
				warn_trusted(b, trust, &address->ip, address->gateway);
		}
	}
}

void mr_lint_trust(struct mr_builder *b)
{
	lint_wide(b);
	lint_wide_domains(b, "domains", b->policy->domains);
	lint_wide_domains(b, "relays", b->policy->relays);
	lint_loopback(b);
	lint_own_addresses(b);
}
