/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/likelihood.h"

#include <math.h>
#include <string.h>

enum { ROWS = 16 }; /* of a batch in which each row has another token masked */

typedef struct Scoring {
    Session *session;
    Model *model;
    const Vocabulary *vocabulary;
    const int32_t *ids;
    int64_t count;
    Likelihood *out;
} Scoring;

static bool has_output(const Model *model, const char *name)
{
    for (const ModelOutput *output = model->record->outputs; output->name; output++)
        if (strcmp(output->name, name) == 0) return true;
    return false;
}

static Status check(const Scoring *scoring)
{
    const Model *model = scoring->model;
    TRY(model_check_vocabulary(model, "likelihood: the tokenizer", scoring->vocabulary->size));
    int64_t most = model->record->max_length ? model->record->max_length(model) : 0;
    if (most && scoring->count > most)
        return status_fail(STATUS_INVALID,
                           "likelihood: the text has %lld tokens, model '%s' takes %lld; shorten it",
                           (long long)scoring->count, model->name, (long long)most);
    for (int64_t i = 0; i < scoring->count; i++)
        if (scoring->ids[i] < 0 || scoring->ids[i] >= scoring->vocabulary->size)
            return status_fail(STATUS_INVALID, "likelihood: token %lld is %d, the vocabulary has %lld",
                               (long long)i, scoring->ids[i], (long long)scoring->vocabulary->size);
    return STATUS_OK;
}

/* log softmax(row)[id] */
static double log_probability(const float *row, int64_t classes, int32_t id)
{
    float most = row[0];
    double sum = 0;
    for (int64_t i = 1; i < classes; i++) most = row[i] > most ? row[i] : most;
    for (int64_t i = 0; i < classes; i++) sum += exp((double)(row[i] - most));
    return (double)(row[id] - most) - log(sum);
}

static Status put_ints(Batch *batch, Arena *arena, const char *name, int ndim, const int64_t *shape, Tensor **out)
{
    TRY(tensor_new_zeros(arena, DTYPE_I32, ndim, shape, out));
    return batch_put(batch, name, *out);
}

/* Rows of the same text: input_ids, lengths, token_type_ids. */
static Status fill(const Scoring *scoring, int64_t rows, Batch *batch, Tensor **ids)
{
    Arena *arena = scoring->session->arena;
    Tensor *lengths, *types;
    *batch = (Batch){.size = rows, .vocabulary = scoring->vocabulary};
    TRY(put_ints(batch, arena, "input_ids", 2, (int64_t[]){rows, scoring->count}, ids));
    TRY(put_ints(batch, arena, "lengths", 1, (int64_t[]){rows}, &lengths));
    TRY(put_ints(batch, arena, "token_type_ids", 2, (int64_t[]){rows, scoring->count}, &types));
    for (int64_t r = 0; r < rows; r++) {
        memcpy(TENSOR_I32(*ids) + r * scoring->count, scoring->ids, (size_t)scoring->count * sizeof *scoring->ids);
        TENSOR_I32(lengths)[r] = (int32_t)scoring->count;
    }
    return STATUS_OK;
}

static bool is_unknown(const Scoring *scoring, int64_t i)
{
    return scoring->ids[i] == scoring->vocabulary->unknown;
}

/* Special tokens are no text, but for that which stands for an unknown word: leaving it out would make rubbish
 * likely. */
static bool is_scored(const Scoring *scoring, int64_t i)
{
    return !scoring->vocabulary->special[scoring->ids[i]] || is_unknown(scoring, i);
}

static void count_token(const Scoring *scoring, int64_t i, double log_likelihood)
{
    scoring->out->log_likelihood += log_likelihood;
    scoring->out->tokens++;
    scoring->out->unknown += is_unknown(scoring, i);
}

static Status score_decoder(const Scoring *scoring, Batch *batch)
{
    Forward *pass;
    Tensor *ids, *logits;
    TRY(fill(scoring, 1, batch, &ids));
    TRY(forward_new(scoring->model, scoring->session->tape, batch, &pass));
    TRY(forward_output(pass, "clm_logits", &logits));
    for (int64_t i = 1; i < scoring->count; i++) {
        const float *row = TENSOR_F32(logits) + (i - 1) * logits->shape[1];
        count_token(scoring, i, log_probability(row, logits->shape[1], scoring->ids[i]));
    }
    return STATUS_OK;
}

/* The rows' masked places are places[0..rows). */
static Status score_masked(const Scoring *scoring, const int64_t *places, int64_t rows, Batch *batch)
{
    Forward *pass;
    Tensor *ids, *positions, *targets, *logits;
    TRY(fill(scoring, rows, batch, &ids));
    TRY(put_ints(batch, scoring->session->arena, "masked_positions", 1, (int64_t[]){rows}, &positions));
    TRY(put_ints(batch, scoring->session->arena, "masked_targets", 1, (int64_t[]){rows}, &targets));
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = r * scoring->count + places[r];
        TENSOR_I32(ids)[at] = scoring->vocabulary->mask;
        TENSOR_I32(positions)[r] = (int32_t)at;
        TENSOR_I32(targets)[r] = scoring->ids[places[r]];
    }
    TRY(forward_new(scoring->model, scoring->session->tape, batch, &pass));
    TRY(forward_output(pass, "mlm_logits", &logits));
    for (int64_t r = 0; r < rows; r++)
        count_token(
            scoring, places[r],
            log_probability(TENSOR_F32(logits) + r * logits->shape[1], logits->shape[1], TENSOR_I32(targets)[r]));
    return STATUS_OK;
}

static void end_pass(const Scoring *scoring, Batch *batch)
{
    batch_clear(batch);
    tape_reset(scoring->session->tape);
}

static Status score_all_masked(const Scoring *scoring)
{
    int64_t places[ROWS], rows = 0;
    for (int64_t i = 0; i <= scoring->count; i++) {
        bool last = i == scoring->count;
        if (!last && is_scored(scoring, i)) places[rows++] = i;
        if (rows == 0 || (rows < ROWS && !last)) continue;
        Batch batch = {0};
        Status status = score_masked(scoring, places, rows, &batch);
        end_pass(scoring, &batch);
        TRY(status);
        rows = 0;
    }
    return STATUS_OK;
}

Status session_likelihood(Session *session, Model *model, const Vocabulary *vocabulary, const int32_t *ids,
                          int64_t count, Likelihood *out)
{
    Scoring scoring = {session, model, vocabulary, ids, count, out};
    *out = (Likelihood){0};
    TRY(check(&scoring));
    session_set_mode(session, false);
    if (has_output(model, "clm_logits")) {
        Batch batch = {0};
        Status status = score_decoder(&scoring, &batch);
        end_pass(&scoring, &batch);
        TRY(status);
    } else if (has_output(model, "mlm_logits") && vocabulary->mask >= 0) {
        TRY(score_all_masked(&scoring));
    } else {
        return status_fail(STATUS_INVALID, "likelihood: model '%s' is a %s, which predicts no tokens", model->name,
                           model->record->name);
    }
    return out->tokens ? STATUS_OK : status_fail(STATUS_INVALID, "likelihood: the text has no token to score");
}
