/* See blocklist.h. Called by showblocks.c. */
#include "blocklist.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

/* ipset counts time left in ms in 32 bits. */
enum { TEXT_MAX = 64, IPSET_SECONDS_MOST = 2147483, PER_COMMAND = 1000 };

struct entry {
	unsigned char bytes[16];
	int family;           /* AF_INET or AF_INET6 */
	unsigned length;
	int64_t left;         /* seconds; 0: no end */
};

/* ---- Reading ---- */

static bool read_prefix(const char *text, struct entry *entry_r)
{
	const char *slash = strchr(text, '/');
	char address[TEXT_MAX], *end;
	unsigned long length;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	*entry_r = (struct entry){ .family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET };
	length = strtoul(slash + 1, &end, 10);
	entry_r->length = (unsigned)length;
	return slash[1] != '\0' && *end == '\0' && length <= (entry_r->family == AF_INET ? 32 : 128) &&
	       inet_pton(entry_r->family, address, entry_r->bytes) == 1;
}

static bool read_row(const json_t *row, int64_t now, struct entry *entry_r)
{
	int64_t until;

	if (!read_prefix(mr_text_of(row, "source"), entry_r))
		return false;
	if (!json_is_string(json_object_get(row, "until")))
		return true;
	until = mr_when_read(mr_text_of(row, "until"));
	entry_r->left = until - now;
	return until >= 0 && entry_r->left > 0;
}

/* ---- One in another ---- */

static int compare(const void *a, const void *b)
{
	const struct entry *one = a, *other = b;
	int order = one->family == other->family ? 0 : one->family == AF_INET ? -1 : 1;

	if (order == 0)
		order = memcmp(one->bytes, other->bytes, sizeof(one->bytes));
	return order != 0 ? order : (one->length > other->length) - (one->length < other->length);
}

static bool holds(const struct entry *wide, const struct entry *entry)
{
	unsigned whole = wide->length / 8, rest = wide->length % 8;

	if (wide->family != entry->family || wide->length > entry->length ||
	    memcmp(wide->bytes, entry->bytes, whole) != 0)
		return false;
	return rest == 0 || ((wide->bytes[whole] ^ entry->bytes[whole]) >> (8 - rest)) == 0;
}

/* Sorted, each prefix stands behind all that hold it, and none that does not hold it can stand between. */
static size_t drop_inner(struct entry *entries, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !holds(&entries[kept - 1], &entries[i]))
			entries[kept++] = entries[i];
	return kept;
}

/* ---- Writing ---- */

static const char *text_of(const struct entry *entry, char room[TEXT_MAX])
{
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(entry->family, entry->bytes, address, sizeof(address));
	(void)snprintf(room, TEXT_MAX, "%s/%u", address, entry->length);
	return room;
}

static void print_cidr(FILE *out, const struct entry *entries, size_t count)
{
	char room[TEXT_MAX];

	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s\n", text_of(&entries[i], room));
}

static void print_nft_elements(FILE *out, const struct entry *entries, size_t count, int family)
{
	size_t written = 0;
	char room[TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		if (entries[i].family != family)
			continue;
		if (written % PER_COMMAND == 0)
			fprintf(out, "%sadd element inet mailreeve blocked%c {\n", written > 0 ? "\n}\n" : "",
				family == AF_INET ? '4' : '6');
		else
			fprintf(out, ",\n");
		fprintf(out, "\t%s", text_of(&entries[i], room));
		if (entries[i].left > 0)
			fprintf(out, " timeout %llds", (long long)entries[i].left);
		written++;
	}
	if (written > 0)
		fprintf(out, "\n}\n");
}

/* One file is one transaction: the old elements are in force until all new ones are. */
static void print_nft(FILE *out, const struct entry *entries, size_t count)
{
	fprintf(out, "table inet mailreeve {\n"
		     "\tset blocked4 {\n\t\ttype ipv4_addr\n\t\tflags interval,timeout\n\t}\n"
		     "\tset blocked6 {\n\t\ttype ipv6_addr\n\t\tflags interval,timeout\n\t}\n"
		     "}\n"
		     "flush set inet mailreeve blocked4\n"
		     "flush set inet mailreeve blocked6\n");
	print_nft_elements(out, entries, count, AF_INET);
	print_nft_elements(out, entries, count, AF_INET6);
}

/* hash:net knows no prefix of length 0: its halves stand for it. */
static void print_ipset_entry(FILE *out, const char *set, const struct entry *entry)
{
	int64_t left = entry->left < IPSET_SECONDS_MOST ? entry->left : IPSET_SECONDS_MOST;
	struct entry half = *entry;
	char room[TEXT_MAX];

	if (entry->length == 0) {
		half.length = 1;
		print_ipset_entry(out, set, &half);
		half.bytes[0] = 0x80;
		print_ipset_entry(out, set, &half);
		return;
	}
	fprintf(out, "add %s %s timeout %lld\n", set, text_of(entry, room), (long long)left);
}

/* A new set takes the place of the old one at once. */
static void print_ipset_set(FILE *out, const struct entry *entries, size_t count, int family)
{
	const char *set = family == AF_INET ? "mailreeve4" : "mailreeve6";
	const char *fresh = family == AF_INET ? "mailreeve4.new" : "mailreeve6.new";
	const char *kind = family == AF_INET ? "inet" : "inet6";

	fprintf(out, "create %s hash:net family %s maxelem 1048576 timeout 0 -exist\n", set, kind);
	fprintf(out, "create %s hash:net family %s maxelem 1048576 timeout 0 -exist\n", fresh, kind);
	fprintf(out, "flush %s\n", fresh);
	for (size_t i = 0; i < count; i++)
		if (entries[i].family == family)
			print_ipset_entry(out, fresh, &entries[i]);
	fprintf(out, "swap %s %s\ndestroy %s\n", fresh, set, fresh);
}

int mr_blocklist_print(FILE *out, const char *format, const json_t *rows, int64_t now)
{
	size_t count = 0, most = json_array_size(rows);
	struct entry *entries = calloc(most + 1, sizeof(*entries));

	if (entries == NULL)
		return -1;
	for (size_t i = 0; i < most; i++)
		count += read_row(json_array_get(rows, i), now, &entries[count]);
	qsort(entries, count, sizeof(*entries), compare);
	count = drop_inner(entries, count);
	if (strcmp(format, "nft") == 0) {
		print_nft(out, entries, count);
	} else if (strcmp(format, "ipset") == 0) {
		print_ipset_set(out, entries, count, AF_INET);
		print_ipset_set(out, entries, count, AF_INET6);
	} else {
		print_cidr(out, entries, count);
	}
	free(entries);
	return 0;
}
