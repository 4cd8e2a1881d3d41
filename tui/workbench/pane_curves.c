/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The curves: legend, axes, envelopes, marks, crosshair. */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABEL = 8, LEAST_WIDTH_OF_LABELS = 24, LEAST_HEIGHT_OF_AXIS = 6, ROWS_PER_LABEL = 4 };

/* Line styles, so that colour is not needed: which of eight columns of dots are drawn, and how the legend shows it.
 */
static const uint8_t dashes[STYLE_MAX_SERIES] = {0xff, 0x3f, 0x33, 0xdb, 0x7e, 0x0f, 0x11, 0x9f};
static const char *const samples[STYLE_MAX_SERIES] = {"━", "╌", "┄", "┉", "╍", "═", "┈", "┅"};
static const char *const letters[STYLE_MAX_SERIES] = {"*", "o", "+", "x", "#", "%", "@", "&"};

static int series_of(const Curve *curve)
{
    return (int)curve->style - STYLE_SERIES;
}

/* --- the curves --- */

/* Where a curve was drawn last: rows of dots. */
typedef struct Trail {
    int x, low, high, last;
    bool begun;
} Trail;

static bool drawn_at(const Plot *plot, const Curve *curve, Style style, int x)
{
    return style != curve->style || plot->kind == PLOT_ASCII || dashes[series_of(curve)] >> (x & 7) & 1;
}

/* The envelope of one column, reaching to the one before. A column that is left out of a dashed line is drawn all
 * the same where the envelope is high: no spike disappears. */
static void draw_span(const CurvesFrame *frame, const Curve *curve, Style style, int x, Plot *plot, Trail *trail)
{
    const MetricsSpan *span = &curve->spans[x];
    double low, high;
    if (!curves_finite(span, &low, &high)) {
        if (span->count) trail->begun = false;
        return;
    }
    double last = isfinite(span->last) ? span->last : high;
    Trail now = {.x = x,
                 .low = curves_row(frame, low, plot->height),
                 .high = curves_row(frame, high, plot->height),
                 .last = curves_row(frame, last, plot->height),
                 .begun = true};
    if (trail->begun && trail->x < x - 1) plot_line(plot, trail->x, trail->last, x, now.last, style);
    int from = now.low, to = now.high;
    if (trail->begun && trail->x == x - 1 && from > trail->high + 1) from = trail->high + 1;
    if (trail->begun && trail->x == x - 1 && to < trail->low - 1) to = trail->low - 1;
    if (drawn_at(plot, curve, style, x) || to - from > plot_cell_height(plot->kind))
        plot_column(plot, x, from, to, style);
    *trail = now;
}

static void draw_raw(const CurvesFrame *frame, const Curve *curve, Style style, Plot *plot)
{
    Trail trail = {0};
    for (int x = 0; x < frame->columns; x++) draw_span(frame, curve, style, x, plot, &trail);
}

/* An exponential mean over columns. */
static void draw_smooth(const CurvesFrame *frame, const Curve *curve, int smoothing, Plot *plot)
{
    double mean = 0, keep = 1 - 1.0 / smoothing, weight = 0, low, high;
    int before = -1, row = 0;
    for (int x = 0; x < frame->columns; x++) {
        const MetricsSpan *span = &curve->spans[x];
        if (!curves_finite(span, &low, &high)) continue;
        double value = span->sum / (double)(span->count - span->nans);
        value = value < low ? low : value > high ? high : value;
        mean = keep * mean + (1 - keep) * value;
        weight = keep * weight + (1 - keep);
        int now = curves_row(frame, mean / weight, plot->height);
        if (before >= 0) plot_line(plot, before, row, x, now, curve->style);
        if (before < 0) plot_column(plot, x, now, now, curve->style);
        before = x;
        row = now;
    }
}

static void draw_curves(const View *view, const CurvesFrame *frame, Area area)
{
    Plot plot;
    const CurvesLook *look = &view->curves;
    PlotKind kind = view->ascii ? PLOT_ASCII : look->kind;
    if (plot_make(&plot, kind, area.rect.width, area.rect.height) != STATUS_OK) return;
    for (int i = frame->count - 1; i >= 0; i--) {
        const Curve *curve = &frame->curves[i];
        draw_raw(frame, curve, look->smoothing > 1 ? STYLE_DIM : curve->style, &plot);
        if (look->smoothing > 1) draw_smooth(frame, curve, look->smoothing, &plot);
    }
    plot_draw(&plot, area);
    plot_free(&plot);
}

/* What is no number stands at the edges. */
static void draw_odd(const CurvesFrame *frame, const Curve *curve, int cell_width, Area area)
{
    for (int x = 0; x < frame->columns; x++) {
        const MetricsSpan *span = &curve->spans[x];
        int cell = x / cell_width;
        if (span->nans) area_text(area, cell, 0, STYLE_BAD, "×");
        if (span->count > span->nans && isinf(span->max)) area_text(area, cell, 0, STYLE_BAD, "▲");
        if (span->count > span->nans && isinf(span->min))
            area_text(area, cell, area.rect.height - 1, STYLE_BAD, "▼");
    }
}

/* --- around them --- */

static void draw_levels(const CurvesFrame *frame, Area area, int rows)
{
    char number[NUMBER_BYTES];
    for (int y = 0; y < rows; y++) area_text(area, LABEL - 2, y, STYLE_DIM, "│");
    int last = -ROWS_PER_LABEL;
    for (int y = 0; y < rows; y++) {
        bool due = y == 0 || y == rows - 1 || y - last >= ROWS_PER_LABEL;
        if (!due || (y != rows - 1 && rows - 1 - y < 2 && y != 0)) continue;
        last = y;
        number_fit(curves_level(frame, rows - 1 - y, rows), LABEL - 2, number);
        area_right(area_part(area, 0, 0, LABEL - 2, rows), 0, y, STYLE_DIM, number);
    }
}

static void draw_axis(const CurvesFrame *frame, Area area, int y, int left)
{
    char from[NUMBER_BYTES], to[NUMBER_BYTES];
    for (int x = left; x < area.rect.width; x++) area_text(area, x, y, STYLE_DIM, "─");
    if (left) area_text(area, left - 2, y, STYLE_DIM, "└─");
    area_text(area, left, y + 1, STYLE_DIM, number_count(frame->first, from));
    area_right(area, left, y + 1, STYLE_DIM, number_count(frame->last, to));
}

/* A mark that the numbers leave room for has its words below the axis. */
static void draw_marks(const View *view, const CurvesFrame *frame, int cell_width, Area field, Area labels)
{
    char number[NUMBER_BYTES], text[2 * VIEW_NAME];
    int free_from = text_columns(number_count(frame->first, number)) + 1;
    int until = labels.rect.width - text_columns(number_count(frame->last, number)) - 1;
    for (int i = 0; i < view->mark_count; i++) {
        int column = curves_column(frame, view->marks[i].step);
        if (column < 0) continue;
        int x = column / cell_width;
        for (int y = 0; y < field.rect.height; y++) area_text(field, x, y, STYLE_MARK, "┊");
        snprintf(text, sizeof text, "▲ %s: %s", number_count(view->marks[i].step, number), view->marks[i].text);
        int width = text_columns(text), at = x;
        if (at + width > until) at = until - width;
        if (at < free_from) text[text_cut(text, until - free_from)] = '\0', at = x;
        if (at < free_from || at + text_columns(text) > until) continue;
        free_from = area_text(labels, at, 0, STYLE_MARK, text) + 2;
    }
}

static void draw_crosshair(const View *view, const CurvesFrame *frame, int cell_width, Area field)
{
    int column = curves_column(frame, view->curves.at);
    for (int y = 0; y < field.rect.height && column >= 0; y++)
        area_text(field, column / cell_width, y, STYLE_SELECTED, "│");
}

static int draw_entry(const View *view, const Curve *curve, Area area, int x)
{
    char number[NUMBER_BYTES], text[3 * METRICS_NAME_SIZE];
    int64_t at = view->curves.crosshair ? view->curves.at : INT64_MAX / 2;
    double value;
    bool any = curves_value(curve, at, &value);
    const char *sample = view->ascii ? letters[series_of(curve)] : samples[series_of(curve)];
    snprintf(text, sizeof text, "%s %s %s", sample, curve->name, any ? number_short(value, number) : "-");
    if (x + text_columns(text) > area.rect.width) return area_text(area, x, 0, STYLE_DIM, "…"), area.rect.width;
    return area_text(area, x, 0, curve->style, text) + 2;
}

/* "━ loss.mlm 3.871  ╌ valid.mlm 4.020            log y  ● live" */
static void draw_legend(const View *view, const CurvesFrame *frame, Area area)
{
    char words[128], number[NUMBER_BYTES], smooth[32] = "";
    const CurvesLook *look = &view->curves;
    if (look->smoothing > 1) snprintf(smooth, sizeof smooth, "mean %d  ", look->smoothing);
    if (look->crosshair)
        snprintf(words, sizeof words, "at %s", number_count(look->at, number));
    else
        snprintf(words, sizeof words, "%s%s%s%s", smooth, frame->log_x ? "log x  " : "",
                 frame->log_y ? "log y  " : "", look->frozen ? "frozen" : "● live");
    if (area.rect.width > 30) area_right(area, 0, 0, look->crosshair ? STYLE_SELECTED : STYLE_DIM, words);
    int width = area.rect.width - (area.rect.width > 30 ? text_columns(words) + 1 : 0), x = 0;
    Area names = area_part(area, 0, 0, width, 1);
    for (int i = 0; i < frame->count && x < width; i++) x = draw_entry(view, &frame->curves[i], names, x);
    if (!frame->count)
        area_text(names, 0, 0, STYLE_DIM, look->picked ? "no metrics are chosen; m chooses" : "no metrics yet");
}

static void draw_field(const View *view, CurvesFrame *frame, int cell_width, Area field, Area labels)
{
    bool any = false;
    draw_marks(view, frame, cell_width, field, labels);
    draw_curves(view, frame, field);
    for (int i = 0; i < frame->count; i++) {
        draw_odd(frame, &frame->curves[i], cell_width, field);
        any |= frame->curves[i].any;
    }
    if (view->curves.crosshair) draw_crosshair(view, frame, cell_width, field);
    const char *words = view->metrics ? "no samples in sight" : "no samples yet";
    if (!any)
        area_text(field, (field.rect.width - text_columns(words)) / 2, field.rect.height / 2, STYLE_DIM, words);
}

void pane_curves_draw(const View *view, Area area)
{
    CurvesFrame frame;
    bool legend = area.rect.height >= 3, axis = area.rect.height >= LEAST_HEIGHT_OF_AXIS;
    int left = area.rect.width >= LEAST_WIDTH_OF_LABELS ? LABEL : 0;
    int rows = area.rect.height - legend - 2 * axis, columns = area.rect.width - left;
    int cell_width = plot_cell_width(view->ascii ? PLOT_ASCII : view->curves.kind);
    if (rows < 1 || columns < 1) return;
    if (curves_frame(&view->curves, view->metrics, columns * cell_width, &frame) != STATUS_OK) {
        area_text(area, 0, 0, STYLE_BAD, status_message());
        return;
    }
    if (legend) draw_legend(view, &frame, area_part(area, 0, 0, area.rect.width, 1));
    if (left) draw_levels(&frame, area_part(area, 0, legend, left, rows), rows);
    Area labels = area_part(area, left, legend + rows + 1, columns, axis);
    draw_field(view, &frame, cell_width, area_part(area, left, legend, columns, rows), labels);
    if (axis) draw_axis(&frame, area, legend + rows, left);
    curves_clear(&frame);
    if (view->curves.choosing) pane_curves_choices(view, area);
}
