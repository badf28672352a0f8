/* The rule helo: a client that is not us and says that it is us. Called by decide.c. */
#include "base/error.h"
#include "base/unicode.h"
#include "core/identity.h"
#include "core/rules.h"

/* Reads "[192.0.2.1]", "[IPv6:...]" or a bare address. */
static bool read_address(struct mr_str helo, struct mr_ip *ip_r)
{
	if (helo.n >= 2 && helo.p[0] == '[' && helo.p[helo.n - 1] == ']')
		helo = mr_str_part(helo, 1, helo.n - 1);
	return mr_ip_parse(helo, ip_r) == MR_OK;
}

struct mr_finding mr_helo_find(const struct mr_subject *subject)
{
	struct mr_str helo = mr_str_trim(subject->connection->helo);
	char name[MR_DOMAIN_MAX];
	struct mr_ip ip;
	size_t n;

	if (mr_identity_client_is_us(subject) || (subject->policy->helo.except_logins && mr_has_login(subject)))
		return MR_FOUND_NOTHING;
	if (helo.p == NULL || helo.n == 0)
		return MR_FOUND_UNCLEAR(MR_REASON_HELO_CANNOT_TELL);
	if (read_address(helo, &ip))
		return mr_identity_own_address(subject, &ip) ? MR_FOUND(MR_REASON_HELO_OUR_ADDRESS) : MR_FOUND_NOTHING;
	if (mr_domain_canonical(helo, name, &n) != MR_OK)
		return MR_FOUND_UNCLEAR(MR_REASON_HELO_CANNOT_TELL);
	return mr_identity_own_name(subject, (struct mr_str){ name, n }) ? MR_FOUND(MR_REASON_HELO_OUR_NAME)
									 : MR_FOUND_NOTHING;
}
