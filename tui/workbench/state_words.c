/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the run does now, in a few words. */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"

#include <stdio.h>

static void task_words(const View *view, char out[96])
{
    char done[NUMBER_BYTES], all[NUMBER_BYTES];
    if (view->task_all > 0)
        snprintf(out, 96, "%.50s %s/%s", view->task, number_count(view->task_done, done),
                 number_count(view->task_all, all));
    else
        snprintf(out, 96, "%.60s %s", view->task, number_time((double)view->task_done, done));
}

/* Between the start of its process and the first step. */
static void start_words(const View *view, char out[96])
{
    int64_t share = view->task_all > 0 ? 100 * view->task_done / view->task_all : 0;
    if (view->task[0])
        snprintf(out, 96, "%.60s %d%%", view->task, (int)share);
    else
        snprintf(out, 96, "%s", view->connected ? "starting" : "connecting");
}

void state_words(const View *view, bool narrow, char out[96])
{
    bool live = view->state == RUN_TRAINING || view->state == RUN_PAUSED || view->state == RUN_LOOKING;
    if (view->state == RUN_CONNECTING)
        start_words(view, out);
    else if (live && view->task[0])
        task_words(view, out);
    else if (live && view->silent)
        snprintf(out, 96, "no answer for %d s", view->silent);
    else if (view->state == RUN_TRAINING)
        snprintf(out, 96, "%s", narrow ? "▶" : "▶ training");
    else if (view->state == RUN_PAUSED)
        snprintf(out, 96, "paused");
    else if (view->state == RUN_LOST)
        snprintf(out, 96, "not reachable");
    else
        snprintf(out, 96, "%s%s%.40s", view->ending, view->task[0] ? ": " : "", view->task);
}
