/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole screen: title, panes in their frames, the line of keys, and what covers them. */
#include "tui/workbench/actions.h"
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"
#include "tui/workbench/workbench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const Pane panes[PANE_COUNT] = {
    [PANE_CURVES] = {"Curves", "metrics over steps", pane_curves_draw, NULL, false},
    [PANE_OBJECTIVES] = {"Objectives", "loss terms: weight, value, share of the gradient", pane_objectives_draw,
                         pane_objectives_rows, false},
    [PANE_MODEL] = {"Model", "modules and parameters; their norms, last update (Δ/w), zeros, dead units",
                    pane_model_draw, pane_model_rows, true},
    [PANE_SAMPLES] = {"Samples", "what the model predicts on held-out inputs, or a text of yours",
                      pane_samples_draw, NULL, true},
    [PANE_DATA] = {"Data", "the next batches as the run will read them", pane_data_draw, NULL, true},
    [PANE_BRANCHES] = {"Branches", "branches and the edits that led here", pane_branches_draw, pane_branches_rows,
                       false},
    [PANE_LOG] = {"Log", "what happened, and what libraries wrote", pane_log_draw, NULL, false},
    [PANE_PROMPT] = {"Prompt", "Lua on the live run", pane_prompt_draw, NULL, false},
};

/* --- the title --- */

enum { NAME, STATE, STEP, EPOCH, GUEST, RATE, LEFT, MEMORY, PARTS, PART_BYTES = 96 };

/* Those of the highest rank that there is room for, in their order. */
static void draw_parts(Area area, const char (*parts)[PART_BYTES], int between)
{
    static const int ranks[PARTS] = {NAME, STEP, STATE, GUEST, RATE, LEFT, MEMORY, EPOCH};
    bool shown[PARTS] = {false};
    int width = 1, used = 0, x = 1;
    for (int i = 0; i < PARTS; i++) {
        int part = ranks[i], columns = text_columns(parts[part]);
        if (!columns || width + columns > area.rect.width) continue;
        width += columns + between;
        shown[part] = true;
        used++;
    }
    int spare = used > 1 ? (area.rect.width - width + between) / (used - 1) : 0;
    between += spare > 5 ? 5 : spare > 0 ? spare : 0;
    for (int i = 0; i < PARTS; i++)
        if (shown[i]) x = area_text(area, x, 0, i ? STYLE_BAR : STYLE_BAR_KEY, parts[i]) + between;
}

/* Where panes have no frames their name stands here. */
static void draw_title(const View *view, bool framed, Area area)
{
    char parts[PARTS][PART_BYTES] = {{0}}, a[NUMBER_BYTES], b[NUMBER_BYTES];
    bool trains = view->state == RUN_TRAINING, narrow = area.rect.width < 100, tiny = area.rect.width < 30;
    area_fill(area, STYLE_BAR, " ");
    snprintf(parts[NAME], PART_BYTES, "lathe  %.40s%s%.30s", view->run, view->branch[0] ? " ⎇ " : "", view->branch);
    if (!framed)
        snprintf(parts[NAME], PART_BYTES, "%d %s", (int)view->focus.pane + 1, panes[view->focus.pane].name);
    state_words(view, narrow, parts[STATE]);
    snprintf(parts[STEP], PART_BYTES, "%s%s%s%s", narrow ? "" : "step ", number_count(view->step, a),
             tiny ? "" : "/", tiny ? "" : number_count(view->steps, b));
    if (view->guest) snprintf(parts[GUEST], PART_BYTES, "%.40s is in control", view->controller);
    if (!isnan(view->epoch)) snprintf(parts[EPOCH], PART_BYTES, "epoch %.*f", view->epoch < 100, view->epoch);
    if (trains && view->rate > 0)
        snprintf(parts[RATE], PART_BYTES, "%s tok/s", number_count((int64_t)view->rate, a));
    if (trains && !isnan(view->left)) snprintf(parts[LEFT], PART_BYTES, "ETA %s", number_time(view->left, a));
    if (!isnan(view->memory)) snprintf(parts[MEMORY], PART_BYTES, "%s", number_bytes(view->memory, a));
    draw_parts(area, parts, tiny ? 1 : 3);
}

/* --- all --- */

static Area inside_of(const View *view, const Layout *layout, Grid *grid, PaneId pane)
{
    const Rect *rect = &layout->panes[pane];
    Area area = area_part(area_whole(grid), rect->x, rect->y, rect->width, rect->height);
    char title[64];
    if (!layout->framed) return area;
    snprintf(title, sizeof title, "%d %s", (int)pane + 1, panes[pane].name);
    area_frame(area, view->focus.pane == pane, title);
    return area_part(area, 1, 1, rect->width - 2, rect->height - 2);
}

void view_draw(const View *view, Grid *grid, int *x, int *y)
{
    Layout layout = layout_make(grid->width, grid->height, &view->focus);
    Area whole = area_whole(grid);
    *x = *y = -1;
    for (int i = 0; i < PANE_COUNT; i++) {
        if (!layout.panes[i].width || !layout.panes[i].height) continue;
        Area area = inside_of(view, &layout, grid, (PaneId)i);
        panes[i].draw(view, area);
        if (i == PANE_PROMPT && view->focus.pane == PANE_PROMPT) pane_prompt_cursor(view, area, x, y);
    }
    if (layout.title.height) draw_title(view, layout.framed, area_part(whole, 0, 0, grid->width, 1));
    if (layout.keys.height) draw_keys(view, whole, layout.keys.y);
    if (overlay_has_form(view)) overlay_form_draw(view, whole, x, y);
    if (view->use != FIELD_NONE || view->help || view->answer) overlay_draw(view, whole, x, y);
    if (*x >= grid->width) *x = grid->width - 1;
    if (*y >= grid->height) *y = grid->height - 1;
    if (view->ascii) grid_make_ascii(grid);
}
