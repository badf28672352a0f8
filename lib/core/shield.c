/*
 * The rule shield: a domain may be used as sender only from its own networks. Among the entries that name a domain the
 * most exact ones count (the domain itself, then a ".suffix", then "@local", then "*"), and their networks together.
 * The null sender is never shielded. Called by decide.c.
 */
#include "core/address.h"
#include "core/header.h"
#include "core/identity.h"
#include "core/rules.h"

/* How exactly an entry names an address; the larger the more exact. */
enum closeness { NOT_NAMED, NAMED_BY_STAR, NAMED_AS_LOCAL, NAMED_BY_SUFFIX, NAMED_EXACTLY };

static bool is_local_or_relayed(const struct mr_subject *subject, const struct mr_mailbox *box)
{
	return mr_identity_is_local(subject, box) == MR_YES ||
	       (box->kind == MR_MAILBOX_DOMAIN && mr_domainset_has(subject->policy->relays, box->domain));
}

/* The domain of box; of a bare name or our own literal the one that the mail server appends. */
static struct mr_str domain_of(const struct mr_subject *subject, const struct mr_mailbox *box)
{
	struct mr_str key;

	if (box->kind == MR_MAILBOX_DOMAIN)
		return box->domain;
	key = mr_identity_key(subject, box, false);
	return mr_str_part(key, mr_str_find_last(key, '@') + 1, key.n);
}

static enum closeness closeness_of(const struct mr_subject *subject, const struct mr_shield_policy *entry,
				   const struct mr_mailbox *box)
{
	struct mr_str domain = domain_of(subject, box);

	if (mr_domainset_has_exact(entry->domains, domain))
		return NAMED_EXACTLY;
	if (mr_domainset_has(entry->domains, domain))
		return NAMED_BY_SUFFIX;
	if (entry->local_domains && is_local_or_relayed(subject, box))
		return NAMED_AS_LOCAL;
	return entry->any_domain ? NAMED_BY_STAR : NOT_NAMED;
}

/* The address that an alias stands for, when the entry wants aliases honoured and there is just one, and one of ours:
 * an alias that leads elsewhere would be a way around the shield. */
static const struct mr_mailbox *honour_alias(const struct mr_subject *subject, const struct mr_shield_policy *entry,
					     const struct mr_mailbox *box, struct mr_mailbox *room)
{
	const char *target;

	if (!entry->aliases || box->address.p == NULL)
		return box;
	target = mr_strmap_get(subject->policy->aliases, box->address);
	if (target == NULL || target[0] == '\0')
		return box;
	mr_address_read(mr_str_of(target), subject->arena, room);
	return is_local_or_relayed(subject, room) ? room : box;
}

static bool lets_pass(const struct mr_subject *subject, const struct mr_shield_policy *entry)
{
	const struct mr_ip *ip = &subject->connection->client_ip;

	return (entry->except_logins && mr_has_login(subject)) || subject->connection->local ||
	       mr_prefixset_has(entry->networks, ip) || mr_prefixset_has(entry->rule.except, ip);
}

/* Judges one address. Returns whether it is refused, and by which entry in which mode. */
static bool refuses(const struct mr_subject *subject, const struct mr_mailbox *address, bool in_header,
		    enum mr_mode *mode_r, const struct mr_shield_policy **entry_r)
{
	const struct mr_policy *policy = subject->policy;
	enum closeness closest = NOT_NAMED;
	bool passed = false;

	*mode_r = MR_MODE_OFF;
	*entry_r = NULL;
	for (size_t i = 0; i < policy->shield_count; i++) {
		const struct mr_shield_policy *entry = &policy->shield[i];
		enum mr_mode mode = mr_policy_mode(policy, &entry->rule);
		struct mr_mailbox room;
		enum closeness closeness;

		if (mode == MR_MODE_OFF || (in_header && !entry->header_from))
			continue;
		closeness = closeness_of(subject, entry, honour_alias(subject, entry, address, &room));
		if (closeness == NOT_NAMED || closeness < closest)
			continue;
		if (closeness > closest) {
			closest = closeness;
			passed = false;
			*mode_r = MR_MODE_OFF;
		}
		passed = passed || lets_pass(subject, entry);
		if (mode > *mode_r) {
			*mode_r = mode;
			*entry_r = entry;
		}
	}
	return closest != NOT_NAMED && !passed;
}

/* The strictest entry that is at work: what "cannot tell" is asked of. */
static bool strictest(const struct mr_subject *subject, bool in_header, enum mr_mode *mode_r,
		      const struct mr_shield_policy **entry_r)
{
	const struct mr_policy *policy = subject->policy;

	*mode_r = MR_MODE_OFF;
	*entry_r = NULL;
	for (size_t i = 0; i < policy->shield_count; i++) {
		const struct mr_shield_policy *entry = &policy->shield[i];
		enum mr_mode mode = mr_policy_mode(policy, &entry->rule);

		if (mode <= *mode_r || (in_header && !entry->header_from) || lets_pass(subject, entry))
			continue;
		*mode_r = mode;
		*entry_r = entry;
	}
	return *entry_r != NULL;
}

struct mr_finding mr_shield_find_envelope(const struct mr_subject *subject, enum mr_mode *mode_r,
					  const struct mr_shield_policy **entry_r)
{
	const struct mr_mailbox *sender = &subject->sender;

	*mode_r = MR_MODE_OFF;
	*entry_r = NULL;
	if (sender->kind == MR_MAILBOX_NULL)
		return MR_FOUND_NOTHING;
	if (sender->kind == MR_MAILBOX_MALFORMED || sender->kind == MR_MAILBOX_CONTROL)
		return strictest(subject, false, mode_r, entry_r) ? MR_FOUND_UNCLEAR(MR_REASON_SHIELD_CANNOT_TELL)
								  : MR_FOUND_NOTHING;
	return refuses(subject, sender, false, mode_r, entry_r) ? MR_FOUND(MR_REASON_SHIELD_ENVELOPE) : MR_FOUND_NOTHING;
}

/* Judges the addresses of one From field. False: some part of it cannot be read. Not inlined, since boxes is big. */
__attribute__((noinline)) static bool judge_field(const struct mr_subject *subject, struct mr_str field,
						  enum mr_mode *mode_r, const struct mr_shield_policy **entry_r)
{
	struct mr_mailbox boxes[MR_HEADER_ADDRESSES_MAX];
	const struct mr_shield_policy *entry;
	enum mr_mode mode;
	size_t n;
	int err = mr_header_addresses(field, subject->arena, boxes, &n);

	for (size_t k = 0; k < n; k++) {
		if (!refuses(subject, &boxes[k], true, &mode, &entry) || mode <= *mode_r)
			continue;
		*mode_r = mode;
		*entry_r = entry;
	}
	return err == 0;
}

struct mr_finding mr_shield_find_header(const struct mr_subject *subject, const struct mr_message *message,
					enum mr_mode *mode_r, const struct mr_shield_policy **entry_r)
{
	const struct mr_shield_policy *unclear_entry;
	enum mr_mode unclear_mode;
	bool unclear = !message->headers_seen;

	*mode_r = MR_MODE_OFF;
	*entry_r = NULL;
	if (!strictest(subject, true, &unclear_mode, &unclear_entry))
		return MR_FOUND_NOTHING;
	for (size_t i = 0; i < message->header_from_count; i++)
		unclear = !judge_field(subject, message->header_from[i], mode_r, entry_r) || unclear;
	if (unclear && unclear_mode > *mode_r) {
		*mode_r = unclear_mode;
		*entry_r = unclear_entry;
		return MR_FOUND_UNCLEAR(MR_REASON_SHIELD_CANNOT_TELL);
	}
	return *mode_r != MR_MODE_OFF ? MR_FOUND(MR_REASON_SHIELD_HEADER) : MR_FOUND_NOTHING;
}
