/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way back through a tape. */
#include "engine/autograd/tape_internal.h"
#include "engine/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* In the tape's arena, where it has one: a step asks the system for nothing. */
typedef struct NodeList {
    Arena *arena;
    Node **items;
    size_t count, capacity;
} NodeList;

static Status grow(NodeList *list)
{
    size_t capacity = list->capacity ? list->capacity * 2 : 64;
    Node **items;
    if (!list->arena) TRY(memory_resize(&list->items, capacity, sizeof *list->items));
    if (list->arena) {
        TRY(arena_take(list->arena, capacity * sizeof *items, &items));
        if (list->count) memcpy(items, list->items, list->count * sizeof *items);
        arena_give(list->arena, list->items, list->capacity * sizeof *items);
        list->items = items;
    }
    list->capacity = capacity;
    return STATUS_OK;
}

static Status push(NodeList *list, Node *node)
{
    if (list->count == list->capacity) TRY(grow(list));
    list->items[list->count++] = node;
    return STATUS_OK;
}

static void list_free(NodeList *list)
{
    if (list->arena)
        arena_give(list->arena, list->items, list->capacity * sizeof *list->items);
    else
        memory_free(list->items);
}

static int newest_first(const void *a, const void *b)
{
    uint64_t x = (*(Node *const *)a)->sequence, y = (*(Node *const *)b)->sequence;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* All nodes that the root depends on. Each is marked with this walk's number, so none is taken twice. */
static Status collect(Node *root, NodeList *list)
{
    uint64_t walk = tape_next_sequence();
    root->walk = walk;
    TRY(push(list, root));
    for (size_t at = 0; at < list->count; at++) {
        Node *node = list->items[at];
        for (int i = 0; i < node->input_count; i++) {
            Node *below = node->inputs[i] ? node->inputs[i]->node : NULL;
            if (!below || below->walk == walk) continue;
            below->walk = walk;
            TRY(push(list, below));
        }
    }
    qsort(list->items, list->count, sizeof *list->items, newest_first);
    return STATUS_OK;
}

static void finish(Node *node)
{
    tape_drop_saved(node);
    node->done = true;
    if (!node->arena) return;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i]) tensor_unref(node->outputs[i]);
}

static Status seed_gradient(Tensor *root, Tensor *gradient)
{
    char a[TENSOR_TEXT_SIZE], b[TENSOR_TEXT_SIZE];
    Node *node = root->node;
    if (!node)
        return status_fail(STATUS_INVALID, "backward: %s depends on nothing that requires a gradient",
                           tensor_describe(root, a));
    if (gradient && (!tensor_same_shape(root, gradient) || gradient->dtype != DTYPE_F32))
        return status_fail(STATUS_INVALID, "backward: the gradient is %s, the tensor %s",
                           tensor_describe(gradient, b), tensor_describe(root, a));
    if (!gradient && tensor_count(root) != 1)
        return status_fail(STATUS_INVALID, "backward: %s is not one number; take a sum or mean, or give a gradient",
                           tensor_describe(root, a));
    Tensor **place = node_gradient_place(root);
    tensor_unref(*place);
    *place = NULL;
    if (gradient) return tensor_clone(node->arena, gradient, place);
    TRY(tensor_new(node->arena, DTYPE_F32, root->ndim, root->shape, place));
    tensor_fill(*place, 1);
    return STATUS_OK;
}

static Status run(Tape *tape, const NodeList *list)
{
    Status status = STATUS_OK;
    for (size_t i = 0; i < list->count; i++) {
        if (status == STATUS_OK) status = tape_run_backward(tape, list->items[i]);
        if (status == STATUS_OK)
            finish(list->items[i]);
        else
            tape_drop_saved(list->items[i]);
    }
    return status;
}

Status tape_backward(Tape *tape, Tensor *root, Tensor *gradient)
{
    TRY(seed_gradient(root, gradient));
    NodeList list = {.arena = tape->arena};
    Status status = collect(root->node, &list);
    if (status == STATUS_OK) status = run(tape, &list);
    list_free(&list);
    return status;
}
