/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pruning in a session: now, between two steps, and on the schedules that belong to its state. A parameter follows
 * one schedule at most. */
#ifndef LATHE_TRAIN_PRUNING_H
#define LATHE_TRAIN_PRUNING_H

#include "engine/train/session.h"

/* What the config, whose open fields are filled in, changes now; with PRUNE_LOOK what it changes in the end, by the
 * weights as they are now. prune_clear() frees the plan. Errors: prune_complete()'s and prune_plan()'s, no such
 * model, more schedules than fit. */
Status session_plan_pruning(const Session *session, PruneConfig *config, PruneHow how,
                            PrunePlan *out) STATUS_CHECKED;
/* Carries it out; schedules that the same parameters follow end, and the config's begins. */
void session_prune(Session *session, const PruneConfig *config, PrunePlan *plan);

/* Around the update of a step: plans of the schedules that are due when it is done, and carrying them out by the
 * weights as they are then. */
typedef struct StepPruning {
    PrunePlan plans[SESSION_MAX_PRUNES]; /* by place of the schedule; no rows: not due */
} StepPruning;
Status pruning_prepare(const Session *session, StepPruning *out) STATUS_CHECKED;
void pruning_commit(Session *session, StepPruning *pruning);
void pruning_clear(StepPruning *pruning);

/* Pruned weights among those of parameters that have a mask; NaN where none has. */
double session_sparsity(const Session *session);

#endif
