/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Products that read bf16: against sums in double, against rounded f32 operands, against PyTorch
 * (tests/parity/bert.py), and that no copy of a weight is ever stale. */
#include "engine/base/threads.h"
#include "engine/kernels/bf16_product.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/gemm.h"
#include "engine/train/evaluate.h"
#include "engine/train/pruning.h"
#include "engine/train/snapshot.h"
#include "tests/unit/op_calls.h"
#include "tests/unit/session_checks.h"
#include "tests/unit/skip.h"
#include "tests/unit/tiny_bert.h"

#include <math.h>

/* --- products --- */

typedef struct Sizes {
    int64_t m, n, k;
} Sizes;

static const Sizes sizes[] = {{1, 1, 1},     {1, 70, 33},    {1, 9, 160},    {3, 5, 7}, {64, 64, 64},
                              {130, 67, 33}, {257, 1030, 5}, {600, 129, 40}, {2, 3, 0}};

static uint16_t *random_bf16(int64_t count, uint64_t part)
{
    Tensor *values;
    uint16_t *out = malloc((size_t)count * 2 + 2);
    ASSERT_OK(tensor_new(NULL, DTYPE_F32, 1, &count, &values));
    tensor_fill_normal(values, random_subkey(random_key(3, "bf16"), part), 0, 1);
    kernel_to_bf16(count, TENSOR_F32(values), out);
    tensor_unref(values);
    return out;
}

static double at(const uint16_t *x, int64_t ld, bool transposed, int64_t row, int64_t column)
{
    return (double)bf16_to_f32(transposed ? x[column * ld + row] : x[row * ld + column]);
}

static void compare_product(const Sizes *s, bool ta, bool tb, bool accumulate, const uint16_t *a, const uint16_t *b,
                            const float *c)
{
    int64_t lda = ta ? s->m : s->k, ldb = tb ? s->k : s->n;
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t j = 0; j < s->n; j++) {
            double sum = accumulate ? 0.5 : 0, size = 1;
            for (int64_t k = 0; k < s->k; k++) {
                double term = at(a, lda, ta, i, k) * at(b, ldb, tb, k, j);
                sum += term;
                size += fabs(term);
            }
            ck_assert_double_eq_tol((double)c[i * s->n + j], sum, 1e-6 * size);
        }
}

static void check_product(const Sizes *s, bool ta, bool tb, bool accumulate)
{
    static const int counts[] = {1, 2, 3, 5};
    uint16_t *a = random_bf16(s->m * s->k, 0), *b = random_bf16(s->k * s->n, 1);
    size_t bytes = (size_t)(s->m * s->n) * sizeof(float);
    float *c = malloc(bytes), *first = malloc(bytes);
    for (int t = 0; t < 4; t++) {
        threads_set(counts[t]);
        for (int64_t i = 0; i < s->m * s->n; i++) c[i] = 0.5f;
        ASSERT_OK(kernel_gemm(DTYPE_BF16, ta, tb, s->m, s->n, s->k, a, ta ? s->m : s->k, b, tb ? s->k : s->n,
                              accumulate, c, s->n, NULL));
        if (t == 0) memcpy(first, c, bytes);
        ck_assert_msg(memcmp(first, c, bytes) == 0, "%d threads give other bits", counts[t]);
    }
    compare_product(s, ta, tb, accumulate, a, b, c);
    free(a), free(b), free(c), free(first);
}

START_TEST(products_are_sums_of_products)
{
    if (!bf16_native()) {
        test_skip("this machine does not multiply bf16");
        return;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int kind = 0; kind < 8; kind++) check_product(&sizes[i], kind & 1, kind & 2, kind & 4);
}
END_TEST

/* The same in f32, of rows that lie apart. */
START_TEST(products_of_one_row)
{
    static const Sizes rows[] = {{1, 1, 1}, {1, 3, 16}, {1, 9, 15}, {1, 70, 33}, {1, 8, 200}, {1, 300, 64}};
    enum { APART = 5 };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        const Sizes *s = &rows[i / 2];
        int64_t ld = (i % 2 ? s->k : s->n) + APART, count = (i % 2 ? s->n : s->k) * ld;
        Tensor *x, *b, *y;
        ASSERT_OK(tensor_new(NULL, DTYPE_F32, 1, &s->k, &x));
        ASSERT_OK(tensor_new(NULL, DTYPE_F32, 1, &count, &b));
        ASSERT_OK(tensor_new(NULL, DTYPE_F32, 1, &s->n, &y));
        tensor_fill_normal(x, random_key(4, "x"), 0, 1);
        tensor_fill_normal(b, random_key(4, "b"), 0, 1);
        for (int64_t j = 0; j < s->n; j++) TENSOR_F32(y)[j] = 0.5f;
        ASSERT_OK(kernel_gemm(DTYPE_F32, false, i % 2, 1, s->n, s->k, TENSOR_F32(x), s->k, TENSOR_F32(b), ld, true,
                              TENSOR_F32(y), s->n, NULL));
        for (int64_t j = 0; j < s->n; j++) {
            double sum = 0.5, size = 1;
            for (int64_t k = 0; k < s->k; k++) {
                double term = (double)TENSOR_F32(x)[k] * (double)TENSOR_F32(b)[i % 2 ? j * ld + k : k * ld + j];
                sum += term;
                size += fabs(term);
            }
            ck_assert_double_eq_tol((double)TENSOR_F32(y)[j], sum, 1e-6 * size);
        }
        tensor_unref(x), tensor_unref(b), tensor_unref(y);
    }
}
END_TEST

/* More shapes than are kept: old ones are forgotten and made again. */
START_TEST(products_are_forgotten)
{
    static float c[64 * 3];
    if (!bf16_native()) {
        test_skip("this machine does not multiply bf16");
        return;
    }
    uint16_t *a = random_bf16(64 * 700, 0), *b = random_bf16(700 * 3, 1);
    for (int round = 0; round < 2; round++)
        for (int64_t k = 1; k <= 600; k++)
            ASSERT_OK(kernel_gemm(DTYPE_BF16, false, false, 64, 3, k, a, k, b, 3, false, c, 3, NULL));
    compare_product(&(Sizes){64, 3, 600}, false, false, false, a, b, c);
    free(a), free(b);
}
END_TEST

/* --- ops --- */

static void run_call(const Call *call, DType precision, Tensor **outputs)
{
    Tape *tape = new_tape();
    tape_set_precision(tape, precision);
    memset(outputs, 0, OP_MAX_OUTPUTS * sizeof *outputs);
    ASSERT_OK(tape_apply(tape, call->op, call->inputs, call->input_count, call->attrs, outputs));
    ASSERT_OK(tape_backward(tape, outputs[0], call->cotangents[0]));
    tape_free(tape);
}

static void near_to(const Op *op, const Tensor *a, const Tensor *b, double share)
{
    double most = 1;
    for (int64_t i = 0, n = tensor_count(a); i < n; i++) most = fmax(most, fabs(tensor_get(a, i)));
    for (int64_t i = 0, n = tensor_count(a); i < n; i++)
        ck_assert_msg(fabs(tensor_get(a, i) - tensor_get(b, i)) <= share * most, "%s: %g is not %g", op->name,
                      tensor_get(a, i), tensor_get(b, i));
}

/* The same with the machine's bf16 and with f32 products of rounded operands, and near to f32. */
static void compare_precisions(const Op *op, const OpCase *spec)
{
    Call calls[3];
    Tensor *outputs[3][OP_MAX_OUTPUTS];
    for (int i = 0; i < 3; i++) {
        calls[i] = make_call(op, spec);
        bf16_pretend_missing(i == 1);
        run_call(&calls[i], i < 2 ? DTYPE_BF16 : DTYPE_F32, outputs[i]);
    }
    for (int i = 1; i < 3; i++) {
        near_to(op, outputs[0][0], outputs[i][0], i == 1 ? 1e-5 : 0.03);
        for (int k = 0; k < calls[0].input_count; k++)
            if (calls[0].inputs[k] && calls[0].inputs[k]->grad)
                near_to(op, calls[0].inputs[k]->grad, calls[i].inputs[k]->grad, i == 1 ? 1e-5 : 0.03);
    }
    for (int i = 0; i < 3; i++) {
        drop(outputs[i]);
        free_call(&calls[i]);
    }
    bf16_pretend_missing(false);
}

START_TEST(ops_round_their_operands)
{
    static const char *const names[] = {"linear", "linear_gelu", "matmul"};
    for (int i = 0; i < 3; i++)
        for (const OpCase *spec = op_find(names[i])->cases; spec->inputs; spec++)
            compare_precisions(op_find(names[i]), spec);
}
END_TEST

/* --- a session --- */

/* An operand that is assigned to between two products: the second reads its new values, and the way back of the
 * first those that it read. */
START_TEST(assigned_operands)
{
    Tensor *a, *b, *first, *second;
    Tape *tape = new_tape();
    tape_set_precision(tape, DTYPE_BF16);
    ASSERT_OK(tensor_new_zeros(NULL, DTYPE_F32, 1, (int64_t[]){2}, &a));
    ASSERT_OK(tensor_new_like(NULL, a, &b));
    tensor_fill(b, 3);
    a->requires_grad = true;
    ASSERT_OK(tape_apply(tape, op_find("matmul"), (Tensor *[]){a, b}, 2, NULL, &first));
    tensor_fill(b, 5);
    tensor_fill(a, 1);
    storage_touch(a->storage), storage_touch(b->storage);
    ASSERT_OK(tape_apply(tape, op_find("matmul"), (Tensor *[]){a, b}, 2, NULL, &second));
    ck_assert(tensor_get(first, 0) == 0 && tensor_get(second, 0) == 10);
    ASSERT_OK(tape_backward(tape, first, NULL));
    ck_assert(tensor_get(a->grad, 0) == 3);
    tensor_unref(a), tensor_unref(b), tensor_unref(first), tensor_unref(second);
    tape_free(tape);
}
END_TEST

static Session *make_half_session(void)
{
    Session *session = make_session();
    session->precision = PRECISION_BF16;
    return session;
}

static double stored(const Safetensors *file, const char *name, int64_t place)
{
    const SafetensorsEntry *entry;
    OK(safetensors_get(file, name, &entry));
    return (double)((const float *)entry->data)[place];
}

START_TEST(losses_match)
{
    Safetensors *file;
    Session *session = make_half_session();
    StepMetrics metrics;
    if (_i) bf16_pretend_missing(true);
    OK(safetensors_open(TEST_GOLDEN "/bert_bf16.safetensors", &file));
    for (int64_t step = 0; step < STEPS; step++) {
        OK(session_step(session, &metrics));
        double mlm = stored(file, "mlm_losses", step), nsp = stored(file, "nsp_losses", step),
               norm = stored(file, "grad_norms", step);
        double share = step < 2 ? 1e-6 : 1e-3; /* later another last bit may be rounded to another bf16 */
        ck_assert_double_eq_tol(metrics.objectives[0], mlm, share * mlm);
        ck_assert_double_eq_tol(metrics.objectives[1], nsp, share * nsp);
        ck_assert_double_eq_tol(metrics.grad_norm, norm, share * norm);
    }
    safetensors_close(file);
    session_free(session);
    bf16_forget();
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    expect_same_bits_with_threads(make_half_session, 4);
}
END_TEST

/* A copy that is not marked as stale holds the weight as it is. */
static Status check_copy(void *context, Param *param)
{
    int *fresh = context;
    const Tensor *half = param->value->half;
    if (!half || param->value->half_stale) return STATUS_OK;
    for (int64_t i = 0, n = tensor_count(half); i < n; i++)
        ck_assert_msg(tensor_get(half, i) == (double)bf16_to_f32(bf16_from_f32((float)tensor_get(param->value, i))),
                      "the copy of '%s' is stale", param->path);
    (*fresh)++;
    return STATUS_OK;
}

static int check_copies(const Session *session)
{
    int fresh = 0;
    OK(module_each_param(session->models[0]->root, check_copy, &fresh));
    return fresh;
}

/* A forward pass: afterwards copies are there. */
static void look(Session *session)
{
    Evaluation evaluation;
    EvaluationOptions options = {.source = "train", .batches = 1};
    session->sources[0].source->examples = B * STEPS;
    OK(evaluate(session, &options, &evaluation));
    ck_assert_int_gt(check_copies(session), 10);
}

static void prune_half(Session *session)
{
    PruneConfig config;
    PrunePlan plan;
    option_defaults(prune_options, &config);
    config.sparsity = 0.5;
    OK(session_plan_pruning(session, &config, PRUNE_IN_PLACE, &plan));
    session_prune(session, &config, &plan);
    prune_clear(&plan);
}

START_TEST(no_copy_is_stale)
{
    Snapshot *snapshot;
    Session *session = make_half_session();
    look(session);
    OK(session_step(session, NULL));
    check_copies(session);
    look(session);
    OK(snapshot_take(session, &snapshot));
    OK(session_step(session, NULL));
    look(session);
    OK(snapshot_restore(snapshot, session));
    check_copies(session);
    look(session);
    OK(weights_load(session->models[0], TEST_GOLDEN "/bert_model.safetensors"));
    check_copies(session);
    look(session);
    prune_half(session);
    check_copies(session);
    snapshot_free(snapshot);
    session_free(session);
}
END_TEST

/* f32 again after bf16 is f32 as it was. */
START_TEST(precision_can_change)
{
    Hash hashes[2];
    StepMetrics before, after;
    for (int i = 0; i < 2; i++) {
        Session *session = make_session();
        session->precision = i ? PRECISION_BF16 : PRECISION_F32;
        Evaluation evaluation;
        EvaluationOptions options = {.source = "train", .batches = 1};
        session->sources[0].source->examples = B * STEPS;
        OK(evaluate(session, &options, &evaluation));
        session->precision = PRECISION_F32;
        OK(session_step(session, i ? &after : &before));
        OK(session_hash(session, &hashes[i]));
        session_free(session);
    }
    ck_assert(before.loss == after.loss);
    ck_assert(hash_equal(hashes[0], hashes[1]));
}
END_TEST

START_TEST(step_survives_failing_allocations)
{
    expect_steps_survive_failing_allocations(make_half_session);
}
END_TEST

Suite *bf16_suite(void);
Suite *bf16_suite(void)
{
    Suite *suite = suite_create("bf16");
    TCase *tests = tcase_create("bf16");
    tcase_add_test(tests, products_are_sums_of_products);
    tcase_add_test(tests, products_of_one_row);
    tcase_add_test(tests, products_are_forgotten);
    tcase_add_test(tests, ops_round_their_operands);
    tcase_add_test(tests, assigned_operands);
    tcase_add_loop_test(tests, losses_match, 0, 2);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, no_copy_is_stale);
    tcase_add_test(tests, precision_can_change);
    tcase_add_test(tests, step_survives_failing_allocations);
    suite_add_tcase(suite, tests);
    return suite;
}
