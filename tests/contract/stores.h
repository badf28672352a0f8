/* What the tests of the store share: stores of both kinds in a folder of their own, names to records and back. */
#ifndef MR_TESTS_CONTRACT_STORES_H
#define MR_TESTS_CONTRACT_STORES_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/durable.h"
#include "store/store.h"

enum kind_of_store { MEMORY, LMDB, KINDS_OF_STORE };

/* What was told, in the order of its telling. */
struct told {
	atomic_uint degraded, recovered, evicted;
	char last[400];
};

static inline void hear(void *context, enum mr_store_news news, const char *sentence)
{
	struct told *told = context;

	/* first the sentence: who sees the count may read it */
	snprintf(told->last, sizeof(told->last), "%s", sentence);
	told->degraded += news == MR_STORE_DEGRADED;
	told->recovered += news == MR_STORE_RECOVERED;
	told->evicted += news == MR_STORE_EVICTED;
}

/* A folder of mode 0700 that remove_folder takes away; in memory where that can be had, as no power is lost here. */
static inline char *make_folder(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/mr-store.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(path));
	return path;
}

static inline void remove_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(folder), entry->d_name, 0);
	}
	closedir(folder);
	ck_assert_int_eq(rmdir(path), 0);
}

static inline struct mr_store_options small_options(void)
{
	return (struct mr_store_options){ .accounts = 1000, .sources = 1000, .windows = 1 << 20 };
}

/* Opens a store over the folder; the durable part comes back in *durable_r, which may be NULL. */
static inline struct mr_store *open_with(const char *folder, struct mr_store_options options, struct mr_durable **durable_r)
{
	struct mr_store *store;
	char why[256];
	int err = mr_lmdb_open(folder, options.read_only, 1 << 20, why, &options.durable);

	ck_assert_msg(err == 0, "%s", why);
	if (durable_r != NULL)
		*durable_r = options.durable;
	err = mr_store_open(&options, why, &store);
	ck_assert_msg(err == 0, "%s", why);
	return store;
}

static inline struct mr_store *open_kind(enum kind_of_store kind, const char *folder, struct mr_store_options options)
{
	struct mr_store *store;
	char why[256];
	int err;

	if (kind == LMDB)
		return open_with(folder, options, NULL);
	err = mr_store_open(&options, why, &store);
	ck_assert_msg(err == 0, "%s", why);
	return store;
}

static inline struct mr_key key_of(const struct mr_store *store, const char *name)
{
	struct mr_key key;

	mr_store_key(store, MR_KEY_ACCOUNT, MR_ACCOUNT_LOGIN, mr_str_of(name), &key);
	return key;
}

static inline struct mr_account *get(struct mr_store *store, const char *name, int64_t now, bool create, bool *fresh_r)
{
	const struct mr_key key = key_of(store, name);

	return mr_store_account_get(store, &key, MR_ACCOUNT_LOGIN, mr_str_of(name), now, create, fresh_r);
}

/* Makes or changes an account; a copy of it as it was while it was held. False: no room. */
static inline bool set_account(struct mr_store *store, const char *name, enum mr_account_state state, bool known,
			       struct mr_account *copy_r)
{
	struct mr_account *account = get(store, name, 1, true, NULL);

	if (account == NULL)
		return false;
	account->standing.state = (uint8_t)state;
	account->known = known;
	account->last_ms++;
	if (copy_r != NULL)
		*copy_r = *account;
	mr_store_account_done(store, account, true);
	return true;
}

/* The state of an account, -1 when there is none. */
static inline int state_of(struct mr_store *store, const char *name)
{
	struct mr_account *account = get(store, name, 1, false, NULL);
	int state = -1;

	if (account != NULL) {
		state = account->standing.state;
		mr_store_account_done(store, account, false);
	}
	return state;
}

static inline int freeze_or_thaw(struct mr_store *store, const char *name, bool freeze)
{
	struct mr_order order = { .kind = freeze ? MR_ORDER_FREEZE : MR_ORDER_THAW, .cause = MR_CAUSE_OPERATOR, .time_ms = 5 };
	struct mr_account copy;

	ck_assert(set_account(store, name, freeze ? MR_ACCOUNT_FROZEN : MR_ACCOUNT_NORMAL, true, &copy));
	snprintf(order.subject, sizeof(order.subject), "%s", name);
	return mr_store_order_wait(store, &order, &copy, NULL);
}

#endif
