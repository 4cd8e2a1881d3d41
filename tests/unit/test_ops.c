/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests derived from the records of ops: results against plain forms in double precision, gradients against their
 * differences under a random cotangent, gradients that are added up, the same bits at 1, 2, 3 and 5 threads. */
#include "engine/autograd/gradcheck.h"
#include "engine/base/threads.h"
#include "engine/ops/attributes.h"
#include "tests/unit/op_calls.h"

Suite *ops_suite(void);

static double largest(const Tensor *tensor)
{
    double most = 0;
    for (int64_t i = 0, n = tensor_count(tensor); i < n; i++) most = fmax(most, fabs(tensor_get(tensor, i)));
    return most;
}

static void check_gradient(const Call *call, const OpCase *spec)
{
    for (int i = 0; i < call->input_count; i++)
        ck_assert_msg(!call->inputs[i] || !call->inputs[i]->requires_grad || call->inputs[i]->grad,
                      "%s(%s): input %d got no gradient", call->op->name, spec->inputs, i);
    ck_assert_msg(gradient_check_op(call->op, call->inputs, call->input_count, call->attrs, NULL, NULL) ==
                      STATUS_OK,
                  "(%s; %s): %s", spec->inputs, spec->attrs, status_message());
}

static Tensor *in_double_precision(const Tensor *x)
{
    Tensor *out;
    ASSERT_OK(tensor_new(NULL, x->dtype == DTYPE_F32 ? DTYPE_F64 : x->dtype, x->ndim, x->shape, &out));
    ASSERT_OK(tensor_copy(out, x));
    return out;
}

/* The same call in double precision: f32 results agree to some units in the last place of the largest. */
static void check_plain_form(const Call *call, const OpCase *spec)
{
    Tensor *outputs[OP_MAX_OUTPUTS], *exact[OP_MAX_OUTPUTS] = {0}, *inputs[OP_MAX_INPUTS] = {0};
    Tape *tape = new_tape();
    forward(call, outputs);
    for (int i = 0; i < call->input_count; i++)
        if (call->inputs[i]) inputs[i] = in_double_precision(call->inputs[i]);
    tape_set_reference(tape, true);
    ASSERT_OK(tape_apply(tape, call->op, inputs, call->input_count, call->attrs, exact));
    for (int o = 0; o < OP_MAX_OUTPUTS && outputs[o]; o++) {
        bool f32 = outputs[o]->dtype == DTYPE_F32, f64 = exact[o]->dtype == DTYPE_F64;
        double bound = f32 ? 1e-5 * (0.1 + largest(exact[o])) : 0;
        ck_assert_msg(!call->op->backward || !f32 || f64, "%s has no plain form", call->op->name);
        for (int64_t i = 0, n = tensor_count(exact[o]); i < n && dtype_is_real(outputs[o]->dtype) == f32; i++)
            ck_assert_msg(fabs(tensor_get(outputs[o], i) - tensor_get(exact[o], i)) <= bound,
                          "%s(%s; %s): element %d is %.9g, the plain form says %.9g", call->op->name, spec->inputs,
                          spec->attrs, (int)i, tensor_get(outputs[o], i), tensor_get(exact[o], i));
    }
    for (int i = 0; i < OP_MAX_INPUTS; i++) tensor_unref(inputs[i]);
    drop(outputs);
    drop(exact);
    tape_free(tape);
}

START_TEST(plain_forms)
{
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; spec && spec->inputs; spec++) {
            Call call = make_call(op_records[o], spec);
            check_plain_form(&call, spec);
            free_call(&call);
        }
}
END_TEST

/* A second backward pass adds the same gradient once more. */
static void check_sum(const Call *call, const OpCase *spec)
{
    Tensor *once[OP_MAX_INPUTS] = {0};
    for (int i = 0; i < call->input_count; i++)
        if (call->inputs[i] && call->inputs[i]->grad)
            ASSERT_OK(tensor_clone(NULL, call->inputs[i]->grad, &once[i]));
    backward(call);
    for (int i = 0; i < call->input_count; i++) {
        if (!once[i]) continue;
        double bound = 1e-5 * (1 + largest(once[i]));
        for (int64_t at = 0, n = tensor_count(once[i]); at < n; at++)
            ck_assert_msg(fabs(tensor_get(call->inputs[i]->grad, at) - 2 * tensor_get(once[i], at)) <= bound,
                          "%s(%s): gradients of two passes do not add up", call->op->name, spec->inputs);
        tensor_unref(once[i]);
    }
}

START_TEST(gradients)
{
    size_t before = memory_in_use();
    int checked = 0;
    for (int o = 0; o < op_record_count; o++) {
        const Op *op = op_records[o];
        ck_assert_msg(op->backward || op->no_backward, "%s has no gradient and does not say why", op->name);
        if (!op->backward) continue;
        ck_assert_msg(op->cases && op->cases[0].inputs, "%s has a gradient and no case", op->name);
        for (const OpCase *spec = op->cases; spec->inputs; spec++, checked++) {
            Call call = make_call(op, spec);
            backward(&call);
            check_gradient(&call, spec);
            check_sum(&call, spec);
            free_call(&call);
        }
    }
    ck_assert_int_gt(checked, 50);
    ck_assert_uint_eq(memory_in_use(), before);
}
END_TEST

static void same_bits(const Call *call, const Tensor *a, const Tensor *b, int threads)
{
    ck_assert_msg(memcmp(tensor_data(a), tensor_data(b), (size_t)tensor_count(a) * dtype_size(a->dtype)) == 0,
                  "%s differs at %d threads", call->op->name, threads);
}

static void compare_threads(const Op *op, const OpCase *spec)
{
    static const int counts[] = {2, 3, 5};
    threads_set(1);
    Call one = make_call(op, spec);
    Tensor *expected[OP_MAX_OUTPUTS], *outputs[OP_MAX_OUTPUTS];
    backward(&one);
    forward(&one, expected);
    for (int c = 0; c < 3; c++) {
        threads_set(counts[c]);
        Call many = make_call(op, spec);
        backward(&many);
        forward(&many, outputs);
        same_bits(&one, expected[0], outputs[0], counts[c]);
        for (int i = 0; i < one.input_count; i++)
            if (one.inputs[i] && one.inputs[i]->grad)
                same_bits(&one, one.inputs[i]->grad, many.inputs[i]->grad, counts[c]);
        drop(outputs);
        free_call(&many);
    }
    drop(expected);
    free_call(&one);
}

static int float_inputs(const Call *call)
{
    int count = 0;
    for (int i = 0; i < call->input_count; i++) count += call->inputs[i] && call->inputs[i]->dtype == DTYPE_F32;
    return count;
}

/* One input is a constant: it gets no gradient, and those of the others are the same bits. */
static void compare_constant(const Op *op, const OpCase *spec, int constant)
{
    Call all = make_call(op, spec), fewer = make_call(op, spec);
    if (all.inputs[constant] && all.inputs[constant]->requires_grad && float_inputs(&all) > 1) {
        fewer.inputs[constant]->requires_grad = false;
        backward(&all);
        backward(&fewer);
        for (int i = 0; i < all.input_count; i++) {
            if (!all.inputs[i] || !all.inputs[i]->grad) continue;
            bool gone = fewer.inputs[i]->grad == NULL;
            ck_assert_msg(gone == (i == constant), "%s(%s): input %d is constant, input %d has %s gradient",
                          op->name, spec->inputs, constant, i, gone ? "no" : "a");
            if (gone) continue;
            const Tensor *a = all.inputs[i]->grad, *b = fewer.inputs[i]->grad;
            ck_assert_msg(memcmp(tensor_data(a), tensor_data(b), (size_t)tensor_count(a) * sizeof(float)) == 0,
                          "%s(%s): input %d is constant, and the gradient of input %d changes", op->name,
                          spec->inputs, constant, i);
        }
    }
    free_call(&all);
    free_call(&fewer);
}

START_TEST(constants_among_inputs)
{
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; op_records[o]->backward && spec && spec->inputs; spec++)
            for (int i = 0; i < OP_MAX_INPUTS; i++) compare_constant(op_records[o], spec, i);
}
END_TEST

START_TEST(threads)
{
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; spec && spec->inputs; spec++)
            compare_threads(op_records[o], spec);
}
END_TEST

/* Calls that are more than one tile of the grid. */
START_TEST(threads_on_many_tiles)
{
    static const struct {
        const char *op;
        OpCase spec;
    } calls[] = {
        {"exp", {"f32[3,20001]", ""}},
        {"gelu", {"f32[3,20001]", "approximate=tanh"}},
        {"geglu", {"f32[300,70]", ""}},
        {"rotary", {"f32[3,70,12]", "heads=2"}},
        {"maximum", {"f32[3,20001] f32[3,1]", ""}},
        {"add", {"f32[300,70] f32[70]", ""}},
        {"where", {"i32[3,20001]<2 f32[20001] f32[3,1]", ""}},
        {"lt", {"f32[3,20001] f32[20001]", ""}},
        {"sum", {"f32[3,20001]", ""}},
        {"sum", {"f32[700,90]", "dim=0"}},
        {"var", {"f32[3,20001]", "dim=1"}},
        {"norm", {"f32[700,90]", "dim=1 p=3"}},
        {"argmax", {"f32[700,90]", "dim=0"}},
        {"cumsum", {"f32[700,90]", "dim=0"}},
        {"log_softmax", {"f32[700,90]", ""}},
        {"l2_normalize", {"f32[3,20001]", ""}},
        {"mse_loss", {"f32[3,20001] f32[20001]", ""}},
        {"kl_div", {"f32[3,20001] f32[3,20001]+", ""}},
        {"cast", {"f32[3,20001]", "dtype=bf16"}},
        {"cross_entropy", {"f32[300,70] i32[300]<70", "label_smoothing=0.1"}},
        {"matmul", {"f32[3,1,70,90] f32[2,90,70]", ""}},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) compare_threads(op_find(calls[i].op), &calls[i].spec);
}
END_TEST

/* What an assignment in place does to a tensor. */
static void assign(Tensor *tensor)
{
    for (int64_t i = 0, n = tensor_count(tensor); i < n; i++)
        tensor_set(tensor, i, dtype_is_real(tensor->dtype) ? 3 * tensor_get(tensor, i) + 1 : 0);
    storage_touch(tensor->storage);
}

/* The gradients of a call one of whose inputs was changed before the way back: the same as ever, or refused. */
static bool refuses_change(const Op *op, const OpCase *spec, int changed)
{
    Call whole = make_call(op, spec), call = make_call(op, spec);
    Tensor *outputs[OP_MAX_OUTPUTS] = {0};
    Tape *tape = new_tape();
    backward(&whole);
    ASSERT_OK(tape_apply(tape, op, call.inputs, call.input_count, call.attrs, outputs));
    assign(call.inputs[changed]);
    Status status = tape_backward(tape, outputs[0], call.cotangents[0]);
    bool refused = status != STATUS_OK;
    if (refused) ck_assert_msg(strstr(status_message(), "was assigned to since"), "%s", status_message());
    for (int i = 0; i < call.input_count && !refused; i++)
        if (call.inputs[i] && call.inputs[i]->grad)
            same_bits(&call, whole.inputs[i]->grad, call.inputs[i]->grad, 1);
    drop(outputs);
    tape_free(tape);
    free_call(&whole);
    free_call(&call);
    return refused;
}

START_TEST(changes_before_backward)
{
    int refused = 0, allowed = 0;
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; op_records[o]->backward && spec->inputs; spec++) {
            Call call = make_call(op_records[o], spec);
            int count = call.input_count;
            for (int i = 0; i < count; i++)
                if (call.inputs[i]) *(refuses_change(op_records[o], spec, i) ? &refused : &allowed) += 1;
            free_call(&call);
        }
    ck_assert_int_gt(refused, 50);
    ck_assert_int_gt(allowed, 30);
}
END_TEST

/* Every allocation of a call and its backward pass fails once: an ordinary error, nothing lost. */
START_TEST(allocation_failures)
{
    size_t before = memory_in_use();
    for (int o = 0; o < op_record_count; o++) {
        const Op *op = op_records[o];
        for (uint64_t n = 1; n < 200 && op->cases; n++) {
            Call call = make_call(op, &op->cases[0]);
            Tape *tape = new_tape();
            Tensor *outputs[OP_MAX_OUTPUTS] = {0};
            memory_fail_after(n, 0);
            Status status = tape_apply(tape, op, call.inputs, call.input_count, call.attrs, outputs);
            if (status == STATUS_OK && op->backward) status = tape_backward(tape, outputs[0], call.cotangents[0]);
            bool reached = memory_allocations() >= n;
            memory_fail_after(0, 0);
            drop(outputs);
            tape_free(tape);
            free_call(&call);
            ck_assert_msg(memory_in_use() == before, "%s: allocation %llu: %zd bytes leaked", op->name,
                          (unsigned long long)n, (ssize_t)(memory_in_use() - before));
            if (!reached) break;
            ck_assert_msg(status == STATUS_NOMEM || status == STATUS_OK, "%s: %s", op->name, status_message());
        }
    }
}
END_TEST

/* --- what the records do not say --- */

static Tensor *apply(Tape *tape, const char *op, Tensor *a, Tensor *b, const void *attrs)
{
    Tensor *outputs[OP_MAX_OUTPUTS] = {0}, *inputs[] = {a, b};
    ASSERT_OK(tape_apply(tape, op_find(op), inputs, b ? 2 : 1, attrs, outputs));
    return outputs[0];
}

static Tensor *new_tensor(int64_t count, double value, bool requires_grad)
{
    Tensor *out;
    ASSERT_OK(tensor_new(NULL, DTYPE_F32, 1, &count, &out));
    tensor_fill(out, value);
    out->requires_grad = requires_grad;
    return out;
}

/* x -> bf16 -> f32: rounded to nearest even, the gradient whole. */
START_TEST(cast_rounds)
{
    static const double values[][2] = {{1.00390625, 1}, {1.01171875, 1.015625}, {-3.14159265, -3.140625}, {0, 0},
                                       {1e-40, 0},      {3.39e38, 0x1.fep127},  {HUGE_VAL, HUGE_VAL}};
    Tensor *x = new_tensor(7, 0, true), *gradient = new_tensor(7, 1.2345678, false);
    Tape *tape = new_tape();
    for (int i = 0; i < 7; i++) tensor_set(x, i, values[i][0]);
    Tensor *half = apply(tape, "cast", x, NULL, &(CastAttrs){DTYPE_BF16});
    Tensor *back = apply(tape, "cast", half, NULL, &(CastAttrs){DTYPE_F32});
    Tensor *whole = apply(tape, "cast", x, NULL, &(CastAttrs){DTYPE_I32});
    ck_assert_int_eq(half->dtype, DTYPE_BF16);
    for (int i = 0; i < 7; i++) ck_assert_msg(fabs(tensor_get(back, i) - values[i][1]) < 1e-38 || i == 6, "%d", i);
    ck_assert(isinf(tensor_get(back, 6)) && tensor_get(whole, 2) == -3 && !whole->requires_grad);
    ASSERT_OK(tape_backward(tape, back, gradient));
    for (int i = 0; i < 7; i++) ck_assert(tensor_get(x->grad, i) == tensor_get(gradient, i));
    tensor_unref(half), tensor_unref(back), tensor_unref(whole), tensor_unref(x), tensor_unref(gradient);
    tape_free(tape);
}
END_TEST

/* y = x detach(x) + reverse(x, 0.5): dy/dx = x - 0.5, the first factor alone being differentiated. */
START_TEST(stopped_and_reversed)
{
    Tensor *x = new_tensor(1, 3, true);
    Tape *tape = new_tape();
    Tensor *constant = apply(tape, "detach", x, NULL, NULL);
    Tensor *product = apply(tape, "mul", x, constant, NULL);
    Tensor *turned = apply(tape, "gradient_reverse", x, NULL, &(ReverseAttrs){0.5});
    Tensor *sum = apply(tape, "add", product, turned, NULL);
    ck_assert(!constant->requires_grad && tensor_get(sum, 0) == 12);
    ASSERT_OK(tape_backward(tape, sum, NULL));
    ck_assert(tensor_get(x->grad, 0) == 2.5);
    tensor_unref(constant), tensor_unref(product), tensor_unref(turned), tensor_unref(sum), tensor_unref(x);
    tape_free(tape);
}
END_TEST

/* A NaN is not hidden by what compares it, and does not pass a choice that leaves it out. */
START_TEST(nan_and_ties)
{
    Tensor *x = new_tensor(2, 1, true), *y = new_tensor(2, 1, true), *no = new_tensor(2, 0, false);
    Tensor *bad = new_tensor(2, (double)NAN, true);
    Tape *tape = new_tape();
    static const char *const names[] = {"maximum", "minimum"};
    for (int i = 0; i < 2; i++) {
        Tensor *left = apply(tape, names[i], x, bad, NULL), *right = apply(tape, names[i], bad, x, NULL);
        ck_assert(isnan(tensor_get(left, 0)) && isnan(tensor_get(right, 1)));
        tensor_unref(left), tensor_unref(right);
    }
    static const char *const shapes[] = {"clamp", "relu"};
    for (int i = 0; i < 2; i++) {
        Tensor *out = apply(tape, shapes[i], bad, NULL, i == 0 ? &(ClampAttrs){-1, 1} : NULL);
        ck_assert(isnan(tensor_get(out, 0)));
        tensor_unref(out);
    }
    Tensor *inputs[] = {no, bad, x}, *chosen, *equal = apply(tape, "maximum", x, y, NULL);
    ASSERT_OK(tape_apply(tape, op_find("where"), inputs, 3, NULL, &chosen));
    ASSERT_OK(tape_backward(tape, chosen, x));
    ck_assert(tensor_get(chosen, 0) == 1 && tensor_get(bad->grad, 0) == 0 && tensor_get(x->grad, 1) == 1);
    ASSERT_OK(tape_backward(tape, equal, no));
    ck_assert(tensor_get(y->grad, 0) == 0);
    tensor_unref(chosen), tensor_unref(equal), tensor_unref(x), tensor_unref(y), tensor_unref(no),
        tensor_unref(bad);
    tape_free(tape);
}
END_TEST

/* Rows that are longer than the grid's blocks of tiles. */
START_TEST(long_rows)
{
    enum { COUNT = (64 << 14) + (3 << 14) + 5 };
    Tensor *x = new_tensor(COUNT, 0.1, false);
    Tape *tape = new_tape();
    tensor_set(x, COUNT - 2, 7);
    Tensor *sum = apply(tape, "sum", x, NULL, NULL), *place = apply(tape, "argmax", x, NULL, NULL);
    Tensor *var = apply(tape, "var", x, NULL, NULL);
    double each = (double)0.1F, mean = each + (7 - each) / COUNT;
    ck_assert_double_eq_tol(tensor_get(sum, 0), mean * COUNT, 0.02);
    ck_assert(tensor_get(place, 0) == COUNT - 2);
    ck_assert_double_eq_tol(tensor_get(var, 0) * COUNT, (7 - each) * (7 - each), 1e-3);
    tensor_unref(sum), tensor_unref(place), tensor_unref(var), tensor_unref(x);
    tape_free(tape);
}
END_TEST

/* The check itself: a backward that is wrong by design is found out, and named. */
/* An op whose gradient of one input is wrong by a thousandth. */
static const Op *right;
static int wrong_input;

static Status wrong_backward(Node *node)
{
    TRY(right->backward(node));
    Tensor *grad = node->needs_grad[wrong_input] ? node->inputs[wrong_input]->grad : NULL;
    for (int64_t i = 0, n = grad ? tensor_count(grad) : 0; i < n; i++) TENSOR_F32(grad)[i] *= 1.001F;
    return STATUS_OK;
}

static void find_wrong_input(const Call *call, const OpCase *spec, int i)
{
    Op wrong = *call->op;
    right = call->op;
    wrong_input = i;
    wrong.backward = wrong_backward;
    if (!call->inputs[i] || !call->inputs[i]->requires_grad || largest(call->inputs[i]->grad) < 0.01) return;
    ck_assert_msg(gradient_check_op(&wrong, call->inputs, call->input_count, call->attrs, NULL, NULL) != STATUS_OK,
                  "%s(%s; %s): nobody notices that the gradient of input %d is wrong", call->op->name, spec->inputs,
                  spec->attrs, i);
}

START_TEST(small_errors_of_gradients_are_found)
{
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; op_records[o]->backward && spec->inputs; spec++) {
            Call call = make_call(op_records[o], spec);
            backward(&call);
            for (int i = 0; i < call.input_count; i++) find_wrong_input(&call, spec, i);
            free_call(&call);
        }
}
END_TEST

/* Gives x twice; the second gradient is wrong. */
static Status twice_forward(Node *node)
{
    const Tensor *x = node->inputs[0];
    Tensor *y;
    for (int i = 0; i < 2; i++) {
        TRY(node_output(node, x->dtype, x->ndim, x->shape, &y));
        TRY(tensor_copy(y, x));
    }
    return STATUS_OK;
}

static Status twice_backward(Node *node)
{
    bool second = node->grad_outputs[1] != NULL, accumulate;
    Tensor *grad;
    TRY(node_grad(node, 0, &grad, &accumulate));
    TRY(tensor_copy(grad, node->grad_outputs[second]));
    for (int64_t i = 0; i < tensor_count(grad) && second; i++) TENSOR_F32(grad)[i] *= 1.001F;
    return STATUS_OK;
}

START_TEST(every_output_is_checked)
{
    const Op twice = {.name = "twice",
                      .inputs = (const OpInput[]){{"x", "any shape"}, {0}},
                      .forward = twice_forward,
                      .backward = twice_backward};
    Tensor *x = new_tensor(6, 1, true);
    ASSERT_FAILS(gradient_check_op(&twice, &x, 1, NULL, NULL, NULL), STATUS_INVALID, "gradient check of twice");
    tensor_unref(x);
}
END_TEST

START_TEST(gradient_check_finds)
{
    Tensor *x = new_tensor(3, 1, true);
    GradientWorst worst;
    ASSERT_FAILS(gradient_check_op(op_find("gradient_reverse"), &x, 1, NULL, NULL, &worst), STATUS_INVALID,
                 "gradient check of gradient_reverse: input 0, f32[3], element [");
    ck_assert(worst.error > 0.5 && fabs(worst.analytic + worst.numeric) < 1e-3 && worst.input == 0);
    ASSERT_FAILS(gradient_check_op(op_find("argmax"), &x, 1, NULL, NULL, NULL), STATUS_INVALID, "must be f32");
    GradientCheck loose = gradient_check_defaults;
    loose.tolerance = 10;
    loose.elements = 0;
    ASSERT_OK(gradient_check_op(op_find("gradient_reverse"), &x, 1, NULL, &loose, NULL));
    ck_assert_ptr_null(x->grad);
    tensor_unref(x);
}
END_TEST

Suite *ops_suite(void)
{
    Suite *suite = suite_create("ops");
    TCase *cases = tcase_create("records");
    tcase_add_test(cases, constants_among_inputs);
    tcase_add_test(cases, gradients);
    tcase_add_test(cases, changes_before_backward);
    tcase_add_test(cases, threads);
    tcase_add_test(cases, threads_on_many_tiles);
    tcase_add_test(cases, allocation_failures);
    tcase_add_test(cases, cast_rounds);
    tcase_add_test(cases, stopped_and_reversed);
    tcase_add_test(cases, nan_and_ties);
    tcase_add_test(cases, long_rows);
    tcase_add_test(cases, plain_forms);
    tcase_add_test(cases, small_errors_of_gradients_are_found);
    tcase_add_test(cases, every_output_is_checked);
    tcase_add_test(cases, gradient_check_finds);
    suite_add_tcase(suite, cases);
    return suite;
}
