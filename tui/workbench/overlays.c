/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What covers the panes for a moment: the palette, help, a line that is asked for. */
#include "tui/workbench/actions.h"
#include "tui/workbench/curves_keys.h"
#include "tui/workbench/panes.h"

#include <stdio.h>
#include <string.h>

enum { PALETTE_ROWS = 14, KEY_COLUMN = 13, NAME_COLUMN = 18 };

/* --- keys --- */

static void close_field(View *view)
{
    view->use = FIELD_NONE;
    view->curves.choosing = false;
    view->palette_row = 0;
}

static void finish_palette(Workbench *workbench)
{
    View *view = &workbench->view;
    const Action *action = action_found(view->field.text, view->focus.pane, view->palette_row);
    close_field(view);
    if (action)
        action_run(action, workbench);
    else
        workbench_note(workbench, "no command is called '%s'", view->field.text);
}

static void finish_filter(Workbench *workbench)
{
    const char *name = pane_curves_choice(&workbench->view, workbench->view.palette_row);
    if (name) curves_toggle(&workbench->view, name);
}

static void finish(Workbench *workbench)
{
    View *view = &workbench->view;
    char line[FIELD_BYTES];
    switch (view->use) {
    case FIELD_PALETTE: finish_palette(workbench); return;
    case FIELD_FILTER: finish_filter(workbench); return;
    case FIELD_SEARCH:
        view->search = view->field;
        view->log_found = 0;
        if (*view->search.text && !pane_log_find(view, 0))
            workbench_note(workbench, "no line has '%s'", view->search.text);
        break;
    case FIELD_LEAVE: workbench->leaving = true; break;
    case FIELD_RESUME: workbench->port.resume(workbench->port.context); break;
    case FIELD_LINE:
        snprintf(line, sizeof line, "%s", view->field.text);
        close_field(view);
        if (line[strspn(line, " ")]) workbench_send(workbench, line);
        return;
    case FIELD_NONE: break;
    }
    close_field(view);
}

static int found_count(const View *view)
{
    int count = 0;
    if (view->use == FIELD_FILTER) {
        while (pane_curves_choice(view, count)) count++;
        return count;
    }
    while (action_found(view->use == FIELD_PALETTE ? view->field.text : "", view->focus.pane, count)) count++;
    return count;
}

static void move_row(View *view, int by)
{
    int count = found_count(view);
    view->palette_row += by;
    if (view->palette_row >= count) view->palette_row = count - 1;
    if (view->palette_row < 0) view->palette_row = 0;
}

static void help_key(View *view, const Key *key)
{
    switch (key->code) {
    case KEY_UP: move_row(view, -1); break;
    case KEY_DOWN: move_row(view, 1); break;
    case KEY_PAGE_UP: move_row(view, -10); break;
    case KEY_PAGE_DOWN: move_row(view, 10); break;
    default: view->help = false;
    }
}

static void stop_and_stay(Workbench *workbench)
{
    if (workbench->view.state == RUN_CONNECTING)
        workbench->port.end_start(workbench->port.context);
    else
        workbench_send(workbench, "stop()");
}

/* The answer is one key. */
static void answer_key(Workbench *workbench, const Key *key)
{
    bool leaves = workbench->view.use == FIELD_LEAVE;
    if (key->code == KEY_ENTER || (leaves && key->code == 'q') || (!leaves && key->code == 'y')) {
        finish(workbench);
        return;
    }
    close_field(&workbench->view);
    if (leaves && key->code == 's') stop_and_stay(workbench);
}

void overlay_key(Workbench *workbench, const Key *key, const char *pasted)
{
    View *view = &workbench->view;
    bool lists = view->use == FIELD_PALETTE || view->use == FIELD_FILTER;
    if (view->help)
        help_key(view, key);
    else if (view->use == FIELD_LEAVE || view->use == FIELD_RESUME)
        answer_key(workbench, key);
    else if (key->code == KEY_PASTE)
        field_insert(&view->field, pasted);
    else if (key->code == KEY_ESCAPE || key->code == 3)
        close_field(view);
    else if (key->code == KEY_ENTER)
        finish(workbench);
    else if (lists && (key->code == KEY_UP || key->code == 16))
        move_row(view, -1);
    else if (lists && (key->code == KEY_DOWN || key->code == 14))
        move_row(view, 1);
    else if (field_key(&view->field, key) && lists)
        view->palette_row = 0;
}

/* --- drawing --- */

static void draw_action(const View *view, const Action *action, Area area, int y, bool selected)
{
    char room[16], line[FIELD_BYTES];
    Buffer lua = {0};
    action_line(action, view, &lua);
    snprintf(line, sizeof line, "%s", lua.data ? lua.data : "");
    buffer_free(&lua);
    area_text(area, 1, y, STYLE_HEADING, action_key(action, view->focus.pane, room));
    int x = area_text(area, KEY_COLUMN - 4, y, STYLE_TEXT, action->name);
    if (x < KEY_COLUMN + NAME_COLUMN) x = KEY_COLUMN + NAME_COLUMN - 4;
    x = area_text(area, x + 2, y, STYLE_DIM, action->doc);
    if (*line) area_right(area, x + 2, y, STYLE_MARK, line);
    if (selected) area_style(area, 0, y, area.rect.width, STYLE_SELECTED);
}

static void draw_list(const View *view, Area area, const char *title, const char *filter)
{
    int count = found_count(view), rows = count < PALETTE_ROWS ? count : PALETTE_ROWS;
    if (view->help) rows = count;
    if (rows > area.rect.height - 2) rows = area.rect.height - 2;
    if (rows < 1) return;
    Area box = area_part(area, 0, area.rect.height - rows - 2, area.rect.width, rows + 2);
    area_fill(box, STYLE_TEXT, " ");
    area_frame(box, true, title);
    Area list = area_part(box, 1, 1, box.rect.width - 2, rows);
    int first = first_row(view->palette_row, count, rows);
    for (int y = 0; y < rows; y++)
        draw_action(view, action_found(filter, view->focus.pane, first + y), list, y,
                    first + y == view->palette_row);
}

/* The end of what the run answered, above the line of keys. */
static void draw_answer(const View *view, Area area)
{
    int first = view->console.count - view->answer, rows = 0, most = area.rect.height * 2 / 3 - 2;
    for (int i = view->console.count - 1; i >= first && i >= 0 && rows < most; i--)
        rows += draw_line_rows(scroll_get(&view->console, i)->text, area.rect.width - 2);
    if (rows > most) rows = most;
    if (rows < 1) return;
    Area box = area_part(area, 0, area.rect.height - rows - 2, area.rect.width, rows + 2);
    area_fill(box, STYLE_TEXT, " ");
    area_frame(box, true, "answer: esc closes, 8 is the prompt");
    draw_scroll(area_part(box, 1, 1, box.rect.width - 2, rows), &view->console, 0, "");
}

void overlay_draw(const View *view, Area area, int *x, int *y)
{
    char title[96];
    int bottom = area.rect.height - 1;
    Area above = area_part(area, 0, area.rect.height > 4, area.rect.width, bottom - (area.rect.height > 4));
    if (view->help) {
        snprintf(title, sizeof title, "keys in %s: %s; any key closes", panes[view->focus.pane].name,
                 panes[view->focus.pane].doc);
        draw_list(view, above, title, "");
        return;
    }
    if (view->use == FIELD_NONE) {
        draw_answer(view, above);
        return;
    }
    if (view->use == FIELD_PALETTE) draw_list(view, above, "commands: enter runs, esc closes", view->field.text);
    Area line = area_part(area, 0, bottom, area.rect.width, 1);
    area_fill(line, STYLE_TEXT, " ");
    int at = area_text(line, 0, 0, STYLE_HEADING, view->question);
    *x = *y = -1;
    if (view->use == FIELD_LEAVE || view->use == FIELD_RESUME) return;
    field_draw(&view->field, line, at, 0, x);
    *y = bottom;
}
