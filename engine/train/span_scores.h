/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From logits of answers' beginnings and ends to the best answer of each window. Whoever makes the list frees it.
 */
#ifndef LATHE_TRAIN_SPAN_SCORES_H
#define LATHE_TRAIN_SPAN_SCORES_H

#include "engine/train/source.h"

enum { SPAN_MAX_TOKENS = 30 }; /* of an answer, as in Devlin et al.'s run_squad.py */

typedef struct SpanAnswers {
    SpanAnswer *items;
    int64_t count, room;
} SpanAnswers;

/* Adds an answer for each example of the batch. logits f32[2B,T]: rows of beginnings, then rows of ends; -infinity
 * where there can be none; place 0 stands for no answer. Errors: memory. */
Status span_answers_add(SpanAnswers *answers, const Batch *batch, const Tensor *logits) STATUS_CHECKED;
void span_answers_free(SpanAnswers *answers);

#endif
