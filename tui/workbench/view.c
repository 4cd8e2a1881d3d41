/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/view.h"

#include "tui/workbench/panes.h"

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
    return model_view_init(&view->model);
}

void view_free(View *view)
{
    metrics_close(view->metrics);
    curves_close_overlays(&view->curves);
    model_view_free(&view->model);
    branch_tree_free(&view->tree);
    pages_clear(&view->samples);
    pages_clear(&view->data);
    form_free(&view->form);
    scroll_free(&view->log);
    scroll_free(&view->console);
    *view = (View){0};
}

const ViewObjective *view_selected_objective(const View *view)
{
    int row = view->rows[PANE_OBJECTIVES];
    return row < view->objective_count ? &view->objectives[row] : NULL;
}

const ModelRow *view_selected_row(const View *view)
{
    int row = view->rows[PANE_MODEL];
    return row < view->model.row_count ? &view->model.rows[row] : NULL;
}

void view_scroll(View *view, PaneId pane, int by)
{
    int most = (pane == PANE_LOG ? pane_log_rows(view) : view->console.count) - 1, *at = &view->offsets[pane];
    *at += by;
    if (*at > most) *at = most;
    if (*at < 0) *at = 0;
}
