/*
 * Patterns of addresses. Not the reading of addresses (core/address.c) or of policies.
 * Called by the policy room, which fills the sets, and by the core, which asks them.
 */
#include "model/pattern.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/unicode.h"

/* The longest pattern; longer addresses match no pattern that names a whole address. */
enum { PATTERN_MAX = 1024 };

enum kind { EXACT, DOMAIN, GLOB };

/* One pattern. text is "local@domain" or "local", for DOMAIN the domain, which may begin with a dot. */
struct item {
	struct item *next;
	enum kind kind;
	struct mr_str text;
	size_t at; /* of the '@', text.n when there is none */
	char bytes[];
};

/* For sets of more than a few patterns. */
struct index {
	struct mr_strmap *exact;      /* whole addresses and bare names */
	struct mr_domainset *domains; /* "@example.com", "@.example.com" */
	struct mr_strmap *globs;      /* domain, or "" for bare names -> struct item *, a list */
	struct mr_strmap *touched;    /* the domains of exact and globs */
};

/* A policy may have a set for each login, nearly all of them of one or two patterns: so a small set is a list. */
enum { LIST_MAX = 8 };

struct mr_patternset {
	bool any;
	size_t count;       /* of items */
	struct item *items; /* while there is no index */
	struct index *index;
	unsigned char key[MR_HASH_KEY_BYTES];
};

struct mr_patternset *mr_patternset_new(const unsigned char key[MR_HASH_KEY_BYTES])
{
	struct mr_patternset *set = mr_calloc(1, sizeof(*set));

	if (set)
		memcpy(set->key, key, sizeof(set->key));
	return set;
}

static void free_items(void *value)
{
	for (struct item *item = value; item;) {
		struct item *next = item->next;

		mr_free(item);
		item = next;
	}
}

static void free_index(struct index *index)
{
	if (!index)
		return;
	mr_strmap_free(&index->exact, NULL);
	mr_domainset_free(&index->domains);
	mr_strmap_free(&index->globs, free_items);
	mr_strmap_free(&index->touched, NULL);
	mr_free(index);
}

void mr_patternset_free(struct mr_patternset **set)
{
	if (!*set)
		return;
	free_items((*set)->items);
	free_index((*set)->index);
	mr_free(*set);
	*set = NULL;
}

static struct index *new_index(const unsigned char key[MR_HASH_KEY_BYTES])
{
	struct index *index = mr_calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	index->exact = mr_strmap_new(key);
	index->domains = mr_domainset_new(key);
	index->globs = mr_strmap_new(key);
	index->touched = mr_strmap_new(key);
	if (!index->exact || !index->domains || !index->globs || !index->touched) {
		free_index(index);
		return NULL;
	}
	return index;
}

static struct item *new_item(enum kind kind, struct mr_str text, size_t at)
{
	struct item *item = mr_calloc(1, sizeof(*item) + text.n + 1);

	if (!item)
		return NULL;
	memcpy(item->bytes, text.p, text.n);
	item->kind = kind;
	item->text = (struct mr_str){ item->bytes, text.n };
	item->at = at;
	return item;
}

static struct mr_str domain_of(struct mr_str text, size_t at)
{
	return at < text.n ? mr_str_part(text, at + 1, text.n) : MR_STR("");
}

/* Puts item into the index, which owns it then: freed, or linked from globs. It must be in no list. */
static int index_item(struct index *index, struct item *item)
{
	struct mr_str domain = domain_of(item->text, item->at);
	const char *why;
	int err = MR_OK;

	if (item->kind == DOMAIN)
		err = mr_domainset_add(index->domains, item->text, &why);
	else if (!mr_strmap_has(index->touched, domain))
		err = mr_strmap_set(index->touched, domain, NULL, NULL);
	if (err == MR_OK && item->kind == EXACT)
		err = mr_strmap_set(index->exact, item->text, NULL, NULL);
	if (err == MR_OK && item->kind == GLOB) {
		item->next = mr_strmap_get(index->globs, domain);
		err = mr_strmap_set(index->globs, domain, item, NULL);
	}
	if (err || item->kind != GLOB)
		mr_free(item);
	return err;
}

/* Makes an index of the list. */
static int build_index(struct mr_patternset *set)
{
	int err = MR_OK;

	set->index = new_index(set->key);
	if (!set->index)
		return MR_ERR_NOMEM;
	while (set->items && err == MR_OK) {
		struct item *item = set->items;

		set->items = item->next;
		item->next = NULL;
		err = index_item(set->index, item);
	}
	return err;
}

static int add_item(struct mr_patternset *set, enum kind kind, struct mr_str text, size_t at)
{
	struct item *item = new_item(kind, text, at);
	int err = MR_OK;

	if (!item)
		return MR_ERR_NOMEM;
	if (!set->index && set->count >= LIST_MAX)
		err = build_index(set);
	if (err) {
		mr_free(item);
		return err;
	}
	set->count++;
	if (set->index)
		return index_item(set->index, item);
	item->next = set->items;
	set->items = item;
	return MR_OK;
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
			*why_r =
				"it holds a character that no address has here (blank, comma, quote, bracket or colon)";
			return MR_ERR_SYNTAX;
		}
		out[i] = mr_ascii_lower(out[i]);
	}
	return MR_OK;
}

/* Appends the canonical form of a domain to the n bytes at out. */
static int put_domain_name(struct mr_str domain, char *out, size_t *n, const char **why_r)
{
	size_t length;
	int err = mr_domain_canonical(domain, out + *n, &length);

	if (err == MR_ERR_NOMEM)
		return err;
	if (err) {
		*why_r = mr_domain_why(domain, err);
		return MR_ERR_SYNTAX;
	}
	*n += length;
	return MR_OK;
}

/* As put_domain_name; an address literal is taken as it is. */
static int put_domain(struct mr_str domain, char *out, size_t *n, const char **why_r)
{
	if (domain.n <= 2 || domain.n >= 64 || domain.p[0] != '[' || domain.p[domain.n - 1] != ']')
		return put_domain_name(domain, out, n, why_r);
	for (size_t i = 0; i < domain.n; i++)
		out[(*n)++] = mr_ascii_lower(domain.p[i]);
	return MR_OK;
}

/* "@domain", "*@domain": domain may begin with a dot. */
static int add_domain(struct mr_patternset *set, struct mr_str domain, const char **why_r)
{
	char text[MR_DOMAIN_MAX + 1] = ".";
	bool dot = domain.n > 0 && domain.p[0] == '.';
	size_t n = 1;
	int err = put_domain_name(mr_str_part(domain, dot, domain.n), text, &n, why_r);

	return err ? err : add_item(set, DOMAIN, mr_str_part((struct mr_str){ text, n }, !dot, n), n);
}

int mr_patternset_add(struct mr_patternset *set, struct mr_str pattern, const char **why_r)
{
	char text[PATTERN_MAX + 1 + MR_DOMAIN_MAX];
	size_t at = mr_str_find_last(pattern, '@');
	struct mr_str local = mr_str_part(pattern, 0, at), domain = domain_of(pattern, at);
	enum kind kind = mr_str_find(local, '*') < local.n ? GLOB : EXACT;
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
		return add_domain(set, domain, why_r);
	err = put_local(local, text, &n, why_r);
	if (err || at == pattern.n)
		return err ? err : add_item(set, kind, (struct mr_str){ text, n }, n);
	if (domain.n > 0 && domain.p[0] == '.') {
		*why_r = "sub-domains are named without a local part, as in @.example.com";
		return MR_ERR_SYNTAX;
	}
	at = n;
	text[n++] = '@';
	err = put_domain(domain, text, &n, why_r);
	return err ? err : add_item(set, kind, (struct mr_str){ text, n }, at);
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

/* Whether domain is what the pattern names, or below it when it begins with a dot. */
static bool domain_matches(struct mr_str pattern, struct mr_str domain)
{
	if (pattern.p[0] == '.')
		return domain.n > pattern.n && mr_str_ends_with(domain, pattern);
	return mr_str_equal(pattern, domain);
}

static bool glob_matches(const struct item *item, struct mr_str address, size_t at)
{
	return mr_str_glob(mr_str_part(item->text, 0, item->at), mr_str_part(address, 0, at));
}

static bool item_matches(const struct item *item, struct mr_str address, size_t at)
{
	struct mr_str domain = domain_of(address, at);

	switch (item->kind) {
	case EXACT:
		return mr_str_equal_nocase(item->text, address);
	case DOMAIN:
		return domain_matches(item->text, domain);
	case GLOB:
		return mr_str_equal(domain_of(item->text, item->at), domain) && glob_matches(item, address, at);
	}
	return false;
}

static bool index_has(const struct index *index, struct mr_str address, size_t at)
{
	struct mr_str domain = domain_of(address, at);

	if (mr_domainset_has(index->domains, domain) || has_folded(index->exact, address))
		return true;
	for (const struct item *item = mr_strmap_get(index->globs, domain); item; item = item->next) {
		if (glob_matches(item, address, at))
			return true;
	}
	return false;
}

bool mr_patternset_has(const struct mr_patternset *set, struct mr_str address)
{
	size_t at = mr_str_find_last(address, '@');

	if (!set || !address.p)
		return false;
	if (set->any || (set->index && index_has(set->index, address, at)))
		return true;
	for (const struct item *item = set->items; item; item = item->next) {
		if (item_matches(item, address, at))
			return true;
	}
	return false;
}

bool mr_patternset_is_empty(const struct mr_patternset *set)
{
	return !set || (!set->any && set->count == 0);
}

bool mr_patternset_touches_domain(const struct mr_patternset *set, struct mr_str domain)
{
	if (!set)
		return false;
	if (set->any || (set->index && (mr_domainset_has(set->index->domains, domain) ||
					(domain.n > 0 && mr_strmap_has(set->index->touched, domain)))))
		return true;
	for (const struct item *item = set->items; item; item = item->next) {
		if (item->kind == DOMAIN
			    ? domain_matches(item->text, domain)
			    : item->at < item->text.n && mr_str_equal(domain_of(item->text, item->at), domain))
			return true;
	}
	return false;
}
