/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the run answers to questions, put into the view. Nothing of it is trusted: what does not fit is left off. */
#include "engine/io/json.h"
#include "tui/workbench/link.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_text(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text) snprintf(out, size, "%s", text);
}

static int64_t integer(const json_t *object, const char *key)
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

static void take_objectives(View *view, const json_t *list)
{
    size_t i;
    json_t *entry;
    view->objective_count = 0;
    json_array_foreach(list, i, entry)
    {
        if (view->objective_count == VIEW_OBJECTIVES) break;
        ViewObjective *objective = &view->objectives[view->objective_count++];
        *objective = (ViewObjective){.weight = answer_number(entry, "weight"),
                                     .value = answer_number(entry, "value"),
                                     .share = NAN,
                                     .enabled = json_is_true(json_object_get(entry, "enabled"))};
        set_text(entry, "name", objective->name, sizeof objective->name);
    }
    if (view->rows[PANE_OBJECTIVES] >= view->objective_count) view->rows[PANE_OBJECTIVES] = 0;
}

static void take_session(View *view, const json_t *object)
{
    if (view->state == RUN_TRAINING || view->state == RUN_PAUSED)
        view->state = json_is_true(json_object_get(object, "paused")) ? RUN_PAUSED : RUN_TRAINING;
    view->step = integer(object, "step");
    view->steps = integer(object, "steps");
    view->lr = answer_number(object, "lr");
    view->memory = answer_number(object, "memory");
    view->epoch = answer_number(object, "epoch");
    set_text(object, "optimizer", view->optimizer, sizeof view->optimizer);
    set_text(object, "schedule", view->schedule, sizeof view->schedule);
    take_objectives(view, json_object_get(object, "objectives"));
}

/* Puts the branches that left 'parent' behind each other, each followed by its own; a ring, which a run cannot say,
 * is left off. */
static int order_below(const View *view, const char *parent, int depth, ViewBranch *out, int count)
{
    for (int i = 0; i < view->branch_count && depth < 12; i++) {
        const ViewBranch *branch = &view->branches[i];
        if (strcmp(branch->parent, parent) != 0 || !branch->name[0] || count == VIEW_BRANCHES) continue;
        out[count++] = *branch;
        count = order_below(view, branch->name, depth + 1, out, count);
    }
    return count;
}

static void order_branches(View *view)
{
    ViewBranch ordered[VIEW_BRANCHES];
    view->branch_count = order_below(view, "", 0, ordered, 0);
    memcpy(view->branches, ordered, sizeof *ordered * (size_t)view->branch_count);
    if (view->rows[PANE_BRANCHES] >= view->branch_count) view->rows[PANE_BRANCHES] = 0;
}

static void take_branches(View *view, const json_t *list)
{
    size_t i;
    json_t *entry;
    view->branch_count = 0;
    json_array_foreach(list, i, entry)
    {
        if (view->branch_count == VIEW_BRANCHES) break;
        ViewBranch *branch = &view->branches[view->branch_count++];
        *branch = (ViewBranch){.step = integer(entry, "step"),
                               .fork = integer(entry, "fork"),
                               .current = json_is_true(json_object_get(entry, "current"))};
        set_text(entry, "name", branch->name, sizeof branch->name);
        set_text(entry, "parent", branch->parent, sizeof branch->parent);
        if (branch->current) snprintf(view->branch, sizeof view->branch, "%s", branch->name);
    }
    order_branches(view);
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
        mark->step = integer(entry, "step");
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
        *mark = (ViewMark){.step = integer(entry, "step")};
        set_text(entry, "text", mark->text, sizeof mark->text);
    }
}

/* --- the model --- */

static void take_parameters(View *view, const json_t *list)
{
    size_t i;
    json_t *entry;
    view->param_count = 0;
    json_array_foreach(list, i, entry)
    {
        if (view->param_count == VIEW_TREE) break;
        ViewModule *param = &view->params[view->param_count++];
        *param = (ViewModule){.leaf = true,
                              .frozen = json_is_true(json_object_get(entry, "frozen")),
                              .count = answer_number(entry, "count"),
                              .norm = answer_number(entry, "norm2"),
                              .grad_norm = answer_number(entry, "grad2"),
                              .update = answer_number(entry, "update2"),
                              .zeros = answer_number(entry, "zeros")};
        set_text(entry, "path", param->path, sizeof param->path);
        set_text(entry, "shape", param->shape, sizeof param->shape);
    }
    view_make_tree(view);
}

/* --- all --- */

static void take_object(View *view, const json_t *object)
{
    const json_t *branches = json_object_get(object, "branches"), *edits = json_object_get(object, "edits");
    const json_t *parameters = json_object_get(object, "parameters");
    if (json_object_get(object, "objectives")) take_session(view, object);
    if (branches) take_branches(view, branches);
    if (edits) take_edits(view, edits);
    if (json_object_get(object, "snapshots")) take_snapshots(view, json_object_get(object, "snapshots"));
    if (json_object_get(object, "pauses")) take_pauses(view, json_object_get(object, "pauses"));
    if (parameters) take_parameters(view, parameters);
}

static Status take_lines(Scroll *lines, const char *text, size_t length)
{
    scroll_free(lines);
    return scroll_add(lines, STYLE_TEXT, text, length);
}

Status answer_take(View *view, Topic topic, const char *text, size_t length)
{
    if (topic == TOPIC_SAMPLES) return take_lines(&view->samples, text, length);
    if (topic == TOPIC_DATA) return take_lines(&view->data, text, length);
    while (length) {
        const char *newline = memchr(text, '\n', length);
        size_t size = newline ? (size_t)(newline - text) : length;
        json_t *object;
        if (size) {
            TRY(json_parse("answer", text, size, &object));
            take_object(view, object);
            json_decref(object);
        }
        size += newline != NULL;
        text += size;
        length -= size;
    }
    return STATUS_OK;
}
