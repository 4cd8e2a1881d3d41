/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The branches of a run with what happened on each, as rows of a tree: a branch, and below it, where it is open,
 * its edits, its snapshots and the branches that left it, in order of steps. branch_tree_free() frees it. */
#ifndef LATHE_WORKBENCH_BRANCH_TREE_H
#define LATHE_WORKBENCH_BRANCH_TREE_H

#include "engine/io/json.h"

#include <stdbool.h>
#include <stdint.h>

enum { BRANCH_NAME = 96, BRANCH_TEXT = 160 };

typedef struct BranchEvent {
    int64_t step;
    bool edit; /* else a snapshot */
    char text[BRANCH_TEXT];
} BranchEvent;

typedef struct BranchNode {
    char name[BRANCH_NAME];
    int64_t step, fork, after;           /* after: so many of its parent's own edits */
    int parent, next_child, first_child; /* -1: none */
    int depth;
    bool current, open, reached;
    BranchEvent *events; /* in order of steps */
    int event_count, edit_count;
} BranchNode;

typedef struct BranchRow {
    int node, event; /* event -1: the branch itself */
} BranchRow;

typedef struct BranchTree {
    BranchNode *nodes;
    BranchRow *rows;
    int node_count, row_count, row_room;
} BranchTree;

/* Takes the list of lathe.history.tree() (scripts/lib/branches.lua) in place of what was there; branches that were
 * open, or closed, stay so. Whatever is wrong in it is left off. */
Status branch_tree_take(BranchTree *tree, const json_t *list) STATUS_CHECKED;
/* Opens or closes a branch. */
Status branch_tree_toggle(BranchTree *tree, int node) STATUS_CHECKED;
void branch_tree_free(BranchTree *tree);

#endif
