/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of ops made from the cases of their records: inputs from Philox, attributes, a random cotangent.
 * make_call() makes one, free_call() gives it back. */
#ifndef LATHE_TESTS_OP_CALLS_H
#define LATHE_TESTS_OP_CALLS_H

#include "engine/autograd/tape.h"
#include "engine/base/memory.h"
#include "tests/unit/scratch.h"

#include <math.h>

/* One call of an op, as its case says. */
typedef struct Call {
    const Op *op;
    Tensor *inputs[OP_MAX_INPUTS], *cotangents[OP_MAX_OUTPUTS];
    int input_count;
    void *attrs;
} Call;

/* "f32[2,3]~0.1" -> a tensor; *word moves behind it. */
static inline Tensor *make_input(const char **word, RandomKey key)
{
    char dtype[8] = "", sizes[64] = "", suffix[32] = "";
    const char *text = *word;
    Tensor *out;
    *word += strcspn(text, " ");
    *word += strspn(*word, " ");
    if (text[0] == '-') return NULL;
    if (sscanf(text, "%7[a-z0-9][%63[0-9,]]%31[^ ]", dtype, sizes, suffix) < 2)
        ck_assert_int_ge(sscanf(text, "%7[a-z0-9][]%31[^ ]", dtype, suffix), 1);
    OptionInts shape = {0};
    for (char *at = sizes; *at; at += *at == ',') shape.values[shape.count++] = strtol(at, &at, 10);
    bool real = strcmp(dtype, "f32") == 0;
    ASSERT_OK(tensor_new(NULL, real ? DTYPE_F32 : DTYPE_I32, (int)shape.count, shape.values, &out));
    if (!real)
        tensor_fill_uniform(out, key, 0, strtod(suffix + 1, NULL));
    else if (suffix[0] == '+')
        tensor_fill_uniform(out, key, 0.5, 2);
    else
        tensor_fill_normal(out, key, 0, 1);
    double gap = suffix[0] == '~' ? strtod(suffix + 1, NULL) : 0;
    for (int64_t i = 0, n = real ? tensor_count(out) : 0; i < n; i++)
        TENSOR_F32(out)[i] += (float)copysign(gap, (double)TENSOR_F32(out)[i]);
    return out;
}

static inline void read_attrs(Call *call, const char *text)
{
    if (!call->op->attrs_size) return;
    ASSERT_OK(memory_new(1, call->op->attrs_size, &call->attrs));
    option_defaults(call->op->attrs, call->attrs);
    while (text && *text) {
        char name[64], value[64];
        ck_assert_int_eq(sscanf(text, "%63[^=]=%63[^ ]", name, value), 2);
        ASSERT_OK(option_set_text(call->op->attrs, call->attrs, call->op->name, name, value));
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
}

static inline Tape *new_tape(void)
{
    Tape *tape;
    ASSERT_OK(tape_new(NULL, &tape));
    tape_set_mode(tape, true, true);
    tape_set_random(tape, random_key(7, "ops"));
    return tape;
}

/* The outputs are copies: a view would follow later changes of the input. */
static inline void forward(const Call *call, Tensor **outputs)
{
    Tape *tape = new_tape();
    memset(outputs, 0, OP_MAX_OUTPUTS * sizeof *outputs);
    ck_assert_msg(tape_apply(tape, call->op, call->inputs, call->input_count, call->attrs, outputs) == STATUS_OK,
                  "%s: %s", call->op->name, status_message());
    for (int i = 0; i < OP_MAX_OUTPUTS && outputs[i]; i++) {
        Tensor *view = outputs[i];
        ASSERT_OK(tensor_clone(NULL, view, &outputs[i]));
        tensor_unref(view);
    }
    tape_free(tape);
}

static inline void drop(Tensor **outputs)
{
    for (int i = 0; i < OP_MAX_OUTPUTS; i++) tensor_unref(outputs[i]);
}

/* Forward, and backward from the first output with its cotangent where the op has a way back. */
static inline void backward(const Call *call)
{
    Tape *tape = new_tape();
    Tensor *outputs[OP_MAX_OUTPUTS] = {0};
    ASSERT_OK(tape_apply(tape, call->op, call->inputs, call->input_count, call->attrs, outputs));
    if (call->op->backward)
        ck_assert_msg(tape_backward(tape, outputs[0], call->cotangents[0]) == STATUS_OK, "%s: %s", call->op->name,
                      status_message());
    drop(outputs);
    tape_free(tape);
}

static inline Call make_call(const Op *op, const OpCase *spec)
{
    Call call = {.op = op};
    RandomKey key = random_key(11, op->name);
    Tensor *outputs[OP_MAX_OUTPUTS];
    for (const char *word = spec->inputs; *word; call.input_count++) {
        Tensor *input = make_input(&word, random_subkey(key, (uint64_t)call.input_count));
        call.inputs[call.input_count] = input;
        if (input && input->dtype == DTYPE_F32) input->requires_grad = true;
    }
    read_attrs(&call, spec->attrs);
    forward(&call, outputs);
    for (int i = 0; i < OP_MAX_OUTPUTS && outputs[i]; i++) {
        ASSERT_OK(tensor_new(NULL, DTYPE_F32, outputs[i]->ndim, outputs[i]->shape, &call.cotangents[i]));
        tensor_fill_normal(call.cotangents[i], random_subkey(key, 100 + (uint64_t)i), 0, 1);
    }
    drop(outputs);
    return call;
}

static inline void free_call(Call *call)
{
    for (int i = 0; i < OP_MAX_INPUTS; i++) tensor_unref(call->inputs[i]);
    drop(call->cotangents);
    memory_free(call->attrs);
}

#endif
