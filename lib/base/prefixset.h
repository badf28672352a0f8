/*
 * An immutable set of addresses made from prefixes, looked up in O(log n).
 * Thread-safe once built.
 */
#ifndef MR_BASE_PREFIXSET_H
#define MR_BASE_PREFIXSET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"

struct mr_prefixset;
struct mr_prefixset_builder;

struct mr_prefixset_builder *mr_prefixset_builder_new(void);
void mr_prefixset_builder_free(struct mr_prefixset_builder **builder);
/* Adds the addresses of prefix. MR_ERR_NOMEM. */
int mr_prefixset_add(struct mr_prefixset_builder *builder, const struct mr_prefix *prefix);
/* Takes the addresses of prefix out again, whatever the order of the calls: exceptions win. MR_ERR_NOMEM. */
int mr_prefixset_except(struct mr_prefixset_builder *builder, const struct mr_prefix *prefix);
/* Adds all of another set. MR_ERR_NOMEM. */
int mr_prefixset_add_set(struct mr_prefixset_builder *builder, const struct mr_prefixset *set);
/* The set; the builder stays the caller's. MR_ERR_NOMEM. */
int mr_prefixset_build(const struct mr_prefixset_builder *builder, struct mr_prefixset **set_r);

void mr_prefixset_free(struct mr_prefixset **set);
/* An address of unknown family is in no set; a NULL set is empty. */
bool mr_prefixset_has(const struct mr_prefixset *set, const struct mr_ip *ip);
bool mr_prefixset_is_empty(const struct mr_prefixset *set);

#endif
