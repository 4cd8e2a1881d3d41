/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Generation, token by token, beside how fast memory can be read at all. */
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/threads.h"
#include "engine/kernels/vector.h"
#include "engine/nn/decoder.h"
#include "engine/nn/gpt2.h"
#include "engine/train/session.h"
#include "tui/bench.h"

enum { PROMPT = 8, TOKENS = 128, MAX_ROUNDS = 15, READ_TILES = 64, READS = 8 };
static const int64_t read_floats = (int64_t)96 << 20; /* several times the caches */

/* --- reading memory --- */

typedef struct Read {
    const float *from;
    int64_t part;
    float sums[READ_TILES];
} Read;

VECTOR_CLONES static float sum_of(const float *x, int64_t n)
{
    float sums[64] = {0}, sum = 0;
    for (int64_t i = 0; i < n; i += 64) {
        /* As products of one row do (engine/kernels/row_product.c): else they would look faster than memory. */
        for (int line = 0; line < 64; line += 16)
            __builtin_prefetch((const void *)((uintptr_t)(x + i + line) + 16384));
#pragma omp simd
        for (int j = 0; j < 64; j++) sums[j] += x[i + j];
    }
    for (int j = 0; j < 64; j++) sum += sums[j];
    return sum;
}

static void read_tile(void *context, int64_t tile)
{
    Read *read = context;
    read->sums[tile] = sum_of(read->from + tile * read->part, read->part);
}

Status bench_read_rate(double *bytes_per_second)
{
    float *block;
    *bytes_per_second = 0;
    TRY(memory_new_raw((size_t)read_floats, sizeof *block, &block));
    for (int64_t i = 0; i < read_floats; i++) block[i] = (float)(i % 7);
    Read read = {.from = block, .part = read_floats / READ_TILES};
    for (int i = 0; i < READS; i++) {
        double start = clock_seconds();
        threads_run(READ_TILES, read_tile, &read);
        double rate = (double)read_floats * sizeof *block / (clock_seconds() - start);
        if (rate > *bytes_per_second) *bytes_per_second = rate;
    }
    memory_free(block);
    return STATUS_OK;
}

/* --- writing tokens --- */

static Status write_tokens(Decoder *decoder, bool profile, double *seconds)
{
    int32_t ids[PROMPT];
    const float *logits;
    for (int i = 0; i < PROMPT; i++) ids[i] = 1000 + 77 * i;
    decoder_reset(decoder);
    TRY(decoder_feed(decoder, ids, PROMPT, &logits));
    if (profile) tape_profile(decoder_tape(decoder), true);
    double start = clock_seconds();
    for (int n = 0; n < TOKENS; n++) {
        int32_t best = 0;
        for (int64_t i = 1; i < decoder_vocabulary(decoder); i++)
            if (logits[i] > logits[best]) best = (int32_t)i;
        TRY(decoder_feed(decoder, &best, 1, &logits));
    }
    *seconds = clock_seconds() - start;
    return STATUS_OK;
}

/* Once more with a look at its ops. */
static Status look_at_tokens(Decoder *decoder, BenchResult *out)
{
    double seconds;
    TRY(write_tokens(decoder, true, &seconds));
    bench_collect_ops(decoder_tape(decoder), out);
    return bench_measure_limits(out);
}

static Status time_tokens(Model *model, int64_t rounds, BenchResult *out)
{
    Decoder *decoder;
    double seconds[MAX_ROUNDS];
    DType precision = out->config.precision == PRECISION_BF16 ? DTYPE_BF16 : DTYPE_F32;
    if (rounds < 1) rounds = 3;
    if (rounds > MAX_ROUNDS) return status_fail(STATUS_INVALID, "bench: at most %d rounds", MAX_ROUNDS);
    TRY(decoder_new(model, PROMPT + TOKENS, precision, true, &decoder));
    Status status = write_tokens(decoder, false, &seconds[0]); /* the first is not counted: memory comes in */
    for (int64_t i = 0; i < rounds && status == STATUS_OK; i++) status = write_tokens(decoder, false, &seconds[i]);
    out->peak_bytes = bench_peak_memory();
    if (status == STATUS_OK) status = look_at_tokens(decoder, out);
    decoder_free(decoder);
    if (status == STATUS_OK) out->seconds = bench_median(seconds, rounds);
    return status;
}

/* What a token has to read: the weights but for the rows of embeddings that are not looked at, and on average half
 * of the keys and values. */
static double bytes_of_token(const Model *model, int64_t precision)
{
    const Gpt2Config *c = model->config;
    double weights = (double)module_count_weights(model->root) - (double)(c->n_positions - 1) * (double)c->n_embd;
    double kept = 2 * (double)c->n_layer * (double)c->n_embd * (PROMPT + TOKENS / 2.0);
    return weights * (precision == PRECISION_BF16 ? 2 : 4) + kept * sizeof(float);
}

Status bench_generate(const BenchRecord *record, const BenchConfig *asked, int64_t rounds, BenchResult *out)
{
    Gpt2Config config;
    Model *model;
    bench_watch_memory();
    *out = (BenchResult){.record = record, .config = bench_config(record, asked)};
    option_defaults(model_gpt2.options, &config);
    config.vocab_size = out->config.vocabulary;
    config.n_embd = out->config.width;
    config.n_layer = out->config.layers;
    TRY(model_new(&model_gpt2, &config, "model", random_key(1, "weights"), &model));
    Status status = out->config.precision == PRECISION_BF16 ? module_hold_half(model->root) : STATUS_OK;
    if (status == STATUS_OK) status = time_tokens(model, rounds, out);
    out->tokens_per_second = TOKENS / out->seconds;
    out->bytes_per_second = bytes_of_token(model, out->config.precision) * out->tokens_per_second;
    model_free(model);
    return status;
}
