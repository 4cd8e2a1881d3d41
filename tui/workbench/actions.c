/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/actions.h"

#include "engine/io/run_log.h"
#include "tui/workbench/actions_curves.h"
#include "tui/workbench/actions_panes.h"
#include "tui/workbench/branches_keys.h"
#include "tui/workbench/curves_keys.h"
#include "tui/workbench/panes.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

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

/* A run that is over has nothing to pause: then it goes on from there. */
static void pause_or_resume(Workbench *workbench)
{
    const View *view = &workbench->view;
    bool over = view->state == RUN_LOOKING || view->state == RUN_OVER || view->state == RUN_LOST;
    if (over)
        workbench_ask(workbench, FIELD_RESUME, "go on training from here? enter: yes, esc: no", "");
    else
        workbench_send(workbench, view->state == RUN_PAUSED ? "resume()" : "pause()");
}

static void pause_line(const View *view, Buffer *out)
{
    Status status = buffer_text(out, view->state == RUN_PAUSED ? "resume()" : "pause()");
    (void)status; /* a line that is not whole is not sent */
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
    const char *question = overlay_leave_question(&workbench->view);
    if (question)
        workbench_ask(workbench, FIELD_LEAVE, question, "");
    else
        workbench->leaving = true;
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

static void move_up(Workbench *workbench)
{
    move_by(workbench, -1);
}

static void move_down(Workbench *workbench)
{
    move_by(workbench, 1);
}

static void page_up(Workbench *workbench)
{
    move_by(workbench, -PAGE);
}

static void page_down(Workbench *workbench)
{
    move_by(workbench, PAGE);
}

static void move_first(Workbench *workbench)
{
    move_by(workbench, -SCROLL_LINES);
}

static void move_last(Workbench *workbench)
{
    move_by(workbench, SCROLL_LINES);
}

/* --- log, prompt --- */

static void search_log(Workbench *workbench)
{
    workbench_ask(workbench, FIELD_SEARCH, "/", "");
    field_offer(&workbench->view.field, workbench->view.search.text);
}

static void find_in_log(Workbench *workbench, int direction)
{
    View *view = &workbench->view;
    if (!pane_log_find(view, direction))
        workbench_note(workbench, view->search.text[0] ? "no %s line has '%s'" : "/ searches",
                       direction > 0 ? "older" : "newer", view->search.text);
}

static void find_older(Workbench *workbench)
{
    find_in_log(workbench, 1);
}

static void find_newer(Workbench *workbench)
{
    find_in_log(workbench, -1);
}

static void change_level(Workbench *workbench)
{
    View *view = &workbench->view;
    view->log_level = (view->log_level + 1) % LOG_LEVELS;
    view->offsets[PANE_LOG] = 0;
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

#define SCROLLS (ON(OBJECTIVES) | ON(MODEL) | ON(SAMPLES) | ON(DATA) | ON(BRANCHES) | ON(LOG))
#define PAGES   (ON(SAMPLES) | ON(DATA))

static const Action builtin[] = {
#include "tui/workbench/actions.list.h"
};

Action actions[ACTIONS_MOST] = {
#include "tui/workbench/actions.list.h"
};

int action_count = sizeof builtin / sizeof *builtin;

int actions_builtin(Action *out)
{
    memcpy(out, builtin, sizeof builtin);
    return sizeof builtin / sizeof *builtin;
}

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

/* The first pane that has it, -1: all have. */
int action_pane(const Action *action)
{
    for (int i = 0; i < PANE_COUNT; i++)
        if (action->panes & 1u << i) return i;
    return -1;
}

/* Every word of the filter is somewhere in the name, the doc, the line or the pane. */
static bool matches(const Action *action, const char *filter)
{
    char word[FIELD_BYTES];
    int pane = action_pane(action);
    for (const char *at = filter; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        at += length;
        if (!length || strcasestr(action->name, word) || strcasestr(action->doc, word)) continue;
        if (action->lua && strcasestr(action->lua, word)) continue;
        if (pane < 0 || !strcasestr(panes[pane].name, word)) return false;
    }
    return true;
}

/* The pane's own first, then those of all, then those of other panes. */
static int rank(const Action *action, PaneId pane)
{
    return action->panes & 1u << pane ? 0 : action->panes == EVERYWHERE ? 1 : 2;
}

static bool begins(const Action *action, const char *filter)
{
    return strncasecmp(action->name, filter, strlen(filter)) == 0;
}

/* Those whose names begin so stand before those that only have to do with it. */
const Action *action_found(const char *filter, PaneId pane, bool all, int i)
{
    for (int other = 0; other < 2; other++)
        for (int pass = 0; pass < 2 + all; pass++)
            for (int n = 0; n < action_count; n++) {
                const Action *action = &actions[n];
                bool here = rank(action, pane) == pass && begins(action, filter) == !other;
                if (here && matches(action, filter) && i-- == 0) return action;
            }
    return NULL;
}

/* Without the mark that says where it is to be finished. */
static Status put_lua(const char *lua, Buffer *out)
{
    const char *mark = strchr(lua, ACTION_CURSOR);
    if (!mark) return buffer_text(out, lua);
    TRY(buffer_append(out, lua, (size_t)(mark - lua)));
    return buffer_text(out, mark + 1);
}

void action_line(const Action *action, const View *view, Buffer *out)
{
    buffer_clear(out);
    Status status = STATUS_OK;
    if (action->line)
        action->line(view, out);
    else if (action->lua)
        status = put_lua(action->lua, out);
    if (status != STATUS_OK) buffer_clear(out);
}

/* An action of another pane is done there. */
void action_run(const Action *action, Workbench *workbench)
{
    Buffer line = {0};
    if (rank(action, workbench->view.focus.pane) == 2)
        focus_set(&workbench->view.focus, (PaneId)action_pane(action));
    if (action->run) {
        action->run(workbench);
        return;
    }
    action_line(action, &workbench->view, &line);
    const char *mark = action->lua ? strchr(action->lua, ACTION_CURSOR) : NULL;
    if (line.length && mark) {
        workbench_ask(workbench, FIELD_LINE, "lathe> ", line.data);
        workbench->view.field.cursor = (int)(mark - action->lua);
    } else if (line.length)
        workbench_send(workbench, line.data);
    else
        workbench_note(workbench, "nothing is selected here");
    buffer_free(&line);
}
