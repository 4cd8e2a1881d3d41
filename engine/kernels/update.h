/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Optimizer updates in one pass over memory: every array is read and written once. Elementwise, so the bits do not
 * depend on the threads. */
#ifndef LATHE_KERNELS_UPDATE_H
#define LATHE_KERNELS_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

/* What is updated: f32[n] each, none overlapping another. */
typedef struct UpdateArrays {
    int64_t n;
    float *weight, *first, *second; /* first, second: the optimizer's state; SGD has no second */
    const float *grad;
    const float *mask; /* 0 and 1: keeps pruned weights and their state at zero; NULL: dense */
} UpdateArrays;

/* What AdamW and Adam need of a step: correction1 = 1 - beta1^t, correction2 = 1 - beta2^t. */
typedef struct AdamStep {
    float lr, beta1, beta2, eps, weight_decay, correction1, correction2;
    float scale;    /* the gradient is multiplied by it first */
    bool decoupled; /* AdamW's decay (Loshchilov, Hutter 2019); otherwise Adam's L2 term (Kingma, Ba 2015) */
} AdamStep;

void kernel_adam(const AdamStep *step, const UpdateArrays *arrays);

/* SGD as in PyTorch: velocity = momentum * velocity + grad; Nesterov looks ahead (Sutskever et al. 2013). */
typedef struct SgdStep {
    float lr, momentum, weight_decay, scale;
    bool nesterov, first; /* first: the velocity starts as the gradient */
} SgdStep;

void kernel_sgd(const SgdStep *step, const UpdateArrays *arrays);

/* LAMB (You et al. 2020, algorithm 2): the update of Adam with decay, scaled by |weight| / |update|. */
void kernel_lamb(const AdamStep *step, const UpdateArrays *arrays);

#endif
