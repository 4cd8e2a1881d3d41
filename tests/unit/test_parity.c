/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops against PyTorch: outputs and gradients of the stored calls (tests/parity/ops.py made them in double
 * precision). */
#include "engine/autograd/tape.h"
#include "engine/io/json.h"
#include "engine/io/safetensors.h"
#include "tests/unit/scratch.h"

#include <check.h>
#include <math.h>
#include <string.h>

Suite *parity_suite(void);

static Safetensors *golden;

static Tensor *load(const char *call, const char *what)
{
    char name[96];
    Tensor *out;
    snprintf(name, sizeof name, "%s.%s", call, what);
    const SafetensorsEntry *entry = safetensors_find(golden, name);
    if (!entry) return NULL;
    DType dtype = entry->type == SAFETENSORS_I32 ? DTYPE_I32 : DTYPE_F32;
    ASSERT_OK(tensor_new(NULL, dtype, entry->ndim, entry->shape, &out));
    ASSERT_OK(safetensors_load(golden, entry, dtype, tensor_data(out)));
    return out;
}

/* "dim=1 keepdim=true" into the attribute struct. */
static void read_attrs(const Op *op, const char *text, void *attrs)
{
    char words[128];
    option_defaults(op->attrs, attrs);
    snprintf(words, sizeof words, "%s", text);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        *equals = '\0';
        ASSERT_OK(option_set_text(op->attrs, attrs, op->name, word, equals + 1));
    }
}

static void compare(const char *call, const char *what, const Tensor *got)
{
    Tensor *want = load(call, what);
    ck_assert_msg(want && got, "%s.%s is missing", call, what);
    ck_assert_msg(tensor_count(want) == tensor_count(got), "%s.%s has another size", call, what);
    for (int64_t i = 0; i < tensor_count(want); i++) {
        double a = tensor_get(got, i), b = tensor_get(want, i);
        ck_assert_msg(fabs(a - b) <= 2e-6 + 1e-5 * fabs(b), "%s.%s[%d]: %.8g, PyTorch has %.8g", call, what, (int)i,
                      a, b);
    }
    tensor_unref(want);
}

static void check_call(const char *call, const Op *op, const char *attrs_text, int count)
{
    uint64_t attrs[512] = {0};
    Tensor *inputs[OP_MAX_INPUTS], *outputs[OP_MAX_OUTPUTS];
    char what[16];
    Tape *tape;
    read_attrs(op, attrs_text, attrs);
    ck_assert_uint_le(op->attrs_size, sizeof attrs);
    for (int i = 0; i < count; i++) {
        snprintf(what, sizeof what, "in.%d", i);
        inputs[i] = load(call, what);
        if (inputs[i]) inputs[i]->requires_grad = inputs[i]->dtype == DTYPE_F32;
    }
    ASSERT_OK(tape_new(NULL, &tape));
    tape_set_mode(tape, true, true);
    ck_assert_msg(tape_apply(tape, op, inputs, count, op->attrs_size ? attrs : NULL, outputs) == STATUS_OK,
                  "%s: %s", call, status_message());
    compare(call, "out", outputs[0]);
    Tensor *cotangent = load(call, "cotangent");
    if (cotangent) ASSERT_OK(tape_backward(tape, outputs[0], cotangent));
    for (int i = 0; i < count; i++) {
        snprintf(what, sizeof what, "grad.%d", i);
        if (cotangent && inputs[i] && inputs[i]->requires_grad) compare(call, what, inputs[i]->grad);
        tensor_unref(inputs[i]);
    }
    tensor_unref(cotangent);
    tensor_unref(outputs[0]);
    tape_free(tape);
}

static json_t *open_golden(void)
{
    json_t *document;
    ASSERT_OK(safetensors_open(TEST_GOLDEN "/ops.safetensors", &golden));
    ASSERT_OK(json_read(TEST_GOLDEN "/ops.json", 0, &document));
    return document;
}

START_TEST(ops_match)
{
    json_t *document = open_golden(), *call;
    size_t i;
    json_array_foreach(json_object_get(document, "calls"), i, call)
    {
        const char *name = json_string_value(json_object_get(call, "op"));
        const Op *op = op_find(name);
        ck_assert_msg(op, "there is no op '%s'", name);
        check_call(json_string_value(json_object_get(call, "name")), op,
                   json_string_value(json_object_get(call, "attrs")),
                   (int)json_integer_value(json_object_get(call, "inputs")));
    }
    json_decref(document);
    safetensors_close(golden);
}
END_TEST

/* Whoever adds an op adds a call to tests/parity/ops.py. */
START_TEST(every_op_is_there)
{
    json_t *document = open_golden(), *call;
    size_t i;
    for (int o = 0; o < op_record_count; o++) {
        bool found = false;
        json_array_foreach(json_object_get(document, "calls"), i, call) found |=
            strcmp(json_string_value(json_object_get(call, "op")), op_records[o]->name) == 0;
        ck_assert_msg(found, "tests/parity/ops.py has no call of '%s'", op_records[o]->name);
    }
    json_decref(document);
    safetensors_close(golden);
}
END_TEST

Suite *parity_suite(void)
{
    Suite *suite = suite_create("parity");
    TCase *tests = tcase_create("parity");
    tcase_add_test(tests, ops_match);
    tcase_add_test(tests, every_op_is_there);
    suite_add_tcase(suite, tests);
    return suite;
}
