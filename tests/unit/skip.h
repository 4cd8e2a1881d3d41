/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests that cannot run here say so and are counted apart:  if (!data) { test_skip("LATHE_DATA is unset"); return;
 * } Works in the forked process of a test. */
#ifndef LATHE_TESTS_SKIP_H
#define LATHE_TESTS_SKIP_H

void test_skip(const char *reason);

#endif
