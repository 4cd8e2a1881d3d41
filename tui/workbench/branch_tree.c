/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/branch_tree.h"

#include "engine/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- taking --- */

static void take_text(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(out, size, "%.*s", text ? (int)strcspn(text, "\n") : 0, text ? text : "");
}

static int by_step(const void *a, const void *b)
{
    const BranchEvent *x = a, *y = b;
    if (x->step != y->step) return x->step < y->step ? -1 : 1;
    return y->edit - x->edit;
}

static Status take_events(const json_t *entry, BranchNode *node)
{
    const json_t *edits = json_object_get(entry, "edits"), *snapshots = json_object_get(entry, "snapshots");
    size_t edit_count = json_array_size(edits), count = edit_count + json_array_size(snapshots);
    if (!count) return STATUS_OK;
    TRY(memory_new(count, sizeof *node->events, &node->events));
    for (size_t i = 0; i < count; i++) {
        const json_t *from = i < edit_count ? json_array_get(edits, i) : json_array_get(snapshots, i - edit_count);
        BranchEvent *event = &node->events[i];
        *event = (BranchEvent){.step = json_integer_value(from), .edit = i < edit_count};
        if (event->edit) event->step = json_integer_value(json_object_get(from, "step"));
        if (event->edit) take_text(from, "effect", event->text, sizeof event->text);
    }
    qsort(node->events, count, sizeof *node->events, by_step);
    node->event_count = (int)count;
    node->edit_count = (int)edit_count;
    return STATUS_OK;
}

static Status take_node(const json_t *entry, int place, int count, BranchNode *node)
{
    int64_t parent = json_integer_value(json_object_get(entry, "parent")) - 1;
    *node = (BranchNode){.step = json_integer_value(json_object_get(entry, "step")),
                         .fork = json_integer_value(json_object_get(entry, "fork")),
                         .after = json_integer_value(json_object_get(entry, "after")),
                         .parent = parent >= 0 && parent < count && parent != place ? (int)parent : -1,
                         .next_child = -1,
                         .first_child = -1,
                         .current = json_is_true(json_object_get(entry, "current"))};
    node->open = node->current;
    take_text(entry, "name", node->name, sizeof node->name);
    return take_events(entry, node);
}

/* Children in order of the steps at which they left. */
static void link_children(BranchTree *tree)
{
    for (int i = tree->node_count - 1; i >= 0; i--) {
        BranchNode *node = &tree->nodes[i];
        if (node->parent < 0) continue;
        int *at = &tree->nodes[node->parent].first_child;
        while (*at >= 0 && tree->nodes[*at].fork < node->fork) at = &tree->nodes[*at].next_child;
        node->next_child = *at;
        *at = i;
    }
}

/* Mostly a branch has the place that it had. */
static void keep_open(const BranchTree *before, BranchTree *tree)
{
    for (int i = 0; i < tree->node_count; i++) {
        BranchNode *node = &tree->nodes[i];
        for (int j = 0; j < before->node_count; j++) {
            const BranchNode *old = &before->nodes[(i + j) % before->node_count];
            if (strcmp(old->name, node->name) != 0) continue;
            node->open = old->current || !node->current ? old->open : true;
            break;
        }
    }
}

/* --- rows --- */

static Status add_row(BranchTree *tree, int node, int event)
{
    if (tree->row_count == tree->row_room) {
        tree->row_room = tree->row_room ? 2 * tree->row_room : 64;
        TRY(memory_resize(&tree->rows, (size_t)tree->row_room, sizeof *tree->rows));
    }
    tree->rows[tree->row_count++] = (BranchRow){node, event};
    return STATUS_OK;
}

/* The next row below a branch: its own event, or the branch that left before that. */
typedef struct Walk {
    int node, event, child;
    int64_t edits; /* that were passed */
} Walk;

/* Whether a branch left before this event of its parent's: by the step, and by the edits that it has. */
static bool left_before(const BranchNode *child, const BranchEvent *event, int64_t edits)
{
    if (child->fork != event->step) return child->fork < event->step;
    return event->edit && edits >= child->after;
}

/* Branches below each other are walked without recursion: a run may nest them as deep as it likes. */
static Status add_branch(BranchTree *tree, int root)
{
    Walk *stack;
    int depth = 0;
    TRY(memory_new((size_t)tree->node_count + 1, sizeof *stack, &stack));
    Status status = add_row(tree, root, -1);
    stack[depth++] = (Walk){root, 0, tree->nodes[root].first_child, 0};
    tree->nodes[root].reached = true;
    while (depth && status == STATUS_OK) {
        Walk *at = &stack[depth - 1];
        const BranchNode *node = &tree->nodes[at->node];
        int events = node->open ? node->event_count : 0;
        bool has_event = at->event < events, has_child = at->child >= 0;
        if (has_child &&
            (!has_event || left_before(&tree->nodes[at->child], &node->events[at->event], at->edits))) {
            int child = at->child;
            at->child = tree->nodes[child].next_child;
            if (tree->nodes[child].reached) continue;
            tree->nodes[child].reached = true;
            tree->nodes[child].depth = depth;
            status = add_row(tree, child, -1);
            stack[depth++] = (Walk){child, 0, tree->nodes[child].first_child, 0};
        } else if (has_event) {
            at->edits += node->events[at->event].edit;
            status = add_row(tree, at->node, at->event++);
        } else {
            depth--;
        }
    }
    memory_free(stack);
    return status;
}

static Status make_rows(BranchTree *tree)
{
    tree->row_count = 0;
    for (int i = 0; i < tree->node_count; i++) tree->nodes[i].reached = false;
    for (int i = 0; i < tree->node_count; i++)
        if (tree->nodes[i].parent < 0) TRY(add_branch(tree, i));
    return STATUS_OK;
}

/* --- all --- */

static Status take_all(BranchTree *tree, const json_t *list)
{
    size_t count = json_array_size(list);
    if (!count) return STATUS_OK;
    TRY(memory_new(count, sizeof *tree->nodes, &tree->nodes));
    tree->node_count = (int)count;
    for (int i = 0; i < tree->node_count; i++)
        TRY(take_node(json_array_get(list, (size_t)i), i, tree->node_count, &tree->nodes[i]));
    return STATUS_OK;
}

Status branch_tree_take(BranchTree *tree, const json_t *list)
{
    BranchTree fresh = {0};
    Status status = take_all(&fresh, list);
    if (status == STATUS_OK) {
        link_children(&fresh);
        keep_open(tree, &fresh);
        status = make_rows(&fresh);
    }
    if (status != STATUS_OK) {
        branch_tree_free(&fresh);
        return status;
    }
    branch_tree_free(tree);
    *tree = fresh;
    return STATUS_OK;
}

Status branch_tree_toggle(BranchTree *tree, int node)
{
    tree->nodes[node].open = !tree->nodes[node].open;
    return make_rows(tree);
}

void branch_tree_free(BranchTree *tree)
{
    for (int i = 0; i < tree->node_count; i++) memory_free(tree->nodes[i].events);
    memory_free(tree->nodes);
    memory_free(tree->rows);
    *tree = (BranchTree){0};
}
