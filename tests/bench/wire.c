/*
 * The milter protocol from the mail server's side. See wire.h. Not a complete client: tests/wire/ has one for tests of
 * behaviour. Called by load.c.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmilter/mfdef.h>

#include "wire.h"

/* The lists that Postfix sends where the filter did not ask (postconf(5), milter_connect_macros and so on). */
static const char *const stock_macros[MR_WIRE_STAGES] = {
	[MR_STAGE_CONNECT] = "j {daemon_name} {daemon_addr} v _",
	[MR_STAGE_HELO] = "{tls_version} {cipher} {cipher_bits}",
	[MR_STAGE_MAIL] = "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
	[MR_STAGE_RCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
	[MR_STAGE_DATA] = "i",
	[MR_STAGE_EOM] = "i",
	[MR_STAGE_EOH] = "i",
};

size_t mr_wire_open(struct mr_wire_out *out, char command)
{
	size_t mark = out->n;

	mr_wire_put(out, "\0\0\0", 4);
	mr_wire_put(out, &command, 1);
	return mark;
}

void mr_wire_put(struct mr_wire_out *out, const void *bytes, size_t n)
{
	if (n > sizeof(out->bytes) - out->n) {
		fputs("load: a packet is bigger than the buffer\n", stderr);
		exit(1);
	}
	memcpy(out->bytes + out->n, bytes, n);
	out->n += n;
}

void mr_wire_put_text(struct mr_wire_out *out, const char *text)
{
	mr_wire_put(out, text, strlen(text) + 1);
}

void mr_wire_close(struct mr_wire_out *out, size_t mark)
{
	uint32_t length = htonl((uint32_t)(out->n - mark - 4));

	memcpy(out->bytes + mark, &length, 4);
}

void mr_wire_offer(struct mr_wire_out *out)
{
	const uint32_t offer[3] = { htonl(6), htonl(SMFI_CURR_ACTS), htonl(0x1fffff) };
	size_t mark = mr_wire_open(out, SMFIC_OPTNEG);

	mr_wire_put(out, offer, sizeof(offer));
	mr_wire_close(out, mark);
}

static void split_names(struct mr_wire_agreed *agreed, unsigned stage, const char *list)
{
	agreed->count[stage] = 0;
	while (*list != '\0' && agreed->count[stage] < MR_WIRE_NAMES) {
		size_t n = strcspn(list, " ,");

		if (n > 0 && n < sizeof(agreed->names[0][0])) {
			char *name = agreed->names[stage][agreed->count[stage]++];

			memcpy(name, list, n);
			name[n] = '\0';
		}
		list += n;
		list += strspn(list, " ,");
	}
}

bool mr_wire_agree(const unsigned char *payload, size_t n, struct mr_wire_agreed *agreed_r)
{
	uint32_t words[3];
	size_t at = sizeof(words);

	if (n < sizeof(words))
		return false;
	memcpy(words, payload, sizeof(words));
	agreed_r->actions = ntohl(words[1]);
	agreed_r->protocol = ntohl(words[2]);
	for (unsigned stage = 0; stage < MR_WIRE_STAGES; stage++)
		split_names(agreed_r, stage, stock_macros[stage]);
	while (at + 4 < n) {
		uint32_t stage;
		const char *list = (const char *)payload + at + 4;
		size_t length = strnlen(list, n - at - 4);

		memcpy(&stage, payload + at, 4);
		stage = ntohl(stage);
		if (stage >= MR_WIRE_STAGES || length == n - at - 4)
			return false;
		split_names(agreed_r, stage, list);
		at += 4 + length + 1;
	}
	return true;
}

size_t mr_wire_packet(const unsigned char *bytes, size_t n, char *command_r, const unsigned char **payload_r,
		      size_t *payload_length_r)
{
	uint32_t length;

	if (n < 5)
		return 0;
	memcpy(&length, bytes, 4);
	length = ntohl(length);
	if (length == 0 || length > n - 4)
		return 0;
	*command_r = (char)bytes[4];
	*payload_r = bytes + 5;
	*payload_length_r = length - 1;
	return 4 + (size_t)length;
}
