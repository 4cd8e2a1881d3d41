/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the model's pane shows: the tree of modules and parameters, or a sorted or filtered list of parameters; how
 * the values of one were spread over time; a map of attention. Plain values, but for the two lists, which
 * model_view_free() frees.
 */
#ifndef LATHE_WORKBENCH_MODEL_VIEW_H
#define LATHE_WORKBENCH_MODEL_VIEW_H

#include "engine/base/status.h"
#include "tui/workbench/field.h"

enum {
    MODEL_PARAMS = 4096,
    MODEL_OPENED = 256,
    MODEL_MODELS = 8,
    MODEL_PATH = 160,
    MODEL_NAME = 64,
    MODEL_TIMES = 96,
    MODEL_QUANTILES = 13,
    MODEL_TOKENS = 40
};

typedef enum ModelColumn {
    COLUMN_NORM,
    COLUMN_GRAD,
    COLUMN_UPDATE,
    COLUMN_ZEROS,
    COLUMN_DEAD,
    COLUMN_WEIGHTS,
    COLUMN_SHAPE,
    MODEL_COLUMNS
} ModelColumn;

/* A model, module or parameter; depth is of the tree, 0 at the root. Numbers may be NaN. Of a parameter as it comes
 * they are squares and counts; of a row norms, a ratio and shares. */
typedef struct ModelRow {
    int model;
    char path[MODEL_PATH], shape[48];
    int depth;
    bool leaf, open, frozen;
    double count, norm, grad_norm, update, zeros, units, dead;
} ModelRow;

typedef struct ModelOpened {
    int model;
    char path[MODEL_PATH];
} ModelOpened;

/* The values below which shares of them lie, from the least to the greatest. */
typedef struct SpreadTime {
    int64_t step;
    double quantiles[MODEL_QUANTILES];
} SpreadTime;

/* How likely each token looks at each. */
typedef struct AttentionMap {
    int layer, layers, head, heads, tokens; /* tokens 0: none came yet */
    char path[MODEL_PATH], names[MODEL_TOKENS][16];
    float rows[MODEL_TOKENS][MODEL_TOKENS];
} AttentionMap;

typedef enum ModelMode { MODEL_TREE, MODEL_SPREAD, MODEL_ATTENTION } ModelMode;

typedef struct ModelView {
    ModelRow *params, *rows; /* MODEL_PARAMS of each: leaves as they came; what is shown */
    int param_count, row_count, left_off;
    char names[MODEL_MODELS][MODEL_NAME];
    int name_count;
    ModelOpened opened[MODEL_OPENED]; /* modules that are turned from how they are at first */
    int opened_count;
    /* the look */
    ModelMode mode;
    bool sorted;
    ModelColumn sort_by, first_column;
    Field filter;
    int spread_model; /* of which parameter */
    char spread_path[MODEL_PATH];
    SpreadTime times[MODEL_TIMES];
    int time_count;
    int layer, head; /* which map is wanted */
    Field text;      /* of which text; empty: of a held-out example */
    AttentionMap map;
    char trouble[160]; /* why there is nothing to show */
} ModelView;

Status model_view_init(ModelView *model) STATUS_CHECKED;
void model_view_free(ModelView *model);

/* Makes the rows anew from the parameters and the look. row: the selected one, moved into the list. */
void model_view_make_rows(ModelView *model, int *row);
/* Opens or closes a module; rows are to be made anew. */
void model_view_toggle(ModelView *model, const ModelRow *row);
/* The place of a row's parent, -1 where it has none. */
int model_view_parent(const ModelView *model, int row);
/* The row's number in a column, NaN where it has none. */
double model_view_value(const ModelRow *row, ModelColumn column);
/* "run.model[\"bert.pooler\"]", "run.models.teacher": the Lua text of the row, to append to. Size: at least 256. */
void model_view_lua(const ModelView *model, const ModelRow *row, char *out, size_t size);

#endif
