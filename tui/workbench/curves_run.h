/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The metrics of a run or of a branch, which may lie in several stores, and what an axis counts of them. Plain
 * values; stores are borrowed. */
#ifndef LATHE_WORKBENCH_CURVES_RUN_H
#define LATHE_WORKBENCH_CURVES_RUN_H

#include "engine/io/metrics_store.h"

enum { CURVES_PIECES = 16 };

/* What the x axis counts, up to and with each step. Seconds are those of steps: pauses and evaluations do not
 * count. */
typedef enum CurvesUnit { CURVES_STEPS, CURVES_TOKENS, CURVES_SECONDS, CURVES_UNITS } CurvesUnit;

/* Steps first to last of a store, both included. */
typedef struct CurvesPiece {
    MetricsStore *store;
    int64_t first, last;
} CurvesPiece;

/* Pieces that follow each other in order of steps. */
typedef struct CurvesRun {
    CurvesPiece pieces[CURVES_PIECES];
    int count;
} CurvesRun;

extern const MetricsSpan curves_no_span;
/* The part follows the sum. */
void curves_add_span(MetricsSpan *sum, const MetricsSpan *part);

/* -1: no steps. */
int64_t curves_run_last(const CurvesRun *run);
/* Like metrics_range() of one column. */
MetricsSpan curves_run_span(const CurvesRun *run, const char *metric, int64_t first, int64_t last);
/* Like metrics_spans(). */
void curves_run_spans(const CurvesRun *run, const char *metric, const int64_t *starts, int count, MetricsSpan *out);
/* Where a step lies on the axis. */
double curves_run_x(const CurvesRun *run, CurvesUnit unit, int64_t step);
/* The first step that lies at or behind each place; places ascend, INT64_MAX where there is none. room: as many
 * numbers. */
void curves_run_steps(const CurvesRun *run, CurvesUnit unit, const double *places, int count, double *room,
                      int64_t *steps);
/* The same for one place. */
int64_t curves_run_step(const CurvesRun *run, CurvesUnit unit, double place);
/* The step of the first sample behind a step, or of the last one before it; -1: none. */
int64_t curves_run_next(const CurvesRun *run, const char *metric, int64_t step);
int64_t curves_run_before(const CurvesRun *run, const char *metric, int64_t step);

#endif
