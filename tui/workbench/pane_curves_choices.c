/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists to choose from, over the curves, with a filter: metrics, and what else is drawn. */
#include "tui/workbench/panes.h"

#include <stdio.h>
#include <string.h>

static bool is_chosen(const View *view, const char *name)
{
    const char *names[CURVES_NAMES];
    int count = curves_names(&view->curves, view->metrics, names);
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static bool is_overlaid(const View *view, const char *name, bool branch)
{
    for (int i = 0; i < view->curves.overlay_count; i++) {
        const CurvesOverlay *overlay = &view->curves.overlays[i];
        if (branch == !*overlay->path && strcmp(overlay->name, name) == 0) return true;
    }
    return false;
}

static CurvesChoice metric_choice(const View *view, int i)
{
    for (int n = 0; view->metrics && n < metrics_name_count(view->metrics); n++) {
        const char *name = metrics_name(view->metrics, n);
        if (strcasestr(name, view->field.text) && i-- == 0)
            return (CurvesChoice){CHOICE_METRIC, name, is_chosen(view, name)};
    }
    return (CurvesChoice){0};
}

/* Branches, then runs beside this one, then the path that is typed. */
static CurvesChoice overlay_choice(const View *view, int i)
{
    const char *filter = view->field.text;
    for (int n = 0; n < view->branch_count; n++) {
        const char *name = view->branches[n].name;
        if (strcmp(name, view->branch) != 0 && strcasestr(name, filter) && i-- == 0)
            return (CurvesChoice){CHOICE_BRANCH, name, is_overlaid(view, name, true)};
    }
    for (int n = 0; n < view->beside_count; n++)
        if (strcasestr(view->beside[n], filter) && i-- == 0)
            return (CurvesChoice){CHOICE_RUN, view->beside[n], is_overlaid(view, view->beside[n], false)};
    if (*filter && i == 0) return (CurvesChoice){CHOICE_PATH, filter, false};
    return (CurvesChoice){0};
}

CurvesChoice pane_curves_choice(const View *view, int i)
{
    return view->use == FIELD_OVERLAYS ? overlay_choice(view, i) : metric_choice(view, i);
}

void pane_curves_choices(const View *view, Area area)
{
    static const char *const kinds[] = {"", "", "branch ", "", "the run in "};
    int count = 0, width = area.rect.width < 44 ? area.rect.width : 44;
    while (pane_curves_choice(view, count).kind) count++;
    int rows = count ? count : 1, height = rows + 2 < area.rect.height ? rows + 2 : area.rect.height;
    Area box = area_part(area, area.rect.width - width, 0, width, height);
    area_fill(box, STYLE_TEXT, " ");
    area_frame(box, true,
               view->use == FIELD_OVERLAYS ? "enter draws it too, or no more" : "metrics: enter shows or hides");
    Area list = area_part(box, 1, 1, width - 2, height - 2);
    if (!count)
        area_text(list, 0, 0, STYLE_DIM,
                  view->use == FIELD_OVERLAYS ? "there is no other branch or run" : "no metrics yet");
    int selected = view->palette_row, first = first_row(selected, count, list.rect.height);
    for (int y = 0; y < list.rect.height; y++) {
        CurvesChoice choice = pane_curves_choice(view, first + y);
        if (!choice.kind) break;
        area_print(list, 0, y, STYLE_TEXT, "[%c] %s%s", choice.shown ? 'x' : ' ', kinds[choice.kind], choice.name);
        if (first + y == selected) area_style(list, 0, y, list.rect.width, STYLE_SELECTED);
        area_link(list, y, first + y);
    }
}
