/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run: a session trained to its last step with its directory: metrics, checkpoints, the final weights. The
 * directory stays the caller's; nobody frees anything here. */
#ifndef LATHE_TRAIN_RUN_H
#define LATHE_TRAIN_RUN_H

#include "engine/io/run_directory.h"
#include "engine/train/evaluate.h"
#include "engine/train/session.h"

typedef struct RunOptions {
    int64_t evaluate_batches; /* of a passing evaluation; the last one takes all */
    /* One step; session_step() unless objectives are foreign code. */
    Status (*step)(void *context, Session *session, StepMetrics *out);
    /* Between two steps, also before the first and after the last: the place for edits, which may change the step
     * and the number of steps. A failure ends the run; STATUS_CANCELLED saves it first. May be NULL. */
    Status (*boundary)(void *context, Session *session);
    /* A step failed and left no trace; the message is status_message(). True: the run saves and goes on to the
     * boundary, which waits for somebody, and then tries the step again; false: it saves and ends. May be NULL. */
    bool (*failed)(void *context, const Session *session);
    /* Reports; each may be NULL. */
    Status (*stepped)(void *context, const Session *session, const StepMetrics *metrics);
    Status (*saved)(void *context, const Session *session); /* a checkpoint */
    void (*evaluating)(void *context, int64_t done, int64_t all);
    void (*evaluated)(void *context, const Session *session, const Evaluation *evaluation, bool last);
    /* Something that a person should know, one line. */
    void (*told)(void *context, const char *words);
    void *context;
} RunOptions;

/* Trains from where the session stands. directory NULL: nothing is kept. When somebody cancels, the state is saved
 * and STATUS_CANCELLED comes back; when a step fails for good, the last good state is saved before the error. */
Status run_train(Session *session, RunDirectory *directory, const RunOptions *options) STATUS_CHECKED;

/* Gives the session the state of the newest whole checkpoint and cuts the metrics back to it. No checkpoint: the
 * beginning. *skipped (CHECKPOINTS_TEXT_SIZE bytes): why newer ones were passed over. */
Status run_resume(Session *session, RunDirectory *directory, char *skipped) STATUS_CHECKED;

/* Puts the scores into the object: {"valid": {"mlm": {"loss": ...}}}. */
Status evaluation_json(const Evaluation *evaluation, json_t *out) STATUS_CHECKED;

/* Gives the session the final weights of a finished run, or those of its newest checkpoint. */
Status run_load_weights(Session *session, const char *path) STATUS_CHECKED;

#endif
