/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs every suite; CK_RUN_SUITE and CK_RUN_CASE choose. Each test is a process of its own, and the parent never touches the
 * engine: a fork after a parallel region of libgomp would hang the child. */
#include <check.h>
#include <stdlib.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define SUITE(name) name##_suite,
static Suite *(*const suites[])(void) = {
#include "tests/unit/suites.h"
};
#undef SUITE

int main(void)
{
    setenv("OMP_WAIT_POLICY", "passive", 0);
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) srunner_add_suite(runner, suites[i]());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
