/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/libraries.h"

#include "engine/kernels/bf16_product.h"
#include "engine/kernels/vector.h"

#include <cblas.h>
#include <stdio.h>
#ifdef HAVE_ONEDNN
#include <dnnl.h>
#endif

const char *libraries_blas_config(void)
{
    return openblas_get_config();
}

const char *libraries_blas_threading(void)
{
    static const char *const names[] = {"sequential", "pthread", "openmp"};
    int kind = openblas_get_parallel();
    return kind >= 0 && kind < 3 ? names[kind] : "unknown";
}

const char *libraries_onednn_version(void)
{
#ifdef HAVE_ONEDNN
    static char text[48];
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", version->major, version->minor, version->patch);
    return text;
#else
    return NULL;
#endif
}

const char *libraries_bf16(void)
{
    return bf16_native() ? "oneDNN" : "emulated";
}

/* The same question that the loader asks for the clones of VECTOR_CLONES. */
const char *libraries_vector_level(void)
{
#if VECTOR_HAS_CLONES
    if (__builtin_cpu_supports("x86-64-v4")) return "AVX-512";
    if (__builtin_cpu_supports("x86-64-v3")) return "AVX2";
#endif
    return "baseline";
}
