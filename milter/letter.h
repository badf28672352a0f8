/* The text of a mail about a notice (RFC 5322, RFC 2045, RFC 3834). Reads no clock and sends nothing. */
#ifndef MR_MILTER_LETTER_H
#define MR_MILTER_LETTER_H

#include <stddef.h>
#include <stdint.h>

#include "notice.h"

enum mr_letter_kind { MR_LETTER_OPERATOR, MR_LETTER_OWNER };

struct mr_letter {
	enum mr_letter_kind kind;
	const char *from, *to;  /* plain ASCII addresses */
	const char *contact;    /* whom an owner should ask, or NULL */
	int64_t now_ms;
	uint64_t unique;        /* a random number, for Message-ID */
};

/* Writes the mail with CRLF line ends. The caller frees it. NULL when there is no memory. */
char *mr_letter_write(const struct mr_letter *letter, const struct mr_notice *notice, size_t *n_r);

#endif
