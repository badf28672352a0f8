/* The rule access: addresses that may not, or that alone may, use this server. Called by decide.c. */
#include "core/rules.h"

struct mr_finding mr_access_find(const struct mr_subject *subject)
{
	const struct mr_access_policy *access = &subject->policy->access;
	const struct mr_ip *ip = &subject->connection->client_ip;

	if (subject->connection->local || mr_prefixset_is_empty(access->list))
		return MR_FOUND_NOTHING;
	if (ip->family == MR_IP_UNKNOWN)
		return access->allow_mode ? MR_FOUND(MR_REASON_ACCESS_NOT_ALLOWED)
					  : MR_FOUND_UNCLEAR(MR_REASON_ACCESS_UNKNOWN);
	if (mr_prefixset_has(access->list, ip) != access->allow_mode)
		return MR_FOUND(access->allow_mode ? MR_REASON_ACCESS_NOT_ALLOWED : MR_REASON_ACCESS_DENIED);
	return MR_FOUND_NOTHING;
}
