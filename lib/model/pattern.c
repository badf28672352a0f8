/*
 * Patterns of addresses, and sets of domains. Not the reading of addresses (core/address.c) or of policies.
 * Called by the policy room, which fills the sets, and by the core, which asks them.
 */
#include "model/pattern.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/unicode.h"

/* The longest pattern; longer addresses match no pattern that names a whole address. */
enum { PATTERN_MAX = 1024 };

struct mr_domainset {
	struct mr_strmap *entries; /* "example.com" or ".example.com" */
	bool has_suffixes;
};

struct glob {
	struct glob *next;
	struct mr_str local;
	char text[];
};

struct mr_patternset {
	bool any;
	struct mr_strmap *exact;      /* whole addresses and bare names */
	struct mr_domainset *domains; /* "@example.com", "@.example.com" */
	struct mr_strmap *globs;      /* domain, or "" for bare names -> struct glob * */
	struct mr_strmap *touched;    /* the domains of exact and globs */
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

/* Explains why name is no domain. */
static const char *domain_fault(struct mr_str name, int err)
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
		*why_r = domain_fault(name, err);
		return MR_ERR_SYNTAX;
	}
	err = mr_strmap_set(set->entries, suffix ? (struct mr_str){ text, n + 1 } : (struct mr_str){ text + 1, n }, NULL,
			    NULL);
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

struct mr_patternset *mr_patternset_new(const unsigned char key[MR_HASH_KEY_BYTES])
{
	struct mr_patternset *set = mr_calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->exact = mr_strmap_new(key);
	set->domains = mr_domainset_new(key);
	set->globs = mr_strmap_new(key);
	set->touched = mr_strmap_new(key);
	if (!set->exact || !set->domains || !set->globs || !set->touched)
		mr_patternset_free(&set);
	return set;
}

static void free_globs(void *value)
{
	for (struct glob *glob = value; glob;) {
		struct glob *next = glob->next;

		mr_free(glob);
		glob = next;
	}
}

void mr_patternset_free(struct mr_patternset **set)
{
	if (!*set)
		return;
	mr_strmap_free(&(*set)->exact, NULL);
	mr_domainset_free(&(*set)->domains);
	mr_strmap_free(&(*set)->globs, free_globs);
	mr_strmap_free(&(*set)->touched, NULL);
	mr_free(*set);
	*set = NULL;
}

static int add_glob(struct mr_patternset *set, struct mr_str local, struct mr_str domain)
{
	struct glob *glob = mr_calloc(1, sizeof(*glob) + local.n + 1);
	int err;

	if (!glob)
		return MR_ERR_NOMEM;
	memcpy(glob->text, local.p, local.n);
	glob->local = (struct mr_str){ glob->text, local.n };
	glob->next = mr_strmap_get(set->globs, domain);
	err = mr_strmap_set(set->globs, domain, glob, NULL);
	if (err)
		mr_free(glob);
	return err;
}

/* Adds what has a local part: text is "local@domain" or "local", canonical, split at at. */
static int add_local(struct mr_patternset *set, struct mr_str text, size_t at)
{
	struct mr_str local = mr_str_part(text, 0, at);
	struct mr_str domain = at < text.n ? mr_str_part(text, at + 1, text.n) : MR_STR("");
	int err;

	err = mr_strmap_has(set->touched, domain) ? MR_OK : mr_strmap_set(set->touched, domain, NULL, NULL);
	if (err)
		return err;
	if (mr_str_find(local, '*') < local.n)
		return add_glob(set, local, domain);
	return mr_strmap_set(set->exact, text, NULL, NULL);
}

/* The canonical form of a local part of a pattern. */
static int put_local(struct mr_str local, char *out, size_t *n_r, const char **why_r)
{
	int err;

	if (mr_str_has_control(local)) {
		*why_r = "it holds a control character";
		return MR_ERR_SYNTAX;
	}
	err = mr_unicode_fold(local, false, out, PATTERN_MAX, n_r);
	if (err == MR_ERR_SYNTAX)
		*why_r = "it is not UTF-8";
	if (err == MR_ERR_FULL) {
		*why_r = "it is too long";
		err = MR_ERR_SYNTAX;
	}
	if (err)
		return err;
	for (size_t i = 0; i < *n_r; i++) {
		if (strchr(" \t<>,;:\"()", out[i])) {
			*why_r = "it holds a character that no address has here (blank, comma, quote, bracket or colon)";
			return MR_ERR_SYNTAX;
		}
		out[i] = mr_ascii_lower(out[i]);
	}
	return MR_OK;
}

/* Appends the canonical form of a domain, or of an address literal as it is, to the n bytes at out. */
static int put_domain(struct mr_str domain, char *out, size_t *n, const char **why_r)
{
	size_t length;
	int err;

	if (domain.n > 2 && domain.n < 64 && domain.p[0] == '[' && domain.p[domain.n - 1] == ']') {
		for (size_t i = 0; i < domain.n; i++)
			out[(*n)++] = mr_ascii_lower(domain.p[i]);
		return MR_OK;
	}
	err = mr_domain_canonical(domain, out + *n, &length);
	if (err == MR_ERR_NOMEM)
		return err;
	if (err) {
		*why_r = domain_fault(domain, err);
		return MR_ERR_SYNTAX;
	}
	*n += length;
	return MR_OK;
}

int mr_patternset_add(struct mr_patternset *set, struct mr_str pattern, const char **why_r)
{
	char text[PATTERN_MAX + 1 + MR_DOMAIN_MAX];
	size_t at = mr_str_find_last(pattern, '@');
	struct mr_str local = mr_str_part(pattern, 0, at), domain = mr_str_part(pattern, at + 1, pattern.n);
	size_t n;
	int err;

	*why_r = "";
	if (pattern.n == 0) {
		*why_r = "it is empty";
		return MR_ERR_SYNTAX;
	}
	if (mr_str_equal(pattern, MR_STR("*"))) {
		set->any = true;
		return MR_OK;
	}
	if (at < pattern.n && (at == 0 || mr_str_equal(local, MR_STR("*"))))
		return mr_domainset_add(set->domains, domain, why_r);
	err = put_local(local, text, &n, why_r);
	if (err || at == pattern.n)
		return err ? err : add_local(set, (struct mr_str){ text, n }, n);
	if (domain.n > 0 && domain.p[0] == '.') {
		*why_r = "sub-domains are named without a local part, as in @.example.com";
		return MR_ERR_SYNTAX;
	}
	at = n;
	text[n++] = '@';
	err = put_domain(domain, text, &n, why_r);
	return err ? err : add_local(set, (struct mr_str){ text, n }, at);
}

/* Whether s, with its ASCII letters folded, is a name of map. */
static bool has_folded(const struct mr_strmap *map, struct mr_str s)
{
	char text[PATTERN_MAX + 1 + MR_DOMAIN_MAX];

	if (mr_strmap_count(map) == 0 || s.n > sizeof(text))
		return false;
	for (size_t i = 0; i < s.n; i++)
		text[i] = mr_ascii_lower(s.p[i]);
	return mr_strmap_has(map, (struct mr_str){ text, s.n });
}

bool mr_patternset_has(const struct mr_patternset *set, struct mr_str address)
{
	size_t at = mr_str_find_last(address, '@');
	struct mr_str domain = at < address.n ? mr_str_part(address, at + 1, address.n) : MR_STR("");

	if (!set || !address.p)
		return false;
	if (set->any || mr_domainset_has(set->domains, domain) || has_folded(set->exact, address))
		return true;
	for (const struct glob *glob = mr_strmap_get(set->globs, domain); glob; glob = glob->next) {
		if (mr_str_glob(glob->local, mr_str_part(address, 0, at)))
			return true;
	}
	return false;
}

bool mr_patternset_is_empty(const struct mr_patternset *set)
{
	return !set || (!set->any && mr_domainset_is_empty(set->domains) && mr_strmap_count(set->touched) == 0);
}

bool mr_patternset_touches_domain(const struct mr_patternset *set, struct mr_str domain)
{
	return set && (set->any || mr_domainset_has(set->domains, domain) || mr_strmap_has(set->touched, domain));
}
