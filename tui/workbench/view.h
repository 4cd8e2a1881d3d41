/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that the screen shows, as plain values: filled from the wire and the mapped metrics, changed by keys. A pane
 * is a function from it and an area to cells. view_free() frees texts and stores. */
#ifndef LATHE_WORKBENCH_VIEW_H
#define LATHE_WORKBENCH_VIEW_H

#include "engine/io/metrics_store.h"
#include "tui/workbench/curves.h"
#include "tui/workbench/field.h"
#include "tui/workbench/layout.h"
#include "tui/workbench/scroll.h"

enum {
    VIEW_NAME = 96,
    VIEW_OBJECTIVES = 16,
    VIEW_MARKS = 256,
    VIEW_PAUSES = 32,
    VIEW_SNAPSHOTS = 128,
    VIEW_TREE = 2048,
    VIEW_OPENED = 64,
    VIEW_BRANCHES = 128,
    VIEW_BESIDE = 256
};

typedef enum RunState { RUN_CONNECTING, RUN_TRAINING, RUN_PAUSED, RUN_OVER, RUN_LOST } RunState;

/* NaN: not known. */
typedef struct ViewObjective {
    char name[VIEW_NAME];
    double weight, value, share;
    bool enabled;
} ViewObjective;

/* Where the run was changed, or paused. */
typedef struct ViewMark {
    int64_t step;
    char text[VIEW_NAME];
} ViewMark;

/* A module or parameter; depth is of the tree, 0 at the root. Numbers may be NaN. */
typedef struct ViewModule {
    char path[160], shape[48];
    int depth;
    bool leaf, open, frozen;
    double count, norm, grad_norm, update, zeros; /* zeros: their share */
} ViewModule;

typedef struct ViewBranch {
    char name[VIEW_NAME], parent[VIEW_NAME];
    int64_t step, fork, edits;
    bool current;
} ViewBranch;

/* What a pane asks for while it has the keys of a field. */
typedef enum FieldUse {
    FIELD_NONE,
    FIELD_LINE,
    FIELD_PALETTE,
    FIELD_FILTER,
    FIELD_OVERLAYS,
    FIELD_SEARCH,
    FIELD_LEAVE
} FieldUse;

typedef struct View {
    /* the run */
    char run[VIEW_NAME], branch[VIEW_NAME], directory[512];
    RunState state;
    char ending[16]; /* "finished", "stopped", "failed" */
    int64_t step, steps;
    double rate, left, memory, epoch; /* tokens/s, seconds, bytes; NaN: not known */
    MetricsStore *metrics;            /* NULL: none yet */
    ViewObjective objectives[VIEW_OBJECTIVES];
    int objective_count;
    char optimizer[VIEW_NAME], schedule[VIEW_NAME];
    double lr;
    ViewMark marks[VIEW_MARKS], pauses[VIEW_PAUSES];
    int mark_count, pause_count;
    int64_t snapshots[VIEW_SNAPSHOTS]; /* steps that rewind() need not compute again */
    int snapshot_count;
    ViewModule *params, *modules; /* VIEW_TREE of each: leaves as they came; rows as they are shown */
    int param_count, module_count;
    char opened[VIEW_OPENED][160]; /* paths of the modules whose insides are shown */
    int opened_count;
    ViewBranch branches[VIEW_BRANCHES];
    int branch_count;
    char beside[VIEW_BESIDE][VIEW_NAME]; /* other runs, in the same directory; filled when they are asked for */
    int beside_count;
    Scroll samples, data, log, console;
    /* the look */
    Focus focus;
    CurvesLook curves;
    int rows[PANE_COUNT];    /* the selected row */
    int offsets[PANE_COUNT]; /* lines scrolled back from the end */
    bool ascii, mouse;
    int theme;
    Field search; /* of the log */
    /* the prompt's line: readline's, borrowed */
    const char *prompt, *input;
    int input_cursor; /* bytes */
    bool evaluating;
    char waiting[VIEW_NAME]; /* what the line waits for */
    /* what covers the panes */
    FieldUse use;
    Field field;
    char question[VIEW_NAME]; /* before the field */
    int palette_row;
    bool help;
    char note[256]; /* the last thing that went wrong, or was done without the run */
} View;

Status view_init(View *view) STATUS_CHECKED;
void view_free(View *view);

/* Makes the rows of modules from the parameters and from what is open. */
void view_make_tree(View *view);
/* Opens or closes a module. */
void view_toggle_module(View *view, const char *path);

/* The whole screen; *x, *y: where the cursor is, -1: nowhere. */
void view_draw(const View *view, Grid *grid, int *x, int *y);

#endif
