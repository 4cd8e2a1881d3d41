/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs every suite; CK_RUN_SUITE and CK_RUN_CASE choose. Each test is a process of its own, and the parent never
 * touches the engine: a fork after a parallel region of libgomp would hang the child. */
#include "tests/unit/skip.h"
#include "tui/environment.h"

#include <check.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define SUITE(name) {#name, name##_suite},
static const struct {
    const char *name;
    Suite *(*make)(void);
} suites[] = {
#include "tests/unit/suites.h"
};
#undef SUITE

static atomic_int *skips; /* shared with the processes of the tests */

void test_skip(const char *reason)
{
    printf("skipped: %s\n", reason);
    fflush(stdout);
    atomic_fetch_add(skips, 1);
}

static void report(SRunner *runner)
{
    int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner), skipped = *skips;
    if (run == 0) puts("no suite of this name");
    printf("%d passed, %d failed, %d skipped\n", run - failed - skipped, failed, skipped);
}

static bool is_asked_for(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return count == 0;
}

/* suite [NAME...]: the suites of these names, all without any. */
int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    environment_settle(argv);
    setenv("CK_DEFAULT_TIMEOUT", "600", 0); /* seconds; Check's own 4 are too few for a busy machine */
    skips = mmap(NULL, sizeof *skips, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (skips == MAP_FAILED) return EXIT_FAILURE;
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        if (is_asked_for(suites[i].name, argc - 1, argv + 1)) srunner_add_suite(runner, suites[i].make());
    srunner_run_all(runner, CK_ENV);
    report(runner);
    int ok = srunner_ntests_run(runner) > 0 && srunner_ntests_failed(runner) == 0;
    srunner_free(runner);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
