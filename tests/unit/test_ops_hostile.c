/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops called as a mistaken person would: shapes, types and numbers that do not fit give an error that names the op,
 * never a crash; and inputs that are views give the same bits as their contiguous copies. */
#include "tests/unit/op_calls.h"

#include <limits.h>

Suite *ops_hostile_suite(void);

/* Forward and backward; whatever the op says must be an ordinary error in its name. */
static void attempt(const Call *call, const char *what, int at, const OpCase *spec)
{
    Tape *tape = new_tape();
    Tensor *outputs[OP_MAX_OUTPUTS] = {0};
    Status status = tape_apply(tape, call->op, call->inputs, call->input_count, call->attrs, outputs);
    if (status == STATUS_OK && call->op->backward && outputs[0]->requires_grad) {
        Tensor *ones;
        ASSERT_OK(tensor_new_zeros(NULL, DTYPE_F32, outputs[0]->ndim, outputs[0]->shape, &ones));
        status = tape_backward(tape, outputs[0], ones);
        tensor_unref(ones);
    }
    ck_assert_msg(status == STATUS_OK || status == STATUS_INVALID, "%s(%s), input %d %s: %s", call->op->name,
                  spec->inputs, at, what, status_message());
    if (status != STATUS_OK)
        ck_assert_msg(status_message()[0] != 0, "%s(%s), input %d %s: refused without a word", call->op->name,
                      spec->inputs, at, what);
    drop(outputs);
    tape_free(tape);
}

typedef struct Hostile {
    const char *what;
    DType dtype;
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    double value;
} Hostile;

static const Hostile hostiles[] = {
    {"is a scalar", DTYPE_F32, 0, {0}, 1},
    {"is empty", DTYPE_F32, 1, {0}, 0},
    {"has no rows", DTYPE_F32, 2, {0, 5}, 0},
    {"has no columns", DTYPE_F32, 2, {5, 0}, 0},
    {"has no elements in three dimensions", DTYPE_F32, 3, {2, 0, 3}, 0},
    {"is a vector of another size", DTYPE_F32, 1, {11}, 1},
    {"is a matrix of other sizes", DTYPE_F32, 2, {11, 13}, 1},
    {"has as many dimensions as there can be", DTYPE_F32, 6, {1, 2, 1, 2, 1, 2}, 1},
    {"is bf16", DTYPE_BF16, 2, {3, 5}, 1},
    {"is u8", DTYPE_U8, 1, {4}, 1},
    {"is i64", DTYPE_I64, 1, {4}, 1},
    {"is an i32 scalar", DTYPE_I32, 0, {0}, 1},
    {"has no ids", DTYPE_I32, 1, {0}, 0},
    {"has too many dimensions of ids", DTYPE_I32, 6, {1, 1, 1, 1, 1, 1}, 0},
};

static void replace(Call *call, int at, Tensor *with, const char *what, const OpCase *spec)
{
    Tensor *before = call->inputs[at];
    if (with->dtype == DTYPE_F32) with->requires_grad = true;
    call->inputs[at] = with;
    attempt(call, what, at, spec);
    call->inputs[at] = before;
    tensor_unref(with);
}

START_TEST(shapes)
{
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; spec && spec->inputs; spec++) {
            Call call = make_call(op_records[o], spec);
            for (int i = 0; i < call.input_count; i++)
                for (size_t h = 0; h < sizeof hostiles / sizeof *hostiles; h++) {
                    const Hostile *bad = &hostiles[h];
                    Tensor *with;
                    ASSERT_OK(tensor_new(NULL, bad->dtype, bad->ndim, bad->shape, &with));
                    tensor_fill(with, bad->value);
                    replace(&call, i, with, bad->what, spec);
                }
            free_call(&call);
        }
}
END_TEST

/* Every input empty in the same way: what is allowed gives something empty or a plain number. */
START_TEST(all_empty)
{
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; spec && spec->inputs; spec++)
            for (int dim = 0; dim < 3; dim++) {
                Call call = make_call(op_records[o], spec);
                for (int i = 0; i < call.input_count; i++) {
                    Tensor *of = call.inputs[i], *empty;
                    if (!of || of->ndim <= dim) continue;
                    int64_t shape[TENSOR_MAX_DIMS];
                    memcpy(shape, of->shape, sizeof shape);
                    shape[dim] = 0;
                    ASSERT_OK(tensor_new(NULL, of->dtype, of->ndim, shape, &empty));
                    empty->requires_grad = of->requires_grad;
                    call.inputs[i] = empty;
                    tensor_unref(of);
                }
                attempt(&call, "is empty like all others", dim, spec);
                free_call(&call);
            }
}
END_TEST

START_TEST(numbers)
{
    static const double bad[] = {-1, 1000000, INT_MIN, INT_MAX};
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; spec && spec->inputs; spec++) {
            Call call = make_call(op_records[o], spec);
            for (int i = 0; i < call.input_count; i++)
                for (size_t b = 0; b < 4 && call.inputs[i] && call.inputs[i]->dtype == DTYPE_I32; b++) {
                    Tensor *with;
                    ASSERT_OK(tensor_clone(NULL, call.inputs[i], &with));
                    tensor_set(with, tensor_count(with) - 1, bad[b]);
                    replace(&call, i, with, "has a number out of range", spec);
                }
            free_call(&call);
        }
}
END_TEST

/* The same values with gaps between them: every second element of a wider tensor, the rest NaN. */
static Tensor *strided(const Tensor *of)
{
    Tensor *wide, *view;
    int64_t shape[TENSOR_MAX_DIMS];
    int last = of->ndim - 1;
    memcpy(shape, of->shape, sizeof shape);
    shape[last] = of->shape[last] * 2;
    ASSERT_OK(tensor_new(NULL, of->dtype, of->ndim, shape, &wide));
    tensor_fill(wide, of->dtype == DTYPE_F32 ? (double)NAN : 0);
    ASSERT_OK(tensor_slice(NULL, wide, last, 0, shape[last], 2, &view));
    ASSERT_OK(tensor_copy(view, of));
    tensor_unref(wide);
    view->requires_grad = of->requires_grad;
    return view;
}

static void compare_bits(const Call *call, const Tensor *a, const Tensor *b, int at, const OpCase *spec)
{
    for (int64_t i = 0, n = tensor_count(a); i < n; i++)
        ck_assert_msg(tensor_get(a, i) == tensor_get(b, i),
                      "%s(%s) with a view as input %d: element %lld is %g, not %g", call->op->name, spec->inputs,
                      at, (long long)i, tensor_get(b, i), tensor_get(a, i));
}

static void view_as(Call *call, int at, const OpCase *spec)
{
    Tensor *outputs[OP_MAX_OUTPUTS] = {0}, *expected[OP_MAX_OUTPUTS], *before = call->inputs[at];
    Tensor *view = strided(before);
    Tape *tape = new_tape();
    forward(call, expected);
    call->inputs[at] = view;
    Status status = tape_apply(tape, call->op, call->inputs, call->input_count, call->attrs, outputs);
    if (status == STATUS_OK) {
        compare_bits(call, expected[0], outputs[0], at, spec);
        if (call->op->backward) ASSERT_OK(tape_backward(tape, outputs[0], call->cotangents[0]));
        if (view->requires_grad && view->grad) compare_bits(call, before->grad, view->grad, at, spec);
    } else /* refusing is allowed, in words */
        ck_assert_msg(status == STATUS_INVALID && strstr(status_message(), "contiguous"), "%s", status_message());
    drop(outputs);
    drop(expected);
    tape_free(tape);
    call->inputs[at] = before;
    tensor_unref(view);
}

/* A call for each input: the others' gradients would add up. False: there is no such input. */
static bool try_view(const Op *op, const OpCase *spec, int at)
{
    Call call = make_call(op, spec);
    bool there = at < call.input_count;
    if (there && call.inputs[at] && call.inputs[at]->ndim > 0) {
        if (op->backward) backward(&call);
        view_as(&call, at, spec);
    }
    free_call(&call);
    return there;
}

START_TEST(views)
{
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; spec && spec->inputs; spec++)
            for (int at = 0; try_view(op_records[o], spec, at); at++) continue;
}
END_TEST

Suite *ops_hostile_suite(void)
{
    Suite *suite = suite_create("ops_hostile");
    TCase *cases = tcase_create("calls");
    tcase_add_test(cases, shapes);
    tcase_add_test(cases, all_empty);
    tcase_add_test(cases, numbers);
    tcase_add_test(cases, views);
    suite_add_tcase(suite, cases);
    return suite;
}
