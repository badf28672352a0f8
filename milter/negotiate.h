/* What is asked of the mail server for one session. Pure but for the macro lists. */
#ifndef MR_MILTER_NEGOTIATE_H
#define MR_MILTER_NEGOTIATE_H

#include <libmilter/mfapi.h>

struct mr_terms {
	unsigned long actions;  /* SMFIF_* agreed */
	unsigned long protocol; /* SMFIP_* agreed */
	unsigned granted;       /* which of mr_needs will be seen */
};

/* needs: mr_engine_needs(). Asks for nothing that is not offered, since libmilter ends such a session. */
struct mr_terms mr_negotiate(unsigned needs, unsigned long offered_actions, unsigned long offered_protocol);
/* Asks for the macros, each stage in turn. */
void mr_negotiate_macros(SMFICTX *ctx);

#endif
