/*
 * How records look on disk: bytes of each value, its checksum and its version. Pure. Every value begins with a checksum of
 * its key and bytes and the version that wrote it; numbers are as the machine has them (the file says which order that is).
 * What is read is hostile: a value that is not just as it should be is MR_ERR_SYNTAX, one of a later version MR_ERR_REFUSED.
 */
#ifndef MR_STORE_FORMAT_H
#define MR_STORE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "model/account.h"
#include "model/order.h"
#include "model/source.h"
#include "store/windows.h"

/* The version that is written, and the oldest that is read. */
enum { MR_FORMAT_VERSION = 1, MR_FORMAT_OLDEST = 0 };
enum { MR_WINDOW_KEY = 20, MR_SITE_KEY = 4, MR_SITE_PIECE = 1000, MR_ORDER_KEY = 8, MR_FORMAT_HEAD = 8 };

/* Sizes of values, and the values themselves: value_r has just that room. The keys of accounts and sources are theirs. */
size_t mr_format_account_size(void);
void mr_format_account(const struct mr_account *account, void *value_r);
size_t mr_format_source_size(void);
void mr_format_source(const struct mr_source *source, void *value_r);
size_t mr_format_order_size(void);
void mr_format_order_key(uint64_t number, unsigned char key_r[MR_ORDER_KEY]);
void mr_format_order(const struct mr_order *order, void *value_r);
size_t mr_format_window_size(size_t n);
void mr_format_window_key(const struct mr_key *key, uint32_t size, unsigned char key_r[MR_WINDOW_KEY]);
void mr_format_window(const struct mr_window_view *view, void *value_r);
size_t mr_format_site_size(size_t n);
void mr_format_site_key(size_t at, unsigned char key_r[MR_SITE_KEY]);
void mr_format_site(size_t at, const void *data, size_t n, void *value_r);
size_t mr_format_note_size(size_t n);
void mr_format_note(const void *name, size_t name_n, const void *value, size_t n, void *value_r);

/* 0, MR_ERR_SYNTAX, MR_ERR_REFUSED. What views point to is inside value. */
int mr_format_read_account(const void *key, size_t key_n, const void *value, size_t n, struct mr_account *account_r);
int mr_format_read_source(const void *key, size_t key_n, const void *value, size_t n, struct mr_source *source_r);
int mr_format_read_order(const void *key, size_t key_n, const void *value, size_t n, struct mr_order *order_r);
int mr_format_read_window(const void *key, size_t key_n, const void *value, size_t n, struct mr_window_view *view_r);
int mr_format_read_site(const void *key, size_t key_n, const void *value, size_t n, size_t *at_r, const void **data_r,
			size_t *n_r);
int mr_format_read_note(const void *key, size_t key_n, const void *value, size_t n, const void **data_r, size_t *n_r);
/* The revision of a stored account or source of any version; 0 when the value is damaged. */
uint32_t mr_format_account_revision(const void *key, size_t key_n, const void *value, size_t n);
uint32_t mr_format_source_revision(const void *key, size_t key_n, const void *value, size_t n);

#endif
