/*
 * The negotiation: only the steps that a loaded rule needs, and no answer where none is given.
 */
#include "negotiate.h"

#include <stddef.h>

#include "mailreeve.h"
#include "say.h"

/* Unknown commands are wanted, and answered: unanswered, Postfix sends them with its close, where libmilter reads nothing
 * any more. */
struct mr_terms mr_negotiate(unsigned needs, unsigned long offered_actions, unsigned long offered_protocol)
{
	unsigned long wanted = SMFIP_RCPT_REJ | SMFIP_NR_HELO | SMFIP_NOEOH | SMFIP_NODATA;
	struct mr_terms terms = { 0 };

	wanted |= (needs & MR_NEEDS_CONNECT) != 0 ? 0 : SMFIP_NR_CONN;
	wanted |= (needs & MR_NEEDS_HEADERS) != 0 ? SMFIP_NR_HDR : SMFIP_NOHDRS;
	wanted |= (needs & MR_NEEDS_BODY) != 0 ? SMFIP_NR_BODY : SMFIP_NOBODY;
	/* A mail server that cannot leave a step out sends it; then it is not answered if that can be had. */
	if ((offered_protocol & SMFIP_NOHDRS) == 0)
		wanted |= SMFIP_NR_HDR;
	if ((offered_protocol & SMFIP_NOBODY) == 0)
		wanted |= SMFIP_NR_BODY;
	terms.actions = (SMFIF_QUARANTINE | SMFIF_SETSYMLIST) & offered_actions;
	terms.protocol = wanted & offered_protocol;
	terms.granted = needs & (MR_NEEDS_CONNECT | MR_NEEDS_HEADERS | MR_NEEDS_BODY);
	return terms;
}

void mr_negotiate_macros(SMFICTX *ctx)
{
	/* j keeps the packet of MAIL from being empty: on an empty one libmilter would keep the login of the message
	 * before. {auth_type} alone is no login. */
	static char connect[] = "j {daemon_name} {daemon_addr} {daemon_port} {if_addr} {client_addr} {client_port}";
	static char helo[] = "j {tls_version} {cipher}";
	static char mail[] = "j i {auth_type} {auth_authen} {mail_mailer} {tls_version} {cipher}";
	static char rcpt[] = "j {rcpt_addr} {rcpt_host} {rcpt_mailer}";
	static char end[] = "i {msg_id} {msg_size}";
	static const struct {
		int stage;
		char *macros;
	} lists[] = { { SMFIM_CONNECT, connect }, { SMFIM_HELO, helo }, { SMFIM_ENVFROM, mail },
		      { SMFIM_ENVRCPT, rcpt }, { SMFIM_EOM, end } };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (smfi_setsymlist(ctx, lists[i].stage, lists[i].macros) != MI_SUCCESS)
			mr_say(MR_SAY_WARNING, "libmilter did not take the list of macros for stage %d; what the mail "
			       "server sends by itself is used", lists[i].stage);
}
