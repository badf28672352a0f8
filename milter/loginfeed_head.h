/*
 * The header of a request to the login feed: what of it matters, and whether it could mean two things (RFC 9112, 6 and
 * 11). One thread at a time.
 */
#ifndef MR_MILTER_LOGINFEED_HEAD_H
#define MR_MILTER_LOGINFEED_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_FEED_HEAD_MAX = 4096, MR_FEED_FIELDS_MAX = 64, MR_FEED_BODY_MAX = 65536 };

enum mr_feedfault {
	MR_FEED_GOOD,
	MR_FEED_AMBIGUOUS,  /* could be read in two ways, or is no header */
	MR_FEED_HEAD_LONG,
	MR_FEED_CODED,      /* Transfer-Encoding: the length has to be told */
	MR_FEED_NO_LENGTH,
	MR_FEED_BODY_LONG,
	MR_FEED_EXPECTS     /* Expect with anything but 100-continue */
};

/* All 0 before the first field. Texts are borrowed from the fields. */
struct mr_feedhead {
	enum mr_feedfault fault; /* the first one */
	unsigned fields;
	bool has_length;
	uint64_t length;
	const char *key;           /* X-API-Key */
	const char *authorization;
	bool has_host;
};

/* Takes the next field. Both end with a NUL; value may be NULL. */
void mr_feedhead_add(struct mr_feedhead *head, const char *name, size_t name_length, const char *value);
/* After the last field. size: of the whole header in bytes; needs_body: whether the request has to bring one. */
enum mr_feedfault mr_feedhead_judge(const struct mr_feedhead *head, uint64_t size, bool needs_body);

#endif
