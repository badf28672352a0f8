/* A keyed 64-bit hash of bytes (SipHash-2-4, as libsodium has it). Thread-safe: keeps nothing. */
#ifndef MR_BASE_HASH_H
#define MR_BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

uint64_t mr_hash64(const unsigned char key[16], struct mr_str bytes);
/* The hash that habits are kept by: the same on every machine, so that replay gives the verdicts of the live run. Nobody
 * gains by making two names meet: the names are addresses that have to exist. Never 0. */
uint64_t mr_habit_hash(struct mr_str bytes);

#endif
