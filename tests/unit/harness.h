/*
 * What every unit test program shares: running one suite of libcheck. Whether each test gets a process of
 * its own is left to Check's default and to CK_FORK.
 */
#ifndef MR_TESTS_UNIT_HARNESS_H
#define MR_TESTS_UNIT_HARNESS_H

#include <check.h>
#include <stdlib.h>

/* Runs suite, prints what failed, frees it. The exit status of the program. */
static inline int
mr_run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
