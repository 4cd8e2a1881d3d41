/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operands of ops in one type, by PyTorch's rules: the type that all have in common, tensors of no dimension giving
 * way to others of their kind (a number does not make bf16 f32, nor i32 i64). Integers are computed as integers
 * where the op can; bf16 is computed in f32 and the result rounded. */
#include "engine/autograd/tape_internal.h"
#include "engine/ops/attributes.h"

#include <string.h>

extern const Op op_cast;

bool tape_holds_half(const Tape *tape, const Op *op, int i, const Tensor *input)
{
    return op_input(op, i)->half && input->param && input->dtype == DTYPE_BF16 && tape->precision == DTYPE_BF16 &&
           !tape->reference;
}

static bool is_operand(const Tape *tape, const Op *op, int i, const Tensor *input)
{
    const OpInput *record = op_input(op, i);
    return input && !record->integer && !record->any && !tape_holds_half(tape, op, i, input);
}

/* What real operands are computed in: f32, in plain forms f64. An op without such a form that differentiates
 * nothing (argmax) is called as it is. */
DType tape_operand_type(const Tape *tape, const Op *op)
{
    return tape->reference && (op->reference || op->backward) ? DTYPE_F64 : DTYPE_F32;
}

/* The types in which a call is computed and its result stands. */
typedef struct CallTypes {
    DType operands, result;
} CallTypes;

static DType common_type(const Tape *tape, const Op *op, Tensor *const *inputs, int count)
{
    DType type[2] = {DTYPE_F32, DTYPE_F32}; /* of those with dimensions, and of those without */
    bool have[2] = {false, false};
    for (int i = 0; i < count; i++) {
        if (!is_operand(tape, op, i, inputs[i])) continue;
        int kind = inputs[i]->ndim == 0;
        type[kind] = have[kind] ? dtype_promote(type[kind], inputs[i]->dtype) : inputs[i]->dtype;
        have[kind] = true;
    }
    bool weak = have[0] && (dtype_is_real(type[0]) || !have[1] || !dtype_is_real(type[1]));
    return weak ? type[0] : have[1] ? type[1] : DTYPE_F32;
}

static CallTypes call_types(const Tape *tape, const Op *op, Tensor *const *inputs, int count)
{
    DType common = common_type(tape, op, inputs, count);
    bool exact = false;
    for (int i = 0; i < count && !exact; i++) exact = is_operand(tape, op, i, inputs[i]) && op_input(op, i)->exact;
    if (!dtype_is_real(common) && exact) return (CallTypes){common, common};
    DType real = tape_operand_type(tape, op);
    return (CallTypes){real, common == DTYPE_BF16 && real == DTYPE_F32 ? DTYPE_BF16 : real};
}

/* Whether it stands for numbers of rows as it is; a real number never does, which the call refuses. */
static bool is_index(const Tensor *input)
{
    return dtype_is_real(input->dtype) || (input->dtype == DTYPE_I32 && tensor_contiguous(input));
}

/* A call's operands: what was given, or a tensor of its own. */
typedef struct Operands {
    Tensor *inputs[OP_MAX_INPUTS];
    bool own[OP_MAX_INPUTS];
} Operands;

/* Numbers of rows as contiguous i32. */
static Status convert_index(Tape *tape, const Op *op, int i, Tensor *input, Operands *out)
{
    Tensor *index;
    TRY(tensor_new(tape->arena, DTYPE_I32, input->ndim, input->shape, &index));
    out->inputs[i] = index;
    out->own[i] = true;
    for (int64_t at = 0, n = tensor_count(input); at < n; at++) {
        int64_t value = tensor_get_integer(input, at);
        if (!dtype_holds(DTYPE_I32, value))
            return status_fail(STATUS_INVALID, "%s: %s has element %lld, which is %lld: more than 32 bits",
                               op->name, op_input(op, i)->name, (long long)at, (long long)value);
        TENSOR_I32(index)[at] = (int32_t)value;
    }
    return STATUS_OK;
}

/* A number must be one that the others' type has: 300 is not added to u8. */
static Status check_number(const Op *op, int i, const Tensor *input, DType type)
{
    if (input->ndim || dtype_is_real(type) || dtype_holds(type, tensor_get_integer(input, 0))) return STATUS_OK;
    return status_fail(STATUS_INVALID, "%s: %s is %lld, which %s cannot hold; :to('i64') makes room", op->name,
                       op_input(op, i)->name, (long long)tensor_get_integer(input, 0), dtype_name(type));
}

/* Plain forms read contiguous operands. */
static bool is_ready(const Tape *tape, const Tensor *input, DType type)
{
    return input->dtype == type && (!tape->reference || tensor_contiguous(input));
}

static Status convert_plainly(const Tape *tape, const Tensor *input, DType type, Tensor **out)
{
    TRY(tensor_new(tape->arena, type, input->ndim, input->shape, out));
    return tensor_copy(*out, input);
}

static Status convert(Tape *tape, const Op *op, DType type, Tensor *const *inputs, int count, Operands *out)
{
    for (int i = 0; i < count; i++) {
        out->inputs[i] = inputs[i];
        if (!inputs[i]) continue;
        if (op_input(op, i)->integer && !is_index(inputs[i])) TRY(convert_index(tape, op, i, inputs[i], out));
        if (!is_operand(tape, op, i, inputs[i]) || is_ready(tape, inputs[i], type)) continue;
        TRY(check_number(op, i, inputs[i], type));
        TRY(tape->reference ? convert_plainly(tape, inputs[i], type, &out->inputs[i])
                            : tape_apply(tape, &op_cast, &inputs[i], 1, &(CastAttrs){type}, &out->inputs[i]));
        out->own[i] = true;
    }
    return STATUS_OK;
}

/* Tensors of an arena are the tape's. */
static void drop(const Tape *tape, Operands *operands)
{
    for (int i = 0; i < OP_MAX_INPUTS && !tape->arena; i++)
        if (operands->own[i]) tensor_unref(operands->inputs[i]);
}

static Status round_results(Tape *tape, DType type, Tensor **outputs, int count)
{
    Status status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        Tensor *exact = outputs[i];
        if (exact->dtype != DTYPE_F32 || type != DTYPE_BF16) continue;
        if (status == STATUS_OK) status = tape_apply(tape, &op_cast, &exact, 1, &(CastAttrs){type}, &outputs[i]);
        if (!tape->arena) tensor_unref(exact);
        if (status != STATUS_OK) outputs[i] = NULL;
    }
    return status;
}

bool tape_needs_promotion(const Tape *tape, const Op *op, Tensor *const *inputs, int count)
{
    DType real = tape_operand_type(tape, op);
    for (int i = 0; i < count; i++) {
        if (!inputs[i] || op_input(op, i)->any) continue;
        bool ready = op_input(op, i)->integer ? is_index(inputs[i]) : is_ready(tape, inputs[i], real);
        if (!ready && !tape_holds_half(tape, op, i, inputs[i])) return true;
    }
    return false;
}

Status tape_apply_promoted(Tape *tape, const Op *op, Tensor *const *inputs, int count, const void *attrs,
                           Tensor **outputs)
{
    Operands operands = {0};
    int made = 0;
    CallTypes types = call_types(tape, op, inputs, count);
    Status status = convert(tape, op, types.operands, inputs, count, &operands);
    if (status == STATUS_OK) status = tape_call(tape, op, operands.inputs, count, attrs, outputs, &made);
    if (status == STATUS_OK) status = round_results(tape, types.result, outputs, made);
    if (status != STATUS_OK) memset(outputs, 0, (size_t)made * sizeof *outputs);
    drop(tape, &operands);
    return status;
}
