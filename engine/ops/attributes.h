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

typedef struct RotaryAttrs {
    int64_t heads;
    double theta;
    int64_t offset;
} RotaryAttrs;

typedef struct EmbeddingSumAttrs {
    int64_t offset;
} EmbeddingSumAttrs;

typedef struct CrossEntropyAttrs {
    int64_t ignore_index;
    double label_smoothing;
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

typedef struct ClampAttrs {
    double min, max;
} ClampAttrs;

typedef struct GeluAttrs {
    int64_t approximate; /* 0: none, 1: tanh */
} GeluAttrs;

typedef struct DimAttrs {
    int64_t dim;
} DimAttrs;

typedef struct NormalizeAttrs {
    int64_t dim;
    double eps;
} NormalizeAttrs;

/* reduce stands first: the code of reductions reads it where it stands. */
typedef struct NormAttrs {
    ReduceAttrs reduce;
    double p;
} NormAttrs;

typedef struct VarAttrs {
    ReduceAttrs reduce;
    int64_t correction;
} VarAttrs;

typedef enum LossReduction { REDUCTION_MEAN, REDUCTION_SUM, REDUCTION_NONE, REDUCTION_BATCHMEAN } LossReduction;

typedef struct LossAttrs {
    int64_t reduction; /* LossReduction */
} LossAttrs;

typedef struct KlDivAttrs {
    int64_t reduction; /* LossReduction */
    bool log_target;
} KlDivAttrs;

typedef struct CastAttrs {
    int64_t dtype; /* DType */
} CastAttrs;

typedef struct ReverseAttrs {
    double scale;
} ReverseAttrs;

#endif
