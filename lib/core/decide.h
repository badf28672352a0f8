/*
 * The order of evaluation, the modes and the actions: turns what the rules find into decisions. PURE: no I/O, no
 * clock; the same subject under the same policy always gives the same decision.
 *
 * Stages come as in SMTP: CONNECT, MAIL, each RCPT, end of message. Within a stage the rules are asked in the order of
 * model/rule.def; the first that enforces a refusal decides, a hold gives way to a refusal. Rules in observe mode are
 * only written down.
 */
#ifndef MR_CORE_DECIDE_H
#define MR_CORE_DECIDE_H

#include "core/rules.h"

/* Begins a subject for one connection. Everything pointed to must outlive it. */
void mr_subject_connect(struct mr_subject *subject_r, const struct mr_policy *policy,
			const struct mr_connection *connection, struct mr_arena *arena, int64_t now_ms);
/* Begins a transaction: reads login, sender and host name. login as {auth_authen} gives it; absent or empty is none. */
void mr_subject_mail(struct mr_subject *subject, int64_t now_ms, struct mr_str login, struct mr_str mail_from,
		     int64_t declared_size);

void mr_decide_connect(struct mr_subject *subject, struct mr_decision *decision_r);
void mr_decide_mail(struct mr_subject *subject, struct mr_decision *decision_r);
/* Adds one to subject->rcpt_accepted when the recipient is accepted or held. *open_relay_r: the relay rule has
 * something against a recipient that the mail server took. */
void mr_decide_rcpt(struct mr_subject *subject, const struct mr_recipient *recipient,
		    struct mr_destination *destination_r, bool *open_relay_r, struct mr_decision *decision_r);
/* size: bytes, -1 when not told. */
void mr_decide_end(struct mr_subject *subject, const struct mr_message *message, int64_t size,
		   struct mr_decision *decision_r);

/* Joins what a later stage decided to what was decided before: the harder verdict, all that would have decided. */
void mr_decision_join(struct mr_decision *whole, const struct mr_decision *part);

#endif
