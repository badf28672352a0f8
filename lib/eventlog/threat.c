/*
 * The object "threat" of an event line: which technique of MITRE ATT&CK it is, where one fits. line.c calls it.
 */
#include "eventlog/linewriter.h"

bool mr_line_is_screening(const struct mr_event *event)
{
	enum mr_rule rule;

	if (!event->decided)
		return false;
	rule = mr_reason_row(mr_line_reason(event))->rule;
	switch (event->action) {
	case MR_EVENT_LOGIN_REFUSED:
	case MR_EVENT_LOGIN_GUARDED:
		return true;
	case MR_EVENT_SOURCE_BLOCKED:
	case MR_EVENT_ALERT:
		return (rule == MR_RULE_SCREEN || rule == MR_RULE_LOCATION) && event->sender.p == NULL &&
		       event->recipient.p == NULL;
	case MR_EVENT_VERDICT:
	case MR_EVENT_REFUSED:
	case MR_EVENT_ACCOUNT_WATCHED:
	case MR_EVENT_ACCOUNT_HELD:
	case MR_EVENT_ACCOUNT_FROZEN:
	case MR_EVENT_ACCOUNT_THAWED:
	case MR_EVENT_SOURCE_UNBLOCKED:
	case MR_EVENT_EXEMPTION_USED:
	case MR_EVENT_POLICY_LOADED:
	case MR_EVENT_POLICY_REFUSED:
	case MR_EVENT_STARTED:
	case MR_EVENT_STOPPING:
	case MR_EVENT_DEGRADED:
	case MR_EVENT_RECOVERED:
	case MR_EVENT_COUNT:
		break;
	}
	return false;
}

bool mr_line_is_limited(const struct mr_event *event, const struct mr_event_counter *counter)
{
	return counter->limit != UINT64_MAX && (counter->limit > 0 || !mr_line_is_screening(event));
}

enum mr_reason mr_line_reason(const struct mr_event *event)
{
	return event->decision.reason != MR_REASON_NONE ? event->decision.reason : event->decision.would_reason;
}

/* T1078, valid accounts: a login that was taken over, or an alert about one that does what it may not. */
static bool is_login_misuse(const struct mr_event *event)
{
	if (event->login.n > 0 && event->operator_name.p == NULL && event->evidence != NULL &&
	    (event->action == MR_EVENT_ACCOUNT_FROZEN || event->action == MR_EVENT_ACCOUNT_HELD))
		return true;
	if (!event->decided || event->login.n == 0)
		return false;
	if (event->action == MR_EVENT_LOGIN_REFUSED)
		return event->decision.reason == MR_REASON_ACCOUNT_FROZEN;
	return event->action == MR_EVENT_ALERT &&
	       (mr_reason_row(event->decision.reason)->rule == MR_RULE_SENDER ||
		mr_line_reason(event) == MR_REASON_SCREEN_GUESSED);
}

/* The way of guessing: T1110 brute force, .001 many passwords, .003 one password for many logins. T1589.002: to find out
 * which addresses exist. NULL: none fits. */
static const char *guessing(const struct mr_event *event)
{
	if (event->evidence != NULL && event->evidence->channel[MR_CHANNEL_GUESSED] >= 0.005f && is_login_misuse(event))
		return "T1110.001";
	if (!mr_line_is_screening(event))
		return NULL;
	/* A set of reasons that grows with the signals: the rest has no technique. */
	switch ((int)mr_line_reason(event)) {
	case MR_REASON_SCREEN_LOGIN_FAILURES:
	case MR_REASON_SCREEN_PAIR_FAILURES:
	case MR_REASON_SCREEN_GUARD_FAILURES:
	case MR_REASON_SCREEN_GUARD_SOURCES:
	case MR_REASON_SCREEN_GUESSED:
		return "T1110.001";
	case MR_REASON_SCREEN_LOGINS_TRIED:
		return "T1110.003";
	case MR_REASON_SCREEN_LOGIN_ATTEMPTS:
		return "T1110";
	case MR_REASON_SCREEN_BLOCKED:
		return event->action == MR_EVENT_LOGIN_REFUSED ? "T1110" : NULL;
	case MR_REASON_SCREEN_UNKNOWN_RECIPIENTS:
		return "T1589.002";
	default:
		return NULL;
	}
}

static void put_technique(struct mr_line_writer *w, const char *id)
{
	mr_json_separate(&w->out);
	mr_json_string(&w->out, mr_str_of(id), w->limits.text, MR_JSON_TEXT);
}

void mr_line_threat(struct mr_line_writer *w)
{
	const char *technique = guessing(w->event);
	bool misuse = is_login_misuse(w->event);

	if (!misuse && technique == NULL)
		return;
	MR_JSON_MEMBER(&w->out, "\"threat\":{\"technique\":{\"id\":[");
	w->out.comma = false;
	if (misuse)
		put_technique(w, "T1078");
	if (technique != NULL)
		put_technique(w, technique);
	MR_JSON_PUT(&w->out, "]}}");
	w->out.comma = true;
}
