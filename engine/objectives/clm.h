/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Causal language modelling: each token is predicted from those before it. */
#ifndef LATHE_OBJECTIVES_CLM_H
#define LATHE_OBJECTIVES_CLM_H

#include "engine/objectives/objective.h"

/* From whole sequences 'in' to what a decoder reads and predicts: out gets input_ids i32[B,T-1] without the last
 * token, clm_targets i32[B*(T-1)] one place on (-100 behind a row's length, and where its prefix_lengths i32[B]
 * first tokens are only given), and lengths. 'in' may not be 'out'. Errors: no targets; memory. */
Status clm_shift(Arena *arena, const Batch *in, Batch *out) STATUS_CHECKED;

extern const ObjectiveRecord objective_clm;

#endif
