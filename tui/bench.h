/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Benchmarks: matrix products, and whole training steps of BERT on random tokens. Timings are for people; no test
 * depends on one. */
#ifndef LATHE_TUI_BENCH_H
#define LATHE_TUI_BENCH_H

#include "engine/autograd/tape.h"
#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum BenchKind { BENCH_PRODUCTS, BENCH_STEP, BENCH_GENERATE } BenchKind;

/* One benchmark that can be asked for by name. */
typedef struct BenchRecord {
    const char *name, *doc;
    BenchKind kind;
    int64_t layers, width, vocabulary, batch; /* of the model; 0 for matrix products */
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
    double seconds; /* median of the steps; of 128 tokens */
    double flops;   /* of a step, by the model's formula */
    double tokens_per_second;
    double bytes_per_second, read_rate; /* generation: what it reads, and what memory gives at best */
    int64_t peak_bytes;                 /* of the whole process */
    int op_count;
    BenchOp ops[BENCH_MAX_OPS]; /* slowest first */
} BenchResult;

/* steps 0: as many as give a steady median. Errors: memory, cancelled. */
Status bench_step(const BenchRecord *record, int steps, BenchResult *out) STATUS_CHECKED;

/* 128 tokens behind 8, one after the other; rounds 0: 3. Errors: memory, cancelled. */
Status bench_generate(const BenchRecord *record, int rounds, BenchResult *out) STATUS_CHECKED;
/* Bytes of a large block that all threads together read in a second, the best of several times. */
Status bench_read_rate(double *bytes_per_second) STATUS_CHECKED;

/* A product [m,k] x [k,n] in GFLOP/s: the best of several seconds' worth. */
Status bench_gemm(int64_t m, int64_t n, int64_t k, double *gflops) STATUS_CHECKED;

#endif
