/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Panes that are lines which the run made: samples and data. */
#include "tui/workbench/panes.h"

static void draw(const View *view, Area area, const Scroll *lines, PaneId pane, const char *empty)
{
    draw_scroll(area, lines, view->offsets[pane], "");
    if (!lines->count) area_text(area, 0, 0, STYLE_DIM, empty);
}

void pane_samples_draw(const View *view, Area area)
{
    draw(view, area, &view->samples, PANE_SAMPLES, "no samples yet; they are made while this pane is in sight");
}

void pane_data_draw(const View *view, Area area)
{
    draw(view, area, &view->data, PANE_DATA, "no batch yet; it is fetched while this pane is in sight");
}
