/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a workbench shows of parameters: norms, the update that the optimizer made, zeros, dead units, and how the
 * values were spread over time. Large parameters are sampled, in blocks at an odd distance, so that a look is cheap
 * whatever the size of the model. No part of the state; changes nothing. watch_free() frees one. */
#ifndef LATHE_TRAIN_WATCH_H
#define LATHE_TRAIN_WATCH_H

#include "engine/train/session.h"

enum { WATCH_QUANTILES = 13, WATCH_TIMES = 96 };

/* How the values were spread: the values below which these shares of them lie. */
extern const double watch_shares[WATCH_QUANTILES]; /* from 0 to 1 */

typedef struct WatchTime {
    int64_t step;
    float quantiles[WATCH_QUANTILES];
} WatchTime;

/* Sums over the whole parameter, estimated from the sample. NaN: not known. */
typedef struct ParamLook {
    const Model *model;
    const Param *param;
    double count, square, grad_square; /* grad: of the last step */
    double update_square;              /* of what one step changed, measured; NaN where it is frozen */
    double zeros;
    double units, dead; /* of a linear layer: rows, and those that are all 0 or got no gradient in the last step */
} ParamLook;

typedef struct ParamWatch ParamWatch;

Status watch_new(ParamWatch **out) STATUS_CHECKED;
void watch_free(ParamWatch *watch);

/* Around a step: measure its update where a look has asked for one. NULL: nobody looks. */
void watch_before_step(ParamWatch *watch, const Session *session);
void watch_after_step(ParamWatch *watch, const Session *session);

/* Looks at every parameter of the session, in order, and asks for the update of the next step. Between two steps.
 * Errors: memory; those of visit. */
Status watch_look(ParamWatch *watch, const Session *session, Status (*visit)(void *context, const ParamLook *look),
                  void *context) STATUS_CHECKED;
/* The spread of a parameter's values at the looks so far, oldest first, borrowed; fewer and fewer of the old ones
 * are kept. NULL: it was not looked at. */
const WatchTime *watch_times(const ParamWatch *watch, const char *model, const char *path, int *count);

#endif
