/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replaced-token detection (Clark et al. 2020, section 2): a generator fills the masked places of an mlm view with
 * tokens drawn from what it predicts, and the discriminator tells for each token whether it is the original one. No
 * gradient passes through the draw. */
#ifndef LATHE_OBJECTIVES_RTD_H
#define LATHE_OBJECTIVES_RTD_H

#include "engine/objectives/objective.h"

typedef struct RtdConfig {
    double temperature;
} RtdConfig;

/* What the discriminator makes of a batch. Tensors of the pass's arena. */
typedef struct RtdDetection {
    Tensor *ids;      /* i32[B,T], the masked places filled */
    Tensor *rows;     /* i32[n], the places in [B*T] that are no padding */
    Tensor *replaced; /* f32[n,1], 1 where the token is another one than the original */
    Tensor *logits;   /* f32[n,1] */
} RtdDetection;

/* Errors: the pass's batch has no masked places, its model no generator; memory. */
Status rtd_detect(const Objective *objective, const ObjectiveInput *in, RtdDetection *out) STATUS_CHECKED;

extern const ObjectiveRecord objective_rtd;

#endif
