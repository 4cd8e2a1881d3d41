/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Activation recomputation (Chen et al. 2016, Training deep nets with sublinear memory cost): of a part of a
 * forward pass only its input is kept; the way back computes it once more, with the same dropout, and goes back
 * through that. */
#include "engine/autograd/tape_internal.h"
#include "engine/base/memory.h"

#include <string.h>

typedef struct PartAttrs {
    Tape *tape;
    TapePart run;
    void *context;
    TapePlace place;
} PartAttrs;

/* --- what is made on the way there is given back at its end --- */

Status tape_collect(Tape *tape, Tensor *const *outputs, int count)
{
    if (!tape->collecting) return STATUS_OK;
    if (tape->loose_count + count > tape->loose_capacity) {
        int64_t capacity = tape->loose_capacity ? tape->loose_capacity * 2 : 64;
        TRY(memory_resize(&tape->loose, (size_t)capacity, sizeof *tape->loose));
        tape->loose_capacity = capacity;
    }
    for (int i = 0; i < count; i++) tape->loose[tape->loose_count++] = outputs[i];
    return STATUS_OK;
}

static void drop_loose(Tape *tape, const Tensor *kept)
{
    while (tape->loose_count) {
        Tensor *tensor = tape->loose[--tape->loose_count];
        if (tensor != kept) tensor_unref(tensor);
    }
}

/* --- there --- */

/* Of what it makes only y stays. */
static Status run_collecting(Tape *tape, TapePart run, void *context, Tensor *x, Tensor **y)
{
    tape->collecting = true;
    Status status = run(context, tape, x, y);
    tape->collecting = false;
    drop_loose(tape, status == STATUS_OK ? *y : NULL);
    return status;
}

static Status run_unrecorded(Tape *tape, const PartAttrs *attrs, Tensor *x, Tensor **y)
{
    tape->recording = false;
    tape->wanted = false;
    Status status = run_collecting(tape, attrs->run, attrs->context, x, y);
    tape->recording = true;
    return status;
}

static Status describe_part(Tape *tape, TapePart run, const void *context, size_t size, PartAttrs *out)
{
    *out = (PartAttrs){.tape = tape, .run = run, .place = tape_place(tape)};
    TRY(arena_take(tape->arena, size, &out->context));
    memcpy(out->context, context, size);
    return STATUS_OK;
}

Status tape_part(Tape *tape, TapePart run, void *context, size_t size, Tensor *x, Tensor **y)
{
    PartAttrs attrs;
    if (!tape->arena) return run(context, tape, x, y);
    if (!tape->recording) { /* nothing goes back through it; whoever looks on wants all of it */
        bool wanted = tape->observer || tape->cache || tape->collecting;
        return wanted ? run(context, tape, x, y) : run_collecting(tape, run, context, x, y);
    }
    if (!tape->recompute) return run(context, tape, x, y);
    TRY(describe_part(tape, run, context, size, &attrs));
    TRY(run_unrecorded(tape, &attrs, x, y));
    if (!tape->wanted) return STATUS_OK; /* all of it is frozen */
    return tape_add_node(tape, &op_recompute, x, *y, &attrs);
}

/* --- and back --- */

static Status once_more(const PartAttrs *attrs, Tensor *x, Tensor *gradient)
{
    Tape *tape = attrs->tape;
    TapePlace here = tape_place(tape);
    Tensor *y;
    tape_set_place(tape, &attrs->place);
    tape->recording = tape->again = true;
    Status status = attrs->run(attrs->context, tape, x, &y);
    tape->again = false;
    if (status == STATUS_OK && y->node) status = tape_backward(tape, y, gradient);
    tape_set_place(tape, &here);
    return status;
}

static Status backward(Node *node)
{
    Tensor *x;
    TRY(tensor_alias(node->arena, node->saved[0], &x));
    x->requires_grad = node->needs_grad[0];
    Status status = once_more(node->attrs, x, node->grad_outputs[0]);
    if (status == STATUS_OK && x->grad) status = node_grad_is(node, 0, x->grad);
    tensor_unref(x);
    return status;
}

static Status forward(Node *node)
{
    (void)node;
    return STATUS_OK; /* tape_part() did it */
}

const Op op_recompute = {
    .name = "recompute",
    .doc = "A part of a model that is computed once more on the way back.",
    .source = "Chen et al. 2016, Training deep nets with sublinear memory cost",
    .inputs = (const OpInput[]){{"x", "the part's input"}, {0}},
    .attrs_size = sizeof(PartAttrs),
    .saves = "x",
    .forward = forward,
    .backward = backward,
};
