/* The only writer to the mail server. */
#ifndef MR_MILTER_REPLY_H
#define MR_MILTER_REPLY_H

#include <libmilter/mfapi.h>
#include <stdbool.h>

#include "mailreeve.h"

/* Puts the reply's code and text in place and returns the SMFIS_* that goes with them: CONTINUE, REJECT or TEMPFAIL,
 * never ACCEPT or DISCARD. may_hold: at the end of a message of a mail server that knows a hold queue; a hold that
 * cannot be done is a TEMPFAIL. */
sfsistat mr_reply_send(SMFICTX *ctx, const struct mr_reply *reply, bool may_hold);
/* The answer when there are too many sessions: later, and the connection ends. */
sfsistat mr_reply_overload(SMFICTX *ctx);

#endif
