/*
 * Sets of domains. Not their canonical form (base/unicode.c) and not patterns of addresses (pattern.c).
 * Called by the policy room, which fills the sets, and by the core, which asks them.
 */
#include "model/pattern.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/unicode.h"

struct mr_domainset {
	struct mr_strmap *entries; /* "example.com" or ".example.com" */
	bool has_suffixes;
};

struct mr_domainset *mr_domainset_new(const unsigned char key[MR_HASH_KEY_BYTES])
{
	struct mr_domainset *set = mr_calloc(1, sizeof(*set));

	if (set)
		set->entries = mr_strmap_new(key);
	if (set && !set->entries)
		mr_domainset_free(&set);
	return set;
}

void mr_domainset_free(struct mr_domainset **set)
{
	if (!*set)
		return;
	mr_strmap_free(&(*set)->entries, NULL);
	mr_free(*set);
	*set = NULL;
}

const char *mr_domain_why(struct mr_str name, int err)
{
	if (err == MR_ERR_RANGE)
		return "the domain is longer than 253 bytes";
	if (name.n == 0)
		return "the domain is empty";
	if (name.p[0] == '[')
		return "an address in brackets is not a domain";
	if (mr_str_find(name, '@') < name.n)
		return "it is an address, not a domain";
	if (mr_str_find(name, '*') < name.n)
		return "a domain holds no '*'; a leading dot stands for all its sub-domains";
	if (mr_str_find(name, '/') < name.n)
		return "it looks like a network, not a domain";
	return "it is not a domain name";
}

int mr_domainset_add(struct mr_domainset *set, struct mr_str domain, const char **why_r)
{
	char text[MR_DOMAIN_MAX + 1] = ".";
	bool suffix = domain.n > 0 && domain.p[0] == '.';
	struct mr_str name = mr_str_part(domain, suffix, domain.n);
	size_t n;
	int err = mr_domain_canonical(name, text + 1, &n);

	*why_r = "";
	if (err == MR_ERR_NOMEM)
		return err;
	if (err) {
		*why_r = mr_domain_why(name, err);
		return MR_ERR_SYNTAX;
	}
	err = mr_strmap_set(set->entries, suffix ? (struct mr_str){ text, n + 1 } : (struct mr_str){ text + 1, n },
			    NULL, NULL);
	if (err == MR_OK && suffix)
		set->has_suffixes = true;
	return err;
}

bool mr_domainset_has_exact(const struct mr_domainset *set, struct mr_str domain)
{
	return set && domain.n > 0 && domain.p[0] != '.' && mr_strmap_has(set->entries, domain);
}

bool mr_domainset_has(const struct mr_domainset *set, struct mr_str domain)
{
	if (mr_domainset_has_exact(set, domain))
		return true;
	if (!set || !set->has_suffixes)
		return false;
	for (size_t i = 1; i < domain.n; i++) {
		if (domain.p[i] == '.' && mr_strmap_has(set->entries, mr_str_part(domain, i, domain.n)))
			return true;
	}
	return false;
}

bool mr_domainset_is_empty(const struct mr_domainset *set)
{
	return !set || mr_strmap_count(set->entries) == 0;
}

bool mr_domainset_next(const struct mr_domainset *set, size_t *at, struct mr_str *entry_r)
{
	return set && mr_strmap_next(set->entries, at, entry_r, NULL);
}
