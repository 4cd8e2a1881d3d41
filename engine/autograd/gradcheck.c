/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/autograd/gradcheck.h"

#include "engine/base/random.h"

#include <math.h>
#include <stdio.h>

const GradientCheck gradient_check_defaults = {.tolerance = 1e-4, .step = 1e-3, .elements = 61, .seed = 7};

/* Added to the largest gradient: what cancels out leaves rounding behind. */
static const double SMALL = 0.01;

typedef struct Check {
    const char *name;
    GradientFunction function;
    void *context;
    const GradientCheck *options;
    Tensor *inputs[OP_MAX_INPUTS]; /* copies, held; NULL where one was left out */
    Tensor *exact[OP_MAX_INPUTS];  /* of those: f64 where they are f32 */
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

/* A function that depends on none of the inputs gives f32 in double precision, too. */
static Status check_output(const Check *check, const Tensor *output)
{
    char text[TENSOR_TEXT_SIZE], before[TENSOR_TEXT_SIZE];
    if (output->dtype != DTYPE_F32 && !(check->cotangent && output->dtype == DTYPE_F64))
        return status_fail(STATUS_INVALID, "gradient check of %s: the output is %s, but it must be f32",
                           check->name, tensor_describe(output, text));
    if (check->cotangent && !tensor_same_shape(check->cotangent, output))
        return status_fail(STATUS_INVALID, "gradient check of %s: the output was %s and is now %s", check->name,
                           tensor_describe(check->cotangent, before), tensor_describe(output, text));
    return STATUS_OK;
}

/* The output for the inputs as they are now, in double precision: a copy, because a view would follow their
 * changes. */
static Status evaluate(const Check *check, Tensor **out)
{
    Tape *tape;
    Tensor *output = NULL;
    TRY(new_tape(check, false, &tape));
    tape_set_reference(tape, true);
    Status status = check->function(check->context, tape, check->exact, check->count, &output);
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
static Status slope(const Check *check, double *element, double h, double *out)
{
    Tensor *high = NULL, *low = NULL;
    double before = *element, sum = 0;
    *element = before + h;
    Status status = evaluate(check, &high);
    *element = before - h;
    if (status == STATUS_OK) status = evaluate(check, &low);
    *element = before;
    for (int64_t i = 0, n = status == STATUS_OK ? tensor_count(high) : 0; i < n; i++)
        sum += (tensor_get(high, i) - tensor_get(low, i)) * (double)TENSOR_F32(check->cotangent)[i];
    tensor_unref(high);
    tensor_unref(low);
    *out = sum / (2 * h);
    return status;
}

static Status look_at(const Check *check, int number, int64_t element, double *largest, GradientWorst *worst)
{
    const Tensor *grad = check->inputs[number]->grad;
    double coarse, fine, h = check->options->step, *x = TENSOR_F64(check->exact[number]) + element;
    TRY(slope(check, x, 2 * h, &coarse));
    TRY(slope(check, x, h, &fine));
    double numeric = (4 * fine - coarse) / 3, analytic = grad ? (double)TENSOR_F32(grad)[element] : 0;
    double error = fabs(numeric - analytic);
    if (isnan(error)) error = HUGE_VAL;
    *largest = fmax(*largest, fabs(numeric));
    if (error > worst->error) *worst = (GradientWorst){error, analytic, numeric, number, element};
    return STATUS_OK;
}

static Status look_at_input(const Check *check, int number, GradientWorst *worst)
{
    int64_t count = tensor_count(check->inputs[number]), most = check->options->elements;
    int64_t stride = most ? 1 + count / most : 1;
    GradientWorst found = {0};
    double largest = 0;
    for (int64_t at = 0; at < count; at += stride) TRY(look_at(check, number, at, &largest, &found));
    found.error /= SMALL + largest;
    if (isnan(found.error)) found.error = HUGE_VAL;
    if (found.error > worst->error) *worst = found;
    return STATUS_OK;
}

static Status look_at_all(const Check *check, GradientWorst *worst)
{
    for (int i = 0; i < check->count; i++)
        if (check->inputs[i] && check->inputs[i]->requires_grad) TRY(look_at_input(check, i, worst));
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

static Status copy_exactly(Check *check, int i)
{
    const Tensor *input = check->inputs[i];
    TRY(tensor_new(NULL, input->dtype == DTYPE_F32 ? DTYPE_F64 : input->dtype, input->ndim, input->shape,
                   &check->exact[i]));
    return tensor_copy(check->exact[i], input);
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
        TRY(copy_exactly(check, check->count));
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
    for (int i = 0; i < OP_MAX_INPUTS; i++) tensor_unref(check.inputs[i]);
    for (int i = 0; i < OP_MAX_INPUTS; i++) tensor_unref(check.exact[i]);
    tensor_unref(check.cotangent);
    if (worst) *worst = found;
    return status;
}

/* --- ops --- */

typedef struct OpCall {
    const Op *op;
    const void *attrs;
    int output; /* which one is looked at */
    bool real[OP_MAX_OUTPUTS];
} OpCall;

static Status call_op(void *context, Tape *tape, Tensor *const *inputs, int count, Tensor **output)
{
    OpCall *call = context;
    Tensor *outputs[OP_MAX_OUTPUTS] = {0};
    TRY(tape_apply(tape, call->op, inputs, count, call->attrs, outputs));
    for (int i = 0; i < OP_MAX_OUTPUTS; i++) {
        call->real[i] = outputs[i] && dtype_is_real(outputs[i]->dtype);
        if (i != call->output) tensor_unref(outputs[i]);
    }
    *output = outputs[call->output];
    return STATUS_OK;
}

Status gradient_check_op(const Op *op, Tensor *const *inputs, int count, const void *attrs,
                         const GradientCheck *options, GradientWorst *worst)
{
    OpCall call = {.op = op, .attrs = attrs};
    GradientWorst here, most = {0};
    Status status;
    do {
        status = gradient_check(op->name, call_op, &call, inputs, count, options, &here);
        if (here.error > most.error) most = here;
        do call.output++;
        while (call.output < OP_MAX_OUTPUTS && !call.real[call.output]);
    } while (status == STATUS_OK && call.output < OP_MAX_OUTPUTS);
    if (worst) *worst = most;
    return status;
}
