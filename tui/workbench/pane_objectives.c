/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loss terms with weight, value, course and share of the gradient; the learning rate below them. */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"

#include <math.h>
#include <stdio.h>

enum { WEIGHT = 14, VALUE = 22, SHARE = 30, ROOMY = 34 };

int pane_objectives_rows(const View *view)
{
    return view->objective_count;
}

static Style style_of(const View *view, int i)
{
    return view->objectives[i].enabled ? (Style)(STYLE_SERIES + i % STYLE_MAX_SERIES) : STYLE_DIM;
}

static void draw_name(const View *view, Area area, int y, int i)
{
    const ViewObjective *objective = &view->objectives[i];
    bool focused = view->focus.pane == PANE_OBJECTIVES && view->rows[PANE_OBJECTIVES] == i;
    int name_width = area.rect.width >= ROOMY ? WEIGHT - 5 : 4;
    char name[VIEW_NAME];
    snprintf(name, sizeof name, "%.*s", (int)text_cut(objective->name, name_width), objective->name);
    area_print(area, 0, y, focused ? STYLE_SELECTED : STYLE_TEXT, "[%c] %s", objective->enabled ? 'x' : ' ', name);
}

static void draw_numbers(const View *view, Area area, int y, int i)
{
    const ViewObjective *objective = &view->objectives[i];
    char weight[NUMBER_BYTES], value[NUMBER_BYTES];
    bool roomy = area.rect.width >= ROOMY;
    Style style = isfinite(objective->value) || isnan(objective->value) ? STYLE_TEXT : STYLE_BAD;
    snprintf(weight, sizeof weight, "%.3g", objective->weight);
    area_right(area_part(area, 0, 0, roomy ? WEIGHT + 5 : 14, area.rect.height), 8, y, STYLE_TEXT, weight);
    const char *shown = objective->enabled ? number_short(objective->value, value) : "off";
    area_right(area_part(area, 0, 0, roomy ? VALUE + 5 : 21, area.rect.height), 14, y, style, shown);
    if (!isnan(objective->share) && roomy)
        area_print(area, SHARE, y, STYLE_TEXT, "%3.0f%%", 100 * objective->share);
}

static void draw_objective(const View *view, Area area, int *y, int i, bool below)
{
    char metric[VIEW_NAME + 8];
    snprintf(metric, sizeof metric, "loss.%s", view->objectives[i].name);
    draw_name(view, area, *y, i);
    draw_numbers(view, area, *y, i);
    area_link(area, *y, i);
    int x = area.rect.width >= ROOMY ? SHARE + 5 : 22;
    Area line =
        below ? area_part(area, 4, *y + 1, area.rect.width - 5, 1) : area_part(area, x, *y, area.rect.width - x, 1);
    draw_sparkline(view, line, metric, style_of(view, i));
    *y += below ? 2 : 1;
}

static void draw_rate(const View *view, Area area, int y, bool below)
{
    char rate[NUMBER_BYTES];
    int x = area_print(area, 0, y, STYLE_TEXT, "lr %s ", number_short(view->lr, rate));
    Area words = area_part(area, x, y, area.rect.width - x, 1);
    if (below) {
        area_print(words, 0, 0, STYLE_DIM, "%s %s", view->schedule, view->optimizer);
        draw_sparkline(view, area_part(area, 4, y + 1, area.rect.width - 5, 1), "lr", STYLE_DIM);
    } else {
        int width = area.rect.width - x - text_columns(view->schedule) - 1;
        draw_sparkline(view, area_part(area, x, y, width, 1), "lr", STYLE_DIM);
        area_text(words, width + 1, 0, STYLE_DIM, view->schedule);
    }
}

void pane_objectives_draw(const View *view, Area area)
{
    int count = view->objective_count, height = area.rect.height, y = 0;
    bool below = height >= 2 * count + 3, heading = height > count + 1 && area.rect.width >= ROOMY;
    if (!count) {
        area_text(area, 0, 0, STYLE_DIM, view->state == RUN_CONNECTING ? "waiting for the run" : "no objectives");
        return;
    }
    if (heading) area_text(area, 0, y++, STYLE_DIM, "on name       weight   value  grad");
    int rows = (height - y) / (below ? 2 : 1), first = first_row(view->rows[PANE_OBJECTIVES], count, rows);
    for (int i = first; i < count && y < height; i++) draw_objective(view, area, &y, i, below);
    if (y + below < height && !isnan(view->lr)) draw_rate(view, area, y + (y + 2 < height && below), below);
}
