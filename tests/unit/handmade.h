/*
 * Policies made by hand, for tests of the rooms that read a policy and must not need the room that makes one from
 * text. Lists are blank-separated. Everything belongs to the policy and goes with mr_policy_drop().
 */
#ifndef MR_TESTS_UNIT_HANDMADE_H
#define MR_TESTS_UNIT_HANDMADE_H

#include <check.h>
#include <string.h>

#include "base/alloc.h"
#include "base/prefixset.h"
#include "model/pattern.h"
#include "model/policy.h"

static const unsigned char handmade_key[MR_HASH_KEY_BYTES] = { 1, 2, 3 };

/* The next word of *list, absent at the end. */
static inline struct mr_str
next_word(const char **list)
{
	*list += strspn(*list, " ");
	struct mr_str word = { *list, strcspn(*list, " ") };
	*list += word.n;
	return word.n == 0 ? MR_STR_ABSENT : word;
}

static inline struct mr_prefixset *
networks_of(const char *list)
{
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();
	struct mr_prefixset *set;
	const char *why;

	for (struct mr_str word = next_word(&list); word.p != NULL; word = next_word(&list)) {
		struct mr_prefix prefix;
		ck_assert_int_eq(mr_prefix_parse(word, &prefix, &why), 0);
		ck_assert_int_eq(mr_prefixset_add(builder, &prefix), 0);
	}
	ck_assert_int_eq(mr_prefixset_build(builder, &set), 0);
	mr_prefixset_builder_free(&builder);
	return set;
}

static inline struct mr_domainset *
domains_of(const char *list)
{
	struct mr_domainset *set = mr_domainset_new(handmade_key);
	const char *why;

	for (struct mr_str word = next_word(&list); word.p != NULL; word = next_word(&list))
		ck_assert_int_eq(mr_domainset_add(set, word, &why), 0);
	return set;
}

static inline struct mr_patternset *
patterns_of(const char *list)
{
	struct mr_patternset *set = mr_patternset_new(handmade_key);
	const char *why;

	for (struct mr_str word = next_word(&list); word.p != NULL; word = next_word(&list))
		ck_assert_int_eq(mr_patternset_add(set, word, &why), 0);
	return set;
}

static inline struct mr_strmap *
names_of(const char *list)
{
	struct mr_strmap *map = mr_strmap_new(handmade_key);

	for (struct mr_str word = next_word(&list); word.p != NULL; word = next_word(&list))
		ck_assert_int_eq(mr_strmap_set(map, word, NULL, NULL), 0);
	return map;
}

/* target "": the alias stands for several addresses. */
static inline void
add_alias(struct mr_policy *policy, const char *alias, const char *target)
{
	if (policy->aliases == NULL)
		policy->aliases = mr_strmap_new(handmade_key);
	ck_assert_int_eq(mr_strmap_set(policy->aliases, mr_str_of(alias), mr_strdup(target), NULL), 0);
}

static inline void
add_senders(struct mr_policy *policy, const char *login, const char *patterns)
{
	if (policy->sender.logins == NULL)
		policy->sender.logins = mr_strmap_new(handmade_key);
	ck_assert_int_eq(mr_strmap_set(policy->sender.logins, mr_str_of(login), patterns_of(patterns), NULL), 0);
}

/* One more entry of the list "shield": enforced, refusing; the caller fills in the rest. Valid until the next call. */
static inline struct mr_shield_policy *
add_shield(struct mr_policy *policy, const char *domains, const char *networks)
{
	policy->shield = mr_realloc(policy->shield, policy->shield_count + 1, sizeof(*policy->shield));
	ck_assert_ptr_nonnull(policy->shield);
	struct mr_shield_policy *entry = &policy->shield[policy->shield_count++];
	*entry = (struct mr_shield_policy){ .rule = { .mode = MR_MODE_ENFORCE, .action = MR_REJECT } };
	entry->domains = domains_of(domains);
	entry->networks = networks_of(networks);
	return entry;
}

/* One more exemption, without conditions. Valid until the next call. */
static inline struct mr_exemption *
add_exemption(struct mr_policy *policy, const char *name, mr_rule_mask rules)
{
	policy->exemptions = mr_realloc(policy->exemptions, policy->exemption_count + 1, sizeof(*policy->exemptions));
	ck_assert_ptr_nonnull(policy->exemptions);
	struct mr_exemption *e = &policy->exemptions[policy->exemption_count++];
	*e = (struct mr_exemption){ .name = mr_strdup(name), .rules = rules, .expires_ms = INT64_MAX };
	return e;
}

/* Ours: example.com, example.org, the host mx.example.com at 192.0.2.25 and 2001:db8:25::25; we are the backup of
 * relayed.example. Every rule is off, and would refuse what it finds and accept what it cannot tell. */
static inline struct mr_policy *
handmade_policy(void)
{
	struct mr_policy *policy = mr_policy_alloc();

	ck_assert_ptr_nonnull(policy);
	const struct mr_rule_settings off = { .mode = MR_MODE_OFF, .action = MR_REJECT, .cannot_tell = MR_ACCEPT };
	policy->file = mr_strdup("handmade.conf");
	policy->mode = MR_MODE_ENFORCE;
	policy->domains = domains_of("example.com example.org");
	policy->relays = domains_of("relayed.example");
	policy->hostnames = domains_of("mx.example.com");
	policy->own_addresses = networks_of("192.0.2.25 2001:db8:25::25");
	policy->login.fold_case = true;
	policy->access.rule = policy->relay.rule = policy->auth.rule = policy->sender.rule = off;
	policy->exists.rule = policy->helo.rule = policy->limits.rule = off;
	policy->relay.rule.cannot_tell = MR_REJECT;
	policy->relay.local_submission = true;
	policy->relay.local_mailers = names_of("local");
	return policy;
}

#endif
