/*
 * What the files that make one event line share: where it is written, for which event, and how much of it may be kept.
 * Private to this room. Thread-safe: a struct mr_line_writer belongs to one call.
 */
#ifndef MR_EVENTLOG_LINEWRITER_H
#define MR_EVENTLOG_LINEWRITER_H

#include "base/ip.h"
#include "eventlog/json.h"
#include "model/event.h"
#include "model/policy.h"

/* How much of an event is kept: bytes of one string, of one array. */
struct mr_line_limits {
	size_t text;
	size_t list;
};

struct mr_line_writer {
	struct mr_json out;
	struct mr_line_limits limits;
	const struct mr_event *event;
	const struct mr_observer *observer;
	const struct mr_log_policy *log; /* NULL: addresses are plain */
	char client_text[MR_IP_TEXT_MAX];
	struct mr_str client; /* the client's address as text; absent when unknown */
	bool truncated;
};

/* Whether one more thing was cut: collects out.cut into truncated. */
static inline void mr_line_note_cut(struct mr_line_writer *w)
{
	if (w->out.cut)
		w->truncated = true;
	w->out.cut = false;
}

/* An address or path inside a string, at most max bytes: plain, or when log says so with its local part replaced by a
 * keyed hash. A path keeps its angle brackets. */
void mr_line_address(struct mr_line_writer *w, struct mr_str address, size_t max);
/* The address in a path: without blanks and angle brackets around it. */
struct mr_str mr_line_bare_address(struct mr_str path);

/* A string member; nothing when value is absent. name is the member's name in quotes with its colon. */
void mr_line_text(struct mr_line_writer *w, const char *name, size_t name_length, struct mr_str value);
#define MR_LINE_TEXT(w, literal, value) mr_line_text((w), (literal), sizeof(literal) - 1, (value))

/* "user", "email", "related": an object that would be empty is left out. */
void mr_line_user(struct mr_line_writer *w);
void mr_line_email(struct mr_line_writer *w);
void mr_line_related(struct mr_line_writer *w);

/* "threat": techniques of ATT&CK, where one fits. */
void mr_line_threat(struct mr_line_writer *w);

/* Whether the event is about screening, or where logins may come from, and not about one message. */
bool mr_line_is_screening(const struct mr_event *event);
/* Whether a counter of the event has a limit. Numbers that screening found have none where it says 0. */
bool mr_line_is_limited(const struct mr_event *event, const struct mr_event_counter *counter);
/* Its reason, or the one that it would have had. */
enum mr_reason mr_line_reason(const struct mr_event *event);

/* The inside of "message": one line for people. */
void mr_line_sentence(struct mr_line_writer *w);

/* "mailreeve":{...}, the last object of the line. */
void mr_line_own_fields(struct mr_line_writer *w);

/* An array of strings in the making. */
struct mr_line_list {
	struct mr_json_mark mark;
	bool full; /* no further element is taken */
};

/* Begins what MR_JSON_OPEN opened after mark; each element is written between the two calls of add. */
static inline struct mr_line_list mr_line_list_begin(struct mr_json_mark mark)
{
	return (struct mr_line_list){ .mark = mark };
}

/* Begins an element: its opening quote. The mark is for mr_line_list_added. */
static inline struct mr_json_mark mr_line_list_add(struct mr_line_writer *w)
{
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_MEMBER(&w->out, "\"");
	return mark;
}

/* Ends an element; takes it back when the array has become too long, and then takes no more. */
static inline void mr_line_list_added(struct mr_line_writer *w, struct mr_line_list *list, struct mr_json_mark element)
{
	MR_JSON_PUT(&w->out, "\"");
	if (w->out.n - list->mark.n > w->limits.list) {
		mr_json_take_back(&w->out, element);
		list->full = true;
		w->truncated = true;
	}
	mr_line_note_cut(w);
}

#endif
