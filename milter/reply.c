/*
 * mr_reply -> what libmilter sends. Status and code come from one place, since a mail server silently drops a 4xx text
 * on a REJECT and a 5xx text on a TEMPFAIL.
 */
#include "reply.h"

#include <stdio.h>
#include <string.h>

#include "say.h"

enum { TEXT_MAX = sizeof(((struct mr_reply *)NULL)->text) };

/* Mail servers format the text once more, so '%' is doubled; anything but printable ASCII would break the reply. */
static void safe_text(const char *text, char safe_r[2 * TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < TEXT_MAX && text[i] != '\0'; i++) {
		char c = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';

		safe_r[n++] = c;
		if (c == '%')
			safe_r[n++] = c;
	}
	safe_r[n] = '\0';
}

/* NULL for an empty text, as smfi_setreply() wants it. */
static char *or_null(char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static sfsistat refuse(SMFICTX *ctx, const struct mr_reply *reply, bool for_good)
{
	char code[4] = "", enhanced[16] = "", text[2 * TEXT_MAX];
	unsigned first = for_good ? 5 : 4;

	if (reply->code / 100 == first)
		(void)snprintf(code, sizeof(code), "%03u", reply->code % 1000);
	if (reply->enhanced != NULL && reply->enhanced[0] == (char)('0' + first))
		(void)snprintf(enhanced, sizeof(enhanced), "%s", reply->enhanced);
	safe_text(reply->text, text);
	/* Without a reply of ours the mail server takes its own words for the status. */
	if (code[0] != '\0' && smfi_setreply(ctx, code, or_null(enhanced), or_null(text)) != MI_SUCCESS)
		mr_say(MR_SAY_WARNING, "libmilter did not take the reply %s %s; the mail server's own words went out",
		       code, enhanced);
	return for_good ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

static sfsistat hold(SMFICTX *ctx, const struct mr_reply *reply, bool may_hold)
{
	char text[2 * TEXT_MAX];

	safe_text(reply->text, text);
	if (may_hold && smfi_quarantine(ctx, text[0] != '\0' ? text : (char[]){ "mailreeve" }) == MI_SUCCESS)
		return SMFIS_CONTINUE;
	mr_say(MR_SAY_WARNING, "a message could not be put on hold, so the client was told to try again later: this "
	       "mail server offers no hold queue to milters, choose another action");
	return SMFIS_TEMPFAIL;
}

sfsistat mr_reply_send(SMFICTX *ctx, const struct mr_reply *reply, bool may_hold)
{
	switch (reply->action) {
	case MR_CONTINUE:
		return SMFIS_CONTINUE;
	case MR_ANSWER_TEMPFAIL:
		return refuse(ctx, reply, false);
	case MR_ANSWER_REJECT:
		return refuse(ctx, reply, true);
	case MR_ANSWER_HOLD:
		return hold(ctx, reply, may_hold);
	}
	return SMFIS_TEMPFAIL;
}

sfsistat mr_reply_overload(SMFICTX *ctx)
{
	static const struct mr_reply later = { .action = MR_ANSWER_TEMPFAIL, .code = 421, .enhanced = "4.3.2",
					       .text = "Too many connections, try again later" };

	return mr_reply_send(ctx, &later, false);
}
