/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the machine's libraries reach on products of matrices: the measure of everything that consists of these. */
#ifndef LATHE_KERNELS_SGEMM_RATE_H
#define LATHE_KERNELS_SGEMM_RATE_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* count independent products op(a)[m,k] op(b)[k,n]. */
typedef struct SgemmShape {
    int64_t m, n, k, count;
    bool transpose_a, transpose_b;
} SgemmShape;

double sgemm_flops(const SgemmShape *shape);

/* FLOP/s in f32 on threads_count() threads, the better of OpenBLAS and oneDNN, each with its own threads; of
 * several products at once each thread takes some. The best of several tries on data that are not in the cache
 * first. Not to be called inside of a grid. Errors: memory. */
Status sgemm_rate(const SgemmShape *shape, double *out) STATUS_CHECKED;

#endif
