/*
 * The store as a whole: opening with what the disk has, closing, telling, counting, looking. Called by whoever makes an
 * engine, and by tests.
 */
#include "store/store.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/internal.h"

enum { COPIES = 64, NAME_AT_ONCE = 480, KEY_HEAD = 8 };

/* ---- Telling ---- */

void mr_store_say(struct mr_store *store, enum mr_store_news news, const char *sentence)
{
	if (store->options.tell == NULL)
		return;
	pthread_mutex_lock(&store->tell_lock);
	store->options.tell(store->options.tell_context, news, sentence);
	pthread_mutex_unlock(&store->tell_lock);
}

void mr_store_ails(struct mr_store *store, enum mr_ailment ailment, const char *sentence)
{
	unsigned before = atomic_fetch_or(&store->ailments, (unsigned)ailment);

	if ((before & (unsigned)ailment) == 0)
		mr_store_say(store, MR_STORE_DEGRADED, sentence);
}

void mr_store_heals(struct mr_store *store, enum mr_ailment ailment)
{
	unsigned before;

	if ((atomic_load_explicit(&store->ailments, memory_order_relaxed) & (unsigned)ailment) == 0)
		return;
	before = atomic_fetch_and(&store->ailments, ~(unsigned)ailment);
	if ((before & ~(unsigned)ailment) == 0)
		mr_store_say(store, MR_STORE_RECOVERED, "The state can be written again; what was kept in memory meanwhile is on disk.");
	else if ((before & (unsigned)ailment) != 0)
		mr_store_say(store, MR_STORE_RECOVERED, ailment == MR_AILS_ORDERS
			? "Orders can be written again; the state is still degraded for another reason that was told before."
			: "Records can be written again; the state is still degraded for another reason that was told before.");
}

bool mr_store_degraded(const struct mr_store *store)
{
	return atomic_load_explicit(&store->ailments, memory_order_relaxed) != 0;
}

/* ---- Loading ---- */

static void load_secret(void *context, const unsigned char secret[MR_SECRET_BYTES])
{
	struct mr_store *store = context;

	memcpy(store->secret, secret, MR_SECRET_BYTES);
}

static int load_expect(void *context, uint64_t accounts, uint64_t sources)
{
	struct mr_store *store = context;
	int err = mr_table_expect(store->accounts, accounts);

	return err != 0 ? err : mr_table_expect(store->sources, sources);
}

static void load_account(void *context, const struct mr_account *account, bool copied)
{
	mr_store_restore_account(context, account, copied);
}

static void load_source(void *context, const struct mr_source *source, bool copied)
{
	mr_store_restore_source(context, source, copied);
}

static void load_window(void *context, const struct mr_key *key, int64_t last_ms, int64_t idle_ms, const void *data, size_t n)
{
	struct mr_store *store = context;
	const struct mr_window_view view = { *key, last_ms, idle_ms, (uint32_t)n, data };

	mr_windows_restore(store->windows, &view);
}

static void load_site(void *context, size_t at, const void *data, size_t n)
{
	struct mr_store *store = context;

	if (at < sizeof(*store->site) && n <= sizeof(*store->site) - at)
		memcpy((char *)store->site + at, data, n);
}

static void load_note(void *context, const void *name, size_t name_n, const void *value, size_t n)
{
	struct mr_store *store = context;

	mr_notes_put(store->notes, (struct mr_str){ name, name_n }, value, n, false);
}

static void load_order(void *context, const struct mr_order *order)
{
	struct mr_store *store = context;

	mr_orders_restore(store->orders, order);
}

static int load(struct mr_store *store, char why_r[256])
{
	const struct mr_loader loader = { store, load_secret, load_expect, load_account, load_source, load_window,
					  load_site, load_note, load_order };
	struct mr_durable *durable = store->options.durable;
	char damage[MR_WHY_MAX] = "";
	int err = durable->ops->load(durable, &loader, damage);

	if (err != 0) {
		snprintf(why_r, 256, "%s", damage);
		return err;
	}
	if (damage[0] != '\0')
		mr_store_ails(store, MR_AILS_DAMAGE, damage);
	return 0;
}

/* ---- Opening and closing ---- */

static int make_parts(struct mr_store *store, bool behind)
{
	const struct mr_store_options *o = &store->options;

	store->accounts = mr_table_new(o->accounts, sizeof(struct mr_account), offsetof(struct mr_account, revision), behind);
	store->sources = mr_table_new(o->sources, sizeof(struct mr_source), offsetof(struct mr_source, revision), behind);
	store->windows = mr_windows_new(o->windows, behind);
	store->site = mr_calloc(1, sizeof(*store->site));
	store->notes = mr_notes_new();
	store->orders = mr_orders_new(store);
	if (behind)
		store->behind = mr_behind_new(store);
	if (store->accounts == NULL || store->sources == NULL || store->windows == NULL || store->site == NULL ||
	    store->notes == NULL || store->orders == NULL || (behind && store->behind == NULL))
		return MR_ERR_NOMEM;
	return 0;
}

static int open_parts(struct mr_store *store, char why_r[256])
{
	bool behind = store->options.durable != NULL && !store->options.read_only;
	int err = make_parts(store, behind);

	if (err == 0 && store->options.durable == NULL && !store->options.fixed_key &&
	    getrandom(store->secret, sizeof(store->secret), 0) != (ssize_t)sizeof(store->secret))
		err = MR_ERR_IO;
	if (err == 0 && store->options.durable != NULL) {
		err = load(store, why_r);
		if (err != 0)
			return err;
	}
	if (err == 0 && behind) {
		err = mr_orders_start(store->orders);
		if (err == 0)
			err = mr_behind_start(store->behind);
	}
	if (err != 0)
		snprintf(why_r, 256, "the state cannot be kept in memory: %s", mr_err_text(err));
	return err;
}

int mr_store_open(const struct mr_store_options *options, char why_r[256], struct mr_store **store_r)
{
	struct mr_store *store = mr_calloc(1, sizeof(*store));
	int err;

	why_r[0] = '\0';
	*store_r = NULL;
	if (store == NULL) {
		struct mr_durable *durable = options->durable;

		if (durable != NULL)
			durable->ops->close(durable);
		snprintf(why_r, 256, "there is no memory for the state");
		return MR_ERR_NOMEM;
	}
	store->options = *options;
	pthread_mutex_init(&store->site_lock, NULL);
	pthread_mutex_init(&store->tell_lock, NULL);
	atomic_init(&store->evictions_told_ms, INT64_MIN);
	err = open_parts(store, why_r);
	if (err != 0)
		mr_store_close(&store);
	*store_r = store;
	return err;
}

void mr_store_close(struct mr_store **store)
{
	struct mr_store *s = *store;

	if (s == NULL)
		return;
	/* First what is written behind: its last batch may name copies that the orders can forget. */
	mr_behind_free(&s->behind);
	mr_orders_free(&s->orders);
	if (s->options.durable != NULL)
		s->options.durable->ops->close(s->options.durable);
	mr_table_free(&s->accounts);
	mr_table_free(&s->sources);
	mr_windows_free(&s->windows);
	mr_notes_free(&s->notes);
	mr_free(s->site);
	pthread_mutex_destroy(&s->site_lock);
	pthread_mutex_destroy(&s->tell_lock);
	sodium_memzero(s->secret, sizeof(s->secret));
	mr_free(s);
	*store = NULL;
}

int mr_store_flush(struct mr_store *store)
{
	int behind = store->behind == NULL ? 0 : mr_behind_flush(store->behind);
	int orders = mr_orders_flush(store->orders);

	return behind != 0 ? behind : orders;
}

/* ---- Identity ---- */

void mr_store_key(const struct mr_store *store, enum mr_key_space space, unsigned kind, struct mr_str name,
		  struct mr_key *key_r)
{
	unsigned char text[KEY_HEAD + NAME_AT_ONCE];
	unsigned own = space == MR_KEY_WINDOW ? 0 : kind;
	const unsigned char head[KEY_HEAD] = { (unsigned char)space, name.n > NAME_AT_ONCE, 0, 0, (unsigned char)(own >> 24),
					       (unsigned char)(own >> 16), (unsigned char)(own >> 8), (unsigned char)own };
	size_t n = name.n;

	memcpy(text, head, sizeof(head));

	if (n > NAME_AT_ONCE) {
		n = crypto_shorthash_siphashx24_BYTES;
		crypto_shorthash_siphashx24(text + KEY_HEAD, (const unsigned char *)name.p, name.n, store->secret);
	} else if (n > 0) {
		memcpy(text + KEY_HEAD, name.p, n);
	}
	crypto_shorthash_siphashx24(key_r->bytes, text, KEY_HEAD + n, store->secret);
	if (space == MR_KEY_WINDOW)
		mr_store_window_key(key_r, kind);
}

/* In the last bytes, so that all counters of one name are neighbours on the disk: they are written together. */
void mr_store_window_key(struct mr_key *key, unsigned kind)
{
	unsigned char *last = key->bytes + sizeof(key->bytes) - 4;

	for (unsigned i = 0; i < 4; i++)
		last[i] ^= (unsigned char)(kind >> (24 - 8 * i));
}

/* ---- Looking ---- */

/* What of a table is looked at, and who looks. */
struct look {
	struct mr_table *table;
	size_t size;
	bool (*wanted)(const struct look *look, const void *payload);
	bool (*show)(const struct look *look, const void *payload);
	enum mr_account_state at_least;
	union {
		mr_account_look *account;
		mr_source_look *source;
	} caller;
	void *context;
};

/* All that is wanted of a shard, copied while it is locked. Shards are small: some thousands of records at most. */
static bool look_shard(const struct look *look, struct mr_shard *shard)
{
	char *copies;
	size_t count = 0;
	bool goes_on = true;

	pthread_mutex_lock(&shard->lock);
	for (uint32_t i = 0; shard->slots != NULL && i <= shard->mask; i++) {
		if (shard->slots[i].number != 0 &&
		    look->wanted(look, mr_record_payload(mr_table_at(look->table, shard->slots[i].number))))
			count++;
	}
	copies = count == 0 ? NULL : mr_calloc(count, look->size);
	count = 0;
	for (uint32_t i = 0; copies != NULL && i <= shard->mask; i++) {
		const void *payload = shard->slots[i].number == 0 ? NULL
			: mr_record_payload(mr_table_at(look->table, shard->slots[i].number));

		if (payload != NULL && look->wanted(look, payload))
			memcpy(copies + count++ * look->size, payload, look->size);
	}
	pthread_mutex_unlock(&shard->lock);
	for (size_t i = 0; i < count && goes_on; i++)
		goes_on = look->show(look, copies + i * look->size);
	mr_free(copies);
	return goes_on;
}

static void look_all(const struct look *look)
{
	for (unsigned i = 0; i < mr_table_shards(look->table); i++) {
		if (!look_shard(look, mr_table_shard_at(look->table, i)))
			return;
	}
}

static bool account_wanted(const struct look *look, const void *payload)
{
	return ((const struct mr_account *)payload)->standing.state >= (unsigned)look->at_least;
}

static bool account_show(const struct look *look, const void *payload)
{
	return look->caller.account(look->context, payload);
}

static bool source_wanted(const struct look *look, const void *payload)
{
	return ((const struct mr_source *)payload)->state >= (unsigned)look->at_least;
}

static bool source_show(const struct look *look, const void *payload)
{
	return look->caller.source(look->context, payload);
}

void mr_store_accounts(struct mr_store *store, enum mr_account_state at_least, mr_account_look *look, void *context)
{
	const struct look all = { .table = store->accounts, .size = sizeof(struct mr_account), .wanted = account_wanted,
				  .show = account_show, .at_least = at_least, .caller.account = look, .context = context };

	look_all(&all);
}

void mr_store_sources(struct mr_store *store, bool blocked_only, mr_source_look *look, void *context)
{
	const struct look all = { .table = store->sources, .size = sizeof(struct mr_source), .wanted = source_wanted,
				  .show = source_show, .at_least = blocked_only ? MR_ACCOUNT_WATCHED : MR_ACCOUNT_NORMAL,
				  .caller.source = look, .context = context };

	look_all(&all);
}

void mr_store_count(struct mr_store *store, struct mr_store_counts *counts_r)
{
	memset(counts_r, 0, sizeof(*counts_r));
	counts_r->accounts = mr_table_all(store->accounts);
	counts_r->known_accounts = counts_r->accounts - mr_table_count(store->accounts, MR_LIST_UNKNOWN) -
		atomic_load(&store->unknown_pinned);
	counts_r->sources = mr_table_all(store->sources);
	counts_r->windows = mr_windows_count(store->windows);
	counts_r->window_bytes = mr_windows_bytes(store->windows);
	counts_r->evicted_accounts = mr_table_evicted(store->accounts);
	counts_r->evicted_sources = mr_table_evicted(store->sources);
	counts_r->evicted_windows = mr_windows_evicted(store->windows);
	counts_r->refused_accounts = atomic_load(&store->refused);
	counts_r->memory_bytes = mr_table_bytes(store->accounts) + mr_table_bytes(store->sources) + counts_r->window_bytes +
		sizeof(*store->site);
	mr_orders_counts(store->orders, counts_r);
	if (store->behind != NULL)
		mr_behind_counts(store->behind, counts_r);
	counts_r->degraded = mr_store_degraded(store);
}
