/*
 * Internet addresses and prefixes, as binary. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is the
 * IPv4 address (RFC 4291 2.5.5.2). Thread-safe: plain values.
 */
#ifndef MR_BASE_IP_H
#define MR_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum mr_ip_family { MR_IP_UNKNOWN = 0, MR_IP_V4 = 4, MR_IP_V6 = 6 };

/* Network byte order; IPv4 uses the first 4 bytes, the rest is 0. */
struct mr_ip {
	enum mr_ip_family family;
	unsigned char bytes[16];
};

/* All addresses whose first length bits are those of ip; the other bits of ip are 0. */
struct mr_prefix {
	struct mr_ip ip;
	unsigned length; /* 0..32 or 0..128 */
};

/* The longest text of an address with its NUL, and of a prefix. */
enum { MR_IP_TEXT_MAX = 46, MR_PREFIX_TEXT_MAX = 50 };

/* Reads "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1" or, in any case of letters, "IPv6:2001:db8::1"
 * (RFC 5321 4.1.3). No leading zeros in IPv4, no zone id, no octal, no brackets.
 * MR_ERR_SYNTAX leaves *ip_r of unknown family. */
int mr_ip_parse(struct mr_str text, struct mr_ip *ip_r);
/* From 4 or 16 bytes in network order. Any other length gives an address of unknown family. */
struct mr_ip mr_ip_from_bytes(const void *bytes, size_t n);
bool mr_ip_equal(const struct mr_ip *a, const struct mr_ip *b);
/* Orders by family, then by value: <0, 0, >0. */
int mr_ip_compare(const struct mr_ip *a, const struct mr_ip *b);
/* 127.0.0.0/8 and ::1. */
bool mr_ip_is_loopback(const struct mr_ip *ip);
/* Loopback, and addresses that no stranger comes from (RFC 1918, 3927, 4193, 4291). */
bool mr_ip_is_private(const struct mr_ip *ip);
/* Writes the text form (RFC 5952 for IPv6), "unknown" for an unknown family; returns its length. */
size_t mr_ip_format(const struct mr_ip *ip, char text_r[MR_IP_TEXT_MAX]);

/* Reads "192.0.2.0/24", "2001:db8::/32" or a single address. On failure *why_r is a static sentence
 * fragment ("has bits set behind the prefix", "has leading zeros", ...): MR_ERR_SYNTAX, MR_ERR_RANGE. */
int mr_prefix_parse(struct mr_str text, struct mr_prefix *prefix_r, const char **why_r);
bool mr_prefix_contains(const struct mr_prefix *prefix, const struct mr_ip *ip);
size_t mr_prefix_format(const struct mr_prefix *prefix, char text_r[MR_PREFIX_TEXT_MAX]);

#endif
