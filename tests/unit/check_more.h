/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Assertions on Status and its message. */
#ifndef LATHE_TESTS_CHECK_MORE_H
#define LATHE_TESTS_CHECK_MORE_H

#include "engine/base/status.h"

#include <check.h>
#include <string.h>

#ifndef ASSERT_OK
#define ASSERT_OK(expression) ck_assert_msg((expression) == STATUS_OK, "%s: %s", #expression, status_message())

/* The call fails with this code and a message that holds the words. */
#define ASSERT_FAILS(expression, code, words)                                                                      \
    do {                                                                                                           \
        ck_assert_int_eq((expression), (code));                                                                    \
        ck_assert_msg(strstr(status_message(), (words)) != NULL, "'%s' is not in: %s", (words), status_message()); \
    } while (0)
#endif

#endif
