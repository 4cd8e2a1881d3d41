/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Optimizer updates in one pass over memory: every array is read and written once. All arrays are f32[n] and may
 * not overlap; a mask (f32[n] of 0 and 1, or NULL) keeps pruned weights at zero. Elementwise, so the bits do not
 * depend on the threads. */
#ifndef LATHE_KERNELS_UPDATE_H
#define LATHE_KERNELS_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

/* What AdamW and Adam need of a step: correction1 = 1 - beta1^t, correction2 = 1 - beta2^t. */
typedef struct AdamStep {
    float lr, beta1, beta2, eps, weight_decay, correction1, correction2;
    float scale;    /* the gradient is multiplied by it first */
    bool decoupled; /* AdamW's decay (Loshchilov, Hutter 2019); otherwise Adam's L2 term (Kingma, Ba 2015) */
} AdamStep;

void kernel_adam(const AdamStep *step, int64_t n, float *weight, const float *grad, float *mean, float *square,
                 const float *mask);

/* SGD as in PyTorch: velocity = momentum * velocity + grad; Nesterov looks ahead (Sutskever et al. 2013). */
typedef struct SgdStep {
    float lr, momentum, weight_decay, scale;
    bool nesterov, first; /* first: the velocity starts as the gradient */
} SgdStep;

void kernel_sgd(const SgdStep *step, int64_t n, float *weight, const float *grad, float *velocity,
                const float *mask);

/* LAMB (You et al. 2020, algorithm 2): the update of Adam with decay, scaled by |weight| / |update|. */
void kernel_lamb(const AdamStep *step, int64_t n, float *weight, const float *grad, float *mean, float *square,
                 const float *mask);

#endif
