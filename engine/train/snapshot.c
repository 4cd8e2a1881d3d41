/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/snapshot.h"

#include "engine/base/memory.h"
#include "engine/base/turns.h"
#include "engine/io/file.h"
#include "engine/tensor/spare.h"

#include <string.h>

typedef struct ParamState {
    char *path;
    Tensor *value, *mask, *state[PARAM_STATES]; /* aliases; NULL as in Param */
    int64_t step, pruned;
    bool frozen, decay, linear;
} ParamState;

typedef struct ModelState {
    const ModelRecord *record;
    char name[MODEL_NAME_SIZE];
    void *config;
    ParamState *params;
    int count;
} ModelState;

typedef struct ObjectiveState {
    Objective *objective; /* held */
    void *config;
    double weight;
    bool enabled;
    char view[OBJECTIVE_NAME_SIZE];
} ObjectiveState;

struct Snapshot {
    Session plain; /* its numbers, optimizer and schedule; pointers are not used */
    char *edits;   /* NULL: none */
    ModelState models[SESSION_MAX_MODELS];
    ObjectiveState objectives[SESSION_MAX_OBJECTIVES];
    SessionSource sources[SESSION_MAX_SOURCES]; /* held */
};

/* --- taking --- */

static Status share(const Tensor *tensor, Tensor **out)
{
    *out = NULL;
    return tensor ? tensor_alias(NULL, tensor, out) : STATUS_OK;
}

static Status take_param(void *context, Param *param)
{
    ModelState *model = context;
    ParamState *state = &model->params[model->count++];
    *state = (ParamState){.step = param->step,
                          .pruned = param->pruned,
                          .frozen = param->frozen,
                          .decay = param->decay,
                          .linear = param->linear};
    TRY(memory_copy_text(param->path, &state->path));
    TRY(share(param->value, &state->value));
    TRY(share(param->mask, &state->mask));
    for (int i = 0; i < PARAM_STATES; i++) TRY(share(param->state[i], &state->state[i]));
    return STATUS_OK;
}

static Status copy_config(const void *config, size_t size, void **out)
{
    TRY(memory_new(1, size + 1, out));
    if (config) memcpy(*out, config, size);
    return STATUS_OK;
}

static Status take_model(const Model *model, ModelState *out)
{
    out->record = model->record;
    memcpy(out->name, model->name, sizeof out->name);
    TRY(copy_config(model->config, model->record->config_size, &out->config));
    TRY(memory_new((size_t)module_count_params(model->root) + 1, sizeof *out->params, &out->params));
    return module_each_param(model->root, take_param, out);
}

static Status take_objective(Objective *objective, ObjectiveState *out)
{
    out->weight = objective->weight;
    out->enabled = objective->enabled;
    memcpy(out->view, objective->view, sizeof out->view);
    TRY(copy_config(objective->config, objective->record->config_size, &out->config));
    out->objective = objective_ref(objective);
    return STATUS_OK;
}

static Status take_all(const Session *session, Snapshot *out)
{
    out->plain = *session;
    if (session->edits) TRY(memory_copy_text(session->edits, &out->edits));
    for (int i = 0; i < session->source_count; i++) {
        out->sources[i] = session->sources[i];
        source_ref(out->sources[i].source);
    }
    for (int i = 0; i < session->objective_count; i++)
        TRY(take_objective(session->objectives[i], &out->objectives[i]));
    for (int i = 0; i < session->model_count; i++) TRY(take_model(session->models[i], &out->models[i]));
    return STATUS_OK;
}

Status snapshot_take(const Session *session, Snapshot **out)
{
    Snapshot *snapshot;
    TRY(memory_new(1, sizeof *snapshot, &snapshot));
    Status status = take_all(session, snapshot);
    if (status == STATUS_OK)
        *out = snapshot;
    else
        snapshot_free(snapshot);
    return status;
}

static void free_param(ParamState *state)
{
    memory_free(state->path);
    tensor_unref(state->value);
    tensor_unref(state->mask);
    for (int i = 0; i < PARAM_STATES; i++) tensor_unref(state->state[i]);
}

static void free_snapshot(Snapshot *snapshot, void (*pause)(void))
{
    if (!snapshot) return;
    for (int i = 0; i < SESSION_MAX_MODELS; i++) {
        for (int p = 0; p < snapshot->models[i].count; p++) {
            if (pause) pause();
            free_param(&snapshot->models[i].params[p]);
        }
        memory_free(snapshot->models[i].params);
        memory_free(snapshot->models[i].config);
    }
    for (int i = 0; i < SESSION_MAX_OBJECTIVES; i++) {
        memory_free(snapshot->objectives[i].config);
        objective_free(snapshot->objectives[i].objective);
    }
    for (int i = 0; i < SESSION_MAX_SOURCES; i++) source_unref(snapshot->sources[i].source);
    memory_free(snapshot->edits);
    memory_free(snapshot);
}

void snapshot_free(Snapshot *snapshot)
{
    free_snapshot(snapshot, NULL);
}

void snapshot_free_giving_turns(Snapshot *snapshot)
{
    free_snapshot(snapshot, turns_give);
}

/* --- memory for the next one --- */

enum { PREPARING_STEPS = 24 };

typedef struct Sizes {
    size_t *list, sum;
    int64_t count, room;
} Sizes;

static Status add_size(Sizes *sizes, const Tensor *tensor)
{
    if (!tensor) return STATUS_OK;
    TRY(memory_grow(&sizes->list, &sizes->room, sizes->count + 1, sizeof *sizes->list));
    sizes->list[sizes->count] = (size_t)tensor_count(tensor) * dtype_size(tensor->dtype);
    sizes->sum += sizes->list[sizes->count++];
    return STATUS_OK;
}

static Status add_sizes(void *context, Param *param)
{
    if (param->frozen) return STATUS_OK;
    TRY(add_size(context, param->value));
    for (int i = 0; i < PARAM_STATES; i++) TRY(add_size(context, param->state[i]));
    return STATUS_OK;
}

void snapshot_prepare(const Session *session, size_t most)
{
    Sizes sizes = {0};
    Status status = STATUS_OK;
    for (int i = 0; i < session->model_count && status == STATUS_OK; i++)
        status = module_each_param(session->models[i]->root, add_sizes, &sizes);
    if (status == STATUS_OK && sizes.sum <= most)
        spare_prepare(sizes.list, sizes.count, sizes.sum / PREPARING_STEPS + SPARE_LEAST);
    else
        spare_clear();
    memory_free(sizes.list);
}

/* --- restoring: first new trees are built beside the old ones, then everything is exchanged --- */

/* The module of a parameter's path and the parameter in it, made where they are missing. */
static Status find_or_add(Module *root, const ParamState *state, Param **out)
{
    Module *at = root;
    const char *path = state->path, *dot;
    *out = module_find_param(root, path);
    if (*out && tensor_same_shape((*out)->value, state->value)) return STATUS_OK;
    if (*out)
        return status_fail(STATUS_INVALID, "snapshot: '%s' has another shape than its model's configuration says",
                           path);
    for (; (dot = strchr(path, '.')); path = dot + 1) {
        char name[MODULE_PATH_SIZE] = {0};
        Module *child = NULL;
        memcpy(name, path, (size_t)(dot - path));
        for (int i = 0; i < at->child_count; i++)
            if (strcmp(at->children[i]->name, name) == 0) child = at->children[i];
        if (!child) TRY(module_add(at, name, &child));
        at = child;
    }
    return module_add_param(at, path, state->decay, state->value->ndim, state->value->shape, out);
}

static bool same_tree(const ModelState *state, const Model *model)
{
    if (module_count_params(model->root) != state->count) return false;
    for (int i = 0; i < state->count; i++) {
        const Param *param = module_find_param(model->root, state->params[i].path);
        if (!param || !tensor_same_shape(param->value, state->params[i].value)) return false;
    }
    return true;
}

typedef struct Fresh { /* what will take the place of the session's own */
    Model *models[SESSION_MAX_MODELS];
    ParamState *aliases[SESSION_MAX_MODELS]; /* the session's share of the tensors, by place */
    void *configs[SESSION_MAX_OBJECTIVES];
    char *edits;
} Fresh;

static Status build_model(const ModelState *state, Model **out)
{
    TRY(model_new(state->record, state->config, state->name, RANDOM_NONE, out));
    for (int i = 0; i < state->count; i++) {
        Param *param;
        TRY(find_or_add((*out)->root, &state->params[i], &param));
    }
    return STATUS_OK;
}

static Status alias_params(const ModelState *state, ParamState **out)
{
    TRY(memory_new((size_t)state->count + 1, sizeof **out, out));
    for (int i = 0; i < state->count; i++) {
        TRY(share(state->params[i].value, &(*out)[i].value));
        TRY(share(state->params[i].mask, &(*out)[i].mask));
        for (int s = 0; s < PARAM_STATES; s++) TRY(share(state->params[i].state[s], &(*out)[i].state[s]));
    }
    return STATUS_OK;
}

static Status prepare(const Snapshot *snapshot, const Session *session, Fresh *fresh)
{
    for (int i = 0; i < snapshot->plain.model_count; i++) {
        const ModelState *state = &snapshot->models[i];
        const Model *model = session_model(session, state->name);
        if (!model || !same_tree(state, model)) TRY(build_model(state, &fresh->models[i]));
        TRY(alias_params(state, &fresh->aliases[i]));
    }
    for (int i = 0; i < snapshot->plain.objective_count; i++)
        TRY(copy_config(snapshot->objectives[i].config, snapshot->objectives[i].objective->record->config_size,
                        &fresh->configs[i]));
    return snapshot->edits ? memory_copy_text(snapshot->edits, &fresh->edits) : STATUS_OK;
}

static void forget(const Snapshot *snapshot, Fresh *fresh)
{
    for (int i = 0; i < SESSION_MAX_MODELS; i++) {
        model_free(fresh->models[i]);
        for (int p = 0; fresh->aliases[i] && p < snapshot->models[i].count; p++) free_param(&fresh->aliases[i][p]);
        memory_free(fresh->aliases[i]);
    }
    for (int i = 0; i < SESSION_MAX_OBJECTIVES; i++) memory_free(fresh->configs[i]);
    memory_free(fresh->edits);
}

static void exchange(Tensor **a, Tensor **b)
{
    Tensor *kept = *a;
    *a = *b;
    *b = kept;
}

/* The old tensors go where the aliases were, to be freed with them. The value stays the leaf that it is. */
static void give_param(const ParamState *saved, ParamState *alias, Param *param)
{
    tensor_swap_storage(param->value, alias->value);
    exchange(&param->mask, &alias->mask);
    for (int i = 0; i < PARAM_STATES; i++) exchange(&param->state[i], &alias->state[i]);
    param->step = saved->step;
    param_set_frozen(param, saved->frozen);
    param->decay = saved->decay;
    param->linear = saved->linear;
    param->pruned = saved->pruned;
    param_changed(param);
}

/* Trees and configs are exchanged: what was there is freed with 'fresh'. */
static void give_model(const ModelState *state, Fresh *fresh, int place, Model *model)
{
    if (fresh->models[place]) {
        Model old = *model;
        model->root = fresh->models[place]->root;
        model->config = fresh->models[place]->config;
        fresh->models[place]->root = old.root;
        fresh->models[place]->config = old.config;
    } else {
        memcpy(model->config, state->config, state->record->config_size);
    }
    for (int i = 0; i < state->count; i++)
        give_param(&state->params[i], &fresh->aliases[place][i],
                   module_find_param(model->root, state->params[i].path));
    gradient_forget(model->root);
}

static void give_models(const Snapshot *snapshot, Fresh *fresh, Session *session)
{
    Model *models[SESSION_MAX_MODELS];
    for (int i = 0; i < snapshot->plain.model_count; i++) {
        Model *model = session_model(session, snapshot->models[i].name);
        if (!model) { /* it was not there any more */
            model = fresh->models[i];
            fresh->models[i] = NULL;
        }
        give_model(&snapshot->models[i], fresh, i, model);
        models[i] = model;
    }
    for (int m = 0; m < session->model_count; m++) {
        bool stays = false;
        for (int i = 0; i < snapshot->plain.model_count; i++) stays |= models[i] == session->models[m];
        if (!stays) model_free(session->models[m]);
    }
    memcpy(session->models, models, sizeof models);
    session->model_count = snapshot->plain.model_count;
}

static void give_objectives(const Snapshot *snapshot, Fresh *fresh, Session *session)
{
    Objective *old[SESSION_MAX_OBJECTIVES];
    int count = session->objective_count;
    memcpy(old, session->objectives, sizeof old);
    session->objective_count = snapshot->plain.objective_count;
    for (int i = 0; i < session->objective_count; i++) {
        const ObjectiveState *state = &snapshot->objectives[i];
        Objective *objective = objective_ref(state->objective);
        memcpy(objective->config, fresh->configs[i], objective->record->config_size);
        objective->weight = state->weight;
        objective->enabled = state->enabled;
        memcpy(objective->view, state->view, sizeof objective->view);
        session->objectives[i] = objective;
    }
    for (int i = 0; i < count; i++) objective_free(old[i]);
}

static void give_sources(const Snapshot *snapshot, Session *session)
{
    for (int i = 0; i < snapshot->plain.source_count; i++) source_ref(snapshot->sources[i].source);
    for (int i = 0; i < session->source_count; i++) source_unref(session->sources[i].source);
    memcpy(session->sources, snapshot->sources, sizeof session->sources);
    session->source_count = snapshot->plain.source_count;
}

Status snapshot_restore(const Snapshot *snapshot, Session *session)
{
    Fresh fresh = {0};
    const Session *plain = &snapshot->plain;
    Status status = prepare(snapshot, session, &fresh);
    if (status == STATUS_OK) {
        give_models(snapshot, &fresh, session);
        give_objectives(snapshot, &fresh, session);
        give_sources(snapshot, session);
        session->seed = plain->seed;
        session->step = plain->step;
        session->steps = plain->steps;
        session->accumulate = plain->accumulate;
        session->clip_norm = plain->clip_norm;
        session->skip_spikes = plain->skip_spikes;
        session->precision = plain->precision;
        session->recompute = plain->recompute;
        session->checkpoint_every = plain->checkpoint_every;
        session->evaluate_every = plain->evaluate_every;
        session->keep_checkpoints = plain->keep_checkpoints;
        session->on_nonfinite = plain->on_nonfinite;
        session->losses = plain->losses;
        session->optimizer = plain->optimizer;
        session->schedule = plain->schedule;
        memcpy(session->prunes, plain->prunes, sizeof session->prunes);
        session->prune_count = plain->prune_count;
        session->last = plain->last;
        char *edits = session->edits;
        session->edits = fresh.edits;
        fresh.edits = edits;
    }
    forget(snapshot, &fresh);
    return status;
}

/* --- looking --- */

int64_t snapshot_step(const Snapshot *snapshot)
{
    return snapshot->plain.step;
}

/* --- sizes, and moving to the disk --- */

typedef struct Counting {
    bool aside;
    size_t bytes;
} Counting;

/* Calls visit with every tensor; stops at the first failure. */
static Status each_tensor(const Snapshot *snapshot, Status (*visit)(void *context, Tensor *tensor), void *context)
{
    for (int m = 0; m < snapshot->plain.model_count; m++)
        for (int p = 0; p < snapshot->models[m].count; p++) {
            const ParamState *state = &snapshot->models[m].params[p];
            TRY(visit(context, state->value));
            if (state->mask) TRY(visit(context, state->mask));
            for (int i = 0; i < PARAM_STATES; i++)
                if (state->state[i]) TRY(visit(context, state->state[i]));
        }
    return STATUS_OK;
}

static Status count_tensor(void *context, Tensor *tensor)
{
    Counting *counting = context;
    if (!storage_shared(tensor->storage) && storage_foreign(tensor->storage) == counting->aside)
        counting->bytes += storage_bytes(tensor->storage);
    return STATUS_OK;
}

static size_t count(const Snapshot *snapshot, bool aside)
{
    Counting counting = {.aside = aside};
    (void)each_tensor(snapshot, count_tensor, &counting); /* it cannot fail */
    return counting.bytes;
}

size_t snapshot_bytes(const Snapshot *snapshot)
{
    return count(snapshot, false);
}

size_t snapshot_bytes_aside(const Snapshot *snapshot)
{
    return count(snapshot, true);
}

typedef struct Aside {
    void *data;
    size_t bytes;
} Aside;

static void put_back(void *owner)
{
    Aside *aside = owner;
    if (aside->data) file_put_back(aside->data, aside->bytes);
    memory_free(aside);
}

static Status map_aside(const char *directory, const Tensor *tensor, Aside *aside, Storage **out)
{
    aside->bytes = (size_t)tensor_count(tensor) * dtype_size(tensor->dtype);
    TRY(file_put_aside(directory, tensor_data(tensor), aside->bytes, &aside->data));
    return storage_new_foreign(aside->data, aside->bytes, put_back, aside, out);
}

static Status move_tensor(void *context, Tensor *tensor)
{
    Storage *storage;
    Aside *aside;
    if (storage_shared(tensor->storage) || storage_foreign(tensor->storage) || tensor_count(tensor) == 0)
        return STATUS_OK;
    TRY(memory_new(1, sizeof *aside, &aside));
    Status status = map_aside(context, tensor, aside, &storage);
    if (status != STATUS_OK) {
        put_back(aside);
        return status;
    }
    storage_unref(tensor->storage);
    tensor->storage = storage;
    tensor->offset = 0;
    return STATUS_OK;
}

Status snapshot_put_aside(Snapshot *snapshot, const char *directory)
{
    return each_tensor(snapshot, move_tensor, (void *)(uintptr_t)directory);
}
