/*
 * Event ids. A keyed hash of time and counter: nobody outside can count our messages from them, and a replay with a
 * fixed seed gives the same ids each time. Called by the session.
 */
#include "engine/eventid.h"

#include <sodium.h>
#include <string.h>

#include "base/buffer.h"

/* Crockford's alphabet: no I, L, O, U. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { ID_LENGTH = 12 };

void mr_eventid_make(const unsigned char seed[16], int64_t time_ms, uint64_t counter, char id_r[MR_EVENT_ID_MAX])
{
	unsigned char in[16], out[crypto_shorthash_BYTES];
	uint64_t bits;

	memcpy(in, &time_ms, 8);
	memcpy(in + 8, &counter, 8);
	crypto_shorthash(out, in, sizeof(in), seed);
	memcpy(&bits, out, sizeof(bits));
	for (int i = 0; i < ID_LENGTH; i++) {
		id_r[i] = alphabet[bits & 31];
		bits >>= 5;
	}
	id_r[ID_LENGTH] = '\0';
}

void mr_eventid_part(const char *id, uint64_t n, char id_r[MR_EVENT_ID_MAX])
{
	struct mr_buffer b = mr_buffer_over(id_r, MR_EVENT_ID_MAX - 1);

	mr_buffer_text(&b, id);
	mr_buffer_byte(&b, '-');
	mr_buffer_uint(&b, n);
	id_r[b.n] = '\0';
}
