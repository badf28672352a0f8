/*
 * What the client is told: a decision as a reply code and a text. The only place where texts for clients are made.
 * Called by session.c; milter/reply.c hands the result to the mail server.
 */
#include "engine/answer.h"

#include "base/buffer.h"

void mr_answer_nothing(struct mr_reply *reply_r)
{
	*reply_r = (struct mr_reply){ .action = MR_CONTINUE, .enhanced = "" };
}

/* Writes "text (id)": generic words and an id to ask about, never a limit, a rule or an echo. */
static void reply_text(struct mr_reply *reply, const char *before, const char *text, const char *contact,
		       const char *id)
{
	struct mr_buffer b = mr_buffer_over(reply->text, sizeof(reply->text) - 1);

	mr_buffer_text(&b, before);
	mr_buffer_text(&b, text);
	if (contact != NULL) {
		mr_buffer_text(&b, ": ");
		mr_buffer_text(&b, contact);
	}
	if (id[0] != '\0') {
		mr_buffer_text(&b, " (");
		mr_buffer_text(&b, id);
		mr_buffer_byte(&b, ')');
	}
	reply->text[b.n] = '\0';
}

/* A temporary answer to a reason that is permanent by nature (action = "tempfail") has words of its own. */
static const struct mr_reason_row *answer_row(const struct mr_decision *decision)
{
	const struct mr_reason_row *row = mr_reason_row(decision->reason);

	if (decision->verdict == MR_TEMPFAIL && row->code >= 500)
		return mr_reason_row(MR_REASON_CANNOT_TELL);
	return row;
}

/* Only an account that was stopped has somebody to ask. */
static bool is_stopped_account(enum mr_reason reason)
{
	return reason == MR_REASON_ACCOUNT_FROZEN || reason == MR_REASON_HIJACK_EVIDENCE;
}

void mr_answer_decision(struct mr_reply *reply_r, const struct mr_decision *decision, const char *contact,
			const char *id)
{
	const struct mr_reason_row *row = answer_row(decision);

	mr_answer_nothing(reply_r);
	if (decision->verdict != MR_TEMPFAIL && decision->verdict != MR_REJECT)
		return;
	reply_r->action = decision->verdict == MR_REJECT ? MR_ANSWER_REJECT : MR_ANSWER_TEMPFAIL;
	reply_r->code = row->code;
	reply_r->enhanced = row->enhanced;
	if (decision->verdict == MR_REJECT && row->rule == MR_RULE_RATES) {
		reply_r->code = 550;
		reply_r->enhanced = "5.7.1";
		reply_text(reply_r, "", "Sending too much", NULL, id);
		return;
	}
	if (decision->verdict == MR_REJECT && row->code < 500) {
		/* A refusal for good whose reason is a temporary one (mail submitted on the host itself must not wait
		 * for ever), or has no answer of its own: a mail server drops a 4xx that comes with a refusal. */
		reply_r->code = 554;
		reply_r->enhanced = row->code > 0 ? "5.5.3" : "5.5.0";
	}
	reply_text(reply_r, "", row->client, is_stopped_account(decision->reason) ? contact : NULL, id);
}

void mr_answer_hold(struct mr_reply *reply_r, const struct mr_decision *decision, const char *id)
{
	mr_answer_nothing(reply_r);
	reply_r->action = MR_ANSWER_HOLD;
	reply_text(reply_r, "Mailreeve ", mr_reason_row(decision->reason)->id, NULL, id);
}

void mr_answer_internal(struct mr_reply *reply_r)
{
	struct mr_decision decision = { .verdict = MR_TEMPFAIL, .reason = MR_REASON_INTERNAL };

	mr_answer_decision(reply_r, &decision, NULL, "");
}

void mr_session_mail_while_stopping(struct mr_session *session, struct mr_reply *reply_r)
{
	struct mr_decision decision = { .verdict = MR_TEMPFAIL, .reason = MR_REASON_STOPPING };

	(void)session;
	mr_answer_decision(reply_r, &decision, NULL, "");
}
