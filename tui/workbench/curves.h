/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the curves pane shows: which metrics of which runs, which part of the axis, and how; and from that what each
 * column of dots holds. */
#ifndef LATHE_WORKBENCH_CURVES_H
#define LATHE_WORKBENCH_CURVES_H

#include "tui/workbench/curves_run.h"
#include "tui/workbench/plot.h"

enum {
    CURVES_OVERLAYS = 4,
    CURVES_NAMES = 16,
    CURVES_STRIPS = 6,
    CURVES_SMOOTHING_BY_ITSELF = -1,
    CURVES_MOST_SMOOTHING = 1000000
};

/* Another run or branch, drawn over this one. Its stores are owned; where a piece has none, it is this run's own.
 */
typedef struct CurvesOverlay {
    char name[METRICS_NAME_SIZE]; /* of a branch, or the last part of the path */
    char path[512];               /* of another run; "": a branch of this one */
    CurvesRun run;
} CurvesOverlay;

/* Metrics of one kind share a strip of the pane, with an axis of its own. A range that was chosen by hand. */
typedef struct CurvesRange {
    char kind[METRICS_NAME_SIZE];
    double low, high;
} CurvesRange;

typedef struct CurvesLook {
    char chosen[CURVES_NAMES][METRICS_NAME_SIZE];
    int chosen_count;
    bool picked; /* by a person; else the losses */
    bool log_y, log_x;
    CurvesUnit unit;
    int smoothing; /* steps that a mean is of; 0: none; CURVES_SMOOTHING_BY_ITSELF */
    PlotKind kind;
    bool frozen;        /* first to last are shown, in the unit of the axis; else the end */
    double first, last; /* where frozen holds */
    double width;       /* of what is shown of the end, 0: all */
    bool outliers;      /* the y axis has room for every value */
    CurvesRange ranges[CURVES_STRIPS];
    int range_count;
    bool crosshair;
    double at, drag; /* of the crosshair; where the mouse was pressed */
    bool dragging;   /* and not let go yet */
    CurvesOverlay overlays[CURVES_OVERLAYS];
    int overlay_count;
} CurvesLook;

/* A curve, ready to be drawn. */
typedef struct Curve {
    char name[2 * METRICS_NAME_SIZE + 2];
    const char *metric;
    int run, strip;
    Style style;
    double distance;    /* usual one between two samples, in steps */
    MetricsSpan *spans; /* one for each column of dots; in CurvesFrame.block */
    double *means;      /* the same, NaN where there is none; NULL: not smoothed */
    bool any;           /* a sample in sight */
} Curve;

typedef struct CurvesStrip {
    char kind[METRICS_NAME_SIZE]; /* "loss", "accuracy", or what stands before the first dot of a name */
    double low, high;             /* finite, low < high; positive where log_y holds */
    bool log_y, cut, chosen;      /* cut: values lie outside; chosen: the range, by hand */
} CurvesStrip;

enum { CURVES_RUNS = 1 + CURVES_OVERLAYS, CURVES_MOST = CURVES_NAMES * CURVES_RUNS };

typedef struct CurvesFrame {
    CurvesUnit unit;
    bool log_x;
    double first, end; /* of the axis; the end is outside */
    double origin;     /* added before logarithms are taken */
    int columns, run_count, count, strip_count, smoothing;
    CurvesRun runs[CURVES_RUNS];  /* the run itself first */
    int64_t *starts[CURVES_RUNS]; /* columns + 1: the first step of each column; in block */
    Curve curves[CURVES_MOST];
    CurvesStrip strips[CURVES_STRIPS];
    int left_over; /* curves whose kinds have no strip left */
    void *block;
} CurvesFrame;

/* curves_clear() frees it. store may be NULL. */
Status curves_frame(const CurvesLook *look, MetricsStore *store, int columns, CurvesFrame *out) STATUS_CHECKED;
void curves_clear(CurvesFrame *frame);
/* The axis alone, without curves. Nothing to free. */
void curves_axis(const CurvesLook *look, MetricsStore *store, int columns, CurvesFrame *out);

/* The names that are shown, chosen or not, at most CURVES_NAMES. */
int curves_names(const CurvesLook *look, const MetricsStore *store, const char **out);
void curves_close_overlays(CurvesLook *look);
/* The run itself is 0. */
CurvesRun curves_run(const CurvesLook *look, MetricsStore *store, int i);
/* The part of the axis in sight. */
void curves_sight(const CurvesLook *look, MetricsStore *store, double *first, double *last);
/* Steps that the mean is of, 0: none. By itself it is a fiftieth of the run so far, rounded to 1, 2 or 5 times a
 * power of ten, so that it seldom changes. */
int curves_smoothing(const CurvesLook *look, const MetricsStore *store);

/* The column of a place on the axis, -1 outside. */
int curves_column(const CurvesFrame *frame, double place);
/* The place at the left edge of a column. */
double curves_place(const CurvesFrame *frame, double column);
/* The value of a curve at a step or at the last sample before it, which is not long ago; false: none. INT64_MAX: at
 * the end of its run. */
bool curves_value(const CurvesFrame *frame, const Curve *curve, int64_t step, double *out);
/* Whether two samples are so near to each other that something lies between. */
bool curves_joined(const Curve *curve, int64_t from, int64_t to);
/* The finite range of a span; false: it has none. */
bool curves_finite(const MetricsSpan *span, double *low, double *high);

/* Fills spans, and means where a curve has room for them (tui/workbench/curves_columns.c). */
Status curves_fill_columns(CurvesFrame *frame) STATUS_CHECKED;
/* Gives each curve its strip and each strip its range (tui/workbench/curves_range.c). */
Status curves_make_strips(const CurvesLook *look, CurvesFrame *frame) STATUS_CHECKED;
/* Row of dots of a finite value, 0 to rows - 1; -1 below the strip, rows above it. */
int curves_row(const CurvesStrip *strip, double value, int rows);
/* Sets the ranges of all strips by hand: factor below 1 shows less, around the middle; by: a part of the range. */
void curves_move_ranges(CurvesLook *look, const CurvesFrame *frame, double factor, double by);

#endif
