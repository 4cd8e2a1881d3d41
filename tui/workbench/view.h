/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that the screen shows, as plain values: filled from the wire and the mapped metrics, changed by keys. A pane
 * is a function from it and an area to cells. view_free() frees texts and stores. */
#ifndef LATHE_WORKBENCH_VIEW_H
#define LATHE_WORKBENCH_VIEW_H

#include "engine/io/metrics_store.h"
#include "tui/workbench/branch_tree.h"
#include "tui/workbench/curves.h"
#include "tui/workbench/field.h"
#include "tui/workbench/form.h"
#include "tui/workbench/layout.h"
#include "tui/workbench/model_view.h"
#include "tui/workbench/pages.h"
#include "tui/workbench/scroll.h"

enum {
    VIEW_NAME = 96,
    VIEW_OBJECTIVES = 16,
    VIEW_MARKS = 256,
    VIEW_OPTIONS = 24,
    VIEW_SOURCES = 8,
    VIEW_RATES = 240,
    VIEW_PAUSES = 32,
    VIEW_SNAPSHOTS = 128,
    VIEW_BRANCHES = 128,
    VIEW_BESIDE = 256
};

/* RUN_LOOKING: it is over, and a process holds its last state. */
typedef enum RunState {
    RUN_CONNECTING,
    RUN_TRAINING,
    RUN_PAUSED,
    RUN_LOOKING,
    RUN_OVER,
    RUN_LOST,
    RUN_STATES
} RunState;

/* What a part of the run is made by, with its options now, as option_set_text() reads them. */
typedef struct ViewRecord {
    char name[VIEW_NAME];
    struct ViewOption {
        char name[48], value[128];
    } options[VIEW_OPTIONS];
    int count;
} ViewRecord;

/* NaN: not known. */
typedef struct ViewObjective {
    char name[VIEW_NAME];
    double weight, value, share; /* share: of the gradient at the trunk's output */
    bool enabled;
    ViewRecord record;
} ViewObjective;

/* Where the run was changed, or paused. */
typedef struct ViewMark {
    int64_t step;
    char text[VIEW_NAME];
} ViewMark;

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
    FIELD_LEAVE, /* these two take one key */
    FIELD_RESUME,
    FIELD_MODEL,     /* a part of the names of parameters */
    FIELD_SAMPLE,    /* a text for the model to go on with */
    FIELD_ATTENTION, /* a text whose attention is shown */
} FieldUse;

typedef struct View {
    /* the run */
    char run[VIEW_NAME], branch[VIEW_NAME], directory[512];
    RunState state;
    char ending[16]; /* "finished", "stopped", "failed" */
    bool connected;  /* there is somebody to ask */
    bool begins;     /* it is being started, from here or elsewhere */
    bool guest;      /* somebody else is in control: what changes the run is refused here */
    char controller[VIEW_NAME];
    char task[VIEW_NAME];        /* what goes on instead of training, "" for nothing */
    int64_t task_done, task_all; /* all 0: done is seconds */
    int silent;                  /* seconds that the run owes an answer; 0: it answers */
    int64_t step, steps;
    double rate, left, memory, epoch; /* tokens/s, seconds, bytes; NaN: not known */
    MetricsStore *metrics;            /* NULL: none yet */
    ViewObjective objectives[VIEW_OBJECTIVES];
    int objective_count;
    ViewRecord optimizer, schedule;
    double lr;
    double rates[VIEW_RATES]; /* the learning rate over the whole run, as the schedule says now */
    int rate_count;
    int64_t shares_step; /* whose batch the shares of the gradient are of; 0: not known */
    char sources[VIEW_SOURCES][MODEL_NAME];
    int source_count;
    ViewMark marks[VIEW_MARKS], pauses[VIEW_PAUSES];
    int mark_count, pause_count;
    int64_t snapshots[VIEW_SNAPSHOTS]; /* steps that rewind() need not compute again */
    int snapshot_count;
    ModelView model;
    ViewBranch branches[VIEW_BRANCHES];
    int branch_count;
    BranchTree tree;                     /* the same with what happened on each, for their pane */
    char beside[VIEW_BESIDE][VIEW_NAME]; /* other runs, in the same directory; filled when they are asked for */
    int beside_count;
    Pages samples, data;
    Field samples_text;         /* one's own input; empty: held-out examples */
    int data_ahead, data_shown; /* which of the next batches is wanted; which one is there */
    Scroll log, console;
    /* the look */
    Focus focus;
    CurvesLook curves;
    int rows[PANE_COUNT];    /* the selected row */
    int offsets[PANE_COUNT]; /* lines scrolled: back from the end, or down from the top of a page */
    bool ascii, mouse;
    int theme;
    Field search;       /* of the log */
    int log_level;      /* the least that is shown there */
    uint64_t log_found; /* the line that was found last, counted from the first that ever came; 0: none */
    /* the prompt's line: readline's, borrowed */
    const char *prompt, *input;
    const char *searching; /* stands for the prompt while the history is searched; NULL: it is not */
    int input_cursor;      /* bytes */
    bool evaluating;
    char waiting[VIEW_NAME]; /* what the line waits for */
    /* what covers the panes */
    FieldUse use;
    Field field;
    char question[VIEW_NAME]; /* before the field */
    int palette_row;
    bool help;
    int answer; /* the last lines of the console that answer a key while the prompt is not in sight; 0: none */
    Form form;
    int form_id;    /* of tui/workbench/forms.h; 0: there is none */
    bool form_sent; /* its line is on the way */
    char note[256]; /* the last thing that went wrong, or was done without the run */
} View;

Status view_init(View *view) STATUS_CHECKED;
void view_free(View *view);

/* What is selected in a pane, NULL where nothing is. */
const ViewObjective *view_selected_objective(const View *view);
const ModelRow *view_selected_row(const View *view);

/* Moves the log or the prompt so many lines further up, not beyond its first one. */
void view_scroll(View *view, PaneId pane, int by);

/* The whole screen; *x, *y: where the cursor is, -1: nowhere. */
void view_draw(const View *view, Grid *grid, int *x, int *y);

#endif
