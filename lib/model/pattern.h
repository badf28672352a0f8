/*
 * Patterns of addresses and sets of domains, as policies write them:
 *   alice@example.com   that address            *@example.com or @example.com   any address of that domain
 *   @.example.com       any address of a sub-domain of it (not of the domain itself)
 *   news-*@example.com  a glob in the local part      *      any address
 * A pattern of logins is one of these, or a bare name ("backup", "svc-*") for logins without a domain.
 * ASCII letters match without regard to case.
 * Immutable once built, then thread-safe.
 */
#ifndef MR_MODEL_PATTERN_H
#define MR_MODEL_PATTERN_H

#include <stdbool.h>

#include "base/str.h"
#include "base/strmap.h"

struct mr_patternset;
struct mr_domainset;

struct mr_patternset *mr_patternset_new(const unsigned char key[MR_HASH_KEY_BYTES]);
void mr_patternset_free(struct mr_patternset **set);
/* Adds a pattern. MR_ERR_SYNTAX: not a pattern, *why_r says why (static text). MR_ERR_NOMEM. */
int mr_patternset_add(struct mr_patternset *set, struct mr_str pattern, const char **why_r);
/* Whether address ("local@domain", domain canonical, or a bare name) matches one of them. O(1) but for globs,
 * which are linear in the number of globs of that domain. A NULL set matches nothing. */
bool mr_patternset_has(const struct mr_patternset *set, struct mr_str address);
bool mr_patternset_is_empty(const struct mr_patternset *set);
/* Whether some address of domain (canonical) could match: what the lint asks. */
bool mr_patternset_touches_domain(const struct mr_patternset *set, struct mr_str domain);

struct mr_domainset *mr_domainset_new(const unsigned char key[MR_HASH_KEY_BYTES]);
void mr_domainset_free(struct mr_domainset **set);
/* "example.com": that domain; ".example.com": every sub-domain of it; IDN is made an A-label.
 * MR_ERR_SYNTAX with *why_r (static text), MR_ERR_NOMEM. */
int mr_domainset_add(struct mr_domainset *set, struct mr_str domain, const char **why_r);
/* Why mr_domain_canonical() refused name with err: static text. */
const char *mr_domain_why(struct mr_str name, int err);
/* domain: canonical (base/unicode.h). A NULL set holds nothing. */
bool mr_domainset_has(const struct mr_domainset *set, struct mr_str domain);
/* As mr_domainset_has, but only entries without the leading dot. */
bool mr_domainset_has_exact(const struct mr_domainset *set, struct mr_str domain);
bool mr_domainset_is_empty(const struct mr_domainset *set);
/* The entries in order, as written canonically (".example.com" keeps its dot): start with *at = 0; false at the end. */
bool mr_domainset_next(const struct mr_domainset *set, size_t *at, struct mr_str *entry_r);

#endif
