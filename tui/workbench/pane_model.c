/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model: the tree of modules and parameters with norm, gradient, measured update, zeros and dead units; a
 * sorted or filtered list of parameters; the spread of one over time and a map of attention (pane_model_maps.c). */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Counted from the right edge, as many as have room behind the names. */
static const struct Column {
    const char *title;
    int width;
} columns[MODEL_COLUMNS] = {
    [COLUMN_NORM] = {"norm", 8},   [COLUMN_GRAD] = {"grad", 9}, [COLUMN_UPDATE] = {"Δ/w", 8},
    [COLUMN_ZEROS] = {"zeros", 9}, [COLUMN_DEAD] = {"dead", 6}, [COLUMN_WEIGHTS] = {"size", 6},
    [COLUMN_SHAPE] = {"shape", 15}};
enum { NAMES = 22, LEAST_NAMES = 12, WIDE_BAR = 12 };

int pane_model_rows(const View *view)
{
    return view->model.mode == MODEL_TREE ? view->model.row_count : 0;
}

/* --- which columns --- */

typedef struct Shown {
    int first, end, names; /* columns from first on; the width of the names */
    bool bars;             /* zeros have a wide bar */
} Shown;

static Shown columns_from(int first, int width)
{
    Shown shown = {.first = first, .names = width};
    shown.bars = width >= NAMES + 80;
    int least = width >= 50 ? NAMES : LEAST_NAMES;
    for (shown.end = shown.first; shown.end < MODEL_COLUMNS; shown.end++) {
        int wide = columns[shown.end].width + (shown.end == COLUMN_ZEROS && shown.bars ? WIDE_BAR : 0);
        if (shown.names - wide < least) break;
        shown.names -= wide;
    }
    return shown;
}

/* What the list is sorted by is always in sight. */
static Shown shown_columns(const ModelView *model, int width)
{
    Shown shown = columns_from((int)model->first_column, width);
    int wanted = (int)model->sort_by;
    if (!model->sorted || (wanted >= shown.first && wanted < shown.end)) return shown;
    for (int first = 0; first <= wanted; first++) {
        shown = columns_from(first, width);
        if (wanted < shown.end) break;
    }
    return shown;
}

static int column_width(const Shown *shown, int c)
{
    return columns[c].width + (c == COLUMN_ZEROS && shown->bars ? WIDE_BAR : 0);
}

/* --- values --- */

static const char *value_text(const ModelRow *row, ModelColumn column, char *out)
{
    double value = model_view_value(row, column);
    switch (column) {
    case COLUMN_SHAPE: return row->shape;
    case COLUMN_WEIGHTS: return number_big(value, out);
    case COLUMN_ZEROS:
    case COLUMN_DEAD:
        snprintf(out, NUMBER_BYTES,
                 isnan(value)                 ? ""
                 : value > 0 && value < 0.005 ? "<1%%"
                                              : "%.0f%%",
                 100 * value);
        return out;
    default: return isnan(value) ? "" : number_fit(value, columns[column].width - 1, out);
    }
}

/* A share as a bar of eighths. */
static void draw_bar(const View *view, Area area, int x, int y, int width, double share)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int all = isnan(share) || share <= 0 ? 0 : (int)(share * width * 8 + 0.5), i = 0;
    for (; i < all / 8 && i < width; i++) area_text(area, x + i, y, STYLE_SERIES + 1, view->ascii ? "#" : "█");
    if (all % 8 && i < width && !view->ascii) area_text(area, x + i, y, STYLE_SERIES + 1, eighths[all % 8]);
}

/* "48% ▆", or with a wide bar. */
static void draw_zeros(const View *view, Area area, const ModelRow *row, const Shown *shown)
{
    static const char *const bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char levels[] = " .,-~=+*#";
    char number[NUMBER_BYTES];
    double share = row->zeros;
    int room = shown->bars ? WIDE_BAR : 2, level = isnan(share) || share <= 0 ? 0 : 1 + (int)(share * 7.99);
    area_right(area_part(area, 0, 0, area.rect.width - room, 1), 0, 0, STYLE_TEXT,
               value_text(row, COLUMN_ZEROS, number));
    if (shown->bars) {
        draw_bar(view, area, area.rect.width - room + 1, 0, room - 2, share);
        return;
    }
    char letter[2] = {levels[level], '\0'};
    area_text(area, area.rect.width - 1, 0, STYLE_SERIES + 1, view->ascii ? letter : bars[level]);
}

/* --- rows --- */

/* The last part of a path. */
static const char *name_of(const char *path)
{
    const char *name = path;
    for (const char *at = path; *at; at++)
        if (*at == '.' && at[1]) name = at + 1;
    return name;
}

static bool is_list(const ModelView *model)
{
    return model->sorted || model->filter.text[0];
}

static void draw_name(const View *view, Area area, const ModelRow *row)
{
    const ModelView *model = &view->model;
    const char *name = row->path[0] ? name_of(row->path) : model->names[row->model],
               *frozen = row->frozen ? " frozen" : "";
    if (is_list(model)) { /* the end of a path says more than its beginning */
        char path[MODEL_PATH + MODEL_NAME + 16];
        bool several = model->name_count > 1;
        snprintf(path, sizeof path, "%s%s%s%s", several ? model->names[row->model] : "", several ? ":" : "",
                 row->path, frozen);
        if (text_columns(path) > area.rect.width)
            area_right(area, 0, 0, STYLE_TEXT, path);
        else
            area_text(area, 0, 0, STYLE_TEXT, path);
        return;
    }
    area_print(area, 2 * row->depth, 0, STYLE_TEXT, "%s %s%s",
               row->leaf   ? " "
               : row->open ? "▾"
                           : "▸",
               name, frozen);
}

static void draw_row(const View *view, Area area, int y, int i, const Shown *shown)
{
    const ModelRow *row = &view->model.rows[i];
    char number[NUMBER_BYTES];
    int x = shown->names;
    draw_name(view, area_part(area, 0, y, x - 1, 1), row);
    for (int c = shown->first; c < shown->end; c++) {
        int width = column_width(shown, c);
        Area cell = area_part(area, x, y, width, 1);
        if (c == COLUMN_ZEROS)
            draw_zeros(view, cell, row, shown);
        else
            area_right(cell, 1, 0, c == COLUMN_SHAPE ? STYLE_DIM : STYLE_TEXT,
                       value_text(row, (ModelColumn)c, number));
        x += width;
    }
    if (view->focus.pane == PANE_MODEL && view->rows[PANE_MODEL] == i)
        area_style(area, 0, y, area.rect.width, STYLE_SELECTED);
    area_link(area, y, i);
}

static void draw_heading(const ModelView *model, Area area, const Shown *shown)
{
    int x = shown->names;
    char words[FIELD_BYTES + 64];
    snprintf(words, sizeof words, "%s%s%s", model->filter.text[0] ? "/" : "", model->filter.text,
             shown->first > 0 && !model->filter.text[0] ? "< more" : "");
    area_text(area_part(area, 0, 0, x - 1, 1), 0, 0, STYLE_MARK, words);
    for (int c = shown->first; c < shown->end; c++) {
        int width = column_width(shown, c), room = c == COLUMN_ZEROS ? (shown->bars ? WIDE_BAR : 2) : 0;
        bool by = model->sorted && model->sort_by == (ModelColumn)c;
        Area cell = area_part(area, x, 0, width - room, 1);
        char title[24];
        snprintf(title, sizeof title, "%s%s", by ? "▼" : "", columns[c].title);
        area_right(cell, 0, 0, by ? STYLE_HEADING : STYLE_DIM, title);
        x += width;
    }
    if (shown->end < MODEL_COLUMNS && shown->names > LEAST_NAMES)
        area_right(area_part(area, 0, 0, shown->names - 1, 1), text_columns(words) + 1, 0, STYLE_DIM, "more >");
}

/* Every number of the selected row, whatever has a column. */
static void draw_details(const View *view, Area area)
{
    const ModelRow *row = view_selected_row(view);
    char number[NUMBER_BYTES];
    int x = 0;
    if (!row) return;
    for (int c = 0; c < MODEL_COLUMNS; c++) {
        const char *value = value_text(row, (ModelColumn)c, number);
        if (!*value) continue;
        char text[96];
        if (c == COLUMN_SHAPE)
            snprintf(text, sizeof text, "[%s]", value);
        else if (c == COLUMN_DEAD)
            snprintf(text, sizeof text, "dead %.0f of %.0f", row->dead, row->units);
        else
            snprintf(text, sizeof text, "%s %s", columns[c].title, value);
        if (x + text_columns(text) > area.rect.width) return;
        x = area_text(area, x, 0, STYLE_DIM, text) + 2;
    }
}

static void draw_tree(const View *view, Area area)
{
    const ModelView *model = &view->model;
    Shown shown = shown_columns(model, area.rect.width);
    int heading = area.rect.height > 2, details = area.rect.height > 5, rows = area.rect.height - heading - details;
    if (heading) draw_heading(model, area_part(area, 0, 0, area.rect.width, 1), &shown);
    int first = first_row(view->rows[PANE_MODEL], model->row_count, rows), y = 0;
    for (; y < rows && first + y < model->row_count; y++) draw_row(view, area, y + heading, first + y, &shown);
    if (!model->row_count) area_text(area, 0, heading, STYLE_DIM, "no parameter has such a name; esc shows all");
    if (model->left_off && y < rows) area_print(area, 0, y + heading, STYLE_DIM, "(%d more)", model->left_off);
    if (details) draw_details(view, area_part(area, 0, area.rect.height - 1, area.rect.width, 1));
}

void pane_model_draw(const View *view, Area area)
{
    const ModelView *model = &view->model;
    if (!model->param_count)
        area_text(area, 0, 0, STYLE_DIM, "the model is fetched while this pane is in sight");
    else if (model->mode == MODEL_SPREAD)
        pane_spread_draw(view, area);
    else if (model->mode == MODEL_ATTENTION)
        pane_attention_draw(view, area);
    else
        draw_tree(view, area);
}
