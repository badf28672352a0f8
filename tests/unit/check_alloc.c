/*
 * The door to malloc, and what the room does when memory runs out: each scene is played with the first
 * allocation failing, then the second, and so on until it succeeds. Whatever was there before a failure must
 * still be right after it. Leaks are for the address sanitizer to find.
 */
#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/prefixset.h"
#include "base/strmap.h"
#include "harness.h"

START_TEST(sizes_that_overflow)
{
	void *block = mr_calloc(1, 16);

	ck_assert_ptr_null(mr_calloc(SIZE_MAX / 2, 3));
	ck_assert_ptr_null(mr_realloc(block, SIZE_MAX / 2, 3));
	ck_assert_ptr_null(mr_strndup("a", SIZE_MAX));
	memset(block, 1, 16);
	mr_free(block);
}
END_TEST

START_TEST(nothing_is_something)
{
	void *a = mr_calloc(0, 8);
	void *b = mr_calloc(8, 0);
	void *c = mr_realloc(NULL, 0, 8);

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_nonnull(c);
	c = mr_realloc(c, 0, 0);
	ck_assert_ptr_nonnull(c);
	mr_free(a);
	mr_free(b);
	mr_free(c);
	mr_free(NULL);
}
END_TEST

START_TEST(copies)
{
	char *copy = mr_strdup("reeve");
	char *part = mr_strndup("a\0bc", 3);
	char *none = mr_strndup(NULL, 0);

	ck_assert_str_eq(copy, "reeve");
	ck_assert_mem_eq(part, "a\0b\0", 4);
	ck_assert_str_eq(none, "");
	mr_free(copy);
	mr_free(part);
	mr_free(none);
}
END_TEST

START_TEST(starving_counts)
{
	char *block;

	mr_alloc_starve(3);
	block = mr_calloc(1, 1);
	ck_assert_ptr_nonnull(block);
	char *moved = mr_realloc(block, 2, 1);
	ck_assert_ptr_nonnull(moved);
	ck_assert_ptr_null(mr_strdup("x"));
	ck_assert_ptr_null(mr_realloc(moved, 4, 1));
	ck_assert_ptr_null(mr_calloc(1, 1));
	mr_alloc_starve(0);
	moved[1] = 'x';
	mr_free(moved);
	block = mr_calloc(1, 1);
	ck_assert_ptr_nonnull(block);
	mr_free(block);
}
END_TEST

/* Plays scene with ever later failures. It returns whether all went well; some must fail first. */
static void
play_starving(bool (*scene)(void))
{
	enum { TRIES = 10000 };
	bool done = false;
	long nth = 0;

	while (!done && nth < TRIES) {
		mr_alloc_starve(++nth);
		done = scene();
		mr_alloc_starve(0);
	}
	ck_assert(done);
	ck_assert_int_gt(nth, 1);
}

static bool
prefixset_has_text(const struct mr_prefixset *set, const char *text)
{
	struct mr_ip ip;

	ck_assert_int_eq(mr_ip_parse(mr_str_of(text), &ip), 0);
	return mr_prefixset_has(set, &ip);
}

/* 40 networks of each family with a hole in each, and another set. */
static int
fill_builder(struct mr_prefixset_builder *builder, const struct mr_prefixset *other)
{
	struct mr_prefix v4 = { .ip = { .family = MR_IP_V4, .bytes = { 10 } } };
	struct mr_prefix v6 = { .ip = { .family = MR_IP_V6, .bytes = { 0x20, 0x01 } } };
	int err = other == NULL ? 0 : mr_prefixset_add_set(builder, other);

	for (unsigned i = 0; i < 40 && err == 0; i++) {
		v4.ip.bytes[1] = v6.ip.bytes[3] = (unsigned char)(2 * i);
		v4.length = 16;
		v6.length = 32;
		err = mr_prefixset_add(builder, &v4);
		if (err == 0)
			err = mr_prefixset_add(builder, &v6);
		v4.length = 24;
		v6.length = 64;
		if (err == 0)
			err = mr_prefixset_except(builder, &v4);
		if (err == 0)
			err = mr_prefixset_except(builder, &v6);
	}
	return err;
}

static int
build_set(const struct mr_prefixset *other, struct mr_prefixset **set_r)
{
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();

	*set_r = NULL;
	if (builder == NULL)
		return MR_ERR_NOMEM;
	int err = fill_builder(builder, other);
	if (err == 0)
		err = mr_prefixset_build(builder, set_r);
	ck_assert(err == 0 || *set_r == NULL);
	mr_prefixset_builder_free(&builder);
	return err;
}

static bool
prefixset_scene(void)
{
	struct mr_prefixset *first;
	struct mr_prefixset *set = NULL;
	int err = build_set(NULL, &first);

	if (err == 0)
		err = build_set(first, &set);
	mr_prefixset_free(&first);
	ck_assert(err == 0 || err == MR_ERR_NOMEM);
	if (err != 0)
		return false;
	ck_assert(prefixset_has_text(set, "10.78.1.0"));
	ck_assert(!prefixset_has_text(set, "10.78.0.255"));
	ck_assert(!prefixset_has_text(set, "10.77.1.0"));
	ck_assert(prefixset_has_text(set, "2001:4e:0:1::"));
	ck_assert(!prefixset_has_text(set, "2001:4e::1"));
	mr_prefixset_free(&set);
	return true;
}

START_TEST(prefixset_starves)
{
	play_starving(prefixset_scene);
}
END_TEST

enum { NAMES = 100, NAME_BYTES = 100 };

/* The number-th name: long, so that the names fill several blocks. */
static struct mr_str
name_of(size_t number, char text_r[NAME_BYTES])
{
	memset(text_r, 'n', NAME_BYTES);
	text_r[0] = (char)('a' + number / 26);
	text_r[1] = (char)('a' + number % 26);
	return (struct mr_str){ text_r, NAME_BYTES };
}

/* A failed insertion leaves all names before it, and the map usable. */
static bool
strmap_scene(void)
{
	static const unsigned char key[MR_HASH_KEY_BYTES] = { 42 };
	char text[NAME_BYTES];
	struct mr_strmap *map = mr_strmap_new(key);
	size_t count = 0;
	int err = 0;

	if (map == NULL)
		return false;
	while (count < NAMES && err == 0) {
		err = mr_strmap_set(map, name_of(count, text), (void *)(uintptr_t)(count + 1), NULL);
		if (err == 0)
			count++;
	}
	ck_assert(err == 0 || err == MR_ERR_NOMEM);
	ck_assert_uint_eq(mr_strmap_count(map), count);
	for (size_t i = 0; i < NAMES; i++) {
		void *value = mr_strmap_get(map, name_of(i, text));
		ck_assert_uint_eq((uintptr_t)value, i < count ? i + 1 : 0);
	}
	if (err != 0) {
		mr_alloc_starve(0);
		ck_assert_int_eq(mr_strmap_set(map, name_of(count, text), text, NULL), 0);
		ck_assert_ptr_eq(mr_strmap_get(map, name_of(count, text)), text);
	}
	mr_strmap_free(&map, NULL);
	return err == 0;
}

START_TEST(strmap_starves)
{
	play_starving(strmap_scene);
}
END_TEST

static bool
arena_scene(void)
{
	struct mr_arena *arena = mr_arena_new(1 << 20);
	char *last = NULL;
	size_t used = 0;
	bool full = false;

	if (arena == NULL)
		return false;
	for (int i = 0; i < 500 && !full; i++) {
		char *memory = mr_arena_alloc(arena, 200);
		full = memory == NULL;
		if (!full) {
			memory[199] = 'x';
			last = memory;
			used += 200;
		}
	}
	ck_assert_uint_eq(mr_arena_used(arena), used);
	if (last != NULL)
		ck_assert_int_eq(last[199], 'x');
	if (full) {
		ck_assert_ptr_null(mr_arena_copy(arena, (struct mr_str){ (char[3000]){ 0 }, 3000 }).p);
		mr_alloc_starve(0);
		ck_assert_ptr_nonnull(mr_arena_alloc(arena, 200));
	}
	mr_arena_free(&arena);
	return !full;
}

START_TEST(arena_starves)
{
	play_starving(arena_scene);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("alloc");
	TCase *tests = tcase_create("alloc");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, sizes_that_overflow);
	tcase_add_test(tests, nothing_is_something);
	tcase_add_test(tests, copies);
	tcase_add_test(tests, starving_counts);
	tcase_add_test(tests, prefixset_starves);
	tcase_add_test(tests, strmap_starves);
	tcase_add_test(tests, arena_starves);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
