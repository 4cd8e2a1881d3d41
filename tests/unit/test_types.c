/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops on operands of several types: the type of the result as PyTorch 1.13 gives it, exact integers, memory. */
#include "engine/autograd/tape.h"
#include "engine/base/memory.h"
#include "engine/ops/attributes.h"
#include "tests/unit/scratch.h"

#include <check.h>
#include <string.h>

Suite *types_suite(void);

/* "i32" is a tensor of 2 elements, "i32." one of no dimension; all elements are 3, at the second place 5. */
static Tensor *make(const char *word)
{
    char name[8];
    size_t length = strcspn(word, ".");
    DType dtype;
    Tensor *out;
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    ck_assert(dtype_find(name, &dtype));
    ASSERT_OK(tensor_new(NULL, dtype, word[length] == '\0', (int64_t[]){2}, &out));
    tensor_fill(out, 3);
    if (out->ndim) tensor_set(out, 1, 5);
    return out;
}

static Status apply(const char *op, Tensor *a, Tensor *b, Tensor **out)
{
    Tape *tape;
    Tensor *inputs[] = {a, b}, *outputs[OP_MAX_OUTPUTS] = {0};
    TRY(tape_new(NULL, &tape));
    Status status = tape_apply(tape, op_find(op), inputs, b ? 2 : 1, NULL, outputs);
    tape_free(tape);
    *out = outputs[0];
    return status;
}

/* op, operands, the type of the result and its last element */
static const struct TypeCase {
    const char *op, *a, *b, *result;
    double last;
} calls[] = {
    {"add", "i32", "i32", "i32", 10},        {"add", "i32", "i64", "i64", 10},
    {"add", "u8", "i32", "i32", 10},         {"add", "i64", "f32", "f32", 10},
    {"add", "i64", "bf16", "bf16", 10},      {"add", "bf16", "f32", "f32", 10},
    {"add", "i32", "i64.", "i32", 8},        {"add", "u8", "i32.", "u8", 8},
    {"add", "i32", "f32.", "f32", 8},        {"add", "bf16", "f32.", "bf16", 8},
    {"add", "bf16", "i64.", "bf16", 8},      {"add", "i32.", "i64.", "i64", 6},
    {"add", "bf16.", "u8", "bf16", 8},       {"sub", "u8", "i64", "i64", 0},
    {"mul", "bf16", "bf16", "bf16", 25},     {"mul", "u8", "u8", "u8", 25},
    {"div", "i32", "i32", "f32", 1},         {"div", "bf16", "i32", "bf16", 1},
    {"pow", "i32", "i32", "f32", 3125},      {"maximum", "i64", "u8", "i64", 5},
    {"minimum", "bf16", "f32", "f32", 5},    {"eq", "i32", "bf16", "u8", 1},
    {"neg", "i32", NULL, "i32", -5},         {"neg", "u8", NULL, "u8", 251},
    {"abs", "i64", NULL, "i64", 5},          {"square", "i32", NULL, "i32", 25},
    {"exp", "bf16", NULL, "bf16", 148},      {"sqrt", "i64", NULL, "f32", 2.25},
    {"sum", "u8", NULL, "i64", 8},           {"sum", "i32", NULL, "i64", 8},
    {"sum", "bf16", NULL, "bf16", 8},        {"max", "u8", NULL, "u8", 5},
    {"mean", "i32", NULL, "f32", 4},         {"mean", "bf16", NULL, "bf16", 4},
    {"argmax", "i64", NULL, "i32", 1},       {"cumsum", "i32", NULL, "i64", 8},
    {"softmax", "bf16", NULL, "bf16", 0.88}, {"matmul", "bf16", "bf16", "bf16", 34},
    {"concat", "u8", "i32", "i32", 5},       {"concat", "i32", "bf16", "bf16", 5},
    {"mse_loss", "bf16", "f32", "f32", 0},
};

START_TEST(results)
{
    size_t before = memory_in_use();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const struct TypeCase *c = &calls[i];
        Tensor *a = make(c->a), *b = c->b ? make(c->b) : NULL, *out;
        char text[TENSOR_TEXT_SIZE];
        ck_assert_msg(apply(c->op, a, b, &out) == STATUS_OK, "%s: %s", c->op, status_message());
        double last = tensor_get(out, tensor_count(out) - 1);
        ck_assert_msg(strcmp(dtype_name(out->dtype), c->result) == 0, "%s(%s, %s) is %s", c->op, c->a, c->b,
                      tensor_describe(out, text));
        ck_assert_msg(fabs(last - c->last) <= 0.02, "%s(%s, %s): %g", c->op, c->a, c->b, last);
        tensor_unref(a), tensor_unref(b), tensor_unref(out);
    }
    ck_assert_uint_eq(memory_in_use(), before);
}
END_TEST

/* Beyond 2^53, and over the edge. */
START_TEST(exact)
{
    Tensor *a = make("i64"), *b = make("i64"), *out;
    tensor_set_integer(a, 0, INT64_MAX), tensor_set_integer(b, 0, 1);
    tensor_set_integer(a, 1, (INT64_C(1) << 53) + 1), tensor_set_integer(b, 1, 1);
    ASSERT_OK(apply("add", a, b, &out));
    ck_assert(tensor_get_integer(out, 0) == INT64_MIN && tensor_get_integer(out, 1) == (INT64_C(1) << 53) + 2);
    tensor_unref(out);
    ASSERT_OK(apply("max", a, NULL, &out));
    ck_assert(tensor_get_integer(out, 0) == INT64_MAX);
    tensor_unref(out);
    ASSERT_OK(tensor_copy(b, a));
    ck_assert(tensor_get_integer(b, 1) == (INT64_C(1) << 53) + 1);
    tensor_unref(a), tensor_unref(b);
}
END_TEST

START_TEST(refusals)
{
    Tensor *bytes = make("u8"), *number = make("i32."), *rows = make("i64"), *table, *out;
    tensor_set_integer(number, 0, 300);
    tensor_set_integer(rows, 1, INT64_C(1) << 40);
    ASSERT_FAILS(apply("add", bytes, number, &out), STATUS_INVALID, "add: b is 300, which u8 cannot hold");
    ASSERT_OK(tensor_new_zeros(NULL, DTYPE_F32, 2, (int64_t[]){6, 2}, &table));
    ASSERT_FAILS(apply("embedding", table, rows, &out), STATUS_INVALID,
                 "embedding: ids has element 1, which is 1099511627776: more than 32 bits");
    tensor_set_integer(rows, 1, 5);
    ASSERT_OK(apply("embedding", table, rows, &out)); /* i64 will do */
    tensor_unref(out);
    ASSERT_FAILS(apply("embedding", table, table, &out), STATUS_INVALID, "must be i32; :to('i32') makes it so");
    tensor_unref(bytes), tensor_unref(number), tensor_unref(rows), tensor_unref(table);
}
END_TEST

/* y = sum(bf16(x) * i32): the gradient passes conversions of any kind, in the pool and in an arena. */
static void differentiate(Arena *arena)
{
    Tape *tape;
    Tensor *x = make("f32"), *factor = make("i32"), *half, *product, *loss;
    x->requires_grad = true;
    ASSERT_OK(tape_new(arena, &tape));
    tape_set_mode(tape, true, true);
    ASSERT_OK(tape_apply(tape, op_find("cast"), &x, 1, &(CastAttrs){DTYPE_BF16}, &half));
    ASSERT_OK(tape_apply(tape, op_find("mul"), (Tensor *[]){half, factor}, 2, NULL, &product));
    ASSERT_OK(tape_apply(tape, op_find("sum"), &product, 1, NULL, &loss));
    ck_assert(loss->dtype == DTYPE_BF16 && tensor_get(loss, 0) == 34);
    ASSERT_OK(tape_backward(tape, loss, NULL));
    ck_assert(tensor_get(x->grad, 0) == 3 && tensor_get(x->grad, 1) == 5);
    if (!arena) tensor_unref(half), tensor_unref(product), tensor_unref(loss);
    tape_free(tape);
    tensor_unref(x), tensor_unref(factor);
}

START_TEST(gradients)
{
    size_t before = memory_in_use();
    Arena *arena;
    differentiate(NULL);
    ASSERT_OK(arena_new(&arena));
    differentiate(arena);
    arena_free(arena);
    ck_assert_uint_eq(memory_in_use(), before);
}
END_TEST

START_TEST(allocation_failures)
{
    size_t before = memory_in_use();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (uint64_t n = 1; n < 200; n++) {
            Tensor *a = make(calls[i].a), *b = calls[i].b ? make(calls[i].b) : NULL, *out = NULL;
            memory_fail_after(n, 0);
            Status status = apply(calls[i].op, a, b, &out);
            bool reached = memory_allocations() >= n;
            memory_fail_after(0, 0);
            tensor_unref(a), tensor_unref(b), tensor_unref(out);
            ck_assert_msg(memory_in_use() == before, "%s: allocation %d leaks", calls[i].op, (int)n);
            if (!reached) break;
            ck_assert_msg(status == STATUS_NOMEM, "%s: %s", calls[i].op, status_message());
        }
}
END_TEST

Suite *types_suite(void)
{
    Suite *suite = suite_create("types");
    TCase *tests = tcase_create("types");
    tcase_add_test(tests, results);
    tcase_add_test(tests, exact);
    tcase_add_test(tests, refusals);
    tcase_add_test(tests, gradients);
    tcase_add_test(tests, allocation_failures);
    suite_add_tcase(suite, tests);
    return suite;
}
