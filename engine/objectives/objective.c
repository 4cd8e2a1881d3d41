/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/objectives/objective.h"

#include "engine/autograd/functions.h"
#include "engine/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define OBJECTIVE(name) extern const ObjectiveRecord objective_##name;
#include "engine/objectives/objectives.list"
#undef OBJECTIVE

#define OBJECTIVE(name) &objective_##name,
const ObjectiveRecord *const objective_records[] = {
#include "engine/objectives/objectives.list"
};
#undef OBJECTIVE

const int objective_record_count = sizeof objective_records / sizeof *objective_records;

const ObjectiveRecord *objective_record_find(const char *name)
{
    for (int i = 0; i < objective_record_count; i++)
        if (strcmp(objective_records[i]->name, name) == 0) return objective_records[i];
    return NULL;
}

Status objective_new(const ObjectiveRecord *record, const void *config, const char *name, double weight,
                     Objective **out)
{
    Objective *objective;
    if (!(weight >= 0 && weight <= 1e6))
        return status_fail(STATUS_INVALID, "%s: weight must be a number in [0, 1e6]; got %g", record->name, weight);
    TRY(memory_new(1, sizeof *objective, &objective));
    *objective = (Objective){.refs = 1, .record = record, .weight = weight, .enabled = true};
    Status status = memory_new(1, record->config_size + 1, &objective->config);
    if (status != STATUS_OK) {
        memory_free(objective);
        return status;
    }
    if (config)
        memcpy(objective->config, config, record->config_size);
    else
        option_defaults(record->options, objective->config);
    snprintf(objective->name, sizeof objective->name, "%s", name ? name : record->name);
    snprintf(objective->model, sizeof objective->model, "model");
    snprintf(objective->source, sizeof objective->source, "train");
    if (record->view) snprintf(objective->view, sizeof objective->view, "%s", objective->name);
    *out = objective;
    return STATUS_OK;
}

Objective *objective_ref(Objective *objective)
{
    objective->refs++;
    return objective;
}

void objective_free(Objective *objective)
{
    if (!objective || --objective->refs > 0) return;
    if (objective->custom_free) objective->custom_free(objective->context);
    memory_free(objective->config);
    memory_free(objective);
}

bool objective_active(const Objective *objective)
{
    return objective->enabled && objective->weight > 0;
}

const char *objective_target(const Objective *objective)
{
    return objective->record->target ? objective->record->target(objective) : NULL;
}

static Status refuse_model(const Objective *objective, const Model *model)
{
    return status_fail(STATUS_INVALID, "objective '%s': model '%s' (%s) has no classes", objective->name,
                       model->name, model->record->name);
}

Status objective_loss(const Objective *objective, const ObjectiveInput *in, Tensor **loss, Prediction *prediction)
{
    Forward *pass = in->pass;
    const char *output = objective->record->output ? objective->record->output : pass->model->record->classes;
    if (prediction) *prediction = (Prediction){.accuracy = (double)NAN, .lambda = (double)NAN};
    if (objective->custom) return objective->custom(objective->context, in, loss);
    if (objective->record->loss) return objective->record->loss(objective, in, loss, prediction);
    Tensor *logits, *targets;
    if (!output) return refuse_model(objective, pass->model);
    TRY(batch_get(pass->batch, objective->record->targets, &targets));
    TRY(forward_output(pass, output, &logits));
    if (prediction) prediction->logits = logits;
    if (prediction) prediction->targets = targets;
    TRY(tape_enter(pass->tape, objective->name));
    Status status = f_cross_entropy(pass->tape, logits, targets, -100, loss);
    tape_leave(pass->tape);
    return status;
}

const ObjectiveRecord objective_custom = {
    .name = "custom",
    .doc = "A user's own loss: function(model, batch) return loss end. model gives outputs by name (model.pooled), "
           "batch "
           "the fields of the data, and batch.step of batch.steps, batch.micro_step, for what changes with time. "
           "What it "
           "draws by randn or math.random is a function of seed, objective and step.",
};
