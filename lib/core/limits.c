/* The rule limits: recipients and size of one message. Called by decide.c. */
#include "core/rules.h"

struct mr_finding mr_limits_find_declared(const struct mr_subject *subject)
{
	const struct mr_limits_policy *limits = &subject->policy->limits;

	if (limits->size > 0 && subject->declared_size > limits->size)
		return MR_FOUND(MR_REASON_LIMITS_SIZE);
	return MR_FOUND_NOTHING;
}

struct mr_finding mr_limits_find_recipients(const struct mr_subject *subject)
{
	const struct mr_limits_policy *limits = &subject->policy->limits;

	if (limits->recipients > 0 && subject->rcpt_accepted >= (uint64_t)limits->recipients)
		return MR_FOUND(MR_REASON_LIMITS_RECIPIENTS);
	return MR_FOUND_NOTHING;
}

struct mr_finding mr_limits_find_size(const struct mr_subject *subject, int64_t size)
{
	const struct mr_limits_policy *limits = &subject->policy->limits;

	if (limits->size == 0)
		return MR_FOUND_NOTHING;
	if (size < 0)
		return MR_FOUND_UNCLEAR(MR_REASON_LIMITS_CANNOT_TELL);
	return size > limits->size ? MR_FOUND(MR_REASON_LIMITS_SIZE) : MR_FOUND_NOTHING;
}
