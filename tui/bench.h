/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Benchmarks: matrix products, whole training steps and passes of BERT on random tokens, generation by GPT-2, and
 * what edits and prompts cost a run.
 * Timings are for people; no test depends on one. A BenchResult is plain and owns nothing. */
#ifndef LATHE_TUI_BENCH_H
#define LATHE_TUI_BENCH_H

#include "engine/autograd/tape.h"
#include "engine/base/status.h"
#include "engine/kernels/sgemm_rate.h"
#include "engine/train/source.h"

#include <stdbool.h>
#include <stdint.h>

/* What --set changes of a benchmark; 0: as its record says. */
typedef struct BenchConfig {
    int64_t precision; /* a Precision */
    bool recompute;
    int64_t layers, width, vocabulary, batch, length;
} BenchConfig;

extern const Option bench_options[];

enum { BENCH_MAX_OPS = 64, BENCH_MAX_PRODUCTS = 96, BENCH_MAX_COSTS = 8 };

/* One op of a step, forward and backward apart, or "batch" and "update" for what is around them. */
typedef struct BenchOp {
    const char *op;
    bool backward;
    double seconds, flops, bytes; /* of one step */
    double limit;                 /* seconds at the rates of sgemm and of memory; 0: not measured */
} BenchOp;

/* Products of one shape in a step. */
typedef struct BenchProducts {
    SgemmShape shape;
    int times;
    const char *op;
    bool backward;
    double seconds; /* of all of them at the rate of sgemm */
} BenchProducts;

/* What something costs a run beside its steps. */
typedef struct BenchCost {
    const char *what;
    double seconds, spread;   /* median, and half of what lies between the quartiles */
    double share, busy_share; /* of a step's time, and of its processor time; 0: nothing of a step */
    double limit;             /* of the share, or of the seconds; 0: less than the spread */
} BenchCost;

typedef struct BenchRecord BenchRecord;

typedef struct BenchResult {
    const BenchRecord *record;
    BenchConfig config; /* as it was run */
    double seconds;     /* median of the steps; of generation: of all tokens */
    double flops;       /* of a step, by the model's formula; 0: not known */
    double tokens_per_second;
    double bytes_per_second, read_rate; /* generation: what it reads; what memory gives at best */
    double sgemm_seconds;               /* the products of a step at the rate of sgemm; 0: not measured */
    int64_t peak_bytes;                 /* of the process, by this benchmark */
    int op_count, product_count, cost_count;
    BenchOp ops[BENCH_MAX_OPS]; /* slowest first */
    BenchProducts products[BENCH_MAX_PRODUCTS];
    BenchCost costs[BENCH_MAX_COSTS];
} BenchResult;

/* One benchmark that can be asked for by name. run: steps 0: as many as give a steady median; NULL: products of
 * matrices, which have no result of this kind. Errors: memory, cancelled, options that do not fit the model. */
struct BenchRecord {
    const char *name, *doc;
    Status (*run)(const BenchRecord *record, const BenchConfig *config, int64_t steps, BenchResult *out);
    BenchConfig config;
};

extern const BenchRecord bench_records[];
extern const int bench_record_count;

Status bench_step(const BenchRecord *record, const BenchConfig *config, int64_t steps,
                  BenchResult *out) STATUS_CHECKED;
Status bench_infer(const BenchRecord *record, const BenchConfig *config, int64_t steps,
                   BenchResult *out) STATUS_CHECKED;
Status bench_generate(const BenchRecord *record, const BenchConfig *config, int64_t steps,
                      BenchResult *out) STATUS_CHECKED;
/* steps: rounds; of bench_open() the run's length. Both write to a folder below TMPDIR. */
Status bench_live(const BenchRecord *record, const BenchConfig *config, int64_t steps,
                  BenchResult *out) STATUS_CHECKED;
Status bench_open(const BenchRecord *record, const BenchConfig *config, int64_t steps,
                  BenchResult *out) STATUS_CHECKED;

/* Bytes of a large block that all threads together read in a second, the best of several times. */
Status bench_read_rate(double *bytes_per_second) STATUS_CHECKED;
/* A product [m,k] x [k,n] in FLOP/s: the best of several. */
Status bench_gemm(int64_t m, int64_t n, int64_t k, DType precision, double *flops) STATUS_CHECKED;

/* --- for the benchmarks themselves --- */

/* The record's config with what was asked for in its place. */
BenchConfig bench_config(const BenchRecord *record, const BenchConfig *asked);
/* Sorts them. */
double bench_median(double *seconds, int64_t count);
/* Random tokens in pairs with a label, as BERT is pre-trained. */
Status bench_random_text(const BenchConfig *config, Source **out) STATUS_CHECKED;
/* A new folder for files; and its removal, which returns the status, or why that failed. */
Status bench_folder(char **out) STATUS_CHECKED;
Status bench_remove_folder(char *path, Status status) STATUS_CHECKED;
/* The process' peak of memory counts from here on; and what it was since. */
void bench_watch_memory(void);
int64_t bench_peak_memory(void);

/* Adds the products of a call to the result: for an observer of the tape. */
Status bench_count_products(void *result, const Node *node, bool backward, double seconds) STATUS_CHECKED;
/* Adds the profile of the tape, summed over module paths, slowest first. */
void bench_collect_ops(const Tape *tape, BenchResult *out);
/* How long products and ops would take at the rates of sgemm and of memory, measured now. */
Status bench_measure_limits(BenchResult *out) STATUS_CHECKED;
/* The ops that cost most above their limit, at most three: their places. */
int bench_worst(const BenchResult *result, int places[3]);

#endif
