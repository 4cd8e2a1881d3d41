/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much the long tests do: LATHE_TEST_SCALE=full, as check-long sets it, asks for all. */
#ifndef LATHE_TESTS_SCALE_H
#define LATHE_TESTS_SCALE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline bool at_full_scale(void)
{
    const char *scale = getenv("LATHE_TEST_SCALE");
    return scale && strcmp(scale, "full") == 0;
}

/* The same, but not under the sanitizers: for thousands of whole sessions, which would take hours there and show
 * nothing that a sample does not. */
static inline bool at_full_length(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return false;
#else
    return at_full_scale();
#endif
}

/* How far apart the allocations are that a sweep of failures lets fail. */
static inline uint64_t sweep_step(uint64_t full, uint64_t sample)
{
    return at_full_length() ? full : sample;
}

#endif
