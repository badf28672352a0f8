/*
 * The milter protocol from the mail server's side, as far as the load client speaks it: packets into a buffer, the
 * filter's answer to the negotiation, macro lists. Protocol 6, as Postfix 3.7 offers it.
 */
#ifndef MR_BENCH_WIRE_H
#define MR_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_WIRE_OUT = 8192, MR_WIRE_IN = 2048, MR_WIRE_STAGES = 7, MR_WIRE_NAMES = 16 };

/* Bytes on their way to the filter. Overflow is a fault of the program: it ends it. */
struct mr_wire_out {
	size_t n, sent;
	unsigned char bytes[MR_WIRE_OUT];
};

/* Macro stages, numbered as the protocol numbers them. */
enum mr_wire_stage { MR_STAGE_CONNECT, MR_STAGE_HELO, MR_STAGE_MAIL, MR_STAGE_RCPT, MR_STAGE_DATA, MR_STAGE_EOM,
		     MR_STAGE_EOH };

/* What the filter asked for. names[stage] are the macros to send there, count[stage] of them. */
struct mr_wire_agreed {
	uint32_t actions, protocol;
	unsigned count[MR_WIRE_STAGES];
	char names[MR_WIRE_STAGES][MR_WIRE_NAMES][24];
};

/* A packet is opened, filled, and closed, which writes its length. mark: what _open returned. */
size_t mr_wire_open(struct mr_wire_out *out, char command);
void mr_wire_put(struct mr_wire_out *out, const void *bytes, size_t n);
/* With its NUL. */
void mr_wire_put_text(struct mr_wire_out *out, const char *text);
void mr_wire_close(struct mr_wire_out *out, size_t mark);

/* The offer that Postfix makes. */
void mr_wire_offer(struct mr_wire_out *out);
/* Reads the filter's answer to it. False: the answer makes no sense. */
bool mr_wire_agree(const unsigned char *payload, size_t n, struct mr_wire_agreed *agreed_r);

/* The first whole packet in bytes: its command and payload. 0: not there yet; otherwise the bytes that it takes up. */
size_t mr_wire_packet(const unsigned char *bytes, size_t n, char *command_r, const unsigned char **payload_r,
		      size_t *payload_length_r);

#endif
