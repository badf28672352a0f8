/*
 * Records to bytes and back, with checksum, version and checks of every member. Not the files themselves: lmdb*.c.
 *
 * A new version of a record gets a new number and a row in versions[], with the function that makes today's record out of
 * it. Values of several versions live side by side: each says its own, and is written anew in today's when it changes.
 */
#include "store/format.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"

enum { KEY = sizeof(struct mr_key) };

struct head {
	uint32_t check;
	uint16_t version;
	uint16_t unused;
};

_Static_assert(sizeof(struct head) == MR_FORMAT_HEAD, "the head of a value");

/* ---- Versions ---- */

struct version {
	size_t account, source, order; /* bytes behind the head */
	void (*account_up)(const unsigned char *bytes, struct mr_account *account_r);
	void (*source_up)(const unsigned char *bytes, struct mr_source *source_r);
};

static void account_as_it_is(const unsigned char *bytes, struct mr_account *account_r)
{
	memcpy((unsigned char *)account_r + KEY, bytes, sizeof(*account_r) - KEY);
}

static void source_as_it_is(const unsigned char *bytes, struct mr_source *source_r)
{
	memcpy((unsigned char *)source_r + KEY, bytes, sizeof(*source_r) - KEY);
}

/* No release wrote version 0: an account without its name. It is here so that the way forward is walked by the tests. */
static void account_from_0(const unsigned char *bytes, struct mr_account *account_r)
{
	memcpy((unsigned char *)account_r + KEY, bytes, offsetof(struct mr_account, name) - KEY);
	memset(account_r->name, 0, sizeof(account_r->name));
}

static const struct version versions[MR_FORMAT_VERSION + 1] = {
	[0] = { offsetof(struct mr_account, name) - KEY, sizeof(struct mr_source) - KEY, sizeof(struct mr_order),
		account_from_0, source_as_it_is },
	[1] = { sizeof(struct mr_account) - KEY, sizeof(struct mr_source) - KEY, sizeof(struct mr_order), account_as_it_is,
		source_as_it_is },
};

/* ---- Checksum: against damage, not against an enemy ---- */

static uint64_t mix_word(uint64_t sum, const unsigned char *bytes, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, bytes, n);
	sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return sum ^ sum >> 29;
}

/* Four sums beside each other, as the processor can make them at once. */
static uint64_t mix(uint64_t start, const unsigned char *bytes, size_t n)
{
	uint64_t sum[4] = { start ^ n, start + 1, start + 2, start + 3 };

	for (; n >= 32; n -= 32, bytes += 32) {
		for (int i = 0; i < 4; i++)
			sum[i] = mix_word(sum[i], bytes + 8 * i, 8);
	}
	for (; n >= 8; n -= 8, bytes += 8)
		sum[0] = mix_word(sum[0], bytes, 8);
	sum[0] = mix_word(sum[0], bytes, n);
	for (int i = 1; i < 4; i++)
		sum[0] = mix_word(sum[0], (const unsigned char *)&sum[i], 8);
	return sum[0];
}

static uint32_t checksum(const void *key, size_t key_n, unsigned version, const void *bytes, size_t n)
{
	uint64_t sum = mix(mix(version + 1, key, key_n), bytes, n);

	return (uint32_t)(sum ^ sum >> 32);
}

/* Puts the head before n bytes that are already behind it. */
static void seal(const void *key, size_t key_n, void *value, size_t n)
{
	struct head head = { .version = MR_FORMAT_VERSION };

	head.check = checksum(key, key_n, head.version, (unsigned char *)value + sizeof(head), n);
	memcpy(value, &head, sizeof(head));
}

/* What is behind a good head. */
static int unseal(const void *key, size_t key_n, const void *value, size_t n, unsigned *version_r,
		  const unsigned char **bytes_r, size_t *n_r)
{
	struct head head;

	if (n < sizeof(head))
		return MR_ERR_SYNTAX;
	memcpy(&head, value, sizeof(head));
	*bytes_r = (const unsigned char *)value + sizeof(head);
	*n_r = n - sizeof(head);
	if (head.check != checksum(key, key_n, head.version, *bytes_r, *n_r) || head.unused != 0)
		return MR_ERR_SYNTAX;
	if (head.version > MR_FORMAT_VERSION)
		return MR_ERR_REFUSED;
	*version_r = head.version;
	return 0;
}

static void put_big_endian(uint64_t number, unsigned char *bytes_r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes_r[i] = (unsigned char)(number >> (8 * (n - 1 - i)));
}

static uint64_t get_big_endian(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t number = 0;

	for (size_t i = 0; i < n; i++)
		number = number << 8 | p[i];
	return number;
}

/* ---- Accounts and sources ---- */

size_t mr_format_account_size(void)
{
	return MR_FORMAT_HEAD + sizeof(struct mr_account) - KEY;
}

void mr_format_account(const struct mr_account *account, void *value_r)
{
	memcpy((unsigned char *)value_r + MR_FORMAT_HEAD, (const unsigned char *)account + KEY, sizeof(*account) - KEY);
	seal(&account->key, KEY, value_r, sizeof(*account) - KEY);
}

size_t mr_format_source_size(void)
{
	return MR_FORMAT_HEAD + sizeof(struct mr_source) - KEY;
}

void mr_format_source(const struct mr_source *source, void *value_r)
{
	memcpy((unsigned char *)value_r + MR_FORMAT_HEAD, (const unsigned char *)source + KEY, sizeof(*source) - KEY);
	seal(&source->key, KEY, value_r, sizeof(*source) - KEY);
}

int mr_format_read_account(const void *key, size_t key_n, const void *value, size_t n, struct mr_account *account_r)
{
	const unsigned char *bytes;
	unsigned version;
	size_t count;
	int err = unseal(key, key_n, value, n, &version, &bytes, &count);

	if (err != 0)
		return err;
	if (key_n != KEY || count != versions[version].account)
		return MR_ERR_SYNTAX;
	memcpy(&account_r->key, key, KEY);
	versions[version].account_up(bytes, account_r);
	/* Habits can be learned again; that the account is frozen must not be forgotten with them. */
	if (!mr_habit_valid(&account_r->habit))
		memset(&account_r->habit, 0, sizeof(account_r->habit));
	return mr_account_valid(account_r) ? 0 : MR_ERR_SYNTAX;
}

static bool is_source_valid(const struct mr_source *source)
{
	return source->prefix <= 128 &&
	       (source->state == MR_ACCOUNT_NORMAL || source->state == MR_ACCOUNT_WATCHED ||
		source->state == MR_ACCOUNT_FROZEN) &&
	       source->cause <= MR_CAUSE_EXPIRY && memchr(source->event_id, '\0', sizeof(source->event_id)) != NULL &&
	       source->lent_size - source->lent_size == 0;
}

int mr_format_read_source(const void *key, size_t key_n, const void *value, size_t n, struct mr_source *source_r)
{
	const unsigned char *bytes;
	unsigned version;
	size_t count;
	int err = unseal(key, key_n, value, n, &version, &bytes, &count);

	if (err != 0)
		return err;
	if (key_n != KEY || count != versions[version].source)
		return MR_ERR_SYNTAX;
	memcpy(&source_r->key, key, KEY);
	versions[version].source_up(bytes, source_r);
	return is_source_valid(source_r) ? 0 : MR_ERR_SYNTAX;
}

uint32_t mr_format_account_revision(const void *key, size_t key_n, const void *value, size_t n)
{
	struct mr_account account;

	return mr_format_read_account(key, key_n, value, n, &account) == 0 ? account.revision : 0;
}

uint32_t mr_format_source_revision(const void *key, size_t key_n, const void *value, size_t n)
{
	struct mr_source source;

	return mr_format_read_source(key, key_n, value, n, &source) == 0 ? source.revision : 0;
}

/* ---- Orders ---- */

size_t mr_format_order_size(void)
{
	return MR_FORMAT_HEAD + sizeof(struct mr_order);
}

void mr_format_order_key(uint64_t number, unsigned char key_r[MR_ORDER_KEY])
{
	put_big_endian(number, key_r, MR_ORDER_KEY);
}

void mr_format_order(const struct mr_order *order, void *value_r)
{
	unsigned char key[MR_ORDER_KEY];

	mr_format_order_key(order->number, key);
	memcpy((unsigned char *)value_r + MR_FORMAT_HEAD, order, sizeof(*order));
	seal(key, sizeof(key), value_r, sizeof(*order));
}

static bool is_text(const char *text, size_t size)
{
	const char *end = memchr(text, '\0', size);

	return end != NULL && !mr_str_has_control((struct mr_str){ text, (size_t)(end - text) });
}

int mr_format_read_order(const void *key, size_t key_n, const void *value, size_t n, struct mr_order *order_r)
{
	const unsigned char *bytes;
	unsigned version;
	size_t count;
	int err = unseal(key, key_n, value, n, &version, &bytes, &count);

	if (err != 0)
		return err;
	if (key_n != MR_ORDER_KEY || count != versions[version].order)
		return MR_ERR_SYNTAX;
	memcpy(order_r, bytes, sizeof(*order_r));
	return order_r->number == get_big_endian(key, MR_ORDER_KEY) && order_r->number != 0 &&
	       order_r->kind <= MR_ORDER_UNBLOCK && order_r->cause <= MR_CAUSE_EXPIRY &&
	       is_text(order_r->event_id, sizeof(order_r->event_id)) && is_text(order_r->subject, sizeof(order_r->subject)) &&
	       is_text(order_r->operator_name, sizeof(order_r->operator_name)) &&
	       is_text(order_r->reason, sizeof(order_r->reason)) ? 0 : MR_ERR_SYNTAX;
}

/* ---- Windows: last use, idle time, bytes ---- */

enum { WINDOW_TIMES = 16 };

size_t mr_format_window_size(size_t n)
{
	return MR_FORMAT_HEAD + WINDOW_TIMES + n;
}

void mr_format_window_key(const struct mr_key *key, uint32_t size, unsigned char key_r[MR_WINDOW_KEY])
{
	memcpy(key_r, key, KEY);
	put_big_endian(size, key_r + KEY, MR_WINDOW_KEY - KEY);
}

void mr_format_window(const struct mr_window_view *view, void *value_r)
{
	unsigned char key[MR_WINDOW_KEY], *bytes = (unsigned char *)value_r + MR_FORMAT_HEAD;

	mr_format_window_key(&view->key, view->size, key);
	memcpy(bytes, &view->last_ms, 8);
	memcpy(bytes + 8, &view->idle_ms, 8);
	memcpy(bytes + WINDOW_TIMES, view->data, view->size);
	seal(key, sizeof(key), value_r, WINDOW_TIMES + view->size);
}

int mr_format_read_window(const void *key, size_t key_n, const void *value, size_t n, struct mr_window_view *view_r)
{
	const unsigned char *bytes;
	unsigned version;
	size_t count;
	int err = unseal(key, key_n, value, n, &version, &bytes, &count);

	if (err != 0)
		return err;
	if (key_n != MR_WINDOW_KEY || count < WINDOW_TIMES + MR_WINDOW_SIZE_MIN || count > WINDOW_TIMES + MR_WINDOW_SIZE_MAX)
		return MR_ERR_SYNTAX;
	memcpy(&view_r->key, key, KEY);
	memcpy(&view_r->last_ms, bytes, 8);
	memcpy(&view_r->idle_ms, bytes + 8, 8);
	view_r->size = (uint32_t)(count - WINDOW_TIMES);
	view_r->data = bytes + WINDOW_TIMES;
	return get_big_endian((const unsigned char *)key + KEY, MR_WINDOW_KEY - KEY) == view_r->size ? 0 : MR_ERR_SYNTAX;
}

/* ---- The site, in pieces, and notes ---- */

size_t mr_format_site_size(size_t n)
{
	return MR_FORMAT_HEAD + n;
}

void mr_format_site_key(size_t at, unsigned char key_r[MR_SITE_KEY])
{
	put_big_endian(at, key_r, MR_SITE_KEY);
}

void mr_format_site(size_t at, const void *data, size_t n, void *value_r)
{
	unsigned char key[MR_SITE_KEY];

	mr_format_site_key(at, key);
	memcpy((unsigned char *)value_r + MR_FORMAT_HEAD, data, n);
	seal(key, sizeof(key), value_r, n);
}

int mr_format_read_site(const void *key, size_t key_n, const void *value, size_t n, size_t *at_r, const void **data_r,
			size_t *n_r)
{
	const unsigned char *bytes;
	unsigned version;
	int err = unseal(key, key_n, value, n, &version, &bytes, n_r);

	if (err != 0)
		return err;
	if (key_n != MR_SITE_KEY || *n_r > MR_SITE_PIECE)
		return MR_ERR_SYNTAX;
	*at_r = (size_t)get_big_endian(key, MR_SITE_KEY);
	*data_r = bytes;
	return 0;
}

size_t mr_format_note_size(size_t n)
{
	return MR_FORMAT_HEAD + n;
}

void mr_format_note(const void *name, size_t name_n, const void *value, size_t n, void *value_r)
{
	memcpy((unsigned char *)value_r + MR_FORMAT_HEAD, value, n);
	seal(name, name_n, value_r, n);
}

int mr_format_read_note(const void *key, size_t key_n, const void *value, size_t n, const void **data_r, size_t *n_r)
{
	const unsigned char *bytes;
	unsigned version;
	int err = unseal(key, key_n, value, n, &version, &bytes, n_r);

	if (err == 0)
		*data_r = bytes;
	return err;
}
