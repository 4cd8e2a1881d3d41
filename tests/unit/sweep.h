/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far apart the allocations are that a sweep of failures lets fail. */
#ifndef LATHE_TESTS_SWEEP_H
#define LATHE_TESTS_SWEEP_H

#include <stdint.h>
#include <stdlib.h>

/* 'full' at full size; 'sample' otherwise, and under the sanitizers, where thousands of whole sessions would take
 * hours: leaks are counted without them, too. */
static inline uint64_t sweep_step(uint64_t full, uint64_t sample)
{
#if defined(__SANITIZE_ADDRESS__)
    (void)full;
    return sample;
#else
    return getenv("LATHE_LONG") ? full : sample;
#endif
}

#endif
