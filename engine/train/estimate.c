/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/estimate.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Bytes of the tensors that training keeps for each parameter. */
static Status count_bytes(void *context, Param *param)
{
    Estimate *out = context;
    int64_t bytes = tensor_count(param->value) * (int64_t)sizeof(float);
    out->parameters += tensor_count(param->value);
    out->parameter_bytes += bytes * (param->mask ? 2 : 1);
    if (param->value->grad) out->gradient_bytes += bytes;
    for (int i = 0; i < PARAM_STATES; i++)
        if (param->state[i]) out->optimizer_bytes += tensor_count(param->state[i]) * (int64_t)sizeof(float);
    return STATUS_OK;
}

/* The share of tokens that the objective of masked words looks at, 0 where there is none. */
static double masked_share(const Session *session)
{
    for (int i = 0; i < session->objective_count; i++) {
        const Objective *objective = session->objectives[i];
        const Option *option = option_find(objective->record->options, "mlm_probability");
        if (option && objective->enabled)
            return *(const double *)(const void *)((const char *)objective->config + option->offset);
    }
    return 0;
}

/* Rows and length of the first source's batches; 0 where it is no text. The cursor stays where it is. */
static Status read_shape(Session *session, int64_t *rows, int64_t *length)
{
    SessionSource *entry = session_source(session, session->objectives[0]->source);
    Cursor cursor = entry->cursor;
    Batch batch = {0};
    Status status = entry->source->type->next(entry->source, session->arena, &cursor, &batch);
    const Tensor *ids = status == STATUS_OK ? batch_find(&batch, "input_ids") : NULL;
    *rows = ids ? ids->shape[0] : 0;
    *length = ids && ids->ndim > 1 ? ids->shape[1] : 0;
    batch_clear(&batch);
    tape_reset(session->tape);
    return status;
}

static Status formula_flops(Session *session, Estimate *out)
{
    const Model *model = session->models[0];
    int64_t rows, length;
    if (session->model_count != 1 || !model->record->step_flops || !session->objective_count) return STATUS_OK;
    TRY(read_shape(session, &rows, &length));
    if (!length) return STATUS_OK;
    double masked = masked_share(session) * (double)out->tokens / (double)session->accumulate;
    out->step_flops = model->record->step_flops(model, rows, length, (int64_t)masked) * (double)session->accumulate;
    out->formula = true;
    return STATUS_OK;
}

static double counted_flops(Tape *tape)
{
    int count;
    double flops = 0;
    const ProfileEntry *entries = tape_profile_entries(tape, &count);
    for (int i = 0; i < count; i++) flops += entries[i].flops;
    return flops;
}

static Status plain_step(void *context, Session *session, StepMetrics *out)
{
    (void)context;
    return session_step(session, out);
}

Status session_estimate(Session *session, Status (*step)(void *context, Session *session, StepMetrics *out),
                        void *context, Estimate *out)
{
    StepMetrics metrics;
    struct rusage usage;
    int64_t steps = session->steps;
    *out = (Estimate){.steps = steps};
    if (!step) step = plain_step;
    tape_profile(session->tape, true);
    Status status = step(context, session, &metrics);
    out->step_flops = counted_flops(session->tape);
    tape_profile(session->tape, false);
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        status = step(context, session, &metrics);
        if (i == 0 || metrics.seconds < out->step_seconds) out->step_seconds = metrics.seconds;
    }
    TRY(status);
    out->tokens = metrics.tokens;
    out->examples = metrics.examples;
    out->activation_bytes = (int64_t)arena_peak(session->arena);
    TRY(formula_flops(session, out));
    for (int i = 0; i < session->model_count; i++)
        TRY(module_each_param(session->models[i]->root, count_bytes, out));
    getrusage(RUSAGE_SELF, &usage);
    out->process_bytes = (int64_t)usage.ru_maxrss * 1024;
    out->machine_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    return STATUS_OK;
}
