/*
 * Canonical login names. Not the rule about senders (core) and not the map file (policy): both call this.
 */
#include "model/login.h"

#include <string.h>

#include "base/error.h"
#include "base/unicode.h"

/* Appends "@domain" behind the n bytes at out. */
static int put_domain(struct mr_str domain, char *out, size_t size, size_t *n)
{
	char canonical[MR_DOMAIN_MAX];
	size_t length;
	int err = mr_domain_canonical(domain, canonical, &length);

	if (err == MR_ERR_NOMEM)
		return err;
	if (size - *n < 2)
		return MR_ERR_FULL;
	out[(*n)++] = '@';
	if (err) {
		err = mr_unicode_fold(domain, true, out + *n, size - *n, &length);
		if (err)
			return err;
	} else {
		if (length >= size - *n)
			return MR_ERR_FULL;
		memcpy(out + *n, canonical, length);
	}
	*n += length;
	out[*n] = '\0';
	return MR_OK;
}

int mr_login_canonical(const struct mr_login_policy *policy, struct mr_str login, char *out_r, size_t size, size_t *n_r)
{
	size_t at = mr_str_find_last(login, '@');
	struct mr_str local = mr_str_part(login, 0, at);
	int err;

	*n_r = 0;
	if (size == 0)
		return MR_ERR_FULL;
	out_r[0] = '\0';
	if (mr_str_trim(login).n == 0)
		return MR_ERR_NOTFOUND;
	if (mr_str_has_control(login))
		return MR_ERR_SYNTAX;
	if (policy->strip_plus) {
		size_t plus = mr_str_find(local, '+');

		if (plus > 0)
			local = mr_str_part(local, 0, plus);
	}
	err = mr_unicode_fold(local, policy->fold_case, out_r, size, n_r);
	if (err == MR_OK && at < login.n)
		err = put_domain(mr_str_part(login, at + 1, login.n), out_r, size, n_r);
	else if (err == MR_OK && policy->default_domain)
		err = put_domain(mr_str_of(policy->default_domain), out_r, size, n_r);
	if (err) {
		*n_r = 0;
		out_r[0] = '\0';
	}
	return err;
}
