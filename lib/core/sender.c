/*
 * The rule sender: a login may only use its own sender addresses. Its own are the login itself, the aliases that lead
 * to it, and what the map of the policy lists. Called by decide.c.
 */
#include "core/address.h"
#include "core/header.h"
#include "core/identity.h"
#include "core/rules.h"

/* Whether key is the login's own address. A login without a domain owns its name in every domain of ours. */
static bool is_own(const struct mr_subject *subject, const struct mr_mailbox *box, struct mr_str key)
{
	size_t at;

	if (mr_str_equal_nocase(key, subject->login))
		return true;
	if (mr_str_find(subject->login, '@') < subject->login.n || mr_identity_is_local(subject, box) != MR_YES)
		return false;
	at = mr_str_find_last(key, '@');
	return mr_str_equal_nocase(mr_str_part(key, 0, at), subject->login);
}

static enum mr_answer owns_as_alias(const struct mr_subject *subject, struct mr_str key)
{
	const char *target = mr_strmap_get(subject->policy->aliases, key);
	struct mr_mailbox box;

	if (target == NULL)
		return MR_NO;
	if (target[0] == '\0')
		return MR_CANNOT_TELL;
	mr_address_read(mr_str_of(target), subject->arena, &box);
	return is_own(subject, &box, mr_str_of(target)) ? MR_YES : MR_NO;
}

/* May the login use the address with this key? */
static enum mr_answer may_use_key(const struct mr_subject *subject, const struct mr_mailbox *box, struct mr_str key)
{
	const struct mr_sender_policy *sender = &subject->policy->sender;
	const struct mr_patternset *listed = mr_strmap_get(sender->logins, subject->login);
	enum mr_answer by_alias;

	if (key.p == NULL)
		return MR_CANNOT_TELL;
	if (sender->own && is_own(subject, box, key))
		return MR_YES;
	if (mr_patternset_has(listed, key))
		return MR_YES;
	by_alias = sender->aliases ? owns_as_alias(subject, key) : MR_NO;
	if (by_alias != MR_NO)
		return by_alias;
	return listed == NULL && !sender->own ? MR_CANNOT_TELL : MR_NO;
}

static enum mr_answer may_use(const struct mr_subject *subject, const struct mr_mailbox *box)
{
	const struct mr_sender_policy *sender = &subject->policy->sender;
	enum mr_answer answer, short_answer;

	if (box->kind == MR_MAILBOX_NULL)
		return sender->null_sender ? MR_YES : MR_NO;
	if (box->kind == MR_MAILBOX_MALFORMED || box->kind == MR_MAILBOX_CONTROL || subject->login_unreadable)
		return MR_CANNOT_TELL;
	answer = may_use_key(subject, box, mr_identity_key(subject, box, false));
	if (answer == MR_YES || !sender->plus)
		return answer;
	short_answer = may_use_key(subject, box, mr_identity_key(subject, box, true));
	return short_answer == MR_YES || answer == MR_NO ? short_answer : answer;
}

struct mr_finding mr_sender_find_envelope(const struct mr_subject *subject)
{
	if (!mr_has_login(subject))
		return MR_FOUND_NOTHING;
	switch (may_use(subject, &subject->sender)) {
	case MR_YES:
		return MR_FOUND_NOTHING;
	case MR_NO:
		return MR_FOUND(MR_REASON_SENDER_ENVELOPE);
	case MR_CANNOT_TELL:
		break;
	}
	return MR_FOUND_UNCLEAR(MR_REASON_SENDER_CANNOT_TELL);
}

/* Judges every address of the fields of one name. */
static enum mr_answer may_use_all(const struct mr_subject *subject, const struct mr_str *fields, size_t count)
{
	struct mr_mailbox boxes[MR_HEADER_ADDRESSES_MAX];
	enum mr_answer all = MR_YES;

	for (size_t i = 0; i < count; i++) {
		size_t n;

		if (mr_header_addresses(fields[i], subject->arena, boxes, &n) != 0)
			all = MR_CANNOT_TELL;
		for (size_t k = 0; k < n; k++) {
			enum mr_answer one = may_use(subject, &boxes[k]);

			if (one == MR_NO)
				return MR_NO;
			if (one == MR_CANNOT_TELL)
				all = MR_CANNOT_TELL;
		}
	}
	return all;
}

struct mr_finding mr_sender_find_header(const struct mr_subject *subject, const struct mr_message *message)
{
	const struct mr_sender_policy *sender = &subject->policy->sender;
	enum mr_answer from = MR_YES, by = MR_YES;

	if (!mr_has_login(subject) || (!sender->header_from && !sender->header_sender))
		return MR_FOUND_NOTHING;
	if (!message->headers_seen)
		return MR_FOUND_UNCLEAR(MR_REASON_SENDER_CANNOT_TELL);
	if (sender->header_from)
		from = may_use_all(subject, message->header_from, message->header_from_count);
	if (sender->header_sender)
		by = may_use_all(subject, message->header_sender, message->header_sender_count);
	if (from == MR_NO || by == MR_NO)
		return MR_FOUND(MR_REASON_SENDER_HEADER);
	if (from == MR_CANNOT_TELL || by == MR_CANNOT_TELL)
		return MR_FOUND_UNCLEAR(MR_REASON_SENDER_CANNOT_TELL);
	return MR_FOUND_NOTHING;
}
