/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What covers the panes for a moment: the palette, help, a line that is asked for. */
#include "engine/io/file.h"
#include "tui/workbench/actions.h"
#include "tui/workbench/actions_panes.h"
#include "tui/workbench/curves_keys.h"
#include "tui/workbench/forms.h"
#include "tui/workbench/panes.h"
#include "tui/workbench/wrap.h"

#include <stdio.h>
#include <string.h>

enum { PALETTE_ROWS = 14, KEY_COLUMN = 9, NAME_COLUMN = 22, DETAIL_ROWS = 2, LEAST_FOR_DETAILS = 8 };

/* --- keys --- */

static void close_field(View *view)
{
    view->use = FIELD_NONE;
    view->palette_row = 0;
}

static void finish_palette(Workbench *workbench)
{
    View *view = &workbench->view;
    const Action *action = action_found(view->field.text, view->focus.pane, true, view->palette_row);
    close_field(view);
    if (action)
        action_run(action, workbench);
    else
        workbench_note(workbench, "no command is called '%s'", view->field.text);
}

static void finish_choice(Workbench *workbench)
{
    View *view = &workbench->view;
    const Port *port = &workbench->port;
    CurvesChoice choice = pane_curves_choice(view, view->palette_row);
    char path[sizeof view->directory + VIEW_NAME];
    switch (choice.kind) {
    case CHOICE_METRIC: curves_toggle(view, choice.name); break;
    case CHOICE_BRANCH: port->overlay(port->context, choice.name); break;
    case CHOICE_RUN:
        snprintf(path, sizeof path, "%.*s%s", (int)(file_name(view->directory) - view->directory), view->directory,
                 choice.name);
        port->overlay_run(port->context, path);
        break;
    case CHOICE_PATH: port->overlay_run(port->context, choice.name); break;
    case CHOICE_NONE: workbench_note(workbench, "nothing is called '%s'", view->field.text);
    }
}

static void finish(Workbench *workbench)
{
    View *view = &workbench->view;
    char line[FIELD_BYTES];
    switch (view->use) {
    case FIELD_PALETTE: finish_palette(workbench); return;
    case FIELD_FILTER:
    case FIELD_OVERLAYS: finish_choice(workbench); return;
    case FIELD_SEARCH:
        view->search = view->field;
        view->log_found = 0;
        if (*view->search.text && !pane_log_find(view, 0))
            workbench_note(workbench, "no line has '%s'", view->search.text);
        break;
    case FIELD_MODEL: break; /* it was taken as it was typed */
    case FIELD_SAMPLE: take_sample(workbench, view->field.text); break;
    case FIELD_ATTENTION: view->model.text = view->field; break;
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
    if (view->use == FIELD_FILTER || view->use == FIELD_OVERLAYS) {
        while (pane_curves_choice(view, count).kind) count++;
        return count;
    }
    bool palette = view->use == FIELD_PALETTE;
    while (action_found(palette ? view->field.text : "", view->focus.pane, palette, count)) count++;
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

/* A filter of parameters is followed while it is typed. */
static void follow_filter(Workbench *workbench, const char *text)
{
    View *view = &workbench->view;
    field_set(&view->model.filter, text);
    model_view_make_rows(&view->model, &view->rows[PANE_MODEL]);
}

static void typed(Workbench *workbench, bool lists)
{
    if (lists) workbench->view.palette_row = 0;
    if (workbench->view.use == FIELD_MODEL) follow_filter(workbench, workbench->view.field.text);
}

static void give_up(Workbench *workbench)
{
    if (workbench->view.use == FIELD_MODEL) follow_filter(workbench, "");
    close_field(&workbench->view);
}

const char *overlay_leave_question(const View *view)
{
    if (view->begins) return "leave: enter lets it start by itself, s ends it, esc stays";
    bool live = view->state == RUN_TRAINING || view->state == RUN_PAUSED;
    return live ? "leave: enter lets the run go on, s stops it, esc stays" : NULL;
}

void overlay_settle(Workbench *workbench)
{
    View *view = &workbench->view;
    if (view->use != FIELD_LEAVE) return;
    const char *question = overlay_leave_question(view);
    if (question)
        snprintf(view->question, sizeof view->question, "%s", question);
    else
        close_field(view);
}

void overlay_key(Workbench *workbench, const Key *key, const char *pasted)
{
    View *view = &workbench->view;
    bool lists = view->use == FIELD_PALETTE || view->use == FIELD_FILTER || view->use == FIELD_OVERLAYS;
    if (view->help)
        help_key(view, key);
    else if (view->use == FIELD_LEAVE || view->use == FIELD_RESUME)
        answer_key(workbench, key);
    else if (key->code == KEY_PASTE)
        field_insert(&view->field, pasted);
    else if (key->code == KEY_ESCAPE || key->code == 3)
        give_up(workbench);
    else if (key->code == KEY_ENTER)
        finish(workbench);
    else if (lists && (key->code == KEY_UP || key->code == 16))
        move_row(view, -1);
    else if (lists && (key->code == KEY_DOWN || key->code == 14))
        move_row(view, 1);
    else if (field_key(&view->field, key))
        typed(workbench, lists);
}

/* Help closes, a row of a list is as if Enter were pressed on it. */
void overlay_click(Workbench *workbench, int row)
{
    View *view = &workbench->view;
    bool lists = view->use == FIELD_PALETTE || view->use == FIELD_FILTER || view->use == FIELD_OVERLAYS;
    if (view->help) {
        view->help = false;
    } else if (lists && row >= 0 && row < found_count(view)) {
        view->palette_row = row;
        finish(workbench);
    }
}

/* --- drawing --- */

/* Its own pane, where that is not the one with the keys. */
static PaneId pane_of(const View *view, const Action *action)
{
    bool elsewhere = action->panes != EVERYWHERE && !(action->panes & 1u << view->focus.pane);
    return elsewhere ? (PaneId)action_pane(action) : view->focus.pane;
}

static void draw_action(const View *view, const Action *action, Area area, int y, bool selected)
{
    char room[16], line[FIELD_BYTES];
    Buffer lua = {0};
    PaneId pane = pane_of(view, action);
    action_line(action, view, &lua);
    snprintf(line, sizeof line, "%s", lua.data ? lua.data : "");
    buffer_free(&lua);
    area_text(area, 1, y, STYLE_HEADING, action_key(action, pane, room));
    int x = area_text(area, KEY_COLUMN, y, STYLE_TEXT, action->name);
    if (x < KEY_COLUMN + NAME_COLUMN - 2) x = KEY_COLUMN + NAME_COLUMN - 2;
    if (pane != view->focus.pane) x = area_print(area, x + 2, y, STYLE_MARK, "%s:", panes[pane].name) - 1;
    x = area_brief(area, x + 2, y, STYLE_DIM, action->doc);
    if (*line && x + 2 + text_columns(line) <= area.rect.width) area_right(area, x + 2, y, STYLE_MARK, line);
    if (selected) area_style(area, 0, y, area.rect.width, STYLE_SELECTED);
}

/* The whole doc of the selected one, and its line of Lua. */
static void draw_details(const View *view, const Action *action, Area area)
{
    Buffer lua = {0};
    wrap_draw(area_part(area, 1, 0, area.rect.width - 2, 1), 0, STYLE_TEXT, action->doc, 2, 0);
    action_line(action, view, &lua);
    area_text(area_part(area, 1, 1, area.rect.width - 2, 1), 0, 0, STYLE_MARK,
              lua.data && *lua.data ? lua.data : "(a key of the workbench: the run is not touched)");
    buffer_free(&lua);
}

static void draw_list(const View *view, Area area, const char *title, const char *filter)
{
    bool all = view->use == FIELD_PALETTE && !view->help;
    int count = found_count(view), rows = count < PALETTE_ROWS ? count : PALETTE_ROWS;
    if (view->help) rows = count;
    int details = area.rect.height >= LEAST_FOR_DETAILS && count ? DETAIL_ROWS : 0;
    if (rows < 1) rows = 1;
    if (rows > area.rect.height - 2 - details) rows = area.rect.height - 2 - details;
    if (rows < 1) return;
    int height = rows + 2 + details;
    Area box = area_part(area, 0, area.rect.height - height, area.rect.width, height);
    area_fill(box, STYLE_TEXT, " ");
    area_frame(box, true, title);
    Area list = area_part(box, 1, 1, box.rect.width - 2, rows);
    if (!count) area_print(list, 1, 0, STYLE_WARN, "no command has '%s' in its name or doc", filter);
    int first = first_row(view->palette_row, count, rows);
    for (int y = 0; y < rows && first + y < count; y++) {
        draw_action(view, action_found(filter, view->focus.pane, all, first + y), list, y,
                    first + y == view->palette_row);
        area_link(list, y, first + y);
    }
    area_more(list, first, count);
    if (details)
        draw_details(view, action_found(filter, view->focus.pane, all, view->palette_row),
                     area_part(box, 1, rows + 1, box.rect.width - 2, details));
}

/* The end of what the run answered, above the line of keys. */
static void draw_answer(const View *view, Area area)
{
    int first = view->console.count - view->answer, rows = 0, most = area.rect.height * 2 / 3 - 2;
    for (int i = view->console.count - 1; i >= first && i >= 0 && rows < most; i--)
        rows += wrap_rows(scroll_get(&view->console, i)->text, area.rect.width - 2, 0);
    if (rows > most) rows = most;
    if (rows < 1) return;
    Area box = area_part(area, 0, area.rect.height - rows - 2, area.rect.width, rows + 2);
    area_fill(box, STYLE_TEXT, " ");
    area_frame(box, true, "answer: esc closes, 8 is the prompt");
    draw_scroll(area_part(box, 1, 1, box.rect.width - 2, rows), &view->console, 0, "");
}

/* A question that takes one key has as many rows as it needs. */
static void draw_question(const View *view, Area area)
{
    int rows = wrap_rows(view->question, area.rect.width, 0);
    if (rows > area.rect.height) rows = area.rect.height;
    Area lines = area_part(area, 0, area.rect.height - rows, area.rect.width, rows);
    area_fill(lines, STYLE_TEXT, " ");
    wrap_draw(lines, 0, STYLE_HEADING, view->question, 0, 0);
}

void overlay_draw(const View *view, Area area, int *x, int *y)
{
    char title[96];
    int bottom = area.rect.height - 1;
    Area above = area_part(area, 0, area.rect.height > 4, area.rect.width, bottom - (area.rect.height > 4));
    if (view->help) {
        snprintf(title, sizeof title, "%s: esc closes, up and down show more", panes[view->focus.pane].name);
        draw_list(view, above, title, "");
        return;
    }
    if (view->use == FIELD_NONE) {
        draw_answer(view, above);
        return;
    }
    if (view->use == FIELD_PALETTE) draw_list(view, above, "commands: enter runs, esc closes", view->field.text);
    *x = *y = -1;
    if (view->use == FIELD_LEAVE || view->use == FIELD_RESUME) {
        draw_question(view, area);
        return;
    }
    Area line = area_part(area, 0, bottom, area.rect.width, 1);
    area_fill(line, STYLE_TEXT, " ");
    int at = area_text(line, 0, 0, STYLE_HEADING, view->question);
    field_draw(&view->field, line, at, 0, x);
    *y = bottom;
}

/* --- forms --- */

bool overlay_has_form(const View *view)
{
    return view->form_id != FORM_NONE && !view->form_sent;
}

void overlay_form_key(Workbench *workbench, const Key *key, const char *pasted)
{
    View *view = &workbench->view;
    switch (form_key(&view->form, key, pasted)) {
    case FORM_GOES_ON: break;
    case FORM_CLOSES: forms_close(view); break;
    case FORM_LOOKS: forms_look(view); break;
    case FORM_DOES:
        workbench_send(workbench, view->form.line);
        forms_sent(view);
        break;
    }
}

void overlay_form_draw(const View *view, Area area, int *x, int *y)
{
    int title = area.rect.height > 4, bottom = area.rect.height > 2, room = area.rect.height - title - bottom;
    int height = form_height(&view->form) + 2 < room ? form_height(&view->form) + 2 : room;
    Area box = area_part(area, 0, title + room - height, area.rect.width, height);
    Area keys = area_part(area, 0, area.rect.height - 1, area.rect.width, 1);
    bool framed = box.rect.height > 4;
    char words[sizeof view->form.title + sizeof view->form.verb + 16];
    snprintf(words, sizeof words, "%s; s %s", view->form.title, view->form.verb);
    area_fill(box, STYLE_TEXT, " ");
    if (framed) area_frame(box, true, words);
    *x = *y = -1;
    form_draw(&view->form, framed ? area_part(box, 2, 1, box.rect.width - 4, box.rect.height - 2) : box, x, y);
    if (!bottom) return;
    area_fill(keys, STYLE_BAR, " ");
    area_text(keys, 1, 0, STYLE_BAR, form_keys(&view->form));
}
