/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/span_scores.h"

#include "engine/base/memory.h"

#include <math.h>

static SpanAnswer best_span(const float *begins, const float *ends, int64_t width)
{
    SpanAnswer best = {.score = -INFINITY, .none = begins[0] + ends[0]};
    for (int64_t start = 1; start < width; start++)
        for (int64_t end = start; end < width && end < start + SPAN_MAX_TOKENS; end++) {
            float score = begins[start] + ends[end];
            if (!(score > best.score)) continue;
            best.score = score;
            best.start = (int32_t)start;
            best.end = (int32_t)end;
        }
    return best;
}

Status span_answers_add(SpanAnswers *answers, const Batch *batch, const Tensor *logits)
{
    Tensor *examples;
    int64_t rows = batch->size, width = logits->shape[1];
    TRY(batch_get(batch, "example_ids", &examples));
    if (answers->count + rows > answers->room) {
        int64_t room = 2 * (answers->count + rows);
        TRY(memory_resize(&answers->items, (size_t)room, sizeof *answers->items));
        answers->room = room;
    }
    for (int64_t r = 0; r < rows; r++) {
        const float *begins = TENSOR_F32(logits) + r * width, *ends = TENSOR_F32(logits) + (rows + r) * width;
        SpanAnswer answer = best_span(begins, ends, width);
        answer.example = ((const int64_t *)tensor_data(examples))[r];
        answers->items[answers->count++] = answer;
    }
    return STATUS_OK;
}

void span_answers_free(SpanAnswers *answers)
{
    memory_free(answers->items);
    *answers = (SpanAnswers){0};
}
