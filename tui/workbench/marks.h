/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happened where on the curves: edits, branches, pauses, snapshots, evaluations. Plain values. */
#ifndef LATHE_WORKBENCH_MARKS_H
#define LATHE_WORKBENCH_MARKS_H

#include "tui/workbench/view.h"

enum { MARKS_MOST = VIEW_MARKS + VIEW_PAUSES + VIEW_BRANCHES + VIEW_SNAPSHOTS };

/* In order of rank: of two at one place the first is shown. */
typedef enum MarkKind { MARK_EDIT, MARK_PAUSE, MARK_BRANCH, MARK_EVALUATION, MARK_SNAPSHOT, MARK_KINDS } MarkKind;

typedef struct Mark {
    MarkKind kind;
    int64_t step;
    const char *text; /* of the view */
} Mark;

/* "edit", and how the axis shows it. */
const char *mark_name(MarkKind kind);
const char *mark_sign(MarkKind kind);
Style mark_style(MarkKind kind);
/* "400: nsp.weight = 0.1". out: MARK_BYTES. */
enum { MARK_BYTES = VIEW_NAME + 56 };
const char *mark_words(const Mark *mark, char *out);

/* All but evaluations, in order of steps; returns their number. out: MARKS_MOST. */
int marks_list(const View *view, Mark *out);
/* The metric that every evaluation has; NULL: none was made. */
const char *marks_evaluated(const View *view);
/* The next step with a mark, or the one before; -1: none. */
int64_t marks_beside(const View *view, int64_t step, bool next);

#endif
