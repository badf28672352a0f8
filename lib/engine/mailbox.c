/*
 * Where the owner of an account reads mail. Called by whoever writes to owners.
 */
#include <string.h>

#include "base/error.h"
#include "engine/engine.h"
#include "mailreeve.h"
#include "model/login.h"

enum { ADDRESS_MAX = 320, LOCAL_PART_MAX = 64 };

/* A dot-atom of RFC 5322: it can stand in a header field and in an SMTP command as it is. */
static bool is_dot_atom(struct mr_str local)
{
	for (size_t i = 0; i < local.n; i++) {
		char c = mr_ascii_lower(local.p[i]);
		bool dot = c == '.' && i > 0 && i + 1 < local.n;

		if (!dot && (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c == '\0' || !strchr("!#$%&'*+-/=?^_`{|}~", c)))
			return false;
	}
	return local.n > 0 && local.n <= LOCAL_PART_MAX;
}

/* What an entry such as .example.com lets pass in front of itself must be a host name too. */
static bool is_host_name(struct mr_str domain)
{
	for (size_t i = 0; i < domain.n; i++) {
		char c = mr_ascii_lower(domain.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.')
			return false;
	}
	return domain.n > 0;
}

static bool is_ours(const struct mr_policy *policy, struct mr_str address)
{
	size_t at = mr_str_find_last(address, '@');
	struct mr_str domain = mr_str_part(address, at + 1, address.n);

	return at < address.n && is_dot_atom(mr_str_part(address, 0, at)) && is_host_name(domain) &&
	       policy->domains != NULL && mr_domainset_has(policy->domains, domain) &&
	       (policy->accounts == NULL || mr_strmap_has(policy->accounts, address));
}

int mr_engine_mailbox(struct mr_engine *engine, const char *login, char address_r[320])
{
	struct mr_policy *policy = mr_engine_hold_policy(engine);
	size_t n;
	int err = mr_login_canonical(&policy->login, mr_str_of(login), address_r, ADDRESS_MAX, &n);

	if (err != MR_OK || !is_ours(policy, (struct mr_str){ address_r, n }))
		err = err == MR_ERR_NOMEM ? err : MR_ERR_NOTFOUND;
	mr_policy_drop(&policy);
	return err;
}
