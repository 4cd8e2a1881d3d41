/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The element types of tensors. Plain values; nobody frees anything. f64 is for the plain forms of ops that
 * gradients are checked against (engine/autograd/gradcheck.h); nobody can ask for it by name. */
#ifndef LATHE_TENSOR_DTYPE_H
#define LATHE_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum DType { DTYPE_F32, DTYPE_BF16, DTYPE_I32, DTYPE_I64, DTYPE_U8, DTYPE_F64, DTYPE_COUNT } DType;

size_t dtype_size(DType dtype);
/* "f32", "bf16", "i32", "i64", "u8", "f64". */
const char *dtype_name(DType dtype);
/* The type of that name; false: there is none. */
bool dtype_find(const char *name, DType *out);
/* Whether the elements are real numbers rather than integers. */
bool dtype_is_real(DType dtype);
/* Whether an integer type has this value. */
bool dtype_holds(DType dtype, int64_t value);

/* What two types have in common: a real number before an integer, then the one with more bits; bf16 and f32 give
 * f32. */
DType dtype_promote(DType a, DType b);

/* bf16 is the upper half of an f32 (round to nearest even; NaN stays NaN). */
float bf16_to_f32(uint16_t bits);
uint16_t bf16_from_f32(float value);

#endif
