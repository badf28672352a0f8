/*
 * The objects "user", "email" and "related" of an event line: whose mail it was. line.c calls it.
 */
#include "eventlog/linewriter.h"

void mr_line_user(struct mr_line_writer *w)
{
	struct mr_str login = w->event->login;

	if (login.n == 0)
		return;
	struct mr_json_mark mark = mr_json_mark(&w->out);
	size_t at = mr_str_find_last(login, '@');
	MR_JSON_OPEN(&w->out, "\"user\":{");
	MR_LINE_TEXT(w, "\"name\":", login);
	if (at < login.n)
		MR_LINE_TEXT(w, "\"domain\":", mr_str_part(login, at + 1, login.n));
	mr_json_close(&w->out, mark, '}');
}

static void put_address_element(struct mr_line_writer *w, struct mr_line_list *list, struct mr_str address)
{
	if (list->full)
		return;
	struct mr_json_mark element = mr_line_list_add(w);
	mr_line_address(w, address, w->limits.text);
	mr_line_list_added(w, list, element);
}

static const char *direction_text(enum mr_direction direction)
{
	switch (direction) {
	case MR_DIRECTION_UNKNOWN:
		return NULL;
	case MR_DIRECTION_INBOUND:
		return "inbound";
	case MR_DIRECTION_OUTBOUND:
		return "outbound";
	case MR_DIRECTION_INTERNAL:
		return "internal";
	}
	return NULL;
}

void mr_line_email(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_OPEN(&w->out, "\"email\":{");
	MR_LINE_TEXT(w, "\"direction\":", mr_str_of(direction_text(event->direction)));
	MR_LINE_TEXT(w, "\"local_id\":", event->queue_id);
	MR_LINE_TEXT(w, "\"message_id\":", event->message_id);
	if (event->header_from_count > 0) {
		struct mr_json_mark from = mr_json_mark(&w->out);
		MR_JSON_OPEN(&w->out, "\"from\":{");
		struct mr_line_list list = mr_line_list_begin(mr_json_mark(&w->out));
		MR_JSON_OPEN(&w->out, "\"address\":[");
		for (size_t i = 0; i < event->header_from_count && i < MR_EVENT_RCPT_MAX; i++)
			put_address_element(w, &list, event->header_from[i]);
		mr_json_close(&w->out, list.mark, ']');
		mr_json_close(&w->out, from, '}');
		if (event->header_from_count > MR_EVENT_RCPT_MAX)
			w->truncated = true;
	}
	if (event->sender.p != NULL) {
		MR_JSON_MEMBER(&w->out, "\"sender\":{\"address\":\"");
		mr_line_address(w, event->sender, w->limits.text);
		MR_JSON_PUT(&w->out, "\"}");
	}
	if (event->rcpt != NULL && event->rcpt->to_count > 0) {
		struct mr_json_mark to = mr_json_mark(&w->out);
		MR_JSON_OPEN(&w->out, "\"to\":{");
		struct mr_line_list list = mr_line_list_begin(mr_json_mark(&w->out));
		MR_JSON_OPEN(&w->out, "\"address\":[");
		for (size_t i = 0; i < event->rcpt->to_count; i++)
			put_address_element(w, &list, event->rcpt->to[i]);
		mr_json_close(&w->out, list.mark, ']');
		mr_json_close(&w->out, to, '}');
	}
	mr_json_close(&w->out, mark, '}');
	mr_line_note_cut(w);
}

void mr_line_related(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	struct mr_str recipient = mr_line_bare_address(event->recipient);
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_OPEN(&w->out, "\"related\":{");
	if (w->client.p != NULL) {
		MR_JSON_MEMBER(&w->out, "\"ip\":[\"");
		mr_json_put(&w->out, w->client.p, w->client.n);
		MR_JSON_PUT(&w->out, "\"]");
	}
	struct mr_line_list list = mr_line_list_begin(mr_json_mark(&w->out));
	MR_JSON_OPEN(&w->out, "\"user\":[");
	if (event->login.n > 0)
		put_address_element(w, &list, event->login);
	if (event->sender.n > 0 && !mr_str_equal(event->sender, event->login))
		put_address_element(w, &list, event->sender);
	if (recipient.n > 0 && !mr_str_equal(recipient, event->login) && !mr_str_equal(recipient, event->sender))
		put_address_element(w, &list, recipient);
	mr_json_close(&w->out, list.mark, ']');
	mr_json_close(&w->out, mark, '}');
}
