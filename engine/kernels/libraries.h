/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which libraries and instructions the kernels run on: what decides the bits of a result besides its inputs.
 * Constant data; nobody frees anything. */
#ifndef LATHE_KERNELS_LIBRARIES_H
#define LATHE_KERNELS_LIBRARIES_H

/* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": as it was built. */
const char *libraries_blas_config(void);
/* "pthread", "openmp" or "sequential". */
const char *libraries_blas_threading(void);
/* "2.6.3", NULL where this build has no oneDNN. */
const char *libraries_onednn_version(void);
/* What multiplies bf16: "oneDNN", or "emulated" where f32 products of rounded operands stand in for it. */
const char *libraries_bf16(void);
/* The level of our own vector code: "AVX-512", "AVX2" or "baseline". */
const char *libraries_vector_level(void);

#endif
