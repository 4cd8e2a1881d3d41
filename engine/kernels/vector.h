/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What vector code of this room shares: one source, compiled for AVX-512, AVX2 and the baseline, and chosen when
 * the program starts (GCC's target_clones). Loops are written in plain C with "omp simd"; libm's functions are
 * declared as vector functions of libmvec instead of using -ffast-math, which would flush denormals and delete
 * checks for NaN. */
#ifndef LATHE_KERNELS_VECTOR_H
#define LATHE_KERNELS_VECTOR_H

#include <math.h>
#include <stdint.h>

#ifdef HAVE_VECTOR_CLONES
#define VECTOR_CLONES     __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define VECTOR_HAS_CLONES 1
#else
#define VECTOR_HAS_CLONES 0
#define VECTOR_CLONES
#endif

#ifdef HAVE_LIBMVEC
#define VECTOR_MATH __attribute__((simd("notinbranch")))
VECTOR_MATH float expf(float);
VECTOR_MATH float erff(float);
VECTOR_MATH float tanhf(float);
VECTOR_MATH float logf(float);
VECTOR_MATH float log1pf(float);
VECTOR_MATH float powf(float, float);
#endif

static inline int64_t tiles_of(int64_t count, int64_t tile)
{
    return (count + tile - 1) / tile;
}

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
