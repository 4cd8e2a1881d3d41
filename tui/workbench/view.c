/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/view.h"

#include "engine/base/memory.h"
#include "tui/workbench/panes.h"

#include <math.h>

Status view_init(View *view)
{
    *view = (View){.state = RUN_CONNECTING,
                   .rate = NAN,
                   .left = NAN,
                   .memory = NAN,
                   .lr = NAN,
                   .focus = focus_new(PANE_CURVES),
                   .mouse = true};
    TRY(memory_new(2 * VIEW_TREE, sizeof *view->modules, &view->modules));
    view->params = view->modules + VIEW_TREE;
    return STATUS_OK;
}

void view_free(View *view)
{
    metrics_close(view->metrics);
    for (int i = 0; i < view->curves.overlay_count; i++) metrics_close(view->curves.overlays[i].store);
    memory_free(view->modules);
    branch_tree_free(&view->tree);
    scroll_free(&view->samples);
    scroll_free(&view->data);
    scroll_free(&view->log);
    scroll_free(&view->console);
    *view = (View){0};
}

void view_scroll(View *view, PaneId pane, int by)
{
    const int lines[PANE_COUNT] = {[PANE_SAMPLES] = view->samples.count,
                                   [PANE_DATA] = view->data.count,
                                   [PANE_LOG] = pane_log_rows(view),
                                   [PANE_PROMPT] = view->console.count};
    int *at = &view->offsets[pane], most = lines[pane] - 1;
    *at += by;
    if (*at > most) *at = most;
    if (*at < 0) *at = 0;
}
