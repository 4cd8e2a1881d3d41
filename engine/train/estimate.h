/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run will cost, measured on three of its steps. Nobody frees anything. */
#ifndef LATHE_TRAIN_ESTIMATE_H
#define LATHE_TRAIN_ESTIMATE_H

#include "engine/train/session.h"

typedef struct Estimate {
    int64_t parameters, steps;
    int64_t tokens, examples; /* of a step */
    double step_flops;        /* by the model's formula, else counted in its ops */
    bool formula;
    double step_seconds; /* the faster of two, after one to warm up; without evaluations */
    int64_t parameter_bytes, gradient_bytes, optimizer_bytes;
    int64_t activation_bytes; /* the most that a step's arena held */
    int64_t process_bytes;    /* the most that this process held, data and program too */
    int64_t machine_bytes;    /* memory of the machine */
} Estimate;

/* Trains the session for three steps, by step() with its context (NULL: session_step()): it is to be thrown away
 * afterwards. Errors: those of a step. */
Status session_estimate(Session *session, Status (*step)(void *context, Session *session, StepMetrics *out),
                        void *context, Estimate *out) STATUS_CHECKED;

#endif
