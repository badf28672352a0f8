/* Ids: their form, that the same input gives the same one, and that different input gives another. */
#include "engine/eventid.h"

#include <stdlib.h>
#include <string.h>

#include "harness.h"

static const unsigned char seed[16] = { 7, 1 };
static const unsigned char other_seed[16] = { 7, 2 };

START_TEST(form)
{
	for (uint64_t i = 0; i < 1000; i++) {
		char id[MR_EVENT_ID_MAX];

		mr_eventid_make(seed, (int64_t)i * 1000, i, id);
		ck_assert_uint_eq(strlen(id), 12);
		ck_assert_uint_eq(strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 12);
	}
}
END_TEST

START_TEST(made_of_all_input)
{
	char id[MR_EVENT_ID_MAX], other[MR_EVENT_ID_MAX];

	mr_eventid_make(seed, 1000, 1, id);
	mr_eventid_make(seed, 1000, 1, other);
	ck_assert_str_eq(id, other);
	mr_eventid_make(seed, 1001, 1, other);
	ck_assert_str_ne(id, other);
	mr_eventid_make(seed, 1000, 2, other);
	ck_assert_str_ne(id, other);
	mr_eventid_make(other_seed, 1000, 1, other);
	ck_assert_str_ne(id, other);
	mr_eventid_make(seed, INT64_MIN, UINT64_MAX, other);
	ck_assert_str_ne(id, other);
}
END_TEST

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, MR_EVENT_ID_MAX);
}

START_TEST(unique)
{
	enum { MANY = 200000 };
	char (*ids)[MR_EVENT_ID_MAX] = calloc(MANY, MR_EVENT_ID_MAX);

	ck_assert_ptr_nonnull(ids);
	for (size_t i = 0; i < MANY; i++)
		mr_eventid_make(seed, 1000 + (int64_t)(i / 100), i, ids[i]);
	qsort(ids, MANY, MR_EVENT_ID_MAX, compare);
	for (size_t i = 1; i < MANY; i++)
		ck_assert_msg(strcmp(ids[i - 1], ids[i]) != 0, "%s comes twice", ids[i]);
	free(ids);
}
END_TEST

START_TEST(parts)
{
	char id[MR_EVENT_ID_MAX], part[MR_EVENT_ID_MAX];

	mr_eventid_make(seed, 1000, 1, id);
	mr_eventid_part(id, 1, part);
	ck_assert(strncmp(id, part, 12) == 0);
	ck_assert_str_eq(part + 12, "-1");
	mr_eventid_part(id, 20000, part);
	ck_assert_str_eq(part + 12, "-20000");
	mr_eventid_part(id, UINT64_MAX, part); /* what does not fit is left out, never written behind the end */
	ck_assert_uint_lt(strlen(part), MR_EVENT_ID_MAX);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("eventid");
	TCase *tests = tcase_create("eventid");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, form);
	tcase_add_test(tests, made_of_all_input);
	tcase_add_test(tests, unique);
	tcase_add_test(tests, parts);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
