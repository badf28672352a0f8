/*
 * The whole of an MMDB file (MaxMind DB file format 2.0) looked through before libmaxminddb is given it: metadata,
 * every node of the search tree that a look-up can reach, every value that such a node leads to. What passes here,
 * libmaxminddb reads without leaving the file, in bounded time. Thread-safe.
 */
#ifndef MR_GEO_INSPECT_H
#define MR_GEO_INSPECT_H

#include <stddef.h>
#include <stdint.h>

enum { MR_GEO_FILE_MAX = 1 << 30, MR_GEO_SAMPLES = 100 };

struct mr_geo_shape {
	uint32_t node_count;
	unsigned record_bits;   /* 24, 28 or 32 */
	unsigned ip_version;    /* 4 or 6 */
	uint64_t built;         /* s since 1970; 0: not told */
	char kind[64];          /* "GeoLite2-Country", printable ASCII, cut */
	uint32_t samples[2 * MR_GEO_SAMPLES]; /* some of its records, spread over the file: offsets in the data section */
	size_t sample_count;    /* at least 1 */
};

/* MR_ERR_REFUSED: *cause_r says what is wrong with it, behind the word "file" or the file's name; static.
 * MR_ERR_NOMEM. */
int mr_geo_inspect(const unsigned char *bytes, size_t n, struct mr_geo_shape *shape_r, const char **cause_r);

#endif
