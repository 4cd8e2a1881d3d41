/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of the model's tree: modules are sums of their parameters, which follow each other in order of paths. */
#include "tui/workbench/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_open(const View *view, const char *path)
{
    for (int i = 0; i < view->opened_count; i++)
        if (strcmp(view->opened[i], path) == 0) return true;
    return false;
}

static bool is_below(const char *path, const char *module)
{
    size_t length = strlen(module);
    return !length || (strncmp(path, module, length) == 0 && path[length] == '.');
}

static void add(double *sum, double value)
{
    *sum = isnan(*sum) ? value : isnan(value) ? *sum : *sum + value;
}

/* The parameters from 'first' on that lie below the module, as one row of squares; *end: behind them. */
static ViewModule sum_below(const View *view, const char *module, int first, int *end)
{
    ViewModule row = {.norm = NAN, .grad_norm = NAN, .update = NAN, .zeros = NAN, .frozen = true};
    int i = first;
    for (; i < view->param_count && is_below(view->params[i].path, module); i++) {
        const ViewModule *param = &view->params[i];
        row.count += param->count;
        row.frozen = row.frozen && param->frozen;
        add(&row.norm, param->norm);
        add(&row.grad_norm, param->grad_norm);
        add(&row.update, param->update);
        add(&row.zeros, param->zeros);
    }
    *end = i;
    return row;
}

/* Squares become norms, updates and zeros shares. */
static void finish_row(ViewModule *row)
{
    row->update = row->norm > 0 ? sqrt(row->update / row->norm) : (double)NAN;
    row->norm = sqrt(row->norm);
    row->grad_norm = sqrt(row->grad_norm);
    row->zeros = row->count > 0 ? row->zeros / row->count : (double)NAN;
}

static void put_row(View *view, ViewModule row)
{
    if (view->module_count == VIEW_TREE) return;
    finish_row(&row);
    view->modules[view->module_count++] = row;
}

/* The rows below a module from the parameter 'first' on, as deep as modules are open. A module with one child only,
 * as "bert" may be, is opened by itself. */
static int make_rows(View *view, const char *module, int first, int depth)
{
    enum { DEEPEST = 24 };
    size_t length = strlen(module) + (*module != '\0');
    while (first < view->param_count && is_below(view->params[first].path, module)) {
        char child[sizeof view->params->path];
        const ViewModule *param = &view->params[first];
        size_t size = length + strcspn(param->path + length, ".");
        int end = first + 1;
        ViewModule row = *param;
        snprintf(child, sizeof child, "%.*s", (int)size, param->path);
        if (param->path[size]) row = sum_below(view, child, first, &end);
        snprintf(row.path, sizeof row.path, "%s", child);
        row.depth = depth;
        row.leaf = !param->path[size];
        row.open = !row.leaf && depth < DEEPEST && is_open(view, child) != (depth == 0);
        put_row(view, row);
        if (row.open) make_rows(view, child, first, depth + 1);
        first = end;
    }
    return first;
}

void view_make_tree(View *view)
{
    view->module_count = 0;
    make_rows(view, "", 0, 0);
    if (view->rows[PANE_MODEL] >= view->module_count)
        view->rows[PANE_MODEL] = view->module_count ? view->module_count - 1 : 0;
}

void view_toggle_module(View *view, const char *path)
{
    for (int i = 0; i < view->opened_count; i++) {
        if (strcmp(view->opened[i], path) != 0) continue;
        memmove(view->opened[i], view->opened[i + 1], sizeof *view->opened * (size_t)(view->opened_count - i - 1));
        view->opened_count--;
        view_make_tree(view);
        return;
    }
    if (view->opened_count == VIEW_OPENED) return;
    snprintf(view->opened[view->opened_count++], sizeof *view->opened, "%s", path);
    view_make_tree(view);
}
