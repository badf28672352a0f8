/*
 * The closed sets that event lines, the policy and the manual speak: rules, reasons, event actions,
 * verdicts, stages, modes. Declared once, in the .def files. Thread-safe: constants only.
 */
#ifndef MR_MODEL_VOCABULARY_H
#define MR_MODEL_VOCABULARY_H

#include "base/str.h"

enum mr_rule {
#define MR_RULE(name, text, words) MR_RULE_##name,
#include "model/rule.def"
#undef MR_RULE
	MR_RULE_COUNT
};

enum mr_reason {
#define MR_REASON(name, id, rule, code, enhanced, client, sentence) MR_REASON_##name,
#include "model/reason.def"
#undef MR_REASON
	MR_REASON_COUNT
};

enum mr_event_action {
#define MR_EVENT(name, action, kind, categories, types, severity, words) MR_EVENT_##name,
#include "model/event.def"
#undef MR_EVENT
	MR_EVENT_COUNT
};

/* What happens to a message or a recipient, from mildest to hardest. */
enum mr_verdict { MR_ACCEPT, MR_HOLD, MR_TEMPFAIL, MR_REJECT };

enum mr_mode { MR_MODE_OFF, MR_MODE_OBSERVE, MR_MODE_ENFORCE };

/* Where in the SMTP dialogue something was decided, or where a transaction ended. */
enum mr_stage { MR_STAGE_CONNECT, MR_STAGE_HELO, MR_STAGE_MAIL, MR_STAGE_RCPT, MR_STAGE_END, MR_STAGE_ABORT, MR_STAGE_NONE };

/* Three answers, never two. */
enum mr_answer { MR_NO, MR_YES, MR_CANNOT_TELL };

struct mr_rule_row {
	const char *name;
	const char *words;
};

struct mr_reason_row {
	const char *id;
	enum mr_rule rule;
	unsigned code;        /* SMTP reply code, 0 for none */
	const char *enhanced; /* enhanced status code */
	const char *client;   /* reply text */
	const char *sentence;
};

struct mr_event_row {
	const char *action;
	const char *kind;
	const char *categories;
	const char *types;
	int severity;
	const char *words;
};

const struct mr_rule_row *mr_rule_row(enum mr_rule rule);
const struct mr_reason_row *mr_reason_row(enum mr_reason reason);
const struct mr_event_row *mr_event_row(enum mr_event_action action);
const char *mr_verdict_text(enum mr_verdict verdict); /* "accept" "hold" "tempfail" "reject" */
const char *mr_mode_text(enum mr_mode mode);          /* "off" "observe" "enforce" */
const char *mr_stage_text(enum mr_stage stage);       /* "connect" "helo" "mail" "rcpt" "end" "abort" "" */

#endif
