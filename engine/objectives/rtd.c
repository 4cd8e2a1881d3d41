/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/objectives/rtd.h"

#include "engine/autograd/functions.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/rows.h"

#include <math.h>

static const Option options[] = {
    OPTION_NUMBER_FIELD(RtdConfig, temperature, 1, 0, 1000,
                        "what the generator's logits are divided by before a token is drawn; 0: the likeliest one"),
    {0},
};

/* --- what the generator puts into the masked places --- */

static int32_t likeliest(const float *row, int64_t count)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (row[i] > row[best]) best = i;
    return (int32_t)best;
}

/* The token at a share of the probability mass in [0,1). */
static int32_t token_at(const float *probabilities, int64_t count, double share)
{
    double sum = 0, reached = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)probabilities[i];
    for (int64_t i = 0; i < count; i++) {
        reached += (double)probabilities[i];
        if (share * sum < reached) return (int32_t)i;
    }
    return (int32_t)(count - 1);
}

static Status probabilities_of(Arena *arena, const Tensor *logits, double temperature, Tensor **out)
{
    int64_t n = logits->shape[0], classes = logits->shape[1];
    TRY(tensor_new(arena, DTYPE_F32, 2, logits->shape, out));
    kernel_unary(UNARY_SCALE, n * classes, (float)(1 / temperature), 0, TENSOR_F32(logits), TENSOR_F32(*out));
    kernel_softmax(n, classes, false, TENSOR_F32(*out), TENSOR_F32(*out));
    return STATUS_OK;
}

/* Each example draws from its own stream, place after place. positions i32[n] ascend; drawn i32[n]. */
static Status draw(const ObjectiveInput *in, const Tensor *positions, const Tensor *logits, double temperature,
                   int32_t *drawn)
{
    const Batch *batch = in->pass->batch;
    int64_t n = tensor_count(positions), classes = logits->shape[1], row = -1;
    Tensor *examples, *ids, *probabilities;
    RandomKey key = random_subkey(in->key, (uint64_t)batch->epoch);
    Random random = random_stream(key);
    TRY(batch_get(batch, "example_ids", &examples));
    TRY(batch_get(batch, "input_ids", &ids));
    TRY(probabilities_of(tape_arena(in->pass->tape), logits, temperature, &probabilities));
    for (int64_t i = 0; i < n; i++) {
        int64_t at = TENSOR_I32(positions)[i] / ids->shape[1];
        if (at != row) random = random_stream(random_subkey(key, ((const uint64_t *)tensor_data(examples))[at]));
        row = at;
        drawn[i] = token_at(TENSOR_F32(probabilities) + i * classes, classes, random_uniform(&random));
    }
    tensor_unref(probabilities);
    return STATUS_OK;
}

static Status fill_places(const Objective *objective, const ObjectiveInput *in, const Tensor *positions,
                          const Tensor *logits, Tensor *ids)
{
    double temperature = ((const RtdConfig *)objective->config)->temperature;
    int64_t n = tensor_count(positions), classes = logits->shape[1];
    Arena *arena = tape_arena(in->pass->tape);
    int32_t *drawn;
    size_t bytes = (size_t)n * sizeof *drawn;
    TRY(arena_take(arena, bytes, &drawn));
    if (temperature > 0)
        TRY(draw(in, positions, logits, temperature, drawn));
    else
        for (int64_t i = 0; i < n; i++) drawn[i] = likeliest(TENSOR_F32(logits) + i * classes, classes);
    for (int64_t i = 0; i < n; i++) TENSOR_I32(ids)[TENSOR_I32(positions)[i]] = drawn[i];
    arena_give(arena, drawn, bytes);
    return STATUS_OK;
}

/* --- what is asked about it --- */

/* The places of all sequences before their padding: i32[n]. */
static Status find_rows(Arena *arena, const Batch *batch, const Tensor *ids, Tensor **out)
{
    int64_t width = ids->shape[1], count = 0;
    const Tensor *lengths = batch_find(batch, "lengths");
    int32_t *rows;
    size_t room = (size_t)tensor_count(ids) * sizeof *rows;
    TRY(arena_take(arena, room, &rows));
    for (int64_t i = 0; i < tensor_count(ids); i++)
        if (!lengths || i % width < TENSOR_I32(lengths)[i / width]) rows[count++] = (int32_t)i;
    Status status = tensor_new(arena, DTYPE_I32, 1, &count, out);
    for (int64_t i = 0; i < count && status == STATUS_OK; i++) TENSOR_I32(*out)[i] = rows[i];
    arena_give(arena, rows, room);
    return status;
}

/* f32[n,1]: 1 where a masked place got another token than it had. */
static Status find_replaced(Arena *arena, const Tensor *positions, const Tensor *targets, const Tensor *ids,
                            const Tensor *rows, Tensor **out)
{
    int64_t n = tensor_count(rows), masked = tensor_count(positions), m = 0;
    TRY(tensor_new(arena, DTYPE_F32, 2, (int64_t[]){n, 1}, out));
    for (int64_t i = 0; i < n; i++) {
        int32_t at = TENSOR_I32(rows)[i];
        while (m < masked && TENSOR_I32(positions)[m] < at) m++;
        bool asked = m < masked && TENSOR_I32(positions)[m] == at;
        TENSOR_F32(*out)[i] = asked && TENSOR_I32(ids)[at] != TENSOR_I32(targets)[m];
    }
    return STATUS_OK;
}

/* A second pass of the model, with dropout of its own, over the filled batch: f32[n,1]. */
static Status discriminate(const ObjectiveInput *in, Tensor *ids, Tensor *rows, Tensor **out)
{
    Tape *tape = in->pass->tape;
    RandomKey before = tape_random(tape);
    Forward *second;
    Tensor *all, *column;
    TRY(forward_replaced(in->pass, ids, &second));
    tape_set_random(tape, random_subkey_name(before, "discriminator"));
    Status status = forward_output(second, "rtd_logits", &all);
    tape_set_random(tape, before);
    TRY(status);
    TRY(f_reshape(tape, all, 2, (int64_t[]){-1, 1}, &column));
    return f_gather_rows(tape, column, rows, out);
}

Status rtd_detect(const Objective *objective, const ObjectiveInput *in, RtdDetection *out)
{
    const Batch *batch = in->pass->batch;
    Arena *arena = tape_arena(in->pass->tape);
    Tensor *positions = batch_find(batch, "masked_positions"), *targets = batch_find(batch, "masked_targets");
    Tensor *ids, *words;
    if (!positions || !targets || tensor_count(positions) != tensor_count(targets))
        return status_fail(
            STATUS_INVALID,
            "%s: the batch has no masked places; an objective 'mlm' on the same model and data masks "
            "them",
            objective->name);
    TRY(batch_get(batch, "input_ids", &ids));
    TRY(forward_output(in->pass, "mlm_logits", &words));
    TRY(tensor_clone(arena, ids, &out->ids));
    TRY(fill_places(objective, in, positions, words, out->ids));
    TRY(find_rows(arena, batch, ids, &out->rows));
    TRY(find_replaced(arena, positions, targets, out->ids, out->rows, &out->replaced));
    return discriminate(in, out->ids, out->rows, &out->logits);
}

/* As two classes, original and replaced: the logit against 0. */
static Status predict(Arena *arena, const RtdDetection *detection, Prediction *prediction)
{
    int64_t n = tensor_count(detection->rows), right = 0;
    TRY(tensor_new_zeros(arena, DTYPE_F32, 2, (int64_t[]){n, 2}, &prediction->logits));
    TRY(tensor_new(arena, DTYPE_I32, 1, &n, &prediction->targets));
    for (int64_t i = 0; i < n; i++) {
        float logit = TENSOR_F32(detection->logits)[i];
        int32_t replaced = TENSOR_F32(detection->replaced)[i] > 0;
        TENSOR_F32(prediction->logits)[2 * i + 1] = logit;
        TENSOR_I32(prediction->targets)[i] = replaced;
        right += (logit > 0) == replaced;
    }
    prediction->accuracy = n ? (double)right / (double)n : (double)NAN;
    return STATUS_OK;
}

static Status rtd_loss(const Objective *objective, const ObjectiveInput *in, Tensor **loss, Prediction *prediction)
{
    Tape *tape = in->pass->tape;
    RtdDetection detection;
    TRY(rtd_detect(objective, in, &detection));
    if (prediction) TRY(predict(tape_arena(tape), &detection, prediction));
    TRY(tape_enter(tape, objective->name));
    Status status = f_binary_cross_entropy_with_logits(tape, detection.logits, detection.replaced, loss);
    tape_leave(tape);
    return status;
}

const ObjectiveRecord objective_rtd = {
    .name = "rtd",
    .doc = "Replaced-token detection: which tokens did the generator put where an objective 'mlm' masks? ELECTRA "
           "weights it 50 times mlm.",
    .source = "Clark et al. 2020, ELECTRA, section 2",
    .options = options,
    .config_size = sizeof(RtdConfig),
    .output = "rtd_logits",
    .loss = rtd_loss,
};
