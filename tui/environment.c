/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libgomp and OpenBLAS read their environment in their constructors, before main(): too late for setenv(). So the
 * program sets the variables and executes itself. The process stays the same one, and a mark with its number keeps
 * it from doing so twice. What the user has set stays, but for the number of BLAS threads. */
#include "tui/environment.h"

#include "engine/kernels/blas_core.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK "LATHE_STARTED"

/* True where the variable had to be changed. */
static bool set(const char *name, const char *value, bool replace)
{
    const char *old = getenv(name);
    if (old && (!replace || strcmp(old, value) == 0)) return false;
    return setenv(name, value, 1) == 0;
}

static bool set_variables(void)
{
    /* Threads that wait by spinning take the time of those that work: 1.5 times a step on two cores. */
    bool changed = set("OMP_WAIT_POLICY", "passive", false);
    /* The thread grid calls BLAS inside its tiles; a pool of OpenBLAS' own would only be in the way. */
    changed |= set("OPENBLAS_NUM_THREADS", "1", true);
    /* Memory comes in huge pages and is kept: a snapshot's first touch of small ones cost a fifth of a step. */
    changed |=
        set("GLIBC_TUNABLES",
            "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1099511627776", false);
    if (blas_core_misses_avx512()) changed |= set("OPENBLAS_CORETYPE", "SkylakeX", false);
    return changed;
}

void environment_settle(char **arguments)
{
    char self[24];
    const char *mark = getenv(MARK);
    snprintf(self, sizeof self, "%ld", (long)getpid());
    bool second = mark && strcmp(mark, self) == 0;
    unsetenv(MARK);
    if (second || !set_variables()) return;
    if (setenv(MARK, self, 1) == 0) execv("/proc/self/exe", arguments);
    unsetenv(MARK);
}
