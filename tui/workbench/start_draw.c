/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"
#include "tui/workbench/start.h"
#include "tui/workbench/wrap.h"

#include <stdio.h>
#include <string.h>

enum { NAME = 22, DETAILS = 4, LEAST_FOR_DETAILS = 12, TIME = 14 };

static const char *const kinds[] = {"recipe", "training", "stopped", "finished"};

static void draw_bar(Area area, const char *words)
{
    area_fill(area, STYLE_BAR, " ");
    area_text(area, 1, 0, STYLE_BAR, words);
}

/* --- how long it takes --- */

/* "40 s", "6 min", "3.2 h" */
static const char *duration(double seconds, char out[32])
{
    if (seconds < 90)
        snprintf(out, 32, "%.0f s", seconds);
    else if (seconds < 90 * 60)
        snprintf(out, 32, "%.0f min", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(out, 32, "%.1f h", seconds / 3600);
    else
        snprintf(out, 32, "%.1f days", seconds / 86400);
    return out;
}

static const char *time_words(const StartTime *time, char out[64])
{
    char text[32];
    out[0] = '\0';
    if (time->trouble[0]) return out;
    if (time->seconds > 0)
        snprintf(out, 64, "about %s", duration(time->seconds, text));
    else if (time->asking)
        snprintf(out, 64, "timing it");
    return out;
}

/* --- the lists --- */

static void draw_item(const Start *start, Area area, int y, int i)
{
    const StartItem *item = &start->items[i];
    char time[64];
    area_text(area, 1, y, STYLE_HEADING, item->name);
    int x = text_columns(item->name) + 3 > NAME ? text_columns(item->name) + 3 : NAME;
    int room = area.rect.width > NAME + TIME + 40 ? area.rect.width - TIME - 1 : area.rect.width;
    x = area_print(area, x, y, item->kind == START_LIVE_RUN ? STYLE_GOOD : STYLE_DIM, "%-9s ", kinds[item->kind]);
    area_brief(area_part(area, 0, y, room, 1), x, 0, STYLE_TEXT, item->doc);
    if (room < area.rect.width) area_right(area, room, y, STYLE_MARK, time_words(&item->time, time));
    if (i == start->row) area_style(area, 0, y, area.rect.width, STYLE_SELECTED);
}

/* All of what the row says, and how long it takes on this machine. */
static void draw_details(const Start *start, Area area)
{
    const StartItem *item = &start->items[start->row];
    char text[32];
    int y = wrap_draw(area, 1, STYLE_TEXT, item->doc, 0, 0);
    if (item->time.trouble[0])
        wrap_draw(area, y, STYLE_WARN, item->time.trouble, 0, 0);
    else if (item->time.seconds > 0)
        area_print(area, 0, y, STYLE_DIM, "about %s here as it stands, evaluations apart; measured on three steps",
                   duration(item->time.seconds, text));
    else if (item->time.asking)
        area_text(area, 0, y, STYLE_DIM, "how long it takes here is being measured");
    else if (item->kind != START_RECIPE)
        area_text(area, 0, y, STYLE_DIM, item->path);
}

static void draw_items(const Start *start, Area area)
{
    bool details = area.rect.height >= LEAST_FOR_DETAILS && start->row < start->item_count;
    int rows = details ? area.rect.height - DETAILS : area.rect.height;
    int first = first_row(start->row, start->item_count, rows);
    for (int y = 0; y < rows && first + y < start->item_count; y++) draw_item(start, area, y, first + y);
    if (!start->item_count)
        area_text(area, 1, 0, STYLE_DIM, "no recipes were found; lathe run FILE.lua trains one");
    if (details) draw_details(start, area_part(area, 1, rows, area.rect.width - 2, DETAILS));
}

/* --- the form --- */

/* In its last rows what a run like that would take. */
static void draw_form(const Start *start, Area area, int *x, int *y)
{
    const StartTime *time = &start->time;
    char text[32];
    int rows = area.rect.height - (area.rect.height > 8 ? 2 : 0);
    form_draw(&start->form, area_part(area, 1, 0, area.rect.width - 2, rows), x, y);
    Area last = area_part(area, 1, rows, area.rect.width - 2, area.rect.height - rows);
    if (time->trouble[0]) {
        char words[sizeof time->trouble + 32];
        snprintf(words, sizeof words, "it would fail: %s", time->trouble);
        wrap_draw(last, 0, STYLE_BAD, words, 2, 0);
    } else if (time->seconds > 0)
        area_print(last, 0, 0, STYLE_GOOD, "about %s here, evaluations apart", duration(time->seconds, text));
    else if (time->asking)
        area_text(last, 0, 0, STYLE_DIM, "how long it takes here is being measured");
}

/* --- help --- */

static void draw_help(const Start *start, Area area)
{
    static const char *const of_list[] = {"enter       opens: a recipe's form, a run in the workbench",
                                          "r           trains a stopped run on, from its last checkpoint",
                                          "up down     another row; home and end, pgup and pgdn go further",
                                          "C-z         back to the shell; fg comes back",
                                          "q esc       leaves",
                                          NULL};
    static const char *const of_form[] = {"s           starts the run that the line below describes",
                                          "enter       changes the value; enter again takes it, esc does not",
                                          "left right  another choice, where there are some",
                                          "del         the recipe's own value again",
                                          "up down     another row; home and end, pgup and pgdn go further",
                                          "q esc       back to the list",
                                          NULL};
    const char *const *lines = start->filling ? of_form : of_list;
    int count = 0;
    while (lines[count]) count++;
    int height = count + 2 < area.rect.height ? count + 2 : area.rect.height;
    Area box = area_part(area, 0, area.rect.height - height, area.rect.width, height);
    area_fill(box, STYLE_TEXT, " ");
    area_frame(box, true, "keys; any key closes");
    for (int i = 0; i < height - 2; i++)
        area_text(area_part(box, 2, 1, box.rect.width - 4, height - 2), 0, i, STYLE_TEXT, lines[i]);
}

/* --- all --- */

static const char *keys_of(const Start *start)
{
    bool stopped = start->row < start->item_count && start->items[start->row].kind == START_STOPPED_RUN;
    if (start->filling && start->form.editing) return form_keys(&start->form);
    if (start->filling) return "s starts training   enter changes a value   ←→ choices   ? keys   esc back";
    return stopped ? "enter looks at it   r trains on   up down   ? keys   q leaves"
                   : "enter opens   up down   ? keys   q leaves";
}

void start_draw(const Start *start, Grid *grid, int *x, int *y)
{
    Area area = area_whole(grid);
    int width = area.rect.width, height = area.rect.height, title = height >= 3, keys = height >= 2;
    Area inside = area_part(area, 0, title, width, height - title - keys);
    *x = *y = -1;
    if (title)
        draw_bar(area_part(area, 0, 0, width, 1),
                 start->filling ? start->items[start->row].name : "lathe  recipes to train, and recent runs");
    if (title && start->filling)
        area_text(area_part(area, 0, 0, width, 1), text_columns(start->items[start->row].name) + 3, 0, STYLE_BAR,
                  start->items[start->row].doc);
    if (start->filling)
        draw_form(start, inside, x, y);
    else
        draw_items(start, inside);
    if (start->help) draw_help(start, inside);
    if (keys) draw_bar(area_part(area, 0, height - 1, width, 1), start->note[0] ? start->note : keys_of(start));
    if (*x >= width) *x = width - 1;
    if (start->help) *x = *y = -1;
}
