/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Extractive answers: where in a text the answer begins and where it ends. */
#include "engine/autograd/functions.h"
#include "engine/objectives/objective.h"

#include <math.h>

/* 0 where an answer may begin or end, -infinity elsewhere: the first token ("no answer") and those of the second
 * segment but its last, [SEP]. f32[2B,T], for beginnings and ends. */
static Status new_mask(Arena *arena, const Batch *batch, Tensor **out)
{
    Tensor *types, *lengths;
    TRY(batch_get(batch, "token_type_ids", &types));
    TRY(batch_get(batch, "lengths", &lengths));
    int64_t rows = types->shape[0], width = types->shape[1];
    TRY(tensor_new(arena, DTYPE_F32, 2, (int64_t[]){2 * rows, width}, out));
    for (int64_t r = 0; r < 2 * rows; r++)
        for (int64_t i = 0; i < width; i++) {
            int64_t row = r % rows;
            bool open = i == 0 || (TENSOR_I32(types)[row * width + i] == 1 && i < TENSOR_I32(lengths)[row] - 1);
            TENSOR_F32(*out)[r * width + i] = open ? 0 : -INFINITY;
        }
    return STATUS_OK;
}

/* i32[2B] */
static Status both_targets(Arena *arena, const Batch *batch, Tensor **out)
{
    static const char *const names[] = {"start_positions", "end_positions"};
    Tensor *part;
    TRY(batch_get(batch, names[0], &part));
    int64_t rows = tensor_count(part);
    TRY(tensor_new(arena, DTYPE_I32, 1, (int64_t[]){2 * rows}, out));
    for (int k = 0; k < 2; k++) {
        TRY(batch_get(batch, names[k], &part));
        for (int64_t i = 0; i < rows; i++) TENSOR_I32(*out)[k * rows + i] = TENSOR_I32(part)[i];
    }
    return STATUS_OK;
}

/* f32[B,T,2] -> f32[2B,T], masked. */
static Status both_logits(Tape *tape, Tensor *spans, Tensor *mask, Tensor **out)
{
    Tensor *parts[2], *both;
    for (int k = 0; k < 2; k++) TRY(f_select(tape, spans, 2, k, &parts[k]));
    TRY(f_concat(tape, parts, 2, 0, &both));
    return f_add(tape, both, mask, out);
}

static Status span_loss(const Objective *objective, const ObjectiveInput *in, Tensor **loss, Prediction *prediction)
{
    Forward *pass = in->pass;
    Arena *arena = tape_arena(pass->tape);
    Tensor *spans, *mask, *targets, *logits;
    TRY(both_targets(arena, pass->batch, &targets));
    TRY(new_mask(arena, pass->batch, &mask));
    TRY(forward_output(pass, "span_logits", &spans));
    TRY(tape_enter(pass->tape, objective->name));
    Status status = both_logits(pass->tape, spans, mask, &logits);
    if (status == STATUS_OK) status = f_cross_entropy(pass->tape, logits, targets, -100, loss);
    tape_leave(pass->tape);
    if (prediction) prediction->logits = logits;
    if (prediction) prediction->targets = targets;
    return status;
}

const ObjectiveRecord objective_span = {
    .name = "span",
    .doc = "Extractive answers: cross-entropies of the places of the answer's first and last token, their mean.",
    .source = "Devlin et al. 2019, section 4.2",
    .output = "span_logits",
    .targets = "start_positions",
    .remedy = "data.squad(path, tokenizer)",
    .spans = true,
    .loss = span_loss,
};
