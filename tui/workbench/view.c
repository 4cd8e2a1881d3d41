/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/view.h"

#include "engine/base/memory.h"

#include <math.h>

Status view_init(View *view)
{
    *view = (View){.state = RUN_CONNECTING,
                   .rate = NAN,
                   .left = NAN,
                   .memory = NAN,
                   .epoch = NAN,
                   .lr = NAN,
                   .focus = focus_new(PANE_CURVES),
                   .curves = {.smoothing = CURVES_SMOOTHING_BY_ITSELF},
                   .mouse = true};
    TRY(memory_new(2 * VIEW_TREE, sizeof *view->modules, &view->modules));
    view->params = view->modules + VIEW_TREE;
    return STATUS_OK;
}

void view_free(View *view)
{
    metrics_close(view->metrics);
    curves_close_overlays(&view->curves);
    memory_free(view->modules);
    scroll_free(&view->samples);
    scroll_free(&view->data);
    scroll_free(&view->log);
    scroll_free(&view->console);
    *view = (View){0};
}
