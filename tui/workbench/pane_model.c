/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of modules and parameters: size, norm, gradient, update relative to the weight, zeros. */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"

#include <math.h>
#include <stdio.h>

/* Columns counted from the right edge; the widest panes show all. */
static const struct Column {
    const char *title;
    int width, least; /* of the pane */
} columns[] = {{"norm", 8, 34}, {"grad", 9, 44}, {"Δ/w", 8, 54}, {"zeros", 7, 62}, {"shape", 15, 80}};
enum { COLUMNS = sizeof columns / sizeof *columns };

int pane_model_rows(const View *view)
{
    return view->module_count;
}

static const char *value_of(const ViewModule *module, int column, char *out)
{
    const double values[] = {module->norm, module->grad_norm, module->update};
    if (column == 4) return module->shape;
    if (column == 3) {
        snprintf(out, NUMBER_BYTES, isnan(module->zeros) ? "" : "%.0f%%", 100 * module->zeros);
        return out;
    }
    return isnan(values[column]) ? "" : number_short(values[column], out);
}

/* The last part of a path. */
static const char *name_of(const char *path)
{
    const char *name = path;
    for (const char *at = path; *at; at++)
        if (*at == '.' && at[1]) name = at + 1;
    return name;
}

static int names_width(int width)
{
    int left = width;
    for (int c = 0; c < COLUMNS; c++)
        if (width >= columns[c].least) left -= columns[c].width;
    return left;
}

static void draw_module(const View *view, Area area, int y, int i)
{
    const ViewModule *module = &view->modules[i];
    char number[NUMBER_BYTES];
    int width = area.rect.width, x = names_width(width);
    Area names = area_part(area, 0, y, x, 1);
    int at = area_print(names, 2 * module->depth, 0, STYLE_TEXT, "%s %s%s",
                        module->leaf   ? " "
                        : module->open ? "▾"
                                       : "▸",
                        name_of(module->path), module->frozen ? " (frozen)" : "");
    if (width >= 40) area_right(names, at + 1, 0, STYLE_DIM, number_big(module->count, number));
    for (int c = 0; c < COLUMNS; c++) {
        if (width < columns[c].least) continue;
        area_right(area_part(area, x, y, columns[c].width, 1), 0, 0, c == 4 ? STYLE_DIM : STYLE_TEXT,
                   value_of(module, c, number));
        x += columns[c].width;
    }
    if (view->focus.pane == PANE_MODEL && view->rows[PANE_MODEL] == i)
        area_style(area, 0, y, width, STYLE_SELECTED);
    area_link(area, y, i);
}

void pane_model_draw(const View *view, Area area)
{
    int width = area.rect.width, x = names_width(width), heading = area.rect.height > 2,
        rows = area.rect.height - heading;
    if (!view->module_count) {
        area_text(area, 0, 0, STYLE_DIM, "the model is fetched while this pane is in sight");
        return;
    }
    for (int c = 0; c < COLUMNS && heading; c++) {
        if (width < columns[c].least) continue;
        area_right(area_part(area, x, 0, columns[c].width, 1), 0, 0, STYLE_DIM, columns[c].title);
        x += columns[c].width;
    }
    int first = first_row(view->rows[PANE_MODEL], view->module_count, rows);
    for (int y = 0; y < rows && first + y < view->module_count; y++)
        draw_module(view, area, y + heading, first + y);
}
