/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/panes.h"
#include "tui/workbench/start.h"

#include <string.h>

enum { NAME = 22, VALUE = 24 };

static const char *const kinds[] = {"recipe", "training", "stopped", "finished"};

static void draw_bar(Area area, const char *words)
{
    area_fill(area, STYLE_BAR, " ");
    area_text(area, 1, 0, STYLE_BAR, words);
}

/* --- the lists --- */

static void draw_item(const Start *start, Area area, int y, int i)
{
    const StartItem *item = &start->items[i];
    area_text(area, 1, y, STYLE_HEADING, item->name);
    int x = text_columns(item->name) + 3 > NAME ? text_columns(item->name) + 3 : NAME;
    x = area_print(area, x, y, item->kind == START_LIVE_RUN ? STYLE_GOOD : STYLE_DIM, "%-9s ", kinds[item->kind]);
    area_text(area, x, y, STYLE_TEXT, item->doc);
    if (i == start->row) area_style(area, 0, y, area.rect.width, STYLE_SELECTED);
}

static void draw_items(const Start *start, Area area)
{
    int first = first_row(start->row, start->item_count, area.rect.height);
    for (int y = 0; y < area.rect.height && first + y < start->item_count; y++)
        draw_item(start, area, y, first + y);
    if (!start->item_count)
        area_text(area, 1, 0, STYLE_DIM, "no recipes were found; lathe run FILE.lua trains one");
}

/* --- the form --- */

static void draw_param(const Start *start, Area area, int y, int i, int *cursor)
{
    const StartParam *param = &start->params[i];
    bool changed = strcmp(param->value, param->standard) != 0, here = i == start->param_row;
    area_print(area, 1, y, STYLE_TEXT, "%c %s", changed ? '*' : ' ', param->name);
    Area value = area_part(area, NAME + 4, y, VALUE, 1);
    if (area.rect.width > NAME + VALUE + 8)
        area_print(area, NAME + VALUE + 6, y, STYLE_DIM, "%s%s%s", param->doc,
                   param->doc[0] && param->range[0] ? "; " : "", param->range);
    if (here && !start->editing) area_style(area, 0, y, area.rect.width, STYLE_SELECTED);
    if (here && start->editing) {
        field_draw(&start->field, value, 0, 0, cursor);
        *cursor += value.rect.x;
    } else {
        area_text(value, 0, 0,
                  here      ? STYLE_SELECTED
                  : changed ? STYLE_MARK
                            : STYLE_TEXT,
                  param->value[0] ? param->value : "-");
    }
}

static void draw_form(const Start *start, Area area, int *x, int *y)
{
    int cursor = -1, first = first_row(start->param_row, start->param_count, area.rect.height);
    for (int row = 0; row < area.rect.height && first + row < start->param_count; row++) {
        draw_param(start, area, row, first + row, &cursor);
        if (cursor < 0 || *x >= 0) continue;
        *x = cursor;
        *y = area.rect.y + row;
    }
}

void start_draw(const Start *start, Grid *grid, int *x, int *y)
{
    Area area = area_whole(grid);
    int width = area.rect.width, height = area.rect.height, title = height >= 3, keys = height >= 2;
    Area inside = area_part(area, 0, title, width, height - title - keys);
    const char *help = start->editing ? "enter takes the value   esc leaves it as it was"
                       : start->form  ? "s starts training   enter changes a value   up down   esc back"
                                      : "enter opens   up down   q leaves";
    *x = *y = -1;
    if (title) draw_bar(area_part(area, 0, 0, width, 1), "lathe  recipes to train, and recent runs");
    if (title && start->form) {
        draw_bar(area_part(area, 0, 0, width, 1), start->items[start->row].name);
        area_print(area_part(area, 0, 0, width, 1), text_columns(start->items[start->row].name) + 3, 0, STYLE_BAR,
                   "%s", start->items[start->row].doc);
    }
    if (start->form)
        draw_form(start, inside, x, y);
    else
        draw_items(start, inside);
    if (keys) draw_bar(area_part(area, 0, height - 1, width, 1), start->note[0] ? start->note : help);
    if (*x >= width) *x = width - 1;
}
