/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/class_scores.h"

#include "engine/base/memory.h"

#include <string.h>

static Status grow(int64_t **counts, int64_t before, int64_t now)
{
    TRY(memory_resize(counts, (size_t)now, sizeof **counts));
    memset(*counts + before, 0, (size_t)(now - before) * sizeof **counts);
    return STATUS_OK;
}

Status class_counts_add(ClassCounts *counts, int64_t classes, int64_t label, int64_t answer, ClassScores *scores)
{
    if (classes > counts->classes) {
        TRY(grow(&counts->labels, counts->classes, classes));
        TRY(grow(&counts->answers, counts->classes, classes));
        TRY(grow(&counts->hits, counts->classes, classes));
        counts->classes = classes;
    }
    counts->labels[label]++;
    counts->answers[answer]++;
    counts->hits[label] += label == answer;
    if (classes <= CONFUSION_CLASSES) scores->confusion[label][answer]++;
    return STATUS_OK;
}

static double share(int64_t part, int64_t all)
{
    return all ? (double)part / (double)all : 0;
}

/* F1 = 2 P R / (P + R), van Rijsbergen 1979 */
static ClassScore score_of(int64_t labels, int64_t answers, int64_t hits)
{
    return (ClassScore){labels, share(hits, answers), share(hits, labels), share(2 * hits, labels + answers)};
}

void class_counts_finish(const ClassCounts *counts, ClassScores *scores)
{
    int64_t occurring = 0;
    scores->count = counts->classes;
    scores->precision = scores->recall = scores->f1 = 0;
    for (int64_t i = 0; i < counts->classes; i++) {
        if (counts->labels[i] + counts->answers[i] == 0) continue;
        ClassScore score = score_of(counts->labels[i], counts->answers[i], counts->hits[i]);
        occurring++;
        scores->precision += score.precision;
        scores->recall += score.recall;
        scores->f1 += score.f1;
    }
    double n = occurring ? (double)occurring : 1;
    scores->precision /= n;
    scores->recall /= n;
    scores->f1 /= n;
}

void class_counts_free(ClassCounts *counts)
{
    memory_free(counts->labels);
    memory_free(counts->answers);
    memory_free(counts->hits);
    *counts = (ClassCounts){0};
}

ClassScore class_score(const ClassScores *scores, int64_t class)
{
    int64_t labels = 0, answers = 0;
    for (int64_t i = 0; i < scores->count; i++) {
        labels += scores->confusion[class][i];
        answers += scores->confusion[i][class];
    }
    return score_of(labels, answers, scores->confusion[class][class]);
}
