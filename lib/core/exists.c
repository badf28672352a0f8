/* The rule exists: a local sender or recipient must be an account or an alias. Called by decide.c. */
#include "core/identity.h"
#include "core/rules.h"

static enum mr_answer exists(const struct mr_subject *subject, const struct mr_mailbox *box)
{
	const struct mr_policy *policy = subject->policy;
	struct mr_str key = mr_identity_key(subject, box, false);

	if (mr_identity_is_postmaster(box))
		return MR_YES; /* RFC 5321 4.5.1: always there */
	if (key.p == NULL)
		return MR_CANNOT_TELL;
	if (mr_strmap_has(policy->accounts, key) || mr_strmap_has(policy->aliases, key))
		return MR_YES;
	if (policy->exists.plus) {
		key = mr_identity_key(subject, box, true);
		if (key.p == NULL)
			return MR_CANNOT_TELL;
		if (mr_strmap_has(policy->accounts, key) || mr_strmap_has(policy->aliases, key))
			return MR_YES;
	}
	return MR_NO;
}

static bool is_asked(const struct mr_subject *subject)
{
	const struct mr_exists_policy *rule = &subject->policy->exists;

	return subject->policy->accounts != NULL && !(rule->except_logins && mr_has_login(subject));
}

struct mr_finding mr_exists_find_sender(const struct mr_subject *subject)
{
	const struct mr_exists_policy *rule = &subject->policy->exists;

	if (!rule->senders || !is_asked(subject) || subject->sender_local == MR_NO)
		return MR_FOUND_NOTHING;
	if (subject->sender_local == MR_CANNOT_TELL)
		return MR_FOUND_UNCLEAR(MR_REASON_EXISTS_CANNOT_TELL);
	switch (exists(subject, &subject->sender)) {
	case MR_YES:
		return MR_FOUND_NOTHING;
	case MR_NO:
		return MR_FOUND(MR_REASON_EXISTS_SENDER);
	case MR_CANNOT_TELL:
		break;
	}
	return MR_FOUND_UNCLEAR(MR_REASON_EXISTS_CANNOT_TELL);
}

struct mr_finding mr_exists_find_recipient(const struct mr_subject *subject, const struct mr_destination *destination)
{
	const struct mr_exists_policy *rule = &subject->policy->exists;
	enum mr_answer asked, viewed;

	if (!rule->recipients || !is_asked(subject) || destination->place != MR_PLACE_OURS)
		return MR_FOUND_NOTHING;
	/* Sendmail's view of a local name has no domain: then the list may also name what was asked for. */
	asked = destination->mailbox.kind == MR_MAILBOX_LOCAL ? exists(subject, &destination->asked) : MR_NO;
	viewed = exists(subject, &destination->mailbox);
	if (asked == MR_YES || viewed == MR_YES)
		return MR_FOUND_NOTHING;
	if (asked == MR_CANNOT_TELL || viewed == MR_CANNOT_TELL)
		return MR_FOUND_UNCLEAR(MR_REASON_EXISTS_CANNOT_TELL);
	return MR_FOUND(MR_REASON_EXISTS_RECIPIENT);
}
