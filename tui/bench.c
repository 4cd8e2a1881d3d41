/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/bench.h"

#include "engine/autograd/functions.h"
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/nn/bert.h"
#include "engine/objectives/mlm.h"
#include "engine/train/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { LENGTH = 128, WARM_STEPS = 2, MAX_STEPS = 64 };

const BenchRecord bench_records[] = {
    {"gemm", "products of matrices as they stand in BERT", BENCH_PRODUCTS, 0, 0, 0, 0},
    {"bert-tiny", "a training step: 2 layers, 128 wide, vocabulary 8,192, batch 32", BENCH_STEP, 2, 128, 8192, 32},
    {"bert-mini", "a training step: 4 layers, 256 wide, vocabulary 8,192, batch 32", BENCH_STEP, 4, 256, 8192, 32},
    {"bert-base", "a training step: 12 layers, 768 wide, vocabulary 30,522, batch 8", BENCH_STEP, 12, 768, 30522,
     8},
    {"gpt2-generate", "128 tokens from a GPT-2 of 12 layers, 768 wide, vocabulary 50,257", BENCH_GENERATE, 12, 768,
     50257, 1},
};
const int bench_record_count = sizeof bench_records / sizeof *bench_records;

/* --- random tokens as a data source --- */

typedef struct RandomText {
    Source source;
    Vocabulary vocabulary;
    uint8_t *special;
} RandomText;

static Status put(Batch *batch, Arena *arena, const char *name, int ndim, DType dtype, Tensor **out)
{
    TRY(tensor_new_zeros(arena, dtype, ndim, (int64_t[]){batch->size, LENGTH}, out));
    return batch_put(batch, name, *out);
}

static Status random_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    RandomText *text = (RandomText *)source;
    Tensor *ids, *types, *lengths, *labels, *examples;
    Random random = random_stream(random_subkey(random_key(cursor->seed, "bench"), (uint64_t)cursor->index));
    *out = (Batch){.size = source->batch_size, .vocabulary = &text->vocabulary};
    TRY(put(out, arena, "input_ids", 2, DTYPE_I32, &ids));
    TRY(put(out, arena, "token_type_ids", 2, DTYPE_I32, &types));
    TRY(put(out, arena, "lengths", 1, DTYPE_I32, &lengths));
    TRY(put(out, arena, "next_sentence_label", 1, DTYPE_I32, &labels));
    TRY(put(out, arena, "example_ids", 1, DTYPE_I64, &examples));
    for (int64_t row = 0; row < out->size; row++) {
        for (int64_t i = 0; i < LENGTH; i++) {
            TENSOR_I32(ids)
            [row * LENGTH + i] = 5 + (int32_t)random_below(&random, (uint64_t)text->vocabulary.size - 5);
            TENSOR_I32(types)[row * LENGTH + i] = i >= LENGTH / 2;
        }
        TENSOR_I32(lengths)[row] = LENGTH;
        TENSOR_I32(labels)[row] = (int32_t)random_below(&random, 2);
        ((int64_t *)tensor_data(examples))[row] = cursor->index + row;
    }
    cursor->index += out->size;
    return STATUS_OK;
}

static void random_free(Source *source)
{
    memory_free(((RandomText *)source)->special);
    memory_free(source);
}

static const SourceType random_type = {"random tokens", random_next, NULL, random_free};

static Status random_text_new(int64_t vocabulary, int64_t batch, Source **out)
{
    RandomText *text;
    TRY(memory_new(1, sizeof *text, &text));
    Status status = memory_new((size_t)vocabulary, 1, &text->special);
    if (status != STATUS_OK) {
        memory_free(text);
        return status;
    }
    memset(text->special, 1, 5);
    text->vocabulary = (Vocabulary){
        .size = vocabulary, .unknown = 1, .classify = 2, .separator = 3, .mask = 4, .special = text->special};
    text->source = (Source){.type = &random_type,
                            .refs = 1,
                            .examples = INT64_MAX,
                            .batch_size = batch,
                            .seed = 1,
                            .vocabulary = &text->vocabulary};
    *out = &text->source;
    return STATUS_OK;
}

/* --- a training step --- */

static Status add_objective(Session *session, const char *name)
{
    Objective *objective;
    TRY(objective_new(objective_record_find(name), NULL, NULL, 1, &objective));
    return session_add_objective(session, objective);
}

static Status fill_session(Session *session, const BenchRecord *record)
{
    BertConfig config;
    Model *model;
    Source *source;
    option_defaults(model_bert.options, &config);
    config.vocab_size = record->vocabulary;
    config.encoder.hidden_size = record->width;
    config.encoder.num_hidden_layers = record->layers;
    TRY(model_new(&model_bert, &config, "model", random_key(1, "weights"), &model));
    TRY(session_add_model(session, model));
    TRY(random_text_new(record->vocabulary, record->batch, &source));
    Status status = session_add_source(session, "train", source);
    source_unref(source);
    TRY(status);
    TRY(add_objective(session, "mlm"));
    return add_objective(session, "nsp");
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int slowest_first(const void *a, const void *b)
{
    return -compare_numbers(&((const BenchOp *)a)->seconds, &((const BenchOp *)b)->seconds);
}

/* Sums the profile of one step over module paths. */
static void collect_ops(Tape *tape, BenchResult *out)
{
    int count;
    const ProfileEntry *entries = tape_profile_entries(tape, &count);
    for (int i = 0; i < count; i++) {
        int place = 0;
        while (place < out->op_count && (strcmp(out->ops[place].op, entries[i].op->name) != 0 ||
                                         out->ops[place].backward != entries[i].backward))
            place++;
        if (place == BENCH_MAX_OPS) continue;
        if (place == out->op_count)
            out->ops[out->op_count++] = (BenchOp){entries[i].op->name, entries[i].backward, 0, 0, 0};
        out->ops[place].seconds += entries[i].seconds;
        out->ops[place].flops += entries[i].flops;
        out->ops[place].bytes += entries[i].bytes;
    }
    qsort(out->ops, (size_t)out->op_count, sizeof *out->ops, slowest_first);
}

static Status measure(Session *session, int steps, BenchResult *out)
{
    double seconds[MAX_STEPS];
    StepMetrics metrics;
    if (steps < 1) steps = out->record->width > 512 ? 3 : 20;
    if (steps > MAX_STEPS) steps = MAX_STEPS;
    for (int i = 0; i < WARM_STEPS; i++) TRY(session_step(session, &metrics));
    for (int i = 0; i < steps; i++) {
        TRY(session_step(session, &metrics));
        seconds[i] = metrics.seconds;
    }
    qsort(seconds, (size_t)steps, sizeof *seconds, compare_numbers);
    out->seconds = seconds[steps / 2];
    out->tokens_per_second = (double)metrics.tokens / out->seconds;
    tape_profile(session->tape, true);
    TRY(session_step(session, &metrics));
    collect_ops(session->tape, out);
    return STATUS_OK;
}

Status bench_step(const BenchRecord *record, int steps, BenchResult *out)
{
    Session *session;
    struct rusage usage;
    *out = (BenchResult){.record = record};
    TRY(session_new(1, &session));
    Status status = fill_session(session, record);
    if (status == STATUS_OK) status = measure(session, steps, out);
    if (status == STATUS_OK)
        out->flops = model_bert.step_flops(session->models[0], record->batch, LENGTH,
                                           record->batch * llround((LENGTH)*0.15));
    session_free(session);
    getrusage(RUSAGE_SELF, &usage);
    out->peak_bytes = (int64_t)usage.ru_maxrss * 1024;
    return status;
}

/* --- matrix products --- */

static Status time_products(Tape *tape, Tensor *a, Tensor *b, double *seconds)
{
    *seconds = INFINITY;
    for (int i = 0; i < 8; i++) {
        Tensor *c;
        double start = clock_seconds();
        TRY(f_linear(tape, a, b, NULL, &c));
        double took = clock_seconds() - start;
        if (took < *seconds) *seconds = took;
        tensor_unref(c);
    }
    return STATUS_OK;
}

Status bench_gemm(int64_t m, int64_t n, int64_t k, double *gflops)
{
    Tensor *a = NULL, *b = NULL;
    Tape *tape;
    double seconds = INFINITY;
    TRY(tape_new(NULL, &tape));
    Status status = tensor_new(NULL, DTYPE_F32, 2, (int64_t[]){m, k}, &a);
    if (status == STATUS_OK) status = tensor_new(NULL, DTYPE_F32, 2, (int64_t[]){n, k}, &b);
    if (status == STATUS_OK) {
        tensor_fill_uniform(a, random_key(1, "a"), -1, 1);
        tensor_fill_uniform(b, random_key(1, "b"), -1, 1);
        status = time_products(tape, a, b, &seconds);
    }
    tensor_unref(a);
    tensor_unref(b);
    tape_free(tape);
    *gflops = 2e-9 * (double)m * (double)n * (double)k / seconds;
    return status;
}
