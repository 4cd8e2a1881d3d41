/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happened, and what libraries wrote. */
#include "tui/workbench/panes.h"

void pane_log_draw(const View *view, Area area)
{
    const char *filter = view->use == FIELD_SEARCH ? view->field.text : view->search.text;
    int rows = area.rect.height - (*filter != '\0');
    draw_scroll(area_part(area, 0, 0, area.rect.width, rows), &view->log, view->offsets[PANE_LOG], filter);
    if (*filter) area_print(area, 0, rows, STYLE_DIM, "lines with '%s'; / searches", filter);
    if (!view->log.count) area_text(area, 0, 0, STYLE_DIM, "nothing happened yet");
}
