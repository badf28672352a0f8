/*
 * The tables of the vocabulary, made from the .def files. Not the place for meaning: the core gives it.
 * Called by whoever prints, parses or answers.
 */
#include "model/vocabulary.h"

static const struct mr_rule_row rules[] = {
#define MR_RULE(name, text, words) { text, words },
#include "model/rule.def"
#undef MR_RULE
};

static const struct mr_reason_row reasons[] = {
#define MR_REASON(name, id, rule, code, enhanced, client, sentence) \
	{ id, MR_RULE_##rule, code, enhanced, client, sentence },
#include "model/reason.def"
#undef MR_REASON
};

static const struct mr_event_row events[] = {
#define MR_EVENT(name, action, kind, categories, types, severity, words) \
	{ action, kind, categories, types, severity, words },
#include "model/event.def"
#undef MR_EVENT
};

const struct mr_rule_row *mr_rule_row(enum mr_rule rule)
{
	return &rules[rule];
}

const struct mr_reason_row *mr_reason_row(enum mr_reason reason)
{
	return &reasons[reason];
}

const struct mr_event_row *mr_event_row(enum mr_event_action action)
{
	return &events[action];
}

const char *mr_verdict_text(enum mr_verdict verdict)
{
	switch (verdict) {
	case MR_ACCEPT:
		return "accept";
	case MR_HOLD:
		return "hold";
	case MR_TEMPFAIL:
		return "tempfail";
	case MR_REJECT:
		return "reject";
	}
	return "";
}

const char *mr_mode_text(enum mr_mode mode)
{
	switch (mode) {
	case MR_MODE_OFF:
		return "off";
	case MR_MODE_OBSERVE:
		return "observe";
	case MR_MODE_ENFORCE:
		return "enforce";
	}
	return "";
}

const char *mr_stage_text(enum mr_stage stage)
{
	switch (stage) {
	case MR_STAGE_CONNECT:
		return "connect";
	case MR_STAGE_HELO:
		return "helo";
	case MR_STAGE_MAIL:
		return "mail";
	case MR_STAGE_RCPT:
		return "rcpt";
	case MR_STAGE_END:
		return "end";
	case MR_STAGE_ABORT:
		return "abort";
	case MR_STAGE_NONE:
		return "";
	}
	return "";
}
