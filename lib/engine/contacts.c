/* See contacts.h. Called by session.c, and by replay for what a recorded connection did. */
#include "engine/contacts.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "core/decide.h"
#include "engine/places.h"
#include "engine/screening.h"
#include "engine/sending.h"
#include "eventlog/factline.h"

enum { CONTACT_FACT_MAX = 2048 };

static struct mr_visitor visitor_of(const struct mr_session *s, int64_t now_ms)
{
	return (struct mr_visitor){ .engine = s->engine, .policy = s->policy, .now_ms = now_ms,
				    .state_ms = mr_statetime_now(&s->engine->time, now_ms), .connection = &s->connection,
				    .login = MR_STR_ABSENT, .protocol = MR_STR_ABSENT, .fact_id = s->fact_id,
				    .fact_id_is_number = s->fact_id_is_number };
}

static enum mr_mode mode_of(const struct mr_session *s)
{
	return mr_policy_mode(s->policy, &s->policy->screen.rule);
}

static bool has_source(const struct mr_session *s)
{
	return s->connection.client_ip.family != MR_IP_UNKNOWN && !s->connection.local &&
	       !mr_ip_is_loopback(&s->connection.client_ip);
}

static struct mr_str keep(char *room, size_t size, struct mr_str s)
{
	size_t n = s.n < size ? s.n : size - 1;

	if (s.p == NULL)
		return MR_STR_ABSENT;
	memcpy(room, s.p, n);
	room[n] = '\0';
	return (struct mr_str){ room, n };
}

static void find_place(struct mr_session *s)
{
	struct mr_geo_place place;

	if (!has_source(s))
		return;
	mr_places_find(s->engine, &s->connection, &place);
	s->connection.country = keep(s->country, sizeof(s->country), s->connection.country);
	s->connection.as_name = keep(s->as_name, sizeof(s->as_name), s->connection.as_name);
}

static void join_crowd(struct mr_session *s)
{
	const struct mr_ip *ip = &s->connection.client_ip;
	unsigned char address[17];

	mr_contacts_leave(s);
	if (s->policy->screen.simultaneous == 0 || mode_of(s) == MR_MODE_OFF || !has_source(s) || mr_ip_is_private(ip) ||
	    mr_prefixset_has(s->policy->screen.own_networks, ip))
		return;
	address[16] = (unsigned char)mr_sending_prefix(ip, mr_screening_length(&s->policy->screen, ip), address);
	s->crowd_key = mr_habit_hash((struct mr_str){ (const char *)address, sizeof(address) });
	s->crowd_size = mr_crowd_enter(&s->engine->crowd, s->crowd_key);
	s->crowd = s->crowd_size > 0;
}

void mr_contacts_leave(struct mr_session *s)
{
	if (s->crowd)
		mr_crowd_leave(&s->engine->crowd, s->crowd_key);
	s->crowd = false;
	s->crowd_size = 0;
}

void mr_contacts_arrive(struct mr_session *s, int64_t now_ms)
{
	find_place(s);
	s->lied = false;
	if (s->played)
		return;
	join_crowd(s);
	mr_contacts_count(s, now_ms, MR_CONTACT_CONNECTION);
}

void mr_contacts_look(struct mr_session *s, int64_t now_ms)
{
	struct mr_subject *subject = &s->subject;
	struct mr_source source;
	enum mr_source_block block;

	block = mr_screening_block(s->engine, &s->connection.client_ip, mr_statetime_now(&s->engine->time, now_ms), &source);
	subject->source_blocked = block == MR_SOURCE_ORDERED;
	subject->source_screened = block == MR_SOURCE_SCREENED;
	subject->source_watched = block == MR_SOURCE_WATCHED;
	subject->source_crowded = s->policy->screen.simultaneous > 0 && s->crowd_size > s->policy->screen.simultaneous;
}

/* ---- What happens in a session ---- */

static void write_fact(const struct mr_session *s, int64_t state_ms, enum mr_contact contact)
{
	struct mr_fact fact = { .kind = MR_FACT_CONNECT, .time_ms = state_ms, .connection = s->connection, .contact = contact };
	char line[CONTACT_FACT_MAX];
	size_t n;

	if (s->engine->fact != NULL && s->policy->log.facts != NULL &&
	    mr_fact_write(&fact, line, sizeof(line), &n) == MR_OK)
		s->engine->fact(s->engine->fact_context, line, n);
}

void mr_contacts_count(struct mr_session *s, int64_t now_ms, enum mr_contact contact)
{
	static const enum mr_signal signals[] = { [MR_CONTACT_CONNECTION] = MR_SIGNAL_CONNECTIONS,
						  [MR_CONTACT_RESET] = MR_SIGNAL_RESETS,
						  [MR_CONTACT_SYNTAX_ERROR] = MR_SIGNAL_SYNTAX_ERRORS };
	struct mr_visitor v;

	if (s->played || mode_of(s) == MR_MODE_OFF || !has_source(s))
		return;
	v = visitor_of(s, now_ms);
	write_fact(s, v.state_ms, contact);
	mr_screening_signal(&v, signals[contact], 0);
}

static void count(struct mr_session *s, int64_t now_ms, enum mr_signal signal, struct mr_str item)
{
	struct mr_visitor v = visitor_of(s, now_ms);

	mr_screening_signal(&v, signal, (uint32_t)mr_habit_hash(item));
}

static void count_inside(struct mr_session *s, int64_t now_ms)
{
	struct mr_str sender = s->subject.sender.address;

	if (!mr_ip_is_private(&s->connection.client_ip) &&
	    !mr_prefixset_has(s->policy->screen.own_networks, &s->connection.client_ip))
		return;
	if (s->connection.helo.n > 0)
		count(s, now_ms, MR_SIGNAL_INSIDE_NAMES, s->connection.helo);
	if (sender.n > 0 && s->subject.sender_local == MR_NO)
		count(s, now_ms, MR_SIGNAL_INSIDE_SENDERS,
		      mr_str_part(sender, mr_str_find_last(sender, '@') + 1, sender.n));
}

/* One that logged in is judged by his login. */
static bool is_stranger(const struct mr_session *s)
{
	return mode_of(s) != MR_MODE_OFF && has_source(s) && !mr_has_login(&s->subject);
}

void mr_contacts_mail(struct mr_session *s, int64_t now_ms)
{
	struct mr_finding helo;

	if (!is_stranger(s))
		return;
	helo = mr_helo_find(&s->subject);
	if (helo.answer == MR_YES && !s->lied) {
		s->lied = true;
		count(s, now_ms, MR_SIGNAL_HELO_LIES, MR_STR_ABSENT);
	}
	count_inside(s, now_ms);
	mr_contacts_look(s, now_ms);
}

static bool begins_with(struct mr_str s, const char *what)
{
	size_t n = strlen(what);

	return s.n >= n && memcmp(s.p, what, n) == 0;
}

/* Postfix's {rcpt_host} is the enhanced status code of its refusal (RFC 3463). */
static bool is_unknown_to_mta(const struct mr_recipient *r)
{
	return begins_with(r->host, "5.1.1");
}

static bool is_relay_to_mta(const struct mr_recipient *r)
{
	struct mr_str text = r->addr;

	for (; begins_with(r->host, "5.7.") && text.n >= 5; text = mr_str_part(text, 1, text.n))
		if (begins_with(text, "Relay") || begins_with(text, "relay"))
			return true;
	return false;
}

void mr_contacts_refused(struct mr_session *s, int64_t now_ms, const struct mr_recipient *recipient,
			 enum mr_reason reason)
{
	bool by_mta = reason == MR_REASON_MTA_REFUSED;

	if (!is_stranger(s))
		return;
	if (reason == MR_REASON_EXISTS_RECIPIENT || (by_mta && is_unknown_to_mta(recipient)))
		count(s, now_ms, MR_SIGNAL_UNKNOWN_RECIPIENTS, recipient->path);
	else if (reason == MR_REASON_RELAY_DENIED || reason == MR_REASON_RELAY_ROUTED ||
		 (by_mta && is_relay_to_mta(recipient)))
		count(s, now_ms, MR_SIGNAL_RELAY_ATTEMPTS, recipient->path);
}
