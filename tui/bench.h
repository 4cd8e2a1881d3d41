/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Benchmarks: matrix products, and whole training steps of BERT on random tokens. Timings are for people; no test
 * depends on one. */
#ifndef LATHE_TUI_BENCH_H
#define LATHE_TUI_BENCH_H

#include "engine/autograd/tape.h"
#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* One benchmark that can be asked for by name. */
typedef struct BenchRecord {
    const char *name, *doc;
    int64_t layers, width, vocabulary, batch; /* a training step; layers 0: matrix products */
} BenchRecord;

extern const BenchRecord bench_records[];
extern const int bench_record_count;

/* One op of a step, forward and backward apart. */
typedef struct BenchOp {
    const char *op;
    bool backward;
    double seconds, flops, bytes; /* of one step */
} BenchOp;

enum { BENCH_MAX_OPS = 64 };

typedef struct BenchResult {
    const BenchRecord *record;
    double seconds; /* median of the steps */
    double flops;   /* of a step, by the model's formula */
    double tokens_per_second;
    int64_t peak_bytes; /* of the whole process */
    int op_count;
    BenchOp ops[BENCH_MAX_OPS]; /* slowest first */
} BenchResult;

/* steps 0: as many as give a steady median. Errors: memory, cancelled. */
Status bench_step(const BenchRecord *record, int steps, BenchResult *out) STATUS_CHECKED;

/* A product [m,k] x [k,n] in GFLOP/s: the best of several seconds' worth. */
Status bench_gemm(int64_t m, int64_t n, int64_t k, double *gflops) STATUS_CHECKED;

#endif
