/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hash of a session's state, and of each tensor in it: every byte is read once, by all threads. */
#include "engine/base/memory.h"
#include "engine/base/threads.h"
#include "engine/train/session.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct Bytes {
    const Tensor *tensor;
    Hash hash;
} Bytes;

typedef struct StateHash {
    const Session *session;
    const Model *model; /* whose parameters are visited */
    Bytes *list;        /* of all tensors, in the order in which they are visited */
    int64_t count, room, next;
    Hash hash;
    Status (*visit)(void *context, const char *name, Hash hash); /* NULL: nobody asks */
    void *context;
} StateHash;

/* --- the bytes of all tensors --- */

static Status add_tensor(StateHash *state, const Tensor *tensor)
{
    if (!tensor) return STATUS_OK;
    TRY(memory_grow(&state->list, &state->room, state->count + 1, sizeof *state->list));
    state->list[state->count++].tensor = tensor;
    return STATUS_OK;
}

static Status add_param(void *context, Param *param)
{
    TRY(add_tensor(context, param->value));
    TRY(add_tensor(context, param->mask));
    for (int i = 0; i < PARAM_STATES; i++) TRY(add_tensor(context, param->state[i]));
    return STATUS_OK;
}

static void hash_tile(void *context, int64_t tile)
{
    Bytes *bytes = &((StateHash *)context)->list[tile];
    const Tensor *tensor = bytes->tensor;
    bytes->hash = hash_bytes(tensor_data(tensor), (size_t)tensor_count(tensor) * dtype_size(tensor->dtype));
}

/* --- one after the other --- */

/* The next one's shape and bytes, behind what is in 'hash'. */
static Status hash_tensor(StateHash *state, const Param *param, const char *kind, const Tensor *tensor)
{
    char name[MODEL_NAME_SIZE + MODULE_PATH_SIZE + 64];
    if (!tensor) return STATUS_OK;
    Hash shape = hash_bytes(tensor->shape, (size_t)tensor->ndim * sizeof *tensor->shape);
    Hash bytes = state->list[state->next++].hash;
    state->hash = hash_combine(hash_combine(state->hash, shape), bytes);
    if (!state->visit || !kind) return STATUS_OK;
    snprintf(name, sizeof name, "%s.%s%s%s", state->model->name, param->path, *kind ? "." : "", kind);
    return state->visit(state->context, name, hash_combine(hash_combine((Hash){0}, shape), bytes));
}

static Status hash_param(void *context, Param *param)
{
    StateHash *state = context;
    const char *const *kinds = state->session->optimizer.record->states;
    state->hash = hash_combine(state->hash, hash_bytes(param->path, strlen(param->path)));
    state->hash = hash_combine(state->hash, hash_bytes(&param->step, sizeof param->step));
    state->hash = hash_combine(state->hash, hash_bytes(&param->frozen, sizeof param->frozen));
    TRY(hash_tensor(state, param, "", param->value));
    TRY(hash_tensor(state, param, "mask", param->mask));
    for (int i = 0, named = 1; i < PARAM_STATES; i++) {
        named = named && kinds[i];
        TRY(hash_tensor(state, param, named ? kinds[i] : NULL, param->state[i]));
    }
    return STATUS_OK;
}

/* A config by its printed fields: the bytes of a struct may hold padding. */
static Status hash_config(Hash *hash, const char *name, const Option *table, const void *config)
{
    Buffer text = {0};
    Status status = buffer_text(&text, name);
    for (; status == STATUS_OK && table && table->name; table++) {
        status = buffer_printf(&text, " %s=", table->name);
        if (status == STATUS_OK) status = option_print(table, config, &text);
    }
    if (status == STATUS_OK) *hash = hash_combine(*hash, hash_bytes(text.data, text.length));
    buffer_free(&text);
    return status;
}

static Status hash_state(StateHash *state, Hash *out)
{
    const Session *session = state->session;
    Hash hash = hash_bytes(&session->step, sizeof session->step);
    hash = hash_combine(hash, hash_bytes(&session->seed, sizeof session->seed));
    hash = hash_combine(hash, hash_bytes(&session->steps, sizeof session->steps));
    hash = hash_combine(hash, hash_bytes(&session->accumulate, sizeof session->accumulate));
    hash = hash_combine(hash, hash_bytes(&session->clip_norm, sizeof session->clip_norm));
    hash = hash_combine(hash, hash_bytes(&session->skip_spikes, sizeof session->skip_spikes));
    if (session->precision != PRECISION_F32) /* so that journals from before there was a choice hold */
        hash = hash_combine(hash, hash_bytes(&session->precision, sizeof session->precision));
    hash = hash_combine(hash, hash_bytes(&session->losses, offsetof(LossStatistics, skipped)));
    if (session->losses.skipped) /* likewise */
        hash = hash_combine(hash, hash_bytes(&session->losses.skipped, sizeof session->losses.skipped));
    for (int i = 0; i < session->model_count; i++) {
        const Model *model = session->models[i];
        TRY(hash_config(&hash, model->record->name, model->record->options, model->config));
        state->model = model;
        state->hash = hash;
        TRY(module_each_param(model->root, hash_param, state));
        hash = state->hash;
    }
    for (int i = 0; i < session->source_count; i++) {
        const Cursor *cursor = &session->sources[i].cursor;
        hash = hash_combine(hash, hash_bytes(cursor, sizeof *cursor));
        hash = hash_combine(hash, hash_bytes(&session->sources[i].batch_size, sizeof(int64_t)));
    }
    for (int i = 0; i < session->objective_count; i++) {
        const Objective *objective = session->objectives[i];
        double numbers[2] = {objective->weight, objective->enabled};
        hash = hash_combine(hash, hash_bytes(numbers, sizeof numbers));
        hash = hash_combine(hash, hash_bytes(objective->model, strlen(objective->model)));
        hash = hash_combine(hash, hash_bytes(objective->source, strlen(objective->source)));
        TRY(hash_config(&hash, objective->name, objective->record->options, objective->config));
    }
    TRY(hash_config(&hash, session->optimizer.record->name, session->optimizer.record->options,
                    &session->optimizer.config));
    TRY(hash_config(&hash, session->schedule.record->name, session->schedule.record->options,
                    &session->schedule.config));
    for (int i = 0; i < session->prune_count; i++)
        TRY(hash_config(&hash, "prune", prune_options, &session->prunes[i]));
    *out = hash;
    return STATUS_OK;
}

static Status hash_all(StateHash *state, Hash *out)
{
    const Session *session = state->session;
    for (int i = 0; i < session->model_count; i++)
        TRY(module_each_param(session->models[i]->root, add_param, state));
    threads_run(state->count, hash_tile, state);
    return hash_state(state, out);
}

Status session_each_hash(const Session *session, Status (*visit)(void *context, const char *name, Hash hash),
                         void *context, Hash *out)
{
    StateHash state = {.session = session, .visit = visit, .context = context};
    Status status = hash_all(&state, out);
    memory_free(state.list);
    return status;
}

Status session_hash(const Session *session, Hash *out)
{
    return session_each_hash(session, NULL, NULL, out);
}
