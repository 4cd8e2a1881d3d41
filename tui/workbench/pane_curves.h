/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the curves pane; keys and the mouse ask where they stand. Plain values. */
#ifndef LATHE_WORKBENCH_PANE_CURVES_H
#define LATHE_WORKBENCH_PANE_CURVES_H

#include "tui/workbench/view.h"

/* Rectangles in the pane; a height or width of 0: there is no room. */
typedef struct CurvesPlaces {
    Rect legend;
    Rect field;  /* where the curves are */
    Rect levels; /* the y axis, left of it */
    Rect axis;   /* the x axis, below it */
    Rect ticks;  /* its numbers */
    Rect labels; /* words of marks; the row of the numbers where there is no other */
    int cell_width;
} CurvesPlaces;

/* In a pane of this size. */
CurvesPlaces curves_places(const View *view, int width, int height);
/* The part of the field that a strip has; height 0: none. */
Rect curves_strip_place(const CurvesPlaces *places, const CurvesFrame *frame, int strip);

/* What is drawn, each into the area of the whole pane. */
void curves_draw_legend(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, Area pane);
void curves_draw_levels(const CurvesFrame *frame, const CurvesPlaces *places, Area pane);
void curves_draw_axis(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, Area pane);
void curves_draw_strip(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, int strip,
                       Area pane);
/* The values under the crosshair, in a box beside it. */
void curves_draw_box(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, Area pane);

enum { CURVES_MOST_COLUMNS = 2 * GRID_MAX_WIDTH };
/* In which columns the run was evaluated: spans of a metric that every evaluation has, frame->columns of them.
 * False: nothing was evaluated, or there are more columns than CURVES_MOST_COLUMNS. */
bool curves_evaluations(const View *view, const CurvesFrame *frame, MetricsSpan *spans);

/* How the legend shows the line of a series. */
const char *curves_sample(const View *view, const Curve *curve);

#endif
