/*
 * The object "mailreeve" of an event line: what ECS has no name for. The names are a contract with mailreeve-events(5)
 * and contrib/siem/mailreeve-events.schema.json. line.c calls it.
 */
#include "eventlog/linewriter.h"

static void put_word(struct mr_line_writer *w, const char *word)
{
	mr_json_string(&w->out, mr_str_of(word), w->limits.text, MR_JSON_TEXT);
}

static void put_text(struct mr_line_writer *w, struct mr_str text)
{
	mr_json_string(&w->out, text, w->limits.text, MR_JSON_TEXT);
}

static void put_flag(struct mr_line_writer *w, bool flag)
{
	if (flag)
		MR_JSON_PUT(&w->out, "true");
	else
		MR_JSON_PUT(&w->out, "false");
}

/* The elements and the end of an array of rules. */
static void put_rules(struct mr_line_writer *w, mr_rule_mask rules, struct mr_json_mark mark)
{
	for (unsigned rule = 0; rule < MR_RULE_COUNT; rule++) {
		if ((rules & MR_RULE_BIT(rule)) == 0)
			continue;
		mr_json_separate(&w->out);
		put_word(w, mr_rule_row((enum mr_rule)rule)->name);
	}
	mr_json_close(&w->out, mark, ']');
}

static void put_cannot_tell(struct mr_line_writer *w)
{
	struct mr_json_mark mark = mr_json_mark(&w->out);

	if (w->event->decision.cannot_tell == 0)
		return;
	MR_JSON_OPEN(&w->out, "\"cannot_tell\":[");
	put_rules(w, w->event->decision.cannot_tell, mark);
}

static void put_would(struct mr_line_writer *w)
{
	struct mr_json_mark mark = mr_json_mark(&w->out);

	if (w->event->decision.would == 0)
		return;
	MR_JSON_OPEN(&w->out, "\"would\":[");
	put_rules(w, w->event->decision.would, mark);
	if (w->event->decision.would_reason != MR_REASON_NONE) {
		MR_JSON_MEMBER(&w->out, "\"would_reason\":");
		put_word(w, mr_reason_row(w->event->decision.would_reason)->id);
	}
}

static void put_exemptions(struct mr_line_writer *w)
{
	const struct mr_trail *trail = w->event->trail;

	if (trail == NULL || trail->count == 0)
		return;
	struct mr_line_list list = mr_line_list_begin(mr_json_mark(&w->out));
	MR_JSON_OPEN(&w->out, "\"exemptions\":[");
	for (size_t i = 0; i < trail->count && !list.full; i++) {
		struct mr_json_mark element = mr_line_list_add(w);
		mr_json_escape(&w->out, trail->tried[i].name, w->limits.text, MR_JSON_TEXT);
		if (trail->tried[i].applied)
			MR_JSON_PUT(&w->out, "=yes");
		else
			MR_JSON_PUT(&w->out, "=no");
		mr_line_list_added(w, &list, element);
	}
	mr_json_close(&w->out, list.mark, ']');
	if (trail->dropped > 0)
		w->truncated = true;
}

static void put_decision(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;

	MR_JSON_MEMBER(&w->out, "\"verdict\":");
	put_word(w, mr_verdict_text(event->decision.verdict));
	if (event->decision.reason != MR_REASON_NONE) {
		MR_JSON_MEMBER(&w->out, "\"reason\":");
		put_word(w, mr_reason_row(event->decision.reason)->id);
	}
	if (event->stage != MR_STAGE_NONE) {
		MR_JSON_MEMBER(&w->out, "\"stage\":");
		put_word(w, mr_stage_text(event->stage));
	}
	if (event->mode != MR_MODE_OFF) {
		MR_JSON_MEMBER(&w->out, "\"mode\":");
		put_word(w, mr_mode_text(event->mode));
	}
	put_cannot_tell(w);
	put_would(w);
	put_exemptions(w);
}

static void put_refused(struct mr_line_writer *w, const struct mr_rcpt_summary *rcpt)
{
	MR_JSON_MEMBER(&w->out, "\"refused_count\":");
	mr_json_uint(&w->out, rcpt->refused);
	struct mr_line_list list = mr_line_list_begin(mr_json_mark(&w->out));
	MR_JSON_OPEN(&w->out, "\"refused\":[");
	for (size_t i = 0; i < rcpt->refused_count && !list.full; i++) {
		struct mr_json_mark element = mr_line_list_add(w);
		mr_line_address(w, rcpt->refused_paths[i], w->limits.text);
		mr_line_list_added(w, &list, element);
	}
	/* Written even when empty: a reader that asks who was refused gets an answer. */
	MR_JSON_PUT(&w->out, "]");
	w->out.comma = true;
	if (rcpt->refused > rcpt->refused_count)
		w->truncated = true;
}

/* Nats, two digits behind the point. */
static void put_nats(struct mr_line_writer *w, float nats)
{
	int64_t hundredths = (int64_t)(nats * 100.0f + (nats < 0 ? -0.5f : 0.5f));
	char digits[3] = { '.', 0, 0 };

	if (hundredths < 0) {
		MR_JSON_PUT(&w->out, "-");
		hundredths = -hundredths;
	}
	mr_json_uint(&w->out, (uint64_t)hundredths / 100);
	digits[1] = (char)('0' + hundredths / 10 % 10);
	digits[2] = (char)('0' + hundredths % 10);
	mr_json_put(&w->out, digits, sizeof(digits));
}

static void put_evidence_member(struct mr_line_writer *w, const char *name, float nats)
{
	MR_JSON_MEMBER(&w->out, "\"");
	mr_json_put(&w->out, name, strlen(name));
	MR_JSON_PUT(&w->out, "\":");
	put_nats(w, nats);
	w->out.comma = true;
}

/* Channels that say nothing are left out. */
static void put_evidence(struct mr_line_writer *w)
{
	const struct mr_event_evidence *evidence = w->event->evidence;
	struct mr_json_mark mark = mr_json_mark(&w->out);

	if (evidence == NULL)
		return;
	MR_JSON_OPEN(&w->out, "\"evidence\":{");
	for (size_t i = 0; i < MR_CHANNEL_COUNT; i++)
		if (evidence->channel[i] >= 0.005f || evidence->channel[i] <= -0.005f)
			put_evidence_member(w, mr_channel_row((enum mr_channel)i)->name, evidence->channel[i]);
	put_evidence_member(w, "total", evidence->total);
	put_evidence_member(w, "limit", evidence->limit);
	mr_json_close(&w->out, mark, '}');
}

static void put_counter(struct mr_line_writer *w, struct mr_str name, uint64_t value)
{
	MR_JSON_MEMBER(&w->out, "\"");
	mr_json_escape(&w->out, name, w->limits.text, MR_JSON_TEXT);
	MR_JSON_PUT(&w->out, "\":");
	mr_json_uint(&w->out, value);
	w->out.comma = true;
}

static void put_counters(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;

	if (event->counter_count > 0 || event->dropped > 0) {
		struct mr_json_mark mark = mr_json_mark(&w->out);

		MR_JSON_OPEN(&w->out, "\"counter\":{");
		if (event->dropped > 0)
			put_counter(w, MR_STR("dropped"), event->dropped);
		for (size_t i = 0; i < event->counter_count; i++)
			put_counter(w, event->counters[i].name, event->counters[i].value);
		mr_json_close(&w->out, mark, '}');
	}
	if (event->counter_count > 0) {
		struct mr_json_mark mark = mr_json_mark(&w->out);

		MR_JSON_OPEN(&w->out, "\"limit\":{");
		for (size_t i = 0; i < event->counter_count; i++)
			if (mr_line_is_limited(event, &event->counters[i]))
				put_counter(w, event->counters[i].name, event->counters[i].limit);
		mr_json_close(&w->out, mark, '}');
	}
}

static void put_order(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;

	if (event->account.n > 0) {
		MR_JSON_MEMBER(&w->out, "\"account\":\"");
		mr_line_address(w, event->account, w->limits.text);
		MR_JSON_PUT(&w->out, "\"");
		w->out.comma = true;
	}
	if (event->prefix.n > 0) {
		MR_JSON_MEMBER(&w->out, "\"prefix\":");
		put_text(w, event->prefix);
	}
	if (event->operator_name.n > 0) {
		MR_JSON_MEMBER(&w->out, "\"operator\":");
		put_text(w, event->operator_name);
	}
	if (event->until_ms > 0) {
		MR_JSON_MEMBER(&w->out, "\"until\":");
		mr_json_int(&w->out, event->until_ms / 1000);
	}
}

static void put_rcpt(struct mr_line_writer *w)
{
	const struct mr_rcpt_summary *rcpt = w->event->rcpt;

	if (rcpt == NULL)
		return;
	struct mr_json_mark mark = mr_json_mark(&w->out);
	MR_JSON_OPEN(&w->out, "\"rcpt\":{");
	MR_JSON_MEMBER(&w->out, "\"count\":");
	mr_json_uint(&w->out, rcpt->count);
	MR_JSON_MEMBER(&w->out, "\"accepted\":");
	mr_json_uint(&w->out, rcpt->accepted);
	MR_JSON_MEMBER(&w->out, "\"rejected_by_mta\":");
	mr_json_uint(&w->out, rcpt->rejected_by_mta);
	if (rcpt->distinct_told) {
		MR_JSON_MEMBER(&w->out, "\"distinct_new\":");
		mr_json_uint(&w->out, rcpt->distinct_new);
	}
	put_refused(w, rcpt);
	mr_json_close(&w->out, mark, '}');
}

static void put_about(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	const struct mr_connection *connection = event->connection;

	if (event->recipient.p != NULL) {
		MR_JSON_MEMBER(&w->out, "\"recipient\":\"");
		mr_line_address(w, event->recipient, w->limits.text);
		MR_JSON_PUT(&w->out, "\"");
	}
	if (event->exemption.p != NULL) {
		MR_JSON_MEMBER(&w->out, "\"exemption\":");
		put_text(w, event->exemption);
	}
	if (connection != NULL && connection->helo.p != NULL) {
		MR_JSON_MEMBER(&w->out, "\"helo\":");
		put_text(w, connection->helo);
	}
	if (connection != NULL && connection->listener.p != NULL) {
		MR_JSON_MEMBER(&w->out, "\"listener\":");
		put_text(w, connection->listener);
	}
	if (connection != NULL && connection->local)
		MR_JSON_MEMBER(&w->out, "\"local\":true");
	if (event->size >= 0) {
		MR_JSON_MEMBER(&w->out, "\"size\":");
		mr_json_int(&w->out, event->size);
	}
}

void mr_line_own_fields(struct mr_line_writer *w)
{
	const struct mr_event *event = w->event;
	struct mr_json_mark mark = mr_json_mark(&w->out);

	MR_JSON_OPEN(&w->out, "\"mailreeve\":{");
	if (event->decided)
		put_decision(w);
	if (event->transaction[0] != '\0') {
		MR_JSON_MEMBER(&w->out, "\"transaction\":");
		put_text(w, (struct mr_str){ event->transaction, strnlen(event->transaction, MR_EVENT_ID_MAX) });
	}
	put_about(w);
	put_rcpt(w);
	put_order(w);
	put_evidence(w);
	put_counters(w);
	MR_JSON_MEMBER(&w->out, "\"degraded\":");
	put_flag(w, event->degraded);
	mr_line_note_cut(w);
	MR_JSON_MEMBER(&w->out, "\"truncated\":");
	put_flag(w, w->truncated);
	mr_json_close(&w->out, mark, '}');
}
