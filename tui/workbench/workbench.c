/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/workbench.h"

#include "tui/workbench/actions.h"
#include "tui/workbench/curves_keys.h"
#include "tui/workbench/panes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Status workbench_init(Workbench *workbench, const Port *port)
{
    *workbench = (Workbench){.port = *port, .width = 80, .height = 24};
    return view_init(&workbench->view);
}

void workbench_free(Workbench *workbench)
{
    view_free(&workbench->view);
}

void workbench_note(Workbench *workbench, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(workbench->view.note, sizeof workbench->view.note, format, arguments);
    va_end(arguments);
}

void workbench_send(Workbench *workbench, const char *line)
{
    View *view = &workbench->view;
    char shown[FIELD_BYTES + 16];
    if (!view->connected) {
        workbench_note(workbench, "%s",
                       view->state == RUN_CONNECTING ? "the run does not listen yet"
                                                     : "the run is over: there is nobody to ask");
        return;
    }
    snprintf(shown, sizeof shown, "lathe> %s", line);
    view->offsets[PANE_PROMPT] = 0;
    Status status = scroll_line(&view->console, STYLE_HEADING, shown);
    if (status == STATUS_OK) workbench->port.send(workbench->port.context, line);
    if (view->focus.pane != PANE_PROMPT) workbench_note(workbench, "%.200s", shown);
}

void workbench_ask(Workbench *workbench, FieldUse use, const char *question, const char *text)
{
    View *view = &workbench->view;
    view->use = use;
    view->palette_row = 0;
    view->help = false;
    snprintf(view->question, sizeof view->question, "%s", question);
    field_set(&view->field, text);
}

Status workbench_draw(Workbench *workbench, Grid *grid, int width, int height, int *x, int *y)
{
    TRY(grid_resize(grid, width, height));
    workbench->width = grid->width;
    workbench->height = grid->height;
    workbench->grid = grid;
    view_draw(&workbench->view, grid, x, y);
    return STATUS_OK;
}

/* --- keys --- */

/* What the prompt does not take for its line. */
static void prompt_key(Workbench *workbench, const Key *key)
{
    View *view = &workbench->view;
    char name[16];
    key_name(key, name);
    const Action *action = action_of_key(name, PANE_PROMPT);
    bool own = action && (action->panes & 1u << PANE_PROMPT);
    bool function = key->code >= KEY_F1 && key->code <= KEY_F12;
    bool digit = key->modifiers == KEY_ALT && key->code >= '1' && key->code <= '8';
    if (view->searching && key->code != 3) {
        workbench->port.type(workbench->port.context, key);
    } else if (digit) {
        focus_set(&view->focus, (PaneId)(key->code - '1'));
    } else if (key->code == 3 && view->evaluating) {
        workbench->port.interrupt(workbench->port.context);
    } else if (action && (own || function || key->modifiers == KEY_ALT)) {
        action_run(action, workbench);
    } else {
        view->offsets[PANE_PROMPT] = 0;
        workbench->port.type(workbench->port.context, key);
    }
}

static void press(Workbench *workbench, const Key *key)
{
    View *view = &workbench->view;
    char name[16];
    const Action *action = action_of_key(key_name(key, name), view->focus.pane);
    if (view->focus.pane == PANE_PROMPT)
        prompt_key(workbench, key);
    else if (key->code == 3 && view->evaluating)
        workbench->port.interrupt(workbench->port.context);
    else if (action)
        action_run(action, workbench);
    else if (key->code != KEY_OTHER && name[0])
        workbench_note(workbench, "'%s' does nothing here; ? shows the keys", name);
}

/* --- the mouse --- */

static bool inside(const Rect *rect, int x, int y)
{
    return x >= rect->x && y >= rect->y && x < rect->x + rect->width && y < rect->y + rect->height;
}

static int pane_at(const Layout *layout, int x, int y)
{
    for (int i = 0; i < PANE_COUNT; i++)
        if (inside(&layout->panes[i], x, y)) return i;
    return -1;
}

static void turn_wheel(Workbench *workbench, const Key *key, int pane, const Layout *layout)
{
    View *view = &workbench->view;
    int back = key->code == KEY_WHEEL_UP ? 3 : -3;
    if (pane == PANE_CURVES) {
        curves_wheel(workbench, key->x - layout->panes[pane].x - layout->framed, key->code == KEY_WHEEL_UP);
    } else if (panes[pane].rows) {
        int rows = panes[pane].rows(view), row = view->rows[pane] - back;
        view->rows[pane] = row >= rows ? (rows ? rows - 1 : 0) : row < 0 ? 0 : row;
    } else if (panes[pane].from_top) {
        int offset = view->offsets[pane] - back;
        view->offsets[pane] = offset < 0 ? 0 : offset;
    } else {
        view_scroll(view, (PaneId)pane, back);
    }
}

/* The row that was clicked is selected; a click on the selected one is Enter. */
static void click_row(Workbench *workbench, PaneId pane, int row)
{
    View *view = &workbench->view;
    const Key enter = {.code = KEY_ENTER};
    bool again = view->focus.pane == pane && view->rows[pane] == row;
    focus_set(&view->focus, pane);
    view->rows[pane] = row;
    if (again) press(workbench, &enter);
}

static void click_pane(Workbench *workbench, const Key *key, int pane, const Layout *layout)
{
    View *view = &workbench->view;
    const Key enter = {.code = KEY_ENTER};
    int link = workbench->grid ? grid_link(workbench->grid, key->x, key->y) : -1;
    if (panes[pane].rows && link >= 0 && link < panes[pane].rows(view)) {
        click_row(workbench, (PaneId)pane, link);
        return;
    }
    focus_set(&view->focus, (PaneId)pane);
    if (pane == PANE_CURVES && curves_click(workbench, key->x - layout->panes[pane].x - layout->framed))
        press(workbench, &enter);
}

/* In the list that is open, in the line of keys, or in a pane. */
static void click(Workbench *workbench, const Key *key)
{
    View *view = &workbench->view;
    Layout layout = layout_make(workbench->width, workbench->height, &view->focus);
    int pane = pane_at(&layout, key->x, key->y);
    int link = workbench->grid ? grid_link(workbench->grid, key->x, key->y) : -1;
    bool presses = key->code == KEY_PRESS;
    if (view->help || view->use != FIELD_NONE) {
        if (presses) overlay_click(workbench, link);
    } else if (key->code == KEY_RELEASE) {
        curves_release(workbench, key->x - layout.panes[PANE_CURVES].x - layout.framed);
    } else if (presses && inside(&layout.keys, key->x, key->y)) {
        if (link >= 0 && link < action_count) action_run(&actions[link], workbench);
    } else if (pane >= 0) {
        presses ? click_pane(workbench, key, pane, &layout) : turn_wheel(workbench, key, pane, &layout);
    }
}

/* --- all --- */

void workbench_key(Workbench *workbench, const Key *key, const char *pasted)
{
    View *view = &workbench->view;
    if (key->code != KEY_RELEASE) view->note[0] = '\0';
    bool closes = view->answer && key->code == KEY_ESCAPE;
    if (key->code != 26 && key->code != KEY_RELEASE) view->answer = 0;
    if (closes) return;
    if (key->code == 26) {
        workbench->port.suspend(workbench->port.context); /* whatever is open */
    } else if (key->code >= KEY_PRESS && key->code <= KEY_WHEEL_DOWN && !overlay_has_form(view)) {
        click(workbench, key);
    } else if (view->help || view->use != FIELD_NONE) {
        overlay_key(workbench, key, pasted);
    } else if (overlay_has_form(view)) {
        overlay_form_key(workbench, key, pasted);
    } else if (key->code == KEY_PASTE) {
        if (view->focus.pane != PANE_PROMPT) focus_set(&view->focus, PANE_PROMPT);
        workbench->port.paste(workbench->port.context, pasted);
    } else {
        press(workbench, key);
    }
}
