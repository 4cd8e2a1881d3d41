/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/evaluate.h"

#include "engine/base/cancel.h"
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/train/classes.h"
#include "engine/train/span_scores.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BASELINE_BATCHES = 200 }; /* of training data, from which class shares are counted */

/* How often each class was a target in the training data. */
typedef struct Shares {
    int64_t *counts;
    int64_t classes, total;
} Shares;

/* Whether the targets stand in the batch: shares are counted in the training data. Otherwise, as for tokens that a
 * model replaced, they come with the prediction, and shares are those of the held-out data. */
static bool has_field(const Objective *objective)
{
    return objective->record->targets != NULL;
}

typedef struct Evaluator {
    Session *session;
    const EvaluationOptions *options;
    Evaluation *out;
    Shares shares[SESSION_MAX_OBJECTIVES];
    ClassCounts counts[SESSION_MAX_OBJECTIVES];
    SpanAnswers answers[SESSION_MAX_OBJECTIVES];
    int64_t batches; /* done */
} Evaluator;

/* A domain classifier compares two sources: on held-out data alone there is nothing to tell. */
static bool measured(const Session *session, int place)
{
    return session->objectives[place]->enabled && !objective_target(session->objectives[place]);
}

/* --- class shares of the training data --- */

static Status grow_shares(Shares *shares, int64_t classes)
{
    if (classes <= shares->classes) return STATUS_OK;
    TRY(memory_resize(&shares->counts, (size_t)classes, sizeof *shares->counts));
    memset(shares->counts + shares->classes, 0, (size_t)(classes - shares->classes) * sizeof *shares->counts);
    shares->classes = classes;
    return STATUS_OK;
}

static Status count_targets(Shares *shares, const Tensor *targets)
{
    for (int64_t i = 0; i < tensor_count(targets); i++) {
        int32_t class = TENSOR_I32(targets)[i];
        if (class < 0) continue;
        TRY(grow_shares(shares, class + 1));
        shares->counts[class]++;
        shares->total++;
    }
    return STATUS_OK;
}

static Status count_batch(Evaluator *evaluator, Passes *passes)
{
    Session *session = evaluator->session;
    for (int i = 0; i < session->objective_count; i++) {
        const Objective *objective = session->objectives[i];
        Forward *pass;
        if (!measured(session, i) || !has_field(objective)) continue;
        TRY(passes_get(passes, objective, &pass));
        Tensor *targets = batch_find(pass->batch, objective->record->targets);
        if (targets) TRY(count_targets(&evaluator->shares[i], targets));
    }
    return STATUS_OK;
}

/* Reads the batch of each data source that an objective names; from replaces them where it is not NULL. */
static Status read_batches(Session *session, SessionSource *from, Cursor *cursors, Passes *passes)
{
    for (int i = 0; i < session->objective_count; i++) {
        SessionSource *entry = session_source(session, session->objectives[i]->source);
        int place = (int)(entry - session->sources);
        if (passes->batches[place].size || !measured(session, i)) continue;
        const SessionSource *read = from ? from : entry;
        TRY(source_next(read->source, read->batch_size, session->arena, &cursors[from ? 0 : place],
                        &passes->batches[place]));
    }
    return STATUS_OK;
}

static Status count_shares(Evaluator *evaluator)
{
    Session *session = evaluator->session;
    Cursor cursors[SESSION_MAX_SOURCES];
    for (int i = 0; i < session->source_count; i++) cursors[i] = (Cursor){.seed = session->sources[i].source->seed};
    for (int n = 0; n < BASELINE_BATCHES && cursors[0].epoch == 0; n++) {
        Passes passes = {.session = session, .key = random_key(session->seed, "baseline")};
        Status status = cancel_check();
        if (status == STATUS_OK) status = read_batches(session, NULL, cursors, &passes);
        if (status == STATUS_OK) status = count_batch(evaluator, &passes);
        passes_clear(&passes);
        tape_reset(session->tape);
        TRY(status);
    }
    return STATUS_OK;
}

/* --- scores --- */

static int64_t row_argmax(const float *row, int64_t classes)
{
    int64_t best = 0;
    for (int64_t i = 1; i < classes; i++)
        if (row[i] > row[best]) best = i;
    return best;
}

/* Sums, which finish() turns into means. */
static void add_prediction(Score *score, const Prediction *prediction, const Shares *shares,
                           const Vocabulary *vocabulary)
{
    int64_t classes = prediction->logits->shape[1];
    int64_t common = 0;
    for (int64_t c = 1; c < shares->classes; c++)
        if (shares->counts[c] > shares->counts[common]) common = c;
    for (int64_t i = 0; i < tensor_count(prediction->targets); i++) {
        int64_t target = TENSOR_I32(prediction->targets)[i];
        if (target < 0) continue;
        score->targets++;
        if (vocabulary && vocabulary->lengths && target < vocabulary->size)
            score->bytes += vocabulary->lengths[target];
        score->accuracy += row_argmax(TENSOR_F32(prediction->logits) + i * classes, classes) == target;
        if (!shares->total) continue;
        double count = target < shares->classes ? (double)shares->counts[target] : 0;
        score->unigram_loss -= log((count + 1) / ((double)shares->total + (double)classes));
        score->unigram_accuracy += common == target;
    }
}

static Status count_classes(Evaluator *evaluator, const Prediction *prediction, int place)
{
    int64_t classes = prediction->logits->shape[1];
    if (!objective_scores_classes(evaluator->session->objectives[place])) return STATUS_OK;
    for (int64_t i = 0; i < tensor_count(prediction->targets); i++) {
        int64_t label = TENSOR_I32(prediction->targets)[i],
                answer = row_argmax(TENSOR_F32(prediction->logits) + i * classes, classes);
        if (label >= 0)
            TRY(class_counts_add(&evaluator->counts[place], classes, label, answer,
                                 &evaluator->out->scores[place].classes));
    }
    return STATUS_OK;
}

static double row_nll(const float *row, int64_t classes, int64_t target)
{
    double most = (double)row[row_argmax(row, classes)], sum = 0;
    for (int64_t i = 0; i < classes; i++) sum += exp((double)row[i] - most);
    return log(sum) + most - (double)row[target];
}

/* The model's loss on the targets for which the oracle has an answer. */
static void add_known(Score *score, const Prediction *prediction, const uint8_t *known)
{
    int64_t classes = prediction->logits->shape[1];
    for (int64_t i = 0; i < tensor_count(prediction->targets); i++) {
        int64_t target = TENSOR_I32(prediction->targets)[i];
        if (!known[i] || target < 0) continue;
        score->known_loss += row_nll(TENSOR_F32(prediction->logits) + i * classes, classes, target);
        score->best_targets++;
    }
}

static Status add_oracle(Evaluator *evaluator, const SessionSource *from, const Objective *objective,
                         const Forward *pass, const Prediction *prediction, Score *score)
{
    Source *source = from->source;
    int64_t limit = evaluator->options->oracle_batches;
    uint8_t *known;
    if (!source->type->oracle || !has_field(objective) ||
        evaluator->batches >= (limit ? limit : EVALUATION_ORACLE_BATCHES))
        return STATUS_OK;
    TRY(memory_new((size_t)tensor_count(prediction->targets) + 1, sizeof *known, &known));
    Status status = source->type->oracle(source, pass->batch, objective->record->targets, known, &score->best_loss);
    if (status == STATUS_OK) add_known(score, prediction, known);
    memory_free(known);
    return status;
}

static Status score_objective(Evaluator *evaluator, const SessionSource *from, Passes *passes, int place)
{
    Session *session = evaluator->session;
    const Objective *objective = session->objectives[place];
    Score *score = &evaluator->out->scores[place];
    Prediction prediction;
    ObjectiveInput input;
    Tensor *loss;
    TRY(passes_input(passes, objective, &input));
    TRY(objective_loss(objective, &input, &loss, &prediction));
    double value = tensor_get(loss, 0);
    if (!prediction.logits) {
        score->loss += value;
        return STATUS_OK;
    }
    int64_t before = score->targets;
    if (!has_field(objective)) TRY(count_targets(&evaluator->shares[place], prediction.targets));
    add_prediction(score, &prediction, has_field(objective) ? &evaluator->shares[place] : &(Shares){0},
                   input.pass->batch->vocabulary);
    TRY(count_classes(evaluator, &prediction, place));
    if (objective->record->spans && from->source->type->answer)
        TRY(span_answers_add(&evaluator->answers[place], input.pass->batch, prediction.logits));
    score->loss += value * (double)(score->targets - before);
    if (!evaluator->options->baselines) return STATUS_OK;
    return add_oracle(evaluator, from, objective, input.pass, &prediction, score);
}

static Status score_batch(Evaluator *evaluator, SessionSource *from, Cursor *cursor)
{
    Session *session = evaluator->session;
    RandomKey draws = random_key(session->seed, "evaluation draws"); /* the same in every evaluation */
    Passes passes = {.session = session,
                     .key = random_key(session->seed, "evaluation"),
                     .draws = random_subkey(draws, (uint64_t)evaluator->batches),
                     .step = session->step};
    session_set_mode(session, false);
    Status status = read_batches(session, from, cursor, &passes);
    for (int i = 0; status == STATUS_OK && i < session->objective_count; i++)
        if (measured(session, i)) status = score_objective(evaluator, from, &passes, i);
    for (int i = 0; i < session->source_count && status == STATUS_OK; i++)
        evaluator->out->examples += passes.batches[i].size;
    passes_clear(&passes);
    tape_reset(session->tape);
    evaluator->batches++;
    return status;
}

/* Of somebody who knows the shares of the held-out targets; as sums. */
static void score_shares(const Shares *shares, Score *score)
{
    int64_t most = 0;
    for (int64_t c = 0; c < shares->classes; c++) {
        double count = (double)shares->counts[c];
        if (shares->counts[c] > most) most = shares->counts[c];
        if (count > 0) score->unigram_loss -= count * log(count / (double)shares->total);
    }
    score->unigram_accuracy = (double)most;
}

static void finish_text(Score *score, const Objective *objective)
{
    bool text = score->targets > 0 && objective->record->text;
    score->perplexity = text ? exp(score->loss) : (double)NAN;
    score->bits_per_byte =
        text && score->bytes ? score->loss * (double)score->targets / (M_LN2 * (double)score->bytes) : (double)NAN;
}

/* Exact match and F1 of the questions, by the source's own texts. */
static Status score_answers(Evaluator *evaluator, const SessionSource *from)
{
    for (int i = 0; i < evaluator->session->objective_count; i++) {
        const SpanAnswers *answers = &evaluator->answers[i];
        AnswerScore *score = &evaluator->out->scores[i].answers;
        if (answers->count == 0) continue;
        TRY(from->source->type->answer(from->source, answers->items, answers->count, score));
        score->exact_match /= (double)score->questions;
        score->f1 /= (double)score->questions;
    }
    return STATUS_OK;
}

static void finish(Evaluator *evaluator, const SessionSource *from)
{
    Session *session = evaluator->session;
    for (int i = 0; i < session->objective_count; i++) {
        Score *score = &evaluator->out->scores[i];
        bool classes = score->targets > 0, baselines = classes && evaluator->options->baselines;
        double n = classes ? (double)score->targets : (double)evaluator->batches;
        memcpy(score->name, session->objectives[i]->name, sizeof score->name);
        if (baselines && !has_field(session->objectives[i])) score_shares(&evaluator->shares[i], score);
        score->loss = measured(session, i) ? score->loss / n : (double)NAN;
        score->accuracy = classes ? score->accuracy / n : (double)NAN;
        score->unigram_loss = baselines ? score->unigram_loss / n : (double)NAN;
        score->unigram_accuracy = baselines ? score->unigram_accuracy / n : (double)NAN;
        score->best_loss = score->best_targets ? score->best_loss / (double)score->best_targets : (double)NAN;
        score->known_loss = score->best_targets ? score->known_loss / (double)score->best_targets : (double)NAN;
        finish_text(score, session->objectives[i]);
        class_counts_finish(&evaluator->counts[i], &score->classes);
        score->classes.names = from->source->class_count == score->classes.count ? from->source->classes : NULL;
    }
    evaluator->out->count = session->objective_count;
}

static Status run(Evaluator *evaluator, SessionSource *from)
{
    const EvaluationOptions *options = evaluator->options;
    Cursor cursor = {.seed = from->source->seed};
    int64_t size = from->batch_size > 0 ? from->batch_size : 1;
    int64_t all = (from->source->examples + size - 1) / size;
    if (options->batches && options->batches < all) all = options->batches;
    if (options->baselines) TRY(count_shares(evaluator));
    while (cursor.epoch == 0 && evaluator->batches < all) {
        TRY(cancel_check());
        TRY(score_batch(evaluator, from, &cursor));
        if (options->progress) options->progress(options->context, evaluator->batches, all);
    }
    return STATUS_OK;
}

Status evaluate(Session *session, const EvaluationOptions *options, Evaluation *out)
{
    SessionSource *from = session_source(session, options->source);
    if (!from)
        return status_fail(STATUS_INVALID, "evaluate: there is no data source '%s' in the session",
                           options->source);
    TRY(session_check(session));
    double start = clock_seconds();
    *out = (Evaluation){0};
    Evaluator evaluator = {.session = session, .options = options, .out = out};
    Status status = run(&evaluator, from);
    if (status == STATUS_OK) status = score_answers(&evaluator, from);
    if (status == STATUS_OK) finish(&evaluator, from);
    for (int i = 0; i < SESSION_MAX_OBJECTIVES; i++) {
        memory_free(evaluator.shares[i].counts);
        class_counts_free(&evaluator.counts[i]);
        span_answers_free(&evaluator.answers[i]);
    }
    out->seconds = clock_seconds() - start;
    return status;
}
