/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the evaluations of a run say: whether it should stop early, and where overfitting began. Both are read from
 * the run's metrics, not kept in the session, so they hold after resuming, undo and branches. Nobody frees
 * anything. */
#ifndef LATHE_TRAIN_EARLY_STOPPING_H
#define LATHE_TRAIN_EARLY_STOPPING_H

#include "engine/io/metrics_store.h"
#include "engine/train/session.h"

typedef struct EarlyStop {
    bool stop;
    int64_t evaluations, since;   /* how many there were; how many after the best one */
    int64_t best_step, last_step; /* -1: there was none */
    double best, last;
} EarlyStop;

/* Whether there is such a metric. Errors: no source "valid"; no objective of that name (with the nearest). */
Status early_stopping_check(Session *session) STATUS_CHECKED;
/* Judges the evaluations up to this step. An accuracy (a metric whose name ends so) is better when it is higher,
 * everything else when it is lower; NaN is never better. */
Status early_stop(const MetricsStore *store, const EarlyStopping *options, int64_t step,
                  EarlyStop *out) STATUS_CHECKED;
/* Whether lower values of the metric are worse. */
bool metric_rises(const char *metric);

typedef struct Overfitting {
    bool found;
    int64_t step;                          /* after which the held-out loss rose */
    double valid_best, valid_last;         /* there, and at the last evaluation */
    double training_before, training_last; /* means of the training loss between two evaluations, there and then */
} Overfitting;

/* Held-out loss 'valid' against training loss 'training' (both names of metrics), up to this step. Found when at
 * least the last three evaluations lie above the lowest by more than a percent, while the training loss fell. */
Status find_overfitting(const MetricsStore *store, const char *valid, const char *training, int64_t step,
                        Overfitting *out) STATUS_CHECKED;

#endif
