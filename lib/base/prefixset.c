/*
 * A set of addresses as two sorted arrays of disjoint ranges, one for IPv4 and one for IPv6. The builder
 * keeps both families as 128-bit ranges and sorts them once; the finished set keeps IPv4 in 8 bytes a range.
 * It tells only whether an address is in, not which prefix brought it in. An IPv4-mapped address is IPv4
 * before it gets here (base/ip.h), so ::/0 holds no IPv4 address. Policy loading builds, the rules look up.
 */
#include "base/prefixset.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

struct wide {
	uint64_t high;
	uint64_t low;
};

/* Both ends belong to it. */
struct range {
	struct wide first;
	struct wide last;
};

struct range_v4 {
	uint32_t first;
	uint32_t last;
};

struct list {
	struct range *items;
	size_t count;
	size_t room;
};

enum kind { INCLUDED, EXCEPTED, KINDS };
enum family { V4, V6, FAMILIES };

struct mr_prefixset_builder {
	struct list lists[FAMILIES][KINDS];
};

struct mr_prefixset {
	struct range_v4 *v4;
	size_t v4_count;
	struct range *v6;
	size_t v6_count;
};

static int
compare(struct wide a, struct wide b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	if (a.low != b.low)
		return a.low < b.low ? -1 : 1;
	return 0;
}

/* The neighbours; the caller knows that there is one. */
static struct wide
before(struct wide a)
{
	return (struct wide){ a.low == 0 ? a.high - 1 : a.high, a.low - 1 };
}

static struct wide
behind(struct wide a)
{
	return (struct wide){ a.low == UINT64_MAX ? a.high + 1 : a.high, a.low + 1 };
}

static uint64_t
big_endian(const unsigned char *bytes, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

static struct wide
value_of(const struct mr_ip *ip)
{
	if (ip->family == MR_IP_V4)
		return (struct wide){ 0, big_endian(ip->bytes, 4) };
	return (struct wide){ big_endian(ip->bytes, 8), big_endian(ip->bytes + 8, 8) };
}

/* count ones at the right end. */
static uint64_t
low_ones(unsigned count)
{
	return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

static struct range
range_of(const struct mr_prefix *prefix)
{
	unsigned bits = prefix->ip.family == MR_IP_V4 ? 32 : 128;
	unsigned open = prefix->length >= bits ? 0 : bits - prefix->length;
	struct wide mask = { open > 64 ? low_ones(open - 64) : 0, low_ones(open) };
	struct wide value = value_of(&prefix->ip);

	return (struct range){ .first = { value.high & ~mask.high, value.low & ~mask.low },
		.last = { value.high | mask.high, value.low | mask.low } };
}

struct mr_prefixset_builder *
mr_prefixset_builder_new(void)
{
	return mr_calloc(1, sizeof(struct mr_prefixset_builder));
}

void
mr_prefixset_builder_free(struct mr_prefixset_builder **builder)
{
	if (*builder == NULL)
		return;
	for (int family = 0; family < FAMILIES; family++) {
		for (int kind = 0; kind < KINDS; kind++)
			mr_free((*builder)->lists[family][kind].items);
	}
	mr_free(*builder);
	*builder = NULL;
}

/* Room for more ranges behind those of list. */
static int
reserve(struct list *list, size_t more)
{
	if (more <= list->room - list->count)
		return 0;
	size_t room = list->room < 8 ? 8 : list->room;
	while (room - list->count < more) {
		if (room > SIZE_MAX / 2)
			return MR_ERR_NOMEM;
		room *= 2;
	}
	struct range *items = mr_realloc(list->items, room, sizeof(*items));
	if (items == NULL)
		return MR_ERR_NOMEM;
	list->items = items;
	list->room = room;
	return 0;
}

static int
append(struct mr_prefixset_builder *builder, enum kind kind, const struct mr_prefix *prefix)
{
	if (prefix->ip.family == MR_IP_UNKNOWN)
		return 0;
	struct list *list = &builder->lists[prefix->ip.family == MR_IP_V4 ? V4 : V6][kind];
	int err = reserve(list, 1);
	if (err != 0)
		return err;
	list->items[list->count++] = range_of(prefix);
	return 0;
}

int
mr_prefixset_add(struct mr_prefixset_builder *builder, const struct mr_prefix *prefix)
{
	return append(builder, INCLUDED, prefix);
}

int
mr_prefixset_except(struct mr_prefixset_builder *builder, const struct mr_prefix *prefix)
{
	return append(builder, EXCEPTED, prefix);
}

int
mr_prefixset_add_set(struct mr_prefixset_builder *builder, const struct mr_prefixset *set)
{
	if (set == NULL)
		return 0;
	struct list *v4 = &builder->lists[V4][INCLUDED];
	struct list *v6 = &builder->lists[V6][INCLUDED];
	if (reserve(v4, set->v4_count) != 0 || reserve(v6, set->v6_count) != 0)
		return MR_ERR_NOMEM;
	for (size_t i = 0; i < set->v4_count; i++) {
		v4->items[v4->count++] =
		    (struct range){ .first = { 0, set->v4[i].first }, .last = { 0, set->v4[i].last } };
	}
	if (set->v6_count > 0)
		memcpy(v6->items + v6->count, set->v6, set->v6_count * sizeof(*set->v6));
	v6->count += set->v6_count;
	return 0;
}

static int
by_first(const void *a, const void *b)
{
	return compare(((const struct range *)a)->first, ((const struct range *)b)->first);
}

/* A sorted copy of list in which no two ranges overlap or touch. The caller frees its items. */
static int
merged(const struct list *list, struct list *merged_r)
{
	*merged_r = (struct list){ .items = NULL };
	if (list->count == 0)
		return 0;
	struct range *items = mr_calloc(list->count, sizeof(*items));
	if (items == NULL)
		return MR_ERR_NOMEM;
	memcpy(items, list->items, list->count * sizeof(*items));
	qsort(items, list->count, sizeof(*items), by_first);
	size_t last = 0;
	for (size_t i = 1; i < list->count; i++) {
		bool joins = compare(items[i].first, items[last].last) <= 0 ||
		    compare(before(items[i].first), items[last].last) == 0;
		if (!joins)
			items[++last] = items[i];
		else if (compare(items[i].last, items[last].last) > 0)
			items[last].last = items[i].last;
	}
	*merged_r = (struct list){ .items = items, .count = last + 1, .room = list->count };
	return 0;
}

/* Appends what the exceptions leave of range. *next is the first exception that may touch it, and moves on. */
static void
append_rest(struct range range, const struct list *without, size_t *next, struct list *out)
{
	while (*next < without->count && compare(without->items[*next].last, range.first) < 0)
		(*next)++;
	while (*next < without->count && compare(without->items[*next].first, range.last) <= 0) {
		struct range hole = without->items[*next];
		if (compare(hole.first, range.first) > 0)
			out->items[out->count++] = (struct range){ .first = range.first, .last = before(hole.first) };
		if (compare(hole.last, range.last) >= 0)
			return;
		range.first = behind(hole.last);
		(*next)++;
	}
	out->items[out->count++] = range;
}

/* All that is in from and not in without, both merged. Each hole splits one range at most once. */
static int
difference(const struct list *from, const struct list *without, struct list *out_r)
{
	size_t next = 0;

	*out_r = (struct list){ .items = NULL };
	int err = reserve(out_r, from->count + without->count);
	if (err != 0)
		return err;
	for (size_t i = 0; i < from->count; i++)
		append_rest(from->items[i], without, &next, out_r);
	return 0;
}

/* The ranges of one family, in the end. The caller frees the items. */
static int
resolve(const struct list lists[KINDS], struct list *out_r)
{
	struct list included;
	struct list excepted;
	int err = merged(&lists[INCLUDED], &included);

	*out_r = (struct list){ .items = NULL };
	if (err != 0 || lists[EXCEPTED].count == 0) {
		*out_r = included;
		return err;
	}
	err = merged(&lists[EXCEPTED], &excepted);
	if (err == 0)
		err = difference(&included, &excepted, out_r);
	mr_free(included.items);
	mr_free(excepted.items);
	return err;
}

static int
build_v4(const struct mr_prefixset_builder *builder, struct mr_prefixset *set)
{
	struct list list;
	int err = resolve(builder->lists[V4], &list);

	if (err != 0)
		return err;
	if (list.count > 0) {
		set->v4 = mr_calloc(list.count, sizeof(*set->v4));
		if (set->v4 == NULL) {
			mr_free(list.items);
			return MR_ERR_NOMEM;
		}
	}
	for (size_t i = 0; i < list.count; i++) {
		set->v4[i].first = (uint32_t)list.items[i].first.low;
		set->v4[i].last = (uint32_t)list.items[i].last.low;
	}
	set->v4_count = list.count;
	mr_free(list.items);
	return 0;
}

int
mr_prefixset_build(const struct mr_prefixset_builder *builder, struct mr_prefixset **set_r)
{
	struct list v6;

	*set_r = NULL;
	struct mr_prefixset *set = mr_calloc(1, sizeof(*set));
	if (set == NULL)
		return MR_ERR_NOMEM;
	int err = build_v4(builder, set);
	if (err == 0)
		err = resolve(builder->lists[V6], &v6);
	if (err != 0) {
		mr_prefixset_free(&set);
		return err;
	}
	set->v6 = v6.items;
	set->v6_count = v6.count;
	*set_r = set;
	return 0;
}

void
mr_prefixset_free(struct mr_prefixset **set)
{
	if (*set == NULL)
		return;
	mr_free((*set)->v4);
	mr_free((*set)->v6);
	mr_free(*set);
	*set = NULL;
}

static bool
has_v4(const struct mr_prefixset *set, uint32_t value)
{
	size_t low = 0;
	size_t high = set->v4_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->v4[middle].last < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->v4_count && set->v4[low].first <= value;
}

static bool
has_v6(const struct mr_prefixset *set, struct wide value)
{
	size_t low = 0;
	size_t high = set->v6_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(set->v6[middle].last, value) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->v6_count && compare(set->v6[low].first, value) <= 0;
}

bool
mr_prefixset_has(const struct mr_prefixset *set, const struct mr_ip *ip)
{
	if (set == NULL)
		return false;
	switch (ip->family) {
	case MR_IP_UNKNOWN:
		return false;
	case MR_IP_V4:
		return has_v4(set, (uint32_t)big_endian(ip->bytes, 4));
	case MR_IP_V6:
		return has_v6(set, value_of(ip));
	}
	return false;
}

bool
mr_prefixset_is_empty(const struct mr_prefixset *set)
{
	return set == NULL || (set->v4_count == 0 && set->v6_count == 0);
}
