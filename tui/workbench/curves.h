/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the curves pane shows: which metrics, which steps, and how; and from that and the store the spans of each
 * column. */
#ifndef LATHE_WORKBENCH_CURVES_H
#define LATHE_WORKBENCH_CURVES_H

#include "engine/io/metrics_store.h"
#include "tui/workbench/plot.h"

enum { CURVES_MOST_SMOOTHING = 64, CURVES_OVERLAYS = 4, CURVES_NAMES = 16 };

/* Another run or branch, drawn over this one. The store is owned. */
typedef struct CurvesOverlay {
    char name[METRICS_NAME_SIZE];
    MetricsStore *store;
} CurvesOverlay;

typedef struct CurvesLook {
    char chosen[CURVES_NAMES][METRICS_NAME_SIZE];
    int chosen_count;
    bool picked; /* by a person; else the losses */
    bool log_y, log_x;
    int smoothing; /* columns; 0: none */
    PlotKind kind;
    bool frozen; /* else first and last follow the run */
    int64_t first, last;
    bool crosshair;
    int64_t at;
    CurvesOverlay overlays[CURVES_OVERLAYS];
    int overlay_count;
    bool choosing; /* the list of metrics is open */
} CurvesLook;

/* A curve, ready to be drawn. */
typedef struct Curve {
    char name[2 * METRICS_NAME_SIZE + 2];
    const MetricsStore *store;
    const char *metric;
    MetricsSpan *spans; /* one for each column of dots; in CurvesFrame.block */
    Style style;
    bool any; /* a sample in sight */
} Curve;

enum { CURVES_MOST = CURVES_NAMES * (1 + CURVES_OVERLAYS) };

typedef struct CurvesFrame {
    int64_t first, last;
    double low, high; /* of what is in sight, finite, low < high; positive where log_y holds */
    bool log_y, log_x;
    int columns, count;
    int64_t *starts; /* columns + 1: the first step of each column */
    Curve curves[CURVES_MOST];
    void *block;
} CurvesFrame;

/* curves_clear() frees it. store may be NULL. */
Status curves_frame(const CurvesLook *look, const MetricsStore *store, int columns,
                    CurvesFrame *out) STATUS_CHECKED;
void curves_clear(CurvesFrame *frame);
/* The names that are shown, chosen or not, at most CURVES_NAMES. */
int curves_names(const CurvesLook *look, const MetricsStore *store, const char **out);
/* The steps in sight. */
void curves_sight(const CurvesLook *look, const MetricsStore *store, int64_t *first, int64_t *last);
/* The column of a step, -1 outside. */
int curves_column(const CurvesFrame *frame, int64_t step);
/* The value of a curve at a step, or the last one before it; false: none. */
bool curves_value(const Curve *curve, int64_t step, double *out);
/* The finite range of a span; false: it has none. */
bool curves_finite(const MetricsSpan *span, double *low, double *high);
/* Row of dots, 0 to rows - 1, of a finite value. */
int curves_row(const CurvesFrame *frame, double value, int rows);
/* The other way round. */
double curves_level(const CurvesFrame *frame, double row, int rows);

#endif
