/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/structure.h"

#include "engine/base/memory.h"
#include "engine/nn/lora.h"
#include "engine/nn/reshape.h"

#include <math.h>
#include <string.h>

static RandomKey key_of(const Session *session, const Model *model, const char *what)
{
    RandomKey key = random_subkey_name(random_key(session->seed, what), model->name);
    return random_subkey(key, (uint64_t)session->step);
}

/* Tries the session with the fresh tree in the model's place, where objectives add to it what they need, and takes
 * it back. */
static Status check_fit(Session *session, Model *model, Model *fresh)
{
    model_exchange(model, fresh);
    Status status = session_check(session);
    model_exchange(model, fresh);
    return status;
}

/* A tree from the key with what the model has, except below the path. */
static Status rebuild(Session *session, Model *model, const void *config, RandomKey key, const char *except,
                      Model **out)
{
    Model *fresh;
    TRY(model_new(model->record, config, model->name, RANDOM_NONE, &fresh));
    model_draw_new(model, fresh, except, key);
    Status status = check_fit(session, model, fresh);
    if (status == STATUS_OK) status = model_carry(model, fresh, except);
    if (status == STATUS_OK)
        *out = fresh;
    else
        model_free(fresh);
    return status;
}

Status session_reshaped(Session *session, Model *model, const void *config, Model **out)
{
    return rebuild(session, model, config, key_of(session, model, "reshape"), NULL, out);
}

Status session_reset_part(Session *session, Model *model, const char *path, Model **out)
{
    if (!module_find(model->root, path) && !module_find_param(model->root, path))
        return status_fail(STATUS_INVALID, "%s has no module or parameter '%s'; print it to see what it has",
                           model->name, path);
    return rebuild(session, model, model->config, key_of(session, model, "reset"), path, out);
}

static Status merge(Session *session, Model *model, void *config, Model **out)
{
    TRY(option_set_number(model->record->options, config, model->record->name, "lora_rank", 0));
    TRY(session_reshaped(session, model, config, out));
    Status status = lora_merge(model, *out);
    if (status != STATUS_OK) model_free(*out);
    return status;
}

Status session_merged(Session *session, Model *model, Model **out)
{
    const LoraConfig *lora = lora_config(model);
    size_t size = model->record->config_size;
    void *config;
    if (!lora || !lora->rank)
        return status_fail(STATUS_INVALID, "merge_lora: model '%s' has no adapters", model->name);
    TRY(memory_new(1, size, &config));
    memcpy(config, model->config, size);
    Status status = merge(session, model, config, out);
    memory_free(config);
    return status;
}

static Status check_output(const Model *model, const Objective *objective)
{
    const ModelOutput *output = model->record->outputs;
    if (!objective->record->output) return STATUS_OK;
    while (output && output->name && strcmp(output->name, objective->record->output) != 0) output++;
    if (output && output->name) return STATUS_OK;
    return status_fail(STATUS_INVALID, "objective '%s' needs the output '%s', which model '%s' (%s) does not have",
                       objective->name, objective->record->output, model->name, model->record->name);
}

/* Adds the objective, sees whether the session fits together and the objective can be computed on the next batches,
 * and takes everything back. */
static Status try_addition(Session *session, Objective *objective)
{
    char views[SESSION_MAX_OBJECTIVES][OBJECTIVE_NAME_SIZE];
    Model *model = session_model(session, objective->model);
    int children = model->root->child_count, count = session->objective_count;
    for (int i = 0; i < count; i++) memcpy(views[i], session->objectives[i]->view, sizeof views[i]);
    TRY(session_add_objective(session, objective_ref(objective)));
    Status status = session_check(session);
    if (status == STATUS_OK) status = session_try(session, objective, NULL);
    session_forget(session, session->source_count, count);
    while (model->root->child_count > children) module_remove(model->root->children[model->root->child_count - 1]);
    for (int i = 0; i < count; i++) memcpy(session->objectives[i]->view, views[i], sizeof views[i]);
    return status;
}

Status session_check_new_objective(Session *session, Objective *objective)
{
    const Model *model = session_model(session, objective->model);
    if (session_objective(session, objective->name))
        return status_fail(STATUS_INVALID,
                           "session: there is already an objective called '%s'; give this one another name",
                           objective->name);
    if (session->objective_count == SESSION_MAX_OBJECTIVES)
        return status_fail(STATUS_INVALID, "session: an objective '%s' would be more than the %d that fit",
                           objective->name, SESSION_MAX_OBJECTIVES);
    if (!model)
        return status_fail(STATUS_INVALID, "objective '%s' reads model '%s', which is not in the session",
                           objective->name, objective->model);
    if (!session_source(session, objective->source))
        return status_fail(STATUS_INVALID, "objective '%s' reads data source '%s', which is not in the session",
                           objective->name, objective->source);
    TRY(check_output(model, objective));
    return try_addition(session, objective);
}

Status session_check_removal(const Session *session, const char *name)
{
    if (!session_objective(session, name))
        return status_fail(STATUS_INVALID, "session: there is no objective '%s'", name);
    if (session->objective_count == 1)
        return status_fail(STATUS_INVALID,
                           "session: '%s' is the only objective; add another one before it is removed", name);
    return STATUS_OK;
}

void session_remove_objective(Session *session, const char *name)
{
    int place = 0;
    while (place < session->objective_count && strcmp(session->objectives[place]->name, name) != 0) place++;
    if (place == session->objective_count) return;
    Objective *gone = session->objectives[place];
    size_t after = (size_t)(--session->objective_count - place);
    memmove(session->objectives + place, session->objectives + place + 1, after * sizeof *session->objectives);
    memmove(session->last.objectives + place, session->last.objectives + place + 1,
            after * sizeof *session->last.objectives);
    for (int i = 0; i < session->objective_count; i++) {
        Objective *other = session->objectives[i];
        if (!other->record->view && strcmp(other->view, gone->name) == 0) other->view[0] = '\0';
    }
    objective_free(gone);
}

static Status forget_states(void *context, Param *param)
{
    (void)context;
    for (int i = 0; i < PARAM_STATES; i++) {
        tensor_unref(param->state[i]);
        param->state[i] = NULL;
    }
    param->step = 0;
    return STATUS_OK;
}

void session_set_optimizer(Session *session, const Optimizer *optimizer)
{
    session->optimizer = *optimizer;
    for (int i = 0; i < session->model_count; i++) {
        Status status = module_each_param(session->models[i]->root, forget_states, NULL);
        (void)status; /* it cannot fail */
    }
}
