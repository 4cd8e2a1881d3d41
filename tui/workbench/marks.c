/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/marks.h"

#include "tui/workbench/numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct MarkStyle {
    const char *name, *sign;
    Style style;
} forms[MARK_KINDS] = {
    [MARK_EDIT] = {"edit", "▲", STYLE_MARK},        [MARK_PAUSE] = {"pause", "■", STYLE_WARN},
    [MARK_BRANCH] = {"branch", "◆", STYLE_MARK},    [MARK_EVALUATION] = {"evaluation", "●", STYLE_GOOD},
    [MARK_SNAPSHOT] = {"snapshot", "○", STYLE_DIM},
};

const char *mark_name(MarkKind kind)
{
    return forms[kind].name;
}

const char *mark_sign(MarkKind kind)
{
    return forms[kind].sign;
}

Style mark_style(MarkKind kind)
{
    return forms[kind].style;
}

const char *mark_words(const Mark *mark, char *out)
{
    char step[NUMBER_BYTES];
    bool named = mark->kind == MARK_BRANCH || !*mark->text;
    snprintf(out, MARK_BYTES, "%s: %s%s%s", number_count(mark->step, step), named ? mark_name(mark->kind) : "",
             named && *mark->text ? " " : "", mark->text);
    return out;
}

static int compare(const void *a, const void *b)
{
    const Mark *x = a, *y = b;
    if (x->step != y->step) return x->step < y->step ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

/* Branches that left this one, and where it left another. */
static int add_branches(const View *view, Mark *out, int count)
{
    for (int i = 0; i < view->branch_count; i++) {
        const ViewBranch *branch = &view->branches[i];
        bool child = strcmp(branch->parent, view->branch) == 0, own = branch->current && branch->parent[0];
        if (child || own) out[count++] = (Mark){MARK_BRANCH, branch->fork, branch->name};
    }
    return count;
}

int marks_list(const View *view, Mark *out)
{
    int count = 0;
    for (int i = 0; i < view->mark_count; i++)
        out[count++] = (Mark){MARK_EDIT, view->marks[i].step, view->marks[i].text};
    for (int i = 0; i < view->pause_count; i++)
        out[count++] = (Mark){MARK_PAUSE, view->pauses[i].step, view->pauses[i].text};
    for (int i = 0; i < view->snapshot_count; i++) out[count++] = (Mark){MARK_SNAPSHOT, view->snapshots[i], ""};
    count = add_branches(view, out, count);
    qsort(out, (size_t)count, sizeof *out, compare);
    return count;
}

const char *marks_evaluated(const View *view)
{
    for (int i = 0; view->metrics && i < metrics_name_count(view->metrics); i++) {
        const char *name = metrics_name(view->metrics, i);
        if (strncmp(name, "valid", 5) == 0) return name;
    }
    return NULL;
}

int64_t marks_beside(const View *view, int64_t step, bool next)
{
    Mark marks[MARKS_MOST];
    const char *evaluated = marks_evaluated(view);
    CurvesRun run = curves_run(&view->curves, view->metrics, 0);
    int64_t best = -1;
    int count = marks_list(view, marks);
    if (evaluated) best = next ? curves_run_next(&run, evaluated, step) : curves_run_before(&run, evaluated, step);
    for (int i = 0; i < count; i++) {
        int64_t at = marks[i].step;
        if (next ? at <= step : at >= step) continue;
        if (best < 0 || (next ? at < best : at > best)) best = at;
    }
    return best;
}
