/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of metrics to choose curves from, with a filter. */
#include "tui/workbench/panes.h"

#include <string.h>

static bool is_shown(const View *view, const char *name)
{
    const char *names[CURVES_NAMES];
    int count = curves_names(&view->curves, view->metrics, names);
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

const char *pane_curves_choice(const View *view, int i)
{
    const char *filter = view->use == FIELD_FILTER ? view->field.text : "";
    for (int n = 0; view->metrics && n < metrics_name_count(view->metrics); n++) {
        const char *name = metrics_name(view->metrics, n);
        if (strcasestr(name, filter) && i-- == 0) return name;
    }
    return NULL;
}

void pane_curves_choices(const View *view, Area area)
{
    int count = 0, width = area.rect.width < 44 ? area.rect.width : 44;
    while (pane_curves_choice(view, count)) count++;
    int height = count + 2 < area.rect.height ? count + 2 : area.rect.height;
    Area box = area_part(area, area.rect.width - width, 0, width, height);
    area_fill(box, STYLE_TEXT, " ");
    area_frame(box, true, "metrics: enter shows or hides");
    Area list = area_part(box, 1, 1, width - 2, height - 2);
    int selected = view->palette_row, first = first_row(selected, count, list.rect.height);
    for (int y = 0; y < list.rect.height; y++) {
        const char *name = pane_curves_choice(view, first + y);
        if (!name) break;
        area_print(list, 0, y, STYLE_TEXT, "[%c] %s", is_shown(view, name) ? 'x' : ' ', name);
        if (first + y == selected) area_style(list, 0, y, list.rect.width, STYLE_SELECTED);
    }
}
