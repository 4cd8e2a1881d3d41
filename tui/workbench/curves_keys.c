/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/curves_keys.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 72, LABEL = 8, LEAST_WIDTH_OF_LABELS = 24 };

static int64_t end_of(const View *view)
{
    CurvesLook live = view->curves;
    int64_t first, last;
    live.frozen = false;
    curves_sight(&live, view->metrics, &first, &last);
    return last;
}

static void set_sight(View *view, double first, double last)
{
    double end = (double)end_of(view);
    CurvesLook *look = &view->curves;
    double size = last - first < 4 ? 4 : last - first > end ? end : last - first;
    if (first < 0) first = 0;
    if (first + size > end) first = end - size > 0 ? end - size : 0;
    look->frozen = true;
    look->first = (int64_t)first;
    look->last = (int64_t)(first + size);
}

void curves_zoom(View *view, double factor)
{
    int64_t first, last;
    curves_sight(&view->curves, view->metrics, &first, &last);
    double middle = view->curves.crosshair ? (double)view->curves.at : ((double)first + (double)last) / 2;
    set_sight(view, middle - (middle - (double)first) * factor, middle + ((double)last - middle) * factor);
}

void curves_pan(View *view, double part)
{
    int64_t first, last;
    curves_sight(&view->curves, view->metrics, &first, &last);
    double by = part * (double)(last - first);
    set_sight(view, (double)first + by, (double)last + by);
}

void curves_move(View *view, int columns)
{
    CurvesLook *look = &view->curves;
    int64_t first, last;
    curves_sight(look, view->metrics, &first, &last);
    int64_t each = (last - first) / COLUMNS > 1 ? (last - first) / COLUMNS : 1;
    if (!look->crosshair)
        look->at = last;
    else
        look->at += columns * each;
    look->crosshair = true;
    if (look->at > last) look->at = last;
    if (look->at < first) look->at = first;
}

void curves_live(View *view)
{
    CurvesLook *look = &view->curves;
    if (!look->frozen) curves_sight(look, view->metrics, &look->first, &look->last);
    look->frozen = !look->frozen;
}

/* The step below a column of the screen. */
static int64_t step_at(const View *view, const Rect *pane, bool framed, int x)
{
    int64_t first, last;
    int width = pane->width - (framed ? 2 : 0), left = width >= LEAST_WIDTH_OF_LABELS ? LABEL : 0;
    curves_sight(&view->curves, view->metrics, &first, &last);
    double part = ((double)(x - pane->x - framed - left) + 0.5) / (width - left > 0 ? width - left : 1);
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return first + (int64_t)(part * (double)(last - first) + 0.5);
}

void curves_point(View *view, const Rect *pane, bool framed, int x)
{
    view->curves.at = step_at(view, pane, framed, x);
    view->curves.crosshair = true;
}

void curves_wheel(View *view, const Rect *pane, int x, bool closer)
{
    CurvesLook *look = &view->curves;
    bool crosshair = look->crosshair;
    int64_t at = look->at;
    look->at = step_at(view, pane, true, x);
    look->crosshair = true;
    curves_zoom(view, closer ? 0.7 : 1 / 0.7);
    look->crosshair = crosshair;
    look->at = at;
}

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
