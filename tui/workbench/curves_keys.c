/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/curves_keys.h"

#include "tui/workbench/marks.h"
#include "tui/workbench/pane_curves.h"
#include "tui/workbench/ticks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static CurvesRun own_run(const View *view)
{
    return curves_run(&view->curves, view->metrics, 0);
}

/* Where the parts of the pane stand, in its inside. */
static CurvesPlaces places_of(const Workbench *workbench)
{
    Layout layout = layout_make(workbench->width, workbench->height, &workbench->view.focus);
    const Rect *pane = &layout.panes[PANE_CURVES];
    int frame = layout.framed ? 2 : 0;
    return curves_places(&workbench->view, pane->width - frame, pane->height - frame);
}

/* The axis in columns of the screen. */
static CurvesFrame axis_of(const Workbench *workbench)
{
    CurvesFrame axis;
    CurvesPlaces places = places_of(workbench);
    curves_axis(&workbench->view.curves, workbench->view.metrics, places.field.width, &axis);
    return axis;
}

/* --- what is in sight --- */

static double end_of(const View *view)
{
    CurvesLook whole = view->curves;
    double first, last;
    whole.frozen = false;
    whole.width = 0;
    curves_sight(&whole, view->metrics, &first, &last);
    return last;
}

/* A few steps, in the unit of the axis. */
static double least_width(const View *view)
{
    enum { STEPS = 4 };
    CurvesRun run = own_run(view);
    int64_t last = curves_run_last(&run);
    return last > 0 ? STEPS * curves_run_x(&run, view->curves.unit, last) / (double)last : STEPS;
}

static void set_sight(View *view, double first, double last)
{
    double end = end_of(view), size = fmin(fmax(last - first, least_width(view)), end);
    CurvesLook *look = &view->curves;
    look->frozen = true;
    look->first = fmax(0, fmin(first, end - size));
    look->last = look->first + size;
    if (look->unit != CURVES_STEPS) return;
    look->first = floor(look->first);
    look->last = floor(look->last);
}

static void zoom_around(View *view, double place, double factor)
{
    double first, last;
    curves_sight(&view->curves, view->metrics, &first, &last);
    set_sight(view, place - (place - first) * factor, place + (last - place) * factor);
}

void curves_zoom(Workbench *workbench, double factor)
{
    View *view = &workbench->view;
    CurvesLook *look = &view->curves;
    double first, last;
    curves_sight(look, view->metrics, &first, &last);
    if (look->frozen || look->crosshair) {
        zoom_around(view, look->crosshair ? look->at : first / 2 + last / 2, factor);
        return;
    }
    look->width = fmax((last - first) * factor, least_width(view));
    if (look->width >= end_of(view)) look->width = 0;
}

void curves_pan(View *view, double part)
{
    double first, last;
    curves_sight(&view->curves, view->metrics, &first, &last);
    double by = part * (last - first);
    set_sight(view, first + by, last + by);
}

void curves_zoom_values(Workbench *workbench, double factor, double by)
{
    View *view = &workbench->view;
    CurvesFrame frame;
    CurvesPlaces places = places_of(workbench);
    int columns = places.field.width * places.cell_width;
    Status status = curves_frame(&view->curves, view->metrics, columns, &frame);
    if (status != STATUS_OK) {
        workbench_note(workbench, "%s", status_message());
        return;
    }
    curves_move_ranges(&view->curves, &frame, factor, by);
    curves_clear(&frame);
}

void curves_all_values(View *view)
{
    CurvesLook *look = &view->curves;
    look->outliers = !look->outliers && !look->range_count;
    look->range_count = 0;
}

void curves_whole(View *view)
{
    view->curves.frozen = view->curves.outliers = false;
    view->curves.width = 0;
    view->curves.range_count = 0;
}

void curves_live(View *view)
{
    CurvesLook *look = &view->curves;
    double first, last;
    curves_sight(look, view->metrics, &first, &last);
    look->width = look->frozen && last - first < 0.99 * end_of(view) ? last - first : look->width;
    look->first = first;
    look->last = last;
    look->frozen = !look->frozen;
}

/* What was in sight stays there. */
void curves_change_unit(View *view)
{
    CurvesLook *look = &view->curves;
    CurvesRun run = own_run(view);
    int64_t first = curves_run_step(&run, look->unit, look->first),
            last = curves_run_step(&run, look->unit, look->last);
    int64_t at = curves_step(view);
    for (int i = 0; i < CURVES_UNITS; i++) { /* one that this run counts */
        look->unit = (CurvesUnit)((look->unit + 1) % CURVES_UNITS);
        if (end_of(view) > 0) break;
    }
    look->width = 0;
    look->at = curves_run_x(&run, look->unit, at);
    look->first = curves_run_x(&run, look->unit, first);
    look->last = curves_run_x(&run, look->unit, last);
}

void curves_change_smoothing(View *view, bool longer)
{
    enum { LEAST = 5 };
    CurvesLook *look = &view->curves;
    int now = curves_smoothing(look, view->metrics);
    double next = longer ? ticks_round(now + 1.0) : now > LEAST ? ticks_round((now - 1) / 2.5) : 0;
    if (longer && now < LEAST) next = LEAST;
    look->smoothing = next <= CURVES_MOST_SMOOTHING ? (int)next : 0;
}

/* --- the crosshair --- */

int64_t curves_step(const View *view)
{
    CurvesRun run = own_run(view);
    int64_t step = curves_run_step(&run, view->curves.unit, view->curves.at);
    return step == INT64_MAX ? curves_run_last(&run) : step;
}

/* What lies beyond this run, where another one is longer, has no step of its own. */
static void put_at(View *view, double place)
{
    CurvesRun run = own_run(view);
    int64_t step = curves_run_step(&run, view->curves.unit, place);
    bool inside = step <= curves_run_last(&run);
    view->curves.at = inside ? curves_run_x(&run, view->curves.unit, step) : fmin(place, end_of(view));
    view->curves.crosshair = true;
}

static void come_into_sight(View *view)
{
    double first, last, at = view->curves.at;
    curves_sight(&view->curves, view->metrics, &first, &last);
    if (at >= first && at <= last) return;
    set_sight(view, at - (last - first) / 2, at + (last - first) / 2);
}

void curves_go(View *view, int64_t step)
{
    CurvesRun run = own_run(view);
    put_at(view, curves_run_x(&run, view->curves.unit, step < 0 ? 0 : step));
    come_into_sight(view);
}

void curves_move(Workbench *workbench, int columns)
{
    View *view = &workbench->view;
    CurvesLook *look = &view->curves;
    CurvesRun run = own_run(view);
    CurvesFrame axis = axis_of(workbench);
    double before = look->at, first, last;
    int64_t step = curves_step(view);
    curves_sight(look, view->metrics, &first, &last);
    int column = look->crosshair ? curves_column(&axis, look->at) : -1;
    if (column < 0) {
        put_at(view, last);
        return;
    }
    double place = curves_place(&axis, column + columns + 0.5);
    put_at(view, fmin(fmax(look->unit == CURVES_STEPS ? floor(place) : place, first), last));
    bool stuck = columns > 0 ? look->at <= before : look->at >= before;
    if (stuck) put_at(view, fmin(fmax(curves_run_x(&run, look->unit, step + (columns > 0 ? 1 : -1)), first), last));
}

/* --- the mouse --- */

static double place_at(const Workbench *workbench, const CurvesFrame *axis, double x)
{
    CurvesPlaces places = places_of(workbench);
    double column = x - places.field.x;
    double place = curves_place(axis, fmin(fmax(column, 0), axis->columns));
    return axis->unit == CURVES_STEPS ? floor(place) : place;
}

/* The step of a mark in this column of the screen; -1: none. */
static int64_t mark_in(const View *view, const CurvesFrame *axis, int column)
{
    Mark marks[MARKS_MOST];
    CurvesRun run = own_run(view);
    int64_t found = -1;
    MarkKind kind = MARK_KINDS;
    for (int i = 0, count = marks_list(view, marks); i < count; i++) {
        if (curves_column(axis, curves_run_x(&run, axis->unit, marks[i].step)) != column) continue;
        if (marks[i].kind < kind) found = marks[i].step, kind = marks[i].kind;
    }
    return found;
}

bool curves_click(Workbench *workbench, int x)
{
    View *view = &workbench->view;
    CurvesFrame axis = axis_of(workbench);
    double place = place_at(workbench, &axis, x + 0.5);
    int64_t mark = mark_in(view, &axis, curves_column(&axis, place));
    bool again = view->curves.crosshair && mark >= 0 && curves_step(view) == mark;
    view->curves.drag = place;
    view->curves.dragging = true;
    put_at(view, fmin(place, end_of(view)));
    if (mark >= 0) curves_go(view, mark);
    return again;
}

void curves_release(Workbench *workbench, int x)
{
    enum { LEAST_COLUMNS = 2 };
    View *view = &workbench->view;
    CurvesFrame axis = axis_of(workbench);
    double place = place_at(workbench, &axis, x + 0.5), from = view->curves.drag;
    bool dragged = view->curves.dragging;
    view->curves.dragging = false;
    int columns = curves_column(&axis, place) - curves_column(&axis, from);
    if (!dragged || (columns < LEAST_COLUMNS && columns > -LEAST_COLUMNS)) return;
    view->curves.crosshair = false;
    set_sight(view, fmin(place, from), fmax(place, from));
}

void curves_wheel(Workbench *workbench, int x, bool closer)
{
    CurvesFrame axis = axis_of(workbench);
    zoom_around(&workbench->view, place_at(workbench, &axis, x + 0.5), closer ? 0.7 : 1 / 0.7);
}

/* --- metrics --- */

void curves_toggle(View *view, const char *name)
{
    CurvesLook *look = &view->curves;
    const char *names[CURVES_NAMES];
    char kept[CURVES_NAMES][METRICS_NAME_SIZE];
    int count = curves_names(look, view->metrics, names), left = 0;
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) != 0) snprintf(kept[left++], METRICS_NAME_SIZE, "%s", names[i]);
    if (left == count && left < CURVES_NAMES) snprintf(kept[left++], METRICS_NAME_SIZE, "%s", name);
    memcpy(look->chosen, kept, sizeof kept[0] * (size_t)left);
    look->chosen_count = left;
    look->picked = true;
}
