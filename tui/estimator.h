/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a recipe takes on this machine: 'lathe estimate' in a process of its own, which is watched and never
 * waited for. What was found is kept in $XDG_CACHE_HOME/lathe/times.json. estimator_stop() ends it. */
#ifndef LATHE_TUI_ESTIMATOR_H
#define LATHE_TUI_ESTIMATOR_H

#include "engine/base/buffer.h"
#include "engine/base/hash.h"
#include "tui/command.h"

#include <sys/types.h>

typedef struct Estimator {
    pid_t process; /* 0: none */
    int output;    /* a pipe from it */
    Buffer text;   /* what came */
    Hash key;      /* of the question */
} Estimator;

/* What is asked: the recipe's bytes, its values, this program. Errors: the recipe cannot be read. */
Status estimator_key(const Arguments *arguments, Hash *out) STATUS_CHECKED;
/* Seconds that are known from before; 0: none. */
double estimator_known(Hash key);
/* Begins to measure, in place of what is being measured. Errors: no process can be made. */
Status estimator_ask(Estimator *estimator, const Arguments *arguments, Hash key) STATUS_CHECKED;
/* Whether an answer has come: *seconds, or 0 and why in trouble. */
bool estimator_poll(Estimator *estimator, double *seconds, char *trouble, size_t size);
void estimator_stop(Estimator *estimator);

#endif
