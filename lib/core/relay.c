/*
 * The rule relay: a login is needed from everybody who sends to an address that is not ours. It never looks at what
 * the client claims (sender, HELO). Where a recipient leads is the mail server's word where there is one
 * ({rcpt_addr}, {rcpt_host}, {rcpt_mailer}), else our own reading of the path. Called by decide.c.
 */
#include "core/address.h"
#include "core/identity.h"
#include "core/rules.h"

static enum mr_place place_of(const struct mr_subject *subject, const struct mr_mailbox *mailbox)
{
	switch (mr_identity_is_local(subject, mailbox)) {
	case MR_YES:
		return MR_PLACE_OURS;
	case MR_CANNOT_TELL:
		return mailbox->kind == MR_MAILBOX_CONTROL ? MR_PLACE_CONTROL : MR_PLACE_UNCLEAR;
	case MR_NO:
		break;
	}
	if (mailbox->kind == MR_MAILBOX_NULL)
		return MR_PLACE_UNCLEAR;
	if (mailbox->kind == MR_MAILBOX_DOMAIN && mr_domainset_has(subject->policy->relays, mailbox->domain))
		return MR_PLACE_RELAYED;
	return MR_PLACE_FOREIGN;
}

/* The mail server says that this recipient is delivered on this host. */
static bool delivered_here(const struct mr_subject *subject, const struct mr_recipient *recipient)
{
	return recipient->mailer.p != NULL && mr_strmap_has(subject->policy->relay.local_mailers, recipient->mailer);
}

/* Judges by {rcpt_addr}. An address without a domain is the mail server's local name only if its mailer says so. */
static void locate_by_view(const struct mr_subject *subject, const struct mr_recipient *recipient,
			   struct mr_destination *d)
{
	struct mr_mailbox view;

	mr_address_read(recipient->addr, subject->arena, &view);
	d->by_mail_server = true;
	d->routed = d->routed || view.routed;
	d->mailbox = view;
	d->place = place_of(subject, &view);
	if (d->place == MR_PLACE_CONTROL)
		return;
	if (delivered_here(subject, recipient))
		d->place = MR_PLACE_OURS;
	else if (view.kind == MR_MAILBOX_LOCAL && !mr_identity_is_postmaster(&view))
		d->place = MR_PLACE_UNCLEAR;
}

void mr_relay_locate(const struct mr_subject *subject, const struct mr_recipient *recipient,
		     struct mr_destination *destination_r)
{
	struct mr_destination *d = destination_r;

	*d = (struct mr_destination){ .place = MR_PLACE_UNCLEAR };
	mr_address_read(recipient->path, subject->arena, &d->asked);
	d->mailbox = d->asked;
	d->routed = d->asked.routed;
	d->place = place_of(subject, &d->asked);
	if (d->routed && d->place == MR_PLACE_OURS && !subject->policy->relay.routing_characters)
		d->place = MR_PLACE_UNCLEAR; /* "a%elsewhere@ours" may leave again: only the mail server knows */
	if (d->place != MR_PLACE_CONTROL && recipient->addr.p != NULL && recipient->addr.n > 0 &&
	    recipient->mailer.p != NULL)
		locate_by_view(subject, recipient, d);
}

bool mr_relay_by_place(const struct mr_subject *subject)
{
	const struct mr_relay_policy *relay = &subject->policy->relay;

	if (subject->connection->local)
		return relay->local_submission;
	return mr_prefixset_has(relay->networks, &subject->connection->client_ip);
}

static bool may_relay(const struct mr_subject *subject)
{
	const struct mr_relay_policy *relay = &subject->policy->relay;

	if (subject->login.p != NULL &&
	    (relay->logins == NULL || mr_patternset_has(relay->logins, subject->login)))
		return true;
	return mr_relay_by_place(subject);
}

struct mr_finding mr_relay_find(const struct mr_subject *subject, const struct mr_destination *destination)
{
	if (destination->place == MR_PLACE_CONTROL)
		return MR_FOUND(MR_REASON_RELAY_CONTROL);
	if (may_relay(subject))
		return MR_FOUND_NOTHING;
	if (destination->routed && !subject->policy->relay.routing_characters)
		return MR_FOUND(MR_REASON_RELAY_ROUTED);
	switch (destination->place) {
	case MR_PLACE_OURS:
	case MR_PLACE_RELAYED:
		return MR_FOUND_NOTHING;
	case MR_PLACE_FOREIGN:
		return MR_FOUND(MR_REASON_RELAY_DENIED);
	case MR_PLACE_UNCLEAR:
	case MR_PLACE_CONTROL:
		break;
	}
	return MR_FOUND_UNCLEAR(MR_REASON_RELAY_MALFORMED);
}
