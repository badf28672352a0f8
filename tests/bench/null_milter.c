/*
 * A filter that does nothing: what the benchmark is measured against, since it shows what libmilter itself costs.
 * Not part of Mailreeve. Run by bench.py.
 *
 *   null_milter full SOCKET                          every event is sent and answered
 *   null_milter same[,connect][,headers][,body] SOCKET   the negotiation that mailreeved makes; the words say what a
 *                                                    loaded rule needs beside the envelope (mr_engine_needs)
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libmilter/mfapi.h>

static bool full, connect_answered, headers, body;

static sfsistat answer_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	(void)ctx, (void)name, (void)address;
	return connect_answered ? SMFIS_CONTINUE : SMFIS_NOREPLY;
}

static sfsistat answer_helo(SMFICTX *ctx, char *helo)
{
	(void)ctx, (void)helo;
	return full ? SMFIS_CONTINUE : SMFIS_NOREPLY;
}

static sfsistat answer_path(SMFICTX *ctx, char **arguments)
{
	(void)ctx, (void)arguments;
	return SMFIS_CONTINUE;
}

static sfsistat answer_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx, (void)name, (void)value;
	return full ? SMFIS_CONTINUE : SMFIS_NOREPLY;
}

static sfsistat answer_body(SMFICTX *ctx, unsigned char *bytes, size_t n)
{
	(void)ctx, (void)bytes, (void)n;
	return full ? SMFIS_CONTINUE : SMFIS_NOREPLY;
}

static sfsistat answer(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static void ask_for_macros(SMFICTX *ctx)
{
	static const struct { int stage; const char *list; } lists[] = {
		{ SMFIM_CONNECT, "j {daemon_name} {daemon_addr} {daemon_port} {if_addr} {client_addr} {client_port}" },
		{ SMFIM_HELO, "j {tls_version} {cipher}" },
		{ SMFIM_ENVFROM, "j i {auth_type} {auth_authen} {mail_mailer} {tls_version} {cipher}" },
		{ SMFIM_ENVRCPT, "j {rcpt_addr} {rcpt_host} {rcpt_mailer}" },
		{ SMFIM_EOM, "i {msg_id} {msg_size}" },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		smfi_setsymlist(ctx, lists[i].stage, (char *)lists[i].list);
}

static sfsistat negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2, unsigned long f3,
			  unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	unsigned long want = SMFIP_RCPT_REJ | SMFIP_NR_HELO | SMFIP_NODATA | SMFIP_NOUNKNOWN | SMFIP_NOEOH;

	(void)f2, (void)f3;
	*pf2 = *pf3 = 0;
	if (full) {
		*pf0 = *pf1 = 0;
		return SMFIS_CONTINUE;
	}
	want |= connect_answered ? 0 : SMFIP_NR_CONN;
	want |= headers ? SMFIP_NR_HDR : SMFIP_NOHDRS;
	want |= body ? SMFIP_NR_BODY : SMFIP_NOBODY;
	*pf0 = f0 & (SMFIF_QUARANTINE | SMFIF_SETSYMLIST);
	*pf1 = f1 & want;
	ask_for_macros(ctx);
	return SMFIS_CONTINUE;
}

static struct smfiDesc filter = {
	.xxfi_name = (char *)"null", .xxfi_version = SMFI_VERSION, .xxfi_connect = answer_connect, .xxfi_helo = answer_helo,
	.xxfi_envfrom = answer_path, .xxfi_envrcpt = answer_path, .xxfi_header = answer_header, .xxfi_eoh = answer,
	.xxfi_body = answer_body, .xxfi_eom = answer, .xxfi_data = answer, .xxfi_negotiate = negotiate,
};

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("usage: null_milter full|same[,connect][,headers][,body] SOCKET\n", stderr);
		return 2;
	}
	full = strcmp(argv[1], "full") == 0;
	connect_answered = full || strstr(argv[1], "connect") != NULL;
	headers = full || strstr(argv[1], "headers") != NULL;
	body = full || strstr(argv[1], "body") != NULL;
	umask(0);
	if (smfi_register(filter) != MI_SUCCESS || smfi_setconn(argv[2]) != MI_SUCCESS ||
	    smfi_setbacklog(4096) != MI_SUCCESS || smfi_opensocket(0) != MI_SUCCESS) {
		fprintf(stderr, "null_milter: cannot listen on %s\n", argv[2]);
		return 1;
	}
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
