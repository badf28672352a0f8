/* See metering.h. Called by conduct.c and session.c. */
#include "engine/metering.h"

#include "engine/sending.h"
#include "engine/session.h"

static struct mr_str source_of(struct mr_session *s)
{
	unsigned char address[16];
	struct mr_source record = { .prefix = 0 };
	struct mr_prefix prefix;
	char text[MR_PREFIX_TEXT_MAX];
	size_t n;

	if (s->connection.client_ip.family == MR_IP_UNKNOWN)
		return MR_STR_ABSENT;
	record.prefix = (uint8_t)mr_sending_source_prefix(&s->connection.client_ip, address);
	for (size_t i = 0; i < sizeof(address); i++)
		record.address[i] = address[i];
	mr_sending_prefix_of(&record, &prefix);
	n = mr_prefix_format(&prefix, text);
	return mr_arena_copy(s->arena, (struct mr_str){ text, n });
}

static bool counts_sources(const struct mr_rates_policy *rates)
{
	for (size_t i = 0; i < rates->count; i++)
		if (rates->entries[i].per == MR_RATE_PER_SOURCE)
			return true;
	return false;
}

static void begin_subject(struct mr_session *s, struct mr_rate_subject *r)
{
	*r = (struct mr_rate_subject){ .login = s->subject.login, .source = MR_STR_ABSENT,
				       .listener = s->connection.listener, .client_ip = s->connection.client_ip,
				       .local = s->connection.local, .country = mr_sending_country(s), .size = -1 };
	if (counts_sources(&s->policy->rates))
		r->source = source_of(s);
	if (s->connection.asn > 0)
		r->asn = (uint32_t)s->connection.asn;
}

/* No message is measured against more than all limits there are. */
static bool get_room(struct mr_session *s, struct mr_metering *m)
{
	const struct mr_rates_policy *rates = &s->policy->rates;
	size_t room = 0;

	*m = (struct mr_metering){ .decision = { .verdict = MR_ACCEPT } };
	for (size_t i = 0; i < rates->count; i++)
		room += rates->entries[i].limit_count;
	m->room = room < MR_RATE_USES_MAX ? room : MR_RATE_USES_MAX;
	if (room > 0)
		m->uses = mr_arena_alloc(s->arena, m->room * sizeof(*m->uses));
	return m->uses != NULL;
}

/* The memory of one counter, locked; NULL: it cannot be had. */
static void *get_window(struct mr_session *s, struct mr_metering *m, const struct mr_rate_use *use)
{
	struct mr_key key;
	bool fresh;

	/* Most counters of a message are of one name, which is hashed once. */
	if (m->name.p == NULL || m->name.p != use->subject.p || m->name.n != use->subject.n) {
		mr_store_key(s->engine->store, MR_KEY_WINDOW, 0, use->subject, &m->key);
		m->name = use->subject;
	}
	key = m->key;
	mr_store_window_key(&key, use->kind);
	return mr_store_window_get(s->engine->store, &key, use->size, s->conduct.now_ms, use->idle_ms, &fresh);
}

static void measure(struct mr_session *s, const struct mr_rate_subject *subject, struct mr_metering *m)
{
	m->count = mr_rates_collect(s->policy, subject, m->uses, m->room);
	for (size_t i = 0; i < m->count; i++) {
		void *window = get_window(s, m, &m->uses[i]);

		mr_rate_look(&m->uses[i], window, s->conduct.now_ms);
		if (window != NULL)
			mr_store_window_done(s->engine->store, window, false);
	}
	m->due = mr_rates_decide(&s->subject, m->uses, m->count, &m->decision);
}

void mr_metering_at_mail(struct mr_session *s, struct mr_decision *decision_r)
{
	struct mr_rate_subject subject;
	struct mr_metering m;

	*decision_r = (struct mr_decision){ .verdict = MR_ACCEPT };
	if (s->policy->helpdesk != NULL)
		return; /* the message may be for the helpdesk, which is always reached */
	if (!get_room(s, &m))
		return;
	begin_subject(s, &subject);
	subject.messages = subject.recipients = 1;
	measure(s, &subject, &m);
	/* What holds or freezes waits for the end, where there is a message; what is only observed is told there too. */
	if (m.due != NULL && m.decision.verdict >= MR_TEMPFAIL && m.due->entry->action != MR_RATE_FREEZE) {
		*decision_r = m.decision;
		mr_metering_show(s, &m);
		(void)mr_metering_settle(s, &m, false);
	}
}

static void list_recipients(struct mr_session *s, struct mr_rate_subject *subject)
{
	const struct mr_conduct *c = &s->conduct;
	uint64_t *hashes = mr_arena_alloc(s->arena, c->to_count * sizeof(*hashes));
	uint32_t *to = mr_arena_alloc(s->arena, c->to_count * sizeof(*to));
	size_t n = 0;

	if (hashes == NULL || to == NULL)
		return;
	for (size_t i = 0; i < c->to_count; i++)
		if (!c->to[i].refused)
			hashes[n++] = c->to[i].hash;
	subject->to_count = mr_rates_sort(hashes, n, to);
	subject->to = to;
}

void mr_metering_look(struct mr_session *s, struct mr_metering *m)
{
	const struct mr_conduct *c = &s->conduct;
	struct mr_rate_subject subject;

	if (!get_room(s, m))
		return;
	begin_subject(s, &subject);
	subject.messages = s->summary.accepted > 0;
	subject.recipients = s->summary.accepted;
	subject.refused = s->summary.refused + s->summary.rejected_by_mta;
	subject.size = s->message.size;
	subject.spam = c->spam;
	if (c->to_count > 0)
		list_recipients(s, &subject);
	measure(s, &subject, m);
}

bool mr_metering_settle(struct mr_session *s, struct mr_metering *m, bool sent)
{
	for (size_t i = 0; i < m->count; i++) {
		void *window = get_window(s, m, &m->uses[i]);
		bool counted = window == NULL || mr_rate_settle(&m->uses[i], window, s->conduct.now_ms, sent);

		if (window != NULL)
			mr_store_window_done(s->engine->store, window, true);
		for (size_t k = 0; !counted && k < i; k++) {
			window = get_window(s, m, &m->uses[k]);
			if (window == NULL)
				continue;
			mr_rate_give_back(&m->uses[k], window, s->conduct.now_ms);
			mr_store_window_done(s->engine->store, window, true);
		}
		if (!counted)
			return false;
	}
	return true;
}

void mr_metering_show(struct mr_session *s, const struct mr_metering *m)
{
	struct mr_conduct *c = &s->conduct;

	c->counter_count = 0;
	for (size_t i = 0; i < m->count && c->counter_count < MR_CONDUCT_COUNTERS; i++)
		c->counters[c->counter_count++] = (struct mr_event_counter){
			.name = mr_str_of(m->uses[i].limit->label), .value = m->uses[i].count,
			.limit = m->uses[i].limit->rate.most };
}
