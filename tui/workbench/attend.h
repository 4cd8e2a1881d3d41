/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The workbench on a terminal, attached to a live run. */
#ifndef LATHE_WORKBENCH_ATTEND_H
#define LATHE_WORKBENCH_ATTEND_H

#include "engine/base/status.h"
#include "tui/detach.h"
#include "tui/workbench/start.h"

#include <stdbool.h>

/* Whether standard input and output are a terminal that can show it. */
bool attend_possible(void);

/* Opens the workbench on the run in the directory until the person leaves; then prints how the run ended and its
 * last evaluation, or how to come back. child: the process that was started for it, which is taken over; NULL: the
 * run is there, or over, and then it is looked at. *code: the exit status, not 0 where the run has failed, was lost
 * or could not be started. Errors: no run is there; the terminal is not known. */
Status attend_run(const char *directory, const DetachedRun *child, int *code) STATUS_CHECKED;

/* The start screen until something is chosen. */
Status attend_start(Start *start) STATUS_CHECKED;

#endif
