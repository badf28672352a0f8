/*
 * What the store asks of its durable part, and nothing else knows of it: two files, one for orders, where every commit is
 * on disk when it returns, and one for all that is written behind. lmdb*.c is such a part; the tests have others.
 *
 * commit is called by one thread at a time, write by another; load, before both, and close, after both, by a third.
 */
#ifndef MR_STORE_DURABLE_H
#define MR_STORE_DURABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/account.h"
#include "model/order.h"
#include "model/source.h"

enum { MR_SECRET_BYTES = 16, MR_WHY_MAX = 256, MR_STORED_KEY_MAX = 64 };

enum mr_stored_kind { MR_STORED_ACCOUNT, MR_STORED_SOURCE, MR_STORED_WINDOW, MR_STORED_SITE, MR_STORED_NOTE, MR_STORED_KINDS };

/* One value of the file of records. Value and key are bytes: format.h says which. */
struct mr_stored {
	enum mr_stored_kind kind;
	unsigned char key[MR_STORED_KEY_MAX];
	size_t key_size;
	const void *value; /* NULL: removes it */
	size_t size;
};

/* One order with the records that it changed, at most one of each. */
struct mr_commit {
	struct mr_order order;
	bool has_account, has_source;
	struct mr_account account;
	struct mr_source source;
};

/* A copy in the file of orders that is no longer needed if it is older than that revision. Of the same revision it may be
 * newer than the record: it is taken while the record is held, and the revision goes up when it is let go. */
struct mr_forget {
	enum mr_stored_kind kind; /* account or source */
	struct mr_key key;
	uint32_t revision;
};

/* Where load puts what it reads. Values are already checked. */
struct mr_loader {
	void *context;
	void (*secret)(void *context, const unsigned char secret[MR_SECRET_BYTES]);
	/* About so many accounts and sources will come. MR_ERR_NOMEM. */
	int (*expect)(void *context, uint64_t accounts, uint64_t sources);
	/* copied: it is a copy from the file of orders; all those come after the records. */
	void (*account)(void *context, const struct mr_account *account, bool copied);
	void (*source)(void *context, const struct mr_source *source, bool copied);
	void (*window)(void *context, const struct mr_key *key, int64_t last_ms, int64_t idle_ms, const void *data, size_t n);
	void (*site)(void *context, size_t at, const void *data, size_t n);
	void (*note)(void *context, const void *name, size_t name_n, const void *value, size_t n);
	void (*order)(void *context, const struct mr_order *order); /* oldest first, the latest 1,000 or so */
};

struct mr_durable;

struct mr_durable_ops {
	/* Reads all. 0, also when damage made it leave something out, which is then told in damage_r, else "" there.
	 * MR_ERR_*: nothing can be used; damage_r says why. */
	int (*load)(struct mr_durable *durable, const struct mr_loader *loader, char damage_r[MR_WHY_MAX]);
	/* Orders and their copies, and what may be forgotten: on disk when it returns 0. MR_ERR_IO: nothing of it counts as
	 * written; why_r says what happened and what to do. It opens the file anew by itself at the next call. 0 with why_r
	 * not "": the file was found damaged or gone and was begun anew, so what it held before must be written again. */
	int (*commit)(struct mr_durable *durable, const struct mr_commit *const *commits, size_t count,
		      const struct mr_forget *forget, size_t forget_count, char why_r[MR_WHY_MAX]);
	/* The same for the file of records. */
	int (*write)(struct mr_durable *durable, const struct mr_stored *const *things, size_t count, char why_r[MR_WHY_MAX]);
	void (*close)(struct mr_durable *durable);
};

/* The first member of every durable part. */
struct mr_durable {
	const struct mr_durable_ops *ops;
};

/* For tests: asked before each step; what is not 0 is taken for the errno that the step ended with. After a step that
 * has STEP_DONE behind its name the work was done and its success is denied. */
enum mr_fault_step { MR_FAULT_OPEN, MR_FAULT_BEGIN, MR_FAULT_PUT, MR_FAULT_COMMIT, MR_FAULT_COMMIT_DONE };
enum { MR_FAULT_MAP_FULL = -1 }; /* in place of an errno: the file's map is full */
typedef int mr_fault_hook(void *context, enum mr_fault_step step, bool orders);
void mr_lmdb_set_fault_hook(struct mr_durable *durable, mr_fault_hook *hook, void *context);

#endif
