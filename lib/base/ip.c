/*
 * Internet addresses and prefixes between text and binary. inet_pton reads, because it is strict
 * everywhere; the writing is ours, because inet_ntop differs between systems and writes ::0.1.0.2 for
 * ::1:2. Knows no sockets and no names. Every room that meets an address calls it.
 */
#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

static const unsigned char mapped_head[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

enum { MAPPED_BITS = 96, V6_GROUPS = 8 };

static size_t
byte_count(enum mr_ip_family family)
{
	switch (family) {
	case MR_IP_UNKNOWN:
		return 0;
	case MR_IP_V4:
		return 4;
	case MR_IP_V6:
		return 16;
	}
	return 0;
}

struct mr_ip
mr_ip_from_bytes(const void *bytes, size_t n)
{
	struct mr_ip ip = { .family = MR_IP_UNKNOWN };
	const unsigned char *from = bytes;

	if (n == 16 && memcmp(from, mapped_head, sizeof(mapped_head)) == 0) {
		from += sizeof(mapped_head);
		n = 4;
	}
	if (n != 4 && n != 16)
		return ip;
	ip.family = n == 4 ? MR_IP_V4 : MR_IP_V6;
	memcpy(ip.bytes, from, n);
	return ip;
}

/* Reads an address with no tag before it into the form of its text: mapped addresses stay 16 bytes long.
 * The count of bytes, 0 when it is no address. */
static size_t
read_bytes(struct mr_str text, unsigned char bytes_r[16])
{
	char copy[MR_IP_TEXT_MAX];

	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n) != NULL)
		return 0;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (memchr(copy, ':', text.n) != NULL)
		return inet_pton(AF_INET6, copy, bytes_r) == 1 ? 16 : 0;
	return inet_pton(AF_INET, copy, bytes_r) == 1 ? 4 : 0;
}

int
mr_ip_parse(struct mr_str text, struct mr_ip *ip_r)
{
	const struct mr_str tag = MR_STR("IPv6:");
	unsigned char bytes[16];
	bool tagged = mr_str_equal_nocase(mr_str_part(text, 0, tag.n), tag);
	size_t n = read_bytes(tagged ? mr_str_part(text, tag.n, text.n) : text, bytes);

	if (tagged && n != 16)
		n = 0;
	*ip_r = mr_ip_from_bytes(bytes, n);
	return n == 0 ? MR_ERR_SYNTAX : 0;
}

bool
mr_ip_equal(const struct mr_ip *a, const struct mr_ip *b)
{
	return mr_ip_compare(a, b) == 0;
}

int
mr_ip_compare(const struct mr_ip *a, const struct mr_ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, byte_count(a->family));
}

bool
mr_ip_is_loopback(const struct mr_ip *ip)
{
	static const unsigned char v6_loopback[16] = { [15] = 1 };

	switch (ip->family) {
	case MR_IP_UNKNOWN:
		return false;
	case MR_IP_V4:
		return ip->bytes[0] == 127;
	case MR_IP_V6:
		return memcmp(ip->bytes, v6_loopback, sizeof(v6_loopback)) == 0;
	}
	return false;
}

bool
mr_ip_is_private(const struct mr_ip *ip)
{
	const unsigned char *b = ip->bytes;

	switch (ip->family) {
	case MR_IP_V4:
		return b[0] == 10 || b[0] == 127 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
		       (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254);
	case MR_IP_V6:
		return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || mr_ip_is_loopback(ip);
	case MR_IP_UNKNOWN:
		break;
	}
	return false;
}

static void
format_v4(const unsigned char *bytes, struct mr_buffer *out)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			mr_buffer_byte(out, '.');
		mr_buffer_uint(out, bytes[i]);
	}
}

/* The first of the longest runs of at least two zero groups; *length_r is 0 when there is none. */
static size_t
longest_zero_run(const unsigned groups[V6_GROUPS], size_t *length_r)
{
	size_t best = 0;

	*length_r = 0;
	for (size_t i = 0; i < V6_GROUPS; i++) {
		size_t end = i;
		while (end < V6_GROUPS && groups[end] == 0)
			end++;
		if (end - i >= 2 && end - i > *length_r) {
			best = i;
			*length_r = end - i;
		}
		if (end > i)
			i = end;
	}
	return best;
}

static void
put_hex(unsigned group, struct mr_buffer *out)
{
	bool begun = false;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned digit = group >> shift & 0xf;
		begun = begun || digit != 0 || shift == 0;
		if (begun)
			mr_buffer_byte(out, "0123456789abcdef"[digit]);
	}
}

static void
format_v6(const unsigned char *bytes, struct mr_buffer *out)
{
	unsigned groups[V6_GROUPS];
	size_t run_length;

	for (size_t i = 0; i < V6_GROUPS; i++)
		groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
	size_t run = longest_zero_run(groups, &run_length);
	for (size_t i = 0; i < V6_GROUPS; i++) {
		if (run_length > 0 && i == run) {
			mr_buffer_text(out, "::");
			i += run_length - 1;
			continue;
		}
		if (i > 0 && (run_length == 0 || i != run + run_length))
			mr_buffer_byte(out, ':');
		put_hex(groups[i], out);
	}
}

static void
put_ip(const struct mr_ip *ip, struct mr_buffer *out)
{
	switch (ip->family) {
	case MR_IP_UNKNOWN:
		mr_buffer_text(out, "unknown");
		return;
	case MR_IP_V4:
		format_v4(ip->bytes, out);
		return;
	case MR_IP_V6:
		format_v6(ip->bytes, out);
		return;
	}
}

size_t
mr_ip_format(const struct mr_ip *ip, char text_r[MR_IP_TEXT_MAX])
{
	struct mr_buffer out = mr_buffer_over(text_r, MR_IP_TEXT_MAX - 1);

	put_ip(ip, &out);
	text_r[out.n] = '\0';
	return out.n;
}

/* Why text, which is no address, is none. */
static const char *
why_no_address(struct mr_str text)
{
	if (text.n == 0)
		return "is empty";
	if (mr_str_find(text, '%') < text.n)
		return "has a zone id, which means nothing on another machine";
	if (mr_str_find(text, '[') < text.n || mr_str_find(text, ']') < text.n)
		return "has brackets around the address";
	if (mr_str_find(text, ':') == text.n) {
		for (size_t i = 0; i + 1 < text.n; i++) {
			bool starts = i == 0 || text.p[i - 1] == '.';
			if (starts && text.p[i] == '0' && text.p[i + 1] >= '0' && text.p[i + 1] <= '9')
				return "has leading zeros";
		}
	}
	return "is not an IPv4 or IPv6 address";
}

/* Reads the digits behind the slash; max is the length of the whole address in bits. */
static int
read_length(struct mr_str text, unsigned max, unsigned *length_r, const char **why_r)
{
	unsigned length = 0;

	if (text.n == 0) {
		*why_r = "has no length behind the slash";
		return MR_ERR_SYNTAX;
	}
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9') {
			*why_r = "has a length behind the slash that is not a number";
			return MR_ERR_SYNTAX;
		}
		if (length <= max)
			length = length * 10 + (unsigned)(text.p[i] - '0');
	}
	if (text.n > 1 && text.p[0] == '0') {
		*why_r = "has leading zeros in its length";
		return MR_ERR_SYNTAX;
	}
	if (length > max) {
		*why_r = max == 32 ? "has a length over 32" : "has a length over 128";
		return MR_ERR_RANGE;
	}
	*length_r = length;
	return 0;
}

static bool
has_bits_behind(const unsigned char *bytes, size_t n, unsigned length)
{
	for (size_t i = length / 8; i < n; i++) {
		unsigned kept = i == length / 8 ? length % 8 : 0;
		if ((bytes[i] & (0xffu >> kept)) != 0)
			return true;
	}
	return false;
}

int
mr_prefix_parse(struct mr_str text, struct mr_prefix *prefix_r, const char **why_r)
{
	unsigned char bytes[16];
	size_t slash = mr_str_find(text, '/');
	struct mr_str address = mr_str_part(text, 0, slash);
	size_t n = read_bytes(address, bytes);
	unsigned length = (unsigned)n * 8;

	*prefix_r = (struct mr_prefix){ .ip = { .family = MR_IP_UNKNOWN } };
	*why_r = NULL;
	if (n == 0) {
		*why_r = why_no_address(address);
		return MR_ERR_SYNTAX;
	}
	if (slash < text.n) {
		int err = read_length(mr_str_part(text, slash + 1, text.n), length, &length, why_r);
		if (err != 0)
			return err;
	}
	if (has_bits_behind(bytes, n, length)) {
		*why_r = "has bits set behind the prefix";
		return MR_ERR_SYNTAX;
	}
	struct mr_ip ip = mr_ip_from_bytes(bytes, n);
	/* A mapped address has bits set up to the 96th, so a shorter length was refused above. */
	if (n == 16 && ip.family == MR_IP_V4)
		length -= MAPPED_BITS;
	*prefix_r = (struct mr_prefix){ .ip = ip, .length = length };
	return 0;
}

bool
mr_prefix_contains(const struct mr_prefix *prefix, const struct mr_ip *ip)
{
	unsigned whole = prefix->length / 8;
	unsigned rest = prefix->length % 8;

	if (ip->family == MR_IP_UNKNOWN || ip->family != prefix->ip.family)
		return false;
	if (prefix->length > byte_count(ip->family) * 8)
		return false;
	if (memcmp(ip->bytes, prefix->ip.bytes, whole) != 0)
		return false;
	return rest == 0 || (ip->bytes[whole] ^ prefix->ip.bytes[whole]) >> (8 - rest) == 0;
}

size_t
mr_prefix_format(const struct mr_prefix *prefix, char text_r[MR_PREFIX_TEXT_MAX])
{
	struct mr_buffer out = mr_buffer_over(text_r, MR_PREFIX_TEXT_MAX - 1);

	put_ip(&prefix->ip, &out);
	if (prefix->ip.family != MR_IP_UNKNOWN) {
		mr_buffer_byte(&out, '/');
		mr_buffer_uint(&out, prefix->length);
	}
	text_r[out.n] = '\0';
	return out.n;
}
