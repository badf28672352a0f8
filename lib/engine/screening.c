/*
 * See screening.h. Called by session.c for what a milter sees, and by logins.c for what it does not.
 */
#include "engine/screening.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "core/decide.h"
#include "engine/lines.h"
#include "engine/sending.h"
#include "model/login.h"

enum { MS_PER_SECOND = 1000, SOURCE_NAME = 19 };

/* ---- Names of counters ---- */

/* The first byte keeps them apart from the names of hard limits, which are text, and from each other. */
struct mr_str mr_screening_source_name(const struct mr_ip *ip, unsigned length, char *room)
{
	room[0] = '\0';
	room[1] = 'S';
	room[2] = (char)mr_sending_prefix(ip, length, (unsigned char *)room + 3);
	return (struct mr_str){ room, SOURCE_NAME };
}

struct mr_str mr_screening_login_name(struct mr_str login, char *room)
{
	room[0] = '\0';
	room[1] = 'L';
	if (login.n > 0)
		memcpy(room + 2, login.p, login.n);
	return (struct mr_str){ room, login.n + 2 };
}

struct mr_str mr_screening_pair_name(struct mr_str login, const struct mr_ip *ip, unsigned length, char *room)
{
	(void)mr_screening_source_name(ip, length, room);
	room[1] = 'P';
	if (login.n > 0)
		memcpy(room + SOURCE_NAME, login.p, login.n);
	return (struct mr_str){ room, login.n + SOURCE_NAME };
}

unsigned mr_screening_length(const struct mr_screen_policy *screen, const struct mr_ip *ip)
{
	return ip->family == MR_IP_V4 ? screen->ipv4_prefix : screen->ipv6_prefix;
}

/* ---- Counting ---- */

static void show_count(struct mr_screening *found, const struct mr_screen_limit *limit,
		       const struct mr_screen_count *count)
{
	if (found->counter_count == MR_SCREENING_COUNTERS)
		return;
	found->counters[found->counter_count++] = (struct mr_event_counter){
		.name = mr_str_of(limit->label), .value = count->count, .limit = count->most };
}

static void join(struct mr_screening *found, const struct mr_screen_limit *limit, const struct mr_screen_count *count)
{
	found->half = found->half || count->half;
	found->news = found->news || count->news;
	found->first = found->first || count->first;
	if (count->passed && found->limit == NULL)
		found->limit = limit;
	show_count(found, limit, count);
}

static void window_key(struct mr_store *store, const struct mr_screen_limit *limit, struct mr_str name,
		       struct mr_key *key_r)
{
	mr_store_key(store, MR_KEY_WINDOW, 0, name, key_r);
	mr_store_window_key(key_r, 1u + (unsigned)limit->signal +
			    MR_SIGNAL_COUNT * (unsigned)(limit->rate.window_ms / MS_PER_SECOND));
}

static void count_one(const struct mr_visitor *v, const struct mr_screen_limit *limit, struct mr_str name,
		      unsigned factor, uint32_t item, bool add, struct mr_screening *found)
{
	size_t size = mr_screen_window_size(limit, factor);
	int64_t idle = mr_screen_window_idle(limit);
	struct mr_store *store = v->engine->store;
	struct mr_screen_count count;
	struct mr_key key;
	void *window;
	bool fresh;

	window_key(store, limit, name, &key);
	window = add ? mr_store_window_get(store, &key, size, v->state_ms, idle, &fresh)
		     : mr_store_window_find(store, &key, size, v->state_ms, idle);
	if (add && window != NULL)
		mr_screen_add(limit, factor, window, v->state_ms, item, &count);
	else
		mr_screen_look(limit, factor, window, v->state_ms, &count);
	if (window != NULL)
		mr_store_window_done(store, window, add);
	join(found, limit, &count);
}

void mr_screening_count(const struct mr_visitor *v, enum mr_signal signal, struct mr_str name, unsigned factor,
			uint32_t item, bool add, struct mr_screening *found)
{
	const struct mr_screen_policy *screen = &v->policy->screen;

	for (size_t i = 0; i < screen->limit_count; i++)
		if (screen->limits[i].signal == signal)
			count_one(v, &screen->limits[i], name, factor, item, add, found);
}

static void forget_one(struct mr_store *store, const struct mr_screen_limit *limit, struct mr_str name, unsigned factor,
		       int64_t state_ms)
{
	size_t size = mr_screen_window_size(limit, factor);
	struct mr_key key;
	void *window;

	window_key(store, limit, name, &key);
	window = mr_store_window_find(store, &key, size, state_ms, mr_screen_window_idle(limit));
	if (window == NULL)
		return;
	memset(window, 0, size);
	mr_store_window_done(store, window, true);
}

void mr_screening_forget(struct mr_engine *engine, const struct mr_policy *policy, const struct mr_prefix *prefix,
			 int64_t state_ms)
{
	const struct mr_screen_policy *screen = &policy->screen;
	unsigned factor = prefix->length == mr_screening_length(screen, &prefix->ip) ? 1 : screen->wide_factor;
	char room[SOURCE_NAME];
	struct mr_str name = mr_screening_source_name(&prefix->ip, prefix->length, room);

	for (size_t i = 0; i < screen->limit_count; i++)
		if (mr_signal_row(screen->limits[i].signal)->of == MR_SIGNAL_OF_SOURCE)
			forget_one(engine->store, &screen->limits[i], name, factor, state_ms);
}

/* ---- Who is not asked ---- */

static bool has_exemptions(const struct mr_policy *policy)
{
	for (size_t i = 0; i < policy->exemption_count; i++)
		if (policy->exemptions[i].rules & MR_RULE_BIT(MR_RULE_SCREEN))
			return true;
	return false;
}

bool mr_screening_exempt(const struct mr_visitor *v)
{
	const struct mr_policy *policy = v->policy;
	struct mr_subject subject;

	if (policy->screen.rule.except == NULL && !has_exemptions(policy))
		return false;
	mr_subject_connect(&subject, policy, v->connection, NULL, v->now_ms);
	subject.login = v->login;
	if (!mr_exempt(&subject, MR_RULE_SCREEN, &policy->screen.rule, MR_STR_ABSENT))
		return false;
	if (subject.exemption_used.p != NULL)
		mr_lines_note_exemption(v->engine, subject.exemption_used, v->state_ms);
	return true;
}

static bool is_inside(const struct mr_visitor *v)
{
	const struct mr_ip *ip = &v->connection->client_ip;

	return mr_ip_is_private(ip) || mr_prefixset_has(v->policy->screen.own_networks, ip);
}

/* ---- What is told ---- */

struct mr_event mr_screening_event(const struct mr_visitor *v, enum mr_event_action action, struct mr_str words,
				   const struct mr_decision *decision, const struct mr_screening *found)
{
	struct mr_event event = { .action = action, .time_ms = v->now_ms, .fact_id = v->fact_id,
				  .fact_id_is_number = v->fact_id_is_number, .decided = true, .decision = *decision,
				  .connection = v->connection, .login = v->login, .protocol = v->protocol,
				  .as_name = v->connection->as_name, .message = words, .size = -1, .duration_ns = -1 };

	event.mode = mr_lines_mode(decision);
	mr_lines_new_id(v->engine, v->now_ms, event.id);
	if (found != NULL) {
		event.counters = found->counters;
		event.counter_count = found->counter_count;
	}
	return event;
}

void mr_screening_say_limit(struct mr_buffer *b, const struct mr_screening *found)
{
	if (found->limit == NULL)
		return;
	mr_buffer_text(b, ": ");
	mr_buffer_text(b, mr_signal_row(found->limit->signal)->words);
	for (size_t i = 0; i < found->counter_count; i++)
		if (mr_str_equal(found->counters[i].name, mr_str_of(found->limit->label))) {
			mr_buffer_text(b, ": ");
			mr_buffer_uint(b, found->counters[i].value);
			mr_buffer_text(b, ", the limit ");
			mr_buffer_text(b, found->limit->label);
			mr_buffer_text(b, " is ");
			mr_buffer_uint(b, found->counters[i].limit);
			return;
		}
}

void mr_screening_alert(const struct mr_visitor *v, enum mr_reason reason, const char *before, struct mr_str subject,
		  const char *after, const struct mr_screening *found)
{
	struct mr_decision decision = { .verdict = MR_ACCEPT, .reason = reason };
	char words[MR_EVENT_TEXT_MAX];
	struct mr_buffer b = mr_buffer_over(words, sizeof(words));
	struct mr_event event;

	mr_buffer_text(&b, before);
	mr_buffer_str(&b, subject);
	mr_buffer_text(&b, after);
	mr_screening_say_limit(&b, found);
	event = mr_screening_event(v, MR_EVENT_ALERT, mr_buffer_view(&b), &decision, found);
	mr_engine_emit(v->engine, &event, v->policy);
}

/* ---- Signals ---- */

static void count_source(const struct mr_visitor *v, enum mr_signal signal, unsigned length, unsigned factor,
			 uint32_t item)
{
	struct mr_screening found = { .limit = NULL };
	char room[SOURCE_NAME];

	mr_screening_count(v, signal, mr_screening_source_name(&v->connection->client_ip, length, room), factor, item, true, &found);
	/* What is repeated is not news: a telephone with an old password blocks nobody. */
	if (found.limit != NULL && (found.news || mr_signal_row(signal)->form == MR_FORM_COUNT))
		mr_screening_source_passed(v, length, &found);
}

static void count_inside(const struct mr_visitor *v, enum mr_signal signal, uint32_t item)
{
	const struct mr_ip *ip = &v->connection->client_ip;
	struct mr_screening found = { .limit = NULL };
	char room[SOURCE_NAME], text[MR_IP_TEXT_MAX];

	mr_screening_count(v, signal, mr_screening_source_name(ip, ip->family == MR_IP_V4 ? 32 : 128, room), 1, item, true, &found);
	if (found.limit != NULL && found.first)
		mr_screening_alert(v, mr_signal_row(signal)->reason, "the inside address ",
		      (struct mr_str){ text, mr_ip_format(ip, text) },
		      " looks like a router that hides outside connections behind itself: take it out of the trusted "
		      "networks (networks.*.except)", &found);
}

/* What honest neighbours do as well is not summed up over a network. */
static bool is_attack(enum mr_signal signal)
{
	return signal != MR_SIGNAL_CONNECTIONS && signal != MR_SIGNAL_RESETS && signal != MR_SIGNAL_SYNTAX_ERRORS;
}

void mr_screening_signal(const struct mr_visitor *v, enum mr_signal signal, uint32_t item)
{
	const struct mr_screen_policy *screen = &v->policy->screen;
	const struct mr_ip *ip = &v->connection->client_ip;
	const uint8_t *wide = ip->family == MR_IP_V4 ? screen->wide_ipv4 : screen->wide_ipv6;

	if (mr_policy_mode(v->policy, &screen->rule) == MR_MODE_OFF || v->connection->local ||
	    ip->family == MR_IP_UNKNOWN || mr_ip_is_loopback(ip))
		return;
	if (mr_screening_exempt(v))
		return; /* others of the same source are counted all the same */
	if (mr_signal_row(signal)->of == MR_SIGNAL_OF_INSIDE) {
		if (is_inside(v))
			count_inside(v, signal, item);
		return;
	}
	if (signal == MR_SIGNAL_CONNECTIONS && is_inside(v))
		return; /* the site's own relays and web mail connect as often as they like */
	count_source(v, signal, mr_screening_length(screen, ip), 1, item);
	for (size_t i = 0; i < MR_SCREEN_WIDE_MAX && wide[i] > 0 && is_attack(signal); i++)
		count_source(v, signal, wide[i], screen->wide_factor, item);
}
