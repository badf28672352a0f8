/* The arena: alignment, zeroing, its limit, and what a reset gives back. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "harness.h"

START_TEST(memory_is_aligned_and_zero)
{
	struct mr_arena *arena = mr_arena_new(1 << 20);

	for (int round = 0; round < 3; round++) {
		for (size_t n = 0; n < 300; n++) {
			unsigned char *memory = mr_arena_alloc(arena, n);
			ck_assert_ptr_nonnull(memory);
			ck_assert_uint_eq((uintptr_t)memory % alignof(max_align_t), 0);
			for (size_t i = 0; i < n; i++) {
				if (memory[i] != 0)
					ck_abort_msg("byte %zu of %zu is not zero", i, n);
			}
			memset(memory, 0xaa, n);
			/* An odd string between, to disturb the alignment. */
			ck_assert_ptr_nonnull(mr_arena_copy(arena, MR_STR("xy")).p);
		}
		mr_arena_reset(arena);
	}
	mr_arena_free(&arena);
	ck_assert_ptr_null(arena);
	mr_arena_free(&arena);
}
END_TEST

START_TEST(pieces_do_not_overlap)
{
	enum { PIECES = 500 };
	struct mr_arena *arena = mr_arena_new(1 << 20);
	unsigned char *pieces[PIECES];

	for (size_t i = 0; i < PIECES; i++) {
		pieces[i] = mr_arena_alloc(arena, 1 + i);
		ck_assert_ptr_nonnull(pieces[i]);
		memset(pieces[i], (int)(i & 0xff), 1 + i);
	}
	for (size_t i = 0; i < PIECES; i++) {
		for (size_t k = 0; k <= i; k++) {
			if (pieces[i][k] != (i & 0xff))
				ck_abort_msg("piece %zu was written over at %zu", i, k);
		}
	}
	mr_arena_free(&arena);
}
END_TEST

START_TEST(strings_are_copied)
{
	struct mr_arena *arena = mr_arena_new(4096);
	char text[] = "a\0b";
	struct mr_str copy = mr_arena_copy(arena, (struct mr_str){ text, 3 });

	memset(text, 'z', sizeof(text));
	ck_assert(mr_str_equal(copy, MR_STR("a\0b")));
	ck_assert_int_eq(copy.p[3], '\0');
	ck_assert_ptr_null(mr_arena_copy(arena, MR_STR_ABSENT).p);
	copy = mr_arena_copy(arena, MR_STR(""));
	ck_assert_ptr_nonnull(copy.p);
	ck_assert_uint_eq(copy.n, 0);
	ck_assert_int_eq(copy.p[0], '\0');
	mr_arena_free(&arena);
}
END_TEST

START_TEST(the_limit_holds)
{
	enum { LIMIT = 10000 };
	struct mr_arena *arena = mr_arena_new(LIMIT);
	size_t sum = 0;

	ck_assert_ptr_null(mr_arena_alloc(arena, LIMIT + 1));
	ck_assert_ptr_null(mr_arena_alloc(arena, SIZE_MAX));
	ck_assert_ptr_nonnull(mr_arena_alloc(arena, LIMIT));
	ck_assert_ptr_null(mr_arena_alloc(arena, 1));
	ck_assert_ptr_null(mr_arena_copy(arena, MR_STR("")).p);
	ck_assert_uint_eq(mr_arena_used(arena), LIMIT);
	mr_arena_reset(arena);
	ck_assert_uint_eq(mr_arena_used(arena), 0);
	while (mr_arena_copy(arena, MR_STR("1234567")).p != NULL)
		sum += 8;
	ck_assert_uint_eq(mr_arena_used(arena), sum);
	ck_assert_uint_le(sum, LIMIT);
	/* Small pieces fill all but the tail of a block. */
	ck_assert_uint_gt(sum, LIMIT - 100);
	mr_arena_free(&arena);
}
END_TEST

/* Here the blocks grow one after the other, and the last one is cut to what the limit leaves. */
START_TEST(the_limit_holds_over_many_blocks)
{
	enum { LIMIT = 10000, PIECE = 8 };
	struct mr_arena *arena = mr_arena_new(LIMIT);
	size_t pieces = 0;

	while (pieces <= LIMIT / PIECE && mr_arena_copy(arena, MR_STR("1234567")).p != NULL)
		pieces++;
	ck_assert_uint_eq(pieces, LIMIT / PIECE);
	ck_assert_uint_eq(mr_arena_used(arena), LIMIT);
	mr_arena_free(&arena);
}
END_TEST

START_TEST(an_arena_of_nothing)
{
	struct mr_arena *arena = mr_arena_new(0);

	ck_assert_ptr_null(mr_arena_alloc(arena, 1));
	ck_assert_ptr_null(mr_arena_alloc(arena, 0));
	mr_arena_reset(arena);
	ck_assert_uint_eq(mr_arena_used(arena), 0);
	mr_arena_free(&arena);
}
END_TEST

START_TEST(a_reset_arena_serves_the_same_again)
{
	struct mr_arena *arena = mr_arena_new(100000);

	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 90; i++)
			ck_assert_ptr_nonnull(mr_arena_alloc(arena, 1000));
		mr_arena_reset(arena);
	}
	mr_arena_free(&arena);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("arena");
	TCase *tests = tcase_create("arena");

	tcase_add_test(tests, memory_is_aligned_and_zero);
	tcase_add_test(tests, pieces_do_not_overlap);
	tcase_add_test(tests, strings_are_copied);
	tcase_add_test(tests, the_limit_holds);
	tcase_add_test(tests, the_limit_holds_over_many_blocks);
	tcase_add_test(tests, an_arena_of_nothing);
	tcase_add_test(tests, a_reset_arena_serves_the_same_again);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
