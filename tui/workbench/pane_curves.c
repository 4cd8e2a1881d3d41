/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The curves: where the parts of the pane stand, and what lies inside the axes. */
#include "tui/workbench/pane_curves.h"

#include "tui/workbench/marks.h"
#include "tui/workbench/panes.h"

#include <math.h>
#include <string.h>

enum {
    LEVELS = 8,
    LEAST_WIDTH_OF_LEVELS = 24,
    LEAST_HEIGHT_OF_AXIS = 6,
    LEAST_HEIGHT_OF_LABELS = 11,
    LEAST_STRIP = 3
};

/* Line styles, so that colour is not needed: which of eight columns of dots are drawn. */
static const uint8_t dashes[STYLE_MAX_SERIES] = {0xff, 0x3f, 0x33, 0x55, 0x5f, 0xf3, 0xdb, 0x77};
static const char *const samples[STYLE_MAX_SERIES] = {"━", "╌", "┄", "┈", "┉", "╍", "┅", "═"};
static const char *const letters[STYLE_MAX_SERIES] = {"*", "o", "+", "x", "#", "%", "@", "&"};

static int series_of(const Curve *curve)
{
    return (int)curve->style - STYLE_SERIES;
}

static PlotKind kind_of(const View *view)
{
    return view->ascii ? PLOT_ASCII : view->curves.kind;
}

const char *curves_sample(const View *view, const Curve *curve)
{
    return kind_of(view) == PLOT_ASCII ? letters[series_of(curve)] : samples[series_of(curve)];
}

/* --- places --- */

static int legend_rows(const View *view, int width, int height)
{
    enum { COLUMNS_OF_AN_ENTRY = 24, COLUMNS_OF_FLAGS = 24, ROWS_FOR_ONE = 12 };
    const char *names[CURVES_NAMES];
    int series = curves_names(&view->curves, view->metrics, names) * (1 + view->curves.overlay_count);
    int wanted = 1 + (series * COLUMNS_OF_AN_ENTRY + COLUMNS_OF_FLAGS) / (width + 1);
    int most = 1 + height / ROWS_FOR_ONE;
    return height < 3 ? 0 : wanted < most ? wanted : most;
}

CurvesPlaces curves_places(const View *view, int width, int height)
{
    CurvesPlaces places = {.cell_width = plot_cell_width(kind_of(view))};
    int legend = legend_rows(view, width, height), axis = height >= LEAST_HEIGHT_OF_AXIS;
    int left = width >= LEAST_WIDTH_OF_LEVELS ? LEVELS : 0;
    bool marked = view->mark_count || view->pause_count || view->branch_count > 1;
    int labels = axis && height >= LEAST_HEIGHT_OF_LABELS && marked;
    int rows = height - legend - 2 * axis - labels;
    if (rows < 1) return places;
    places.legend = (Rect){0, 0, width, legend};
    places.levels = (Rect){0, legend, left, rows};
    places.field = (Rect){left, legend, width - left, rows};
    places.axis = (Rect){left, legend + rows, width - left, axis};
    places.ticks = (Rect){left, legend + rows + 1, width - left, axis};
    places.labels = (Rect){left, legend + rows + 1 + labels, width - left, axis};
    return places;
}

/* Strips are of one height, with a row between two. What has no room is left off. */
Rect curves_strip_place(const CurvesPlaces *places, const CurvesFrame *frame, int strip)
{
    Rect out = places->field;
    int count = frame->strip_count;
    while (count > 1 && (out.height + 1) / count - 1 < LEAST_STRIP) count--;
    int each = (out.height + 1) / count, first = (out.height + 1) % count;
    if (strip >= count) return (Rect){0};
    out.y += strip * each + (strip ? first : 0);
    out.height = each - 1 + (strip ? 0 : first);
    return out;
}

/* --- the curves --- */

/* What a strip is drawn with. */
typedef struct Pen {
    const CurvesFrame *frame;
    const CurvesStrip *strip;
    const Curve *curve;
    const int64_t *starts; /* of the curve's run */
    Plot *plot;
    Style style;
    bool dashed;
} Pen;

/* Where it was last: rows of dots. */
typedef struct Trail {
    int x, low, high, last;
    bool begun;
} Trail;

static bool dash_at(const Pen *pen, int x)
{
    return !pen->dashed || pen->plot->kind == PLOT_ASCII || dashes[series_of(pen->curve)] >> (x & 7) & 1;
}

/* Between two samples there is nothing, so what joins them is dotted. */
static void join(const Pen *pen, const Trail *from, int x, int y)
{
    bool thin = pen->plot->thin;
    pen->plot->thin = true;
    plot_line(pen->plot, from->x, from->last, x, y, pen->style);
    pen->plot->thin = thin;
}

/* A gap of a dashed line is thin where the envelope is high: no spike disappears, and noise has a texture. */
static void draw_span(const Pen *pen, int x, int from, int to)
{
    bool thin = pen->plot->thin, here = dash_at(pen, x);
    if (!here && to - from <= plot_cell_height(pen->plot->kind)) return;
    pen->plot->thin = thin || !here;
    plot_column(pen->plot, x, from, to, pen->style);
    pen->plot->thin = thin;
}

static bool reaches(const Pen *pen, const Trail *trail, int x)
{
    return trail->begun && curves_joined(pen->curve, pen->starts[trail->x + 1] - 1, pen->starts[x]);
}

/* The envelope of one column, reaching to the one before. */
static void draw_column(const Pen *pen, int x, Trail *trail)
{
    const MetricsSpan *span = &pen->curve->spans[x];
    int rows = pen->plot->height;
    double low, high;
    if (!curves_finite(span, &low, &high)) {
        if (span->count) trail->begun = false;
        return;
    }
    Trail now = {.x = x, .begun = true};
    now.low = curves_row(pen->strip, low, rows);
    now.high = curves_row(pen->strip, high, rows);
    now.last = curves_row(pen->strip, isfinite(span->last) ? span->last : high, rows);
    int from = now.low, to = now.high;
    if (reaches(pen, trail, x) && trail->x < x - 1) join(pen, trail, x, now.low);
    if (trail->begun && trail->x == x - 1 && from > trail->high + 1) from = trail->high + 1;
    if (trail->begun && trail->x == x - 1 && to < trail->low - 1) to = trail->low - 1;
    draw_span(pen, x, from, to);
    *trail = now;
}

static void draw_mean(const Pen *pen, int x, Trail *trail)
{
    if (isnan(pen->curve->means[x])) {
        if (pen->curve->spans[x].count) trail->begun = false;
        return;
    }
    int row = curves_row(pen->strip, pen->curve->means[x], pen->plot->height);
    if (!reaches(pen, trail, x)) {
        plot_column(pen->plot, x, row, row, pen->style);
    } else {
        Plot *plot = pen->plot;
        for (int at = trail->x + 1, before = trail->last; at <= x; at++) {
            int now = trail->last + (int)((int64_t)(row - trail->last) * (at - trail->x) / (x - trail->x));
            int from = now > before ? before + 1 : now < before ? before - 1 : now;
            if (dash_at(pen, at)) plot_column(plot, at, from, now, pen->style);
            before = now;
        }
    }
    *trail = (Trail){.x = x, .last = row, .begun = true};
}

static void draw_curve(Pen *pen, bool smoothed)
{
    Trail trail = {0};
    bool behind = pen->curve->means && !smoothed;
    if (smoothed && !pen->curve->means) return;
    if (behind && pen->curve->run) return; /* of another run the mean is enough */
    pen->plot->layer = behind ? PLOT_BEHIND : PLOT_FRONT;
    pen->plot->thin = behind;
    pen->dashed = !behind;
    pen->style = behind ? (Style)(pen->curve->style + STYLE_SHADE - STYLE_SERIES) : pen->curve->style;
    pen->starts = pen->frame->starts[pen->curve->run];
    for (int x = 0; x < pen->frame->columns; x++)
        smoothed ? draw_mean(pen, x, &trail) : draw_column(pen, x, &trail);
}

/* What is no number stands at the edges, and what the strip has no room for. */
static void draw_outside(const CurvesFrame *frame, const CurvesStrip *strip, const Curve *curve, int cell_width,
                         Area area)
{
    int bottom = area.rect.height - 1;
    for (int x = 0; x < frame->columns; x++) {
        const MetricsSpan *span = &curve->spans[x];
        int cell = x / cell_width;
        if (span->nans) area_text(area, cell, 0, STYLE_BAD, "×");
        if (span->count <= span->nans || strip->chosen) continue;
        if (curves_row(strip, span->max, 2) == 2) area_text(area, cell, 0, STYLE_BAD, "▲");
        if (curves_row(strip, span->min, 2) < 0) area_text(area, cell, bottom, STYLE_BAD, "▼");
    }
}

void curves_draw_strip(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, int strip, Area pane)
{
    Plot plot;
    Rect place = curves_strip_place(places, frame, strip);
    Area area = area_part(pane, place.x, place.y, place.width, place.height);
    if (place.height < 1 || plot_make(&plot, kind_of(view), place.width, place.height) != STATUS_OK) return;
    Pen pen = {.frame = frame, .strip = &frame->strips[strip], .plot = &plot};
    for (int smoothed = 0; smoothed < 2; smoothed++)
        for (int i = frame->count - 1; i >= 0; i--) {
            pen.curve = &frame->curves[i];
            if (pen.curve->strip == strip) draw_curve(&pen, smoothed);
        }
    plot_draw(&plot, area);
    plot_free(&plot);
    for (int i = 0; i < frame->count; i++)
        if (frame->curves[i].strip == strip)
            draw_outside(frame, pen.strip, &frame->curves[i], places->cell_width, area);
}

/* --- all --- */

static void draw_crosshair(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, Area field)
{
    int column = curves_column(frame, view->curves.at), x = column / places->cell_width;
    for (int y = 0; y < field.rect.height && column >= 0; y++) {
        const Cell *cell = grid_cell(field.grid, field.rect.x + x, field.rect.y + y);
        if (strcmp(cell->text, " ") == 0) area_text(field, x, y, STYLE_SELECTED, "│");
        area_style(field, x, y, 1, STYLE_SELECTED);
    }
}

static void draw_field(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, Area pane)
{
    const char *words = view->metrics ? "no samples in sight" : "no samples yet";
    Rect place = places->field;
    Area field = area_part(pane, place.x, place.y, place.width, place.height);
    bool any = false;
    for (int i = 0; i < frame->strip_count; i++) curves_draw_strip(view, frame, places, i, pane);
    for (int i = 0; i < frame->count; i++) any |= frame->curves[i].any;
    if (view->curves.crosshair) draw_crosshair(view, frame, places, field);
    if (!any) area_text(field, (place.width - text_columns(words)) / 2, place.height / 2, STYLE_DIM, words);
}

void pane_curves_draw(const View *view, Area area)
{
    CurvesFrame frame;
    CurvesPlaces places = curves_places(view, area.rect.width, area.rect.height);
    int columns = places.field.width * places.cell_width;
    if (columns < 1) return;
    if (curves_frame(&view->curves, view->metrics, columns, &frame) != STATUS_OK) {
        area_text(area, 0, 0, STYLE_BAD, status_message());
        return;
    }
    curves_draw_axis(view, &frame, &places, area);
    curves_draw_levels(&frame, &places, area);
    draw_field(view, &frame, &places, area);
    curves_draw_legend(view, &frame, &places, area);
    if (view->curves.crosshair) curves_draw_box(view, &frame, &places, area);
    curves_clear(&frame);
    if (view->use == FIELD_FILTER || view->use == FIELD_OVERLAYS) pane_curves_choices(view, area);
}
