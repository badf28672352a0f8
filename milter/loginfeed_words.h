/* What a client of the login feed asks for: Dovecot's words, and those of weakforced that mean the same. Thread-safe. */
#ifndef MR_MILTER_LOGINFEED_WORDS_H
#define MR_MILTER_LOGINFEED_WORDS_H

#include <stdbool.h>

enum mr_feedword {
	MR_FEED_ALLOW,   /* may it log in? */
	MR_FEED_REPORT,  /* what came of it */
	MR_FEED_STATS,   /* weakforced's getDBStats: how does it stand? */
	MR_FEED_PING,
	MR_FEED_RESET,   /* known, and left to mailreeve(1) */
	MR_FEED_UNKNOWN
};

/* The command in a request target as it came, with nothing decoded: "/?command=allow", "/any/path?x=y&command=allow",
 * "?command=allow". Two commands in one target are MR_FEED_UNKNOWN. */
enum mr_feedword mr_feedwords_read(const char *target);
/* Whether a target has only the printable ASCII that RFC 3986 leaves it. */
bool mr_feedwords_are_printable(const char *target);
/* Whether a word may be asked for by this method ("GET", "POST", ...). */
bool mr_feedwords_go_with(enum mr_feedword word, const char *method);

#endif
