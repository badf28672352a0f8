/*
 * Looks through an MMDB file. Not a reader of places: mmdb.c asks libmaxminddb for those. Called by mmdb.c, and by the
 * fuzz target.
 */
#include "geo/inspect.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "geo/value.h"

/* The format's own numbers, and how many values a file may have: each may be read twice and there may be some more. */
enum { METADATA_MAX = 128 << 10, SEPARATOR = 16, METADATA_VALUES = 20000, MORE_VALUES = 1024 };

static const unsigned char marker[] = "\xab\xcd\xefMaxMind.com";
enum { MARKER = sizeof(marker) - 1 };

/* ---- Metadata ---- */

/* Where the last marker is, if that is near enough to the end; n when it is not there. */
static size_t find_marker(const unsigned char *bytes, size_t n)
{
	size_t least = n > METADATA_MAX ? n - METADATA_MAX : 0;

	if (n < MARKER)
		return n;
	for (size_t at = n - MARKER + 1; at-- > least;) {
		if (memcmp(bytes + at, marker, MARKER) == 0)
			return at;
	}
	return n;
}

static void keep_text(const struct mr_values *values, const struct mr_value *value, char *text_r, size_t size)
{
	size_t n = value->type != MR_VALUE_TEXT ? 0 : value->size < size - 1 ? value->size : size - 1;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = values->bytes[value->body + i];

		text_r[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	text_r[n] = '\0';
}

/* libmaxminddb 1.7.1 loses memory when one of these two is refused for what it holds. */
static bool holds_texts(const struct mr_values *values, const struct mr_value *list)
{
	struct mr_value value = { .type = MR_VALUE_TEXT };
	uint32_t next = list->body;

	for (uint32_t i = 0; i < list->size; i++) {
		if (list->type == MR_VALUE_MAP && !mr_value_follow(values, next, &value, &next))
			return false;
		if (!mr_value_follow(values, next, &value, &next) || value.type != MR_VALUE_TEXT)
			return false;
	}
	return true;
}

static bool is_well_made(const struct mr_values *values, const struct mr_value *key, const struct mr_value *value)
{
	struct mr_str name = { (const char *)values->bytes + key->body, key->size };

	if (mr_str_equal(name, MR_STR("languages")))
		return value->type == MR_VALUE_ARRAY && holds_texts(values, value);
	if (mr_str_equal(name, MR_STR("description")))
		return value->type == MR_VALUE_MAP && holds_texts(values, value);
	return true;
}

struct numbers {
	uint64_t nodes, bits, ip_version, format, built;
};

/* The first member of a name decides, as in libmaxminddb. */
static void keep_member(const struct mr_values *values, const struct mr_value *key, const struct mr_value *value,
			struct numbers *numbers, struct mr_geo_shape *shape)
{
	const struct {
		struct mr_str name;
		uint64_t *number;
	} members[] = {
		{ MR_STR("node_count"), &numbers->nodes },
		{ MR_STR("record_size"), &numbers->bits },
		{ MR_STR("ip_version"), &numbers->ip_version },
		{ MR_STR("binary_format_major_version"), &numbers->format },
		{ MR_STR("build_epoch"), &numbers->built },
	};
	struct mr_str name = { (const char *)values->bytes + key->body, key->size };

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (mr_str_equal(name, members[i].name) && *members[i].number == 0)
			(void)mr_value_number(values, value, members[i].number);
	}
	if (mr_str_equal(name, MR_STR("database_type")) && shape->kind[0] == '\0')
		keep_text(values, value, shape->kind, sizeof(shape->kind));
}

/* False: this is no map with well-formed members. */
static bool read_metadata(struct mr_values *values, struct numbers *numbers, struct mr_geo_shape *shape)
{
	struct mr_value map, key, value;
	uint32_t next, behind;

	if (!mr_value_check(values, 0) || !mr_value_read(values, 0, &map) || map.type != MR_VALUE_MAP)
		return false;
	next = map.body;
	for (uint32_t i = 0; i < map.size; i++) {
		if (!mr_value_follow(values, next, &key, &next) || !mr_value_follow(values, next, &value, &behind))
			return false;
		if (!is_well_made(values, &key, &value))
			return false;
		keep_member(values, &key, &value, numbers, shape);
		if (!mr_value_skip(values, &next))
			return false;
	}
	return true;
}

static const char *wrong_numbers(const struct numbers *numbers)
{
	if (numbers->format != 2)
		return "is not of MMDB format 2, the only one that is known";
	if (numbers->bits != 24 && numbers->bits != 28 && numbers->bits != 32)
		return "says a record size that does not exist";
	if (numbers->ip_version != 4 && numbers->ip_version != 6)
		return "says neither IPv4 nor IPv6";
	if (numbers->nodes == 0 || numbers->nodes > UINT32_MAX - SEPARATOR)
		return "says an impossible number of nodes";
	return NULL;
}

/* ---- The search tree ---- */

struct tree {
	const unsigned char *bytes;
	const struct mr_geo_shape *shape;
	unsigned node_bytes;
	unsigned char *done;     /* a bit for each node: all under it is right */
	struct mr_values *data;
	uint32_t stride, passed; /* one in stride records is a sample */
	struct mr_geo_shape *samples;
};

static uint32_t record(const struct tree *tree, uint32_t node, unsigned side)
{
	const unsigned char *p = tree->bytes + (size_t)node * tree->node_bytes;

	switch (tree->shape->record_bits) {
	case 24:
		p += 3 * side;
		return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	case 28:
		if (side == 0)
			return (uint32_t)(p[3] >> 4) << 24 | (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		return (uint32_t)(p[3] & 15) << 24 | (uint32_t)p[4] << 16 | (uint32_t)p[5] << 8 | p[6];
	default:
		p += 4 * side;
		return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	}
}

/* Keeps one record in stride; when there is no more room, every other one goes and the stride doubles. */
static void keep_sample(struct tree *tree, uint32_t offset)
{
	struct mr_geo_shape *shape = tree->samples;

	if (tree->passed++ % tree->stride != 0)
		return;
	if (shape->sample_count == sizeof(shape->samples) / sizeof(shape->samples[0])) {
		for (size_t i = 0; i < shape->sample_count / 2; i++)
			shape->samples[i] = shape->samples[2 * i];
		shape->sample_count /= 2;
		tree->stride *= 2;
	}
	shape->samples[shape->sample_count++] = offset;
}

/* A record that is no node: nothing, or data. */
static const char *check_leaf(struct tree *tree, uint32_t to)
{
	uint32_t offset = to - tree->shape->node_count;

	if (offset == 0)
		return NULL;
	if (offset < SEPARATOR || offset - SEPARATOR >= tree->data->n)
		return "is damaged: its search tree points outside its data";
	offset -= SEPARATOR;
	if (!mr_value_check(tree->data, offset))
		return "is damaged: a record in it is malformed, too deep or too large";
	keep_sample(tree, offset);
	return NULL;
}

static bool is_done(const struct tree *tree, uint32_t node)
{
	return (tree->done[node / 8] & 1u << node % 8) != 0;
}

/* Depth first from node 0. A path longer than an address is a circle, or as bad. */
static const char *check_tree(struct tree *tree)
{
	struct {
		uint32_t node;
		unsigned side;
	} path[128] = { { 0, 0 } };
	unsigned most = tree->shape->ip_version == 4 ? 32 : 128, depth = 1;
	const char *cause = NULL;

	while (depth > 0 && cause == NULL) {
		uint32_t node = path[depth - 1].node, to;

		if (path[depth - 1].side == 2) {
			tree->done[node / 8] |= (unsigned char)(1u << node % 8);
			depth--;
			continue;
		}
		to = record(tree, node, path[depth - 1].side++);
		if (to >= tree->shape->node_count) {
			cause = check_leaf(tree, to);
		} else if (!is_done(tree, to)) {
			if (depth == most)
				return "is damaged: its search tree is deeper than an address, or goes in circles";
			path[depth].node = to;
			path[depth++].side = 0;
		}
	}
	if (cause == NULL && tree->samples->sample_count == 0)
		return "knows no address at all";
	return cause;
}

/* ---- All of it ---- */

static int check_content(const unsigned char *bytes, size_t end, struct mr_geo_shape *shape, const char **cause_r)
{
	unsigned node_bytes = shape->record_bits / 4;
	uint64_t tree_bytes = (uint64_t)shape->node_count * node_bytes;
	struct mr_values data = { 0 };
	int err = MR_ERR_NOMEM;
	struct tree tree = { .bytes = bytes, .shape = shape, .node_bytes = node_bytes, .data = &data, .stride = 1,
			     .samples = shape };

	if (tree_bytes + SEPARATOR > end) {
		*cause_r = "is shorter than its own number of nodes says";
		return MR_ERR_REFUSED;
	}
	data.bytes = bytes + tree_bytes + SEPARATOR;
	data.n = (uint32_t)(end - tree_bytes - SEPARATOR);
	data.budget = (uint64_t)data.n * 2 + MORE_VALUES;
	data.seen = mr_calloc(data.n / 8 + 1, 1);
	tree.done = mr_calloc(shape->node_count / 8 + 1, 1);
	if (data.seen != NULL && tree.done != NULL) {
		*cause_r = check_tree(&tree);
		err = *cause_r != NULL ? MR_ERR_REFUSED : MR_OK;
	}
	mr_free(data.seen);
	mr_free(tree.done);
	return err;
}

int mr_geo_inspect(const unsigned char *bytes, size_t n, struct mr_geo_shape *shape_r, const char **cause_r)
{
	size_t at = find_marker(bytes, n);
	struct mr_values metadata = { .budget = METADATA_VALUES };
	struct numbers numbers = { 0 };

	memset(shape_r, 0, sizeof(*shape_r));
	*cause_r = NULL;
	if (n > MR_GEO_FILE_MAX)
		*cause_r = "is larger than 1 GiB";
	else if (at == n)
		*cause_r = "is no MMDB file, or its end is missing";
	if (*cause_r != NULL)
		return MR_ERR_REFUSED;
	metadata.bytes = bytes + at + MARKER;
	metadata.n = (uint32_t)(n - at - MARKER);
	if (!read_metadata(&metadata, &numbers, shape_r))
		*cause_r = "is damaged: its metadata are malformed";
	else
		*cause_r = wrong_numbers(&numbers);
	if (*cause_r != NULL)
		return MR_ERR_REFUSED;
	shape_r->node_count = (uint32_t)numbers.nodes;
	shape_r->record_bits = (unsigned)numbers.bits;
	shape_r->ip_version = (unsigned)numbers.ip_version;
	shape_r->built = numbers.built;
	return check_content(bytes, at, shape_r, cause_r);
}
