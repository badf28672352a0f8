/* The keyed map: setting, replacing, walking, hostile names, and a million of them. */
#include "base/strmap.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "harness.h"

static const unsigned char key[MR_HASH_KEY_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static int values[4];

START_TEST(a_null_map_is_empty)
{
	size_t at = 0;
	struct mr_strmap *none = NULL;

	ck_assert_ptr_null(mr_strmap_get(NULL, MR_STR("a")));
	ck_assert(!mr_strmap_has(NULL, MR_STR("a")));
	ck_assert_uint_eq(mr_strmap_count(NULL), 0);
	ck_assert(!mr_strmap_next(NULL, &at, NULL, NULL));
	mr_strmap_free(&none, NULL);
}
END_TEST

START_TEST(names_are_set_and_replaced)
{
	struct mr_strmap *map = mr_strmap_new(key);
	void *old = &values[3];

	ck_assert_ptr_null(mr_strmap_get(map, MR_STR("a")));
	ck_assert_int_eq(mr_strmap_set(map, MR_STR("a"), &values[0], &old), 0);
	ck_assert_ptr_null(old);
	ck_assert_int_eq(mr_strmap_set(map, MR_STR("b"), &values[1], NULL), 0);
	ck_assert_int_eq(mr_strmap_set(map, MR_STR("a"), &values[2], &old), 0);
	ck_assert_ptr_eq(old, &values[0]);
	ck_assert_ptr_eq(mr_strmap_get(map, MR_STR("a")), &values[2]);
	ck_assert_ptr_eq(mr_strmap_get(map, MR_STR("b")), &values[1]);
	ck_assert_uint_eq(mr_strmap_count(map), 2);
	ck_assert_int_eq(mr_strmap_set(map, MR_STR("b"), NULL, &old), 0);
	ck_assert_ptr_eq(old, &values[1]);
	ck_assert(mr_strmap_has(map, MR_STR("b")));
	ck_assert_ptr_null(mr_strmap_get(map, MR_STR("b")));
	ck_assert(!mr_strmap_has(map, MR_STR("c")));
	mr_strmap_free(&map, NULL);
	ck_assert_ptr_null(map);
}
END_TEST

START_TEST(any_bytes_are_a_name)
{
	struct mr_strmap *map = mr_strmap_new(key);

	ck_assert_int_eq(mr_strmap_set(map, MR_STR("a\0b"), &values[0], NULL), 0);
	ck_assert_int_eq(mr_strmap_set(map, MR_STR("a\0c"), &values[1], NULL), 0);
	ck_assert_int_eq(mr_strmap_set(map, MR_STR("a"), &values[2], NULL), 0);
	ck_assert(!mr_strmap_has(map, MR_STR("")));
	ck_assert_int_eq(mr_strmap_set(map, MR_STR(""), &values[3], NULL), 0);
	ck_assert_ptr_eq(mr_strmap_get(map, MR_STR("a\0b")), &values[0]);
	ck_assert_ptr_eq(mr_strmap_get(map, MR_STR("a\0c")), &values[1]);
	ck_assert_ptr_eq(mr_strmap_get(map, MR_STR("a")), &values[2]);
	ck_assert_ptr_eq(mr_strmap_get(map, MR_STR("")), &values[3]);
	ck_assert(!mr_strmap_has(map, MR_STR("A")));
	/* No value is not the empty value: nobody is found under no name. */
	ck_assert(!mr_strmap_has(map, MR_STR_ABSENT));
	mr_strmap_free(&map, NULL);
}
END_TEST

START_TEST(names_are_copied)
{
	struct mr_strmap *map = mr_strmap_new(key);
	char name[] = "joe";

	ck_assert_int_eq(mr_strmap_set(map, mr_str_of(name), &values[0], NULL), 0);
	name[0] = 'z';
	ck_assert(mr_strmap_has(map, MR_STR("joe")));
	ck_assert(!mr_strmap_has(map, MR_STR("zoe")));
	mr_strmap_free(&map, NULL);
}
END_TEST

START_TEST(walks_in_order_of_insertion)
{
	static const char *const names[] = { "zeta", "alpha", "", "mid", "Alpha" };
	enum { NAMES = sizeof(names) / sizeof(names[0]) };
	struct mr_strmap *map = mr_strmap_new(key);
	struct mr_str name;
	void *value;
	size_t at = 0;

	for (size_t i = 0; i < NAMES; i++)
		ck_assert_int_eq(mr_strmap_set(map, mr_str_of(names[i]), (void *)(uintptr_t)(i + 1), NULL), 0);
	/* Replacing keeps the place. */
	ck_assert_int_eq(mr_strmap_set(map, MR_STR("zeta"), (void *)(uintptr_t)77, NULL), 0);
	for (size_t i = 0; i < NAMES; i++) {
		ck_assert(mr_strmap_next(map, &at, &name, &value));
		ck_assert(mr_str_equal(name, mr_str_of(names[i])));
		ck_assert_uint_eq((uintptr_t)value, i == 0 ? 77 : i + 1);
	}
	ck_assert(!mr_strmap_next(map, &at, &name, &value));
	at = 0;
	ck_assert(mr_strmap_next(map, &at, NULL, NULL));
	mr_strmap_free(&map, NULL);
}
END_TEST

static size_t freed;

static void
count_free(void *value)
{
	ck_assert_ptr_nonnull(value);
	freed++;
	mr_free(value);
}

START_TEST(values_are_freed_once)
{
	struct mr_strmap *map = mr_strmap_new(key);
	char name[16];

	for (int i = 0; i < 1000; i++) {
		int n = snprintf(name, sizeof(name), "%d", i);
		void *value = i % 10 == 0 ? NULL : mr_calloc(1, 8);
		ck_assert_int_eq(mr_strmap_set(map, (struct mr_str){ name, (size_t)n }, value, NULL), 0);
	}
	freed = 0;
	mr_strmap_free(&map, count_free);
	ck_assert_uint_eq(freed, 900);
}
END_TEST

START_TEST(a_million_names)
{
	enum { MANY = 1000000 };
	struct mr_strmap *map = mr_strmap_new(key);
	char text[32];
	struct mr_str name;
	size_t at = 0;

	for (int i = 0; i < MANY; i++) {
		int n = snprintf(text, sizeof(text), "user%d@example.com", i);
		name = (struct mr_str){ text, (size_t)n };
		if (mr_strmap_set(map, name, (void *)(uintptr_t)(i + 1), NULL) != 0)
			ck_abort_msg("%s cannot be set", text);
	}
	ck_assert_uint_eq(mr_strmap_count(map), MANY);
	for (int i = 0; i < MANY; i++) {
		int n = snprintf(text, sizeof(text), "user%d@example.com", i);
		name = (struct mr_str){ text, (size_t)n };
		if ((uintptr_t)mr_strmap_get(map, name) != (uintptr_t)(i + 1))
			ck_abort_msg("%s is lost", text);
		n = snprintf(text, sizeof(text), "user%d@example.org", i);
		name = (struct mr_str){ text, (size_t)n };
		if (mr_strmap_has(map, name))
			ck_abort_msg("%s was never set", text);
	}
	size_t walked = 0;
	while (mr_strmap_next(map, &at, NULL, NULL))
		walked++;
	ck_assert_uint_eq(walked, MANY);
	mr_strmap_free(&map, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("strmap");
	TCase *tests = tcase_create("strmap");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_null_map_is_empty);
	tcase_add_test(tests, names_are_set_and_replaced);
	tcase_add_test(tests, any_bytes_are_a_name);
	tcase_add_test(tests, names_are_copied);
	tcase_add_test(tests, walks_in_order_of_insertion);
	tcase_add_test(tests, values_are_freed_once);
	tcase_add_test(tests, a_million_names);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
