/*
 * The steps of one session. See session.h. Not the sockets and not the clock, which are load.c's.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <libmilter/mfdef.h>

#include "session.h"

enum { HEADERS = 8, TEXT = 128 };

void mr_bench_session_begin(struct mr_bench_session *session, const struct mr_bench_plan *plan, unsigned serial)
{
	session->step = MR_STEP_NEGOTIATE;
	session->serial = serial;
	/* 2654435761 is odd and far from powers of two: serials in a row hit accounts far apart */
	session->account = (unsigned)((serial * 2654435761ull >> 8) % plan->accounts);
	if (plan->zipf)
		session->account = (unsigned)exp(log(plan->accounts) * (double)(serial * 2654435761u) / 4294967296.0) - 1;
	session->stranger = serial % 100 < plan->strangers;
	session->answer = false;
	session->header = 0;
	session->out.n = session->out.sent = 0;
}

/* One for each account, from 20.0.0.0 on. No packet goes there, and 198.18.0.0/15, which is set aside for benchmarks, is
 * too small for a million. */
static void client_address(const struct mr_bench_session *session, char text_r[TEXT])
{
	unsigned account = session->account;

	snprintf(text_r, TEXT, "%u.%u.%u.%u", 20 + (account >> 24), account >> 16 & 255, account >> 8 & 255, account & 255);
}

/* The value of a macro as Postfix has it at that moment, "" when it has none. */
static void macro_value(const struct mr_bench_session *session, enum mr_wire_stage stage, const char *name,
			char value_r[TEXT])
{
	static const struct { const char *name, *value; } fixed[] = {
		{ "j", "mx.bench.example" }, { "v", "Postfix 3.7.11" }, { "_", "client.bench.example [198.18.0.1]" },
		{ "{daemon_name}", "ORIGINATING" }, { "{daemon_addr}", "192.0.2.25" }, { "{daemon_port}", "587" },
		{ "{client_name}", "client.bench.example" }, { "{client_port}", "40000" },
		{ "{tls_version}", "TLSv1.3" }, { "{cipher}", "TLS_AES_256_GCM_SHA384" }, { "{cipher_bits}", "256" },
		{ "{mail_mailer}", "smtp" }, { "{mail_host}", "bench.example" }, { "{rcpt_mailer}", "smtp" },
	};

	value_r[0] = '\0';
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (strcmp(name, fixed[i].name) == 0)
			snprintf(value_r, TEXT, "%s", fixed[i].value);
	}
	if (strcmp(name, "{client_addr}") == 0)
		client_address(session, value_r);
	else if (strcmp(name, "{auth_type}") == 0 && !session->stranger)
		snprintf(value_r, TEXT, "PLAIN");
	else if ((strcmp(name, "{auth_authen}") == 0 && !session->stranger) || strcmp(name, "{mail_addr}") == 0)
		snprintf(value_r, TEXT, "user%06u@bench.example", session->account);
	else if (strcmp(name, "{rcpt_addr}") == 0)
		snprintf(value_r, TEXT, session->stranger ? "user%06u@bench.example" : "friend%06u@example.net", session->account);
	else if (strcmp(name, "{rcpt_host}") == 0)
		snprintf(value_r, TEXT, session->stranger ? "bench.example" : "example.net");
	else if (strcmp(name, "i") == 0 && stage != MR_STAGE_CONNECT && stage != MR_STAGE_HELO && stage != MR_STAGE_MAIL &&
		 stage != MR_STAGE_RCPT)
		snprintf(value_r, TEXT, "4cZkX%08X", session->serial);
}

static void put_macros(struct mr_bench_session *session, enum mr_wire_stage stage, char command)
{
	char value[TEXT];
	size_t mark;

	if (session->agreed.count[stage] == 0)
		return;
	mark = mr_wire_open(&session->out, SMFIC_MACRO);
	mr_wire_put(&session->out, &command, 1);
	for (unsigned i = 0; i < session->agreed.count[stage]; i++) {
		macro_value(session, stage, session->agreed.names[stage][i], value);
		if (value[0] == '\0')
			continue;
		mr_wire_put_text(&session->out, session->agreed.names[stage][i]);
		mr_wire_put_text(&session->out, value);
	}
	mr_wire_close(&session->out, mark);
}

/* A command with its macros. arguments: texts that end with a NUL each. */
static void put_command(struct mr_bench_session *session, enum mr_wire_stage stage, char command, const void *arguments,
			size_t n)
{
	size_t mark;

	put_macros(session, stage, command);
	mark = mr_wire_open(&session->out, command);
	if (n > 0)
		mr_wire_put(&session->out, arguments, n);
	mr_wire_close(&session->out, mark);
}

static void put_connect(struct mr_bench_session *session)
{
	uint16_t port = htons(40000);
	char address[TEXT];
	size_t mark;

	put_macros(session, MR_STAGE_CONNECT, SMFIC_CONNECT);
	client_address(session, address);
	mark = mr_wire_open(&session->out, SMFIC_CONNECT);
	mr_wire_put_text(&session->out, "client.bench.example");
	mr_wire_put(&session->out, "4", 1);
	mr_wire_put(&session->out, &port, sizeof(port));
	mr_wire_put_text(&session->out, address);
	mr_wire_close(&session->out, mark);
}

static void put_envelope(struct mr_bench_session *session, const struct mr_bench_plan *plan)
{
	char text[TEXT];
	int n;

	if (session->step == MR_STEP_MAIL && session->stranger)
		n = snprintf(text, sizeof(text), "<friend%06u@example.net>%cSIZE=%u", session->account, 0, plan->body);
	else if (session->step == MR_STEP_MAIL)
		n = snprintf(text, sizeof(text), "<user%06u@bench.example>%cSIZE=%u", session->account, 0, plan->body);
	else if (session->stranger)
		n = snprintf(text, sizeof(text), "<user%06u@bench.example>", session->account);
	else
		n = snprintf(text, sizeof(text), "<friend%06u@example.net>", session->account);
	put_command(session, session->step == MR_STEP_MAIL ? MR_STAGE_MAIL : MR_STAGE_RCPT,
		    session->step == MR_STEP_MAIL ? SMFIC_MAIL : SMFIC_RCPT, text, (size_t)n + 1);
}

static void put_header(struct mr_bench_session *session, const char *name, const char *value)
{
	size_t mark = mr_wire_open(&session->out, SMFIC_HEADER);

	mr_wire_put_text(&session->out, name);
	mr_wire_put_text(&session->out, value);
	mr_wire_close(&session->out, mark);
}

/* The i-th of the eight header fields. */
static void put_header_number(struct mr_bench_session *session, unsigned i)
{
	static const struct { const char *name, *value; } fields[HEADERS] = {
		{ "From", NULL }, { "To", NULL }, { "Message-ID", NULL },
		{ "Subject", "Minutes of the meeting and what we agreed on" },
		{ "Date", "Sat, 21 Nov 2026 12:00:00 +0000" }, { "MIME-Version", "1.0" },
		{ "Content-Type", "text/plain; charset=utf-8" }, { "User-Agent", "bench" },
	};
	char text[TEXT];

	if (i == 0 && !session->stranger)
		snprintf(text, sizeof(text), "User <user%06u@bench.example>", session->account);
	else if (i == 0 || i == 1)
		snprintf(text, sizeof(text), "Friend <friend%06u@example.net>", session->account);
	else
		snprintf(text, sizeof(text), "<%08x.%06u@bench.example>", session->serial, session->account);
	put_header(session, fields[i].name, fields[i].value != NULL ? fields[i].value : text);
}

static void put_body(struct mr_bench_session *session, const struct mr_bench_plan *plan)
{
	static const char line[] = "The quick brown fox jumps over the lazy dog, and so on to the end of the line.\r\n";
	size_t left = plan->body, mark = mr_wire_open(&session->out, SMFIC_BODY);

	while (left > 0) {
		size_t n = left < sizeof(line) - 1 ? left : sizeof(line) - 1;

		mr_wire_put(&session->out, line, n);
		left -= n;
	}
	mr_wire_close(&session->out, mark);
}

/* Which protocol bits leave a step out, and which leave its answer out. */
static const struct { uint32_t leave_out, no_answer; } bits[] = {
	[MR_STEP_NEGOTIATE] = { 0, 0 },
	[MR_STEP_CONNECT] = { SMFIP_NOCONNECT, SMFIP_NR_CONN },
	[MR_STEP_HELO] = { SMFIP_NOHELO, SMFIP_NR_HELO },
	[MR_STEP_MAIL] = { SMFIP_NOMAIL, SMFIP_NR_MAIL },
	[MR_STEP_RCPT] = { SMFIP_NORCPT, SMFIP_NR_RCPT },
	[MR_STEP_DATA] = { SMFIP_NODATA, SMFIP_NR_DATA },
	[MR_STEP_HEADERS] = { SMFIP_NOHDRS, SMFIP_NR_HDR },
	[MR_STEP_EOH] = { SMFIP_NOEOH, SMFIP_NR_EOH },
	[MR_STEP_BODY] = { SMFIP_NOBODY, SMFIP_NR_BODY },
	[MR_STEP_EOM] = { 0, 0 },
	[MR_STEP_QUIT] = { 0, 0 },
};

static void write_step(struct mr_bench_session *session, const struct mr_bench_plan *plan)
{
	switch (session->step) {
	case MR_STEP_NEGOTIATE:
		mr_wire_offer(&session->out);
		break;
	case MR_STEP_CONNECT:
		put_connect(session);
		break;
	case MR_STEP_HELO:
		put_command(session, MR_STAGE_HELO, SMFIC_HELO, "client.bench.example", sizeof("client.bench.example"));
		break;
	case MR_STEP_MAIL:
	case MR_STEP_RCPT:
		put_envelope(session, plan);
		break;
	case MR_STEP_DATA:
		put_command(session, MR_STAGE_DATA, SMFIC_DATA, NULL, 0);
		break;
	case MR_STEP_HEADERS:
		put_header_number(session, session->header);
		break;
	case MR_STEP_EOH:
		put_command(session, MR_STAGE_EOH, SMFIC_EOH, NULL, 0);
		break;
	case MR_STEP_BODY:
		put_body(session, plan);
		break;
	case MR_STEP_EOM:
		put_command(session, MR_STAGE_EOM, SMFIC_BODYEOB, NULL, 0);
		break;
	case MR_STEP_QUIT:
		mr_wire_close(&session->out, mr_wire_open(&session->out, SMFIC_QUIT));
		break;
	case MR_STEP_END:
		break;
	}
}

void mr_bench_session_write(struct mr_bench_session *session, const struct mr_bench_plan *plan)
{
	uint32_t protocol = session->step == MR_STEP_NEGOTIATE ? 0 : session->agreed.protocol;

	session->answer = false;
	if (session->step == MR_STEP_END)
		return;
	if ((bits[session->step].leave_out & protocol) == 0) {
		write_step(session, plan);
		session->answer = session->step != MR_STEP_QUIT && (bits[session->step].no_answer & protocol) == 0;
		if (session->step == MR_STEP_HEADERS && ++session->header < HEADERS)
			return;
	}
	session->step++;
}
