/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/autograd/gradcheck.h"

#include "engine/base/random.h"

#include <math.h>
#include <stdio.h>

const GradientCheck gradient_check_defaults = {.tolerance = 3e-3, .step = 0.01, .elements = 61, .seed = 7};

typedef struct Check {
    const char *name;
    GradientFunction function;
    void *context;
    const GradientCheck *options;
    Tensor *inputs[OP_MAX_INPUTS]; /* copies, held; NULL where one was left out */
    int count;
    Tensor *cotangent;
} Check;

/* Each call draws the same random numbers. */
static Status new_tape(const Check *check, bool recording, Tape **out)
{
    TRY(tape_new(NULL, out));
    tape_set_mode(*out, true, recording);
    tape_set_random(*out, random_key(check->options->seed, "gradient check"));
    return STATUS_OK;
}

static Status check_output(const Check *check, const Tensor *output)
{
    char text[TENSOR_TEXT_SIZE], before[TENSOR_TEXT_SIZE];
    if (output->dtype != DTYPE_F32)
        return status_fail(STATUS_INVALID, "gradient check of %s: the output is %s, but it must be f32",
                           check->name, tensor_describe(output, text));
    if (check->cotangent && !tensor_same_shape(check->cotangent, output))
        return status_fail(STATUS_INVALID, "gradient check of %s: the output was %s and is now %s", check->name,
                           tensor_describe(check->cotangent, before), tensor_describe(output, text));
    return STATUS_OK;
}

/* The output for the inputs as they are now: a copy, because a view would follow their changes. */
static Status evaluate(const Check *check, Tensor **out)
{
    Tape *tape;
    Tensor *output = NULL;
    TRY(new_tape(check, false, &tape));
    Status status = check->function(check->context, tape, check->inputs, check->count, &output);
    if (status == STATUS_OK) status = check_output(check, output);
    if (status == STATUS_OK) status = tensor_clone(NULL, output, out);
    tensor_unref(output);
    tape_free(tape);
    return status;
}

static Status make_cotangent(Check *check, const Tensor *output)
{
    TRY(check_output(check, output));
    TRY(tensor_new_like(NULL, output, &check->cotangent));
    tensor_fill_normal(check->cotangent, random_key(check->options->seed, "cotangent"), 0, 1);
    return STATUS_OK;
}

/* The way back, once. A function that depends on none of the inputs leaves no gradients, which counts as 0. */
static Status differentiate(Check *check)
{
    Tape *tape;
    Tensor *output = NULL;
    TRY(new_tape(check, true, &tape));
    Status status = check->function(check->context, tape, check->inputs, check->count, &output);
    if (status == STATUS_OK) status = make_cotangent(check, output);
    if (status == STATUS_OK && output->node) status = tape_backward(tape, output, check->cotangent);
    tensor_unref(output);
    tape_free(tape);
    return status;
}

/* (f(x + h) - f(x - h)) / 2h of the cotangent's sum, for one element. */
static Status slope(const Check *check, float *element, double h, double *out)
{
    Tensor *high = NULL, *low = NULL;
    float before = *element;
    volatile float up = before + (float)h, down = before - (float)h;
    double sum = 0;
    *element = up;
    Status status = evaluate(check, &high);
    *element = down;
    if (status == STATUS_OK) status = evaluate(check, &low);
    *element = before;
    for (int64_t i = 0, n = status == STATUS_OK ? tensor_count(high) : 0; i < n; i++)
        sum += ((double)TENSOR_F32(high)[i] - (double)TENSOR_F32(low)[i]) * (double)TENSOR_F32(check->cotangent)[i];
    tensor_unref(high);
    tensor_unref(low);
    *out = sum / ((double)up - (double)down);
    return status;
}

static double largest(const Tensor *tensor)
{
    double most = 0;
    for (int64_t i = 0, n = tensor ? tensor_count(tensor) : 0; i < n; i++)
        most = fmax(most, fabs((double)TENSOR_F32(tensor)[i]));
    return most;
}

static Status look_at(const Check *check, int number, int64_t element, double scale, GradientWorst *worst)
{
    const Tensor *input = check->inputs[number];
    double coarse, fine, h = check->options->step;
    TRY(slope(check, TENSOR_F32(input) + element, 2 * h, &coarse));
    TRY(slope(check, TENSOR_F32(input) + element, h, &fine));
    double numeric = (4 * fine - coarse) / 3, analytic = input->grad ? (double)TENSOR_F32(input->grad)[element] : 0;
    double error = fabs(numeric - analytic) / scale;
    if (isnan(error)) error = HUGE_VAL;
    if (error > worst->error) *worst = (GradientWorst){error, analytic, numeric, number, element};
    return STATUS_OK;
}

static Status look_at_all(const Check *check, GradientWorst *worst)
{
    for (int i = 0; i < check->count; i++) {
        const Tensor *input = check->inputs[i];
        if (!input || !input->requires_grad) continue;
        int64_t count = tensor_count(input), most = check->options->elements;
        int64_t stride = most ? 1 + count / most : 1;
        double scale = 1 + largest(input->grad);
        for (int64_t at = 0; at < count; at += stride) TRY(look_at(check, i, at, scale, worst));
    }
    return STATUS_OK;
}

/* "[1,2]" of the element's place. */
static void describe_place(const Tensor *tensor, int64_t place, char out[TENSOR_TEXT_SIZE])
{
    int64_t at[TENSOR_MAX_DIMS];
    int used = snprintf(out, TENSOR_TEXT_SIZE, "[");
    for (int d = tensor->ndim - 1; d >= 0; d--) {
        at[d] = place % tensor->shape[d];
        place /= tensor->shape[d];
    }
    for (int d = 0; d < tensor->ndim; d++)
        used += snprintf(out + used, (size_t)(TENSOR_TEXT_SIZE - used), d ? ",%lld" : "%lld", (long long)at[d]);
    snprintf(out + used, (size_t)(TENSOR_TEXT_SIZE - used), "]");
}

static Status judge(const Check *check, const GradientWorst *worst)
{
    char place[TENSOR_TEXT_SIZE], text[TENSOR_TEXT_SIZE];
    if (worst->error <= check->options->tolerance) return STATUS_OK;
    describe_place(check->inputs[worst->input], worst->element, place);
    return status_fail(STATUS_INVALID,
                       "gradient check of %s: input %d, %s, element %s: backward gives %g, differences %g (error "
                       "%.2g, tolerance %.2g)",
                       check->name, worst->input, tensor_describe(check->inputs[worst->input], text), place,
                       worst->analytic, worst->numeric, worst->error, check->options->tolerance);
}

static Status copy_inputs(Check *check, Tensor *const *inputs, int count)
{
    if (count > OP_MAX_INPUTS)
        return status_fail(STATUS_INVALID, "gradient check of %s: at most %d inputs", check->name, OP_MAX_INPUTS);
    for (; check->count < count; check->count++) {
        const Tensor *input = inputs[check->count];
        if (!input) continue;
        TRY(tensor_clone(NULL, input, &check->inputs[check->count]));
        check->inputs[check->count]->requires_grad = input->dtype == DTYPE_F32 && input->requires_grad;
    }
    return STATUS_OK;
}

Status gradient_check(const char *name, GradientFunction function, void *context, Tensor *const *inputs, int count,
                      const GradientCheck *options, GradientWorst *worst)
{
    Check check = {.name = name,
                   .function = function,
                   .context = context,
                   .options = options ? options : &gradient_check_defaults};
    GradientWorst found = {0};
    Status status = copy_inputs(&check, inputs, count);
    if (status == STATUS_OK) status = differentiate(&check);
    if (status == STATUS_OK) status = look_at_all(&check, &found);
    if (status == STATUS_OK) status = judge(&check, &found);
    for (int i = 0; i < check.count; i++) tensor_unref(check.inputs[i]);
    tensor_unref(check.cotangent);
    if (worst) *worst = found;
    return status;
}

/* --- ops --- */

typedef struct OpCall {
    const Op *op;
    const void *attrs;
} OpCall;

static Status call_op(void *context, Tape *tape, Tensor *const *inputs, int count, Tensor **output)
{
    const OpCall *call = context;
    Tensor *outputs[OP_MAX_OUTPUTS] = {0};
    TRY(tape_apply(tape, call->op, inputs, count, call->attrs, outputs));
    for (int i = 1; i < OP_MAX_OUTPUTS; i++) tensor_unref(outputs[i]);
    *output = outputs[0];
    return STATUS_OK;
}

Status gradient_check_op(const Op *op, Tensor *const *inputs, int count, const void *attrs,
                         const GradientCheck *options, GradientWorst *worst)
{
    OpCall call = {op, attrs};
    return gradient_check(op->name, call_op, &call, inputs, count, options, worst);
}
