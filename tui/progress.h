/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Progress of a run as text: one line that is rewritten on a terminal, a line now and then elsewhere. Plain values.
 */
#ifndef LATHE_TUI_PROGRESS_H
#define LATHE_TUI_PROGRESS_H

#include "engine/train/evaluate.h"
#include "engine/train/session.h"

#include <stdio.h>

enum { PROGRESS_LINE = 4096 }; /* bytes that hold the longest one */

typedef struct Progress {
    FILE *out;
    bool terminal;      /* a line may be rewritten */
    bool drawn;         /* there is such a line on the screen now */
    int64_t every;      /* lines: steps between two */
    double started;     /* clock when the first step began */
    int64_t start_step; /* done before this process began */
    int64_t tokens;     /* since the last line */
    double seconds;     /* since the last line */
    double last_drawn;
} Progress;

/* every 0: about twenty lines for the whole run. */
Progress progress_new(FILE *out, bool terminal, const Session *session, int64_t every);

/* After each step. */
void progress_step(Progress *progress, const Session *session, const StepMetrics *metrics);

/* The line of this step, and tokens and seconds counted from nothing again; for whoever counts them himself. */
void progress_text(Progress *progress, const Session *session, const StepMetrics *metrics, char *out, size_t size);

/* Something longer than a second that has no steps: "tokenizing", done of all. */
void progress_task(Progress *progress, const char *task, int64_t done, int64_t all);

/* Ends a line that is being rewritten, so that other text can follow. */
void progress_finish(Progress *progress);

/* "valid  mlm 1.63 (unigram 4.61, best achievable 1.42)  masked accuracy ..." into out. */
void progress_evaluation(const Session *session, const Evaluation *evaluation, char *out, size_t size);
/* Lines of a table for each objective that tells classes apart. */
void progress_confusion(Progress *progress, const Evaluation *evaluation);

/* A line of its own. */
void progress_line(Progress *progress, const char *text);

#endif
