/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/classes.h"

#include <string.h>

bool objective_scores_classes(const Objective *objective)
{
    return objective->record->targets && !objective->record->output;
}

static const Source *source_of(const Session *session, const Objective *objective)
{
    return session_source((Session *)session, objective->source)->source;
}

const char *const *session_classes(const Session *session, const Model *model, int64_t *count)
{
    for (int i = 0; i < session->objective_count; i++) {
        const Objective *objective = session->objectives[i];
        if (!objective_scores_classes(objective) || strcmp(objective->model, model->name) != 0) continue;
        const Source *source = source_of(session, objective);
        if (!source->classes) continue;
        *count = source->class_count;
        return source->classes;
    }
    *count = model->class_count;
    return (const char *const *)model->classes;
}

/* The place of the name among the model's classes, -1 where it has none of the name. */
static int64_t place_of(const Model *model, const char *name)
{
    for (int64_t i = 0; i < model->class_count; i++)
        if (strcmp(model->classes[i], name) == 0) return i;
    return -1;
}

static Status list_names(const char *const *names, int64_t count, const char *between, Buffer *out)
{
    for (int64_t i = 0; i < count && i < 16; i++) TRY(buffer_printf(out, "%s%.60s", i ? between : "", names[i]));
    return count > 16 ? buffer_text(out, ", ...") : STATUS_OK;
}

static Status refuse_order(const Objective *objective, const Source *source, const Model *model)
{
    Buffer theirs = {0}, ours = {0}, remedy = {0};
    const char *const *names = (const char *const *)model->classes;
    Status status = list_names(source->classes, source->class_count, ", ", &theirs);
    if (status == STATUS_OK) status = list_names(names, model->class_count, ", ", &ours);
    if (status == STATUS_OK) status = list_names(names, model->class_count, ",", &remedy);
    if (status == STATUS_OK)
        status = status_fail(STATUS_INVALID,
                             "data source '%s' has the classes %s, model '%s' was trained with %s; give the data "
                             "classes = \"%s\"",
                             objective->source, theirs.data, model->name, ours.data, remedy.data);
    buffer_free(&theirs);
    buffer_free(&ours);
    buffer_free(&remedy);
    return status;
}

/* The same names in another order would be other answers. Names of which the model knows none mean a new task. */
static Status check_names(const Objective *objective, const Source *source, const Model *model)
{
    bool moved = false;
    for (int64_t i = 0; source->classes && i < source->class_count; i++) {
        int64_t place = place_of(model, source->classes[i]);
        if (place < 0) return STATUS_OK;
        moved |= place != i;
    }
    return moved ? refuse_order(objective, source, model) : STATUS_OK;
}

static Status check_objective(const Session *session, const Objective *objective)
{
    const Model *model = session_model(session, objective->model);
    const Source *source = source_of(session, objective);
    const Option *option = option_find(model->record->options, "num_labels");
    if (!model->record->classes || !option) return STATUS_OK; /* the objective itself says so */
    int64_t classes = *(const int64_t *)((const char *)model->config + option->offset);
    if (classes < source->class_count || classes == 0)
        return status_fail(STATUS_INVALID,
                           "objective '%s': data source '%s' has %lld classes, model '%s' a num_labels of %lld; "
                           "build the model with num_labels = %lld",
                           objective->name, objective->source, (long long)source->class_count, model->name,
                           (long long)classes, (long long)(source->class_count ? source->class_count : 2));
    return check_names(objective, source, model);
}

Status classes_check(const Session *session)
{
    for (int i = 0; i < session->objective_count; i++)
        if (objective_scores_classes(session->objectives[i])) TRY(check_objective(session, session->objectives[i]));
    return STATUS_OK;
}
