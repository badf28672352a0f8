/*
 * What is remembered of one source: an address prefix. Plain data of fixed size, at most 192 bytes, copied to disk as it
 * is. Times are state time in ms.
 */
#ifndef MR_MODEL_SOURCE_H
#define MR_MODEL_SOURCE_H

#include <stdint.h>

#include "model/account.h"

enum { MR_SOURCE_LOGINS = 16 };

struct mr_source {
	struct mr_key key;
	unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d, host bits zero */
	uint8_t prefix;            /* bits of address that count, 128 = one IPv6 address or one IPv4 address */
	uint8_t state;             /* MR_ACCOUNT_NORMAL; MR_ACCOUNT_FROZEN: blocked; MR_ACCOUNT_WATCHED: screening only
	                            * observes, and would have blocked it */
	uint8_t cause;             /* enum mr_account_cause */
	uint8_t offences;          /* how often it was blocked, saturating */
	uint16_t reason;           /* enum mr_reason */
	uint16_t unused;
	uint32_t revision;
	uint32_t unused2;
	int64_t first_ms, last_ms;
	int64_t since_ms, until_ms; /* of the block; until 0: until somebody lifts it */
	char event_id[MR_STANDING_ID_MAX];
	uint8_t logins[MR_SOURCE_LOGINS]; /* distinct logins, a small HyperLogLog */
	/* Suspicion that a frozen login leaves behind for others with the same pattern. */
	int64_t lent_ms;           /* when; 0: never */
	uint32_t lent_client;      /* pattern: client, see mr_sending.client */
	float lent_size;           /* pattern: bytes of the message */
	uint16_t lent_count;       /* frozen logins, saturating */
	uint16_t unused3;
	uint32_t unused4;
};

#endif
