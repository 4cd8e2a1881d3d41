/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Classes of examples: what a model's classifier and the labels of its data must agree on. Names belong to the
 * source or the model. */
#ifndef LATHE_TRAIN_CLASSES_H
#define LATHE_TRAIN_CLASSES_H

#include "engine/train/session.h"

/* Whether the objective scores the model's own classes (classify does), and not words or sentence pairs. */
bool objective_scores_classes(const Objective *objective);

/* The names that the data give the model's classes, else those that it was loaded with; *count is 0 and the result
 * NULL where nobody named them. */
const char *const *session_classes(const Session *session, const Model *model, int64_t *count);

/* Errors: a model without a classifier, or with fewer classes than its data have; names that the data have in
 * another order than the model was trained with. */
Status classes_check(const Session *session) STATUS_CHECKED;

#endif
