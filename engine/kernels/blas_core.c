/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/blas_core.h"

#include <cblas.h>
#include <string.h>

const char *blas_core_name(void)
{
    return openblas_get_corename();
}

bool blas_core_misses_avx512(void)
{
#if defined(__x86_64__)
    static const char *const with_avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    for (size_t i = 0; i < sizeof with_avx512 / sizeof *with_avx512; i++)
        if (strcasecmp(blas_core_name(), with_avx512[i]) == 0) return false;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}
