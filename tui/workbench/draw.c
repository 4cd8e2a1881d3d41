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

static const char *state_words(const View *view)
{
    switch (view->state) {
    case RUN_CONNECTING: return "connecting";
    case RUN_TRAINING: return "▶ training";
    case RUN_PAUSED: return "paused";
    case RUN_OVER: return view->ending;
    case RUN_LOST: return "not reachable";
    }
    return "";
}

/* Parts in order of rank, each left off where it has no room. */
static void draw_parts(Area area, const char (*parts)[96], int count)
{
    int shown[8], width = 1, used = 0, x = 1;
    for (int i = 0; i < count; i++) {
        int columns = text_columns(parts[i]);
        if (!columns || width + columns > area.rect.width) continue;
        width += columns + 3;
        shown[used++] = i;
    }
    int spare = used > 1 ? (area.rect.width - width + 3) / (used - 1) : 0;
    for (int i = 0; i < used; i++)
        x = area_text(area, x, 0, i ? STYLE_BAR : STYLE_BAR_KEY, parts[shown[i]]) + 3 + (spare > 5 ? 5 : spare);
}

static void draw_title(const View *view, Area area)
{
    char parts[6][96] = {"", "", "", "", "", ""}, a[NUMBER_BYTES], b[NUMBER_BYTES];
    area_fill(area, STYLE_BAR, " ");
    snprintf(parts[0], sizeof parts[0], "lathe  %.40s%s%.30s", view->run, view->branch[0] ? " ⎇ " : "",
             view->branch);
    bool trains = view->state == RUN_TRAINING, narrow = area.rect.width < 100;
    snprintf(parts[1], sizeof parts[1], "%s", narrow && trains ? "▶" : state_words(view));
    snprintf(parts[2], sizeof parts[2], "%s%s/%s", narrow ? "" : "step ", number_count(view->step, a),
             number_count(view->steps, b));
    if (trains && !isnan(view->rate))
        snprintf(parts[3], sizeof parts[3], "%s tok/s", number_count((int64_t)view->rate, a));
    if (trains && !isnan(view->left)) snprintf(parts[4], sizeof parts[4], "ETA %s", number_time(view->left, a));
    if (!isnan(view->memory)) snprintf(parts[5], sizeof parts[5], "%s", number_bytes(view->memory, a));
    draw_parts(area, parts, 6);
}

/* --- the keys --- */

/* Returns the column behind it; where it has no room or no label it is left off. */
static int draw_key(const View *view, const Action *action, Area area, int x)
{
    char room[16];
    const char *key = action_key(action, view->focus.pane, room);
    if (!action->label || !*key || x + text_columns(key) + 1 + text_columns(action->label) > area.rect.width)
        return x;
    x = area_text(area, x, 0, STYLE_BAR_KEY, key) + 1;
    return area_text(area, x, 0, STYLE_BAR, action->label) + (area.rect.width < 100 ? 2 : 3);
}

/* What holds everywhere first, so that it always stands at the same place. */
static void draw_keys(const View *view, Area area)
{
    int x = 1;
    area_fill(area, STYLE_BAR, " ");
    if (view->note[0]) {
        area_text(area, 1, 0, STYLE_BAR_KEY, view->note);
        return;
    }
    if (view->focus.pane == PANE_PROMPT) {
        area_text(area, 1, 0, STYLE_BAR,
                  "enter runs   tab completes   C-c interrupts   esc leaves the prompt   F1 keys");
        return;
    }
    for (int i = 0; i < action_count; i++)
        if (actions[i].panes == EVERYWHERE) x = draw_key(view, &actions[i], area, x);
    for (int i = 0; i < action_count; i++)
        if (actions[i].panes & 1u << view->focus.pane) x = draw_key(view, &actions[i], area, x);
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
    if (layout.title.height) draw_title(view, area_part(whole, 0, 0, grid->width, 1));
    if (layout.keys.height) draw_keys(view, area_part(whole, 0, layout.keys.y, grid->width, 1));
    if (overlay_has_form(view)) overlay_form_draw(view, whole, x, y);
    if (view->use != FIELD_NONE || view->help) overlay_draw(view, whole, x, y);
    if (*x >= grid->width) *x = grid->width - 1;
    if (*y >= grid->height) *y = grid->height - 1;
    if (view->ascii) grid_make_ascii(grid);
}
