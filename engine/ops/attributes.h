/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The attribute structs of ops that C code calls, so that callers and records agree. */
#ifndef LATHE_OPS_ATTRIBUTES_H
#define LATHE_OPS_ATTRIBUTES_H

#include "engine/base/option.h"

typedef struct EpsAttrs {
    double eps;
} EpsAttrs;

typedef struct DropoutAttrs {
    double p;
} DropoutAttrs;

typedef struct DropoutNormAttrs {
    double p, eps;
} DropoutNormAttrs;

typedef struct AttentionAttrs {
    int64_t heads;
    bool causal;
    double p;
} AttentionAttrs;

typedef struct CrossEntropyAttrs {
    int64_t ignore_index;
} CrossEntropyAttrs;

typedef struct ScaleAttrs {
    double factor;
} ScaleAttrs;

typedef struct ShapeAttrs {
    OptionInts shape;
} ShapeAttrs;

typedef struct SelectAttrs {
    int64_t dim, index;
} SelectAttrs;

typedef struct ReduceAttrs {
    OptionInts dim;
    bool keepdim;
} ReduceAttrs;

typedef struct PermuteAttrs {
    OptionInts dims;
} PermuteAttrs;

typedef struct SliceAttrs {
    int64_t dim, start, stop, step;
} SliceAttrs;

typedef struct PowAttrs {
    double exponent;
} PowAttrs;

#endif
