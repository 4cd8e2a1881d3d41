/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests derived from the records of ops: gradients against finite differences under a random cotangent, gradients
 * that are added up, the same bits at 1, 2, 3 and 5 threads. The ops compute in f32; differences are taken per
 * output and summed in double, with Richardson's extrapolation, so that only outputs that move bring rounding in.
 */
#include "engine/base/threads.h"
#include "tests/unit/op_calls.h"

Suite *ops_suite(void);

/* (f(x + h) - f(x - h)) / 2h of the cotangent's sum, for one element of one input. */
static double slope(const Call *call, float *element, float h)
{
    Tensor *high[OP_MAX_OUTPUTS], *low[OP_MAX_OUTPUTS];
    float before = *element;
    volatile float up = before + h, down = before - h;
    double sum = 0;
    *element = up;
    forward(call, high);
    *element = down;
    forward(call, low);
    *element = before;
    for (int64_t i = 0, n = tensor_count(high[0]); i < n; i++)
        sum += (tensor_get(high[0], i) - tensor_get(low[0], i)) * tensor_get(call->cotangents[0], i);
    drop(high);
    drop(low);
    return sum / ((double)up - (double)down);
}

static double largest(const Tensor *tensor)
{
    double most = 0;
    for (int64_t i = 0, n = tensor_count(tensor); i < n; i++) most = fmax(most, fabs(tensor_get(tensor, i)));
    return most;
}

/* At most about 60 elements of each input, spread over it. */
static void check_gradient(const Call *call, int number, const OpCase *spec)
{
    Tensor *input = call->inputs[number];
    ck_assert_msg(input->grad != NULL, "%s(%s): input %d got no gradient", call->op->name, spec->inputs, number);
    int64_t count = tensor_count(input), stride = 1 + count / 61;
    double bound = 3e-3 * (1 + largest(input->grad));
    for (int64_t i = 0; i < count; i += stride) {
        double coarse = slope(call, TENSOR_F32(input) + i, 0.02F), fine = slope(call, TENSOR_F32(input) + i, 0.01F);
        double numeric = (4 * fine - coarse) / 3, analytic = tensor_get(input->grad, i);
        ck_assert_msg(fabs(numeric - analytic) <= bound, "%s(%s; %s): input %d element %lld: %g, by differences %g",
                      call->op->name, spec->inputs, spec->attrs, number, (long long)i, analytic, numeric);
    }
}

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
            for (int i = 0; i < call.input_count; i++)
                if (call.inputs[i] && call.inputs[i]->requires_grad) check_gradient(&call, i, spec);
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

START_TEST(threads)
{
    static const int counts[] = {2, 3, 5};
    for (int o = 0; o < op_record_count; o++)
        for (const OpCase *spec = op_records[o]->cases; spec && spec->inputs && op_records[o]->backward; spec++) {
            threads_set(1);
            Call one = make_call(op_records[o], spec);
            Tensor *expected[OP_MAX_OUTPUTS], *outputs[OP_MAX_OUTPUTS];
            backward(&one);
            forward(&one, expected);
            for (int c = 0; c < 3; c++) {
                threads_set(counts[c]);
                Call many = make_call(op_records[o], spec);
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
}
END_TEST

/* Every allocation of a call and its backward pass fails once: an ordinary error, nothing lost. */
START_TEST(allocation_failures)
{
    size_t before = memory_in_use();
    for (int o = 0; o < op_record_count; o++) {
        const Op *op = op_records[o];
        if (!op->backward) continue;
        for (uint64_t n = 1; n < 200; n++) {
            Call call = make_call(op, &op->cases[0]);
            Tape *tape = new_tape();
            Tensor *outputs[OP_MAX_OUTPUTS] = {0};
            memory_fail_after(n, 0);
            Status status = tape_apply(tape, op, call.inputs, call.input_count, call.attrs, outputs);
            if (status == STATUS_OK) status = tape_backward(tape, outputs[0], call.cotangents[0]);
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

Suite *ops_suite(void)
{
    Suite *suite = suite_create("ops");
    TCase *cases = tcase_create("records");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, gradients);
    tcase_add_test(cases, threads);
    tcase_add_test(cases, allocation_failures);
    suite_add_tcase(suite, cases);
    return suite;
}
