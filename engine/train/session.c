/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/session.h"

#include "engine/base/memory.h"
#include "engine/train/classes.h"

#include <stdio.h>
#include <string.h>

const Option early_stopping_options[] = {
    OPTION_INT_FIELD(EarlyStopping, patience, 5, 1, 1e9,
                     "evaluations without improvement after which the run ends"),
    OPTION_TEXT_FIELD(EarlyStopping, metric, "valid",
                      "what is looked at: valid, valid.NAME or valid.NAME.accuracy"),
    OPTION_NUMBER_FIELD(EarlyStopping, min_delta, 0, 0, 1e9, "an improvement by less does not count"),
    OPTION_BOOLEAN_FIELD(EarlyStopping, restore_best, 0, "the final weights are those of the best evaluation"),
    {0},
};

static Status make(Session *session)
{
    TRY(arena_new(&session->arena));
    return tape_new(session->arena, &session->tape);
}

Status session_new(uint64_t seed, Session **out)
{
    Session *session;
    TRY(memory_new(1, sizeof *session, &session));
    *session = (Session){.seed = seed, .steps = 1000, .accumulate = 1, .clip_norm = 1, .keep_checkpoints = 3};
    session->optimizer.record = optimizer_record_find("adamw");
    option_defaults(session->optimizer.record->options, &session->optimizer.config);
    session->schedule.record = schedule_record_find("constant");
    option_defaults(session->schedule.record->options, &session->schedule.config);
    Status status = make(session);
    if (status != STATUS_OK) {
        session_free(session);
        return status;
    }
    *out = session;
    return STATUS_OK;
}

void session_free(Session *session)
{
    if (!session) return;
    tape_free(session->tape);
    for (int i = 0; i < session->model_count; i++) model_free(session->models[i]);
    for (int i = 0; i < session->source_count; i++) source_unref(session->sources[i].source);
    for (int i = 0; i < session->objective_count; i++) objective_free(session->objectives[i]);
    arena_free(session->arena);
    memory_free(session->edits);
    memory_free(session);
}

Model *session_model(const Session *session, const char *name)
{
    for (int i = 0; i < session->model_count; i++)
        if (strcmp(session->models[i]->name, name) == 0) return session->models[i];
    return NULL;
}

SessionSource *session_source(Session *session, const char *name)
{
    for (int i = 0; i < session->source_count; i++)
        if (strcmp(session->sources[i].name, name) == 0) return &session->sources[i];
    return NULL;
}

Objective *session_objective(const Session *session, const char *name)
{
    for (int i = 0; i < session->objective_count; i++)
        if (strcmp(session->objectives[i]->name, name) == 0) return session->objectives[i];
    return NULL;
}

static Status refuse_addition(const char *kind, const char *name, bool taken, int limit)
{
    return taken ? status_fail(STATUS_INVALID,
                               "session: there is already %s called '%s'; give this one another name", kind, name)
                 : status_fail(STATUS_INVALID, "session: %s '%s' would be more than the %d that fit", kind, name,
                               limit);
}

/* A model's files are called NAME.safetensors and NAME.json: none may lie elsewhere or be another file of a run. */
static Status check_model_name(const char *name)
{
    static const char *const taken[] = {"config",    "tokenizer", "tokenizer_config", "vocab", "characters",
                                        "optimizer", "state"};
    if (!*name || strpbrk(name, "./ \t\n") || strlen(name) + 1 >= MODEL_NAME_SIZE)
        return status_fail(STATUS_INVALID,
                           "session: a model's name is short, without dots, slashes or spaces; got '%s'", name);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return status_fail(
                STATUS_INVALID,
                "session: a model cannot be called '%s': that is the name of a file of the run; give it "
                "another name",
                name);
    return STATUS_OK;
}

Status session_add_model(Session *session, Model *model)
{
    bool taken = session_model(session, model->name) != NULL;
    Status status = taken || session->model_count == SESSION_MAX_MODELS
                        ? refuse_addition("a model", model->name, taken, SESSION_MAX_MODELS)
                        : check_model_name(model->name);
    if (status != STATUS_OK)
        model_free(model);
    else
        session->models[session->model_count++] = model;
    return status;
}

Status session_add_source(Session *session, const char *name, Source *source)
{
    bool taken = session_source(session, name) != NULL;
    if (taken || session->source_count == SESSION_MAX_SOURCES)
        return refuse_addition("a data source", name, taken, SESSION_MAX_SOURCES);
    SessionSource *entry = &session->sources[session->source_count++];
    *entry = (SessionSource){
        .source = source_ref(source), .cursor = {.seed = source->seed}, .batch_size = source->batch_size};
    snprintf(entry->name, sizeof entry->name, "%s", name);
    return STATUS_OK;
}

Status session_add_objective(Session *session, Objective *objective)
{
    bool taken = session_objective(session, objective->name) != NULL;
    if (taken || session->objective_count == SESSION_MAX_OBJECTIVES) {
        Status status = refuse_addition("an objective", objective->name, taken, SESSION_MAX_OBJECTIVES);
        objective_free(objective);
        return status;
    }
    session->objectives[session->objective_count++] = objective;
    return STATUS_OK;
}

void session_forget(Session *session, int sources, int objectives)
{
    while (session->objective_count > objectives) objective_free(session->objectives[--session->objective_count]);
    while (session->source_count > sources) source_unref(session->sources[--session->source_count].source);
}

static bool same_input(const Objective *a, const Objective *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->source, b->source) == 0;
}

/* It corrupts the input itself, unless it was told to read the plain batch. */
static bool makes_view(const Objective *objective)
{
    return objective->record->view && strcmp(objective->view, objective->name) == 0;
}

/* nsp reads mlm's view: one forward pass for both. Whoever compares two sources sees both plain. */
static void choose_view(Session *session, Objective *objective)
{
    if (objective->record->view || objective->record->target || objective->view[0]) return;
    for (int i = 0; i < session->objective_count; i++) {
        const Objective *other = session->objectives[i];
        if (!makes_view(other) || !other->enabled || !same_input(objective, other)) continue;
        memcpy(objective->view, other->name, sizeof objective->view);
        return;
    }
}

static bool same_pieces(const Vocabulary *a, const Vocabulary *b)
{
    if (a == b) return true;
    if (!a || !b || a->size != b->size || !a->pieces || !b->pieces) return false;
    for (int64_t i = 0; i < a->size; i++)
        if (strcmp(a->pieces[i], b->pieces[i]) != 0) return false;
    return true;
}

/* The second data source, and what the objective adds to its model. */
static Status check_target(Session *session, const Objective *objective)
{
    const char *name = objective_target(objective);
    const SessionSource *source = session_source(session, objective->source);
    const SessionSource *target = name ? session_source(session, name) : NULL;
    Model *model = session_model(session, objective->model);
    RandomKey key = random_subkey_name(random_key(session->seed, "weights"), model->name);
    if (name && !target)
        return status_fail(STATUS_INVALID,
                           "objective '%s' adapts to data source '%s', which is not in the session; name one that "
                           "is, as in data = { %s = ... }",
                           objective->name, name, name);
    if (target == source && target)
        return status_fail(STATUS_INVALID,
                           "objective '%s' adapts data source '%s' to itself; choose another target",
                           objective->name, name);
    if (target && !same_pieces(source->source->vocabulary, target->source->vocabulary))
        return status_fail(
            STATUS_INVALID,
            "objective '%s': data sources '%s' and '%s' have different vocabularies; encode both with "
            "one tokenizer",
            objective->name, source->name, target->name);
    return objective->record->prepare ? objective->record->prepare(objective, model, key) : STATUS_OK;
}

static Status check_objective(Session *session, Objective *objective)
{
    if (!session_model(session, objective->model))
        return status_fail(STATUS_INVALID, "objective '%s' reads model '%s', which is not in the session",
                           objective->name, objective->model);
    if (!session_source(session, objective->source))
        return status_fail(STATUS_INVALID, "objective '%s' reads data source '%s', which is not in the session",
                           objective->name, objective->source);
    choose_view(session, objective);
    const Objective *owner = objective->view[0] ? session_objective(session, objective->view) : NULL;
    if (objective->view[0] && (!owner || !makes_view(owner)))
        return status_fail(STATUS_INVALID, "objective '%s' reads the view of '%s', which makes none",
                           objective->name, objective->view);
    return check_target(session, objective);
}

static Status check_vocabulary(const Session *session)
{
    for (int m = 0; m < session->model_count; m++)
        for (int s = 0; s < session->source_count; s++) {
            char whose[SESSION_NAME_SIZE + 16];
            const Vocabulary *vocabulary = session->sources[s].source->vocabulary;
            snprintf(whose, sizeof whose, "data source '%s'", session->sources[s].name);
            if (vocabulary) TRY(model_check_vocabulary(session->models[m], whose, vocabulary->size));
        }
    return STATUS_OK;
}

/* The longest example of every source must fit the models that are trained on it. */
static Status check_lengths(const Session *session)
{
    for (int i = 0; i < session->objective_count; i++) {
        const Objective *objective = session->objectives[i];
        const Model *model = session_model(session, objective->model);
        const Source *source = session_source((Session *)session, objective->source)->source;
        int64_t most = model->record->max_length ? model->record->max_length(model) : 0;
        if (most && source->length > most)
            return status_fail(STATUS_INVALID,
                               "data source '%s' has examples of up to %lld tokens, model '%s' takes %lld; shorten "
                               "'length' of the data or give the model more positions",
                               objective->source, (long long)source->length, model->name, (long long)most);
    }
    return STATUS_OK;
}

Status session_check(Session *session)
{
    if (session->objective_count == 0)
        return status_fail(STATUS_INVALID, "session: there is no objective; add one, objectives.mlm{} for example");
    for (int i = 0; i < session->objective_count; i++) TRY(check_objective(session, session->objectives[i]));
    TRY(check_vocabulary(session));
    TRY(classes_check(session));
    TRY(check_lengths(session));
    for (int i = 0; i < session->model_count; i++)
        model_scale_rates(session->models[i], session->optimizer.config.layer_decay);
    return STATUS_OK;
}

/* --- small things --- */

DType session_precision(const Session *session)
{
    return session->precision == PRECISION_BF16 ? DTYPE_BF16 : DTYPE_F32;
}

void session_set_mode(Session *session, bool training)
{
    tape_set_mode(session->tape, training, training);
    tape_set_precision(session->tape, session_precision(session));
    tape_set_recompute(session->tape, session->recompute);
}

Status session_set_edits(Session *session, const char *edits)
{
    char *copy;
    TRY(memory_copy_text(edits, &copy));
    memory_free(session->edits);
    session->edits = copy;
    return STATUS_OK;
}
