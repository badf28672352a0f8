/*
 * How an address is shown in an event line: as it is, or with the local part hashed. It judges no address:
 * core/address.c does that. line.c, sentence.c and ownfields.c call it.
 */
#include <sodium.h>

#include "eventlog/linewriter.h"

enum { HASH_BYTES = 16, HASH_SHOWN = 8, FOLD_STEP = 256 };

struct mr_str mr_line_bare_address(struct mr_str path)
{
	struct mr_str bare = mr_str_trim(path);

	if (bare.n > 0 && bare.p[0] == '<')
		bare = mr_str_part(bare, 1, bare.n);
	if (bare.n > 0 && bare.p[bare.n - 1] == '>')
		bare.n--;
	return bare;
}

static bool is_domain_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '.' || c == ':' || c == '[' || c == ']' || (unsigned char)c >= 0x80;
}

/* What stands behind the last '@' when it can be a domain or an address literal, else absent: then nothing of the
 * address is shown. */
static struct mr_str domain_of(struct mr_str address)
{
	size_t at = mr_str_find_last(address, '@');

	if (at == address.n)
		return MR_STR_ABSENT;
	struct mr_str domain = mr_str_part(address, at + 1, address.n);
	for (size_t i = 0; i < domain.n; i++) {
		if (!is_domain_byte(domain.p[i]))
			return MR_STR_ABSENT;
	}
	return domain;
}

/* The keyed hash of address with its ASCII letters folded, as hexadecimal digits. */
static void hash_of(struct mr_str address, const unsigned char key[32], char text_r[2 * HASH_SHOWN])
{
	static const char digits[] = "0123456789abcdef";
	crypto_generichash_state state;
	unsigned char hash[HASH_BYTES];
	unsigned char folded[FOLD_STEP];

	crypto_generichash_init(&state, key, 32, sizeof(hash));
	for (size_t at = 0; at < address.n;) {
		size_t n = 0;
		while (n < sizeof(folded) && at < address.n)
			folded[n++] = (unsigned char)mr_ascii_lower(address.p[at++]);
		crypto_generichash_update(&state, folded, n);
	}
	crypto_generichash_final(&state, hash, sizeof(hash));
	for (size_t i = 0; i < HASH_SHOWN; i++) {
		text_r[2 * i] = digits[hash[i] >> 4];
		text_r[2 * i + 1] = digits[hash[i] & 0xf];
	}
}

void mr_line_address(struct mr_line_writer *w, struct mr_str address, size_t max)
{
	struct mr_str bare = mr_line_bare_address(address);

	if (w->log == NULL || !w->log->hash_addresses || bare.n == 0) {
		mr_json_escape(&w->out, address, max, MR_JSON_TEXT);
		return;
	}
	char hash[2 * HASH_SHOWN];
	struct mr_str domain = domain_of(bare);
	struct mr_str trimmed = mr_str_trim(address);
	bool opened = trimmed.p[0] == '<';
	bool closed = trimmed.p[trimmed.n - 1] == '>';
	hash_of(bare, w->log->address_key, hash);
	if (opened)
		MR_JSON_PUT(&w->out, "<");
	mr_json_put(&w->out, hash, sizeof(hash));
	if (domain.p != NULL) {
		MR_JSON_PUT(&w->out, "@");
		mr_json_escape(&w->out, domain, max > sizeof(hash) + 3 ? max - sizeof(hash) - 3 : 0, MR_JSON_TEXT);
	}
	if (closed)
		MR_JSON_PUT(&w->out, ">");
}
