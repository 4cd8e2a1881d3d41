/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the run answers to questions, put into the view. Nothing of it is trusted: what does not fit is left off. */
#include "engine/io/json.h"
#include "tui/workbench/topics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void answer_text(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text) snprintf(out, size, "%s", text);
}

int64_t answer_integer(const json_t *object, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(object, key));
}

double answer_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_number(value)) return json_number_value(value);
    const char *text = json_string_value(value);
    if (text && strcmp(text, "Infinity") == 0) return INFINITY;
    if (text && strcmp(text, "-Infinity") == 0) return -INFINITY;
    return NAN;
}

/* --- the run --- */

/* {"name": ..., "options": {...}}; from: what has the options, name: its key. */
static void take_record(const json_t *from, const char *name, ViewRecord *out)
{
    const char *key;
    json_t *value, *options = json_object_get(from, "options");
    *out = (ViewRecord){0};
    answer_text(from, name, out->name, sizeof out->name);
    json_object_foreach(options, key, value)
    {
        const char *text = json_string_value(value);
        if (!text || out->count == VIEW_OPTIONS) continue;
        struct ViewOption *option = &out->options[out->count++];
        snprintf(option->name, sizeof option->name, "%s", key);
        snprintf(option->value, sizeof option->value, "%s", text);
    }
}

static int take_names(const json_t *list, char (*out)[MODEL_NAME], int most)
{
    size_t i;
    json_t *entry;
    int count = 0;
    json_array_foreach(list, i, entry)
    {
        const char *name = json_string_value(entry);
        if (name && count < most) snprintf(out[count++], MODEL_NAME, "%s", name);
    }
    return count;
}

static double share_of(const ViewObjective *list, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0) return list[i].share;
    return NAN;
}

static void take_objectives(View *view, const json_t *list)
{
    size_t i;
    json_t *entry;
    ViewObjective made[VIEW_OBJECTIVES];
    int count = 0;
    json_array_foreach(list, i, entry)
    {
        if (count == VIEW_OBJECTIVES) break;
        ViewObjective *objective = &made[count++];
        *objective = (ViewObjective){.weight = answer_number(entry, "weight"),
                                     .value = answer_number(entry, "value"),
                                     .enabled = json_is_true(json_object_get(entry, "enabled"))};
        answer_text(entry, "name", objective->name, sizeof objective->name);
        objective->share = share_of(view->objectives, view->objective_count, objective->name);
        take_record(entry, "record", &objective->record);
    }
    memcpy(view->objectives, made, sizeof *made * (size_t)count);
    view->objective_count = count;
    if (view->rows[PANE_OBJECTIVES] >= view->objective_count) view->rows[PANE_OBJECTIVES] = 0;
}

static void take_session(View *view, const json_t *object)
{
    if (view->state == RUN_CONNECTING || view->state == RUN_TRAINING || view->state == RUN_PAUSED)
        view->state = json_is_true(json_object_get(object, "paused")) ? RUN_PAUSED : RUN_TRAINING;
    view->step = answer_integer(object, "step");
    view->steps = answer_integer(object, "steps");
    view->lr = answer_number(object, "lr");
    view->memory = answer_number(object, "memory");
    view->epoch = answer_number(object, "epoch");
    take_record(json_object_get(object, "optimizer"), "name", &view->optimizer);
    take_record(json_object_get(object, "schedule"), "name", &view->schedule);
    view->source_count = take_names(json_object_get(object, "sources"), view->sources, VIEW_SOURCES);
    view->model.name_count = take_names(json_object_get(object, "models"), view->model.names, MODEL_MODELS);
    take_objectives(view, json_object_get(object, "objectives"));
}

static void take_branches(View *view, const json_t *list)
{
    size_t i;
    json_t *entry;
    view->branch_count = 0;
    json_array_foreach(list, i, entry)
    {
        bool current = json_is_true(json_object_get(entry, "current"));
        if (current) answer_text(entry, "name", view->branch, sizeof view->branch);
        if (view->branch_count == VIEW_BRANCHES) continue;
        ViewBranch *branch = &view->branches[view->branch_count++];
        *branch = (ViewBranch){
            .step = answer_integer(entry, "step"), .fork = answer_integer(entry, "fork"), .current = current};
        answer_text(entry, "name", branch->name, sizeof branch->name);
        answer_text(entry, "parent", branch->parent, sizeof branch->parent);
    }
}

/* "run.objectives.nsp.weight = 0.1" is shown as "nsp.weight = 0.1". */
static void shorten(const char *effect, char *out, size_t size)
{
    static const char *const heads[] = {"run.objectives.", "run.options.", "run."};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (strncmp(effect, heads[i], strlen(heads[i])) != 0) continue;
        effect += strlen(heads[i]);
        break;
    }
    snprintf(out, size, "%.*s", (int)strcspn(effect, "\n"), effect);
}

/* The last ones, where there are too many. */
static void take_edits(View *view, const json_t *list)
{
    size_t count = json_array_size(list), first = count > VIEW_MARKS ? count - VIEW_MARKS : 0;
    view->mark_count = 0;
    for (size_t i = first; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *effect = json_string_value(json_object_get(entry, "effect"));
        ViewMark *mark = &view->marks[view->mark_count++];
        mark->step = answer_integer(entry, "step");
        shorten(effect ? effect : "", mark->text, sizeof mark->text);
    }
}

static void take_snapshots(View *view, const json_t *list)
{
    size_t i;
    json_t *step;
    view->snapshot_count = 0;
    json_array_foreach(list, i, step)
    {
        if (view->snapshot_count == VIEW_SNAPSHOTS) break;
        view->snapshots[view->snapshot_count++] = (int64_t)json_integer_value(step);
    }
}

static void take_pauses(View *view, const json_t *list)
{
    size_t i;
    json_t *entry;
    view->pause_count = 0;
    json_array_foreach(list, i, entry)
    {
        if (view->pause_count == VIEW_PAUSES) break;
        ViewMark *mark = &view->pauses[view->pause_count++];
        *mark = (ViewMark){.step = answer_integer(entry, "step")};
        answer_text(entry, "text", mark->text, sizeof mark->text);
    }
}

/* --- all --- */

static Status take_tree(View *view, const json_t *tree)
{
    TRY(branch_tree_take(&view->tree, tree));
    if (view->rows[PANE_BRANCHES] >= view->tree.row_count) view->rows[PANE_BRANCHES] = 0;
    return STATUS_OK;
}

static Status take_object(View *view, const json_t *object, double *seconds)
{
    const json_t *tree = json_object_get(object, "tree");
    const json_t *branches = json_object_get(object, "branches"), *edits = json_object_get(object, "edits");
    const json_t *cost = json_object_get(object, "seconds");
    if (json_object_get(object, "objectives")) take_session(view, object);
    if (branches) take_branches(view, branches);
    if (edits) take_edits(view, edits);
    if (json_object_get(object, "snapshots")) take_snapshots(view, json_object_get(object, "snapshots"));
    if (json_object_get(object, "pauses")) take_pauses(view, json_object_get(object, "pauses"));
    if (json_is_number(cost)) *seconds = json_number_value(cost);
    return tree ? take_tree(view, tree) : answer_take_panes(view, object);
}

static Status take_report(Form *form, const char *text, size_t length)
{
    buffer_clear(&form->report);
    form->report_first = 0;
    return buffer_append(&form->report, text, length);
}

Status answer_take(View *view, Topic topic, const char *text, size_t length, double *seconds)
{
    *seconds = 0;
    if (topic == TOPIC_DRY_RUN) return take_report(&view->form, text, length);
    while (length) {
        const char *newline = memchr(text, '\n', length);
        size_t size = newline ? (size_t)(newline - text) : length;
        json_t *object;
        if (size) {
            TRY(json_parse("answer", text, size, &object));
            Status status = take_object(view, object, seconds);
            json_decref(object);
            TRY(status);
        }
        size += newline != NULL;
        text += size;
        length -= size;
    }
    return STATUS_OK;
}

bool answer_failed(View *view, Topic topic, const char *text)
{
    int length = (int)strcspn(text, "\n");
    switch (topic) {
    case TOPIC_SHARES: return true; /* nothing is on, for example: the column stays empty */
    case TOPIC_ATTENTION:
        view->model.map.tokens = 0;
        snprintf(view->model.trouble, sizeof view->model.trouble, "%.*s", length, text);
        return true;
    case TOPIC_SAMPLES:
    case TOPIC_DATA: {
        Status status = pages_add(topic == TOPIC_DATA ? &view->data : &view->samples, view->step, text);
        (void)status; /* without memory the page stays as it was */
        return true;
    }
    case TOPIC_DRY_RUN:
        view->form.dry_run[0] = '\0';
        snprintf(view->form.note, sizeof view->form.note, "%.*s", length, text);
        return true;
    default: return false;
    }
}
