/* See sending.h. Called by conduct.c and orders.c. */
#include "engine/sending.h"

#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "core/company.h"

enum { V4_NETWORK = 24, V6_NETWORK = 48, V4_SOURCE = 32, V6_SOURCE = 64, CLIENT_MAX = 160 };

unsigned mr_sending_prefix(const struct mr_ip *ip, unsigned length, unsigned char address_r[16])
{
	unsigned bits = ip->family == MR_IP_V4 ? length + 96 : length;

	memset(address_r, 0, 16);
	if (ip->family == MR_IP_V4) {
		address_r[10] = address_r[11] = 0xff;
		memcpy(address_r + 12, ip->bytes, 4);
	} else {
		memcpy(address_r, ip->bytes, 16);
	}
	for (unsigned i = bits; i < 128; i++)
		address_r[i / 8] &= (unsigned char)~(0x80u >> (i % 8));
	return bits;
}

void mr_sending_prefix_of(const struct mr_source *source, struct mr_prefix *prefix_r)
{
	unsigned bits = source->prefix <= 128 ? source->prefix : 128;

	prefix_r->ip = mr_ip_from_bytes(source->address, sizeof(source->address));
	prefix_r->length = prefix_r->ip.family == MR_IP_V4 && bits >= 96 ? bits - 96 : bits;
}

unsigned mr_sending_source_prefix(const struct mr_ip *ip, unsigned char address_r[16])
{
	return mr_sending_prefix(ip, ip->family == MR_IP_V4 ? V4_SOURCE : V6_SOURCE, address_r);
}

uint64_t mr_sending_network(const struct mr_ip *ip)
{
	unsigned char address[17];

	if (ip->family == MR_IP_UNKNOWN)
		return 0;
	address[16] = (unsigned char)mr_sending_prefix(ip, ip->family == MR_IP_V4 ? V4_NETWORK : V6_NETWORK, address);
	return mr_habit_hash((struct mr_str){ (const char *)address, sizeof(address) });
}

static bool is_ours(const struct mr_session *s)
{
	const struct mr_ip *ip = &s->connection.client_ip;

	return s->connection.local || mr_ip_is_private(ip) || mr_prefixset_has(s->policy->hijack.own_networks, ip) ||
	       mr_prefixset_has(s->policy->relay.networks, ip);
}

/* The HELO name without what changes by itself: digits stand for any digits, an address literal for any address. Behind
 * it the listener: a mail program keeps its port. */
static uint64_t client_of(const struct mr_session *s)
{
	char text[CLIENT_MAX];
	struct mr_buffer b = mr_buffer_over(text, sizeof(text));
	struct mr_str helo = s->connection.helo;

	if (helo.n == 0)
		return 0;
	if (helo.p[0] == '[')
		helo = MR_STR("[]");
	for (size_t i = 0; i < helo.n; i++) {
		bool digit = helo.p[i] >= '0' && helo.p[i] <= '9';

		if (!digit)
			mr_buffer_byte(&b, mr_ascii_lower(helo.p[i]));
		else if (i == 0 || helo.p[i - 1] < '0' || helo.p[i - 1] > '9')
			mr_buffer_byte(&b, '0');
	}
	mr_buffer_byte(&b, '\n');
	mr_buffer_str(&b, s->connection.listener);
	return mr_habit_hash(mr_buffer_view(&b));
}

uint16_t mr_sending_country_of(const struct mr_connection *connection)
{
	struct mr_str country = connection->country;

	if (country.n != 2)
		return 0;
	return (uint16_t)((unsigned char)country.p[0] << 8 | (unsigned char)country.p[1]);
}

uint16_t mr_sending_country(const struct mr_session *s)
{
	return mr_sending_country_of(&s->connection);
}

static struct mr_str domain_of(struct mr_str address)
{
	return mr_str_part(address, mr_str_find_last(address, '@') + 1, address.n);
}

/* The account's own address, or an alias that leads to it. */
static bool is_own_address(const struct mr_session *s, struct mr_str sender)
{
	const char *target;

	if (mr_str_equal(sender, s->conduct.name))
		return true;
	target = mr_strmap_get(s->policy->aliases, sender);
	return target != NULL && mr_str_equal(mr_str_of(target), s->conduct.name);
}

/* What the client declares is better than nothing. */
static int64_t size_of(const struct mr_session *s)
{
	return s->message.size >= 0 ? s->message.size : s->message.declared_size;
}

void mr_sending_make(struct mr_session *s, struct mr_sending *r)
{
	const struct mr_conduct *c = &s->conduct;
	struct mr_str sender = s->subject.sender.address;

	*r = (struct mr_sending){ .time_ms = c->now_ms, .authenticated = c->kind == MR_ACCOUNT_LOGIN, .to = c->to,
				  .to_count = c->to_count, .size = size_of(s),
				  .network = mr_sending_network(&s->connection.client_ip), .network_ours = is_ours(s),
				  .country = mr_sending_country(s), .client = client_of(s) };
	if (c->spam_told)
		r->spam = c->spam ? MR_SPAM_FLAGGED : MR_SPAM_CLEAN;
	if (s->connection.asn > 0)
		r->asn = (uint32_t)s->connection.asn;
	if (sender.n > 0)
		r->sender = mr_habit_hash(sender);
	r->sender_own = sender.n > 0 && is_own_address(s, sender);
	r->sender_own_domain = sender.n > 0 && mr_str_equal(domain_of(sender), domain_of(c->name));
}

void mr_sending_prefix_key(const struct mr_engine *engine, const struct mr_ip *ip, unsigned length,
			   struct mr_key *key_r)
{
	unsigned char address[17];

	address[16] = (unsigned char)mr_sending_prefix(ip, length, address);
	mr_store_key(engine->store, MR_KEY_SOURCE, 0, (struct mr_str){ (const char *)address, sizeof(address) }, key_r);
}

struct mr_source *mr_sending_source(struct mr_session *s, int64_t now_ms, struct mr_key *key_r, bool *fresh_r)
{
	const struct mr_ip *ip = &s->connection.client_ip;
	struct mr_source *source;

	if (ip->family == MR_IP_UNKNOWN || mr_ip_is_loopback(ip))
		return NULL;
	mr_sending_prefix_key(s->engine, ip, ip->family == MR_IP_V4 ? V4_SOURCE : V6_SOURCE, key_r);
	source = mr_store_source_get(s->engine->store, key_r, now_ms, true, fresh_r);
	if (source != NULL && *fresh_r) {
		source->first_ms = now_ms;
		source->prefix = (uint8_t)mr_sending_source_prefix(ip, source->address);
	}
	return source;
}

static void remember_lend(struct mr_engine *engine, const struct mr_key *account, const struct mr_key *source)
{
	struct mr_lends *lends = &engine->lends;

	pthread_mutex_lock(&lends->lock);
	lends->lent[lends->next].account = *account;
	lends->lent[lends->next].source = *source;
	lends->next = (lends->next + 1) % MR_ENGINE_LENDS;
	pthread_mutex_unlock(&lends->lock);
}

void mr_sending_lend(struct mr_session *s, const struct mr_sending *sending)
{
	struct mr_source *source;
	struct mr_key key;
	bool fresh;

	if (!sending->authenticated)
		return;
	source = mr_sending_source(s, sending->time_ms, &key, &fresh);
	if (source == NULL)
		return;
	mr_company_lend(source, sending);
	mr_store_source_done(s->engine->store, source, true);
	remember_lend(s->engine, &s->conduct.key, &key);
}

static void forgive_source(struct mr_engine *engine, const struct mr_key *key, int64_t now_ms)
{
	struct mr_source *source;
	bool fresh;

	source = mr_store_source_get(engine->store, key, now_ms, false, &fresh);
	if (source == NULL)
		return;
	mr_company_forgive(source);
	mr_store_source_done(engine->store, source, true);
}

void mr_sending_forgive(struct mr_engine *engine, const struct mr_key *account, int64_t now_ms)
{
	struct mr_lends *lends = &engine->lends;
	struct mr_key found[MR_ENGINE_LENDS];
	size_t count = 0;

	pthread_mutex_lock(&lends->lock);
	for (size_t i = 0; i < MR_ENGINE_LENDS; i++)
		if (memcmp(&lends->lent[i].account, account, sizeof(*account)) == 0)
			found[count++] = lends->lent[i].source;
	pthread_mutex_unlock(&lends->lock);
	for (size_t i = 0; i < count; i++)
		forgive_source(engine, &found[i], now_ms);
}
