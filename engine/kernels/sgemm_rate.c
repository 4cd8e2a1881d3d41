/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/sgemm_rate.h"

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/threads.h"

#include <cblas.h>
#include <omp.h>
#ifdef HAVE_ONEDNN
#include <dnnl.h>
#endif

enum { TRIES = 5, MOST_AT_ONCE = 64 };
static const double least_seconds = 0.01; /* of a try */

typedef struct Rate {
    const SgemmShape *shape;
    const float *a, *b;
    float *c;
    void (*multiply)(const struct Rate *rate, int64_t place);
} Rate;

double sgemm_flops(const SgemmShape *s)
{
    return 2.0 * (double)s->m * (double)s->n * (double)s->k * (double)s->count;
}

static void by_openblas(const Rate *rate, int64_t place)
{
    const SgemmShape *s = rate->shape;
    cblas_sgemm(CblasRowMajor, s->transpose_a ? CblasTrans : CblasNoTrans,
                s->transpose_b ? CblasTrans : CblasNoTrans, (blasint)s->m, (blasint)s->n, (blasint)s->k, 1,
                rate->a + place * s->m * s->k, (blasint)(s->transpose_a ? s->m : s->k),
                rate->b + place * s->k * s->n, (blasint)(s->transpose_b ? s->k : s->n), 0,
                rate->c + place * s->m * s->n, (blasint)s->n);
}

#ifdef HAVE_ONEDNN
static void by_onednn(const Rate *rate, int64_t place)
{
    const SgemmShape *s = rate->shape;
    (void)!dnnl_sgemm(s->transpose_a ? 'T' : 'N', s->transpose_b ? 'T' : 'N', s->m, s->n, s->k, 1,
                      rate->a + place * s->m * s->k, s->transpose_a ? s->m : s->k, rate->b + place * s->k * s->n,
                      s->transpose_b ? s->k : s->n, 0, rate->c + place * s->m * s->n, s->n);
}
#endif

static void one_of_many(void *context, int64_t tile)
{
    const Rate *rate = context;
    rate->multiply(rate, tile % MOST_AT_ONCE);
}

static double time_once(Rate *rate)
{
    double start = clock_seconds();
    if (rate->shape->count == 1)
        rate->multiply(rate, 0);
    else
        threads_run(rate->shape->count, one_of_many, rate);
    return clock_seconds() - start;
}

/* The library's own threads where there is one product, ours where there are many. */
static double best_rate(Rate *rate)
{
    double best = 0, flops = sgemm_flops(rate->shape);
    bool own = rate->shape->count == 1;
    openblas_set_num_threads(own ? threads_count() : 1);
    omp_set_num_threads(own ? threads_count() : 1);
    for (int i = 0; i < TRIES; i++) {
        double seconds = 0;
        int times = 0;
        for (; seconds < least_seconds; times++) seconds += time_once(rate);
        if (flops * times / seconds > best) best = flops * times / seconds;
    }
    openblas_set_num_threads(1);
    omp_set_num_threads(1);
    return best;
}

Status sgemm_rate(const SgemmShape *shape, double *out)
{
    int64_t kept = shape->count < MOST_AT_ONCE ? shape->count : MOST_AT_ONCE;
    int64_t a = shape->m * shape->k * kept, b = shape->k * shape->n * kept, c = shape->m * shape->n * kept;
    float *block;
    TRY(memory_new_raw((size_t)(a + b + c), sizeof *block, &block));
    for (int64_t i = 0; i < a + b; i++) block[i] = (float)(i % 17) * 0.1f - 0.8f;
    Rate rate = {shape, block, block + a, block + a + b, by_openblas};
    *out = best_rate(&rate);
#ifdef HAVE_ONEDNN
    rate.multiply = by_onednn;
    double other = best_rate(&rate);
    if (other > *out) *out = other;
#endif
    memory_free(block);
    return STATUS_OK;
}
