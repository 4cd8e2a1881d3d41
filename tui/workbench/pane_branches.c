/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of branches, and below it the edits of the current one. */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"

#include <stdio.h>
#include <string.h>

int pane_branches_rows(const View *view)
{
    return view->branch_count;
}

static const ViewBranch *find(const View *view, const char *name)
{
    for (int i = 0; i < view->branch_count; i++)
        if (strcmp(view->branches[i].name, name) == 0) return &view->branches[i];
    return NULL;
}

/* Parents above it; a ring, which a run cannot say, ends. */
static int depth_of(const View *view, const ViewBranch *branch)
{
    int depth = 0;
    while (branch->parent[0] && depth < 12 && (branch = find(view, branch->parent))) depth++;
    return depth;
}

static bool is_overlaid(const View *view, const char *name)
{
    for (int i = 0; i < view->curves.overlay_count; i++)
        if (strcmp(view->curves.overlays[i].name, name) == 0) return true;
    return false;
}

static void draw_branch(const View *view, Area area, int y, int i)
{
    const ViewBranch *branch = &view->branches[i];
    char step[NUMBER_BYTES], fork[NUMBER_BYTES];
    int depth = depth_of(view, branch);
    int x = area_print(area, 2 * depth, y, branch->current ? STYLE_HEADING : STYLE_TEXT, "%s %s%s",
                       branch->current ? "●"
                       : depth         ? "└"
                                       : "·",
                       branch->name, is_overlaid(view, branch->name) ? " +" : "");
    x = area_print(area, x < 16 ? 16 : x + 1, y, STYLE_TEXT, "step %s", number_count(branch->step, step)) + 1;
    if (branch->parent[0])
        x = area_print(area, x, y, STYLE_DIM, "left at %s", number_count(branch->fork, fork)) + 1;
    if (branch->edits) area_print(area, x, y, STYLE_DIM, "edits: %lld", (long long)branch->edits);
    bool selected = view->focus.pane == PANE_BRANCHES && view->rows[PANE_BRANCHES] == i;
    if (selected) area_style(area, 0, y, area.rect.width, STYLE_SELECTED);
    area_link(area, y, i);
}

void pane_branches_draw(const View *view, Area area)
{
    char step[NUMBER_BYTES];
    int height = area.rect.height, count = view->branch_count, y = 0;
    int rows = count < height - 3 ? count : height * 2 / 3 > 0 ? height * 2 / 3 : height;
    int first = first_row(view->rows[PANE_BRANCHES], count, rows);
    if (!count) area_text(area, 0, y++, STYLE_DIM, "no branches are known yet");
    for (int i = first; i < count && y < rows; i++) draw_branch(view, area, y++, i);
    if (y + 2 > height || !view->mark_count) return;
    area_text(area, 0, y++, STYLE_DIM, "edits of this branch, the last ones");
    int room = height - y, from = view->mark_count - room > 0 ? view->mark_count - room : 0;
    for (int i = from; i < view->mark_count; i++, y++)
        area_print(area, 0, y, STYLE_TEXT, "%8s  %s", number_count(view->marks[i].step, step), view->marks[i].text);
}
