/*
 * The tokens of a policy's text: faults that libconfig would stop at are told all at once, and what is left is text
 * that libconfig takes.
 */
#ifndef MR_POLICY_SCAN_H
#define MR_POLICY_SCAN_H

#include "base/strmap.h"
#include "policy/text.h"

/* Names that were set a second time begin with this in the text that the scan makes. */
#define MR_SCAN_AGAIN "*again-"

struct mr_scan {
	char *bytes; /* text for libconfig, NUL-ended */
	size_t n, room;
	unsigned *lines; /* of the text, for each setting and element in order */
	size_t count, lines_room;
	bool stopped; /* the text could not be read to its end: there is nothing to build from */
	bool faulty;  /* something was left out */
};

/* MR_ERR_NOMEM. */
int mr_scan_text(const struct mr_text *text, struct mr_faults *faults, const unsigned char key[MR_HASH_KEY_BYTES],
		 struct mr_scan *scan_r);
void mr_scan_free(struct mr_scan *scan);

#endif
