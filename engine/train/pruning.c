/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/pruning.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static RandomKey key_of(const Session *session)
{
    return random_key(session->seed, "prune");
}

static bool same_model(const PruneConfig *a, const PruneConfig *b)
{
    return strcmp(a->model, b->model) == 0;
}

static bool overlaps(const PruneConfig *schedule, const PruneConfig *config, const PrunePlan *plan)
{
    if (!same_model(schedule, config)) return false;
    for (int r = 0; r < plan->count; r++)
        if (prune_selects(schedule->params, plan->rows[r].param)) return true;
    return false;
}

static Status check_room(const Session *session, const PruneConfig *config, const PrunePlan *plan)
{
    int stay = 0;
    for (int i = 0; i < session->prune_count; i++) stay += !overlaps(&session->prunes[i], config, plan);
    if (config->schedule != PRUNE_CUBIC || stay < SESSION_MAX_PRUNES) return STATUS_OK;
    return status_fail(STATUS_INVALID, "prune: there are %d schedules under way, more do not fit; wait for one",
                       stay);
}

static void choose(const Session *session, const PruneConfig *config, PruneHow how, PrunePlan *plan)
{
    if (config->sparsity <= 0)
        prune_choose_none(plan);
    else if (config->schedule == PRUNE_ONCE || how == PRUNE_LOOK)
        prune_choose(plan, config->sparsity);
    else
        prune_choose(plan, prune_due(config, session->step) ? prune_target(config, session->step) : 0);
}

Status session_plan_pruning(const Session *session, PruneConfig *config, PruneHow how, PrunePlan *out)
{
    if (!config->model[0] && session->model_count)
        snprintf(config->model, sizeof config->model, "%s", session->models[0]->name);
    const Model *model = session_model(session, config->model);
    if (!model) return status_fail(STATUS_INVALID, "prune: there is no model '%s' in the session", config->model);
    TRY(prune_complete(config, session->step, session->steps));
    TRY(prune_plan(model, config, key_of(session), how, out));
    Status status = check_room(session, config, out);
    if (status == STATUS_OK)
        choose(session, config, how, out);
    else
        prune_clear(out);
    return status;
}

static void forget_schedule(Session *session, int place)
{
    size_t after = (size_t)(--session->prune_count - place);
    memmove(session->prunes + place, session->prunes + place + 1, after * sizeof *session->prunes);
}

void session_prune(Session *session, const PruneConfig *config, PrunePlan *plan)
{
    for (int i = session->prune_count - 1; i >= 0; i--)
        if (overlaps(&session->prunes[i], config, plan)) forget_schedule(session, i);
    prune_carry_out(plan);
    if (config->schedule == PRUNE_CUBIC) session->prunes[session->prune_count++] = *config;
}

Status pruning_prepare(const Session *session, StepPruning *out)
{
    Status status = STATUS_OK;
    *out = (StepPruning){0};
    for (int i = 0; i < session->prune_count && status == STATUS_OK; i++) {
        const PruneConfig *config = &session->prunes[i];
        const Model *model = session_model(session, config->model);
        if (!model || !prune_due(config, session->step + 1)) continue;
        status = prune_plan(model, config, key_of(session), PRUNE_IN_PLACE, &out->plans[i]);
    }
    if (status != STATUS_OK) pruning_clear(out);
    return status;
}

void pruning_commit(Session *session, StepPruning *pruning)
{
    int64_t done = session->step + 1;
    for (int i = 0; i < session->prune_count; i++) {
        if (!pruning->plans[i].rows) continue;
        prune_choose(&pruning->plans[i], prune_target(&session->prunes[i], done));
        prune_carry_out(&pruning->plans[i]);
    }
    for (int i = session->prune_count - 1; i >= 0; i--)
        if (done >= prune_last_step(&session->prunes[i])) forget_schedule(session, i);
}

void pruning_clear(StepPruning *pruning)
{
    for (int i = 0; i < SESSION_MAX_PRUNES; i++) prune_clear(&pruning->plans[i]);
}

typedef struct Share {
    int64_t pruned, weights;
} Share;

static Status add_param(void *context, Param *param)
{
    Share *share = context;
    if (!param->mask) return STATUS_OK;
    share->pruned += param->pruned;
    share->weights += tensor_count(param->value);
    return STATUS_OK;
}

double session_sparsity(const Session *session)
{
    Share share = {0};
    for (int i = 0; i < session->model_count; i++)
        (void)!module_each_param(session->models[i]->root, add_param, &share); /* it cannot fail */
    return share.weights ? (double)share.pruned / (double)share.weights : (double)NAN;
}
