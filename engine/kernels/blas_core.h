/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What OpenBLAS made of the processor. Constant data; nobody frees anything. */
#ifndef LATHE_KERNELS_BLAS_CORE_H
#define LATHE_KERNELS_BLAS_CORE_H

#include <stdbool.h>

/* The family of kernels that OpenBLAS chose when it was loaded ("SkylakeX", "Haswell", ...). */
const char *blas_core_name(void);

/* The processor has the AVX-512 that OpenBLAS' SkylakeX kernels need, and OpenBLAS did not see it: version 0.3.21
 * takes a Zen 5 for a Haswell, which costs half of the speed. */
bool blas_core_misses_avx512(void);

#endif
