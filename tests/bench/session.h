/*
 * One SMTP session as a filter sees it: negotiation, connect, HELO, one message with one recipient, quit. The steps that
 * the filter did not want are left out, and where it wanted no answer none is awaited, as Postfix does.
 */
#ifndef MR_BENCH_SESSION_H
#define MR_BENCH_SESSION_H

#include "wire.h"

enum mr_bench_step {
	MR_STEP_NEGOTIATE, MR_STEP_CONNECT, MR_STEP_HELO, MR_STEP_MAIL, MR_STEP_RCPT, MR_STEP_DATA, MR_STEP_HEADERS,
	MR_STEP_EOH, MR_STEP_BODY, MR_STEP_EOM, MR_STEP_QUIT, MR_STEP_END
};

struct mr_bench_plan {
	unsigned accounts;  /* distinct logins, senders and client addresses */
	unsigned body;      /* bytes of body */
	bool zipf;          /* the n-th account sends in proportion to 1/n, instead of all alike */
	unsigned strangers; /* so many of 100 sessions send without a login to a recipient that is ours */
};

struct mr_bench_session {
	enum mr_bench_step step;  /* the next one to write */
	unsigned account;
	bool stranger;
	bool answer;        /* one is awaited before the next step */
	unsigned header;    /* the next header field */
	unsigned serial;
	struct mr_wire_agreed agreed;
	struct mr_wire_out out;
};

/* Begins a session; serial tells it from all others. */
void mr_bench_session_begin(struct mr_bench_session *session, const struct mr_bench_plan *plan, unsigned serial);
/* Writes the next step, or one header field, into out; answer says whether it waits for one. Nothing at the end. */
void mr_bench_session_write(struct mr_bench_session *session, const struct mr_bench_plan *plan);

#endif
