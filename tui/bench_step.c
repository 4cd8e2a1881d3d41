/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Training steps and passes of BERT on random tokens. */
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/nn/bert.h"
#include "engine/train/session.h"
#include "tui/bench.h"

#include <math.h>
#include <string.h>

enum { WARM_STEPS = 2, MAX_STEPS = 1000 };

/* --- random tokens as a data source --- */

typedef struct RandomText {
    Source source;
    Vocabulary vocabulary;
    uint8_t *special;
    int64_t length; /* of each sequence */
} RandomText;

static Status put(Batch *batch, Arena *arena, const char *name, int64_t length, DType dtype, Tensor **out)
{
    TRY(tensor_new_zeros(arena, dtype, length ? 2 : 1, (int64_t[]){batch->size, length}, out));
    return batch_put(batch, name, *out);
}

static Status random_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    RandomText *text = (RandomText *)source;
    Tensor *ids, *types, *lengths, *labels, *examples;
    Random random = random_stream(random_subkey(random_key(cursor->seed, "bench"), (uint64_t)cursor->index));
    *out = (Batch){.size = source->batch_size, .vocabulary = &text->vocabulary};
    TRY(put(out, arena, "input_ids", text->length, DTYPE_I32, &ids));
    TRY(put(out, arena, "token_type_ids", text->length, DTYPE_I32, &types));
    TRY(put(out, arena, "lengths", 0, DTYPE_I32, &lengths));
    TRY(put(out, arena, "next_sentence_label", 0, DTYPE_I32, &labels));
    TRY(put(out, arena, "example_ids", 0, DTYPE_I64, &examples));
    for (int64_t row = 0; row < out->size; row++) {
        int32_t *id = TENSOR_I32(ids) + row * text->length, *type = TENSOR_I32(types) + row * text->length;
        for (int64_t i = 0; i < text->length; i++) {
            id[i] = 5 + (int32_t)random_below(&random, (uint64_t)text->vocabulary.size - 5);
            type[i] = i >= text->length / 2;
        }
        TENSOR_I32(lengths)[row] = (int32_t)text->length;
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

Status bench_random_text(const BenchConfig *config, Source **out)
{
    RandomText *text;
    TRY(memory_new(1, sizeof *text, &text));
    Status status = memory_new((size_t)config->vocabulary, 1, &text->special);
    if (status != STATUS_OK) {
        memory_free(text);
        return status;
    }
    text->length = config->length;
    memset(text->special, 1, 5);
    text->vocabulary = (Vocabulary){.size = config->vocabulary,
                                    .unknown = 1,
                                    .classify = 2,
                                    .separator = 3,
                                    .mask = 4,
                                    .special = text->special};
    text->source = (Source){.type = &random_type,
                            .refs = 1,
                            .examples = INT64_MAX,
                            .batch_size = config->batch,
                            .seed = 1,
                            .vocabulary = &text->vocabulary};
    *out = &text->source;
    return STATUS_OK;
}

/* --- a session --- */

static Status add_objective(Session *session, const char *name)
{
    Objective *objective;
    TRY(objective_new(objective_record_find(name), NULL, NULL, 1, &objective));
    return session_add_objective(session, objective);
}

static Status fill_session(Session *session, const BenchConfig *bench)
{
    BertConfig config;
    Model *model;
    Source *source;
    option_defaults(model_bert.options, &config);
    config.vocab_size = bench->vocabulary;
    config.encoder.hidden_size = bench->width;
    config.encoder.num_hidden_layers = bench->layers;
    if (bench->length > config.encoder.max_position_embeddings)
        config.encoder.max_position_embeddings = bench->length;
    TRY(model_new(&model_bert, &config, "model", random_key(1, "weights"), &model));
    TRY(session_add_model(session, model));
    TRY(bench_random_text(bench, &source));
    Status status = session_add_source(session, "train", source);
    source_unref(source);
    TRY(status);
    session->precision = bench->precision;
    session->recompute = bench->recompute;
    TRY(add_objective(session, "mlm"));
    return add_objective(session, "nsp");
}

typedef Status (*Measure)(Session *session, int64_t steps, BenchResult *out);

static Status run(const BenchRecord *record, const BenchConfig *config, int64_t steps, Measure measure,
                  BenchResult *out)
{
    Session *session;
    bench_watch_memory();
    *out = (BenchResult){.record = record, .config = bench_config(record, config)};
    TRY(session_new(1, &session));
    Status status = fill_session(session, &out->config);
    if (status == STATUS_OK) status = measure(session, steps, out);
    session_free(session);
    return status == STATUS_OK ? bench_measure_limits(out) : status;
}

/* --- a training step --- */

static void add_part(BenchResult *out, const char *name, double seconds, double bytes)
{
    if (out->op_count == BENCH_MAX_OPS) return;
    out->ops[out->op_count++] = (BenchOp){.op = name, .seconds = seconds, .bytes = bytes};
}

/* One more step with a look at its ops; what is around them are the batch, and norm, clipping and optimizer: the
 * gradient is read twice, weights and moments are read and written. */
static Status look_at_step(Session *session, BenchResult *out)
{
    StepMetrics metrics;
    TapeObserver observer = {bench_count_products, out};
    double weights = (double)module_count_weights(session->models[0]->root);
    tape_profile(session->tape, true);
    tape_observe(session->tape, &observer);
    Status status = session_step(session, &metrics);
    tape_observe(session->tape, NULL);
    TRY(status);
    add_part(out, "batch", metrics.batch_seconds, 0);
    add_part(out, "update", metrics.update_seconds, 8 * sizeof(float) * weights);
    bench_collect_ops(session->tape, out);
    return STATUS_OK;
}

static Status time_steps(Session *session, int64_t steps, BenchResult *out)
{
    double seconds[MAX_STEPS];
    StepMetrics metrics;
    const BenchConfig *config = &out->config;
    if (steps < 1) steps = config->width > 512 ? 3 : 20;
    if (steps > MAX_STEPS) return status_fail(STATUS_INVALID, "bench: at most %d steps", MAX_STEPS);
    for (int i = 0; i < WARM_STEPS; i++) TRY(session_step(session, &metrics));
    for (int64_t i = 0; i < steps; i++) {
        TRY(session_step(session, &metrics));
        seconds[i] = metrics.seconds;
    }
    out->peak_bytes = bench_peak_memory();
    out->seconds = bench_median(seconds, steps);
    out->tokens_per_second = (double)metrics.tokens / out->seconds;
    out->flops = model_bert.step_flops(session->models[0], config->batch, config->length,
                                       config->batch * llround((double)config->length * 0.15));
    return look_at_step(session, out);
}

Status bench_step(const BenchRecord *record, const BenchConfig *config, int64_t steps, BenchResult *out)
{
    return run(record, config, steps, time_steps, out);
}

/* --- the encoder alone --- */

static Status encode(Session *session, const Batch *batch)
{
    Forward *pass;
    Tensor *hidden;
    TRY(forward_new(session->models[0], session->tape, batch, &pass));
    return forward_output(pass, "hidden", &hidden);
}

static Status time_encode(Session *session, const Batch *batch, double *seconds)
{
    double start = clock_seconds();
    session_set_mode(session, false);
    Status status = encode(session, batch);
    *seconds = clock_seconds() - start;
    tape_reset(session->tape);
    return status;
}

static Status time_passes_on(Session *session, const Batch *batch, int64_t passes, BenchResult *out)
{
    double seconds[MAX_STEPS], unused;
    TapeObserver observer = {bench_count_products, out};
    for (int i = 0; i < WARM_STEPS; i++) TRY(time_encode(session, batch, &unused));
    for (int64_t i = 0; i < passes; i++) TRY(time_encode(session, batch, &seconds[i]));
    out->peak_bytes = bench_peak_memory();
    out->seconds = bench_median(seconds, passes);
    tape_profile(session->tape, true);
    tape_observe(session->tape, &observer);
    Status status = time_encode(session, batch, &unused);
    tape_observe(session->tape, NULL);
    TRY(status);
    bench_collect_ops(session->tape, out);
    return STATUS_OK;
}

static Status time_passes(Session *session, int64_t passes, BenchResult *out)
{
    const BenchConfig *config = &out->config;
    SessionSource *source = &session->sources[0];
    Batch batch;
    if (passes < 1) passes = 20;
    if (passes > MAX_STEPS) return status_fail(STATUS_INVALID, "bench: at most %d passes", MAX_STEPS);
    TRY(source_next(source->source, config->batch, NULL, &source->cursor, &batch));
    Status status = time_passes_on(session, &batch, passes, out);
    batch_clear(&batch);
    out->tokens_per_second = (double)(config->batch * config->length) / out->seconds;
    out->flops = model_bert.step_flops(session->models[0], config->batch, config->length, 0) / 3;
    return status;
}

Status bench_infer(const BenchRecord *record, const BenchConfig *config, int64_t steps, BenchResult *out)
{
    return run(record, config, steps, time_passes, out);
}
