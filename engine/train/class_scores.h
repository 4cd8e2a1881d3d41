/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How well a classifier tells its classes: precision, recall, F1, confusion. The counts belong to whoever counts:
 * class_counts_free(). Scores are plain values. */
#ifndef LATHE_TRAIN_CLASS_SCORES_H
#define LATHE_TRAIN_CLASS_SCORES_H

#include "engine/base/status.h"

#include <stdint.h>

enum { CONFUSION_CLASSES = 16 }; /* at most, that a confusion matrix is kept of */

typedef struct ClassScores {
    int64_t count;            /* of classes; 0: nothing was told apart */
    const char *const *names; /* the data source's; NULL: they have none */
    /* Means over the classes that occur as label or as answer (macro averages); 0 / 0 counts as 0. */
    double precision, recall, f1;
    int64_t confusion[CONFUSION_CLASSES]
                     [CONFUSION_CLASSES]; /* [label][answer]; zeros where there are more classes */
} ClassScores;

typedef struct ClassCounts {
    int64_t classes;
    int64_t *labels, *answers, *hits; /* [classes] */
} ClassCounts;

/* Counts one example among so many classes. Errors: memory. */
Status class_counts_add(ClassCounts *counts, int64_t classes, int64_t label, int64_t answer,
                        ClassScores *scores) STATUS_CHECKED;
/* Means over what was counted. */
void class_counts_finish(const ClassCounts *counts, ClassScores *scores);
void class_counts_free(ClassCounts *counts);

/* Of one class, from a confusion matrix. */
typedef struct ClassScore {
    int64_t examples;
    double precision, recall, f1;
} ClassScore;

ClassScore class_score(const ClassScores *scores, int64_t class);

#endif
