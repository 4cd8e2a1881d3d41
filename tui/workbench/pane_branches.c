/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of branches, with the edits and snapshots of those that are open. */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"

#include <stdio.h>
#include <string.h>

enum { DEEPEST = 8, NAME_COLUMNS = 22, WIDE = 56 };

int pane_branches_rows(const View *view)
{
    return view->tree.row_count;
}

static bool is_overlaid(const View *view, const char *name)
{
    for (int i = 0; i < view->curves.overlay_count; i++)
        if (strcmp(view->curves.overlays[i].name, name) == 0) return true;
    return false;
}

/* A tree that is nested deeper than there is room for goes on at the same column. */
static int indent_of(const BranchNode *node)
{
    return 2 * (node->depth < DEEPEST ? node->depth : DEEPEST);
}

static void draw_counts(const BranchNode *node, Area area, int x, int y)
{
    int snapshots = node->event_count - node->edit_count;
    if (node->edit_count)
        x = area_print(area, x, y, STYLE_MARK, "%d edit%s ", node->edit_count, node->edit_count == 1 ? "" : "s");
    if (snapshots) area_print(area, x, y, STYLE_DIM, "%d snapshot%s", snapshots, snapshots == 1 ? "" : "s");
}

static void draw_branch(const View *view, Area area, int y, const BranchNode *node)
{
    char step[NUMBER_BYTES], fork[NUMBER_BYTES];
    bool wide = area.rect.width >= WIDE;
    const char *mark = !node->event_count ? "·" : node->open ? "▾" : "▸";
    Style style = node->current ? STYLE_HEADING : STYLE_TEXT;
    int x = area_print(area, indent_of(node), y, style, "%s %s%s%s", mark, node->current ? "● " : "", node->name,
                       is_overlaid(view, node->name) ? " +" : "");
    int column = wide ? NAME_COLUMNS : NAME_COLUMNS / 2;
    x = area_print(area, x < column ? column : x + 1, y, STYLE_TEXT, "%s%s", wide ? "step " : "",
                   number_count(node->step, step)) +
        1;
    if (node->parent >= 0)
        x = area_print(area, x, y, STYLE_DIM, "%s%s", wide ? "left at " : "from ", number_count(node->fork, fork)) +
            1;
    if (wide && !node->open) draw_counts(node, area, x + 1, y);
}

static void draw_event(Area area, int y, const BranchNode *node, const BranchEvent *event)
{
    char step[NUMBER_BYTES], text[NUMBER_BYTES];
    snprintf(text, sizeof text, "%*s", NUMBER_BYTES / 3, number_count(event->step, step));
    int x = area_text(area, indent_of(node) + 1, y, STYLE_DIM, text) + 2;
    area_brief(area, x, y, event->edit ? STYLE_MARK : STYLE_DIM, event->edit ? event->text : "snapshot");
}

void pane_branches_draw(const View *view, Area area)
{
    const BranchTree *tree = &view->tree;
    int selected = view->rows[PANE_BRANCHES], first = first_row(selected, tree->row_count, area.rect.height);
    if (!tree->row_count)
        area_text(area, 0, 0, STYLE_DIM, "no branches are known yet; they are fetched while this pane is in sight");
    for (int y = 0; y < area.rect.height && first + y < tree->row_count; y++) {
        const BranchRow *row = &tree->rows[first + y];
        const BranchNode *node = &tree->nodes[row->node];
        if (row->event < 0)
            draw_branch(view, area, y, node);
        else
            draw_event(area, y, node, &node->events[row->event]);
        area_link(area, y, first + y);
        if (view->focus.pane == PANE_BRANCHES && first + y == selected)
            area_style(area, 0, y, area.rect.width, STYLE_SELECTED);
    }
    area_more(area, first, tree->row_count);
}
