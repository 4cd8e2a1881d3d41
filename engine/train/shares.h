/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much of the gradient comes from which objective. Looks only: state, gradients and random streams stay as they
 * are. Nobody frees anything. */
#ifndef LATHE_TRAIN_SHARES_H
#define LATHE_TRAIN_SHARES_H

#include "engine/train/session.h"

/* By place of the objective; NaN: it is off, or does not learn through the trunk. */
typedef struct GradientShares {
    int64_t step; /* whose batch it was, from 1 */
    double norms[SESSION_MAX_OBJECTIVES], shares[SESSION_MAX_OBJECTIVES];
} GradientShares;

/* The 2-norm of each weighted loss's gradient at the output of the trunk (the first output of the model's record),
 * on the first micro-batch of the step at the place; shares are of the sum of norms over the objectives of one
 * model. Costs the trunk's forward pass, and the heads' both ways. Errors: those of a step. */
Status session_gradient_shares(Session *session, const StepPlace *place, GradientShares *out) STATUS_CHECKED;

#endif
