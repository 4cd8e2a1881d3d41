/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names and values of the curves: the latest in the legend, those under the crosshair in a box beside it. */
#include "tui/workbench/marks.h"
#include "tui/workbench/numbers.h"
#include "tui/workbench/pane_curves.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- the legend --- */

static void entry_words(const View *view, const CurvesFrame *frame, const Curve *curve, char *out, size_t size)
{
    char number[NUMBER_BYTES];
    double value;
    bool any = curves_value(frame, curve, INT64_MAX, &value);
    snprintf(out, size, "%s %s %s", curves_sample(view, curve), curve->name,
             any ? number_short(value, number) : "-");
}

/* "━ loss.mlm 3.871  ╌ valid.mlm 4.020", and how many there is no room for. */
static void draw_entries(const View *view, const CurvesFrame *frame, Area area, int flags)
{
    enum { COLUMNS_OF_REST = 4 };
    char text[3 * METRICS_NAME_SIZE];
    int x = 0, y = 0;
    for (int i = 0; i < frame->count; i++) {
        int room = area.rect.width - (y == 0 ? flags : 0), rest = frame->count - i;
        bool last_row = y + 1 >= area.rect.height;
        entry_words(view, frame, &frame->curves[i], text, sizeof text);
        int end = x + text_columns(text);
        if (end > room - (last_row && rest > 1 ? COLUMNS_OF_REST : 0)) {
            if (last_row) {
                area_print(area_part(area, 0, 0, room, area.rect.height), x, y, STYLE_DIM, "+%d", rest);
                return;
            }
            x = 0, y++, i--;
            if (text_columns(text) > area.rect.width) return;
            continue;
        }
        x = area_text(area, x, y, frame->curves[i].style, text) + 2;
    }
}

static void add_word(char *out, size_t size, const char *word)
{
    size_t used = strlen(out);
    snprintf(out + used, size - used, "%s%s", used ? "  " : "", word);
}

static void flag_words(const View *view, const CurvesFrame *frame, char *out, size_t size)
{
    const CurvesLook *look = &view->curves;
    char text[64], number[NUMBER_BYTES];
    bool cut = false, log_y = false, chosen = false;
    out[0] = '\0';
    for (int i = 0; i < frame->strip_count; i++) {
        cut |= frame->strips[i].cut;
        log_y |= frame->strips[i].log_y;
        chosen |= frame->strips[i].chosen;
    }
    if (chosen) add_word(out, size, "a usual range");
    if (cut && !chosen) add_word(out, size, "▲ a shows all");
    if (frame->smoothing) {
        snprintf(text, sizeof text, "mean %s", number_count(frame->smoothing, number));
        add_word(out, size, text);
    }
    if (frame->log_x) add_word(out, size, "log x");
    if (log_y) add_word(out, size, "log y");
    bool time = look->unit == CURVES_SECONDS;
    snprintf(text, sizeof text, "● last %s", (time ? number_time : number_big)(look->width, number));
    add_word(out, size, look->frozen ? "frozen" : look->width > 0 ? text : "● live");
}

void curves_draw_legend(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, Area pane)
{
    enum { LEAST_WIDTH_OF_FLAGS = 40 };
    char flags[160];
    Area area = area_part(pane, 0, places->legend.y, places->legend.width, places->legend.height);
    int width = 0;
    flag_words(view, frame, flags, sizeof flags);
    if (area.rect.width >= LEAST_WIDTH_OF_FLAGS && area.rect.height) {
        width = text_columns(flags) + 2;
        area_right(area, 0, 0, STYLE_DIM, flags);
    }
    draw_entries(view, frame, area, width);
    if (!frame->count)
        area_text(area, 0, 0, STYLE_DIM,
                  view->curves.picked ? "no metrics are chosen; m chooses" : "no metrics yet");
}

/* --- the box of the crosshair --- */

enum { BOX_ROWS = 40, BOX_WIDTH = 44, BOX_BYTES = 200 };

typedef struct Box {
    struct BoxRow {
        Style style;
        char text[BOX_BYTES];
    } rows[BOX_ROWS];
    int count, width;
} Box;

static void add_row(Box *box, Style style, const char *text)
{
    if (box->count == BOX_ROWS) return;
    struct BoxRow *row = &box->rows[box->count++];
    row->style = style;
    snprintf(row->text, sizeof row->text, "%.*s", (int)text_cut(text, BOX_WIDTH), text);
    int width = text_columns(row->text);
    if (width > box->width) box->width = width;
}

/* "step 1,204  4.9M tokens  2:05" */
static void add_place(const CurvesFrame *frame, int64_t step, Box *box)
{
    char text[BOX_BYTES], count[NUMBER_BYTES], tokens[NUMBER_BYTES], seconds[NUMBER_BYTES];
    double all = curves_run_x(&frame->runs[0], CURVES_TOKENS, step);
    double time = curves_run_x(&frame->runs[0], CURVES_SECONDS, step);
    int used = snprintf(text, sizeof text, "step %s", number_count(step, count));
    if (all > 0) used += snprintf(text + used, sizeof text - (size_t)used, "  %s tokens", number_big(all, tokens));
    if (time > 0) snprintf(text + used, sizeof text - (size_t)used, "  %s", number_time(time, seconds));
    add_row(box, STYLE_HEADING, text);
}

static int longest_name(const CurvesFrame *frame)
{
    enum { MOST = 24 };
    int longest = 0;
    for (int i = 0; i < frame->count; i++) {
        int width = text_columns(frame->curves[i].name);
        if (width > longest) longest = width;
    }
    return longest < MOST ? longest : MOST;
}

/* The step of another run that lies at the same place. */
static int64_t step_there(const CurvesFrame *frame, const Curve *curve, double at)
{
    return curves_run_step(&frame->runs[curve->run], frame->unit, at);
}

static void add_value(const View *view, const CurvesFrame *frame, const Curve *curve, int names, Box *box)
{
    char text[BOX_BYTES], number[NUMBER_BYTES], name[BOX_BYTES];
    double value;
    int column = curves_column(frame, view->curves.at);
    bool any = curves_value(frame, curve, step_there(frame, curve, view->curves.at), &value);
    snprintf(name, sizeof name, "%.*s", (int)text_cut(curve->name, names), curve->name);
    int used = snprintf(text, sizeof text, "%s %s%*s %7s", curves_sample(view, curve), name,
                        names - text_columns(name), "", any ? number_short(value, number) : "-");
    if (curve->means && column >= 0 && !isnan(curve->means[column]))
        snprintf(text + used, sizeof text - (size_t)used, "  ~ %s", number_short(curve->means[column], number));
    add_row(box, curve->style, text);
}

static bool evaluated_in(const View *view, const CurvesFrame *frame, int cell_width, int cell)
{
    MetricsSpan spans[CURVES_MOST_COLUMNS];
    int64_t count = 0;
    if (!curves_evaluations(view, frame, spans)) return false;
    for (int x = cell * cell_width; x < frame->columns && x / cell_width == cell; x++) count += spans[x].count;
    return count > 0;
}

/* What happened in the column of the crosshair. */
static void add_marks(const View *view, const CurvesFrame *frame, int cell_width, Box *box)
{
    Mark marks[MARKS_MOST];
    char text[BOX_BYTES], words[MARK_BYTES];
    int count = marks_list(view, marks), here = curves_column(frame, view->curves.at) / cell_width;
    if (evaluated_in(view, frame, cell_width, here)) {
        snprintf(text, sizeof text, "%s %s", mark_sign(MARK_EVALUATION), mark_name(MARK_EVALUATION));
        add_row(box, mark_style(MARK_EVALUATION), text);
    }
    for (int i = 0; i < count; i++) {
        int column = curves_column(frame, curves_run_x(&frame->runs[0], frame->unit, marks[i].step));
        if (column < 0 || column / cell_width != here) continue;
        snprintf(text, sizeof text, "%s %s", mark_sign(marks[i].kind), mark_words(&marks[i], words));
        add_row(box, mark_style(marks[i].kind), text);
    }
}

/* Beside the crosshair, where there is more room; what does not fit below is counted. */
void curves_draw_box(const View *view, const CurvesFrame *frame, const CurvesPlaces *places, Area pane)
{
    Box box = {0};
    Rect field = places->field;
    int column = curves_column(frame, view->curves.at), x = column / places->cell_width;
    if (column < 0) return;
    int names = longest_name(frame);
    add_place(frame, curves_run_step(&frame->runs[0], frame->unit, view->curves.at), &box);
    for (int i = 0; i < frame->count; i++) add_value(view, frame, &frame->curves[i], names, &box);
    add_marks(view, frame, places->cell_width, &box);
    bool right = x < field.width / 2, framed = field.height >= box.count + 2;
    int room = right ? field.width - x - 2 : x - 1, width = box.width + 2 < room ? box.width + 2 : room;
    int height = box.count + 2 * framed < field.height ? box.count + 2 * framed : field.height;
    Area area = area_part(pane, field.x + (right ? x + 2 : x - 1 - width), field.y, width, height);
    area_fill(area, STYLE_TEXT, " ");
    if (framed) area_frame(area, false, NULL);
    Area inside = area_part(area, 1, framed, width - 2, height - 2 * framed);
    for (int y = 0; y < inside.rect.height; y++) area_text(inside, 0, y, box.rows[y].style, box.rows[y].text);
    if (box.count <= height) return;
    area_fill(area_part(inside, 0, height - 1, inside.rect.width, 1), STYLE_TEXT, " ");
    area_print(inside, 0, height - 1, STYLE_DIM, "and %d more", box.count - height + 1);
}
