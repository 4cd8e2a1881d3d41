/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of the model's pane: modules are sums of their parameters, which follow each other in order of paths. */
#include "tui/workbench/model_view.h"

#include "engine/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Status model_view_init(ModelView *model)
{
    TRY(memory_new(2 * MODEL_PARAMS, sizeof *model->rows, &model->rows));
    model->params = model->rows + MODEL_PARAMS;
    return STATUS_OK;
}

void model_view_free(ModelView *model)
{
    memory_free(model->rows);
    *model = (ModelView){0};
}

static bool is_toggled(const ModelView *model, int of, const char *path)
{
    for (int i = 0; i < model->opened_count; i++)
        if (model->opened[i].model == of && strcmp(model->opened[i].path, path) == 0) return true;
    return false;
}

static bool is_below(const ModelRow *param, int model, const char *module)
{
    size_t length = strlen(module);
    if (param->model != model) return false;
    return !length || (strncmp(param->path, module, length) == 0 && param->path[length] == '.');
}

static void add(double *sum, double value)
{
    *sum = isnan(*sum) ? value : isnan(value) ? *sum : *sum + value;
}

/* The parameters from 'first' on that lie below the module, as one row of squares; *end: behind them. */
static ModelRow sum_below(const ModelView *model, int of, const char *module, int first, int *end)
{
    ModelRow row = {.model = of, .norm = NAN, .grad_norm = NAN, .update = NAN, .zeros = NAN, .dead = NAN};
    int i = first;
    row.frozen = true;
    for (; i < model->param_count && is_below(&model->params[i], of, module); i++) {
        const ModelRow *param = &model->params[i];
        row.count += param->count;
        row.frozen = row.frozen && param->frozen;
        add(&row.norm, param->norm);
        add(&row.grad_norm, param->grad_norm);
        add(&row.update, param->update);
        add(&row.zeros, param->zeros);
        add(&row.dead, param->dead);
        if (!isnan(param->dead)) row.units += param->units;
    }
    *end = i;
    return row;
}

/* Squares become norms, updates and zeros shares. */
static void finish_row(ModelRow *row)
{
    row->update = row->norm > 0 ? sqrt(row->update / row->norm) : (double)NAN;
    row->norm = sqrt(row->norm);
    row->grad_norm = sqrt(row->grad_norm);
    row->zeros = row->count > 0 ? row->zeros / row->count : (double)NAN;
}

static void put_row(ModelView *model, ModelRow row)
{
    if (model->row_count == MODEL_PARAMS) return;
    finish_row(&row);
    model->rows[model->row_count++] = row;
}

/* The rows below a module from the parameter 'first' on, as deep as modules are open. Those at the top, "bert" for
 * example, are open at first. */
static int make_tree(ModelView *model, int of, const char *module, int first, int depth)
{
    enum { DEEPEST = 24 };
    size_t length = strlen(module) + (*module != '\0');
    while (first < model->param_count && is_below(&model->params[first], of, module)) {
        char child[MODEL_PATH];
        const ModelRow *param = &model->params[first];
        size_t size = length + strcspn(param->path + length, ".");
        int end = first + 1;
        ModelRow row = *param;
        snprintf(child, sizeof child, "%.*s", (int)size, param->path);
        if (param->path[size]) row = sum_below(model, of, child, first, &end);
        snprintf(row.path, sizeof row.path, "%s", child);
        row.depth = depth;
        row.leaf = !param->path[size];
        row.open = !row.leaf && depth < DEEPEST && is_toggled(model, of, child) != (*module == '\0');
        put_row(model, row);
        if (row.open) make_tree(model, of, child, first, depth + 1);
        first = end;
    }
    return first;
}

/* Several models are rows themselves. */
static void make_models(ModelView *model)
{
    int first = 0, end = 0;
    for (int of = 0; of < model->name_count; of++, first = end) {
        ModelRow row = sum_below(model, of, "", first, &end);
        row.open = !is_toggled(model, of, "");
        if (model->name_count > 1) put_row(model, row);
        if (model->name_count == 1 || row.open) make_tree(model, of, "", first, model->name_count > 1);
    }
}

/* --- lists of parameters --- */

/* Every word of the filter is somewhere in the path. */
static bool matches(const char *path, const char *filter)
{
    char word[FIELD_BYTES];
    for (const char *at = filter; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        if (length && !strcasestr(path, word)) return false;
        at += length;
    }
    return true;
}

double model_view_value(const ModelRow *row, ModelColumn column)
{
    switch (column) {
    case COLUMN_NORM: return row->norm;
    case COLUMN_GRAD: return row->grad_norm;
    case COLUMN_UPDATE: return row->update;
    case COLUMN_ZEROS: return row->zeros;
    case COLUMN_DEAD: return row->units > 0 ? row->dead / row->units : (double)NAN;
    case COLUMN_WEIGHTS: return row->count;
    default: return (double)NAN;
    }
}

static ModelColumn compared; /* qsort() passes nothing on; one thread */

/* The greatest first, what is not known last, equal ones as they came. */
static int greatest_first(const void *a, const void *b)
{
    const ModelRow *first = a, *second = b;
    double x = model_view_value(first, compared), y = model_view_value(second, compared);
    if (isnan(x) || isnan(y)) return isnan(x) == isnan(y) ? strcmp(first->path, second->path) : isnan(x) ? 1 : -1;
    return x != y ? (x < y ? 1 : -1) : strcmp(first->path, second->path);
}

static void make_list(ModelView *model)
{
    for (int i = 0; i < model->param_count; i++)
        if (matches(model->params[i].path, model->filter.text)) put_row(model, model->params[i]);
    compared = model->sort_by;
    if (model->sorted) qsort(model->rows, (size_t)model->row_count, sizeof *model->rows, greatest_first);
}

/* --- all --- */

static int find_row(const ModelView *model, const ModelRow *wanted)
{
    for (int i = 0; i < model->row_count; i++)
        if (model->rows[i].model == wanted->model && strcmp(model->rows[i].path, wanted->path) == 0) return i;
    return -1;
}

void model_view_make_rows(ModelView *model, int *row)
{
    ModelRow selected = *row < model->row_count ? model->rows[*row] : (ModelRow){.model = -1};
    bool list = model->sorted || model->filter.text[0];
    model->row_count = 0;
    if (list)
        make_list(model);
    else
        make_models(model);
    int found = find_row(model, &selected);
    if (found >= 0) *row = found;
    if (*row >= model->row_count) *row = model->row_count ? model->row_count - 1 : 0;
}

void model_view_toggle(ModelView *model, const ModelRow *row)
{
    for (int i = 0; i < model->opened_count; i++) {
        ModelOpened *opened = &model->opened[i];
        if (opened->model != row->model || strcmp(opened->path, row->path) != 0) continue;
        memmove(opened, opened + 1, sizeof *opened * (size_t)(model->opened_count - i - 1));
        model->opened_count--;
        return;
    }
    if (model->opened_count == MODEL_OPENED) return;
    ModelOpened *opened = &model->opened[model->opened_count++];
    opened->model = row->model;
    memcpy(opened->path, row->path, sizeof opened->path);
}

int model_view_parent(const ModelView *model, int row)
{
    int parent = row - 1;
    if (row < 0 || row >= model->row_count) return -1;
    while (parent >= 0 && model->rows[parent].depth >= model->rows[row].depth) parent--;
    return parent;
}

void model_view_lua(const ModelView *model, const ModelRow *row, char *out, size_t size)
{
    char path[MODEL_PATH + 8] = "";
    if (row->path[0]) snprintf(path, sizeof path, "[\"%s\"]", row->path);
    if (row->model == 0)
        snprintf(out, size, "run.model%s", path);
    else
        snprintf(out, size, "run.models[\"%s\"]%s", model->names[row->model], path);
}
