/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Around the curves: round numbers on both axes, marks with their words. */
#include "tui/workbench/marks.h"
#include "tui/workbench/numbers.h"
#include "tui/workbench/pane_curves.h"
#include "tui/workbench/ticks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- the y axes --- */

static void draw_tick(const CurvesStrip *strip, const Ticks *ticks, double at, Area area)
{
    char number[NUMBER_BYTES];
    int rows = area.rect.height, edge = area.rect.width - 1, room = edge - 1;
    int row = curves_row(strip, at, rows);
    if (row < 0 || row >= rows) return;
    ticks_label(ticks, at, number);
    if (text_columns(number) > room) number_fit(at, room, number);
    area_right(area_part(area, 0, 0, room, rows), 0, rows - 1 - row, STYLE_DIM, number);
    area_text(area, edge, rows - 1 - row, STYLE_DIM, "┤");
}

void curves_draw_levels(const CurvesFrame *frame, const CurvesPlaces *places, Area pane)
{
    Rect levels = places->levels, field = places->field;
    if (!levels.width) return;
    for (int y = 0; y < levels.height; y++) area_text(pane, levels.width - 1, levels.y + y, STYLE_DIM, "│");
    for (int i = 0; i < frame->strip_count; i++) {
        const CurvesStrip *strip = &frame->strips[i];
        Rect place = curves_strip_place(places, frame, i);
        if (!place.height) continue;
        int most = place.height / 2 + 2;
        Ticks ticks = ticks_make(TICKS_VALUES, strip->log_y, strip->low, strip->high, most);
        Area area = area_part(pane, 0, place.y, levels.width, place.height);
        for (int t = 0; t < ticks.count; t++) draw_tick(strip, &ticks, ticks.at[t], area);
        if (!i) continue;
        Area line = area_part(pane, levels.width - 1, place.y - 1, field.width + 1, 1);
        area_fill(line, STYLE_FRAME, "─");
        area_print(line, 0, 0, STYLE_DIM, "├─ %s ", strip->kind);
    }
}

/* --- the x axis --- */

static Ticks ticks_of(const CurvesFrame *frame, int width)
{
    static const TicksKind kinds[CURVES_UNITS] = {
        [CURVES_STEPS] = TICKS_COUNTS, [CURVES_TOKENS] = TICKS_COUNTS, [CURVES_SECONDS] = TICKS_CLOCK};
    enum { COLUMNS_FOR_ONE = 12 };
    double low = frame->first, high = frame->unit == CURVES_STEPS ? frame->end - 1 : frame->end;
    if (frame->log_x && low < frame->origin) low = frame->origin;
    if (!(high > low)) high = low + 1;
    return ticks_make(kinds[frame->unit], frame->log_x, low, high, width / COLUMNS_FOR_ONE + 1);
}

static const char *const units[CURVES_UNITS] = {"steps", "tokens", "time"};

/* Where the row has been written on: marks come first, numbers have what is left. */
static bool is_free(Area row, int x, int width)
{
    for (int i = x - 1; i <= x + width; i++) {
        const Cell *cell = i >= 0 && i < row.rect.width ? grid_cell(row.grid, row.rect.x + i, row.rect.y) : NULL;
        if (cell && strcmp(cell->text, " ") != 0) return false;
    }
    return x >= 0 && x + width <= row.rect.width;
}

static int cell_of(const CurvesFrame *frame, double place, int cell_width)
{
    int column = curves_column(frame, place);
    return column < 0 ? -1 : column / cell_width;
}

/* Numbers begin with the last one, so that it is there where room is short. */
static void draw_numbers(const CurvesFrame *frame, const Ticks *ticks, int cell_width, Area row)
{
    char number[NUMBER_BYTES];
    const char *unit = units[frame->unit];
    int unit_width = text_columns(unit);
    if (frame->unit != CURVES_STEPS && is_free(row, row.rect.width - unit_width, unit_width))
        area_right(row, 0, 0, STYLE_DIM, unit);
    for (int n = 0; n < ticks->count; n++) {
        int i = n == 0 ? ticks->count - 1 : n - 1, x = cell_of(frame, ticks->at[i], cell_width);
        ticks_label(ticks, ticks->at[i], number);
        int width = text_columns(number), at = x - width / 2;
        if (at + width > row.rect.width) at = row.rect.width - width;
        if (at < 0) at = 0;
        if (x >= 0 && is_free(row, at, width)) area_text(row, at, 0, STYLE_DIM, number);
    }
}

/* --- marks --- */

/* A mark in sight. */
typedef struct Label {
    const Mark *mark;
    int x, at, width;
    char words[MARK_BYTES];
} Label;

enum { LABELS = 64 };

/* As near to their marks as they can stand without covering each other; false: there is no room for all. */
static bool spread(Label *labels, int count, int width)
{
    enum { BETWEEN = 2 };
    int end = 0;
    for (int i = 0; i < count; i++) {
        labels[i].at = labels[i].x > end ? labels[i].x : end;
        end = labels[i].at + labels[i].width + BETWEEN;
    }
    end = width;
    for (int i = count - 1; i >= 0; i--) {
        if (labels[i].at + labels[i].width > end) labels[i].at = end - labels[i].width;
        end = labels[i].at - BETWEEN;
    }
    return count == 0 || labels[0].at >= 0;
}

/* Each at most so many columns wide; 0: the step alone. */
static void shorten(Label *labels, int count, int columns)
{
    for (int i = 0; i < count; i++) {
        char *words = labels[i].words;
        mark_words(labels[i].mark, words);
        if (!columns)
            words[strcspn(words, ":")] = '\0';
        else if (text_columns(words) > columns)
            strcpy(words + text_cut(words, columns - 1), "…");
        labels[i].width = text_columns(words);
    }
}

/* Words get shorter, down to the step; then the oldest ones have to go, and how many is said. */
static void draw_labels(Label *labels, int count, Area row)
{
    enum { LONGEST = 60, SHORTEST = 12 };
    char left_off[24];
    int skipped = 0, room = row.rect.width, before = 0;
    for (int columns = LONGEST; columns >= 0; columns = columns > SHORTEST ? columns - 2 : columns ? 0 : -1) {
        shorten(labels, count, columns);
        if (spread(labels, count, room)) break;
    }
    while (count && !spread(labels, count, room - before)) {
        labels++, count--, skipped++;
        before = snprintf(left_off, sizeof left_off, "+%d ", skipped);
        for (int i = 0; i < count && skipped == 1; i++) labels[i].x -= before;
    }
    if (skipped) area_text(row, 0, 0, STYLE_MARK, left_off);
    for (int i = 0; i < count; i++)
        area_text(row, before + labels[i].at, 0, mark_style(labels[i].mark->kind), labels[i].words);
}

bool curves_evaluations(const View *view, const CurvesFrame *frame, MetricsSpan *spans)
{
    const char *name = marks_evaluated(view);
    if (!name || frame->columns > CURVES_MOST_COLUMNS) return false;
    curves_run_spans(&frame->runs[0], name, frame->starts[0], frame->columns, spans);
    return true;
}

/* Where they are nearly everywhere they say nothing. */
static void draw_evaluations(const View *view, const CurvesFrame *frame, int cell_width, Area axis)
{
    enum { FEW = 4 };
    MetricsSpan spans[CURVES_MOST_COLUMNS];
    bool here[GRID_MAX_WIDTH] = {false};
    int cells = axis.rect.width, count = 0;
    if (cells > GRID_MAX_WIDTH || !curves_evaluations(view, frame, spans)) return;
    for (int x = 0; x < frame->columns && x / cell_width < cells; x++) {
        count += spans[x].count && !here[x / cell_width];
        here[x / cell_width] |= spans[x].count > 0;
    }
    for (int x = 0; x < cells && FEW * count < cells; x++)
        if (here[x]) area_text(axis, x, 0, mark_style(MARK_EVALUATION), mark_sign(MARK_EVALUATION));
}

/* A sign on the axis, and a line where something was changed. */
static void draw_sign(const Label *label, Area axis, Area field)
{
    MarkKind kind = label->mark->kind;
    area_text(axis, label->x, 0, mark_style(kind), mark_sign(kind));
    for (int y = 0; y < field.rect.height && kind < MARK_EVALUATION; y++)
        area_text(field, label->x, y, mark_style(kind), "┊");
}

/* Those in sight; where there are too many, the last ones. */
static int find_labels(const View *view, const CurvesFrame *frame, int cell_width, const Mark *marks, int count,
                       Label *out)
{
    int used = 0;
    for (int i = count - 1; i >= 0 && used < LABELS; i--) {
        int x = cell_of(frame, curves_run_x(&frame->runs[0], view->curves.unit, marks[i].step), cell_width);
        if (x >= 0) out[LABELS - ++used] = (Label){.mark = &marks[i], .x = x};
    }
    memmove(out, out + LABELS - used, sizeof *out * (size_t)used);
    return used;
}

/* Signs of two at a place: the first in rank is drawn last. Snapshots are many, and have no words. */
static void draw_marks(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, Area axis,
                       Area field, Area row)
{
    Mark marks[MARKS_MOST];
    Label labels[LABELS];
    int all = marks_list(view, marks), count = find_labels(view, frame, places->cell_width, marks, all, labels),
        kept = 0;
    for (int kind = MARK_KINDS - 1; kind >= 0; kind--) {
        if (kind == MARK_EVALUATION) draw_evaluations(view, frame, places->cell_width, axis);
        for (int i = 0; i < count; i++)
            if ((int)labels[i].mark->kind == kind) draw_sign(&labels[i], axis, field);
    }
    for (int i = 0; i < count; i++)
        if (labels[i].mark->kind < MARK_EVALUATION) labels[kept++] = labels[i];
    draw_labels(labels, kept, row);
}

static Area place_of(Area pane, const Rect *rect)
{
    return area_part(pane, rect->x, rect->y, rect->width, rect->height);
}

void curves_draw_axis(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, Area pane)
{
    Area axis = place_of(pane, &places->axis);
    Ticks ticks = ticks_of(frame, places->axis.width);
    area_fill(axis, STYLE_DIM, "─");
    if (places->axis.height && places->levels.width)
        area_text(pane, places->axis.x - 1, places->axis.y, STYLE_DIM, "└");
    for (int i = 0; i < ticks.count; i++)
        area_text(axis, cell_of(frame, ticks.at[i], places->cell_width), 0, STYLE_DIM, "┴");
    draw_marks(view, frame, places, axis, place_of(pane, &places->field), place_of(pane, &places->labels));
    draw_numbers(frame, &ticks, places->cell_width, place_of(pane, &places->ticks));
}
