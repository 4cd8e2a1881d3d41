/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/checkpoint.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/weights.h"
#include "engine/nn/reshape.h"
#include "engine/train/structure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "directory/model.safetensors"; the model called "model" is the only one in most sessions. */
static Status tensor_path(const char *directory, const Model *model, const char *kind, char **out)
{
    char name[MODEL_NAME_SIZE + 40];
    bool main = strcmp(model->name, "model") == 0;
    if (strcmp(kind, "model") == 0)
        snprintf(name, sizeof name, "%s.safetensors", model->name);
    else
        snprintf(name, sizeof name, "%s%s%s.safetensors", main ? "" : model->name, main ? "" : ".", kind);
    return file_join(directory, name, out);
}

/* --- the parts of the JSON --- */

static Status config_json(const Option *table, const void *config, json_t **out)
{
    Buffer text = {0};
    TRY(json_new_object(out));
    Status status = STATUS_OK;
    for (; status == STATUS_OK && table && table->name; table++) {
        buffer_clear(&text);
        status = option_print(table, config, &text);
        if (status == STATUS_OK) status = json_set_text(*out, table->name, text.data ? text.data : "");
    }
    buffer_free(&text);
    if (status != STATUS_OK) json_decref(*out);
    return status;
}

/* object[key] = {"name": record, "options": {...}} */
static Status set_record(json_t *object, const char *key, const char *record, const Option *table,
                         const void *config)
{
    json_t *entry, *options;
    TRY(json_new_object(&entry));
    Status status = json_set_text(entry, "name", record);
    if (status == STATUS_OK) status = config_json(table, config, &options);
    if (status == STATUS_OK) status = json_set(entry, "options", options);
    if (status != STATUS_OK) {
        json_decref(entry);
        return status;
    }
    return json_set(object, key, entry);
}

static Status read_config(const char *name, const json_t *options, const Option *table, void *config,
                          const char *owner)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)options, key, value)
    {
        if (!json_is_string(value))
            return status_fail(STATUS_FORMAT, "%s: option '%s' of %s must be a text", name, key, owner);
        TRY(option_set_text(table, config, owner, key, json_string_value(value)));
    }
    return STATUS_OK;
}

static Status set_hex(json_t *object, const char *key, uint64_t value)
{
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_set_text(object, key, text);
}

/* parent[name] = what fill() puts into a new object; the object belongs to parent at once. */
static Status new_member(json_t *parent, const char *name, json_t **out)
{
    TRY(json_new_object(out));
    return json_set(parent, name, *out);
}

static Status add_steps(void *context, Param *param)
{
    return json_set_integer(context, param->path, param->step);
}

static Status add_frozen(void *context, Param *param)
{
    return param->frozen ? json_set_boolean(context, param->path, true) : STATUS_OK;
}

static Status model_json(const Model *model, json_t *out)
{
    json_t *steps, *frozen;
    TRY(new_member(out, "frozen", &frozen));
    TRY(module_each_param(model->root, add_frozen, frozen));
    TRY(set_record(out, "model", model->record->name, model->record->options, model->config));
    TRY(json_new_object(&steps));
    Status status = module_each_param(model->root, add_steps, steps);
    if (status != STATUS_OK) {
        json_decref(steps);
        return status;
    }
    return json_set(out, "steps", steps);
}

static Status source_json(const SessionSource *entry, json_t *out)
{
    char content[HASH_TEXT_SIZE];
    hash_text(entry->source->content, content);
    TRY(json_set_text(out, "content", content));
    TRY(set_hex(out, "seed", entry->cursor.seed));
    TRY(json_set_integer(out, "batch_size", entry->batch_size));
    TRY(json_set_integer(out, "epoch", entry->cursor.epoch));
    return json_set_integer(out, "index", entry->cursor.index);
}

static Status objective_json(const Objective *objective, int place, json_t *out)
{
    TRY(json_set_integer(out, "place", place));
    TRY(json_set_text(out, "model", objective->model));
    TRY(json_set_text(out, "source", objective->source));
    TRY(json_set_text(out, "view", objective->view));
    TRY(set_record(out, "objective", objective->record->name, objective->record->options, objective->config));
    TRY(json_set_number(out, "weight", objective->weight));
    return json_set_boolean(out, "enabled", objective->enabled);
}

/* "prunes": {"0": ...} */
static Status prunes_json(const Session *session, json_t *state)
{
    json_t *list;
    char name[12];
    if (!session->prune_count) return STATUS_OK;
    TRY(new_member(state, "prunes", &list));
    for (int i = 0; i < session->prune_count; i++) {
        snprintf(name, sizeof name, "%d", i);
        TRY(set_record(list, name, "prune", prune_options, &session->prunes[i]));
    }
    return STATUS_OK;
}

static Status state_json(const Session *session, json_t *state)
{
    json_t *models, *sources, *objectives, *entry;
    TRY(json_set_integer(state, "step", session->step));
    TRY(set_hex(state, "seed", session->seed));
    TRY(json_set_number(state, "loss_mean", session->losses.mean));
    TRY(json_set_number(state, "loss_square", session->losses.square));
    TRY(json_set_integer(state, "loss_count", session->losses.count));
    if (session->losses.skipped) TRY(json_set_integer(state, "loss_skipped", session->losses.skipped));
    TRY(json_set_text(state, "edits", session->edits ? session->edits : ""));
    TRY(new_member(state, "models", &models));
    for (int i = 0; i < session->model_count; i++) {
        TRY(new_member(models, session->models[i]->name, &entry));
        TRY(model_json(session->models[i], entry));
    }
    TRY(new_member(state, "sources", &sources));
    for (int i = 0; i < session->source_count; i++) {
        TRY(new_member(sources, session->sources[i].name, &entry));
        TRY(source_json(&session->sources[i], entry));
    }
    TRY(new_member(state, "objectives", &objectives));
    for (int i = 0; i < session->objective_count; i++) {
        TRY(new_member(objectives, session->objectives[i]->name, &entry));
        TRY(objective_json(session->objectives[i], i, entry));
    }
    TRY(prunes_json(session, state));
    TRY(set_record(state, "optimizer", session->optimizer.record->name, session->optimizer.record->options,
                   &session->optimizer.config));
    return set_record(state, "schedule", session->schedule.record->name, session->schedule.record->options,
                      &session->schedule.config);
}

Status checkpoint_write(const Session *session, const char *directory, json_t *state)
{
    for (int i = 0; i < session->model_count; i++) {
        char *path;
        TRY(tensor_path(directory, session->models[i], "model", &path));
        Status status = weights_save(session->models[i], path, true);
        memory_free(path);
        TRY(status);
        TRY(tensor_path(directory, session->models[i], "optimizer", &path));
        status = weights_save_states(session->models[i], session->optimizer.record->states, path, true);
        memory_free(path);
        TRY(status);
    }
    return state_json(session, state);
}

/* --- reading --- */

typedef struct Reading {
    Session *session;
    const char *directory, *name;
    const json_t *state;
} Reading;

static Status member(const Reading *reading, const json_t *object, const char *key, json_t **out)
{
    return json_member(reading->name, object, key, JSON_OBJECT, out);
}

static Status read_hex(const Reading *reading, const json_t *object, const char *key, uint64_t *out)
{
    const char *text;
    char *end;
    TRY(json_member_text(reading->name, object, key, &text));
    *out = strtoull(text, &end, 16);
    return *end || !*text ? status_fail(STATUS_FORMAT, "%s: '%s' is no hexadecimal number", reading->name, key)
                          : STATUS_OK;
}

static Status check_source(const Reading *reading, const SessionSource *entry, const json_t *saved)
{
    const char *content;
    char now[HASH_TEXT_SIZE];
    TRY(json_member_text(reading->name, saved, "content", &content));
    hash_text(entry->source->content, now);
    if (strcmp(content, now) == 0) return STATUS_OK;
    return status_fail(
        STATUS_INVALID,
        "%s: the data of source '%s' are not those of the run (content %s, then %s); put the old files back",
        reading->name, entry->name, now, content);
}

static Status check_sources(const Reading *reading, const json_t *sources)
{
    for (int i = 0; i < reading->session->source_count; i++) {
        json_t *saved;
        TRY(member(reading, sources, reading->session->sources[i].name, &saved));
        TRY(check_source(reading, &reading->session->sources[i], saved));
    }
    return STATUS_OK;
}

static Status read_cursors(const Reading *reading, const json_t *sources)
{
    for (int i = 0; i < reading->session->source_count; i++) {
        json_t *saved;
        Cursor cursor;
        TRY(member(reading, sources, reading->session->sources[i].name, &saved));
        TRY(read_hex(reading, saved, "seed", &cursor.seed));
        TRY(json_member_integer(reading->name, saved, "epoch", 0, INT64_MAX, &cursor.epoch));
        TRY(json_member_integer(reading->name, saved, "index", 0, INT64_MAX, &cursor.index));
        reading->session->sources[i].cursor = cursor;
        if (!json_object_get(saved, "batch_size")) continue; /* checkpoints of the first days have none */
        TRY(json_member_integer(reading->name, saved, "batch_size", 1, INT64_MAX,
                                &reading->session->sources[i].batch_size));
    }
    return STATUS_OK;
}

typedef struct StepReading {
    const Reading *reading;
    const json_t *steps;
} StepReading;

static Status read_step(void *context, Param *param)
{
    const StepReading *steps = context;
    return json_member_integer(steps->reading->name, steps->steps, param->path, 0, INT64_MAX, &param->step);
}

static Status thaw(void *context, Param *param)
{
    param_set_frozen(param, json_is_true(json_object_get(context, param->path)));
    return STATUS_OK;
}

/* The tree of the saved config, where it is another one than the session's: the tensors come from the files. */
static Status read_structure(const Reading *reading, Model *model, const json_t *saved)
{
    json_t *record, *options;
    const char *name;
    void *config;
    TRY(member(reading, saved, "model", &record));
    TRY(json_member_text(reading->name, record, "name", &name));
    TRY(member(reading, record, "options", &options));
    if (strcmp(name, model->record->name) != 0)
        return status_fail(STATUS_INVALID, "%s: the run's model '%s' is of kind '%s', the recipe's of kind '%s'",
                           reading->name, model->name, name, model->record->name);
    TRY(memory_new(1, model->record->config_size, &config));
    memcpy(config, model->config, model->record->config_size);
    Status status = read_config(reading->name, options, model->record->options, config, name);
    if (status == STATUS_OK && memcmp(config, model->config, model->record->config_size) != 0)
        status = model_set_config(model, config);
    memory_free(config);
    return status;
}

/* The models' trees, without the tensors: as the configs and the objectives want them. */
static Status read_structures(const Reading *reading, const json_t *models)
{
    for (int i = 0; i < reading->session->model_count; i++) {
        json_t *saved;
        TRY(member(reading, models, reading->session->models[i]->name, &saved));
        TRY(read_structure(reading, reading->session->models[i], saved));
    }
    return session_check(reading->session);
}

static Status read_model(const Reading *reading, Model *model, const json_t *models)
{
    json_t *saved, *steps, *frozen;
    char *path;
    TRY(member(reading, models, model->name, &saved));
    TRY(member(reading, saved, "steps", &steps));
    TRY(tensor_path(reading->directory, model, "model", &path));
    Status status = weights_load(model, path);
    memory_free(path);
    TRY(status);
    TRY(tensor_path(reading->directory, model, "optimizer", &path));
    status = weights_load_states(model, reading->session->optimizer.record->states, path);
    memory_free(path);
    TRY(status);
    StepReading step_reading = {reading, steps};
    if (json_object_get(saved, "frozen")) { /* checkpoints of the first days have none */
        TRY(member(reading, saved, "frozen", &frozen));
        TRY(module_each_param(model->root, thaw, frozen));
    }
    return module_each_param(model->root, read_step, &step_reading);
}

static Status read_name(const Reading *reading, const json_t *saved, const char *key, char out[OBJECTIVE_NAME_SIZE])
{
    const char *text;
    TRY(json_member_text(reading->name, saved, key, &text));
    if (strlen(text) >= OBJECTIVE_NAME_SIZE)
        return status_fail(STATUS_FORMAT, "%s: '%s' of an objective is too long", reading->name, key);
    snprintf(out, OBJECTIVE_NAME_SIZE, "%s", text);
    return STATUS_OK;
}

static Status read_objective(const Reading *reading, Objective *objective, const json_t *saved)
{
    json_t *record, *options;
    bool enabled;
    TRY(json_member_number(reading->name, saved, "weight", &objective->weight));
    TRY(json_member_boolean(reading->name, saved, "enabled", &enabled));
    objective->enabled = enabled;
    if (json_object_get(saved, "place")) { /* checkpoints of the first days have none of these */
        TRY(read_name(reading, saved, "model", objective->model));
        TRY(read_name(reading, saved, "source", objective->source));
        TRY(read_name(reading, saved, "view", objective->view));
    }
    TRY(member(reading, saved, "objective", &record));
    TRY(member(reading, record, "options", &options));
    return read_config(reading->name, options, objective->record->options, objective->config, objective->name);
}

/* The session's own objective of that name and kind, else a new one. A reference for the caller. */
static Status find_or_make(const Reading *reading, const char *name, const json_t *saved, Objective **out)
{
    json_t *object;
    const char *kind;
    Objective *there = session_objective(reading->session, name);
    TRY(member(reading, saved, "objective", &object));
    TRY(json_member_text(reading->name, object, "name", &kind));
    if (there && strcmp(there->record->name, kind) == 0) {
        *out = objective_ref(there);
        return STATUS_OK;
    }
    const ObjectiveRecord *record = objective_record_find(kind);
    if (!record) return status_fail(STATUS_INVALID, "%s: there is no objective '%s'", reading->name, kind);
    if (record == &objective_custom)
        return status_fail(STATUS_INVALID,
                           "%s: objective '%s' is a Lua function, which the recipe does not make; put it back",
                           reading->name, name);
    return objective_new(record, NULL, name, 1, out);
}

/* Checkpoints of the first days have no places: theirs are those of the session. */
static Status place_of(const Reading *reading, const char *name, const json_t *saved, int64_t count, int64_t *out)
{
    if (json_object_get(saved, "place"))
        return json_member_integer(reading->name, saved, "place", 0, count - 1, out);
    for (*out = 0; *out < reading->session->objective_count; ++*out)
        if (strcmp(reading->session->objectives[*out]->name, name) == 0) return STATUS_OK;
    return status_fail(STATUS_INVALID, "%s: the session has no objective '%s'", reading->name, name);
}

static Status collect_objectives(const Reading *reading, const json_t *objectives, Objective **list, int64_t count)
{
    const char *name;
    json_t *saved;
    json_object_foreach((json_t *)objectives, name, saved)
    {
        int64_t place;
        if (!json_is_object(saved) || strlen(name) >= OBJECTIVE_NAME_SIZE)
            return status_fail(STATUS_FORMAT, "%s: 'objectives' is damaged", reading->name);
        TRY(place_of(reading, name, saved, count, &place));
        if (place >= count || list[place])
            return status_fail(STATUS_FORMAT, "%s: objective '%s' has no place of its own", reading->name, name);
        TRY(find_or_make(reading, name, saved, &list[place]));
    }
    return STATUS_OK;
}

/* The list becomes that of the file; objectives that stay are the same objects. */
static Status read_objectives(const Reading *reading, const json_t *objectives)
{
    Session *session = reading->session;
    Objective *list[SESSION_MAX_OBJECTIVES] = {0};
    int count = (int)json_object_size(objectives);
    if (count < 1 || count > SESSION_MAX_OBJECTIVES)
        return status_fail(STATUS_FORMAT, "%s: %d objectives; there are 1 to %d", reading->name, count,
                           SESSION_MAX_OBJECTIVES);
    Status status = collect_objectives(reading, objectives, list, count);
    for (int i = 0; status == STATUS_OK && i < count; i++)
        status = read_objective(reading, list[i], json_object_get(objectives, list[i]->name));
    if (status == STATUS_OK) {
        Objective *old[SESSION_MAX_OBJECTIVES] = {0};
        memcpy(old, session->objectives, (size_t)session->objective_count * sizeof *old);
        memcpy(session->objectives, list, sizeof list);
        memcpy(list, old, sizeof list);
        session->objective_count = count;
    }
    for (int i = 0; i < SESSION_MAX_OBJECTIVES; i++) objective_free(list[i]);
    return status;
}

/* The name and the options of the optimizer or schedule. */
static Status saved_record(const Reading *reading, const char *key, const char **name, json_t **options)
{
    json_t *saved;
    TRY(member(reading, reading->state, key, &saved));
    TRY(json_member_text(reading->name, saved, "name", name));
    return member(reading, saved, "options", options);
}

static Status unknown_record(const Reading *reading, const char *key, const char *name)
{
    return status_fail(STATUS_INVALID, "%s: the run's %s is '%s', which this program does not know", reading->name,
                       key, name);
}

static Status read_optimizer(const Reading *reading)
{
    json_t *options;
    const char *name;
    TRY(saved_record(reading, "optimizer", &name, &options));
    Optimizer read = {.record = optimizer_record_find(name)};
    if (!read.record) return unknown_record(reading, "optimizer", name);
    option_defaults(read.record->options, &read.config);
    TRY(read_config(reading->name, options, read.record->options, &read.config, name));
    if (read.record == reading->session->optimizer.record)
        reading->session->optimizer = read;
    else
        session_set_optimizer(reading->session, &read);
    return STATUS_OK;
}

static Status read_schedule(const Reading *reading, Schedule *out)
{
    json_t *options;
    const char *name;
    TRY(saved_record(reading, "schedule", &name, &options));
    Schedule read = {.record = schedule_record_find(name)};
    if (!read.record) return unknown_record(reading, "schedule", name);
    option_defaults(read.record->options, &read.config);
    TRY(read_config(reading->name, options, read.record->options, &read.config, name));
    *out = read;
    return STATUS_OK;
}

/* Checkpoints of the first days have none. */
static Status read_losses(const Reading *reading, LossStatistics *out)
{
    *out = (LossStatistics){0};
    if (!json_object_get(reading->state, "loss_count")) return STATUS_OK;
    TRY(json_member_number(reading->name, reading->state, "loss_mean", &out->mean));
    TRY(json_member_number(reading->name, reading->state, "loss_square", &out->square));
    TRY(json_member_integer(reading->name, reading->state, "loss_count", 0, INT64_MAX, &out->count));
    if (!json_object_get(reading->state, "loss_skipped")) return STATUS_OK;
    return json_member_integer(reading->name, reading->state, "loss_skipped", 0, INT64_MAX, &out->skipped);
}

static Status read_prune(const Reading *reading, const json_t *list, int place, PruneConfig *out)
{
    json_t *saved, *options;
    char name[12];
    snprintf(name, sizeof name, "%d", place);
    TRY(member(reading, list, name, &saved));
    TRY(member(reading, saved, "options", &options));
    *out = (PruneConfig){0};
    option_defaults(prune_options, out);
    TRY(read_config(reading->name, options, prune_options, out, "prune"));
    if (out->schedule != PRUNE_CUBIC)
        return status_fail(STATUS_FORMAT, "%s: a pruning under way must be on a schedule", reading->name);
    return prune_complete(out, 0, 0);
}

/* Schedules of pruning that are under way; there may be none. */
static Status read_prunes(const Reading *reading)
{
    Session *session = reading->session;
    json_t *list;
    session->prune_count = 0;
    if (!json_object_get(reading->state, "prunes")) return STATUS_OK;
    TRY(member(reading, reading->state, "prunes", &list));
    size_t count = json_object_size(list);
    if (count > SESSION_MAX_PRUNES)
        return status_fail(STATUS_FORMAT, "%s: %zu prunings under way; there are at most %d", reading->name, count,
                           SESSION_MAX_PRUNES);
    for (int i = 0; i < (int)count; i++) TRY(read_prune(reading, list, i, &session->prunes[i]));
    session->prune_count = (int)count;
    return STATUS_OK;
}

static Status read_all(const Reading *reading)
{
    Session *session = reading->session;
    json_t *models, *sources, *objectives;
    int64_t step;
    uint64_t seed;
    TRY(json_member_integer(reading->name, reading->state, "step", 0, INT64_MAX, &step));
    TRY(read_hex(reading, reading->state, "seed", &seed));
    TRY(member(reading, reading->state, "models", &models));
    TRY(member(reading, reading->state, "sources", &sources));
    TRY(member(reading, reading->state, "objectives", &objectives));
    TRY(check_sources(reading, sources));
    TRY(read_optimizer(reading));
    TRY(read_schedule(reading, &session->schedule));
    TRY(read_objectives(reading, objectives));
    TRY(read_structures(reading, models));
    for (int i = 0; i < session->model_count; i++) TRY(read_model(reading, session->models[i], models));
    TRY(read_cursors(reading, sources));
    TRY(read_losses(reading, &session->losses));
    TRY(read_prunes(reading));
    session->step = step;
    session->seed = seed;
    return STATUS_OK;
}

Status checkpoint_read(Session *session, const char *directory, const char *name, const json_t *state)
{
    Reading reading = {session, directory, name, state};
    return read_all(&reading);
}
