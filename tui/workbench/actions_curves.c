/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/actions_curves.h"

#include "tui/workbench/branches_keys.h"
#include "tui/workbench/curves_keys.h"
#include "tui/workbench/marks.h"
#include "tui/workbench/numbers.h"

#include <stdio.h>
#include <string.h>

enum { FAR = 10 };

/* --- which --- */

void action_choose_metrics(Workbench *workbench)
{
    workbench_ask(workbench, FIELD_FILTER, "metrics: ", "");
}

void action_choose_overlays(Workbench *workbench)
{
    workbench->port.find_runs(workbench->port.context);
    workbench_ask(workbench, FIELD_OVERLAYS, "a branch, a run or its path: ", "");
}

/* --- the crosshair --- */

void action_crosshair_left(Workbench *workbench)
{
    curves_move(workbench, -1);
}

void action_crosshair_right(Workbench *workbench)
{
    curves_move(workbench, 1);
}

void action_crosshair_far_left(Workbench *workbench)
{
    curves_move(workbench, -FAR);
}

void action_crosshair_far_right(Workbench *workbench)
{
    curves_move(workbench, FAR);
}

void action_crosshair_first(Workbench *workbench)
{
    curves_go(&workbench->view, 0);
}

void action_crosshair_last(Workbench *workbench)
{
    const View *view = &workbench->view;
    curves_go(&workbench->view, view->metrics ? metrics_last_step(view->metrics) : 0);
}

void action_crosshair_off(Workbench *workbench)
{
    workbench->view.curves.crosshair = false;
}

/* --- marks --- */

/* Without a crosshair, the last mark. */
static void go_to_mark(Workbench *workbench, bool next)
{
    View *view = &workbench->view;
    int64_t from = view->curves.crosshair ? curves_step(view) : INT64_MAX - 1;
    int64_t step = marks_beside(view, from, next && view->curves.crosshair);
    if (step >= 0)
        curves_go(view, step);
    else
        workbench_note(workbench, "there is no mark %s", next ? "after this step" : "before this step");
}

void action_next_mark(Workbench *workbench)
{
    go_to_mark(workbench, true);
}

void action_previous_mark(Workbench *workbench)
{
    go_to_mark(workbench, false);
}

/* The row of a branch. */
static void show_branch(View *view, const char *name)
{
    focus_set(&view->focus, PANE_BRANCHES);
    branches_select(view, name);
}

/* The line of the log that has these words, at its bottom. */
static void show_logged(View *view, const char *words)
{
    focus_set(&view->focus, PANE_LOG);
    view->search = (Field){0};
    for (int i = view->log.count - 1; i >= 0; i--) {
        if (!strstr(scroll_get(&view->log, i)->text, words)) continue;
        view->offsets[PANE_LOG] = view->log.count - 1 - i;
        return;
    }
}

static void show_mark(Workbench *workbench, const Mark *mark)
{
    View *view = &workbench->view;
    switch (mark->kind) {
    case MARK_EDIT: show_branch(view, view->branch); break;
    case MARK_BRANCH: show_branch(view, mark->text); break;
    case MARK_PAUSE: show_logged(view, mark->text); break;
    case MARK_SNAPSHOT: action_rewind(workbench); break;
    default: break;
    }
}

void action_open_mark(Workbench *workbench)
{
    View *view = &workbench->view;
    Mark marks[MARKS_MOST];
    char number[NUMBER_BYTES];
    int64_t step = curves_step(view);
    const Mark *found = NULL;
    for (int i = 0, count = marks_list(view, marks); i < count && view->curves.crosshair; i++)
        if (marks[i].step == step && (!found || marks[i].kind < found->kind)) found = &marks[i];
    const char *evaluated = marks_evaluated(view);
    CurvesRun run = curves_run(&view->curves, view->metrics, 0);
    if (found)
        show_mark(workbench, found);
    else if (view->curves.crosshair && evaluated && curves_run_span(&run, evaluated, step, step).count)
        show_logged(view, "valid  ");
    else
        workbench_note(workbench, "nothing happened at step %s; n and N go to the marks",
                       number_count(step, number));
}

/* --- what is in sight --- */

void action_zoom_in(Workbench *workbench)
{
    curves_zoom(workbench, 0.5);
}

void action_zoom_out(Workbench *workbench)
{
    curves_zoom(workbench, 2);
}

void action_whole(Workbench *workbench)
{
    curves_whole(&workbench->view);
}

void action_pan_left(Workbench *workbench)
{
    curves_pan(&workbench->view, -0.25);
}

void action_pan_right(Workbench *workbench)
{
    curves_pan(&workbench->view, 0.25);
}

void action_live(Workbench *workbench)
{
    curves_live(&workbench->view);
}

void action_zoom_in_values(Workbench *workbench)
{
    curves_zoom_values(workbench, 0.5, 0);
}

void action_zoom_out_values(Workbench *workbench)
{
    curves_zoom_values(workbench, 2, 0);
}

void action_pan_up(Workbench *workbench)
{
    curves_zoom_values(workbench, 1, 0.125);
}

void action_pan_down(Workbench *workbench)
{
    curves_zoom_values(workbench, 1, -0.125);
}

void action_all_values(Workbench *workbench)
{
    curves_all_values(&workbench->view);
}

/* --- how --- */

void action_log_y(Workbench *workbench)
{
    workbench->view.curves.log_y = !workbench->view.curves.log_y;
}

void action_log_x(Workbench *workbench)
{
    workbench->view.curves.log_x = !workbench->view.curves.log_x;
}

void action_unit(Workbench *workbench)
{
    curves_change_unit(&workbench->view);
}

void action_smooth_more(Workbench *workbench)
{
    curves_change_smoothing(&workbench->view, true);
}

void action_smooth_less(Workbench *workbench)
{
    curves_change_smoothing(&workbench->view, false);
}

void action_dots(Workbench *workbench)
{
    CurvesLook *look = &workbench->view.curves;
    look->kind = (PlotKind)((look->kind + 1) % PLOT_KINDS);
}

/* --- back to a step --- */

/* The branch on the way here that the step is of: rewind() goes back no further than to where a branch begins. */
static const char *branch_of(const View *view, int64_t step)
{
    const char *name = view->branch;
    for (int depth = 0; depth < view->branch_count; depth++)
        for (int i = 0; i < view->branch_count; i++) {
            const ViewBranch *branch = &view->branches[i];
            if (strcmp(branch->name, name) != 0) continue;
            if (!branch->parent[0] || step >= branch->fork) return name;
            name = branch->parent;
            break;
        }
    return name;
}

static Status put_rewind(const View *view, int64_t step, Buffer *out)
{
    const char *branch = branch_of(view, step);
    if (strcmp(branch, view->branch) != 0) TRY(buffer_printf(out, "switch(\"%s\") ", branch));
    return buffer_printf(out, "rewind(%lld)", (long long)step);
}

/* -1: none is chosen */
static int64_t chosen_step(const View *view)
{
    return view->curves.crosshair ? curves_step(view) : -1;
}

void action_rewind_line(const View *view, Buffer *out)
{
    int64_t step = chosen_step(view);
    if (step >= 0 && put_rewind(view, step, out) != STATUS_OK) buffer_clear(out);
}

static const char branch_begin[] = "branch(\"";

void action_branch_there_line(const View *view, Buffer *out)
{
    int64_t step = chosen_step(view);
    if (step >= 0 && buffer_printf(out, "%s\", %lld)", branch_begin, (long long)step) != STATUS_OK)
        buffer_clear(out);
}

static bool ask(Workbench *workbench, void (*line)(const View *view, Buffer *out))
{
    Buffer text = {0};
    line(&workbench->view, &text);
    bool chosen = text.length > 0;
    if (chosen)
        workbench_ask(workbench, FIELD_LINE, "lathe> ", text.data);
    else
        workbench_note(workbench, "choose a step first: left and right move the crosshair");
    buffer_free(&text);
    return chosen;
}

void action_rewind(Workbench *workbench)
{
    ask(workbench, action_rewind_line);
}

/* The cursor stands where the name is to be typed. */
void action_branch_there(Workbench *workbench)
{
    if (ask(workbench, action_branch_there_line)) workbench->view.field.cursor = (int)strlen(branch_begin);
}
