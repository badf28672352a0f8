/*
 * The maps of people: accounts, aliases, and which login may use which sender. Called by build.c, when the domains
 * and the form of logins are known.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/unicode.h"
#include "model/login.h"
#include "policy/build.h"

/* Bare names stand for one account in each domain: no more than this in all. */
enum { ADDRESS_MAX = 1024, ACCOUNTS_MAX = 4000000 };

/* The first of our domains that is one domain; absent when there is none. */
static struct mr_str first_domain(const struct mr_policy *policy)
{
	struct mr_str entry;
	size_t at = 0;

	while (mr_domainset_next(policy->domains, &at, &entry)) {
		if (entry.p[0] != '.')
			return entry;
	}
	return MR_STR_ABSENT;
}

/* Writes local@domain as maps are keyed: see mr_mailbox.address. MR_ERR_SYNTAX, MR_ERR_NOMEM. */
static int put_address(struct mr_str local, struct mr_str domain, char out[ADDRESS_MAX], struct mr_str *address_r)
{
	struct mr_buffer buffer = mr_buffer_over(out, ADDRESS_MAX);
	char canonical[MR_DOMAIN_MAX];
	size_t n;
	int err = mr_domain_canonical(domain, canonical, &n);

	if (err)
		return err == MR_ERR_NOMEM ? err : MR_ERR_SYNTAX;
	if (local.n == 0 || mr_str_has_control(local))
		return MR_ERR_SYNTAX;
	for (size_t i = 0; i < local.n; i++) {
		if (strchr(" \t,:;<>()\"*|", local.p[i]))
			return MR_ERR_SYNTAX;
		mr_buffer_byte(&buffer, mr_ascii_lower(local.p[i]));
	}
	mr_buffer_byte(&buffer, '@');
	mr_buffer_str(&buffer, (struct mr_str){ canonical, n });
	*address_r = mr_buffer_view(&buffer);
	return buffer.overflow ? MR_ERR_SYNTAX : MR_OK;
}

static void bad_address(struct mr_builder *b, int err, struct mr_str text, const struct mr_where *where)
{
	if (err == MR_ERR_NOMEM)
		b->err = err;
	else
		MR_FAULT(b, "bad-address", where, "\"%s\" is not an address\nwrite alice@example.com, or alice alone",
			 mr_faults_show(b->faults, text));
}

/* ---- accounts ---- */

static void add_account(struct mr_builder *b, struct mr_str local, struct mr_str domain, struct mr_str entry,
			const struct mr_where *where)
{
	char text[ADDRESS_MAX];
	struct mr_str address = MR_STR_ABSENT;
	int err = put_address(local, domain, text, &address);

	if (err == MR_OK)
		err = mr_strmap_set(b->policy->accounts, address, NULL, NULL);
	if (err)
		bad_address(b, err, entry, where);
}

static void take_account(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	size_t at = mr_str_find_last(entry, '@'), walk = 0;
	struct mr_str domain;

	(void)context;
	if (at < entry.n) {
		add_account(b, mr_str_part(entry, 0, at), mr_str_part(entry, at + 1, entry.n), entry, where);
		return;
	}
	while (!b->err && mr_domainset_next(b->policy->domains, &walk, &domain)) {
		if (mr_strmap_count(b->policy->accounts) >= ACCOUNTS_MAX) {
			MR_FAULT(b, "out-of-range", where,
				 "bare names and domains make more than %d accounts\nwrite whole addresses",
				 (int)ACCOUNTS_MAX);
			return;
		}
		if (domain.p[0] != '.')
			add_account(b, entry, domain, entry, where);
	}
}

/* ---- aliases ---- */

/* "key: rest"; false when there is no colon. */
static bool split(struct mr_str line, struct mr_str *key_r, struct mr_str *rest_r)
{
	size_t colon = mr_str_find(line, ':');

	*key_r = mr_str_trim(mr_str_part(line, 0, colon));
	*rest_r = mr_str_trim(mr_str_part(line, colon + 1, line.n));
	return colon < line.n && key_r->n > 0 && rest_r->n > 0;
}

/* An address of which the domain may be left out. */
static int complete(struct mr_builder *b, struct mr_str text, char out[ADDRESS_MAX], struct mr_str *address_r)
{
	size_t at = mr_str_find_last(text, '@');

	return put_address(mr_str_part(text, 0, at),
			   at < text.n ? mr_str_part(text, at + 1, text.n) : first_domain(b->policy), out, address_r);
}

/* The one address that an alias stands for; empty when there are several, or a program, file or list. */
static int target_of(struct mr_builder *b, struct mr_str rest, char out[ADDRESS_MAX], struct mr_str *target_r)
{
	*target_r = MR_STR("");
	if (mr_str_find(rest, ',') < rest.n || strchr("|/:\"\\", rest.p[0]))
		return MR_OK;
	return complete(b, rest, out, target_r);
}

static void take_alias(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	char alias_text[ADDRESS_MAX], target_text[ADDRESS_MAX];
	struct mr_str key, rest, alias = MR_STR_ABSENT, target = MR_STR_ABSENT;
	void *old = NULL;
	char *copy;
	int err;

	(void)context;
	if (!split(entry, &key, &rest)) {
		MR_FAULT(b, "bad-line", where, "this is not \"alias: address\"\nwrite sales: alice@example.com");
		return;
	}
	err = complete(b, key, alias_text, &alias);
	if (err) {
		bad_address(b, err, key, where);
		return;
	}
	err = target_of(b, rest, target_text, &target);
	if (err) {
		bad_address(b, err, rest, where);
		return;
	}
	/* An alias that comes again has several targets. */
	copy = mr_strmap_has(b->policy->aliases, alias) ? mr_strdup("") : mr_strndup(target.p, target.n);
	if (!copy || mr_strmap_set(b->policy->aliases, alias, copy, &old)) {
		b->err = MR_ERR_NOMEM;
		mr_free(copy);
	}
	mr_free(old);
}

/* ---- sender.logins ---- */

static struct mr_patternset *senders_of(struct mr_builder *b, struct mr_str login)
{
	struct mr_patternset *set = mr_strmap_get(b->policy->sender.logins, login);

	if (set)
		return set;
	set = mr_patternset_new(b->policy->hash_key);
	if (!set || mr_strmap_set(b->policy->sender.logins, login, set, NULL)) {
		b->err = MR_ERR_NOMEM;
		mr_patternset_free(&set);
	}
	return set;
}

static void take_sender(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	char text[MR_LOGIN_MAX];
	struct mr_str key, rest;
	struct mr_patternset *set;
	size_t n;
	int err;

	(void)context;
	if (!split(entry, &key, &rest)) {
		MR_FAULT(b, "bad-line", where,
			 "this is not \"login: address, address\"\nwrite alice: alice@example.com, sales@example.com");
		return;
	}
	err = mr_login_canonical(&b->policy->login, key, text, sizeof(text), &n);
	if (err == MR_ERR_NOMEM) {
		b->err = err;
		return;
	}
	if (err) {
		MR_FAULT(b, "bad-line", where, "\"%s\" is not a login\nwrite the name that users log in with",
			 mr_faults_show(b->faults, key));
		return;
	}
	set = senders_of(b, (struct mr_str){ text, n });
	while (set && rest.n > 0 && !b->err) {
		size_t comma = mr_str_find(rest, ',');
		struct mr_str one = mr_str_trim(mr_str_part(rest, 0, comma));

		if (one.n > 0)
			mr_pattern_put(b, set, MR_PATTERN_ADDRESS, one, where);
		rest = mr_str_part(rest, comma + 1, rest.n);
	}
}

static void build_map(struct mr_builder *b, const config_setting_t *list, struct mr_strmap **map_r,
		      mr_entry_function *take)
{
	if (!list || b->err)
		return;
	*map_r = mr_strmap_new(b->policy->hash_key);
	if (!*map_r)
		b->err = MR_ERR_NOMEM;
	else
		mr_list_each(b, list, take, NULL);
}

void mr_maps_build(struct mr_builder *b)
{
	build_map(b, mr_read_setting(b->root, "accounts"), &b->policy->accounts, take_account);
	build_map(b, mr_read_setting(b->root, "aliases"), &b->policy->aliases, take_alias);
	build_map(b, mr_read_setting(mr_read_group(b, "sender"), "sender.logins"), &b->policy->sender.logins,
		  take_sender);
}
