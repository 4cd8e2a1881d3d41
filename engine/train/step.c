/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One step: batches, views, forward passes, losses, backward, clipping, update, commit. */
#include "engine/autograd/functions.h"
#include "engine/base/cancel.h"
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/turns.h"
#include "engine/train/pruning.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- forward passes that objectives share --- */

static Status make_view(Passes *passes, struct Pass *pass, const Batch *plain)
{
    Session *session = passes->session;
    batch_share(&pass->batch, plain);
    if (!pass->view[0]) return STATUS_OK;
    const Objective *owner = session_objective(session, pass->view);
    RandomKey key = random_subkey_name(passes->key, owner->name);
    return owner->record->view(owner, key, session->arena, plain, &pass->batch);
}

static Status get_pass(Passes *passes, Model *model, int source, const char view[OBJECTIVE_NAME_SIZE],
                       Forward **out)
{
    Session *session = passes->session;
    struct Pass *pass = passes->items;
    for (int i = 0; i < passes->count; i++, pass++)
        if (pass->model == model && pass->source == source && strcmp(pass->view, view) == 0) break;
    if (pass == passes->items + passes->count) {
        *pass = (struct Pass){.model = model, .source = source};
        memcpy(pass->view, view, sizeof pass->view);
        passes->count++;
        TRY(make_view(passes, pass, &passes->batches[source]));
        TRY(forward_new(model, session->tape, &pass->batch, &pass->forward));
    }
    RandomKey dropout = random_subkey_name(random_subkey_name(passes->dropout, model->name), pass->view);
    tape_set_random(session->tape, random_subkey(dropout, (uint64_t)source));
    session->computing = model;
    *out = pass->forward;
    return STATUS_OK;
}

static int place_of_source(Session *session, const char *name)
{
    return (int)(session_source(session, name) - session->sources);
}

static Status read_batch(Passes *passes, Cursor *cursors, const char *name)
{
    Session *session = passes->session;
    int place = place_of_source(session, name);
    const SessionSource *entry = &session->sources[place];
    if (passes->batches[place].size) return STATUS_OK;
    return source_next(entry->source, entry->batch_size, session->arena, &cursors[place], &passes->batches[place]);
}

Status passes_read(Passes *passes, Cursor *cursors, const Objective *objective)
{
    const char *target = objective_target(objective);
    TRY(read_batch(passes, cursors, objective->source));
    return target ? read_batch(passes, cursors, target) : STATUS_OK;
}

Status passes_get(Passes *passes, const Objective *objective, Forward **out)
{
    Session *session = passes->session;
    return get_pass(passes, session_model(session, objective->model), place_of_source(session, objective->source),
                    objective->view, out);
}

/* The trunk of the first pass is computed while its own random key is set. */
Status passes_input(Passes *passes, const Objective *objective, ObjectiveInput *out)
{
    Session *session = passes->session;
    Model *model = session_model(session, objective->model);
    const char *target = objective_target(objective);
    static const char plain[OBJECTIVE_NAME_SIZE];
    Tensor *trunk;
    *out = (ObjectiveInput){.step = passes->step,
                            .steps = session->steps,
                            .micro = passes->micro,
                            .key = random_subkey_name(passes->key, objective->name),
                            .random = random_subkey_name(passes->draws, objective->name)};
    TRY(passes_get(passes, objective, &out->pass));
    if (!target) return STATUS_OK;
    TRY(forward_output(out->pass, model->record->trunk, &trunk));
    return get_pass(passes, model, place_of_source(session, target), plain, &out->target);
}

void passes_clear(Passes *passes)
{
    for (int i = 0; i < passes->count; i++) batch_clear(&passes->items[i].batch);
    for (int i = 0; i < SESSION_MAX_SOURCES; i++) batch_clear(&passes->batches[i]);
    passes->count = 0;
}

/* --- a micro-step --- */

typedef struct Micro {
    Session *session;
    Cursor cursors[SESSION_MAX_SOURCES]; /* where the sources stand, not committed yet */
    StepMetrics *metrics;
    int64_t step;            /* steps done before it */
    int64_t number;          /* of this micro-step */
    const SessionLook *look; /* NULL: a step that counts */
} Micro;

/* Whether it has a part in this micro-step. */
static bool takes_part(const Micro *micro, const Objective *objective)
{
    return objective_active(objective) && (!micro->look || !micro->look->only || micro->look->only == objective);
}

static void count_tokens(StepMetrics *metrics, const Batch *batch)
{
    const Tensor *lengths = batch_find(batch, "lengths");
    metrics->examples += batch->size;
    for (int64_t i = 0; lengths && i < batch->size; i++) metrics->tokens += TENSOR_I32(lengths)[i];
}

static Status read_batches(Micro *micro, Passes *passes)
{
    const Session *session = micro->session;
    for (int o = 0; o < session->objective_count; o++)
        if (takes_part(micro, session->objectives[o]))
            TRY(passes_read(passes, micro->cursors, session->objectives[o]));
    for (int i = 0; i < session->source_count; i++)
        if (passes->batches[i].size) count_tokens(micro->metrics, &passes->batches[i]);
    return STATUS_OK;
}

static Status refuse_nonfinite(const Session *session, const Objective *objective, double value)
{
    return status_fail(
        STATUS_NONFINITE,
        "step %lld: the loss of objective '%s' is %s; nothing was updated, the last good state is that of "
        "step %lld. Lower the learning rate, or look at the batch",
        (long long)session->step + 1, objective->name, isnan(value) ? "NaN" : "infinite", (long long)session->step);
}

/* *mean += value * share, where there is a value. */
static void add_known(double *mean, double value, double share)
{
    if (!isnan(value)) *mean = (isnan(*mean) ? 0 : *mean) + value * share;
}

/* total += weight * loss of one objective. */
static Status add_objective(Micro *micro, Passes *passes, int place, Tensor **total)
{
    Session *session = micro->session;
    const Objective *objective = session->objectives[place];
    double share = 1 / (double)session->accumulate;
    const StepObserver *observer = micro->look ? micro->look->observer : session->observer;
    ObjectiveInput input;
    Prediction prediction;
    Tensor *loss, *weighted;
    TRY(passes_input(passes, objective, &input));
    TRY(objective_loss(objective, &input, &loss, &prediction));
    if (observer && observer->lost) TRY(observer->lost(observer->context, session, place, input.pass, &prediction));
    double value = tensor_get(loss, 0);
    if (!isfinite(value) && !micro->look) return refuse_nonfinite(session, objective, value);
    micro->metrics->objectives[place] += value * share;
    add_known(&micro->metrics->accuracies[place], prediction.accuracy, share);
    add_known(&micro->metrics->lambdas[place], prediction.lambda, share);
    TRY(f_scale(session->tape, loss, objective->weight * share, &weighted));
    if (*total)
        TRY(f_add(session->tape, *total, weighted, total));
    else
        *total = weighted;
    return STATUS_OK;
}

static bool any_frozen(const Session *session)
{
    for (int i = 0; i < session->model_count; i++)
        if (module_count_frozen(session->models[i]->root) > 0) return true;
    return false;
}

static Status forward_backward(Micro *micro, Passes *passes)
{
    Session *session = micro->session;
    Tensor *total = NULL;
    double start = clock_seconds();
    TRY(read_batches(micro, passes));
    micro->metrics->batch_seconds += clock_seconds() - start;
    for (int i = 0; i < session->objective_count; i++)
        if (takes_part(micro, session->objectives[i])) TRY(add_objective(micro, passes, i, &total));
    if (!total) return status_fail(STATUS_INVALID, "step: no objective is on with a weight above 0");
    micro->metrics->loss += tensor_get(total, 0);
    bool back = !micro->look || !micro->look->forward_only;
    if (!total->node && any_frozen(session)) back = false; /* nothing that the loss sees is trained */
    return back ? tape_backward(session->tape, total, NULL) : STATUS_OK;
}

static RandomKey key_of(const Micro *micro, const char *domain)
{
    RandomKey step = random_subkey(random_key(micro->session->seed, domain), (uint64_t)micro->step);
    return random_subkey(step, (uint64_t)micro->number);
}

static Status run_micro(Micro *micro)
{
    Session *session = micro->session;
    Passes passes = {.session = session,
                     .key = random_key(session->seed, "views"),
                     .dropout = key_of(micro, "dropout"),
                     .draws = key_of(micro, "draws"),
                     .step = micro->step,
                     .micro = micro->number};
    session_set_mode(session, true);
    Status status = forward_backward(micro, &passes);
    passes_clear(&passes);
    tape_reset(session->tape);
    return status;
}

static Status try_loss(Micro *micro, Passes *passes, const Objective *objective, double *out)
{
    ObjectiveInput input;
    Tensor *loss;
    TRY(passes_read(passes, micro->cursors, objective));
    TRY(passes_input(passes, objective, &input));
    TRY(objective_loss(objective, &input, &loss, NULL));
    if (out) *out = tensor_get(loss, 0);
    return STATUS_OK;
}

Status session_try(Session *session, const Objective *objective, double *loss)
{
    StepMetrics metrics = {0};
    Micro micro = {.session = session, .metrics = &metrics};
    Passes passes = {.session = session,
                     .key = random_key(session->seed, "try"),
                     .draws = random_key(session->seed, "try draws"),
                     .step = session->step};
    for (int i = 0; i < session->source_count; i++) micro.cursors[i] = session->sources[i].cursor;
    session_set_mode(session, false);
    Status status = try_loss(&micro, &passes, objective, loss);
    passes_clear(&passes);
    tape_reset(session->tape);
    return status;
}

/* --- whether objectives fit --- */

static Status refuse_data(const Objective *objective, const Batch *batch)
{
    Tensor *unused;
    const ObjectiveRecord *record = objective->record;
    Status status = batch_get(batch, record->targets, &unused);
    if (status == STATUS_OK || !record->remedy)
        return status == STATUS_OK ? status : status_context(status, "objective '%s'", objective->name);
    return status_fail(
        STATUS_INVALID,
        "objective '%s' (%s) reads the field '%s', which data source '%s' does not have; %s gives it",
        objective->name, record->name, record->targets, objective->source, record->remedy);
}

static Status list_models_with(const char *output, Buffer *out)
{
    for (int i = 0; i < model_record_count; i++)
        if (model_has_output(model_records[i], output))
            TRY(buffer_printf(out, "%smodels.%s", out->length ? ", " : "", model_records[i]->name));
    return STATUS_OK;
}

static Status refuse_model(const Objective *objective, const Model *model, const char *output)
{
    Buffer others = {0};
    Status status = list_models_with(output, &others);
    if (status == STATUS_OK)
        status =
            status_fail(STATUS_INVALID,
                        "objective '%s' (%s) reads the output '%s', which model '%s' (%s) does not have; take %s",
                        objective->name, objective->record->name, output, model->name, model->record->name,
                        others.data ? others.data : "another objective");
    buffer_free(&others);
    return status;
}

/* The view is made, nothing of the model is computed. */
static Status fit_objective(Passes *passes, Cursor *cursors, const Objective *objective)
{
    Session *session = passes->session;
    const ObjectiveRecord *record = objective->record;
    const Model *model = session_model(session, objective->model);
    Forward *pass;
    if (record->output && !model_has_output(model->record, record->output))
        return refuse_model(objective, model, record->output);
    TRY(read_batch(passes, cursors, objective->source));
    Status status = passes_get(passes, objective, &pass);
    if (status != STATUS_OK) return status_context(status, "objective '%s'", objective->name);
    return record->targets ? refuse_data(objective, pass->batch) : STATUS_OK;
}

Status session_fit(Session *session)
{
    Cursor cursors[SESSION_MAX_SOURCES];
    Passes passes = {.session = session, .key = random_key(session->seed, "try"), .step = session->step};
    Status status = session_check(session);
    for (int i = 0; i < session->source_count; i++) cursors[i] = session->sources[i].cursor;
    for (int i = 0; i < session->objective_count && status == STATUS_OK; i++)
        if (session->objectives[i]->enabled) status = fit_objective(&passes, cursors, session->objectives[i]);
    passes_clear(&passes);
    tape_reset(session->tape);
    return status;
}

/* --- the update --- */

static Status check_gradients(const Session *session, double norm)
{
    if (isfinite(norm)) return STATUS_OK;
    for (int i = 0; i < session->model_count; i++) {
        const Param *param = gradient_nonfinite(session->models[i]->root);
        if (param)
            return status_fail(
                STATUS_NONFINITE,
                "step %lld: the gradient of '%s' is not finite; nothing was updated, the last good state is "
                "that of step %lld",
                (long long)session->step + 1, param->path, (long long)session->step);
    }
    return status_fail(STATUS_NONFINITE, "step %lld: the gradient's norm overflows; nothing was updated",
                       (long long)session->step + 1);
}

enum { SPIKES_AFTER = 50 }; /* steps until the deviation means something */

static void judge_loss(const Session *session, StepMetrics *metrics)
{
    const LossStatistics *losses = &session->losses;
    if (session->skip_spikes <= 0 || losses->count < SPIKES_AFTER) return;
    double variance = losses->square - losses->mean * losses->mean;
    metrics->usual = losses->mean;
    metrics->spread = sqrt(variance > 0 ? variance : 0);
    bool spike = metrics->loss - losses->mean > session->skip_spikes * metrics->spread;
    metrics->skipped = spike && losses->skipped < SESSION_MOST_SKIPPED;
    metrics->accepted = spike && !metrics->skipped;
}

/* Exponential means over about SPIKES_AFTER steps, plain ones before that. Spikes do not count; after a loss that
 * was accepted all begins anew. */
static void remember_loss(Session *session, const StepMetrics *metrics)
{
    LossStatistics *losses = &session->losses;
    losses->skipped = metrics->skipped ? losses->skipped + 1 : 0;
    if (metrics->skipped) return;
    if (metrics->accepted) *losses = (LossStatistics){0};
    if (losses->count < SPIKES_AFTER) losses->count++;
    double share = 1 / (double)losses->count;
    losses->mean += share * (metrics->loss - losses->mean);
    losses->square += share * (metrics->loss * metrics->loss - losses->square);
}

double session_next_lr(const Session *session)
{
    return session->optimizer.config.lr * schedule_factor(&session->schedule, session->step, session->steps);
}

static Status update(Session *session, StepMetrics *metrics)
{
    double squares = 0;
    for (int i = 0; i < session->model_count; i++) {
        turns_give();
        TRY(cancel_check());
        TRY(optimizer_prepare(&session->optimizer, session->models[i]->root));
        double norm = gradient_norm(session->models[i]->root);
        squares += norm * norm;
    }
    metrics->grad_norm = sqrt(squares);
    TRY(check_gradients(session, metrics->grad_norm));
    double clip = session->clip_norm;
    double scale = clip > 0 && metrics->grad_norm > clip ? clip / metrics->grad_norm : 1;
    metrics->lr = session_next_lr(session);
    judge_loss(session, metrics);
    if (metrics->skipped) return STATUS_OK;
    TRY(cancel_check());
    session->updating = true;
    for (int i = 0; i < session->model_count; i++)
        optimizer_step(&session->optimizer, session->models[i]->root, metrics->lr, scale);
    session->updating = false;
    return STATUS_OK;
}

static Status update_and_prune(Session *session, StepMetrics *metrics)
{
    StepPruning pruning;
    double start = clock_seconds();
    TRY(pruning_prepare(session, &pruning));
    Status status = update(session, metrics);
    if (status == STATUS_OK) pruning_commit(session, &pruning);
    pruning_clear(&pruning);
    metrics->sparsity = session_sparsity(session);
    metrics->update_seconds = clock_seconds() - start;
    return status;
}

static Status run_micros(Micro *micro)
{
    for (micro->number = 0; micro->number < micro->session->accumulate; micro->number++) TRY(run_micro(micro));
    return STATUS_OK;
}

static void forget_gradients(Session *session)
{
    for (int i = 0; i < session->model_count; i++) gradient_forget(session->models[i]->root);
}

Status session_step(Session *session, StepMetrics *out)
{
    StepMetrics metrics = {.step = session->step + 1};
    Micro micro = {.session = session, .metrics = &metrics, .step = session->step};
    double start = clock_seconds();
    for (int i = 0; i < SESSION_MAX_OBJECTIVES; i++) metrics.accuracies[i] = metrics.lambdas[i] = (double)NAN;
    TRY(session_check(session));
    for (int i = 0; i < session->source_count; i++) micro.cursors[i] = session->sources[i].cursor;
    session->tried.step = session->step;
    memcpy(session->tried.cursors, micro.cursors, sizeof micro.cursors);
    session->busy = true;
    Status status = run_micros(&micro);
    if (status == STATUS_OK) status = update_and_prune(session, &metrics);
    session->busy = false;
    forget_gradients(session);
    if (status == STATUS_NONFINITE) status = session_explain_nonfinite(session);
    TRY(status);
    for (int i = 0; i < session->source_count; i++) session->sources[i].cursor = micro.cursors[i];
    for (int i = 0; i < session->objective_count; i++)
        if (!objective_active(session->objectives[i])) metrics.objectives[i] = (double)NAN;
    remember_loss(session, &metrics);
    session->step++;
    metrics.seconds = clock_seconds() - start;
    session->last = metrics;
    if (out) *out = metrics;
    return STATUS_OK;
}

/* --- looking --- */

/* The gradients that the parameters keep, put away while others are computed. */
typedef struct Kept {
    Tensor **grads;
    bool *fresh;
    int64_t count;
} Kept;

static Status put_away(void *context, Param *param)
{
    Kept *kept = context;
    kept->grads[kept->count] = param->value->grad;
    kept->fresh[kept->count++] = param->value->grad_fresh;
    param->value->grad = NULL;
    param->value->grad_fresh = false;
    return STATUS_OK;
}

static Status bring_back(void *context, Param *param)
{
    Kept *kept = context;
    tensor_unref(param->value->grad);
    param->value->grad = kept->grads[kept->count];
    param->value->grad_fresh = kept->fresh[kept->count++];
    return STATUS_OK;
}

static Status each_param(Session *session, Status (*visit)(void *context, Param *param), Kept *kept)
{
    kept->count = 0;
    for (int i = 0; i < session->model_count; i++) TRY(module_each_param(session->models[i]->root, visit, kept));
    return STATUS_OK;
}

static Status run_look(Session *session, const SessionLook *look, StepMetrics *metrics)
{
    Micro micro = {.session = session, .metrics = metrics, .step = look->place->step, .look = look};
    const TapeObserver *before = tape_observer(session->tape);
    double start = clock_seconds(), squares = 0;
    memcpy(micro.cursors, look->place->cursors, sizeof micro.cursors);
    tape_observe(session->tape, look->tape);
    session->busy = true;
    Status status = run_micros(&micro);
    session->busy = false;
    tape_observe(session->tape, before);
    metrics->seconds = clock_seconds() - start;
    TRY(status);
    for (int i = 0; i < session->model_count; i++) squares += pow(gradient_norm(session->models[i]->root), 2);
    metrics->grad_norm = sqrt(squares);
    metrics->sparsity = session_sparsity(session);
    return look->finished ? look->finished(look->context, session) : STATUS_OK;
}

Status session_look(Session *session, const SessionLook *look, StepMetrics *out)
{
    size_t params = 0;
    Kept kept = {0};
    *out = (StepMetrics){.step = look->place->step + 1};
    TRY(session_check(session));
    for (int i = 0; i < session->model_count; i++) params += (size_t)module_count_params(session->models[i]->root);
    TRY(memory_new(params + 1, sizeof *kept.grads, &kept.grads));
    Status status = memory_new(params + 1, sizeof *kept.fresh, &kept.fresh);
    if (status == STATUS_OK) {
        status = each_param(session, put_away, &kept);
        if (status == STATUS_OK) status = run_look(session, look, out);
        Status back = each_param(session, bring_back, &kept); /* neither visit can fail */
        if (status == STATUS_OK) status = back;
    }
    memory_free(kept.grads);
    memory_free(kept.fresh);
    return status;
}

static Status copy_batch(const Batch *from, Batch *to)
{
    *to = (Batch){.size = from->size, .epoch = from->epoch, .vocabulary = from->vocabulary};
    for (int i = 0; i < from->count; i++) {
        Tensor *copy;
        TRY(tensor_clone(NULL, from->fields[i], &copy));
        TRY(batch_put(to, from->names[i], copy));
    }
    return STATUS_OK;
}

Status session_view(Session *session, const StepPlace *place, int64_t micro, const Objective *objective, Batch *out)
{
    SessionSource *entry = session_source(session, objective->source);
    Cursor cursor = place->cursors[entry - session->sources];
    Passes passes = {.session = session, .key = random_key(session->seed, "views")};
    struct Pass pass = {0};
    Batch plain = {0};
    Status status = STATUS_OK;
    *out = (Batch){0};
    memcpy(pass.view, objective->view, sizeof pass.view);
    for (int64_t m = 0; m <= micro && status == STATUS_OK; m++) {
        batch_clear(&plain);
        status = source_next(entry->source, entry->batch_size, session->arena, &cursor, &plain);
    }
    if (status == STATUS_OK) status = make_view(&passes, &pass, &plain);
    if (status == STATUS_OK) status = copy_batch(&pass.batch, out);
    if (status != STATUS_OK) batch_clear(out);
    batch_clear(&pass.batch);
    batch_clear(&plain);
    tape_reset(session->tape);
    return status;
}
