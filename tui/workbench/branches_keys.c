/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/branches_keys.h"

#include <stdio.h>
#include <string.h>

static const BranchRow *selected_row(const View *view)
{
    int row = view->rows[PANE_BRANCHES];
    return row < view->tree.row_count ? &view->tree.rows[row] : NULL;
}

static BranchNode *selected(const View *view)
{
    const BranchRow *row = selected_row(view);
    return row ? &view->tree.nodes[row->node] : NULL;
}

static const BranchEvent *selected_event(const View *view)
{
    const BranchRow *row = selected_row(view);
    return row && row->event >= 0 ? &view->tree.nodes[row->node].events[row->event] : NULL;
}

void branches_go_line(const View *view, Buffer *out)
{
    const BranchNode *node = selected(view);
    const BranchEvent *event = selected_event(view);
    if (!node) return;
    Status status = STATUS_OK;
    if (!node->current || !event) status = buffer_printf(out, "switch(\"%s\")", node->name);
    if (status == STATUS_OK && event)
        status = buffer_printf(out, "%srewind(%lld)", out->length ? " " : "", (long long)event->step);
    (void)status; /* a line that is not whole is not sent */
}

/* The line in a field, with the cursor so many bytes before its end. */
static void ask(Workbench *workbench, void (*line)(const View *view, Buffer *out), int back)
{
    Buffer text = {0};
    line(&workbench->view, &text);
    if (text.length) workbench_ask(workbench, FIELD_LINE, "lathe> ", text.data);
    if (text.length) workbench->view.field.cursor -= back;
    buffer_free(&text);
}

void branches_go(Workbench *workbench)
{
    const View *view = &workbench->view;
    const BranchNode *node = selected(view);
    Buffer line = {0};
    if (!node) {
        workbench_note(workbench, "nothing is selected here");
    } else if (selected_event(view)) {
        ask(workbench, branches_go_line, 0);
    } else if (node->current) {
        workbench_note(workbench, "you are on branch %s; right shows what happened on it", node->name);
    } else {
        branches_go_line(view, &line);
        if (line.length) workbench_send(workbench, line.data);
        buffer_free(&line);
    }
}

static void set_open(Workbench *workbench, bool open)
{
    View *view = &workbench->view;
    const BranchRow *row = selected_row(view);
    if (!row || view->tree.nodes[row->node].open == open) return;
    if (branch_tree_toggle(&view->tree, row->node) != STATUS_OK) workbench_note(workbench, "%s", status_message());
}

void branches_open(Workbench *workbench)
{
    set_open(workbench, true);
}

static void select_node(View *view, int node)
{
    for (int i = 0; i < view->tree.row_count; i++)
        if (view->tree.rows[i].node == node && view->tree.rows[i].event < 0) view->rows[PANE_BRANCHES] = i;
}

void branches_select(View *view, const char *name)
{
    for (int i = 0; i < view->tree.node_count; i++)
        if (strcmp(view->tree.nodes[i].name, name) == 0) select_node(view, i);
}

void branches_close(Workbench *workbench)
{
    View *view = &workbench->view;
    const BranchRow *row = selected_row(view);
    int node = row ? row->node : -1;
    if (!row) return;
    if (row->event < 0 && !view->tree.nodes[node].open) node = view->tree.nodes[node].parent;
    if (row->event < 0) set_open(workbench, false);
    select_node(view, node);
}

void branches_compare_line(const View *view, Buffer *out)
{
    const BranchNode *node = selected(view);
    if (!node) return;
    Status status = node->current ? buffer_text(out, "compare()")
                                  : buffer_printf(out, "compare(\"%s\", \"%s\")", view->branch, node->name);
    (void)status; /* a line that is not whole is not sent */
}

void branches_overlay(Workbench *workbench)
{
    const BranchNode *node = selected(&workbench->view);
    if (node) workbench->port.overlay(workbench->port.context, node->name);
}

static void rename_line(const View *view, Buffer *out)
{
    const BranchNode *node = selected(view);
    if (!node) return;
    Status status = buffer_printf(out, "rename_branch(\"%s\", \"\")", node->name);
    (void)status; /* it is shown before it is sent */
}

void branches_rename(Workbench *workbench)
{
    ask(workbench, rename_line, 2);
}

void branches_delete_line(const View *view, Buffer *out)
{
    const BranchNode *node = selected(view);
    if (!node) return;
    Status status = buffer_printf(out, "delete_branch(\"%s\")", node->name);
    (void)status; /* it is shown before it is sent */
}

void branches_delete(Workbench *workbench)
{
    ask(workbench, branches_delete_line, 0);
}
