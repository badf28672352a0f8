/*
 * The body of a request to the login feed: JSON in, a login out (Dovecot's auth policy and weakforced's login tuple).
 * Thread-safe.
 */
#ifndef MR_MILTER_LOGINFEED_REQUEST_H
#define MR_MILTER_LOGINFEED_REQUEST_H

#include <stddef.h>

#include "mailreeve.h"

/* The room of a number that stands where a text belongs. */
enum { MR_FEED_NUMBERS = 8, MR_FEED_NUMBER_MAX = 24 };

struct mr_feedrequest {
	struct mr_login_info info; /* what is not told is NULL or false; texts live in the body or in the request */
	void *json;                /* NULL: it was read without the parser */
	char numbers[MR_FEED_NUMBERS][MR_FEED_NUMBER_MAX];
};

/* Reads n bytes, which it may change and which have to live as long as the request. Bytes that are no UTF-8 are taken for
 * ISO 8859-1, each for itself, as Dovecot does: two logins that differ stay different, and old programs' umlauts come out
 * right. 0; -1: *why_r says in a few words what is wrong, and nothing has to be cleared. */
int mr_feedrequest_read(char *body, size_t n, struct mr_feedrequest *request_r, const char **why_r);
/* The same with the parser alone, which changes nothing in the body. */
int mr_feedrequest_parse(const char *body, size_t n, struct mr_feedrequest *request_r, const char **why_r);
void mr_feedrequest_clear(struct mr_feedrequest *request);

#endif
