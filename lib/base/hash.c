/* See hash.h. */
#include "base/hash.h"

#include <sodium.h>

uint64_t mr_hash64(const unsigned char key[16], struct mr_str bytes)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t hash = 0;

	crypto_shorthash(out, (const unsigned char *)(bytes.p != NULL ? bytes.p : ""), bytes.n, key);
	for (size_t i = 0; i < sizeof(out); i++)
		hash |= (uint64_t)out[i] << (8 * i);
	return hash;
}

uint64_t mr_habit_hash(struct mr_str bytes)
{
	static const unsigned char everywhere[16] = { 'h', 'a', 'b', 'i', 't' };
	uint64_t hash = mr_hash64(everywhere, bytes);

	return hash != 0 ? hash : 1;
}
