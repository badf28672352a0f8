/* See friends.h. Called by conduct.c. */
#include "engine/friends.h"

#include "base/hash.h"
#include "engine/session.h"

enum { WORDS = 16, PROBES = 4, GENERATION = 128, FILTER = 'f' };

static const int64_t IDLE_MS = INT64_C(180) * 86400 * 1000;

/* Two generations of a Bloom filter of 1024 bits: the older goes when the newer has taken 128 names (4 probes: about one
 * wrong "known" in 40). */
struct filter {
	uint32_t taken;
	uint32_t newer;
	uint64_t bits[2][WORDS];
};

static bool has(const struct filter *f, unsigned generation, uint64_t hash)
{
	for (unsigned i = 0; i < PROBES; i++, hash >>= 10)
		if ((f->bits[generation][(hash & 1023) >> 6] >> (hash & 63) & 1) == 0)
			return false;
	return true;
}

static void add(struct filter *f, uint64_t hash)
{
	f->newer &= 1;
	if (has(f, f->newer, hash))
		return;
	if (f->taken >= GENERATION) {
		f->newer ^= 1;
		f->taken = 0;
		for (unsigned i = 0; i < WORDS; i++)
			f->bits[f->newer][i] = 0;
	}
	f->taken++;
	for (unsigned i = 0; i < PROBES; i++, hash >>= 10)
		f->bits[f->newer][(hash & 1023) >> 6] |= UINT64_C(1) << (hash & 63);
}

static struct filter *get(struct mr_session *s, struct mr_str account, int64_t now, bool *fresh_r)
{
	struct mr_key key;

	mr_store_key(s->engine->store, MR_KEY_WINDOW, FILTER, account, &key);
	return mr_store_window_get(s->engine->store, &key, sizeof(struct filter), now, IDLE_MS, fresh_r);
}

/* An account that never sent has no need of a filter, and unknown names make none. */
static bool has_sent(struct mr_session *s, struct mr_str name, int64_t now)
{
	struct mr_account *account;
	struct mr_key key;
	bool fresh;

	mr_store_key(s->engine->store, MR_KEY_ACCOUNT, MR_ACCOUNT_LOGIN, name, &key);
	account = mr_store_account_get(s->engine->store, &key, MR_ACCOUNT_LOGIN, name, now, false, &fresh);
	if (account == NULL)
		return false;
	mr_store_account_done(s->engine->store, account, false);
	return true;
}

static void introduce(struct mr_session *s, struct mr_str to, struct mr_str from, int64_t now)
{
	const char *target = mr_strmap_get(s->policy->aliases, to);
	struct mr_str account = target != NULL && target[0] != '\0' ? mr_str_of(target) : to;
	struct filter *filter;
	bool fresh;

	if (!has_sent(s, account, now))
		return;
	filter = get(s, account, now, &fresh);
	if (filter == NULL)
		return;
	add(filter, mr_habit_hash(from));
	mr_store_window_done(s->engine->store, filter, true);
}

void mr_friends_note(struct mr_session *s, const struct mr_conduct *c)
{
	struct mr_str from = s->subject.sender.address;

	if (from.n == 0 || s->policy->hijack.rule.mode == MR_MODE_OFF)
		return;
	for (size_t i = 0; i < c->ours_count; i++)
		introduce(s, c->ours[i], from, c->now_ms);
}

void mr_friends_mark(struct mr_session *s, struct mr_conduct *c)
{
	struct filter *filter;
	struct mr_key key;

	if (c->kind != MR_ACCOUNT_LOGIN || s->policy->hijack.rule.mode == MR_MODE_OFF)
		return;
	mr_store_key(s->engine->store, MR_KEY_WINDOW, FILTER, c->name, &key);
	filter = mr_store_window_find(s->engine->store, &key, sizeof(struct filter), c->now_ms, IDLE_MS);
	if (filter != NULL) { /* whom nobody ever wrote to has none */
		for (size_t i = 0; i < c->to_count; i++)
			c->to[i].wrote_first = has(filter, 0, c->to[i].hash) || has(filter, 1, c->to[i].hash);
		mr_store_window_done(s->engine->store, filter, false);
	}
	for (size_t i = 0; i < c->ours_count; i++)
		introduce(s, c->ours[i], c->name, c->now_ms);
}
