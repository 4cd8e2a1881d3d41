/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/actions.h"

#include "tui/workbench/actions_curves.h"
#include "tui/workbench/panes.h"

#include <stdio.h>
#include <string.h>

#define ON(pane) (1u << PANE_##pane)

enum { PAGE = 10 };

/* --- everywhere --- */

static void open_palette(Workbench *workbench)
{
    workbench_ask(workbench, FIELD_PALETTE, ":", "");
}

static void open_help(Workbench *workbench)
{
    workbench->view.help = true;
    workbench->view.palette_row = 0;
}

static void pause_line(const View *view, Buffer *out)
{
    Status status = buffer_text(out, view->state == RUN_PAUSED ? "resume()" : "pause()");
    (void)status; /* a line that is not whole is not sent */
}

static void ask_branch(Workbench *workbench)
{
    workbench_ask(workbench, FIELD_LINE, "lathe> ", "branch(\"\")");
    workbench->view.field.cursor -= 2;
}

static void ask_line(Workbench *workbench)
{
    focus_set(&workbench->view.focus, PANE_PROMPT);
}

static bool has_pane(int i)
{
    return panes[i].draw != NULL;
}

static void go_by(Workbench *workbench, int by)
{
    int pane = (int)workbench->view.focus.pane;
    do pane = (pane + by + PANE_COUNT) % PANE_COUNT;
    while (!has_pane(pane));
    focus_set(&workbench->view.focus, (PaneId)pane);
}

static void next_pane(Workbench *workbench)
{
    go_by(workbench, 1);
}

static void previous_pane(Workbench *workbench)
{
    go_by(workbench, -1);
}

#define GO(name, pane)                                                                                             \
    static void name(Workbench *workbench)                                                                         \
    {                                                                                                              \
        focus_set(&workbench->view.focus, pane);                                                                   \
    }
GO(go_curves, PANE_CURVES)
GO(go_objectives, PANE_OBJECTIVES)
GO(go_model, PANE_MODEL)
GO(go_samples, PANE_SAMPLES)
GO(go_data, PANE_DATA)
GO(go_branches, PANE_BRANCHES)
GO(go_log, PANE_LOG)

static void zoom_pane(Workbench *workbench)
{
    workbench->view.focus.zoomed = !workbench->view.focus.zoomed;
}

static void leave(Workbench *workbench)
{
    RunState state = workbench->view.state;
    if (state == RUN_OVER || state == RUN_LOST)
        workbench->leaving = true;
    else
        workbench_ask(workbench, FIELD_LEAVE, "leave: enter lets the run go on, s stops it, esc stays", "");
}

static void change_theme(Workbench *workbench)
{
    workbench->view.theme++;
}

static void change_mouse(Workbench *workbench)
{
    workbench->view.mouse = !workbench->view.mouse;
    workbench_note(workbench, "the mouse is %s",
                   workbench->view.mouse ? "on" : "off; the terminal selects text again");
}

static void suspend(Workbench *workbench)
{
    workbench->port.suspend(workbench->port.context);
}

/* --- rows and lines --- */

static void move(Workbench *workbench, int by)
{
    View *view = &workbench->view;
    PaneId pane = view->focus.pane;
    int *at = panes[pane].rows ? &view->rows[pane] : &view->offsets[pane];
    int most = panes[pane].rows ? panes[pane].rows(view) - 1 : SCROLL_LINES;
    *at += panes[pane].rows ? by : -by;
    if (*at > most) *at = most;
    if (*at < 0) *at = 0;
}

static void move_up(Workbench *workbench)
{
    move(workbench, -1);
}

static void move_down(Workbench *workbench)
{
    move(workbench, 1);
}

static void page_up(Workbench *workbench)
{
    move(workbench, -PAGE);
}

static void page_down(Workbench *workbench)
{
    move(workbench, PAGE);
}

/* --- objectives --- */

static const ViewObjective *selected_objective(const View *view)
{
    int row = view->rows[PANE_OBJECTIVES];
    return row < view->objective_count ? &view->objectives[row] : NULL;
}

static void toggle_line(const View *view, Buffer *out)
{
    const ViewObjective *objective = selected_objective(view);
    if (!objective) return;
    Status status = buffer_printf(out, "run.objectives[\"%s\"].enabled = %s", objective->name,
                                  objective->enabled ? "false" : "true");
    (void)status; /* a line that is not whole is not sent */
}

static void edit_line(const View *view, Buffer *out)
{
    const ViewObjective *objective = selected_objective(view);
    if (!objective) return;
    Status status = buffer_printf(out, "run.objectives.%s.weight = %.6g", objective->name, objective->weight);
    (void)status; /* it is shown before it is sent */
}

static void ask_weight(Workbench *workbench)
{
    Buffer line = {0};
    edit_line(&workbench->view, &line);
    if (line.data) workbench_ask(workbench, FIELD_LINE, "lathe> ", line.data);
    buffer_free(&line);
}

static void ask_objective(Workbench *workbench)
{
    static const char behind[] = " {})";
    workbench_ask(workbench, FIELD_LINE, "lathe> ", "run:add_objective(objectives. {})");
    workbench->view.field.cursor -= (int)sizeof behind - 1;
}

static void remove_line(const View *view, Buffer *out)
{
    const ViewObjective *objective = selected_objective(view);
    if (!objective) return;
    Status status = buffer_printf(out, "run:remove_objective(\"%s\")", objective->name);
    (void)status; /* it is shown before it is sent */
}

static void ask_removal(Workbench *workbench)
{
    Buffer line = {0};
    remove_line(&workbench->view, &line);
    if (line.data) workbench_ask(workbench, FIELD_LINE, "lathe> ", line.data);
    buffer_free(&line);
}

/* --- the model --- */

static const ViewModule *selected_module(const View *view)
{
    int row = view->rows[PANE_MODEL];
    return row < view->module_count ? &view->modules[row] : NULL;
}

/* The line that shows it; a parameter's values are too many for a pane. */
static void open_module(Workbench *workbench)
{
    const ViewModule *module = selected_module(&workbench->view);
    char line[FIELD_BYTES];
    if (!module) return;
    if (!module->leaf) {
        view_toggle_module(&workbench->view, module->path);
        return;
    }
    snprintf(line, sizeof line, "run.model[\"%s\"]", module->path);
    workbench_send(workbench, line);
}

static void freeze_line(const View *view, Buffer *out)
{
    const ViewModule *module = selected_module(view);
    if (!module) return;
    Status status =
        buffer_printf(out, "run.model[\"%s\"].frozen = %s", module->path, module->frozen ? "false" : "true");
    (void)status; /* a line that is not whole is not sent */
}

/* --- branches, log, prompt --- */

static const ViewBranch *selected_branch(const View *view)
{
    int row = view->rows[PANE_BRANCHES];
    return row < view->branch_count ? &view->branches[row] : NULL;
}

static void switch_line(const View *view, Buffer *out)
{
    const ViewBranch *branch = selected_branch(view);
    if (!branch) return;
    Status status = buffer_printf(out, "switch(\"%s\")", branch->name);
    (void)status; /* a line that is not whole is not sent */
}

static void compare_line(const View *view, Buffer *out)
{
    const ViewBranch *branch = selected_branch(view);
    if (!branch) return;
    Status status = buffer_printf(out, "compare(\"%s\", \"%s\")", view->branch, branch->name);
    (void)status; /* a line that is not whole is not sent */
}

static void overlay_branch(Workbench *workbench)
{
    const ViewBranch *branch = selected_branch(&workbench->view);
    if (branch) workbench->port.overlay(workbench->port.context, branch->name);
}

static void search_log(Workbench *workbench)
{
    workbench_ask(workbench, FIELD_SEARCH, "/", workbench->view.search.text);
}

/* To the pane that had the keys before. */
static void leave_prompt(Workbench *workbench)
{
    Focus *focus = &workbench->view.focus;
    int latest = PANE_CURVES;
    for (int i = 0; i < PANE_COUNT; i++)
        if (i != PANE_PROMPT && has_pane(i) && focus->used[i] > focus->used[latest]) latest = i;
    focus_set(focus, (PaneId)latest);
}

#include "tui/workbench/actions.list.h"

const int action_count = sizeof actions / sizeof *actions;

/* --- finding and running --- */

static bool has_key(const Action *action, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = action->keys; length && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == length && memcmp(at, key, length) == 0) return true;
    return false;
}

const Action *action_of_key(const char *key, PaneId pane)
{
    const Action *found = NULL;
    for (int i = 0; i < action_count; i++) {
        if (!has_key(&actions[i], key)) continue;
        if (actions[i].panes & 1u << pane) return &actions[i];
        if (actions[i].panes == EVERYWHERE && !found) found = &actions[i];
    }
    return found;
}

const char *action_key(const Action *action, PaneId pane, char *out)
{
    for (const char *at = action->keys; *at; at += strcspn(at, " "), at += *at == ' ') {
        snprintf(out, 16, "%.*s", (int)strcspn(at, " "), at);
        if (action_of_key(out, pane) == action) return out;
    }
    return "";
}

/* Every word of the filter is somewhere in the name or the doc. */
static bool matches(const Action *action, const char *filter)
{
    char word[FIELD_BYTES];
    for (const char *at = filter; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        if (length && !strcasestr(action->name, word) && !strcasestr(action->doc, word)) return false;
        at += length;
    }
    return true;
}

const Action *action_found(const char *filter, PaneId pane, int i)
{
    for (int pass = 0; pass < 2; pass++) /* the pane's own first */
        for (int n = 0; n < action_count; n++) {
            bool own = (actions[n].panes & 1u << pane) != 0, here = own || actions[n].panes == EVERYWHERE;
            if (here && own == (pass == 0) && matches(&actions[n], filter) && i-- == 0) return &actions[n];
        }
    return NULL;
}

void action_line(const Action *action, const View *view, Buffer *out)
{
    buffer_clear(out);
    Status status = STATUS_OK;
    if (action->line)
        action->line(view, out);
    else if (action->lua)
        status = buffer_text(out, action->lua);
    if (status != STATUS_OK) buffer_clear(out);
}

void action_run(const Action *action, Workbench *workbench)
{
    Buffer line = {0};
    if (action->run) {
        action->run(workbench);
        return;
    }
    action_line(action, &workbench->view, &line);
    if (line.length)
        workbench_send(workbench, line.data);
    else
        workbench_note(workbench, "nothing is selected here");
    buffer_free(&line);
}
