/* What the login feed answers: HTTP and JSON. Dovecot reads "status", which has to be a number, and "msg". */
#ifndef MR_MILTER_LOGINFEED_ANSWER_H
#define MR_MILTER_LOGINFEED_ANSWER_H

#include <stdbool.h>

#include <microhttpd.h>

/* Answers that are always the same; all but the first two end the connection. */
enum mr_feedanswer {
	MR_FEED_ANSWER_YES,  /* status 0, no words */
	MR_FEED_ANSWER_PONG,
	MR_FEED_ANSWER_AMBIGUOUS,
	MR_FEED_ANSWER_UNAUTHORIZED,
	MR_FEED_ANSWER_UNKNOWN,
	MR_FEED_ANSWER_METHOD,
	MR_FEED_ANSWER_LENGTH,
	MR_FEED_ANSWER_BODY_LONG,
	MR_FEED_ANSWER_EXPECT,
	MR_FEED_ANSWER_HEAD_LONG,
	MR_FEED_ANSWER_VERSION,
	MR_FEED_ANSWER_RESET,
	MR_FEED_ANSWERS
};

struct mr_feedanswers;

/* NULL: no memory. */
struct mr_feedanswers *mr_feedanswers_new(void);
void mr_feedanswers_free(struct mr_feedanswers **answers);
/* Answers a connection. last: the connection ends with it. Thread-safe. */
enum MHD_Result mr_feedanswers_give(const struct mr_feedanswers *answers, struct MHD_Connection *connection,
				    enum mr_feedanswer which, bool last);
/* status and text in a "msg"; blacklisted and stats too, as weakforced has them, when stats is true. code: of HTTP. */
enum MHD_Result mr_feedanswer_give(struct MHD_Connection *connection, unsigned code, int status, const char *text,
				   bool stats, bool last);

#endif
