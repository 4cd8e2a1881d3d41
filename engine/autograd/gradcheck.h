/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gradients against finite differences in double precision. The product of an output with a random cotangent is
 * differentiated: by the way back, in f32, and by Richardson's extrapolation of central differences on a tape on
 * which every op computes in its plain form (tape_set_reference()), so that an error of a thousandth stands out.
 * The function must be smooth around the inputs (nearer than twice the step there is no kink) and give the same for
 * the same. Nobody frees anything. */
#ifndef LATHE_AUTOGRAD_GRADCHECK_H
#define LATHE_AUTOGRAD_GRADCHECK_H

#include "engine/autograd/tape.h"

typedef struct GradientCheck {
    double tolerance; /* error that is let pass, relative to 0.01 + the largest gradient of the input */
    double step;      /* of the finer differences; the others take twice that */
    int64_t elements; /* of each input at most this many are looked at, spread over it; 0: all */
    uint64_t seed;    /* of the cotangent, and of dropout inside of the function */
} GradientCheck;

extern const GradientCheck gradient_check_defaults;

/* The entry with the largest error. */
typedef struct GradientWorst {
    double error, analytic, numeric;
    int input;
    int64_t element; /* its place in row-major order */
} GradientWorst;

/* From tensors to one, f32 for f32 and f64 for f64, through ops on this tape (without arena); *output is the
 * caller's to unref. */
typedef Status (*GradientFunction)(void *context, Tape *tape, Tensor *const *inputs, int count, Tensor **output);

/* Looks at each f32 input with requires_grad, on copies: the inputs and their gradients stay as they are. Errors:
 * those of the function; a gradient that differs by more than the tolerance, which names the entry. worst is set in
 * that case, too. NULL: options as they are by default, worst not wanted. */
Status gradient_check(const char *name, GradientFunction function, void *context, Tensor *const *inputs, int count,
                      const GradientCheck *options, GradientWorst *worst) STATUS_CHECKED;

/* The same for each output of an op. attrs NULL: defaults. */
Status gradient_check_op(const Op *op, Tensor *const *inputs, int count, const void *attrs,
                         const GradientCheck *options, GradientWorst *worst) STATUS_CHECKED;

#endif
